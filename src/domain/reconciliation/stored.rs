//! How a comparison is kept: as JSON, in the table of verdicts and inside the canonical form that
//! is hashed.
//!
//! Every number is a decimal number in a string, so that no reader's JSON library rounds it; what
//! is missing is null. Reading back fails on anything that [`Comparison::to_json`] does not write,
//! with the field that is wrong.

use std::fmt;
use std::str::FromStr;

use bigdecimal::BigDecimal;
use serde_json::{Value, json};

use super::Comparison;
use crate::model::{DiscrepancyLevel, EvidenceGrade, Metric};

/// A stored comparison that is not in the form in which comparisons are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedComparison {
    /// The field that is missing or wrong.
    pub field: &'static str,
}

impl fmt::Display for MalformedComparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a stored comparison has no valid {}", self.field)
    }
}

impl std::error::Error for MalformedComparison {}

impl Comparison {
    /// The comparison as it is stored and hashed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "actual": number(self.actual),
            "claimed": number(self.claimed),
            "difference": number(self.difference),
            "difference_percent": self.difference_percent.as_ref().map(percent),
            "evidence_grade": self.evidence_grade.map(EvidenceGrade::as_str),
            "level": self.level.map(DiscrepancyLevel::as_str),
            "metric": self.metric.as_str(),
            "platform_report_id": number(self.platform_report_id),
            "reason": self.reason,
            "reason_code": self.reason_code.as_str(),
        })
    }

    /// The comparison that was stored.
    ///
    /// # Errors
    /// The first field that is missing or wrong; `form` where all are right but not written as
    /// [`Comparison::to_json`] writes them.
    pub fn from_json(stored: &Value) -> Result<Self, MalformedComparison> {
        let metric: String = required(stored, "metric")?;
        let metric = Metric::ALL
            .into_iter()
            .find(|known| known.as_str() == metric)
            .ok_or(MalformedComparison { field: "metric" })?;
        let comparison = Self {
            metric,
            claimed: optional(stored, "claimed")?,
            actual: optional(stored, "actual")?,
            difference: optional(stored, "difference")?,
            difference_percent: plain_decimal(stored, "difference_percent")?,
            level: optional(stored, "level")?,
            evidence_grade: optional(stored, "evidence_grade")?,
            platform_report_id: optional(stored, "platform_report_id")?,
            reason_code: required(stored, "reason_code")?,
            reason: required(stored, "reason")?,
        };
        // One comparison has one form, or what is hashed would not be what is stored.
        if comparison.to_json() == *stored {
            Ok(comparison)
        } else {
            Err(MalformedComparison { field: "form" })
        }
    }
}

/// A number as a string; null where there is none.
pub(super) fn number(number: Option<impl ToString>) -> Option<String> {
    number.map(|number| number.to_string())
}

/// At least two decimals, however many the decimal was made with; no digit is dropped.
fn percent(percent: &BigDecimal) -> String {
    let scale = percent.fractional_digit_count().max(2);
    percent.with_scale(scale).to_plain_string()
}

/// A decimal without an exponent, which a few characters could make too long to write out.
fn plain_decimal(
    stored: &Value,
    field: &'static str,
) -> Result<Option<BigDecimal>, MalformedComparison> {
    let Some(text) = optional::<String>(stored, field)? else {
        return Ok(None);
    };
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    match text.parse::<BigDecimal>() {
        Ok(decimal) if is_plain => Ok(Some(decimal)),
        _ => Err(MalformedComparison { field }),
    }
}

fn optional<T: FromStr>(
    stored: &Value,
    field: &'static str,
) -> Result<Option<T>, MalformedComparison> {
    match stored.get(field) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text
            .parse::<T>()
            .map(Some)
            .map_err(|_| MalformedComparison { field }),
        _ => Err(MalformedComparison { field }),
    }
}

fn required<T: FromStr>(stored: &Value, field: &'static str) -> Result<T, MalformedComparison> {
    optional(stored, field)?.ok_or(MalformedComparison { field })
}
