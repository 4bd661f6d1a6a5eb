//! The audit trail, computed again; and other thresholds on stored evidence.

use std::collections::BTreeMap;

use async_graphql::{Context, ErrorExtensions as _, ID, Object, SimpleObject};

use super::affiliate::Affiliate;
use super::campaign::PolicyInput;
use super::dashboard::LevelCount;
use super::errors::{ToTop as _, top_level};
use super::guard::{app, viewer};
use super::id::Kind;
use super::reconciliation::Reconciliation;
use super::update::Changes;
use crate::domain::{audit, simulation};
use crate::error::Error;
use crate::model;

/// What came of computing an affiliate's audit trail again.
#[derive(SimpleObject)]
pub struct AuditVerification {
    /// Whose trail.
    affiliate: Affiliate,
    /// How many verdicts were found to be as they were written; 0 to advertisers, to whom most of the trail is none of theirs.
    checked: i64,
    /// Whether all of the trail is as it was written.
    intact: bool,
    /// The hash of the last verdict that is: 64 hex digits, zeros where there is none and to advertisers. Keep it elsewhere to be able to prove the
    /// trail later.
    head: String,
    /// The first verdict that is not as it was written; null where all are, where the trail's end is missing, and to
    /// advertisers.
    first_broken: Option<ID>,
    /// What is wrong, as a sentence; null where nothing is.
    problem: Option<String>,
}

/// What other thresholds would have made of a campaign's claims.
#[derive(SimpleObject)]
pub struct PolicySimulation {
    /// Claims that were judged again: those with a verdict, the latest 10,000 at most.
    claims: i64,
    /// Those of them whose status or level would be another.
    changed: i64,
    /// How many have each level now; claims of which nothing was compared have none.
    before: Vec<LevelCount>,
    /// How many would have each level.
    after: Vec<LevelCount>,
    /// Verdicts that would be others, as they are: up to 10, the newest first.
    examples: Vec<Reconciliation>,
}

fn counts(levels: &BTreeMap<model::DiscrepancyLevel, i64>) -> Vec<LevelCount> {
    model::DiscrepancyLevel::ALL
        .iter()
        .map(|level| LevelCount::new(*level, levels.get(level).copied().unwrap_or_default()))
        .collect()
}

/// Queries that compute verdicts again.
#[derive(Default)]
pub struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Computes the hash chain of an affiliate's verdicts again, from the first: to itself and operators, and to advertisers
    /// that know it, who learn whether it is intact.
    #[graphql(complexity = "50 + child_complexity")]
    async fn verify_audit_trail(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose trail.")] affiliate_id: ID,
    ) -> async_graphql::Result<AuditVerification> {
        let id = Kind::Affiliate.row("affiliateId", &affiliate_id).top()?;
        let Some(found) = audit::verify(app(ctx), viewer(ctx)?, id).await.top()? else {
            return Err(not_found("affiliateId: there is no such affiliate"));
        };
        let broken = found.broken;
        Ok(AuditVerification {
            affiliate: Affiliate(found.affiliate),
            checked: found.checked,
            intact: broken.is_none(),
            head: found.head,
            first_broken: broken
                .as_ref()
                .and_then(|broken| broken.reconciliation_id)
                .map(|id| Kind::Reconciliation.id(id)),
            problem: broken.map(|broken| broken.problem),
        })
    }

    /// Judges the claims of a campaign by other thresholds, on the evidence that is stored: what is left out is as in the policy
    /// in force. Nothing is changed.
    #[graphql(complexity = "50 + child_complexity")]
    async fn simulate_policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which campaign.")] campaign_id: ID,
        #[graphql(desc = "The thresholds.")] policy: PolicyInput,
    ) -> async_graphql::Result<PolicySimulation> {
        let id = Kind::Campaign.row("campaignId", &campaign_id).top()?;
        let mut changes = Changes::in_argument(ctx, "policy");
        let choice = policy.changes(&mut changes, "");
        changes.finish().top()?;
        let result = simulation::simulate(app(ctx), viewer(ctx)?, id, choice).await;
        let found = match result {
            // A query has no userErrors.
            Err(Error::Refused(refusals))
                if refusals
                    .iter()
                    .any(|refusal| refusal.code == crate::error::RefusalCode::NotFound) =>
            {
                return Err(not_found("campaignId: there is no such campaign"));
            }
            result => result.top()?,
        };
        Ok(PolicySimulation {
            claims: found.claims,
            changed: found.changed,
            before: counts(&found.before),
            after: counts(&found.after),
            examples: found.examples.into_iter().map(Reconciliation).collect(),
        })
    }
}

fn not_found(message: &str) -> async_graphql::Error {
    top_level(Error::BadInput(message.into()))
        .extend_with(|_, extensions| extensions.set("code", "NOT_FOUND"))
}
