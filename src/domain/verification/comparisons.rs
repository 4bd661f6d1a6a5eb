//! The comparisons of a verdict as they are stored, in the form in which they are hashed: numbers as decimal text.

use bigdecimal::BigDecimal;
use serde::{Deserialize, Serialize};

use crate::domain::reconciliation::{Comparison, ReasonCode};
use crate::error::Error;
use crate::model::{DiscrepancyLevel, EvidenceGrade, Metric};

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    metric: String,
    claimed: Option<String>,
    actual: Option<String>,
    difference: Option<String>,
    difference_percent: Option<BigDecimal>,
    level: Option<String>,
    evidence_grade: Option<String>,
    platform_report_id: Option<String>,
    reason_code: String,
    reason: String,
}

/// The stored form.
///
/// # Errors
/// None that is known; the serializer's error is passed on.
pub fn to_json(comparisons: &[Comparison]) -> Result<serde_json::Value, Error> {
    let stored: Vec<Stored> = comparisons
        .iter()
        .map(|comparison| Stored {
            metric: comparison.metric.as_str().to_owned(),
            claimed: comparison.claimed.map(|n| n.to_string()),
            actual: comparison.actual.map(|n| n.to_string()),
            difference: comparison.difference.map(|n| n.to_string()),
            difference_percent: comparison.difference_percent.clone(),
            level: comparison.level.map(|level| level.to_string()),
            evidence_grade: comparison.evidence_grade.map(|grade| grade.to_string()),
            platform_report_id: comparison.platform_report_id.map(|id| id.to_string()),
            reason_code: comparison.reason_code.as_str().to_owned(),
            reason: comparison.reason.clone(),
        })
        .collect();
    serde_json::to_value(stored).map_err(Error::internal)
}

/// The comparisons of a stored verdict.
///
/// # Errors
/// The stored form was altered.
pub fn from_json(value: &serde_json::Value) -> Result<Vec<Comparison>, Error> {
    let stored: Vec<Stored> = serde::Deserialize::deserialize(value).map_err(Error::internal)?;
    stored.into_iter().map(restore).collect()
}

fn restore(stored: Stored) -> Result<Comparison, Error> {
    fn parsed<T: std::str::FromStr>(text: Option<String>) -> Result<Option<T>, Error>
    where
        T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        text.map(|text| text.parse()).transpose().map_err(|error: T::Err| Error::Internal(error.into()))
    }
    let unknown = |name: &str| Error::internal(format!("a stored comparison has {name:?}"));
    Ok(Comparison {
        metric: Metric::ALL
            .into_iter()
            .find(|metric| metric.as_str() == stored.metric)
            .ok_or_else(|| unknown(&stored.metric))?,
        claimed: parsed(stored.claimed)?,
        actual: parsed(stored.actual)?,
        difference: parsed(stored.difference)?,
        difference_percent: stored.difference_percent,
        level: parsed::<DiscrepancyLevel>(stored.level)?,
        evidence_grade: parsed::<EvidenceGrade>(stored.evidence_grade)?,
        platform_report_id: parsed(stored.platform_report_id)?,
        reason_code: ReasonCode::ALL
            .into_iter()
            .find(|code| code.as_str() == stored.reason_code)
            .ok_or_else(|| unknown(&stored.reason_code))?,
        reason: stored.reason,
    })
}
