//! What may be set in a policy.

use chrono::Duration;

use super::super::{Policy, PolicyProblem};
use crate::model::{DiscrepancyLevel, MAX_COUNT};

const NOTHING: [(&str, PolicyProblem); 0] = [];

/// The fields that are refused, with what is wrong, after a change to the default policy.
fn refused(change: impl FnOnce(&mut Policy)) -> Vec<(&'static str, PolicyProblem)> {
    let mut policy = Policy::default();
    change(&mut policy);
    match policy.validate() {
        Ok(()) => Vec::new(),
        Err(errors) => errors
            .into_iter()
            .map(|error| (error.field, error.problem))
            .collect(),
    }
}

fn thresholds(low: &str, high: &str) -> Vec<(&'static str, PolicyProblem)> {
    refused(|policy| {
        policy.low_below_percent = low.parse().unwrap();
        policy.high_above_percent = high.parse().unwrap();
    })
}

#[test]
fn the_default_is_what_the_rules_say_and_is_valid() {
    let policy = Policy::default();
    assert_eq!(policy.validate(), Ok(()));
    assert_eq!(policy.low_below_percent.to_plain_string(), "5");
    assert_eq!(policy.high_above_percent.to_plain_string(), "20");
    assert_eq!(policy.absolute_floor, 10);
    assert_eq!(policy.alert_from, DiscrepancyLevel::Medium);
    assert_eq!(policy.lag_window, None);
    assert_eq!(policy.rechecks, [1, 24, 72, 168].map(Duration::hours));
}

#[test]
fn thresholds_are_from_zero_to_a_million_percent_and_in_order() {
    assert_eq!(thresholds("0", "0"), NOTHING);
    assert_eq!(thresholds("1000000", "1000000"), NOTHING);
    assert_eq!(thresholds("2.500000", "1E+6"), NOTHING);
    assert_eq!(
        thresholds("-0.01", "20"),
        [("lowBelowPercent", PolicyProblem::OutOfRange)]
    );
    assert_eq!(
        thresholds("5", "1000000.01"),
        [("highAbovePercent", PolicyProblem::OutOfRange)]
    );
    assert_eq!(
        thresholds("20.01", "20"),
        [("lowBelowPercent", PolicyProblem::OutOfRange)]
    );
}

#[test]
fn a_threshold_of_endless_digits_is_refused_without_being_written_out() {
    assert_eq!(
        thresholds("5.0000001", "20"),
        [("lowBelowPercent", PolicyProblem::Invalid)]
    );
    assert_eq!(
        thresholds("1e-999999999", "20"),
        [("lowBelowPercent", PolicyProblem::Invalid)]
    );
    assert_eq!(
        thresholds("0", "1e999999999"),
        [("highAbovePercent", PolicyProblem::OutOfRange)]
    );
    assert_eq!(
        thresholds("0e999999999", "20"),
        [("lowBelowPercent", PolicyProblem::OutOfRange)]
    );
}

#[test]
fn the_floor_is_a_count() {
    assert_eq!(refused(|policy| policy.absolute_floor = 0), NOTHING);
    assert_eq!(refused(|policy| policy.absolute_floor = MAX_COUNT), NOTHING);
    assert_eq!(
        refused(|policy| policy.absolute_floor = MAX_COUNT + 1),
        [("absoluteFloor", PolicyProblem::OutOfRange)]
    );
}

#[test]
fn an_alert_needs_a_level() {
    assert_eq!(
        refused(|policy| policy.alert_from = DiscrepancyLevel::Low),
        NOTHING
    );
    assert_eq!(
        refused(|policy| policy.alert_from = DiscrepancyLevel::None),
        [("alertFrom", PolicyProblem::Invalid)]
    );
}

#[test]
fn a_lag_window_is_from_zero_to_thirty_days() {
    let lag = |hours| refused(|policy| policy.lag_window = Some(Duration::hours(hours)));
    assert_eq!(lag(0), NOTHING);
    assert_eq!(lag(720), NOTHING);
    assert_eq!(lag(721), [("lagWindowHours", PolicyProblem::OutOfRange)]);
    assert_eq!(lag(-1), [("lagWindowHours", PolicyProblem::OutOfRange)]);
}

#[test]
fn rechecks_are_at_most_sixteen_ages_of_up_to_a_year() {
    let ages = |hours: &[i64]| {
        let rechecks: Vec<Duration> = hours.iter().copied().map(Duration::hours).collect();
        refused(|policy| policy.rechecks = rechecks)
    };
    assert_eq!(ages(&[]), NOTHING);
    assert_eq!(ages(&[1, 8760]), NOTHING);
    assert_eq!(ages(&[0]), [("recheckHours", PolicyProblem::OutOfRange)]);
    assert_eq!(ages(&[8761]), [("recheckHours", PolicyProblem::OutOfRange)]);
    assert_eq!(ages(&[5; 16]), NOTHING);
    assert_eq!(ages(&[5; 17]), [("recheckHours", PolicyProblem::TooMany)]);
}

#[test]
fn every_refused_field_is_named() {
    let errors = refused(|policy| {
        policy.absolute_floor = u64::MAX;
        policy.alert_from = DiscrepancyLevel::None;
        policy.rechecks = vec![Duration::zero()];
    });
    let fields: Vec<&str> = errors.into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields, ["absoluteFloor", "alertFrom", "recheckHours"]);
}
