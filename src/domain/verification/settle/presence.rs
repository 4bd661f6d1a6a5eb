//! Whether a post is there: that it is gone, and that it is shown again.
//!
//! A post that the platform no longer has is REMOVED at once. One that it shows again is tracked again, and what was told of
//! its removal is taken back. An answer that says nothing of the post, such as that its figures may not be seen, changes
//! neither. Nor does one that was overtaken: checks are written in any order, and what the platform said later stands.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime, Utc};

use super::Ledger;
use crate::db::post::Post;
use crate::domain::reconciliation::Observation;
use crate::domain::verification::{Checked, Outcome, Task};
use crate::error::Error;
use crate::model::PostStatus;
use crate::platform::{Fetched, Sighting};

/// The posts that are known to be gone.
pub(super) fn gone(posts: &[Post]) -> HashSet<i64> {
    let gone = posts
        .iter()
        .filter(|post| post.status == PostStatus::Removed);
    gone.map(|post| post.id).collect()
}

/// Whether an answer is about a post that is there: it has a number of it, or says who posted it or when.
fn shows_the_post(sighting: &Sighting) -> bool {
    sighting.metrics.has_number() || sighting.author.is_some() || sighting.published_at.is_some()
}

/// Whether an observation says where the post is, made after a time.
fn overtakes(observation: &Observation, at: DateTime<Utc>) -> bool {
    observation.fetched_at > at && (observation.gone || observation.metrics.has_number())
}

impl Ledger {
    /// Takes in whether an answer shows the post.
    pub(super) fn note_presence(
        &mut self,
        task: &Task,
        fetched: &Fetched,
        fetched_at: DateTime<Utc>,
    ) -> Result<(), Error> {
        let is_overtaken = self.evidence.get(&task.report.id).is_some_and(|seen| {
            seen.iter()
                .any(|evidence| overtakes(&evidence.observation, fetched_at))
        });
        if is_overtaken {
            return Ok(());
        }
        let was_gone = self.gone.contains(&task.post.id);
        let post = self.post_mut(task.post.id)?;
        match fetched {
            Fetched::Gone { reason, .. } if post.status != PostStatus::Removed => {
                post.status = PostStatus::Removed;
                // A link that was dead and leads to a post that is gone is the same removal.
                if !was_gone {
                    self.removed.push((task.clone(), reason.clone()));
                }
            }
            Fetched::Found(sighting)
                if post.status == PostStatus::Removed && shows_the_post(sighting) =>
            {
                post.status = PostStatus::Tracking;
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes in which posts were gone and are not any more, and when that was seen. Of a link that led nowhere and turned out to
    /// be another one's nothing was observed.
    pub(super) fn note_returns(&mut self, batch: &[&Checked]) {
        let mut returned: BTreeMap<i64, DateTime<Utc>> = BTreeMap::new();
        for checked in batch {
            let Outcome::Answered { fetched_at, .. } = &checked.outcome else {
                continue;
            };
            let is_back = self.posts.get(&checked.task.post.id).is_some_and(|post| {
                let is_there = !matches!(post.status, PostStatus::Removed | PostStatus::Duplicate);
                self.gone.contains(&post.id) && is_there
            });
            if is_back {
                let at = returned.entry(checked.task.post.id).or_insert(*fetched_at);
                *at = (*at).max(*fetched_at);
            }
        }
        self.returned = returned;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EvidenceGrade, Metrics, Observed};
    use crate::platform::Account;

    fn observation(at: DateTime<Utc>, gone: bool, views: Option<u64>) -> Observation {
        let untold = || Observed::Unavailable {
            reason: "not told".to_owned(),
        };
        Observation {
            platform_report_id: 1,
            fetched_at: at,
            metrics: Metrics {
                views: views.map_or_else(untold, |value| Observed::Reported {
                    value,
                    definition: "instagram.views".to_owned(),
                    grade: EvidenceGrade::OwnerToken,
                }),
                clicks: untold(),
                conversions: untold(),
            },
            gone,
        }
    }

    #[test]
    fn an_answer_shows_a_post_by_a_number_its_author_or_its_time() {
        let sighting = |views: Option<u64>| Sighting {
            metrics: observation(DateTime::UNIX_EPOCH, false, views).metrics,
            raw: serde_json::Value::Null,
            context: None,
            author: None,
            published_at: None,
            spend: None,
            lacks_permission: false,
        };
        assert!(!shows_the_post(&sighting(None)), "it was not shown");
        assert!(shows_the_post(&sighting(Some(0))));
        let by_author = Sighting {
            author: Some(Account::default()),
            ..sighting(None)
        };
        assert!(shows_the_post(&by_author));
        let by_time = Sighting {
            published_at: Some(DateTime::UNIX_EPOCH),
            ..sighting(None)
        };
        assert!(shows_the_post(&by_time));
    }

    #[test]
    fn only_what_was_seen_later_and_says_where_the_post_is_overtakes() {
        let at = DateTime::UNIX_EPOCH;
        let later = at + chrono::TimeDelta::seconds(1);
        assert!(overtakes(&observation(later, true, None), at));
        assert!(overtakes(&observation(later, false, Some(0)), at));
        assert!(!overtakes(&observation(later, false, None), at));
        assert!(!overtakes(&observation(at, true, None), at));
        assert!(!overtakes(&observation(at, true, None), later));
    }
}
