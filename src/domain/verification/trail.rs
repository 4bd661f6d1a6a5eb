//! An affiliate's trust score and audit trail while a batch adds to them.

use std::collections::HashMap;

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};

use super::load::Task;
use crate::db::affiliate::{Affiliate, Progress};
use crate::db::reconciliation::NewReconciliation;
use crate::domain::reconciliation::canonical::{Record, canonical, chain_hash};
use crate::domain::reconciliation::{Comparison, Verdict};
use crate::domain::trust::{TrustScore, counts, drop_passed};
use crate::error::Error;

/// How a trust score moved by one verdict.
#[derive(Debug, Clone)]
pub(super) struct Movement {
    pub(super) accurate: bool,
    pub(super) before: BigDecimal,
    pub(super) after: BigDecimal,
    /// The lowest threshold that was passed downwards.
    pub(super) passed: Option<BigDecimal>,
}

/// The locked affiliates of a batch.
pub(super) struct Trails {
    affiliates: HashMap<i64, Trail>,
}

struct Trail {
    score: TrustScore,
    head: String,
    length: i64,
}

impl Trails {
    pub(super) fn new(affiliates: &[Affiliate]) -> Result<Self, Error> {
        let mut map = HashMap::new();
        for affiliate in affiliates {
            let score = TrustScore::new(
                u64::try_from(affiliate.accurate_submissions).map_err(Error::internal)?,
                u64::try_from(affiliate.total_submissions).map_err(Error::internal)?,
            )
            .ok_or_else(|| Error::internal("more accurate submissions than submissions"))?;
            let trail = Trail {
                score,
                head: affiliate.chain_head.clone(),
                length: affiliate.chain_length,
            };
            map.insert(affiliate.id, trail);
        }
        Ok(Self { affiliates: map })
    }

    /// Adds a verdict to its affiliate's trail: the row to be kept, and how trust moved where the verdict counts.
    pub(super) fn add(
        &mut self,
        task: &Task,
        verdict: &Verdict,
        raw_hash: Option<&str>,
        processed_at: DateTime<Utc>,
    ) -> Result<(NewReconciliation, Option<Movement>), Error> {
        let affiliate_id = task.post.affiliate_id;
        let trail = self
            .affiliates
            .get_mut(&affiliate_id)
            .ok_or_else(|| Error::internal("a verdict on an affiliate that is not locked"))?;
        let record = Record {
            report_id: task.report.id,
            post_id: task.post.id,
            affiliate_id,
            canonical_url: &task.post.canonical_url,
            claimed: task.report.claimed(),
            submitted_at: task.report.submitted_at,
            raw_observation_hash: raw_hash,
            verdict,
            processed_at,
            policy_version: task.policy.version,
        };
        let form = canonical(&record).map_err(Error::internal)?;
        let previous_hash = trail.head.clone();
        let hash = chain_hash(&previous_hash, &form);
        trail.head.clone_from(&hash);
        trail.length += 1;
        let movement = counts(verdict).map(|accurate| {
            let before = trail.score;
            trail.score = before.apply(accurate);
            Movement {
                accurate,
                before: before.value(),
                after: trail.score.value(),
                passed: drop_passed(before, trail.score),
            }
        });
        let row = NewReconciliation {
            affiliate_report_id: task.report.id,
            platform_report_id: verdict.platform_report_id,
            affiliate_id,
            post_id: task.post.id,
            policy_id: task.policy.id,
            status: verdict.status,
            discrepancy_level: verdict.level,
            finality: verdict.finality,
            comparisons: verdict
                .comparisons
                .iter()
                .map(Comparison::to_json)
                .collect(),
            explanation: verdict.explanation.clone(),
            chain_position: trail.length,
            previous_hash,
            hash,
            processed_at,
        };
        Ok((row, movement))
    }

    /// The state of every affiliate after the batch.
    pub(super) fn progress(&self) -> Result<Vec<Progress>, Error> {
        self.affiliates
            .iter()
            .map(|(id, trail)| {
                Ok(Progress {
                    id: *id,
                    trust_score: trail.score.value(),
                    total_submissions: i64::try_from(trail.score.total())
                        .map_err(Error::internal)?,
                    accurate_submissions: i64::try_from(trail.score.accurate())
                        .map_err(Error::internal)?,
                    chain_head: trail.head.clone(),
                    chain_length: trail.length,
                })
            })
            .collect()
    }
}
