//! Rule 10: the status of the whole claim.

use super::{
    Case, ReasonCode, claimed, nothing_told, only_clicks, only_views, reported, unavailable,
    unsupported,
};
use crate::model::{
    DiscrepancyLevel, Finality, Metric, Metrics, Observed, PlatformKind, ReconciliationStatus,
};

fn summary(case: &Case) -> (ReconciliationStatus, Option<DiscrepancyLevel>) {
    let verdict = case.verdict();
    (verdict.status, verdict.level)
}

/// A claim of views and clicks on a platform that tells both.
fn views_and_clicks(views: u64, clicks: u64) -> Case {
    Case::new(PlatformKind::Meta, claimed(Some(views), Some(clicks), None))
}

fn told(views: u64, clicks: u64) -> Metrics<Observed> {
    Metrics {
        views: reported(views, "meta.post_media_view"),
        clicks: reported(clicks, "meta.post_clicks"),
        conversions: unavailable(),
    }
}

#[test]
fn all_verified_is_matched() {
    let case = views_and_clicks(1_000, 50).observed(1, told(1_000, 60));
    assert_eq!(
        summary(&case),
        (ReconciliationStatus::Matched, Some(DiscrepancyLevel::None))
    );
}

#[test]
fn nulls_and_zeros_match_at_once_without_a_level() {
    for claimed in [
        Metrics::default(),
        claimed(Some(0), None, None),
        claimed(Some(0), Some(0), Some(0)),
        claimed(None, None, Some(0)),
    ] {
        for case in [
            Case::new(PlatformKind::X, claimed),
            Case::new(PlatformKind::X, claimed).unreachable(),
            Case::new(PlatformKind::X, claimed).gone(1),
        ] {
            assert_eq!(summary(&case), (ReconciliationStatus::Matched, None));
            assert_eq!(case.verdict().finality, Finality::Final);
        }
    }
}

#[test]
fn a_zero_beside_an_unknown_does_not_count_as_verified() {
    let case = views_and_clicks(0, 50).observed(1, nothing_told());
    assert_eq!(summary(&case), (ReconciliationStatus::Unverifiable, None));
}

#[test]
fn a_zero_beside_a_verified_metric_is_matched() {
    let case = views_and_clicks(0, 50).observed(1, told(9, 50));
    assert_eq!(
        summary(&case),
        (ReconciliationStatus::Matched, Some(DiscrepancyLevel::None))
    );
}

#[test]
fn some_verified_and_others_unknown_is_partially_matched() {
    let case = views_and_clicks(100, 50).observed(1, only_clicks(reported(50, "meta.post_clicks")));
    assert_eq!(
        summary(&case),
        (
            ReconciliationStatus::PartiallyMatched,
            Some(DiscrepancyLevel::None)
        ),
    );
}

#[test]
fn one_metric_over_is_a_discrepancy_whatever_the_others_are() {
    let verified = views_and_clicks(1_000, 5_000).observed(1, told(1_000, 4_900));
    assert_eq!(
        summary(&verified),
        (
            ReconciliationStatus::Discrepancy,
            Some(DiscrepancyLevel::Low)
        ),
    );
    let unknown = views_and_clicks(1_000, 5_000)
        .observed(1, only_clicks(reported(4_500, "meta.post_clicks")))
        .unreachable();
    assert_eq!(
        summary(&unknown),
        (
            ReconciliationStatus::Discrepancy,
            Some(DiscrepancyLevel::Medium)
        ),
    );
}

#[test]
fn the_highest_level_of_the_metrics_is_that_of_the_claim() {
    let case = views_and_clicks(10_400, 5_000).observed(1, told(10_000, 1_000));
    assert_eq!(
        summary(&case),
        (
            ReconciliationStatus::Discrepancy,
            Some(DiscrepancyLevel::High)
        )
    );
}

#[test]
fn nothing_verified_is_not_comparable_where_a_metric_was() {
    let metrics = Metrics {
        views: reported(10, "meta.reach"),
        clicks: unavailable(),
        conversions: unavailable(),
    };
    let case = views_and_clicks(1_000, 50).observed(1, metrics);
    assert_eq!(summary(&case), (ReconciliationStatus::NotComparable, None));
}

#[test]
fn nothing_verified_is_unverifiable_where_the_platform_answered() {
    for case in [
        Case::views(100).observed(1, nothing_told()),
        Case::views(100).gone(1),
        Case::views(100),
        Case::new(PlatformKind::Reddit, claimed(Some(9), None, None))
            .observed(1, only_views(unsupported())),
        Case::new(PlatformKind::Reddit, claimed(None, None, Some(9))),
    ] {
        assert_eq!(summary(&case), (ReconciliationStatus::Unverifiable, None));
    }
}

#[test]
fn nothing_verified_is_failed_where_this_check_did_not_reach_the_platform() {
    for case in [
        Case::views(100).unreachable(),
        Case::views(100).observed(1, nothing_told()).unreachable(),
        Case::views(100)
            .observed(1, only_views(reported(1, "instagram.plays")))
            .unreachable(),
        Case::views(100)
            .views_observed(1, 50)
            .unreachable()
            .checked(168)
            .last(),
    ] {
        assert_eq!(summary(&case), (ReconciliationStatus::Failed, None));
    }
}

#[test]
fn what_was_verified_before_is_not_failed_by_a_later_outage() {
    let case = Case::views(100).views_observed(1, 100).unreachable();
    assert_eq!(summary(&case).0, ReconciliationStatus::Matched);
}

#[test]
fn a_duplicate_is_unverifiable_and_final_whatever_was_observed() {
    for case in [
        views_and_clicks(1_000, 50).duplicate(),
        views_and_clicks(1_000, 50)
            .observed(72, told(1, 1))
            .duplicate(),
        views_and_clicks(1_000, 50).unreachable().duplicate(),
        views_and_clicks(0, 0).duplicate(),
    ] {
        assert_eq!(summary(&case), (ReconciliationStatus::Unverifiable, None));
        assert_eq!(case.verdict().finality, Finality::Final);
        assert_eq!(case.code(Metric::Views), ReasonCode::Duplicate);
        assert_eq!(case.code(Metric::Clicks), ReasonCode::Duplicate);
    }
}

#[test]
fn the_verdict_cites_the_newest_observation_since_the_claim() {
    let case = Case::views(100)
        .views_observed(-2, 7)
        .views_observed(5, 100)
        .views_observed(3, 90);
    assert_eq!(case.verdict().platform_report_id, Some(101));
    assert_eq!(Case::views(100).verdict().platform_report_id, None);
}
