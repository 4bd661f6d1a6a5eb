//! Insights of posts, asked with the token of one page.
//!
//! Of a post that the token does not see the API says that it does not exist or may not be seen,
//! without saying which; so such a post is gone only if its page itself can be read. The configured
//! token is known to read its page, and so that page is not asked.
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
use crate::platform::call;
use crate::platform::error::PlatformError;
use crate::platform::graph::{Fault, FaultKind, Graph};

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
    /// there may be fewer of the latter: what has no room in the call of the figures is left out where that has come to nothing,
    /// or has used up what may be asked.
    async fn ask(&self, ids: &[&str], undated: &[&str]) -> Vec<Result<Value, Fault>> {
        let figures = ids
            .iter()
            .map(|id| format!("{id}/insights?metric={VIEWS},{CLICKS}"));
        let times = undated.iter().map(|id| format!("{id}?fields={PUBLISHED}"));
        let mut paths: Vec<String> = figures.chain(times).collect();
        let later = paths.split_off(paths.len().min(ids.len().max(BATCH)));
        let mut answers = self.graph.batch(&paths).await;
        let is_used_up = call::told().is_some_and(|usage| usage.used_percent == Some(100));
        if !later.is_empty() && !is_used_up && answers.iter().any(Result::is_ok) {
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

    /// Decides about posts that do not exist or may not be seen: where their page's posts can be
    /// listed, they do not exist.
    async fn decide(&self, doubtful: Vec<(&str, Fault)>, results: &mut Results) {
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
                Some(Err(probe)) if is_about_the_page(probe) => {
                    let lacks = probe.kind == FaultKind::Permission && self.is_own(id);
                    Ok(wire::withheld(id, &fault, lacks))
                }
                Some(Err(probe)) => Err(probe.clone().into()),
                None => Err(fault.into()),
            };
            results.insert(id.to_owned(), result);
        }
    }
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
