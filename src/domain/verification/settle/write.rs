//! Writes what a batch reached, in the order in which rows are locked everywhere.

use std::collections::BTreeMap;

use super::{Judged, Ledger, VerdictId};
use crate::db::post::{self as posts, Post, PostChange};
use crate::db::reconciliation::NewReconciliation;
use crate::db::run::{self, Ended};
use crate::db::trust_event::{self, NewTrustEvent};
use crate::db::{Connection, affiliate, alert, queue, reconciliation, rollup};
use crate::domain::verification::alerts::{self, Cause};
use crate::domain::verification::shared_post;
use crate::error::Error;
use crate::model::PostStatus;

impl Ledger {
    /// What fell on each post, in sentences.
    fn falls_by_post(&self) -> BTreeMap<i64, String> {
        let mut by_post: BTreeMap<i64, String> = BTreeMap::new();
        for fall in &self.moved.falls {
            let sentences = by_post.entry(fall.post_id).or_default();
            if !sentences.is_empty() {
                sentences.push(' ');
            }
            sentences.push_str(&fall.sentence);
        }
        by_post
    }

    /// What was seen of posts beside their claims: that they are gone, back or another post, and that their counts fell or came
    /// back.
    fn on_posts(&self) -> Vec<Cause<'_>> {
        let mut causes = Vec::new();
        for (task, reason) in &self.removed {
            causes.push(Cause::Removed {
                task,
                reason: reason.clone(),
            });
        }
        for (post_id, since) in &self.returned {
            if let Some(post) = self.posts.get(post_id) {
                causes.push(Cause::Shown {
                    post,
                    since: *since,
                });
            }
        }
        let mut spellings: Vec<&Post> = self
            .posts
            .values()
            .filter(|post| post.status == PostStatus::Duplicate && self.gone.contains(&post.id))
            .collect();
        spellings.sort_by_key(|post| post.id);
        causes.extend(spellings.into_iter().map(|post| Cause::Spelling { post }));
        for (post_id, sentences) in self.falls_by_post() {
            if let Some(post) = self.posts.get(&post_id) {
                causes.push(Cause::Fell { post, sentences });
            }
        }
        for regained in &self.moved.regained {
            if let Some(post) = self.posts.get(&regained.post_id) {
                causes.push(Cause::Regained {
                    post,
                    sentences: &regained.sentences,
                });
            }
        }
        causes
    }

    /// What the batch changes in its posts.
    fn changes(&self) -> Vec<PostChange> {
        self.posts.values().map(PostChange::of).collect()
    }

    /// What became of the claims that runs asked for, given the ids of the verdicts that were written.
    fn ended(&self, ids: &[i64]) -> Vec<Ended> {
        self.ended
            .iter()
            .map(|end| Ended {
                run_id: end.run_id,
                affiliate_report_id: end.affiliate_report_id,
                reconciliation_id: end.verdict.and_then(|verdict| match verdict {
                    VerdictId::Stored(id) => Some(id),
                    VerdictId::Judged(place) => ids.get(place).copied(),
                }),
                completed: end.completed,
            })
            .collect()
    }

    /// Writes everything that the batch reached, and says whether there is something that subscribers are to hear.
    ///
    /// # Errors
    /// The database failed; the transaction is to be given up.
    pub(super) async fn write(mut self, connection: &mut Connection) -> Result<bool, Error> {
        let rows: Vec<NewReconciliation> = self
            .judged
            .iter()
            .map(|judged| judged.row.clone())
            .collect();
        let ids = if rows.is_empty() {
            Vec::new()
        } else {
            reconciliation::insert(connection, &rows).await?
        };
        let mut trust = Vec::new();
        let mut causes = Vec::new();
        for (judged, id) in self.judged.iter().zip(ids.iter().copied()) {
            let Judged {
                task,
                verdict,
                movement,
                ..
            } = judged;
            causes.push(Cause::Verdict {
                task,
                verdict,
                reconciliation_id: id,
            });
            if let Some(movement) = movement {
                trust.push(NewTrustEvent {
                    affiliate_id: task.post.affiliate_id,
                    reconciliation_id: id,
                    accurate: movement.accurate,
                    score_before: movement.before.clone(),
                    score_after: movement.after.clone(),
                    created_at: self.now,
                });
                if movement.passed.is_some() {
                    causes.push(Cause::TrustDrop {
                        task,
                        movement,
                        reconciliation_id: id,
                    });
                }
            }
        }
        causes.extend(self.on_posts());
        if !trust.is_empty() {
            trust_event::insert(connection, &trust).await?;
        }
        if !rows.is_empty() {
            affiliate::update_progress(connection, &self.trails.progress()?).await?;
        }
        posts::update_checked(connection, &self.changes()).await?;
        if !self.jobs.is_empty() {
            queue::insert(connection, &self.jobs).await?;
        }
        // With the native ids that were found out written, others that have them are found.
        let checked: Vec<i64> = self.posts.keys().copied().collect();
        let shared = shared_post::find(connection, &checked).await?;
        for found in &shared {
            causes.push(Cause::Shared(found));
        }
        let raised = alerts::write(connection, &causes, self.now).await?;
        for (post_id, change) in raised.open {
            let elsewhere = || {
                let mut others = shared.iter().map(|found| &found.post);
                others.find(|post| post.id == post_id)
            };
            if let Some(post) = self.posts.get(&post_id).or_else(elsewhere)
                && change != 0
            {
                self.totals.alerts(post, change);
            }
        }
        let ended = self.ended(&ids);
        if !ended.is_empty() {
            run::end(connection, &ended).await?;
        }
        rollup::insert(connection, &self.totals.into_deltas()).await?;
        // Last: see `insert_events`.
        if raised.events.is_empty() {
            return Ok(false);
        }
        alert::insert_events(connection, &raised.events).await?;
        Ok(true)
    }
}
