//! Posts of Facebook pages, by the Graph API with a page's token.
//!
//! A page's token sees the insights of that page's posts and nobody else's, whether it is the
//! configured one or that of a page which an affiliate linked. Insights name no author but by the id
//! that was asked for, which begins with the page's. They do not tell when a post was published, and
//! asking for that costs as much of the quota as the insights, so it is asked for only until it is known.
//! A first look at fifty posts is two calls for that.
//!
//! Where an ad account is configured, what its advertisements of the posts have cost and brought is
//! asked for as well; see [`ads`].

mod access;
mod ad_rows;
mod ads;
mod dates;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use self::access::Access;
use self::ads::Advertisements;
use self::dates::Dates;
use self::wire::Listed;
use super::config::PlatformConfig;
use super::error::PlatformError;
use super::graph::paging::{self, Cursor};
use super::graph::{FaultKind, Graph, Proofless};
use super::http::Http;
use super::link::{LinkTarget, PostLink};
use super::registry::{PlatformSetupError, given, given_secret};
use super::resolve::{Followed, follow};
use super::{Account, Adapter, Fetched, Owner, PostRef, Resolved, no_access};
use crate::model::PlatformKind;

/// How many posts one call may ask for.
const BATCH: usize = 50;

/// How many pages of a page's posts are read at most in search of a link.
const MOST_PAGES: usize = 100;

/// What is said of a token that is not of a page.
const NO_PAGE: &str = "it is not a page's token: give the access token of the page itself, not that of \
                       a person who manages it";

/// The adapter of Facebook pages.
#[derive(Debug)]
pub(super) struct Meta {
    http: Http,
    config: PlatformConfig,
    /// This program's own access.
    own: Option<Page>,
    ads: Option<Advertisements>,
    dates: Dates,
    /// Tokens of linked pages that are of other apps.
    proofless: Arc<Proofless>,
}

/// A page, and the API with a token of it.
#[derive(Debug, Clone)]
struct Page {
    graph: Graph,
    /// The page's id; nothing where it is not known, which is of owners alone.
    id: Option<String>,
}

impl Meta {
    /// The adapter, if the configuration has an access token and the id of its page.
    pub(super) fn new(config: &PlatformConfig) -> Result<Option<Self>, PlatformSetupError> {
        let token = given_secret(config.access_token.as_ref());
        let page = given(config.account_id.as_deref());
        let (Some(token_of_page), Some(page)) = (token, page) else {
            return Ok(None);
        };
        let adapter = Self::of_owners(config)?;
        let http = &adapter.http;
        let ads = given(config.ad_account.as_deref()).map(|account| {
            let token = given_secret(config.ad_access_token.as_ref());
            let token = token.unwrap_or_else(|| token_of_page.clone());
            Advertisements::new(Graph::new(http.clone(), config, token), account)
        });
        let graph = Graph::new(http.clone(), config, token_of_page);
        let id = Some(page);
        Ok(Some(Self {
            own: Some(Page { graph, id }),
            ads,
            ..adapter
        }))
    }

    /// The adapter without access of its own, which asks with that of owners only.
    pub(super) fn of_owners(config: &PlatformConfig) -> Result<Self, PlatformSetupError> {
        Ok(Self {
            http: Http::new(PlatformKind::Meta, config)?,
            config: config.clone(),
            own: None,
            dates: Dates::default(),
            ads: None,
            proofless: Arc::default(),
        })
    }

    /// The owner's page, else the one that is configured; nothing where there is neither.
    fn page(&self, owner: Option<&Owner>) -> Option<Page> {
        match owner {
            Some(owner) => Some(Page {
                graph: self.graph_of(owner),
                id: given(owner.account.id.as_deref()),
            }),
            None => self.own.clone(),
        }
    }

    /// The API with an owner's token.
    fn graph_of(&self, owner: &Owner) -> Graph {
        let token = owner.token.clone();
        Graph::of_owner(self.http.clone(), &self.config, token, &self.proofless)
    }

    /// Finds the post behind a link that names it by something else than its id, among the posts of
    /// its page: the one that the link names, else the one whose token it is asked with.
    async fn permalink(
        &self,
        link: &PostLink,
        owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        let Some(wanted) = wire::permalink_key(&link.canonical_url) else {
            return Ok(no_post());
        };
        let asking = self
            .page(owner)
            .ok_or_else(|| no_access(PlatformKind::Meta))?;
        let named_page = wire::page_in(&link.canonical_url);
        let is_named = named_page.is_some();
        if owner.is_some() && is_named && named_page != asking.id {
            return Err(PlatformError::refused(
                "the link is of another page than the linked one",
            ));
        }
        let Some(page) = named_page.or_else(|| asking.id.clone()) else {
            return Err(PlatformError::refused("it is not known which page to list"));
        };
        let mut cursor = Cursor::new();
        for _ in 0..MOST_PAGES {
            let posts = asking.published(&page, &cursor).await?;
            if let Some(found) = wire::posts(&posts)?.iter().find(|post| post.is(&wanted)) {
                self.dates.remember(&found.id, found.dated.clone());
                return Ok(named(found));
            }
            match paging::next(&posts)? {
                Some(next) if next != cursor => cursor = next,
                Some(_) => break,
                None => return Err(PlatformError::refused(unfound(is_named))),
            }
        }
        // It is the page that is so, and not a platform that fails: the next time it would be no other.
        Err(PlatformError::refused(
            "the page has more posts than are looked through: give the link that has the post's number",
        ))
    }
}

impl Page {
    /// A part of the list of the posts of `page`, which may be another one.
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
        owner: Option<&Owner>,
    ) -> Vec<Result<Fetched, PlatformError>> {
        let distinct: BTreeSet<&str> = posts
            .iter()
            .filter_map(|post| wire::graph_id(&post.native_id))
            .collect();
        let undated: BTreeSet<&str> = posts
            .iter()
            .filter(|post| !post.published_is_known)
            .filter_map(|post| wire::graph_id(&post.native_id))
            .collect();
        let listed: BTreeMap<&str, Value> = undated
            .iter()
            .filter_map(|id| Some((*id, self.dates.get(id)?)))
            .collect();
        let undated = undated
            .into_iter()
            .filter(|id| !listed.contains_key(id))
            .collect();
        let Some(Page { graph, id: page }) = self.page(owner) else {
            let error = no_access(PlatformKind::Meta);
            return posts.iter().map(|_| Err(error.clone())).collect();
        };
        let access = match owner {
            Some(_) => Access::linked(graph, page),
            None => Access::configured(graph, page),
        };
        let ids = distinct.into_iter().collect();
        let mut results = access.insights(ids, &undated).await;
        for (id, told) in &listed {
            if let Some(Ok(fetched)) = results.get_mut(*id) {
                if wire::names_the_author(fetched) {
                    wire::date(fetched, told);
                } else {
                    self.dates.forget(id);
                }
            }
        }
        if let Some(ads) = &self.ads {
            ads.add_to(&mut results, owner.is_none()).await;
        }
        posts
            .iter()
            .map(|post| match wire::graph_id(&post.native_id) {
                Some(id) => results.get(id).cloned().unwrap_or_else(|| {
                    Err(PlatformError::unreachable(
                        "Facebook did not answer for this post",
                    ))
                }),
                None => Err(PlatformError::refused("not an id of a page's post")),
            })
            .collect()
    }

    /// The page is whoever the token says it is: any page can be read by its id with a token of
    /// another, so what answers under the id that the affiliate named would prove nothing. A person has
    /// an id and a name as well, but no category.
    async fn identify(&self, owner: &Owner) -> Result<Account, PlatformError> {
        let graph = self.graph_of(owner);
        let me = graph.get("me", &[("fields", "id,name,category")]).await;
        match me {
            Ok(me) => wire::page(&me),
            Err(fault) if fault.kind == FaultKind::Parameter && !fault.is_about_proof() => {
                Err(PlatformError::refused(NO_PAGE))
            }
            Err(fault) => Err(fault.into()),
        }
    }

    async fn resolve(
        &self,
        link: &PostLink,
        owner: Option<&Owner>,
    ) -> Result<Resolved, PlatformError> {
        match &link.target {
            LinkTarget::Post { .. } => return Ok(Resolved::Post(link.clone())),
            LinkTarget::Permalink => return self.permalink(link, owner).await,
            LinkTarget::Redirect => {}
        }
        match follow(&self.http, &self.config, link).await? {
            Followed::Link(found) if found.native_id().is_some() => Ok(Resolved::Post(found)),
            Followed::Link(found) => self.permalink(&found, owner).await,
            Followed::Gone { reason } => Ok(Resolved::Gone { reason }),
            Followed::NotAPost { reason } => Ok(Resolved::NotAPost { reason }),
        }
    }
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

/// What is said of a link that no listed post has, which may well be there: a list that names a post
/// by its number does not show its `pfbid…`, and without its number a page may be another one.
const fn unfound(names_page: bool) -> &'static str {
    if names_page {
        "no post that Facebook lists of this page has this link, which hides the post's number: give \
         the link with both numbers, the page's and the post's"
    } else {
        "a link without the page's number can be found among the posts of the connected page and of \
         a linked one only: give the link with both numbers, the page's and the post's"
    }
}

fn no_post() -> Resolved {
    Resolved::NotAPost {
        reason: "This link does not name a post of a Facebook page.".to_owned(),
    }
}
