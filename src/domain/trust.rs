//! How far an affiliate's claims can be trusted (rule 13).
//!
//! A trust score is the share of accurate verdicts among those that count. Only FINAL verdicts
//! count, so that a score never moves on what a later check may take back, and each claim counts
//! once, because it has one FINAL verdict. The score is a fold over the affiliate's trust events,
//! in order; the two counters that are stored beside it are the same fold, and say nothing else.
//!
//! Everything here is a pure function and nothing fails.

use bigdecimal::BigDecimal;

use super::reconciliation::Verdict;
use crate::model::{DiscrepancyLevel, Finality, ReconciliationStatus};

/// The scores that are alerted on when passed downwards, in hundredths, highest first.
const THRESHOLDS: [u64; 3] = [80, 60, 40];

/// Whether a verdict counts for trust, and if it does, whether the claim was accurate.
///
/// A verdict counts when it is FINAL and a number above 0 was compared: `MATCHED`,
/// `PARTIALLY_MATCHED` and a LOW discrepancy are accurate, a MEDIUM or HIGH one is not. What could
/// not be checked speaks neither for nor against anybody.
#[must_use]
pub fn counts(verdict: &Verdict) -> Option<bool> {
    let compared = verdict
        .comparisons
        .iter()
        .any(|found| found.level.is_some() && found.claimed.is_some_and(|claimed| claimed > 0));
    if verdict.finality != Finality::Final || !compared {
        return None;
    }
    match verdict.status {
        ReconciliationStatus::Matched | ReconciliationStatus::PartiallyMatched => Some(true),
        ReconciliationStatus::Discrepancy => match verdict.level? {
            DiscrepancyLevel::None | DiscrepancyLevel::Low => Some(true),
            DiscrepancyLevel::Medium | DiscrepancyLevel::High => Some(false),
        },
        ReconciliationStatus::Unverifiable
        | ReconciliationStatus::NotComparable
        | ReconciliationStatus::Failed => None,
    }
}

/// The counters behind a trust score. The accurate ones are never more than all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct TrustScore {
    accurate: u64,
    total: u64,
}

impl TrustScore {
    /// The score with these counters; none where more are accurate than there are.
    #[must_use]
    pub const fn new(accurate: u64, total: u64) -> Option<Self> {
        if accurate <= total {
            Some(Self { accurate, total })
        } else {
            None
        }
    }

    /// The score after a series of trust events, oldest first, each accurate or not.
    #[must_use]
    pub fn fold(events: impl IntoIterator<Item = bool>) -> Self {
        events.into_iter().fold(Self::default(), Self::apply)
    }

    /// How many of the counting verdicts were accurate.
    #[must_use]
    pub const fn accurate(self) -> u64 {
        self.accurate
    }

    /// How many verdicts count.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.total
    }

    /// The score after one more verdict that counts.
    #[must_use]
    pub const fn apply(self, accurate: bool) -> Self {
        // At 2^64 verdicts the counters would stop, together and without passing each other.
        if self.total == u64::MAX {
            return self;
        }
        let accurate = if accurate {
            self.accurate + 1
        } else {
            self.accurate
        };
        Self {
            accurate,
            total: self.total + 1,
        }
    }

    /// The score as it is shown: 0.00 to 1.00, two decimals, halves rounded up; 1.00 where nothing
    /// counts yet.
    #[must_use]
    pub fn value(self) -> BigDecimal {
        hundredths_as_decimal(self.hundredths())
    }

    fn hundredths(self) -> u64 {
        if self.total == 0 {
            return 100;
        }
        let (accurate, total) = (u128::from(self.accurate), u128::from(self.total));
        let rounded = (accurate * 200 + total) / (2 * total);
        // At most 100, because no more are accurate than there are.
        u64::try_from(rounded).unwrap_or(100)
    }
}

/// The lowest of 0.80, 0.60 and 0.40 that the shown score went below, having been at or above it;
/// none where it passed none of them.
#[must_use]
pub fn drop_passed(before: TrustScore, after: TrustScore) -> Option<BigDecimal> {
    let passed =
        |threshold: &u64| before.hundredths() >= *threshold && after.hundredths() < *threshold;
    THRESHOLDS
        .into_iter()
        .filter(passed)
        .min()
        .map(hundredths_as_decimal)
}

fn hundredths_as_decimal(hundredths: u64) -> BigDecimal {
    BigDecimal::from((hundredths, 2))
}

/// A score as it is shown everywhere: with two decimals.
#[must_use]
pub fn shown(score: &BigDecimal) -> String {
    score.with_scale(2).to_plain_string()
}

#[cfg(test)]
mod tests {
    use bigdecimal::BigDecimal;
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::{TrustScore, counts, drop_passed};
    use crate::domain::reconciliation::{Comparison, ReasonCode, Verdict};
    use crate::model::{DiscrepancyLevel, Finality, Metric, ReconciliationStatus};

    /// A verdict with one metric, as far as trust looks at it.
    fn verdict(
        status: ReconciliationStatus,
        level: Option<DiscrepancyLevel>,
        finality: Finality,
    ) -> Verdict {
        Verdict {
            status,
            level,
            finality,
            comparisons: vec![Comparison {
                metric: Metric::Views,
                claimed: Some(5),
                actual: level.map(|_| 5),
                difference: level.map(|_| 0),
                difference_percent: None,
                level,
                evidence_grade: None,
                platform_report_id: None,
                reason_code: ReasonCode::WithinPlatformFigure,
                reason: String::new(),
            }],
            explanation: String::new(),
            platform_report_id: None,
        }
    }

    fn score(accurate: u64, total: u64) -> TrustScore {
        TrustScore::new(accurate, total).unwrap()
    }

    fn shown(accurate: u64, total: u64) -> String {
        score(accurate, total).value().to_plain_string()
    }

    #[test]
    fn matched_partially_matched_and_low_are_accurate_and_medium_and_high_are_not() {
        use DiscrepancyLevel::{High, Low, Medium, None as NoLevel};
        use ReconciliationStatus::{Discrepancy, Matched, PartiallyMatched};
        for (status, level, accurate) in [
            (Matched, NoLevel, true),
            (PartiallyMatched, NoLevel, true),
            (Discrepancy, Low, true),
            (Discrepancy, Medium, false),
            (Discrepancy, High, false),
        ] {
            let verdict = verdict(status, Some(level), Finality::Final);
            assert_eq!(counts(&verdict), Some(accurate), "{status} {level}");
        }
    }

    #[test]
    fn what_could_not_be_checked_does_not_count() {
        for status in [
            ReconciliationStatus::Unverifiable,
            ReconciliationStatus::NotComparable,
            ReconciliationStatus::Failed,
        ] {
            assert_eq!(counts(&verdict(status, None, Finality::Final)), None);
        }
    }

    #[test]
    fn a_provisional_verdict_waits() {
        for status in ReconciliationStatus::ALL {
            for level in DiscrepancyLevel::ALL {
                let verdict = verdict(*status, Some(*level), Finality::Provisional);
                assert_eq!(counts(&verdict), None);
            }
        }
    }

    #[test]
    fn a_match_of_zeros_alone_does_not_count() {
        let mut zeros = verdict(ReconciliationStatus::Matched, None, Finality::Final);
        zeros.comparisons[0].claimed = Some(0);
        assert_eq!(counts(&zeros), None);
        zeros.comparisons[0].claimed = None;
        assert_eq!(counts(&zeros), None);
    }

    #[test]
    fn a_score_is_one_until_something_counts() {
        assert_eq!(shown(0, 0), "1.00");
        assert_eq!(TrustScore::default(), score(0, 0));
    }

    #[test]
    fn a_score_has_two_decimals_and_halves_go_up() {
        assert_eq!(shown(0, 3), "0.00");
        assert_eq!(shown(1, 3), "0.33");
        assert_eq!(shown(2, 3), "0.67");
        assert_eq!(shown(3, 3), "1.00");
        assert_eq!(shown(1, 8), "0.13");
        assert_eq!(shown(1, 200), "0.01");
        assert_eq!(shown(1, 201), "0.00");
        assert_eq!(shown(u64::MAX, u64::MAX), "1.00");
    }

    #[test]
    fn more_accurate_verdicts_than_verdicts_are_no_score() {
        assert_eq!(TrustScore::new(2, 1), None);
    }

    #[test]
    fn a_drop_names_the_lowest_threshold_that_it_passed() {
        let passed = |before: TrustScore, after: TrustScore| {
            drop_passed(before, after).map(|threshold| threshold.to_plain_string())
        };
        assert_eq!(passed(score(8, 10), score(8, 11)).as_deref(), Some("0.80"));
        assert_eq!(passed(score(0, 0), score(0, 1)).as_deref(), Some("0.40"));
        assert_eq!(passed(score(1, 1), score(1, 2)).as_deref(), Some("0.60"));
        assert_eq!(passed(score(2, 3), score(2, 4)).as_deref(), Some("0.60"));
        assert_eq!(passed(score(9, 10), score(9, 11)), None);
        assert_eq!(passed(score(4, 10), score(5, 11)), None);
        assert_eq!(passed(score(7, 10), score(7, 11)), None);
        assert_eq!(passed(score(7, 11), score(8, 10)), None);
    }

    #[test]
    fn a_drop_goes_by_the_score_that_is_shown() {
        // 0.7958 is shown as 0.80, which is not below 0.80 yet.
        assert_eq!(drop_passed(score(191, 239), score(191, 240)), None);
        assert!(drop_passed(score(191, 240), score(191, 241)).is_some());
    }

    proptest! {
        #[test]
        fn folding_the_events_gives_the_counters(events in vec(any::<bool>(), 0..200)) {
            let folded = TrustScore::fold(events.iter().copied());
            let accurate = events.iter().filter(|accurate| **accurate).count();
            prop_assert_eq!(folded.accurate(), u64::try_from(accurate).unwrap());
            prop_assert_eq!(folded.total(), u64::try_from(events.len()).unwrap());
            prop_assert_eq!(TrustScore::new(folded.accurate(), folded.total()), Some(folded));
        }

        #[test]
        fn a_score_stays_between_zero_and_one(accurate in any::<u64>(), total in any::<u64>()) {
            let score = TrustScore::new(accurate.min(total), total).unwrap();
            prop_assert!(score.value() >= "0.00".parse::<BigDecimal>().unwrap());
            prop_assert!(score.value() <= "1.00".parse::<BigDecimal>().unwrap());
        }

        #[test]
        fn only_an_inaccurate_verdict_passes_a_threshold_downwards(
            accurate in 0..500_u64,
            more in 0..500_u64,
        ) {
            let before = score(accurate, accurate + more);
            prop_assert_eq!(drop_passed(before, before.apply(true)), None);
            if let Some(threshold) = drop_passed(before, before.apply(false)) {
                prop_assert!(before.value() >= threshold);
                prop_assert!(before.apply(false).value() < threshold);
            }
        }
    }
}
