//! What holds for every claim and every set of observations.

use chrono::{DateTime, Duration, Utc};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::super::definition::expected;
use super::super::level::{excess, percent};
use super::{
    Case, Check, Comparison, Observation, OrderCount, Policy, ReasonCode, SignedOrders, claimed,
    default_definition, graded, only_views, unavailable, unsupported,
};
use crate::model::{
    DiscrepancyLevel, EvidenceGrade, Finality, MAX_COUNT, Metric, Metrics, Observed, PlatformKind,
    ReconciliationStatus,
};

/// Numbers where something happens: small ones, neighbours, the limits of JSON and of 64 bits.
fn counts() -> impl Strategy<Value = u64> {
    prop_oneof![
        0..=30_u64,
        900..=1_300_u64,
        MAX_COUNT - 3..=MAX_COUNT + 3,
        u64::MAX - 3..=u64::MAX,
        any::<u64>(),
    ]
}

fn grades() -> impl Strategy<Value = EvidenceGrade> {
    select(EvidenceGrade::ALL)
}

/// The definition of the claim more often than not, so that there is something to compare.
fn definitions(expected: Option<&'static str>) -> impl Strategy<Value = &'static str> {
    let others = select(vec![
        "instagram.views",
        "meta.post_clicks",
        "x.plays",
        "shop.conversions",
        "meta.ads.omni_purchase",
    ]);
    prop_oneof![3 => Just(expected.unwrap_or("shop.conversions")), 1 => others]
}

fn observed(platform: PlatformKind, metric: Metric) -> impl Strategy<Value = Observed> {
    let reported = (
        counts(),
        definitions(default_definition(platform, metric)),
        grades(),
    )
        .prop_map(|(value, definition, grade)| graded(value, definition, grade));
    prop_oneof![4 => reported, 1 => Just(unavailable()), 1 => Just(unsupported())]
}

/// An observation from an hour before the claim to two weeks after it, not numbered yet.
fn observations(
    claimed_at: DateTime<Utc>,
    platform: PlatformKind,
) -> impl Strategy<Value = Observation> {
    (
        -60..=20_160_i64,
        observed(platform, Metric::Views),
        observed(platform, Metric::Clicks),
        observed(platform, Metric::Conversions),
        any::<bool>(),
    )
        .prop_map(
            move |(minutes, views, clicks, conversions, gone)| Observation {
                platform_report_id: 0,
                fetched_at: claimed_at + Duration::minutes(minutes),
                metrics: Metrics {
                    views,
                    clicks,
                    conversions,
                },
                gone,
            },
        )
}

fn policies() -> impl Strategy<Value = Policy> {
    (
        0..=3_000_i64,
        0..=3_000_i64,
        prop_oneof![Just(0_u64), 1..=40_u64, counts()],
        option::of(0..=100_i64),
        vec(1..=200_i64, 0..4),
    )
        .prop_map(|(low, more, absolute_floor, lag, rechecks)| Policy {
            low_below_percent: (low, 2).into(),
            high_above_percent: (low + more, 2).into(),
            absolute_floor,
            lag_window: lag.map(Duration::hours),
            rechecks: rechecks.into_iter().map(Duration::hours).collect(),
            ..Policy::default()
        })
}

fn orders() -> impl Strategy<Value = SignedOrders> {
    prop_oneof![
        Just(SignedOrders::NoneDelivered),
        (counts(), 0..=5_u64, counts()).prop_map(|(signed, reversed, credited_before)| {
            SignedOrders::Delivered(OrderCount {
                signed,
                reversed,
                credited_before,
            })
        }),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let claims = (
        select(PlatformKind::ALL),
        option::weighted(0.8, counts()),
        option::weighted(0.8, counts()),
        option::weighted(0.8, counts()),
    );
    claims.prop_flat_map(|(platform, views, clicks, conversions)| {
        let case = Case::new(platform, claimed(views, clicks, conversions));
        let submitted_at = case.claim.submitted_at;
        (
            vec(observations(submitted_at, platform), 0..6),
            policies(),
            orders(),
            0..=20_160_i64,
            any::<(bool, bool)>(),
            prop::bool::weighted(0.1),
        )
            .prop_map(
                move |(observations, policy, orders, minutes, flags, duplicate)| {
                    let (unreachable, last_check) = flags;
                    let mut case = Case {
                        policy,
                        observations,
                        orders,
                        now: submitted_at + Duration::minutes(minutes),
                        last_check,
                        duplicate,
                        ..case.clone()
                    };
                    for (id, observation) in (100..).zip(case.observations.iter_mut()) {
                        observation.platform_report_id = id;
                    }
                    if unreachable {
                        case.check = Check::Unreachable {
                            detail: "no answer".to_owned(),
                        };
                    }
                    case
                },
            )
    })
}

/// The highest figure of views under the definition of the claim since the claim.
fn highest_views(case: &Case) -> Option<u64> {
    let mut values = Vec::new();
    for observation in &case.observations {
        if let Observed::Reported {
            value, definition, ..
        } = &observation.metrics.views
            && observation.fetched_at >= case.claim.submitted_at
            && *definition == case.claim.views_definition
        {
            values.push(*value);
        }
    }
    values.into_iter().max()
}

fn is_over(level: Option<DiscrepancyLevel>) -> bool {
    level > Some(DiscrepancyLevel::None)
}

proptest! {
    #[test]
    fn the_numbers_of_a_verdict_agree_with_each_other(case in cases()) {
        let verdict = case.verdict();
        let metrics: Vec<Metric> = verdict.comparisons.iter().map(|found| found.metric).collect();
        prop_assert_eq!(metrics, Metric::ALL);
        for found in &verdict.comparisons {
            prop_assert_eq!(found.claimed, *case.claim.claimed.get(found.metric));
            prop_assert_eq!(found.level.is_some(), found.actual.is_some());
            prop_assert_eq!(found.level.is_some(), found.difference.is_some());
            prop_assert_eq!(found.level.is_some(), found.evidence_grade.is_some());
            if let (Some(claimed), Some(actual)) = (found.claimed, found.actual) {
                prop_assert!(claimed > 0);
                prop_assert_eq!(found.difference, Some(i128::from(claimed) - i128::from(actual)));
                prop_assert_eq!(&found.difference_percent, &percent(claimed, actual));
                prop_assert_eq!(is_over(found.level), claimed > actual);
            }
        }
        let over = verdict.comparisons.iter().any(|found| is_over(found.level));
        prop_assert_eq!(over, verdict.status == ReconciliationStatus::Discrepancy);
        prop_assert_eq!(
            verdict.level,
            verdict.comparisons.iter().filter_map(|found| found.level).max()
        );
    }

    #[test]
    fn a_claim_at_or_below_the_highest_figure_is_never_over(case in cases(), below in counts()) {
        prop_assume!(!case.duplicate);
        let Some(highest) = highest_views(&case).filter(|highest| *highest > 0) else {
            return Ok(());
        };
        let mut case = case;
        case.claim.claimed.views = Some(below % highest + 1);
        let found = case.comparison(Metric::Views);
        prop_assert_eq!(found.reason_code, ReasonCode::WithinPlatformFigure);
        prop_assert_eq!(found.level, Some(DiscrepancyLevel::None));
    }

    #[test]
    fn a_higher_observation_never_raises_the_level(
        case in cases(),
        more in counts(),
        minutes in 0..=20_160_i64,
    ) {
        let case = Case { last_check: false, ..case };
        let before = case.comparison(Metric::Views).level;
        if before.is_none() {
            return Ok(());
        }
        let higher = highest_views(&case).unwrap_or(0).saturating_add(more);
        let definition = case.claim.views_definition.clone();
        let mut after = case;
        after.observations.push(Observation {
            platform_report_id: 1_000,
            fetched_at: after.claim.submitted_at + Duration::minutes(minutes),
            metrics: only_views(graded(higher, &definition, EvidenceGrade::Public)),
            gone: false,
        });
        let after = after.comparison(Metric::Views).level;
        prop_assert!(after.is_some());
        prop_assert!(after <= before, "{before:?} became {after:?}");
    }

    #[test]
    fn the_order_of_observations_does_not_matter(
        (case, shuffled) in cases().prop_flat_map(|case| {
            let shuffled = Just(case.observations.clone()).prop_shuffle();
            (Just(case), shuffled)
        }),
    ) {
        let other = Case { observations: shuffled, ..case.clone() };
        prop_assert_eq!(other.verdict(), case.verdict());
    }

    #[test]
    fn a_comparison_survives_being_stored(case in cases()) {
        for found in case.verdict().comparisons {
            prop_assert_eq!(Comparison::from_json(&found.to_json()), Ok(found));
        }
    }

    #[test]
    fn the_same_check_gives_the_same_verdict(case in cases()) {
        prop_assert_eq!(case.verdict(), case.verdict());
    }

    #[test]
    fn claiming_more_never_lowers_the_level(
        policy in policies(),
        actual in counts(),
        first in counts(),
        second in counts(),
    ) {
        let level = |claimed| excess(claimed, actual, &policy).map(|excess| excess.level);
        prop_assert!(level(first.min(second)) <= level(first.max(second)));
    }

    #[test]
    fn the_default_level_is_that_of_whole_number_arithmetic(
        claimed in counts(),
        actual in counts(),
    ) {
        let policy = Policy { absolute_floor: 0, ..Policy::default() };
        let difference = u128::from(claimed.saturating_sub(actual));
        let (share, base) = (difference * 100, u128::from(actual));
        let expected = if difference == 0 {
            None
        } else if actual == 0 || share > 20 * base {
            Some(DiscrepancyLevel::High)
        } else if share >= 5 * base {
            Some(DiscrepancyLevel::Medium)
        } else {
            Some(DiscrepancyLevel::Low)
        };
        prop_assert_eq!(excess(claimed, actual, &policy).map(|excess| excess.level), expected);
    }

    #[test]
    fn a_difference_within_the_floor_is_at_most_low(
        policy in policies(),
        claimed in counts(),
        actual in counts(),
    ) {
        if claimed.saturating_sub(actual) <= policy.absolute_floor {
            let level = excess(claimed, actual, &policy).map(|excess| excess.level);
            prop_assert!(level <= Some(DiscrepancyLevel::Low));
        }
    }

    #[test]
    fn the_last_check_is_always_final(case in cases()) {
        prop_assert_eq!(case.last().verdict().finality, Finality::Final);
    }

    #[test]
    fn a_final_accusation_rests_on_a_reading_from_after_the_lag(case in cases()) {
        let verdict = case.verdict();
        prop_assume!(verdict.finality == Finality::Final);
        for found in verdict.comparisons.iter().filter(|found| is_over(found.level)) {
            let confirmed = if found.evidence_grade == Some(EvidenceGrade::SignedOrders)
                && found.platform_report_id.is_none()
            {
                case.now >= case.lag_end()
            } else {
                case.observations.iter().any(|observation| {
                    observation.fetched_at >= case.lag_end()
                        && matches!(
                            observation.metrics.get(found.metric),
                            Observed::Reported { definition, .. }
                                if expected(&case.claim, found.metric) == Some(definition.as_str())
                        )
                })
            };
            prop_assert!(confirmed, "{found:?}");
        }
    }

    #[test]
    fn nobody_is_accused_without_a_number_since_the_claim(case in cases()) {
        let mut case = case;
        case.orders = SignedOrders::NoneDelivered;
        for observation in &mut case.observations {
            if observation.fetched_at >= case.claim.submitted_at {
                observation.metrics = only_views(unsupported());
            }
        }
        let verdict = case.verdict();
        prop_assert!(verdict.comparisons.iter().all(|found| found.level.is_none()));
        prop_assert_ne!(verdict.status, ReconciliationStatus::Discrepancy);
    }

    #[test]
    fn figures_under_other_definitions_never_accuse(case in cases()) {
        let mut case = case;
        case.claim.views_definition = "campaign.own".to_owned();
        prop_assert!(!is_over(case.comparison(Metric::Views).level));
    }

    #[test]
    fn without_signed_orders_no_figure_of_conversions_accuses(case in cases()) {
        let case = Case { orders: SignedOrders::NoneDelivered, ..case };
        let found = case.comparison(Metric::Conversions);
        prop_assert!(!is_over(found.level));
        prop_assert_ne!(found.reason_code, ReasonCode::UnsignedConversions);
    }

    #[test]
    fn no_figure_of_conversions_turns_a_verdict_by_signed_orders(
        case in cases(),
        figures in vec(observed(PlatformKind::Meta, Metric::Conversions), 6),
    ) {
        prop_assume!(matches!(case.orders, SignedOrders::Delivered(_)));
        let mut other = case.clone();
        for (observation, figure) in other.observations.iter_mut().zip(figures) {
            observation.metrics.conversions = figure;
        }
        prop_assert_eq!(other.verdict(), case.verdict());
    }

    #[test]
    fn a_duplicate_is_never_judged(case in cases()) {
        let verdict = case.duplicate().verdict();
        prop_assert_eq!(verdict.status, ReconciliationStatus::Unverifiable);
        prop_assert_eq!(verdict.finality, Finality::Final);
        prop_assert_eq!(verdict.level, None);
    }
}
