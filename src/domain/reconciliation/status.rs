//! The verdict on the whole claim (rule 10).

use super::finding::Finding;
use super::{Check, Context};
use crate::model::{DiscrepancyLevel, Metrics, ReconciliationStatus};

/// The status of a claim and its level, which is none where nothing was compared.
pub(super) fn of(
    context: &Context<'_>,
    findings: &Metrics<Finding<'_>>,
) -> (ReconciliationStatus, Option<DiscrepancyLevel>) {
    if context.duplicate {
        return (ReconciliationStatus::Unverifiable, None);
    }
    let mut judged = 0_usize;
    let mut verified = 0_usize;
    let mut not_comparable = false;
    let mut over: Option<DiscrepancyLevel> = None;
    for (_, finding) in findings.iter().filter(|(_, finding)| finding.is_judged()) {
        judged += 1;
        match finding {
            Finding::Verified { .. } => verified += 1,
            Finding::Over { excess, .. } => over = over.max(Some(excess.level)),
            Finding::NotComparable { .. } => not_comparable = true,
            _ => {}
        }
    }
    if over.is_some() {
        (ReconciliationStatus::Discrepancy, over)
    } else if judged == 0 {
        (ReconciliationStatus::Matched, None)
    } else if verified == judged {
        (ReconciliationStatus::Matched, Some(DiscrepancyLevel::None))
    } else if verified > 0 {
        (
            ReconciliationStatus::PartiallyMatched,
            Some(DiscrepancyLevel::None),
        )
    } else if matches!(context.check, Check::Unreachable { .. }) {
        (ReconciliationStatus::Failed, None)
    } else if not_comparable {
        (ReconciliationStatus::NotComparable, None)
    } else {
        (ReconciliationStatus::Unverifiable, None)
    }
}
