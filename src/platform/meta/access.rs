//! Insights of posts, asked with the token of one page.
//!
//! Of a post that the token does not see the API says that it does not exist or may not be seen,
//! without saying which. So such a post is gone only if it is of the page whose token it is, which
//! would be told of it, if it cannot be read by itself either, and if the list of its page can.
//!
//! One metric that the API has retired fails a whole request, so a request that fails for its
//! parameters is repeated with one metric at a time.
//!
//! When a post was published is a request of its own, in the same call as far as there is room. What comes of it does nothing to
//! the figures: a post of which it was not told is asked again with its next figures.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::BATCH;
use super::wire::{self, CLICKS, PUBLISHED, VIEWS, page_of};
use crate::platform::Fetched;
use crate::platform::error::PlatformError;
use crate::platform::graph::{Fault, FaultKind, Graph, paging};

/// How many parts of a list that show nothing are read at most.
const MOST_EMPTY: usize = 20;

/// What came of each post, by its id.
pub(super) type Results = BTreeMap<String, Result<Fetched, PlatformError>>;

/// The Graph API with the token of one page.
pub(super) struct Access {
    graph: Graph,
    /// The id of the page; nothing where it is not known.
    page: Option<String>,
    /// Whether an affiliate gave the token.
    linked: bool,
}

impl Access {
    /// With the token and the page that are configured.
    pub(super) fn configured(graph: Graph, page: Option<String>) -> Self {
        Self {
            graph,
            page,
            linked: false,
        }
    }

    /// With the token that an affiliate gave, and the page that it is of, where that is known.
    pub(super) fn linked(graph: Graph, page: Option<String>) -> Self {
        Self {
            graph,
            page,
            linked: true,
        }
    }

    /// Both metrics of each post, and when those that are `undated` were published.
    pub(super) async fn insights(&self, ids: Vec<&str>, undated: &BTreeSet<&str>) -> Results {
        // A linked page is told nothing of another's posts: this program's own access is asked for them next.
        let undated: Vec<&str> = ids
            .iter()
            .copied()
            .filter(|id| undated.contains(id) && !self.is_foreign(id))
            .collect();
        let mut answers = self.ask(&ids, &undated).await;
        let times = answers.split_off(ids.len().min(answers.len()));

        let mut results = Results::new();
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
                    FaultKind::Missing | FaultKind::Permission if self.is_foreign(id) => {
                        Ok(wire::foreign(id, &fault))
                    }
                    FaultKind::Missing => {
                        doubtful.push((id, fault));
                        continue;
                    }
                    FaultKind::Permission => Ok(wire::withheld(id, &fault, self.is_own(id))),
                    _ => Err(fault.into()),
                },
            };
            results.insert(id.to_owned(), result);
        }
        self.one_metric_at_a_time(&again, &mut results).await;
        self.decide(doubtful, &mut results).await;
        for (id, told) in undated.into_iter().zip(times) {
            if let (Some(Ok(fetched)), Ok(told)) = (results.get_mut(id), told) {
                wire::date(fetched, &told);
            }
        }
        results
    }

    /// Asks for both metrics of each post and then for when the undated ones were published. The answers are in this order, and
    /// there may be fewer of the latter: what has no room in the call of the figures is left out where that has come to nothing.
    /// Where it has used up what may be asked, the call's gate holds the rest back.
    async fn ask(&self, ids: &[&str], undated: &[&str]) -> Vec<Result<Value, Fault>> {
        let figures = ids
            .iter()
            .map(|id| format!("{id}/insights?metric={VIEWS},{CLICKS}"));
        let times = undated.iter().map(|id| format!("{id}?fields={PUBLISHED}"));
        let mut paths: Vec<String> = figures.chain(times).collect();
        let later = paths.split_off(paths.len().min(ids.len().max(BATCH)));
        let mut answers = self.graph.batch(&paths).await;
        if !later.is_empty() && answers.iter().any(Result::is_ok) {
            answers.extend(self.graph.batch(&later).await);
        }
        answers
    }

    /// Whether a post is of another page than the linked one.
    fn is_foreign(&self, id: &str) -> bool {
        self.linked && self.page.as_deref().is_some_and(|page| page != page_of(id))
    }

    /// Whether a post is of the page whose token it is asked with.
    fn is_own(&self, id: &str) -> bool {
        self.page.as_deref() == Some(page_of(id))
    }

    /// Asks for each metric alone, so that one that is refused does not hide the other.
    async fn one_metric_at_a_time(&self, ids: &[&str], results: &mut Results) {
        let paths: Vec<String> = ids
            .iter()
            .flat_map(|id| [VIEWS, CLICKS].map(|metric| format!("{id}/insights?metric={metric}")))
            .collect();
        let mut answers = self.graph.batch(&paths).await.into_iter();
        for id in ids {
            let (Some(views), Some(clicks)) = (answers.next(), answers.next()) else {
                return;
            };
            let told = wire::one_by_one(id, views, clicks, self.is_own(id));
            results.insert((*id).to_owned(), told);
        }
    }

    /// Decides about posts that do not exist or may not be seen. Those of another page are not asked
    /// for: whatever came of it, this token is not told whether they are there.
    async fn decide(&self, doubtful: Vec<(&str, Fault)>, results: &mut Results) {
        let (own, others): (Vec<_>, Vec<_>) =
            doubtful.into_iter().partition(|(id, _)| self.is_own(id));
        for (id, fault) in others {
            results.insert(id.to_owned(), Ok(wire::withheld(id, &fault, false)));
        }
        let Some((first, _)) = own.first() else {
            return;
        };
        let list = format!("{}/published_posts?fields=id&limit=1", page_of(first));
        let posts = own.iter().map(|(id, _)| format!("{id}?fields=id"));
        let paths: Vec<String> = std::iter::once(list).chain(posts).collect();
        let mut answers = self.graph.batch(&paths).await.into_iter();
        let Some(list) = answers.next() else {
            return;
        };
        let list = match list {
            Ok(list) => self.until_shown(page_of(first), list).await,
            refused @ Err(_) => refused,
        };
        for ((id, fault), post) in own.into_iter().zip(answers) {
            results.insert(id.to_owned(), decided(id, &fault, post, &list));
        }
    }

    /// The first part of a page's list that shows a post, from this one on, or the last one. What is in a part may be
    /// left out, so an empty one does not say that this token sees the page's posts as long as there is another.
    async fn until_shown(&self, page: &str, mut list: Value) -> Result<Value, Fault> {
        for _ in 0..MOST_EMPTY {
            if !paging::rows(&list)?.is_empty() {
                return Ok(list);
            }
            let Some(cursor) = paging::next(&list)? else {
                return Ok(list);
            };
            let mut query = vec![("fields", "id"), ("limit", "100")];
            query.extend(
                cursor
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
            let path = format!("{page}/published_posts");
            list = self.graph.get(&path, &query).await?;
        }
        Err(PlatformError::unreachable("a list of posts shows none and does not end").into())
    }
}

/// What becomes of a post of the token's own page whose insights ended in `fault`, by what came of
/// asking for the post itself and for the list of its page.
fn decided(
    id: &str,
    fault: &Fault,
    post: Result<Value, Fault>,
    list: &Result<Value, Fault>,
) -> Result<Fetched, PlatformError> {
    match post {
        Ok(post) if post.get("id").is_some() => return Ok(wire::shown(id, fault)),
        Ok(_) => {
            return Err(PlatformError::unreachable(
                "the answer does not say which post it is of",
            ));
        }
        Err(probe) if probe.kind == FaultKind::Missing => {}
        Err(probe) => return unproved(id, fault, probe),
    }
    match list {
        Ok(list) => {
            let is_listed = wire::posts(list)?.iter().any(|post| post.id == id);
            Ok(if is_listed {
                wire::shown(id, fault)
            } else {
                wire::gone(id, fault)
            })
        }
        Err(probe) => unproved(id, fault, probe.clone()),
    }
}

/// What becomes of such a post where asking further proves nothing.
fn unproved(id: &str, fault: &Fault, probe: Fault) -> Result<Fetched, PlatformError> {
    if is_about_the_object(&probe) {
        let lacks_permission = probe.kind == FaultKind::Permission;
        Ok(wire::withheld(id, fault, lacks_permission))
    } else {
        Err(probe.into())
    }
}

/// Whether an error says that the page or the post cannot be read, rather than that the call failed.
fn is_about_the_object(fault: &Fault) -> bool {
    matches!(
        fault.kind,
        FaultKind::Missing
            | FaultKind::Permission
            | FaultKind::BadMetric
            | FaultKind::Parameter
            | FaultKind::Refused
    )
}
