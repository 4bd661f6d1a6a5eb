//! The audit trail of an affiliate is computed again: every verdict's hash from what is stored of claim, observation, verdict
//! and policy, and the chain from one to the next (rule 16).

use std::collections::HashMap;

use super::access::{Principal, Viewer};
use super::reconciliation::canonical::{GENESIS, Record, canonical, chain_hash};
use super::reconciliation::{Comparison, Verdict};
use super::visible;
use crate::app::App;
use crate::crypto::sha256;
use crate::db::affiliate::Affiliate;
use crate::db::reconciliation::Reconciliation;
use crate::db::{
    Connection, affiliate, affiliate_report, campaign, platform_report, post, reconciliation,
};
use crate::error::Error;

/// Verdicts at a time.
const STEP: i64 = 500;

/// What came of computing an affiliate's audit trail again.
#[derive(Debug, Clone)]
pub struct Audit {
    /// Whose trail.
    pub affiliate: Affiliate,
    /// How many verdicts were found to be as they were written.
    pub checked: i64,
    /// The hash of the last of them; zeros where there is none.
    pub head: String,
    /// The first thing that is not as it was written.
    pub broken: Option<Broken>,
}

/// Something that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// At which verdict; none where what is wrong is at the end of the trail.
    pub reconciliation_id: Option<i64>,
    /// What, as a sentence.
    pub problem: String,
}

/// Computes the trail of an affiliate again, as it is at one moment. Advertisers learn only whether it is intact.
///
/// # Errors
/// There is no such affiliate that the caller may see: none.
pub async fn verify(app: &App, viewer: &Viewer, affiliate_id: i64) -> Result<Option<Audit>, Error> {
    if visible::affiliates(app, viewer, &[affiliate_id])
        .await?
        .is_empty()
    {
        return Ok(None);
    }
    let mut connection = app.db.get().await?;
    // One snapshot: a verdict that is written meanwhile is not half seen.
    let mut audit = connection
        .build_transaction()
        .read_only()
        .repeatable_read()
        .run::<_, Error, _>(async |connection| walk(connection, affiliate_id).await)
        .await?;
    if matches!(viewer.principal, Principal::Advertiser(_)) {
        // Most of the trail is of other programs: how long it is and how fast it grows is not this advertiser's to know.
        audit.checked = 0;
        GENESIS.clone_into(&mut audit.head);
        audit.broken = audit.broken.map(|_| Broken {
            reconciliation_id: None,
            problem: "The audit trail is not as it was written.".to_owned(),
        });
    }
    Ok(Some(audit))
}

async fn walk(connection: &mut Connection, affiliate_id: i64) -> Result<Audit, Error> {
    let affiliate = affiliate::list_by_id(connection, &[affiliate_id])
        .await?
        .pop()
        .ok_or_else(|| Error::internal("an affiliate that is there is not there"))?;
    let mut audit = Audit {
        affiliate,
        checked: 0,
        head: GENESIS.to_owned(),
        broken: None,
    };
    loop {
        let rows =
            reconciliation::list_trail(connection, affiliate_id, audit.checked, STEP).await?;
        if rows.is_empty() {
            break;
        }
        let evidence = Evidence::read(connection, &rows).await?;
        for row in &rows {
            if let Some(problem) = evidence.problem(row, &audit) {
                audit.broken = Some(Broken {
                    reconciliation_id: Some(row.id),
                    problem,
                });
                return Ok(audit);
            }
            audit.head.clone_from(&row.hash);
            audit.checked += 1;
        }
    }
    let known = &audit.affiliate;
    if (known.chain_length, known.chain_head.as_str()) != (audit.checked, audit.head.as_str()) {
        audit.broken = Some(Broken {
            reconciliation_id: None,
            problem: format!(
                "The trail ends after {} verdicts, and {} were written, the last with the hash {}.",
                audit.checked, known.chain_length, known.chain_head
            ),
        });
    }
    Ok(audit)
}

/// What the verdicts of a step rest on.
struct Evidence {
    reports: HashMap<i64, affiliate_report::AffiliateReport>,
    posts: HashMap<i64, post::Post>,
    policies: HashMap<i64, campaign::Policy>,
    observations: HashMap<i64, platform_report::PlatformReport>,
}

impl Evidence {
    async fn read(connection: &mut Connection, rows: &[Reconciliation]) -> Result<Self, Error> {
        let ids = |id: fn(&Reconciliation) -> i64| rows.iter().map(id).collect::<Vec<i64>>();
        let claims = ids(|r| r.affiliate_report_id);
        let reports = affiliate_report::list_by_id(connection, &claims).await?;
        let posts = post::list_by_id(connection, &ids(|r| r.post_id)).await?;
        let policies = campaign::list_policies_by_id(connection, &ids(|r| r.policy_id)).await?;
        let cited: Vec<i64> = rows.iter().filter_map(|r| r.platform_report_id).collect();
        let observations = platform_report::list_by_id(connection, &cited).await?;
        Ok(Self {
            reports: reports.into_iter().map(|row| (row.id, row)).collect(),
            posts: posts.into_iter().map(|row| (row.id, row)).collect(),
            policies: policies.into_iter().map(|row| (row.id, row)).collect(),
            observations: observations.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    /// What is wrong with a verdict, if anything is.
    fn problem(&self, row: &Reconciliation, audit: &Audit) -> Option<String> {
        let position = audit.checked + 1;
        if row.chain_position != position {
            return Some(format!("Verdict {position} of the trail is missing."));
        }
        if row.previous_hash != audit.head {
            return Some("It does not follow the verdict before it.".to_owned());
        }
        let missing = |what: &str| Some(format!("The {what} that it rests on is missing."));
        let Some(report) = self.reports.get(&row.affiliate_report_id) else {
            return missing("claim");
        };
        let Some(post) = self.posts.get(&row.post_id) else {
            return missing("post");
        };
        let Some(policy) = self.policies.get(&row.policy_id) else {
            return missing("policy");
        };
        let raw_hash = match row.platform_report_id {
            None => None,
            Some(id) => match self.observations.get(&id) {
                None => return missing("observation"),
                Some(observation) => {
                    let computed = serde_json_canonicalizer::to_string(&observation.raw_data)
                        .map(|text| hex::encode(sha256(text.as_bytes())));
                    if computed.ok().as_ref() != Some(&observation.raw_hash) {
                        return Some("The platform's answer that it cites was altered.".to_owned());
                    }
                    Some(observation.raw_hash.as_str())
                }
            },
        };
        let comparisons: Option<Vec<Comparison>> = row.comparisons.as_array().and_then(|stored| {
            stored
                .iter()
                .map(|value| Comparison::from_json(value).ok())
                .collect()
        });
        let Some(comparisons) = comparisons else {
            return Some("Its comparisons were altered.".to_owned());
        };
        let verdict = Verdict {
            status: row.status,
            level: row.discrepancy_level,
            finality: row.finality,
            comparisons,
            explanation: row.explanation.clone(),
            platform_report_id: row.platform_report_id,
        };
        let record = Record {
            report_id: report.id,
            post_id: post.id,
            affiliate_id: row.affiliate_id,
            canonical_url: &post.canonical_url,
            claimed: report.claimed(),
            submitted_at: report.submitted_at,
            raw_observation_hash: raw_hash,
            verdict: &verdict,
            processed_at: row.processed_at,
            policy_version: policy.version,
        };
        let computed = canonical(&record).map(|form| chain_hash(&row.previous_hash, &form));
        if computed.ok().as_ref() == Some(&row.hash) {
            None
        } else {
            Some("The claim, the verdict or its hash was altered.".to_owned())
        }
    }
}
