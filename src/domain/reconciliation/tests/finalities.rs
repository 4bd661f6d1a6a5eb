//! Rule 11: what is provisional, what is final, and the lag between them.

use chrono::Duration;

use super::{
    Case, ReasonCode, claimed, nothing_told, only_clicks, only_views, reported, unsupported,
};
use crate::model::{
    DiscrepancyLevel, Finality, Metric, Metrics, PlatformKind, ReconciliationStatus,
};

fn finality(case: &Case) -> Finality {
    case.verdict().finality
}

#[test]
fn a_verified_claim_is_final_at_once() {
    assert_eq!(
        finality(&Case::views(100).views_observed(0, 100)),
        Finality::Final
    );
}

#[test]
fn a_claim_that_another_definition_clears_is_final_at_once() {
    let case = Case::views(100).observed(0, only_views(reported(100, "instagram.plays")));
    assert_eq!(finality(&case), Finality::Final);
}

#[test]
fn what_the_platform_never_tells_is_final_at_once() {
    let case = Case::new(PlatformKind::Reddit, claimed(Some(100), None, None))
        .observed(0, only_views(unsupported()));
    assert_eq!(finality(&case), Finality::Final);
}

#[test]
fn an_excess_is_provisional_until_a_figure_from_the_end_of_the_lag() {
    let early = Case::views(12_500).views_observed(47, 10_000);
    assert_eq!(finality(&early), Finality::Provisional);
    assert_eq!(early.verdict().status, ReconciliationStatus::Discrepancy);
    let at_the_end = early.clone().views_observed(48, 10_000);
    assert_eq!(finality(&at_the_end), Finality::Final);
    assert_eq!(
        at_the_end.verdict().status,
        ReconciliationStatus::Discrepancy
    );
}

#[test]
fn the_time_of_the_check_alone_confirms_nothing() {
    let case = Case::views(12_500)
        .views_observed(47, 10_000)
        .checked(1_000);
    assert_eq!(finality(&case), Finality::Provisional);
}

#[test]
fn any_figure_of_the_definition_after_the_lag_confirms_the_excess_over_the_highest() {
    let case = Case::views(12_500)
        .views_observed(1, 10_000)
        .views_observed(48, 9_000);
    let verdict = case.verdict();
    assert_eq!(verdict.finality, Finality::Final);
    assert_eq!(verdict.comparisons[0].actual, Some(10_000));
}

#[test]
fn a_figure_under_another_definition_confirms_nothing() {
    let case = Case::views(12_500)
        .views_observed(1, 10_000)
        .observed(48, only_views(reported(10_000, "instagram.plays")));
    assert_eq!(finality(&case), Finality::Provisional);
    assert_eq!(finality(&case.clone().last()), Finality::Final);
    assert_eq!(
        case.last().code(Metric::Views),
        ReasonCode::ExcessNotConfirmed
    );
}

#[test]
fn growth_after_a_provisional_excess_clears_it() {
    let case = Case::views(12_500)
        .views_observed(1, 10_000)
        .views_observed(24, 12_500);
    let verdict = case.verdict();
    assert_eq!(verdict.status, ReconciliationStatus::Matched);
    assert_eq!(verdict.finality, Finality::Final);
}

#[test]
fn what_may_still_be_told_is_provisional_until_the_last_check() {
    for case in [
        Case::views(100),
        Case::views(100).observed(1, nothing_told()),
        Case::views(100).gone(1),
        Case::views(100).unreachable(),
        Case::views(100).observed(1, only_views(reported(10, "instagram.plays"))),
        Case::new(PlatformKind::Instagram, claimed(None, None, Some(3))),
    ] {
        assert_eq!(finality(&case), Finality::Provisional);
        assert_eq!(finality(&case.last()), Finality::Final);
    }
}

#[test]
fn one_unsettled_metric_keeps_a_confirmed_excess_provisional() {
    let case = Case::new(PlatformKind::Meta, claimed(None, Some(500), Some(3)))
        .observed(48, only_clicks(reported(100, "meta.post_clicks")));
    assert_eq!(finality(&case), Finality::Provisional);
    let verdict = case.last().verdict();
    assert_eq!(verdict.finality, Finality::Final);
    assert_eq!(verdict.level, Some(DiscrepancyLevel::High));
}

#[test]
fn the_last_check_keeps_the_excess_that_is_confirmed_and_drops_the_one_that_is_not() {
    let views = reported(1_000, "meta.post_media_view");
    let case = Case::new(PlatformKind::Meta, claimed(Some(5_000), Some(5_000), None))
        .observed(1, only_views(views))
        .observed(48, only_clicks(reported(4_500, "meta.post_clicks")))
        .last();
    let verdict = case.verdict();
    assert_eq!(verdict.status, ReconciliationStatus::Discrepancy);
    assert_eq!(verdict.level, Some(DiscrepancyLevel::Medium));
    assert_eq!(case.code(Metric::Views), ReasonCode::ExcessNotConfirmed);
    assert_eq!(case.code(Metric::Clicks), ReasonCode::AbovePlatformFigure);
}

#[test]
fn unsigned_conversions_are_final_a_day_after_the_claim() {
    let case = Case::new(PlatformKind::Reddit, claimed(None, None, Some(50))).orders(10, 0, 0);
    assert_eq!(finality(&case.clone().checked(23)), Finality::Provisional);
    assert_eq!(finality(&case.checked(24)), Finality::Final);
}

#[test]
fn each_definition_has_its_lag() {
    for (platform, hours) in [
        (PlatformKind::Reddit, 0),
        (PlatformKind::X, 1),
        (PlatformKind::YouTube, 24),
        (PlatformKind::TikTok, 24),
        (PlatformKind::Instagram, 48),
        (PlatformKind::Meta, 48),
    ] {
        let case = Case::new(platform, claimed(Some(5_000), None, None));
        assert_eq!(
            case.lag_end(),
            case.claim.submitted_at + Duration::hours(hours),
            "{platform}"
        );
        let in_time = case.clone().views_observed(hours, 1_000);
        assert_eq!(finality(&in_time), Finality::Final, "{platform}");
        let early = case.views_observed(hours - 1, 1_000).checked(hours);
        assert_eq!(finality(&early), Finality::Provisional, "{platform}");
    }
}

#[test]
fn the_lag_belongs_to_the_definition_and_not_to_the_platform() {
    let mut case = Case::views(100);
    case.claim.views_definition = "youtube.viewCount".to_owned();
    assert_eq!(
        case.lag_end(),
        case.claim.submitted_at + Duration::hours(24)
    );
    case.claim.views_definition = "plays".to_owned();
    assert_eq!(
        case.lag_end(),
        case.claim.submitted_at + Duration::hours(48)
    );
}

#[test]
fn the_longest_lag_of_the_claimed_metrics_counts() {
    let with = |claimed: Metrics<Option<u64>>| {
        let case = Case::new(PlatformKind::X, claimed);
        (case.lag_end() - case.claim.submitted_at).num_hours()
    };
    assert_eq!(with(claimed(Some(5), Some(5), None)), 1);
    assert_eq!(with(claimed(Some(5), None, Some(5))), 24);
    assert_eq!(with(claimed(Some(5), None, Some(0))), 1);
    assert_eq!(with(claimed(None, None, None)), 0);
}

#[test]
fn the_longest_lag_holds_back_the_excess_of_every_metric() {
    let case = Case::new(PlatformKind::X, claimed(Some(5_000), None, Some(3)))
        .orders(3, 0, 0)
        .views_observed(2, 1_000);
    assert_eq!(finality(&case), Finality::Provisional);
    assert_eq!(finality(&case.views_observed(24, 1_000)), Finality::Final);
}

#[test]
fn a_policy_sets_its_own_lag_for_platform_figures_zero_included() {
    let mut case = Case::views(12_500).views_observed(0, 10_000);
    case.policy.lag_window = Some(Duration::zero());
    assert_eq!(finality(&case), Finality::Final);
    case.policy.lag_window = Some(Duration::hours(100));
    assert_eq!(
        case.lag_end(),
        case.claim.submitted_at + Duration::hours(100)
    );
}

#[test]
fn a_policy_does_not_set_the_lag_of_orders() {
    let mut case = Case::new(PlatformKind::Instagram, claimed(Some(5), None, Some(5)));
    case.policy.lag_window = Some(Duration::zero());
    assert_eq!(
        case.lag_end(),
        case.claim.submitted_at + Duration::hours(24)
    );
}
