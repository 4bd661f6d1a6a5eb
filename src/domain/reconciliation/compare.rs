//! One metric of a claim against the observations since it (rules 1, 2, 5, 6 and 9).

use chrono::{DateTime, Utc};

use super::finding::{Basis, Figure, Finding};
use super::{Check, Claim, Comparison, Context, SignedOrders, definition, level};
use crate::model::{Metric, Observed};

/// What there is to say of one metric.
pub(super) fn compare<'a>(
    context: &Context<'a>,
    metric: Metric,
    lag_end: DateTime<Utc>,
) -> Finding<'a> {
    let Some(claimed) = *context.claim.claimed.get(metric) else {
        return Finding::NotClaimed;
    };
    if context.duplicate {
        return Finding::Duplicate;
    }
    if claimed == 0 {
        return Finding::ClaimedZero;
    }
    // What the advertiser signed decides; what the platform counts of purchases is another thing,
    // and displaces nothing.
    if metric == Metric::Conversions
        && let SignedOrders::Delivered(orders) = *context.orders
    {
        let confirmed = context.now >= lag_end;
        return against(context, claimed, Basis::Orders(orders), confirmed);
    }
    let expected = definition::expected(context.claim, metric);
    let (same, other): (Vec<Figure<'a>>, Vec<Figure<'a>>) =
        figures(context, metric).partition(|figure| expected == Some(figure.definition));
    match (highest(&same), highest(&other)) {
        (Some(figure), _) if claimed <= figure.value => Finding::Verified {
            basis: Basis::Platform(figure),
        },
        (_, Some(figure)) if claimed <= figure.value => Finding::Verified {
            basis: Basis::OtherDefinition(figure),
        },
        (Some(figure), _) => {
            let confirmed = same.iter().any(|figure| figure.fetched_at >= lag_end);
            against(context, claimed, Basis::Platform(figure), confirmed)
        }
        (None, Some(figure)) => Finding::NotComparable { figure },
        (None, None) if metric == Metric::Conversions => Finding::NoSignedOrders,
        (None, None) => unknown(context, metric),
    }
}

/// The claim against a basis that may accuse.
fn against<'a>(
    context: &Context<'_>,
    claimed: u64,
    basis: Basis<'a>,
    confirmed: bool,
) -> Finding<'a> {
    match level::excess(claimed, basis.value(), context.policy) {
        Some(excess) => Finding::Over {
            basis,
            excess,
            confirmed,
        },
        None => Finding::Verified { basis },
    }
}

/// Why there is no number at all, by the newest observation.
fn unknown<'a>(context: &Context<'a>, metric: Metric) -> Finding<'a> {
    let Some(latest) = context.latest() else {
        let check: &'a Check = context.check;
        return match check {
            Check::Answered => Finding::NotObserved,
            Check::Unreachable { detail } => Finding::Unreachable { detail },
        };
    };
    let platform_report_id = latest.platform_report_id;
    match latest.metrics.get(metric) {
        Observed::Unsupported { reason } => Finding::Unsupported {
            reason,
            platform_report_id,
        },
        _ if latest.gone => Finding::Gone { platform_report_id },
        Observed::Unavailable { reason } => Finding::Unavailable {
            reason,
            platform_report_id,
        },
        // Does not happen: a reported number was compared, or found not to be comparable.
        Observed::Reported { .. } => Finding::NotObserved,
    }
}

/// Every number that the platform reported for a metric since the claim.
fn figures<'a>(
    context: &Context<'a>,
    metric: Metric,
) -> impl Iterator<Item = Figure<'a>> + use<'a> {
    context
        .since_claim()
        .filter_map(move |observation| match observation.metrics.get(metric) {
            Observed::Reported {
                value,
                definition,
                grade,
            } => Some(Figure {
                value: *value,
                definition,
                grade: *grade,
                platform_report_id: observation.platform_report_id,
                fetched_at: observation.fetched_at,
            }),
            Observed::Unavailable { .. } | Observed::Unsupported { .. } => None,
        })
}

/// The figure that speaks most for the affiliate.
fn highest<'a>(figures: &[Figure<'a>]) -> Option<Figure<'a>> {
    figures.iter().copied().max_by_key(Figure::strength)
}

/// The numbers of a finding, with its sentence.
pub(super) fn comparison(
    claim: &Claim,
    metric: Metric,
    finding: &Finding<'_>,
    reason: String,
) -> Comparison {
    let claimed = *claim.claimed.get(metric);
    let actual = finding.compared().map(Basis::value);
    let both = claimed.zip(actual);
    Comparison {
        metric,
        claimed,
        actual,
        difference: both.map(|(claimed, actual)| level::difference(claimed, actual)),
        difference_percent: both.and_then(|(claimed, actual)| level::percent(claimed, actual)),
        level: finding.level(),
        evidence_grade: finding.compared().map(Basis::grade),
        platform_report_id: finding.platform_report_id(),
        reason_code: finding.code(),
        reason,
    }
}
