//! Writes a batch of checks, all of it or nothing.

mod presence;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::credit::Credits;
use super::fell::{self, Moved};
use super::load::{Task, claim_of};
use super::rows::{Evidence, platform_report};
use super::totals::TotalsChange;
use super::trail::{Movement, Trails};
use super::{Checked, Outcome};
use crate::app::App;
use crate::db::affiliate_report::{self, AffiliateReport};
use crate::db::constraint::unique_violation;
use crate::db::platform_report::{self as observations, Counted, NewPlatformReport, Spent};
use crate::db::post::{self as posts, Post};
use crate::db::reconciliation::NewReconciliation;
use crate::db::{Connection, affiliate, campaign, queue, reconciliation};
use crate::domain::campaign::policy_of;
use crate::domain::publication;
use crate::domain::reconciliation::{Check, Context, Policy, Verdict, reconcile, schedule};
use crate::error::Error;
use crate::events::ALERT_EVENTS;
use crate::model::{DiscrepancyLevel, Finality, PostStatus, ReconciliationStatus};
use crate::platform::{Fetched, Sighting};

/// Writes the effects of a batch and removes its jobs, in one transaction. Jobs that another worker finished meanwhile
/// have no effect.
///
/// # Errors
/// The database failed or one of the rows cannot be written; nothing was.
pub async fn settle(app: &App, batch: &[Checked]) -> Result<(), Error> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    let raised = connection
        .transaction::<_, Error, _>(async |connection| write(connection, batch, now).await)
        .await?;
    if raised {
        app.events.hint(ALERT_EVENTS);
    }
    Ok(())
}

/// Keeps an observation that somebody asked for, in one transaction. Nothing is judged.
///
/// # Errors
/// The database failed; nothing was written.
pub(super) async fn keep_observation(app: &App, checked: &Checked) -> Result<(), Error> {
    let raised = match write_observation(app, checked).await {
        // Meanwhile another post was found to be the one that this post's link leads to; now that is seen.
        Err(Error::Internal(cause)) if takes_anothers_place(cause.as_ref()) => {
            write_observation(app, checked).await?
        }
        result => result?,
    };
    if raised {
        app.events.hint(ALERT_EVENTS);
    }
    Ok(())
}

/// A name of a platform as it is kept: as long as the column is.
fn kept_name(name: &str) -> String {
    name.chars().filter(|c| *c != '\0').take(200).collect()
}

fn takes_anothers_place(cause: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    cause
        .downcast_ref()
        .and_then(unique_violation)
        .is_some_and(|constraint| constraint == posts::NATIVE_ID_KEY)
}

async fn write_observation(app: &App, checked: &Checked) -> Result<bool, Error> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Error, _>(async |connection| {
            let batch = [checked];
            let posts = posts::lock(connection, &[checked.task.post.id]).await?;
            let nobody = Trails::new(&[])?;
            let mut ledger = Ledger::read(connection, &batch, nobody, posts, now).await?;
            ledger.resolve(connection, checked).await?;
            ledger.observe(connection, &batch).await?;
            ledger.note_returns(&batch);
            ledger.write(connection).await
        })
        .await
}

async fn write(
    connection: &mut Connection,
    batch: &[Checked],
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let ids: Vec<Uuid> = batch.iter().map(|checked| checked.task.job_id).collect();
    let ours: HashSet<Uuid> = queue::finish(connection, &ids).await?.into_iter().collect();
    let mut batch: Vec<&Checked> = batch
        .iter()
        .filter(|checked| ours.contains(&checked.task.job_id))
        .collect();
    if batch.is_empty() {
        return Ok(false);
    }
    // In order of claims: trust and the audit trail move in it.
    batch.sort_by_key(|checked| checked.task.report.id);

    // Rows are locked in one order everywhere: affiliates, posts, alerts, each by id.
    let affiliate_ids: BTreeSet<i64> = batch.iter().map(|c| c.task.post.affiliate_id).collect();
    let affiliates = affiliate::lock(connection, &Vec::from_iter(affiliate_ids)).await?;
    let post_ids = Vec::from_iter(
        batch
            .iter()
            .map(|c| c.task.post.id)
            .collect::<BTreeSet<i64>>(),
    );
    let posts = posts::lock(connection, &post_ids).await?;

    let mut ledger =
        Ledger::read(connection, &batch, Trails::new(&affiliates)?, posts, now).await?;
    for checked in &batch {
        ledger.resolve(connection, checked).await?;
    }
    ledger.observe(connection, &batch).await?;
    ledger.note_returns(&batch);
    ledger.read_starts(connection).await?;
    for checked in &batch {
        ledger.judge(checked)?;
    }
    ledger.write(connection).await
}

/// What was told before of the posts of which these observations tell what advertising them has cost.
async fn spent_before(
    connection: &mut Connection,
    rows: &[NewPlatformReport],
) -> Result<HashMap<i64, Spent>, Error> {
    let told = rows.iter().filter(|row| row.spend.is_some());
    let post_ids: Vec<i64> = told.map(|row| row.post_id).collect();
    let spent = observations::list_spent(connection, &post_ids).await?;
    Ok(spent.into_iter().map(|row| (row.post_id, row)).collect())
}

/// The policy of every claim on the posts of the batch, by id.
async fn policies(
    connection: &mut Connection,
    batch: &[&Checked],
    claims: &HashMap<i64, Vec<AffiliateReport>>,
) -> Result<HashMap<i64, Policy>, Error> {
    let mut policies = HashMap::new();
    for checked in batch {
        let row = &checked.task.policy;
        policies.insert(row.id, policy_of(row)?);
    }
    let mut missing: Vec<i64> = claims
        .values()
        .flatten()
        .map(|report| report.policy_id)
        .filter(|id| !policies.contains_key(id))
        .collect();
    missing.sort_unstable();
    missing.dedup();
    if !missing.is_empty() {
        for row in campaign::list_policies_by_id(connection, &missing).await? {
            policies.insert(row.id, policy_of(&row)?);
        }
    }
    Ok(policies)
}

/// A verdict with what it is on.
struct Judged {
    task: Task,
    verdict: Verdict,
    row: NewReconciliation,
    movement: Option<Movement>,
}

/// A verdict that is there, or one that the batch reaches.
#[derive(Debug, Clone, Copy)]
enum VerdictId {
    Stored(i64),
    /// Its place among the judged ones.
    Judged(usize),
}

/// The verdict that stands on a claim.
#[derive(Debug, Clone, Copy)]
struct Standing {
    id: VerdictId,
    status: ReconciliationStatus,
    level: Option<DiscrepancyLevel>,
    finality: Finality,
}

/// What came of a claim that a run asked for.
struct RunEnd {
    run_id: i64,
    affiliate_report_id: i64,
    verdict: Option<VerdictId>,
    completed: bool,
}

/// What a batch reads and writes.
struct Ledger {
    now: DateTime<Utc>,
    trails: Trails,
    /// The posts as the batch changes them.
    posts: HashMap<i64, Post>,
    /// The posts that were gone before.
    gone: HashSet<i64>,
    /// For each claim, the observations of its post since it was made.
    evidence: HashMap<i64, Vec<Evidence>>,
    /// The verdict that stands on each claim on the posts.
    standing: HashMap<i64, Standing>,
    /// The latest observation with a number of each post.
    counted: HashMap<i64, Counted>,
    credits: Credits,
    totals: TotalsChange,
    ended: Vec<RunEnd>,
    judged: Vec<Judged>,
    removed: Vec<(Task, String)>,
    /// The posts that were gone and are shown again, with when that was seen.
    returned: BTreeMap<i64, DateTime<Utc>>,
    moved: Moved,
    jobs: Vec<queue::NewJob>,
    /// When each claim whose own check this was is checked next.
    rechecks: HashMap<i64, Option<DateTime<Utc>>>,
    /// When the campaigns of posts begin of which it is known when they were published.
    starts: HashMap<i64, DateTime<Utc>>,
    /// Every claim on each post, oldest first.
    claims: HashMap<i64, Vec<AffiliateReport>>,
    policies: HashMap<i64, Policy>,
}

impl Ledger {
    async fn read(
        connection: &mut Connection,
        batch: &[&Checked],
        trails: Trails,
        posts: Vec<Post>,
        now: DateTime<Utc>,
    ) -> Result<Self, Error> {
        let post_ids: Vec<i64> = posts.iter().map(|post| post.id).collect();
        let report_ids: Vec<i64> = batch.iter().map(|checked| checked.task.report.id).collect();
        let mut claims: HashMap<i64, Vec<AffiliateReport>> = HashMap::new();
        for report in affiliate_report::list_by_posts(connection, &post_ids).await? {
            claims.entry(report.post_id).or_default().push(report);
        }
        let policies = policies(connection, batch, &claims).await?;
        let on_posts: Vec<i64> = claims.values().flatten().map(|report| report.id).collect();
        let mut evidence: HashMap<i64, Vec<Evidence>> = HashMap::new();
        for (report_id, row) in observations::list_since_claims(connection, &report_ids).await? {
            evidence
                .entry(report_id)
                .or_default()
                .push(Evidence::of_row(&row));
        }
        Ok(Self {
            now,
            trails,
            gone: presence::gone(&posts),
            posts: posts.into_iter().map(|post| (post.id, post)).collect(),
            evidence,
            standing: reconciliation::list_standing_by_report(connection, &on_posts)
                .await?
                .into_iter()
                .map(|row| {
                    let standing = Standing {
                        id: VerdictId::Stored(row.id),
                        status: row.status,
                        level: row.level,
                        finality: row.finality,
                    };
                    (row.affiliate_report_id, standing)
                })
                .collect(),
            counted: observations::list_counted(connection, &post_ids)
                .await?
                .into_iter()
                .map(|counted| (counted.post_id, counted))
                .collect(),
            credits: Credits::read(connection, batch).await?,
            totals: TotalsChange::default(),
            ended: Vec::new(),
            judged: Vec::new(),
            removed: Vec::new(),
            returned: BTreeMap::new(),
            moved: Moved::default(),
            jobs: Vec::new(),
            rechecks: HashMap::new(),
            starts: HashMap::new(),
            claims,
            policies,
        })
    }

    fn post_mut(&mut self, id: i64) -> Result<&mut Post, Error> {
        self.posts
            .get_mut(&id)
            .ok_or_else(|| Error::internal("a check of a post that is not there"))
    }

    /// A link that was resolved gives its post a native id, or makes it a duplicate.
    async fn resolve(
        &mut self,
        connection: &mut Connection,
        checked: &Checked,
    ) -> Result<(), Error> {
        let Outcome::Answered {
            resolved: Some(link),
            ..
        } = &checked.outcome
        else {
            return Ok(());
        };
        let Some(native_id) = link.native_id() else {
            return Ok(());
        };
        let post = self.post_mut(checked.task.post.id)?;
        // A link that led nowhere before may lead to a post now.
        if post.platform_post_id.is_some() || post.status == PostStatus::Duplicate {
            return Ok(());
        }
        match posts::find_by_native_id(connection, post, native_id).await? {
            Some(other) => {
                post.status = PostStatus::Duplicate;
                post.duplicate_of = Some(other);
            }
            None => {
                post.status = PostStatus::Tracking;
                post.platform_post_id = Some(native_id.to_owned());
                if post.account_handle.is_none() {
                    post.account_handle.clone_from(&link.account);
                }
            }
        }
        Ok(())
    }

    /// Keeps what the platform said, once for each post, and adds it to the evidence of each claim.
    async fn observe(
        &mut self,
        connection: &mut Connection,
        batch: &[&Checked],
    ) -> Result<(), Error> {
        // Of several answers on one post, the latest.
        let mut latest: HashMap<i64, DateTime<Utc>> = HashMap::new();
        for checked in batch {
            if let Outcome::Answered { fetched_at, .. } = &checked.outcome {
                let at = latest.entry(checked.task.post.id).or_insert(*fetched_at);
                *at = (*at).max(*fetched_at);
            }
        }
        let mut seen: HashSet<i64> = HashSet::new();
        let mut rows = Vec::new();
        let mut metrics = Vec::new();
        for checked in batch {
            let Outcome::Answered {
                fetched,
                fetched_at,
                credential_id,
                ..
            } = &checked.outcome
            else {
                continue;
            };
            let post_id = checked.task.post.id;
            if self.post_mut(post_id)?.status == PostStatus::Duplicate
                || latest.get(&post_id) != Some(fetched_at)
                || !seen.insert(post_id)
            {
                continue;
            }
            // The fetch began after these claims were committed, whatever two machines' clocks say.
            let claimed_at = batch
                .iter()
                .filter(|other| other.task.post.id == post_id)
                .map(|other| other.task.report.submitted_at)
                .max();
            let fetched_at = claimed_at.map_or(*fetched_at, |at| at.max(*fetched_at));
            let (row, observed) = platform_report(&checked.task.post, fetched, fetched_at)?;
            self.note_presence(&checked.task, fetched, fetched_at)?;
            self.note_author(post_id, fetched)?;
            let post = self.post_mut(post_id)?;
            post.published_at = publication::told(post, fetched);
            rows.push(row.with_credential(*credential_id));
            metrics.push(observed);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let spent = spent_before(connection, &rows).await?;
        let ids = observations::insert(connection, &rows).await?;
        let written: Vec<(i64, &NewPlatformReport)> = ids.iter().copied().zip(&rows).collect();
        let floors: HashMap<i64, u64> = rows
            .iter()
            .map(|row| (row.post_id, self.floor(row.post_id)))
            .collect();
        self.moved = fell::find(connection, &written, &floors).await?;
        let mut fresh: HashMap<i64, Evidence> = HashMap::new();
        for ((id, row), observed) in ids.into_iter().zip(&rows).zip(metrics) {
            self.count(id, row);
            self.count_spend(id, row, spent.get(&row.post_id));
            fresh.insert(row.post_id, Evidence::of_new(id, row, observed));
        }
        for checked in batch {
            if let Some(evidence) = fresh.get(&checked.task.post.id) {
                self.evidence
                    .entry(checked.task.report.id)
                    .or_default()
                    .push(evidence.clone());
            }
        }
        Ok(())
    }

    /// The absolute floor by which a post is looked at: that of its newest claim's policy.
    fn floor(&self, post_id: i64) -> u64 {
        self.claims
            .get(&post_id)
            .and_then(|claims| claims.last())
            .and_then(|claim| self.policies.get(&claim.policy_id))
            .map_or_else(
                || Policy::default().absolute_floor,
                |policy| policy.absolute_floor,
            )
    }

    /// When the campaigns begin, of posts of which it is known when they were published.
    async fn read_starts(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let known = self.posts.values().filter(|p| p.published_at.is_some());
        let ids = Vec::from_iter(known.map(|p| p.campaign_id).collect::<BTreeSet<i64>>());
        if ids.is_empty() {
            return Ok(());
        }
        for row in campaign::list_by_id(connection, &ids).await? {
            if let Some(starts_at) = row.starts_at {
                self.starts.insert(row.id, starts_at);
            }
        }
        Ok(())
    }

    /// When a post is checked next: the earliest check that is in the queue for one of its claims.
    fn next_check(&self, post: &Post, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
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
                Some(_) => {
                    let policy = self.policies.get(&report.policy_id)?;
                    schedule::next_check(&claim_of(report, post), policy, now)
                }
            }
        };
        let claims = self.claims.get(&post.id).map_or(&[][..], Vec::as_slice);
        claims.iter().filter_map(of_claim).min()
    }

    /// An observation with a number is what totals show of its post, unless a later one was written before it.
    fn count(&mut self, id: i64, row: &observations::NewPlatformReport) {
        let Some(new) = Counted::of(id, row) else {
            return;
        };
        let before = self.counted.get(&new.post_id).copied();
        let is_latest =
            before.is_none_or(|old| (new.fetched_at, new.id) > (old.fetched_at, old.id));
        if let (true, Some(post)) = (is_latest, self.posts.get(&new.post_id)) {
            self.totals.observed(post, before.as_ref(), &new);
            self.counted.insert(new.post_id, new);
        }
    }

    /// An observation that tells what advertising its post has cost is what totals show of that, unless a later one was
    /// written before it.
    fn count_spend(
        &mut self,
        id: i64,
        row: &observations::NewPlatformReport,
        before: Option<&Spent>,
    ) {
        let Some(new) = Spent::of(id, row) else {
            return;
        };
        let is_latest =
            before.is_none_or(|old| (new.fetched_at, new.id) > (old.fetched_at, old.id));
        if let (true, Some(post)) = (is_latest, self.posts.get(&new.post_id)) {
            self.totals.spent(post, before, &new);
        }
    }

    /// Who posted is what the platform last said.
    fn note_author(&mut self, post_id: i64, fetched: &Fetched) -> Result<(), Error> {
        if let Fetched::Found(Sighting {
            author: Some(author),
            ..
        }) = fetched
        {
            let post = self.post_mut(post_id)?;
            post.author_id = author.id.as_deref().map(kept_name);
            post.author_handle = author.handle.as_deref().map(kept_name);
        }
        Ok(())
    }

    /// What a verdict is to say of a post that was published before its campaign began.
    fn publication_note(&self, post_id: i64) -> Option<String> {
        let post = self.posts.get(&post_id)?;
        let starts_at = self.starts.get(&post.campaign_id).copied();
        publication::note(post.published_at, starts_at)
    }

    /// Reaches the verdict on one claim, unless it has its FINAL one, and queues its next check.
    fn judge(&mut self, checked: &Checked) -> Result<(), Error> {
        let task = &checked.task;
        let now = self.now;
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
                last_check: schedule::is_last(&claim, &policy, now),
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

    /// Queues the next check of a claim, and notes of its post where it stands and when it is checked next.
    fn go_on(
        &mut self,
        task: &Task,
        policy: &Policy,
        duplicate: bool,
        is_final: bool,
    ) -> Result<(), Error> {
        let now = self.now;
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
        if !task.between && task.run_id.is_none() {
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
}
