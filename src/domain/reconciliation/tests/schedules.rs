//! Rule 12: when a claim is checked.

use chrono::Duration;

use super::{Case, claimed, schedule};
use crate::model::PlatformKind;

/// The checks of a claim as its ages in hours.
fn ages(case: &Case) -> Vec<i64> {
    schedule::checks(&case.claim, &case.policy)
        .into_iter()
        .map(|time| (time - case.claim.submitted_at).num_hours())
        .collect()
}

fn rechecked_at(mut case: Case, hours: &[i64]) -> Case {
    case.policy.rechecks = hours.iter().copied().map(Duration::hours).collect();
    case
}

#[test]
fn the_end_of_the_lag_joins_the_ages_of_the_policy() {
    assert_eq!(ages(&Case::views(5)), [1, 24, 48, 72, 168]);
}

#[test]
fn a_check_that_falls_together_with_another_is_one() {
    let youtube = Case::new(PlatformKind::YouTube, claimed(Some(5), None, None));
    assert_eq!(ages(&youtube), [1, 24, 72, 168]);
    assert_eq!(ages(&rechecked_at(youtube, &[72, 24, 24, 1])), [1, 24, 72]);
}

#[test]
fn no_lag_adds_no_check() {
    let reddit = Case::new(PlatformKind::Reddit, claimed(Some(5), None, None));
    assert_eq!(ages(&rechecked_at(reddit, &[2])), [2]);
}

#[test]
fn the_last_check_is_the_later_of_the_schedule_and_the_lag() {
    let early = rechecked_at(Case::views(5), &[1]);
    assert_eq!(ages(&early), [1, 48]);
    let submitted_at = early.claim.submitted_at;
    let is_last = |hours| {
        schedule::is_last(
            &early.claim,
            &early.policy,
            submitted_at + Duration::hours(hours),
        )
    };
    assert!(!is_last(1));
    assert!(!is_last(47));
    assert!(is_last(48));
    assert!(is_last(1_000));
}

#[test]
fn the_next_check_is_strictly_later() {
    let case = Case::views(5);
    let next = |minutes| {
        let now = case.claim.submitted_at + Duration::minutes(minutes);
        schedule::next_check(&case.claim, &case.policy, now)
            .map(|time| (time - case.claim.submitted_at).num_hours())
    };
    assert_eq!(next(0), Some(1));
    assert_eq!(next(59), Some(1));
    assert_eq!(next(60), Some(24));
    assert_eq!(next(168 * 60 - 1), Some(168));
    assert_eq!(next(168 * 60), None);
}

#[test]
fn with_an_empty_schedule_and_no_lag_the_first_check_is_the_last() {
    let mut case = rechecked_at(
        Case::new(PlatformKind::Reddit, claimed(Some(5), None, None)),
        &[],
    );
    assert!(ages(&case).is_empty());
    assert!(schedule::is_last(
        &case.claim,
        &case.policy,
        case.claim.submitted_at
    ));
    case.claim.platform = PlatformKind::X;
    case.claim.views_definition = "x.impression_count".to_owned();
    assert!(!schedule::is_last(
        &case.claim,
        &case.policy,
        case.claim.submitted_at
    ));
}

#[test]
fn an_age_beyond_the_calendar_is_left_out() {
    let mut case = Case::views(5);
    case.policy.rechecks = vec![Duration::hours(1), Duration::MAX];
    case.policy.lag_window = Some(Duration::MAX);
    assert_eq!(ages(&case), [1]);
}
