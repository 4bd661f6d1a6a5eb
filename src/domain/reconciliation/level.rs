//! How far a claim is above a figure (rules 3 and 4), in exact numbers.

use bigdecimal::BigDecimal;
use bigdecimal::num_bigint::BigInt;

use super::Policy;
use crate::model::DiscrepancyLevel;

/// A claim that is above its figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Excess {
    /// LOW, MEDIUM or HIGH.
    pub(super) level: DiscrepancyLevel,
    /// Whether the percentage alone would have made it more than LOW.
    pub(super) within_floor: bool,
}

/// The excess of a claim over a figure; none where it is not above it.
pub(super) fn excess(claimed: u64, actual: u64, policy: &Policy) -> Option<Excess> {
    let difference = claimed
        .checked_sub(actual)
        .filter(|difference| *difference > 0)?;
    let level = by_percentage(difference, actual, policy);
    let within_floor = difference <= policy.absolute_floor && level > DiscrepancyLevel::Low;
    Some(Excess {
        level: if within_floor {
            DiscrepancyLevel::Low
        } else {
            level
        },
        within_floor,
    })
}

/// p = difference / actual · 100 against the policy's thresholds.
///
/// Both sides are multiplied by `actual`, so that nothing is divided and nothing rounded. The
/// products of decimals are exact and as long as they need to be, so that no threshold and no count
/// overflows them.
fn by_percentage(difference: u64, actual: u64, policy: &Policy) -> DiscrepancyLevel {
    if actual == 0 {
        return DiscrepancyLevel::High;
    }
    let share = BigDecimal::from(u128::from(difference) * 100);
    if share < &policy.low_below_percent * BigInt::from(actual) {
        DiscrepancyLevel::Low
    } else if share <= &policy.high_above_percent * BigInt::from(actual) {
        DiscrepancyLevel::Medium
    } else {
        DiscrepancyLevel::High
    }
}

/// Claimed less actual.
pub(super) fn difference(claimed: u64, actual: u64) -> i128 {
    i128::from(claimed) - i128::from(actual)
}

/// The difference in percent of the figure, with two decimals, halves away from zero; none for a
/// figure of 0.
pub(super) fn percent(claimed: u64, actual: u64) -> Option<BigDecimal> {
    if actual == 0 {
        return None;
    }
    let base = u128::from(actual);
    // At most 2^64 · 20,000, well inside 128 bits.
    let hundredths = (u128::from(claimed.abs_diff(actual)) * 20_000 + base) / (2 * base);
    let magnitude = BigInt::from(hundredths);
    Some(BigDecimal::new(
        if claimed < actual {
            -magnitude
        } else {
            magnitude
        },
        2,
    ))
}
