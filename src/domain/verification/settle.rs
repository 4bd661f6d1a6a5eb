//! Writes a batch of checks, all of it or nothing.

mod judge;
mod observe;
mod presence;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::{DateTime, Utc};
use diesel_async::AsyncConnection as _;
use uuid::Uuid;

use super::Checked;
use super::credit::Credits;
use super::fell::Moved;
use super::load::Task;
use super::rows::Evidence;
use super::totals::TotalsChange;
use super::trail::{Movement, Trails};
use crate::app::App;
use crate::db::affiliate_report::{self, AffiliateReport};
use crate::db::constraint::unique_violation;
use crate::db::platform_report::{self as observations, Counted};
use crate::db::post::{self as posts, Post};
use crate::db::reconciliation::NewReconciliation;
use crate::db::{Connection, affiliate, campaign, queue, reconciliation};
use crate::domain::campaign::policy_of;
use crate::domain::reconciliation::{Policy, Verdict};
use crate::error::Error;
use crate::events::ALERT_EVENTS;
use crate::model::{DiscrepancyLevel, Finality, ReconciliationStatus};

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
}
