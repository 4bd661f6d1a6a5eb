//! Whether a verdict may still change (rule 11).

use super::Context;
use super::finding::Finding;
use crate::model::{Finality, Metrics};

/// FINAL where nothing is left to wait for, and at the last check.
pub(super) fn of(context: &Context<'_>, findings: &Metrics<Finding<'_>>) -> Finality {
    if context.last_check
        || context.duplicate
        || findings.iter().all(|(_, finding)| is_settled(finding))
    {
        Finality::Final
    } else {
        Finality::Provisional
    }
}

/// Whether no later observation is waited for.
const fn is_settled(finding: &Finding<'_>) -> bool {
    match finding {
        Finding::NotClaimed
        | Finding::ClaimedZero
        | Finding::Duplicate
        | Finding::Verified { .. }
        | Finding::Unsupported { .. } => true,
        Finding::Over { confirmed, .. } => *confirmed,
        Finding::NotConfirmed { .. }
        | Finding::NotComparable { .. }
        | Finding::Unavailable { .. }
        | Finding::Gone { .. }
        | Finding::Unreachable { .. }
        | Finding::NotObserved
        | Finding::NoSignedOrders => false,
    }
}

/// What the last check makes of a finding: a figure that may not have been settled yet accuses
/// nobody for good.
pub(super) const fn at_last_check(finding: Finding<'_>) -> Finding<'_> {
    match finding {
        Finding::Over {
            basis,
            confirmed: false,
            ..
        } => Finding::NotConfirmed { basis },
        settled => settled,
    }
}
