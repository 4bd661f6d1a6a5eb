//! The verdicts on claims, and the checks that follow.

use chrono::{DateTime, Utc};

use super::{Judged, Ledger, RunEnd, Standing, VerdictId};
use crate::db::affiliate_report::AffiliateReport;
use crate::db::post::Post;
use crate::domain::campaign::policy_of;
use crate::domain::publication;
use crate::domain::reconciliation::{Check, Context, Policy, reconcile, schedule};
use crate::domain::verification::load::{Task, claim_of};
use crate::domain::verification::{Checked, Outcome};
use crate::error::Error;
use crate::model::{Finality, PostStatus};

impl Ledger {
    /// Reaches the verdict on one claim, unless it has its FINAL one, and queues its next check.
    pub(super) fn judge(&mut self, checked: &Checked) -> Result<(), Error> {
        let task = &checked.task;
        let now = task.not_before_due(self.now);
        let policy = policy_of(&task.policy)?;
        let claim = task.claim();
        let duplicate = self.post_mut(task.post.id)?.status == PostStatus::Duplicate;
        let before = self.standing.get(&task.report.id).copied();
        let mut is_final = before.is_some_and(|before| before.finality == Finality::Final);
        if !is_final {
            let evidence = self
                .evidence
                .get(&task.report.id)
                .map_or(&[][..], Vec::as_slice);
            let seen: Vec<_> = evidence
                .iter()
                .map(|evidence| evidence.observation.clone())
                .collect();
            let check = match &checked.outcome {
                Outcome::Answered { .. } | Outcome::Reused => Check::Answered,
                Outcome::Unreachable { detail } => Check::Unreachable {
                    detail: detail.clone(),
                },
            };
            let mut verdict = reconcile(&Context {
                claim: &claim,
                policy: &policy,
                observations: &seen,
                check: &check,
                orders: &self.credits.of(task),
                now,
                // Beside one that is asked for, the claim's own last check is still to come.
                last_check: task.is_of_schedule() && schedule::is_last(&claim, &policy, now),
                duplicate,
            });
            if let Some(note) = self.publication_note(task.post.id) {
                verdict.explanation.push(' ');
                verdict.explanation.push_str(&note);
            }
            let raw_hash = evidence
                .iter()
                .find(|evidence| {
                    Some(evidence.observation.platform_report_id) == verdict.platform_report_id
                })
                .map(|evidence| evidence.raw_hash.clone());
            let (row, movement) = self.trails.add(task, &verdict, raw_hash.as_deref(), now)?;
            is_final = verdict.finality == Finality::Final;
            self.totals.verdict(
                &task.post,
                before.map(|before| (before.status, before.level)),
                (verdict.status, verdict.level),
            );
            if let Some(movement) = &movement {
                self.totals.counts(&task.post, movement.accurate);
            }
            let standing = Standing {
                id: VerdictId::Judged(self.judged.len()),
                status: verdict.status,
                level: verdict.level,
                finality: verdict.finality,
            };
            self.standing.insert(task.report.id, standing);
            self.judged.push(Judged {
                task: task.clone(),
                verdict,
                row,
                movement,
            });
        }
        if let Some(run_id) = task.run_id {
            self.ended.push(RunEnd {
                run_id,
                affiliate_report_id: task.report.id,
                verdict: self
                    .standing
                    .get(&task.report.id)
                    .map(|standing| standing.id),
                completed: !matches!(checked.outcome, Outcome::Unreachable { .. }),
            });
        }
        self.go_on(task, &policy, duplicate, is_final)
    }

    /// When a post is checked next: the earliest check that is in the queue for one of its claims.
    pub(super) fn next_check(&self, post: &Post, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let of_claim = |report: &AffiliateReport| {
            if let Some(next) = self.rechecks.get(&report.id) {
                return *next;
            }
            match self.standing.get(&report.id) {
                // Its first check is still to come.
                None => Some(report.submitted_at),
                // On a post that turned out to be another one nothing is left to look at.
                Some(standing)
                    if post.status == PostStatus::Duplicate
                        && standing.finality == Finality::Final =>
                {
                    None
                }
                Some(standing) => {
                    let policy = self.policies.get(&report.policy_id)?;
                    let claim = claim_of(report, post);
                    // A claim without its FINAL verdict has its last check yet, however late that is.
                    let last = || {
                        let checks = schedule::checks(&claim, policy);
                        let last = checks.last().copied().unwrap_or(report.submitted_at);
                        Some(last).filter(|_| standing.finality != Finality::Final)
                    };
                    schedule::next_check(&claim, policy, now).or_else(last)
                }
            }
        };
        let claims = self.claims.get(&post.id).map_or(&[][..], Vec::as_slice);
        claims.iter().filter_map(of_claim).min()
    }

    /// Queues the next check of a claim, and notes of its post where it stands and when it is checked next.
    pub(super) fn go_on(
        &mut self,
        task: &Task,
        policy: &Policy,
        duplicate: bool,
        is_final: bool,
    ) -> Result<(), Error> {
        let now = task.not_before_due(self.now);
        let on_post = self
            .claims
            .get(&task.post.id)
            .map_or(&[][..], Vec::as_slice);
        let is_latest = on_post
            .last()
            .is_some_and(|latest| latest.id == task.report.id);
        let next = if duplicate {
            None
        } else {
            task.next_check(policy, now)?
        };
        if task.is_of_schedule() {
            let at = next.as_ref().map(|job| job.attempt_at);
            self.rechecks.insert(task.report.id, at);
        }
        self.jobs.extend(next);
        let next_check_at = self
            .posts
            .get(&task.post.id)
            .and_then(|post| self.next_check(post, now));
        let post = self.post_mut(task.post.id)?;
        if is_latest {
            post.is_reconciled = is_final;
        }
        post.next_check_at = next_check_at;
        Ok(())
    }

    /// What a verdict is to say of a post that was published before its campaign began.
    pub(super) fn publication_note(&self, post_id: i64) -> Option<String> {
        let post = self.posts.get(&post_id)?;
        let starts_at = self.starts.get(&post.campaign_id).copied();
        publication::note(post.published_at, starts_at)
    }
}
