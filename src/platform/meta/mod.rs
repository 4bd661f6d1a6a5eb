//! Posts of Facebook pages, by the Graph API with a page's token.
//!
//! A page's token sees the insights of that page's posts and nobody else's. Of another page's post
//! the API says that it does not exist or may not be seen, without saying which; so such a post is
//! gone only if the page itself can be read. One metric that the API has retired fails a whole
//! request, so a request that fails for its parameters is repeated with one metric at a time.

mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde_json::Value;

use self::wire::{CLICKS, Listed, VIEWS};
use super::config::PlatformConfig;
use super::error::PlatformError;
use super::graph::paging::{self, Cursor};
use super::graph::{Fault, FaultKind, Graph};
use super::http::Http;
use super::link::{LinkTarget, PostLink};
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::{Followed, follow};
use super::{Adapter, Fetched, Owner, PostRef, Resolved};
use crate::model::PlatformKind;

/// How many posts one call may ask for.
const BATCH: usize = 50;

/// How many pages of a page's posts are read at most in search of a link.
const MOST_PAGES: usize = 100;

/// The adapter of Facebook pages.
#[derive(Debug)]
pub(super) struct Meta {
    http: Http,
    config: PlatformConfig,
    graph: Graph,
    page: String,
}

impl Meta {
    /// The adapter, if the configuration has an access token and the id of its page.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        let page = given(config.account_id.as_deref());
        let (Some(token), Some(page)) = (token, page) else {
            return Ok(None);
        };
        let http = Http::new(PlatformKind::Meta, config)?;
        let graph = Graph::new(http.clone(), config, token);
        Ok(Some(Self {
            http,
            config: config.clone(),
            graph,
            page,
        }))
    }

    /// Both metrics of each post, by its id.
    async fn insights(&self, ids: Vec<&str>) -> BTreeMap<String, Result<Fetched, PlatformError>> {
        let paths: Vec<String> = ids
            .iter()
            .map(|id| format!("{id}/insights?metric={VIEWS},{CLICKS}"))
            .collect();
        let answers = self.graph.batch(&paths).await;

        let mut results = BTreeMap::new();
        let mut again = Vec::new();
        let mut doubtful = Vec::new();
        for (id, answer) in ids.into_iter().zip(answers) {
            let result = match answer {
                Ok(answer) => wire::both(id, &answer),
                Err(fault) => match fault.kind {
                    FaultKind::BadMetric | FaultKind::Parameter => {
                        again.push(id);
                        continue;
                    }
                    FaultKind::Missing if page_of(id) != self.page => {
                        doubtful.push((id, fault));
                        continue;
                    }
                    FaultKind::Missing => Ok(wire::gone(id, &fault)),
                    FaultKind::Permission => Ok(wire::withheld(id, &fault)),
                    _ => Err(fault.into()),
                },
            };
            results.insert(id.to_owned(), result);
        }
        self.one_metric_at_a_time(&again, &mut results).await;
        self.decide(doubtful, &mut results).await;
        results
    }

    /// Asks for each metric alone, so that one that is refused does not hide the other.
    async fn one_metric_at_a_time(
        &self,
        ids: &[&str],
        results: &mut BTreeMap<String, Result<Fetched, PlatformError>>,
    ) {
        let paths: Vec<String> = ids
            .iter()
            .flat_map(|id| [VIEWS, CLICKS].map(|metric| format!("{id}/insights?metric={metric}")))
            .collect();
        let mut answers = self.graph.batch(&paths).await.into_iter();
        for id in ids {
            let (Some(views), Some(clicks)) = (answers.next(), answers.next()) else {
                return;
            };
            results.insert((*id).to_owned(), wire::one_by_one(id, views, clicks));
        }
    }

    /// Decides about posts of other pages that do not exist or may not be seen: where the page's
    /// posts can be listed, they do not exist.
    async fn decide(
        &self,
        doubtful: Vec<(&str, Fault)>,
        results: &mut BTreeMap<String, Result<Fetched, PlatformError>>,
    ) {
        let pages: BTreeSet<String> = doubtful
            .iter()
            .map(|(id, _)| page_of(id).to_owned())
            .collect();
        let paths: Vec<String> = pages
            .iter()
            .map(|page| format!("{page}/published_posts?fields=id&limit=1"))
            .collect();
        let answers = self.graph.batch(&paths).await;
        let readable: BTreeMap<String, Result<Value, Fault>> =
            pages.into_iter().zip(answers).collect();
        for (id, fault) in doubtful {
            let result = match readable.get(page_of(id)) {
                Some(Ok(_)) => Ok(wire::gone(id, &fault)),
                Some(Err(probe)) if is_about_the_page(probe) => Ok(wire::withheld(id, &fault)),
                Some(Err(probe)) => Err(probe.clone().into()),
                None => Err(fault.into()),
            };
            results.insert(id.to_owned(), result);
        }
    }

    /// Finds the post behind a link that names it by something else than its id, among the posts of
    /// its page.
    async fn permalink(&self, link: &PostLink) -> Result<Resolved, PlatformError> {
        let Some(wanted) = wire::permalink_key(&link.canonical_url) else {
            return Ok(no_post());
        };
        let page = wire::page_in(&link.canonical_url).unwrap_or_else(|| self.page.clone());
        let mut cursor = Cursor::new();
        for _ in 0..MOST_PAGES {
            let posts = self.published(&page, &cursor).await?;
            if let Some(found) = wire::posts(&posts)?.iter().find(|post| post.is(&wanted)) {
                return Ok(named(found));
            }
            match paging::next(&posts)? {
                Some(next) if next != cursor => cursor = next,
                Some(_) => break,
                None => {
                    return Ok(Resolved::Gone {
                        reason: format!(
                            "No post of the Facebook page {page} has this link: if it is on \
                             another page, give the link with both numbers, the page's and the \
                             post's."
                        ),
                    });
                }
            }
        }
        Err(PlatformError::unreachable(
            "the list of a page's posts does not come to an end",
        ))
    }

    async fn published(&self, page: &str, cursor: &Cursor) -> Result<Value, PlatformError> {
        let mut query = vec![
            ("fields", "id,permalink_url,created_time"),
            ("limit", "100"),
        ];
        query.extend(
            cursor
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let path = format!("{page}/published_posts");
        self.graph
            .get(&path, &query)
            .await
            .map_err(PlatformError::from)
    }
}

#[async_trait]
impl Adapter for Meta {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Meta
    }

    fn batch_limit(&self) -> usize {
        BATCH
    }

    async fn fetch(
        &self,
        posts: &[PostRef],
        _owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let distinct: BTreeSet<&str> = posts
            .iter()
            .filter_map(|post| wire::graph_id(&post.native_id))
            .collect();
        let results = self.insights(distinct.into_iter().collect()).await;
        posts
            .iter()
            .map(|post| match wire::graph_id(&post.native_id) {
                Some(id) => results.get(id).cloned().unwrap_or_else(|| {
                    Err(PlatformError::unreachable(
                        "Meta did not answer for this post",
                    ))
                }),
                None => Err(PlatformError::refused("not an id of a page's post")),
            })
            .collect()
    }

    async fn resolve(&self, link: &PostLink) -> Result<Resolved, PlatformError> {
        match &link.target {
            LinkTarget::Post { .. } => return Ok(Resolved::Post(link.clone())),
            LinkTarget::Permalink => return self.permalink(link).await,
            LinkTarget::Redirect => {}
        }
        match follow(&self.http, &self.config, link).await? {
            Followed::Link(found) if found.native_id().is_some() => Ok(Resolved::Post(found)),
            Followed::Link(found) => self.permalink(&found).await,
            Followed::Gone { reason } => Ok(Resolved::Gone { reason }),
            Followed::NotAPost { reason } => Ok(Resolved::NotAPost { reason }),
        }
    }
}

/// The page's part of a post's id.
fn page_of(id: &str) -> &str {
    id.split_once('_').map_or(id, |(page, _)| page)
}

/// Whether an error says that the page cannot be read, rather than that the call failed.
fn is_about_the_page(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Missing
            | FaultKind::Permission
            | FaultKind::BadMetric
            | FaultKind::Parameter
            | FaultKind::Refused
    )
}

/// The post of a list as a link, in the one spelling that links with both numbers have.
fn named(post: &Listed) -> Resolved {
    let Some((page, number)) = post.id.split_once('_') else {
        return no_post();
    };
    let address = format!("https://www.facebook.com/{page}/posts/{number}");
    match PostLink::parse(&address) {
        Ok(link) if link.native_id().is_some() => Resolved::Post(link),
        _ => no_post(),
    }
}

fn no_post() -> Resolved {
    Resolved::NotAPost {
        reason: "This link does not name a post of a Facebook page.".to_owned(),
    }
}
