//! The rules, by example and by property.

mod canonical;
mod finalities;
mod levels;
mod metrics;
mod policies;
mod properties;
mod schedules;
mod sentences;
mod statuses;

use chrono::{DateTime, Duration, Utc};

use super::{
    Check, Claim, Comparison, Context, Observation, OrderCount, Policy, ReasonCode, SignedOrders,
    Verdict, default_definition, reconcile, schedule,
};
use crate::model::{EvidenceGrade, Metric, Metrics, Observed, PlatformKind};

/// One check of one claim, which a test changes where it matters to it. By default: Instagram, the
/// default policy, no observation, an answer, no signed orders, ten minutes after the claim, not
/// the last check.
#[derive(Debug, Clone)]
struct Case {
    claim: Claim,
    policy: Policy,
    observations: Vec<Observation>,
    check: Check,
    orders: SignedOrders,
    now: DateTime<Utc>,
    last_check: bool,
    duplicate: bool,
}

impl Case {
    fn new(platform: PlatformKind, claimed: Metrics<Option<u64>>) -> Self {
        let submitted_at = at("2026-03-01T12:00:00Z");
        Self {
            claim: Claim {
                report_id: 1,
                submitted_at,
                platform,
                claimed,
                views_definition: default_definition(platform, Metric::Views)
                    .unwrap()
                    .to_owned(),
            },
            policy: Policy::default(),
            observations: Vec::new(),
            check: Check::Answered,
            orders: SignedOrders::NoneDelivered,
            now: submitted_at + Duration::minutes(10),
            last_check: false,
            duplicate: false,
        }
    }

    /// A claim of views on Instagram.
    fn views(views: u64) -> Self {
        Self::new(PlatformKind::Instagram, claimed(Some(views), None, None))
    }

    /// Adds an observation and moves the check to its time.
    fn observed(mut self, hours: i64, metrics: Metrics<Observed>) -> Self {
        self.observations.push(Observation {
            platform_report_id: 100 + i64::try_from(self.observations.len()).unwrap(),
            fetched_at: self.claim.submitted_at + Duration::hours(hours),
            metrics,
            gone: false,
        });
        self.checked(hours)
    }

    /// Adds an observation of views under the definition of the claim.
    fn views_observed(self, hours: i64, views: u64) -> Self {
        let definition = self.claim.views_definition.clone();
        self.observed(hours, only_views(reported(views, &definition)))
    }

    /// Adds an observation that the post is gone.
    fn gone(mut self, hours: i64) -> Self {
        self = self.observed(hours, nothing_told());
        self.observations.last_mut().unwrap().gone = true;
        self
    }

    /// Moves the check.
    fn checked(mut self, hours: i64) -> Self {
        self.now = self.claim.submitted_at + Duration::hours(hours);
        self
    }

    fn unreachable(mut self) -> Self {
        self.check = Check::Unreachable {
            detail: "it answers with errors".to_owned(),
        };
        self
    }

    fn orders(mut self, signed: u64, reversed: u64, credited_before: u64) -> Self {
        self.orders = SignedOrders::Delivered(OrderCount {
            signed,
            reversed,
            credited_before,
        });
        self
    }

    fn last(mut self) -> Self {
        self.last_check = true;
        self
    }

    fn duplicate(mut self) -> Self {
        self.duplicate = true;
        self
    }

    fn verdict(&self) -> Verdict {
        reconcile(&Context {
            claim: &self.claim,
            policy: &self.policy,
            observations: &self.observations,
            check: &self.check,
            orders: &self.orders,
            now: self.now,
            last_check: self.last_check,
            duplicate: self.duplicate,
        })
    }

    fn lag_end(&self) -> DateTime<Utc> {
        schedule::lag_end(&self.claim, &self.policy)
    }

    fn comparison(&self, metric: Metric) -> Comparison {
        self.verdict()
            .comparisons
            .into_iter()
            .find(|found| found.metric == metric)
            .unwrap()
    }

    fn code(&self, metric: Metric) -> ReasonCode {
        self.comparison(metric).reason_code
    }
}

fn at(time: &str) -> DateTime<Utc> {
    time.parse().unwrap()
}

fn claimed(
    views: Option<u64>,
    clicks: Option<u64>,
    conversions: Option<u64>,
) -> Metrics<Option<u64>> {
    Metrics {
        views,
        clicks,
        conversions,
    }
}

fn reported(value: u64, definition: &str) -> Observed {
    graded(value, definition, EvidenceGrade::OwnerToken)
}

fn graded(value: u64, definition: &str, grade: EvidenceGrade) -> Observed {
    Observed::Reported {
        value,
        definition: definition.to_owned(),
        grade,
    }
}

fn unavailable() -> Observed {
    Observed::Unavailable {
        reason: "The account has not granted access.".to_owned(),
    }
}

fn unsupported() -> Observed {
    Observed::Unsupported {
        reason: "Views are not published; score 12, 3 comments.".to_owned(),
    }
}

fn nothing_told() -> Metrics<Observed> {
    Metrics::from_fn(|_| unavailable())
}

fn only_views(views: Observed) -> Metrics<Observed> {
    Metrics {
        views,
        ..nothing_told()
    }
}

fn only_conversions(conversions: Observed) -> Metrics<Observed> {
    Metrics {
        conversions,
        ..nothing_told()
    }
}

fn only_clicks(clicks: Observed) -> Metrics<Observed> {
    Metrics {
        clicks,
        ..nothing_told()
    }
}
