//! Rules 3 and 4 at their edges.

use bigdecimal::BigDecimal;

use super::super::Policy;
use super::super::level::{difference, excess, percent};
use crate::model::DiscrepancyLevel;
use crate::model::DiscrepancyLevel::{High, Low, Medium};

fn policy(low: &str, high: &str, absolute_floor: u64) -> Policy {
    Policy {
        low_below_percent: low.parse().unwrap(),
        high_above_percent: high.parse().unwrap(),
        absolute_floor,
        ..Policy::default()
    }
}

fn level(claimed: u64, actual: u64, policy: &Policy) -> Option<DiscrepancyLevel> {
    excess(claimed, actual, policy).map(|excess| excess.level)
}

#[test]
fn a_claim_at_or_below_the_figure_is_no_excess() {
    let policy = policy("5", "20", 0);
    for (claimed, actual) in [
        (100, 100),
        (99, 100),
        (1, u64::MAX),
        (u64::MAX, u64::MAX),
        (0, 0),
    ] {
        assert_eq!(
            level(claimed, actual, &policy),
            None,
            "{claimed} of {actual}"
        );
    }
}

#[test]
fn one_above_the_figure_is_an_excess() {
    let policy = policy("5", "20", 0);
    assert_eq!(level(101, 100, &policy), Some(Low));
    assert_eq!(level(u64::MAX, u64::MAX - 1, &policy), Some(Low));
}

#[test]
fn five_percent_exactly_is_medium_and_less_is_low() {
    let policy = policy("5", "20", 0);
    assert_eq!(level(105, 100, &policy), Some(Medium));
    assert_eq!(level(1_050, 1_000, &policy), Some(Medium));
    assert_eq!(level(1_049, 1_000, &policy), Some(Low));
    assert_eq!(level(104_999_999, 100_000_000, &policy), Some(Low));
}

#[test]
fn twenty_percent_exactly_is_medium_and_more_is_high() {
    let policy = policy("5", "20", 0);
    assert_eq!(level(120, 100, &policy), Some(Medium));
    assert_eq!(level(1_201, 1_000, &policy), Some(High));
    assert_eq!(level(120_000_001, 100_000_000, &policy), Some(High));
}

#[test]
fn the_edges_are_exact_where_a_float_would_round() {
    let policy = policy("5", "20", 0);
    for actual in [
        9_007_199_254_740_980,
        9_007_199_254_741_000,
        15_000_000_000_000_000_000,
    ] {
        let medium = actual + actual / 20;
        assert_eq!(
            level(medium, actual, &policy),
            Some(Medium),
            "5 % of {actual}"
        );
        assert_eq!(
            level(medium - 1, actual, &policy),
            Some(Low),
            "under 5 % of {actual}"
        );
        let high = actual + actual / 5;
        assert_eq!(
            level(high, actual, &policy),
            Some(Medium),
            "20 % of {actual}"
        );
        assert_eq!(
            level(high + 1, actual, &policy),
            Some(High),
            "over 20 % of {actual}"
        );
    }
}

#[test]
fn thresholds_with_decimals_are_exact() {
    let policy = policy("2.5", "7.25", 0);
    assert_eq!(level(10_249, 10_000, &policy), Some(Low));
    assert_eq!(level(10_250, 10_000, &policy), Some(Medium));
    assert_eq!(level(10_725, 10_000, &policy), Some(Medium));
    assert_eq!(level(10_726, 10_000, &policy), Some(High));
}

#[test]
fn the_largest_thresholds_and_counts_do_not_overflow() {
    let policy = policy("999999.999999", "1000000", 0);
    assert_eq!(level(u64::MAX, u64::MAX / 2, &policy), Some(Low));
    assert_eq!(level(10_001, 1, &policy), Some(Medium));
    assert_eq!(level(10_002, 1, &policy), Some(High));
    assert_eq!(level(u64::MAX, 1, &policy), Some(High));
}

#[test]
fn a_threshold_of_zero_leaves_no_room_below_it() {
    assert_eq!(level(1_001, 1_000, &policy("0", "20", 0)), Some(Medium));
    assert_eq!(level(1_001, 1_000, &policy("0", "0", 0)), Some(High));
}

#[test]
fn a_figure_of_zero_is_high_without_a_percentage() {
    assert_eq!(level(1, 0, &policy("5", "20", 0)), Some(High));
    assert_eq!(percent(1, 0), None);
}

#[test]
fn a_difference_at_the_floor_is_low_and_one_more_is_not() {
    let policy = policy("5", "20", 10);
    assert_eq!(level(20, 10, &policy), Some(Low));
    assert_eq!(level(21, 10, &policy), Some(High));
    assert_eq!(level(110, 100, &policy), Some(Low));
    assert_eq!(level(111, 100, &policy), Some(Medium));
}

#[test]
fn the_floor_holds_at_a_figure_of_zero() {
    let policy = policy("5", "20", 10);
    assert_eq!(level(10, 0, &policy), Some(Low));
    assert_eq!(level(11, 0, &policy), Some(High));
}

#[test]
fn the_floor_is_named_only_where_it_changed_the_level() {
    let policy = policy("5", "20", 10);
    assert!(excess(20, 10, &policy).unwrap().within_floor);
    assert!(!excess(1_001, 1_000, &policy).unwrap().within_floor);
    assert!(!excess(21, 10, &policy).unwrap().within_floor);
}

#[test]
fn a_percentage_has_two_decimals_and_halves_go_away_from_zero() {
    let shown = |claimed, actual| percent(claimed, actual).unwrap().to_plain_string();
    assert_eq!(shown(12_500, 10_000), "25.00");
    assert_eq!(shown(4, 3), "33.33");
    assert_eq!(shown(5, 3), "66.67");
    assert_eq!(shown(20_001, 20_000), "0.01");
    assert_eq!(shown(19_999, 20_000), "-0.01");
    assert_eq!(shown(200_009, 200_000), "0.00");
    assert_eq!(shown(7_500, 10_000), "-25.00");
    assert_eq!(shown(100, 100), "0.00");
}

#[test]
fn a_percentage_is_wide_enough_for_any_claim() {
    assert_eq!(
        percent(u64::MAX, 1),
        Some("1844674407370955161400.00".parse::<BigDecimal>().unwrap())
    );
    assert_eq!(difference(u64::MAX, 0), 18_446_744_073_709_551_615);
    assert_eq!(difference(0, u64::MAX), -18_446_744_073_709_551_615);
}
