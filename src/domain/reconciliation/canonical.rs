//! The form in which a verdict is hashed, and the chain of hashes (rule 16).
//!
//! Each affiliate has a chain: hash = SHA-256(previous hash ‖ canonical form), in lower-case hex,
//! where the previous hash enters as its 64 ASCII characters and that of the first link is
//! [`GENESIS`]. Whoever changes, removes or inserts a verdict afterwards has to change every hash
//! after it.
//!
//! The canonical form is JSON by RFC 8785: no white space, keys sorted, UTF-8. To leave nothing to
//! the reader's JSON library it holds no JSON number: ids, counts, differences, percentages and
//! versions are decimal numbers in strings (2^53 is no limit then), percentages with two decimals.
//! Times are RFC 3339 in UTC with exactly six decimals of the second and a `Z`, which is what the
//! database keeps. What is missing is null, never 0.
//!
//! ```text
//! {"claim":{"affiliate_id","canonical_url","clicks","conversions","post_id","report_id",
//!           "submitted_at","views"},
//!  "policy_version",
//!  "raw_observation_sha256",
//!  "verdict":{"comparisons":[{"actual","claimed","difference","difference_percent",
//!                             "evidence_grade","level","metric","platform_report_id","reason",
//!                             "reason_code"}],
//!             "explanation","finality","level","platform_report_id","processed_at","status"}}
//! ```
//!
//! Every key is lower-case ASCII, for which the order of bytes is the order of RFC 8785.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::stored::number;
use super::{Comparison, Verdict};
use crate::model::{DiscrepancyLevel, Metrics};

/// The previous hash of an affiliate's first verdict.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Everything that one link of the chain holds fast.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The affiliate report.
    pub report_id: i64,
    /// Its post.
    pub post_id: i64,
    /// Whose post it is.
    pub affiliate_id: i64,
    /// The canonical address of the post.
    pub canonical_url: &'a str,
    /// What was claimed.
    pub claimed: Metrics<Option<u64>>,
    /// When it was claimed.
    pub submitted_at: DateTime<Utc>,
    /// SHA-256 of the raw answer behind the observation that the verdict cites, in hex; none where
    /// there is none.
    pub raw_observation_hash: Option<&'a str>,
    /// The verdict.
    pub verdict: &'a Verdict,
    /// When the verdict was reached.
    pub processed_at: DateTime<Utc>,
    /// The policy it was reached by.
    pub policy_version: i32,
}

/// The canonical form of a record.
///
/// # Errors
/// None that is known: the record holds nothing that JSON cannot. The serializer's error is passed
/// on all the same.
pub fn canonical(record: &Record<'_>) -> Result<String, serde_json::Error> {
    let verdict = record.verdict;
    let comparisons: Vec<Value> = verdict
        .comparisons
        .iter()
        .map(Comparison::to_json)
        .collect();
    serde_json_canonicalizer::to_string(&json!({
        "claim": {
            "affiliate_id": record.affiliate_id.to_string(),
            "canonical_url": record.canonical_url,
            "clicks": number(record.claimed.clicks),
            "conversions": number(record.claimed.conversions),
            "post_id": record.post_id.to_string(),
            "report_id": record.report_id.to_string(),
            "submitted_at": instant(record.submitted_at),
            "views": number(record.claimed.views),
        },
        "policy_version": record.policy_version.to_string(),
        "raw_observation_sha256": record.raw_observation_hash,
        "verdict": {
            "comparisons": comparisons,
            "explanation": verdict.explanation,
            "finality": verdict.finality.as_str(),
            "level": verdict.level.map(DiscrepancyLevel::as_str),
            "platform_report_id": number(verdict.platform_report_id),
            "processed_at": instant(record.processed_at),
            "status": verdict.status.as_str(),
        },
    }))
}

/// The hash of a link: SHA-256 of the previous hash, as the hex text it is, followed by the
/// canonical form.
#[must_use]
pub fn chain_hash(previous: &str, canonical: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(previous.as_bytes());
    hasher.update(canonical.as_bytes());
    hex::encode(hasher.finalize())
}

fn instant(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
