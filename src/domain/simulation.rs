//! Other thresholds on stored evidence: what would the verdicts have been?
//!
//! Nothing is written. Each claim is judged again by the rules, with the observations that its standing verdict could see and
//! at the time when it was reached, so that what differs is the policy alone.

use std::collections::{BTreeMap, HashMap};

use super::access::Viewer;
use super::campaign::{PolicyChoice, own_campaign, policy_of};
use super::input::Checks;
use super::reconciliation::{
    Check, Comparison, Context, Observation, OrderCount, Policy, SignedOrders, reconcile, schedule,
};
use super::verification::claim_of;
use crate::app::App;
use crate::db::reconciliation::{DiscrepancyFilter, Reconciliation};
use crate::db::{
    Connection, Keyset, affiliate_report, campaign, platform_report, post, reconciliation,
};
use crate::error::Error;
use crate::model::{
    DiscrepancyLevel, EvidenceGrade, Finality, Metric, ReconciliationStatus, Scope,
};

/// Most claims that are judged again: the latest ones.
pub const MOST: usize = 10_000;
/// Claims at a time.
const STEP: i64 = 500;
/// Most verdicts that are shown as examples.
const EXAMPLES: usize = 10;

/// What other thresholds would have made of the claims of a campaign.
#[derive(Debug, Clone, Default)]
pub struct Simulation {
    /// Claims that were judged again.
    pub claims: i64,
    /// Those of them whose status or level would be another.
    pub changed: i64,
    /// How many have each level now.
    pub before: BTreeMap<DiscrepancyLevel, i64>,
    /// How many would have each level.
    pub after: BTreeMap<DiscrepancyLevel, i64>,
    /// Verdicts that would be others, the newest first.
    pub examples: Vec<Reconciliation>,
}

/// Judges the claims of a campaign by another policy: the one in force with what is given over it.
///
/// # Errors
/// The policy is not what it must be, or the campaign is not the caller's.
pub async fn simulate(
    app: &App,
    viewer: &Viewer,
    campaign_id: i64,
    choice: PolicyChoice,
) -> Result<Simulation, Error> {
    own_campaign(app, viewer, campaign_id).await?;
    let mut connection = app.db.get().await?;
    let in_force = campaign::list_policies_in_force(&mut connection, &[campaign_id])
        .await?
        .pop()
        .ok_or_else(|| Error::internal("a campaign without a policy"))?;
    let mut checks = Checks::default();
    let policy = choice.resolve(policy_of(&in_force)?, &mut checks);
    checks.finish()?;
    let mut simulation = Simulation::default();
    let mut after = None;
    loop {
        let filter = DiscrepancyFilter {
            campaign_id: Some(campaign_id),
            statuses: ReconciliationStatus::ALL.to_vec(),
            ..DiscrepancyFilter::default()
        };
        let page = Keyset {
            after,
            before: None,
            limit: STEP,
            from_end: false,
            total: false,
        };
        let Some(slice) =
            reconciliation::list_standing(&mut connection, Scope::All, &[(filter, page)])
                .await?
                .pop()
        else {
            break;
        };
        after = slice.rows.last().map(|row| row.id);
        simulation.add(&mut connection, slice.rows, &policy).await?;
        let judged = usize::try_from(simulation.claims).unwrap_or(usize::MAX);
        if !slice.more || judged >= MOST {
            break;
        }
    }
    Ok(simulation)
}

impl Simulation {
    async fn add(
        &mut self,
        connection: &mut Connection,
        verdicts: Vec<Reconciliation>,
        policy: &Policy,
    ) -> Result<(), Error> {
        let report_ids: Vec<i64> = verdicts.iter().map(|row| row.affiliate_report_id).collect();
        let post_ids: Vec<i64> = verdicts.iter().map(|row| row.post_id).collect();
        let reports: HashMap<i64, _> = affiliate_report::list_by_id(connection, &report_ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let posts: HashMap<i64, _> = post::list_by_id(connection, &post_ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let mut seen: HashMap<i64, Vec<Observation>> = HashMap::new();
        for (report_id, row) in platform_report::list_since_claims(connection, &report_ids).await? {
            seen.entry(report_id).or_default().push(Observation {
                platform_report_id: row.id,
                fetched_at: row.fetched_at,
                metrics: row.observed(),
                gone: row.gone,
            });
        }
        for stored in verdicts {
            let (Some(report), Some(post)) = (
                reports.get(&stored.affiliate_report_id),
                posts.get(&stored.post_id),
            ) else {
                return Err(Error::internal("a verdict on a claim that is not there"));
            };
            let mut observations = seen.remove(&report.id).unwrap_or_default();
            // What was read later was not known then.
            observations.retain(|observation| {
                observation.fetched_at <= stored.processed_at
                    && stored
                        .platform_report_id
                        .is_some_and(|cited| observation.platform_report_id <= cited)
            });
            let orders = orders_of(&stored)?;
            let check = match stored.status {
                ReconciliationStatus::Failed => Check::Unreachable {
                    detail: String::new(),
                },
                _ => Check::Answered,
            };
            let claim = claim_of(report, post);
            let verdict = reconcile(&Context {
                claim: &claim,
                policy,
                observations: &observations,
                check: &check,
                orders: &orders,
                now: stored.processed_at,
                // With a longer lag another check would have followed.
                last_check: stored.finality == Finality::Final
                    && schedule::is_last(&claim, policy, stored.processed_at),
                duplicate: post.duplicate_of.is_some(),
            });
            self.claims += 1;
            if let Some(level) = stored.discrepancy_level {
                *self.before.entry(level).or_default() += 1;
            }
            if let Some(level) = verdict.level {
                *self.after.entry(level).or_default() += 1;
            }
            if (verdict.status, verdict.level) != (stored.status, stored.discrepancy_level) {
                self.changed += 1;
                if self.examples.len() < EXAMPLES {
                    self.examples.push(stored);
                }
            }
        }
        Ok(())
    }
}

/// What signed orders left for the claim when it was judged.
fn orders_of(stored: &Reconciliation) -> Result<SignedOrders, Error> {
    let comparisons = stored.comparisons.as_array().map_or(&[][..], Vec::as_slice);
    for comparison in comparisons {
        let comparison = Comparison::from_json(comparison).map_err(Error::internal)?;
        if comparison.metric == Metric::Conversions
            && comparison.evidence_grade == Some(EvidenceGrade::SignedOrders)
        {
            return Ok(SignedOrders::Delivered(OrderCount {
                signed: comparison.actual.unwrap_or_default(),
                ..OrderCount::default()
            }));
        }
    }
    Ok(SignedOrders::NoneDelivered)
}
