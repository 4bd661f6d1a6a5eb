//! What a batch of jobs is about.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::app::App;
use crate::db::affiliate_report::AffiliateReport;
use crate::db::campaign::Policy as PolicyRow;
use crate::db::platform_report::Seen;
use crate::db::post::Post;
use crate::db::queue::{Exhausted, NewJob, Running};
use crate::db::run::{self, Ended};
use crate::db::{Connection, affiliate_report, campaign, platform_report, post, queue};
use crate::domain::campaign::policy_of;
use crate::domain::reconciliation::{self, Policy, schedule};
use crate::domain::task::{self, Reconcile};
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::PostRef;

/// An observation younger than this is used again instead of asking the platform.
pub(super) const REUSE: TimeDelta = TimeDelta::seconds(60);
/// After the last check of a claim died, how long until it is tried once more.
const AFTER_DEATH: TimeDelta = TimeDelta::hours(24);

/// How long a check waits at most for access that nobody has, or that may not be used, from when it was due.
const ACCESS_WAIT: TimeDelta = TimeDelta::hours(24);
/// However often an account is linked and taken away again meanwhile, it waits no longer than this.
const LONGEST_ACCESS_WAIT: TimeDelta = TimeDelta::days(7);

/// How far the clock of a process is behind the database's at most.
const CLOCKS_APART: TimeDelta = TimeDelta::seconds(30);

/// How long after the death of the job that writes a run's claims the next one tries.
const AFTER_RUN_DEATH: TimeDelta = TimeDelta::hours(1);

/// One check of one claim.
#[derive(Debug, Clone)]
pub struct Task {
    /// The queued job.
    pub job_id: Uuid,
    /// How many attempts the job has left after this one.
    pub attempts_left: i32,
    /// When the check was due, however often its job was put back since.
    pub due_at: DateTime<Utc>,
    /// The claim.
    pub report: AffiliateReport,
    /// Its post, as it was when the check began.
    pub post: Post,
    /// The policy in force when the claim was made.
    pub policy: PolicyRow,
    /// Whether an observation made since the claim is young enough to serve.
    pub reusable: bool,
    /// The credentials to which the platform told this post's figures as its owner's; none inside for this server's own.
    pub seen_as_own: Vec<Option<i64>>,
    /// Whether the platform showed the post among the public ones of the handle that the affiliate gave.
    pub seen_publicly: bool,
    /// The run that asked for the check.
    pub run_id: Option<i64>,
    /// Whether another job holds the claim's next check already.
    pub between: bool,
}

impl Task {
    /// The claim in the terms of the rules.
    pub(super) fn claim(&self) -> reconciliation::Claim {
        claim_of(&self.report, &self.post)
    }

    /// The post as it is asked for by this id, with the affiliate's credential of this number or with this server's own.
    #[must_use]
    pub fn post_ref(
        &self,
        native_id: &str,
        handle: Option<&String>,
        credential_id: Option<i64>,
    ) -> PostRef {
        PostRef {
            native_id: native_id.to_owned(),
            canonical_url: self.post.canonical_url.clone(),
            account_handle: handle.cloned(),
            seen_as_own: self.seen_as_own.contains(&credential_id),
            seen_publicly: self.seen_publicly,
            author_id: self.post.author_id.clone(),
            published_is_known: self.post.published_at.is_some(),
        }
    }

    /// Whether the check has waited for access that it has not for as long as it may: a day from when it was due, or from when its
    /// affiliate's access ended where that was later, and a week at most.
    #[must_use]
    pub fn has_waited_for_access(
        &self,
        access_ended: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> bool {
        let since = access_ended.map_or(self.due_at, |ended| ended.max(self.due_at));
        now - since >= ACCESS_WAIT || now - self.due_at >= LONGEST_ACCESS_WAIT
    }

    /// Whether the check is one of those by the policy, and not one that a run or an operator asked for.
    pub(super) const fn is_of_schedule(&self) -> bool {
        self.run_id.is_none() && !self.between
    }

    /// A time at which the check is made, by the clock of this process. The database has found that the check was due, so where
    /// this clock is a little behind, the time is when it was.
    pub(super) fn not_before_due(&self, at: DateTime<Utc>) -> DateTime<Utc> {
        not_before(self.due_at, at)
    }

    /// The job of the claim's next check after `now`, and when it is due. A check that a run or an operator asked for comes
    /// between those of the policy and has no next.
    pub(super) fn next_check(
        &self,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Result<Option<NewJob>, Error> {
        if !self.is_of_schedule() {
            return Ok(None);
        }
        schedule::next_check(&self.claim(), policy, now)
            .map(|at| check_job(&self.report, &self.post, at))
            .transpose()
    }
}

/// See [`Task::not_before_due`].
fn not_before(due_at: DateTime<Utc>, at: DateTime<Utc>) -> DateTime<Utc> {
    if due_at - at <= CLOCKS_APART {
        at.max(due_at)
    } else {
        at
    }
}

/// A claim in the terms of the rules.
pub(crate) fn claim_of(report: &AffiliateReport, post: &Post) -> reconciliation::Claim {
    reconciliation::Claim {
        report_id: report.id,
        submitted_at: report.submitted_at,
        platform: post.platform,
        claimed: report.claimed(),
        views_definition: report.views_definition.clone(),
    }
}

/// When a check was due whose job was queued at a time. The first one of a claim, and one that a run or an operator asked for,
/// is due at once; the job of any other is queued by the check before it, or by the death of that one's job.
fn due_at(
    job: &Reconcile,
    queued_at: DateTime<Utc>,
    claim: &reconciliation::Claim,
    policy: &Policy,
) -> DateTime<Utc> {
    if job.run_id.is_some() || job.between || queued_at <= claim.submitted_at {
        return queued_at;
    }
    schedule::next_check(claim, policy, queued_at).unwrap_or(queued_at + AFTER_DEATH)
}

/// Whether a post was seen among the public ones of its affiliate's handle: it has a public figure from there, or, where its
/// kind has none, the handle as its author.
pub(super) fn was_public(post: &Post, seen: Option<&Seen>) -> bool {
    let is_author = || {
        let (handle, author) = (post.account_handle.as_ref(), post.author_handle.as_ref());
        handle
            .zip(author)
            .is_some_and(|(handle, author)| handle.eq_ignore_ascii_case(author))
    };
    seen.is_some_and(|seen| seen.publicly) || is_author()
}

fn check_job(report: &AffiliateReport, post: &Post, at: DateTime<Utc>) -> Result<NewJob, Error> {
    let payload = Reconcile {
        affiliate_report_id: report.id,
        run_id: None,
        between: false,
    };
    reconcile_job(payload, post.platform, at)
}

/// A job that checks a claim.
pub(crate) fn reconcile_job(
    payload: Reconcile,
    platform: PlatformKind,
    at: DateTime<Utc>,
) -> Result<NewJob, Error> {
    Ok(NewJob {
        channel_name: task::reconcile_channel(platform),
        name: task::RECONCILE,
        payload_json: serde_json::to_string(&payload).map_err(Error::internal)?,
        attempts: task::ATTEMPTS,
        attempt_at: at,
    })
}

/// The tasks behind a batch of jobs, and the jobs that are about no claim.
#[derive(Debug, Default)]
pub struct Loaded {
    /// In the order of the jobs.
    pub tasks: Vec<Task>,
    /// Jobs that name a claim that is not there.
    pub unknown: Vec<Uuid>,
}

/// Reads what the jobs are about. A job that is gone (another worker finished it) is left out.
///
/// # Errors
/// The database failed.
pub async fn load(app: &App, jobs: &[(Uuid, Reconcile)]) -> Result<Loaded, Error> {
    let mut connection = app.db.get().await?;
    let connection = &mut *connection;
    let ids: Vec<Uuid> = jobs.iter().map(|(id, _)| *id).collect();
    let running: HashMap<Uuid, Running> = queue::list_running(connection, &ids)
        .await?
        .into_iter()
        .map(|running| (running.id, running))
        .collect();
    let report_ids: Vec<i64> = jobs
        .iter()
        .map(|(_, job)| job.affiliate_report_id)
        .collect();
    let claims = claims(connection, &report_ids).await?;
    let post_ids: Vec<i64> = claims.values().map(|(_, post, _)| post.id).collect();
    let seen: HashMap<i64, Seen> = platform_report::list_seen(connection, &post_ids)
        .await?
        .into_iter()
        .map(|seen| (seen.post_id, seen))
        .collect();

    let now = app.clock.now();
    let young = now - REUSE;
    let mut loaded = Loaded::default();
    for (job_id, job) in jobs {
        let Some(running) = running.get(job_id) else {
            continue;
        };
        let Some((report, post, policy)) = claims.get(&job.affiliate_report_id) else {
            loaded.unknown.push(*job_id);
            continue;
        };
        let rules = policy_of(policy)?;
        let claim = claim_of(report, post);
        // The last check looks for itself, and so does the one at the end of the lag: what was seen before confirms nothing.
        let is_last = |at| schedule::is_last(&claim, &rules, at);
        let is_after_lag = |at| at >= schedule::lag_end(&claim, &rules);
        let due_at = due_at(job, running.created_at, &claim, &rules);
        let checked_at = not_before(due_at, now);
        loaded.tasks.push(Task {
            job_id: *job_id,
            attempts_left: running.attempts,
            due_at,
            reusable: seen.get(&post.id).is_some_and(|seen| {
                seen.last_at >= report.submitted_at
                    && seen.last_at > young
                    && (is_last(seen.last_at) || !is_last(checked_at))
                    && (is_after_lag(seen.last_at) || !is_after_lag(checked_at))
            }),
            seen_as_own: seen.get(&post.id).map(Seen::as_own).unwrap_or_default(),
            seen_publicly: was_public(post, seen.get(&post.id)),
            run_id: job.run_id,
            between: job.between,
            report: report.clone(),
            post: post.clone(),
            policy: policy.clone(),
        });
    }
    Ok(loaded)
}

type ClaimRows = HashMap<i64, (AffiliateReport, Post, PolicyRow)>;

async fn claims(connection: &mut Connection, report_ids: &[i64]) -> Result<ClaimRows, Error> {
    let reports = affiliate_report::list_by_id(connection, report_ids).await?;
    let post_ids: Vec<i64> = reports.iter().map(|report| report.post_id).collect();
    let policy_ids: Vec<i64> = reports.iter().map(|report| report.policy_id).collect();
    let posts: HashMap<i64, Post> = post::list_by_id(connection, &post_ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let policies: HashMap<i64, PolicyRow> = campaign::list_policies_by_id(connection, &policy_ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    Ok(reports
        .into_iter()
        .filter_map(|report| {
            let post = posts.get(&report.post_id)?.clone();
            let policy = policies.get(&report.policy_id)?.clone();
            Some((report.id, (report, post, policy)))
        })
        .collect())
}

/// Queues the next check of each claim whose job died, so that a job that kills its worker, or a bug, does not end the
/// checks of a claim. Where no check was left the claim is tried once more a day later. A run whose claims are not all
/// written yet goes on an hour later. Call it in the transaction that buries the jobs.
///
/// # Errors
/// The database failed.
pub async fn requeue_dead(
    connection: &mut Connection,
    dead: &[Exhausted],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let runs: Vec<NewJob> = dead
        .iter()
        .filter(|job| job.name == task::EXTEND_RUN)
        .filter_map(|job| {
            Some(NewJob {
                channel_name: task::RUNS,
                name: task::EXTEND_RUN,
                payload_json: job.payload_json.clone()?,
                attempts: task::ATTEMPTS,
                attempt_at: now + AFTER_RUN_DEATH,
            })
        })
        .collect();
    if !runs.is_empty() {
        queue::insert(connection, &runs).await?;
    }
    let died: Vec<Reconcile> = dead
        .iter()
        .filter(|job| job.name == task::RECONCILE)
        .filter_map(|job| serde_json::from_str(job.payload_json.as_deref()?).ok())
        .collect();
    let failed: Vec<Ended> = died
        .iter()
        .filter_map(|job| {
            Some(Ended {
                run_id: job.run_id?,
                affiliate_report_id: job.affiliate_report_id,
                reconciliation_id: None,
                completed: false,
            })
        })
        .collect();
    if !failed.is_empty() {
        run::end(connection, &failed).await?;
    }
    let report_ids: Vec<i64> = died
        .iter()
        .filter(|job| job.run_id.is_none() && !job.between)
        .map(|job| job.affiliate_report_id)
        .collect();
    if report_ids.is_empty() {
        return Ok(());
    }
    let mut jobs = Vec::new();
    let mut next = Vec::new();
    for (report, post, policy) in claims(connection, &report_ids).await?.into_values() {
        let claim = claim_of(&report, &post);
        let at =
            schedule::next_check(&claim, &policy_of(&policy)?, now).unwrap_or(now + AFTER_DEATH);
        jobs.push(check_job(&report, &post, at)?);
        next.push((post.id, at));
    }
    queue::insert(connection, &jobs).await?;
    // In the order in which everybody locks posts.
    let mut post_ids: Vec<i64> = next.iter().map(|(id, _)| *id).collect();
    post_ids.sort_unstable();
    post::lock(connection, &post_ids).await?;
    post::update_next_check(connection, &next, now).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Metrics;

    #[test]
    fn a_check_is_due_when_it_is_first_to_be_done_however_late_it_is_queued() {
        let start = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        let after = |minutes| start + TimeDelta::minutes(minutes);
        let claim = reconciliation::Claim {
            report_id: 1,
            submitted_at: start,
            platform: PlatformKind::Reddit,
            claimed: Metrics::from_fn(|_| None),
            views_definition: "reddit.view_count".to_owned(),
        };
        let policy = Policy {
            rechecks: vec![TimeDelta::hours(1), TimeDelta::hours(24)],
            ..Policy::default()
        };
        let own = Reconcile {
            affiliate_report_id: 1,
            run_id: None,
            between: false,
        };
        let of_run = Reconcile {
            run_id: Some(1),
            ..own
        };
        let again = Reconcile {
            between: true,
            ..own
        };
        let day = 24 * 60;
        for (job, queued, due) in [
            (own, 0, 0),
            (own, 1, 60),
            (own, 60, day),
            // The second one was late, or its job has died.
            (own, 90, day),
            (own, 2 * day, 3 * day),
            (of_run, 90, 90),
            (again, 2 * day, 2 * day),
        ] {
            let told = due_at(&job, after(queued), &claim, &policy);
            assert_eq!(told, after(due), "{job:?} queued after {queued} min");
        }
    }

    #[test]
    fn a_clock_that_is_a_little_behind_makes_no_check_before_it_is_due() {
        let due = DateTime::from_timestamp(1_795_000_000, 0).unwrap();
        for (behind, made) in [(-5, -5), (0, 0), (7, 0), (30, 0), (31, 31)] {
            let at = not_before(due, due - TimeDelta::seconds(behind));
            assert_eq!(due - at, TimeDelta::seconds(made), "{behind} s");
        }
    }
}
