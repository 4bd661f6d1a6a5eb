//! What a check concludes.

use bigdecimal::BigDecimal;

use super::ReasonCode;
use crate::model::{DiscrepancyLevel, EvidenceGrade, Finality, Metric, ReconciliationStatus};

/// The verdict on one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The claim as a whole.
    pub status: ReconciliationStatus,
    /// How far it is above the platform: the highest level of its metrics; none where nothing was
    /// compared.
    pub level: Option<DiscrepancyLevel>,
    /// Whether a later check may say otherwise.
    pub finality: Finality,
    /// One for each metric: views, clicks, conversions.
    pub comparisons: Vec<Comparison>,
    /// The sentences of the claimed metrics, and what happens next.
    pub explanation: String,
    /// The newest platform report since the claim; none where there is none.
    pub platform_report_id: Option<i64>,
}

/// The verdict on one metric.
///
/// `actual`, both differences, `level` and `evidence_grade` are set where a number was compared and
/// only there; of these, `difference_percent` is also missing where `actual` is 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Which metric.
    pub metric: Metric,
    /// What was claimed; none is not claimed.
    pub claimed: Option<u64>,
    /// The figure that it was compared with.
    pub actual: Option<u64>,
    /// Claimed less actual; negative where the claim is below the figure.
    pub difference: Option<i128>,
    /// The difference in percent of the figure, with two decimals, halves rounded away from zero.
    /// For display: the level is not decided on it.
    pub difference_percent: Option<BigDecimal>,
    /// How far the claim is above the figure.
    pub level: Option<DiscrepancyLevel>,
    /// How strong the figure is.
    pub evidence_grade: Option<EvidenceGrade>,
    /// The platform report that the reason speaks of, compared or not; none where there is none.
    pub platform_report_id: Option<i64>,
    /// Why this metric was judged as it was.
    pub reason_code: ReasonCode,
    /// The same as a sentence with its numbers.
    pub reason: String,
}
