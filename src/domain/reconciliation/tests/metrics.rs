//! One metric at a time: rules 1, 2, 5, 6, 8 and 9, and a test for each reason code.

use std::str::FromStr;

use super::{
    Case, ReasonCode, claimed, default_definition, graded, nothing_told, only_clicks,
    only_conversions, only_views, reported, unavailable, unsupported,
};
use crate::model::{
    DiscrepancyLevel, EvidenceGrade, Metric, Metrics, Observed, PlatformKind, ReconciliationStatus,
};
use crate::platform::definitions;

#[test]
fn null_is_not_claimed_and_has_no_level() {
    let comparison = Case::views(5)
        .views_observed(1, 10)
        .comparison(Metric::Clicks);
    assert_eq!(comparison.reason_code, ReasonCode::NotClaimed);
    assert_eq!(comparison.claimed, None);
    assert_eq!(comparison.level, None);
}

#[test]
fn zero_is_not_compared_even_where_the_platform_has_a_number() {
    let comparison = Case::views(0)
        .views_observed(1, 10)
        .comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::ClaimedZero);
    assert_eq!((comparison.claimed, comparison.actual), (Some(0), None));
    assert_eq!(comparison.level, None);
}

#[test]
fn a_claim_at_or_below_the_figure_is_verified() {
    for views in [1, 9_999, 10_000] {
        let comparison = Case::views(views)
            .views_observed(1, 10_000)
            .comparison(Metric::Views);
        assert_eq!(comparison.reason_code, ReasonCode::WithinPlatformFigure);
        assert_eq!(comparison.level, Some(DiscrepancyLevel::None));
        assert_eq!(comparison.actual, Some(10_000));
        assert_eq!(comparison.difference, Some(i128::from(views) - 10_000));
        assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::OwnerToken));
        assert_eq!(comparison.platform_report_id, Some(100));
    }
}

#[test]
fn a_claim_above_the_figure_shows_its_numbers() {
    let comparison = Case::views(12_500)
        .views_observed(1, 10_000)
        .comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::AbovePlatformFigure);
    assert_eq!(comparison.level, Some(DiscrepancyLevel::High));
    assert_eq!(comparison.difference, Some(2_500));
    assert_eq!(
        comparison.difference_percent.unwrap().to_plain_string(),
        "25.00"
    );
}

#[test]
fn a_figure_of_zero_is_a_number_and_has_no_percentage() {
    let comparison = Case::views(500)
        .views_observed(1, 0)
        .comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::ZeroOnPlatform);
    assert_eq!(comparison.level, Some(DiscrepancyLevel::High));
    assert_eq!(comparison.actual, Some(0));
    assert_eq!(comparison.difference, Some(500));
    assert_eq!(comparison.difference_percent, None);
}

#[test]
fn the_floor_is_the_reason_where_it_made_the_level_low() {
    for (views, figure) in [(20, 10), (10, 0)] {
        let comparison = Case::views(views)
            .views_observed(1, figure)
            .comparison(Metric::Views);
        assert_eq!(comparison.reason_code, ReasonCode::WithinFloor);
        assert_eq!(comparison.level, Some(DiscrepancyLevel::Low));
    }
}

#[test]
fn a_purge_after_an_honest_claim_accuses_nobody() {
    let case = Case::views(10_000)
        .views_observed(1, 10_400)
        .views_observed(72, 3_000);
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::WithinPlatformFigure);
    assert_eq!(comparison.actual, Some(10_400));
    assert_eq!(comparison.platform_report_id, Some(100));
}

#[test]
fn an_observation_from_before_the_claim_neither_accuses_nor_clears() {
    let case = Case::views(10_000).views_observed(-1, 5_000).checked(1);
    assert_eq!(case.code(Metric::Views), ReasonCode::NotObservedYet);
    let case = Case::views(10_000)
        .views_observed(-1, 50_000)
        .views_observed(1, 9_000);
    assert_eq!(case.code(Metric::Views), ReasonCode::AbovePlatformFigure);
}

#[test]
fn an_observation_at_the_moment_of_the_claim_counts() {
    let case = Case::views(10_000).views_observed(0, 10_000);
    assert_eq!(case.code(Metric::Views), ReasonCode::WithinPlatformFigure);
}

#[test]
fn another_definition_clears_a_claim_and_shows_its_grade() {
    let plays = graded(12_000, "instagram.plays", EvidenceGrade::Public);
    let case = Case::views(10_000).observed(1, only_views(plays.clone()));
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::ClearedByOtherDefinition);
    assert_eq!(comparison.level, Some(DiscrepancyLevel::None));
    assert_eq!(comparison.actual, Some(12_000));
    assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::Public));

    let beside = Case::views(10_000)
        .views_observed(1, 8_000)
        .observed(1, only_views(plays));
    assert_eq!(
        beside.code(Metric::Views),
        ReasonCode::ClearedByOtherDefinition
    );
}

#[test]
fn another_definition_never_accuses() {
    let plays = reported(8_000, "instagram.plays");
    let case = Case::views(10_000).observed(72, only_views(plays));
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::NotComparable);
    assert_eq!(comparison.level, None);
    assert_eq!(comparison.actual, None);
    assert_eq!(comparison.difference, None);
    assert_eq!(comparison.platform_report_id, Some(100));
}

#[test]
fn the_definition_of_the_campaign_decides_what_a_view_is() {
    let mut case = Case::views(10_000).observed(1, only_views(reported(8_000, "instagram.plays")));
    case.claim.views_definition = "instagram.plays".to_owned();
    assert_eq!(case.code(Metric::Views), ReasonCode::AbovePlatformFigure);
}

#[test]
fn clicks_are_compared_under_the_definition_of_the_platform() {
    let case = Case::new(PlatformKind::Meta, claimed(None, Some(100), None));
    let own = case
        .clone()
        .observed(1, only_clicks(reported(50, "meta.post_clicks")));
    assert_eq!(own.code(Metric::Clicks), ReasonCode::AbovePlatformFigure);
    let foreign = case.observed(1, only_clicks(reported(50, "meta.link_clicks")));
    assert_eq!(foreign.code(Metric::Clicks), ReasonCode::NotComparable);
}

#[test]
fn the_better_grade_is_cited_of_equal_figures() {
    let definition = "instagram.views";
    let case = Case::views(100)
        .observed(
            1,
            only_views(graded(100, definition, EvidenceGrade::OwnerToken)),
        )
        .observed(
            2,
            only_views(graded(100, definition, EvidenceGrade::Public)),
        );
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::OwnerToken));
    assert_eq!(comparison.platform_report_id, Some(100));
}

#[test]
fn what_a_platform_never_tells_is_unsupported_and_not_zero() {
    let case = Case::new(PlatformKind::Reddit, claimed(Some(500), None, None))
        .observed(1, only_views(unsupported()));
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::MetricUnsupported);
    assert_eq!((comparison.actual, comparison.level), (None, None));
    assert_eq!(comparison.platform_report_id, Some(100));
}

#[test]
fn what_a_platform_did_not_tell_is_unavailable_and_not_zero() {
    let comparison = Case::views(500)
        .observed(1, nothing_told())
        .comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::MetricUnavailable);
    assert_eq!((comparison.actual, comparison.level), (None, None));
}

#[test]
fn the_newest_observation_says_why_there_is_no_number() {
    let case = Case::views(500)
        .observed(1, only_views(unsupported()))
        .observed(2, only_views(unavailable()));
    assert_eq!(case.code(Metric::Views), ReasonCode::MetricUnavailable);
}

#[test]
fn an_earlier_number_outlives_a_later_silence() {
    let case = Case::views(500).views_observed(1, 600).gone(24);
    assert_eq!(case.code(Metric::Views), ReasonCode::WithinPlatformFigure);
}

#[test]
fn a_vanished_post_is_gone_and_not_zero() {
    let comparison = Case::views(500).gone(1).comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::PostGone);
    assert_eq!((comparison.actual, comparison.level), (None, None));
}

#[test]
fn a_platform_that_cannot_be_reached_says_nothing() {
    let comparison = Case::views(500).unreachable().comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::PlatformUnreachable);
    assert_eq!((comparison.actual, comparison.level), (None, None));
}

#[test]
fn a_claim_without_an_observation_is_not_observed_yet() {
    assert_eq!(
        Case::views(500).code(Metric::Views),
        ReasonCode::NotObservedYet
    );
}

fn conversions(number: u64) -> Case {
    Case::new(PlatformKind::Instagram, claimed(None, None, Some(number)))
}

#[test]
fn conversions_are_unknown_until_one_signed_order_came() {
    let none = conversions(3).observed(1, nothing_told());
    assert_eq!(none.code(Metric::Conversions), ReasonCode::NoSignedOrders);
    let delivered = conversions(30).orders(0, 0, 0);
    assert_eq!(
        delivered.code(Metric::Conversions),
        ReasonCode::UnsignedConversions
    );
}

#[test]
fn conversions_are_checked_against_what_is_left_of_the_orders() {
    let comparison = conversions(7)
        .orders(10, 1, 2)
        .comparison(Metric::Conversions);
    assert_eq!(comparison.reason_code, ReasonCode::WithinSignedOrders);
    assert_eq!(comparison.actual, Some(7));
    assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::SignedOrders));
    assert_eq!(comparison.platform_report_id, None);
}

#[test]
fn more_conversions_than_orders_are_unsigned() {
    let comparison = conversions(70)
        .orders(60, 5, 5)
        .comparison(Metric::Conversions);
    assert_eq!(comparison.reason_code, ReasonCode::UnsignedConversions);
    assert_eq!(comparison.actual, Some(50));
    assert_eq!(comparison.level, Some(DiscrepancyLevel::High));
    let floor = conversions(8)
        .orders(7, 0, 0)
        .comparison(Metric::Conversions);
    assert_eq!(floor.reason_code, ReasonCode::UnsignedConversions);
    assert_eq!(floor.level, Some(DiscrepancyLevel::Low));
}

/// What Meta credits to the advertisements of a post.
fn purchases(value: u64) -> Metrics<Observed> {
    only_conversions(graded(
        value,
        "meta.ads.omni_purchase",
        EvidenceGrade::PlatformApp,
    ))
}

#[test]
fn without_signed_orders_the_purchases_that_a_platform_counts_clear_and_never_accuse() {
    let case = Case::new(PlatformKind::Meta, claimed(None, None, Some(30)));
    let cleared = case.clone().observed(1, purchases(30));
    let comparison = cleared.comparison(Metric::Conversions);
    assert_eq!(comparison.reason_code, ReasonCode::ClearedByOtherDefinition);
    assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::PlatformApp));
    assert_eq!(
        (comparison.actual, comparison.level),
        (Some(30), Some(DiscrepancyLevel::None))
    );
    assert_eq!(cleared.verdict().status, ReconciliationStatus::Matched);

    for value in [29, 0] {
        let above = case.clone().observed(72, purchases(value));
        let comparison = above.comparison(Metric::Conversions);
        assert_eq!(comparison.reason_code, ReasonCode::NotComparable);
        assert_eq!((comparison.actual, comparison.level), (None, None));
        assert_eq!(comparison.platform_report_id, Some(100));
        assert_eq!(
            above.last().verdict().status,
            ReconciliationStatus::NotComparable
        );
    }
    let untold = case.observed(1, only_conversions(unsupported()));
    assert_eq!(untold.code(Metric::Conversions), ReasonCode::NoSignedOrders);
}

#[test]
fn once_there_are_signed_orders_the_purchases_that_a_platform_counts_change_nothing() {
    let case = Case::new(PlatformKind::Meta, claimed(None, None, Some(30)));
    for (orders, code) in [
        (5, ReasonCode::UnsignedConversions),
        (30, ReasonCode::WithinSignedOrders),
    ] {
        for value in [0, 29, 30, 4_080] {
            let case = case
                .clone()
                .observed(72, purchases(value))
                .orders(orders, 0, 0);
            let comparison = case.comparison(Metric::Conversions);
            assert_eq!(comparison.reason_code, code, "{value}");
            assert_eq!(comparison.actual, Some(orders), "{value}");
            assert_eq!(comparison.evidence_grade, Some(EvidenceGrade::SignedOrders));
        }
    }
}

#[test]
fn a_campaigns_default_and_a_platforms_own_counts_are_what_its_adapter_reports() {
    for platform in PlatformKind::ALL {
        for metric in Metric::ALL {
            let reported = definitions(*platform, metric);
            let default = default_definition(*platform, metric);
            assert!(
                default.is_none_or(|default| reported.contains(&default)),
                "{platform} {metric:?}"
            );
        }
    }
}

#[test]
fn orders_that_are_all_used_up_leave_nothing_rather_than_less() {
    let comparison = conversions(20)
        .orders(5, 4, 9)
        .comparison(Metric::Conversions);
    assert_eq!(comparison.actual, Some(0));
    assert_eq!(comparison.level, Some(DiscrepancyLevel::High));
    assert_eq!(comparison.difference_percent, None);
}

#[test]
fn a_duplicate_is_not_compared() {
    let case = Case::views(12_500).views_observed(72, 10_000).duplicate();
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::Duplicate);
    assert_eq!((comparison.actual, comparison.level), (None, None));
    assert_eq!(case.code(Metric::Clicks), ReasonCode::NotClaimed);
}

#[test]
fn an_excess_that_nothing_confirms_is_dropped_at_the_last_check() {
    let case = Case::views(12_500)
        .views_observed(1, 10_000)
        .gone(168)
        .last();
    let comparison = case.comparison(Metric::Views);
    assert_eq!(comparison.reason_code, ReasonCode::ExcessNotConfirmed);
    assert_eq!((comparison.actual, comparison.level), (None, None));
    assert_eq!(comparison.platform_report_id, Some(100));
}

#[test]
fn the_metrics_come_in_their_order_each_once() {
    let case = Case::new(PlatformKind::Meta, Metrics::default());
    let order: Vec<Metric> = case
        .verdict()
        .comparisons
        .iter()
        .map(|found| found.metric)
        .collect();
    assert_eq!(order, Metric::ALL);
}

#[test]
fn every_reason_code_is_found_again_by_its_name() {
    for code in ReasonCode::ALL {
        assert_eq!(ReasonCode::from_str(code.as_str()), Ok(code));
    }
    assert!(ReasonCode::from_str("views_mismatch").is_err());
}
