//! The numbers by which a campaign judges, and what may be set in them.

use std::fmt;

use bigdecimal::BigDecimal;
use chrono::Duration;

use crate::model::{DiscrepancyLevel, MAX_COUNT};

/// The highest threshold, in percent.
const MAX_PERCENT: u32 = 1_000_000;
/// The most decimal places of a threshold.
const MAX_DECIMAL_PLACES: i64 = 6;
/// The longest lag window, in hours.
const MAX_LAG_HOURS: i64 = 720;
/// The oldest age of a claim at which it is checked, in hours.
const MAX_RECHECK_HOURS: i64 = 8760;
/// The most checks after the first one.
const MAX_RECHECKS: usize = 16;

/// Thresholds, floor, lag window and checks of a campaign. A version is never edited: a change
/// makes a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Counts up within a campaign, from 1.
    pub version: i32,
    /// An excess under this percentage is LOW. 0 to 1,000,000, at most `high_above_percent`.
    pub low_below_percent: BigDecimal,
    /// An excess over this percentage is HIGH; what is between is MEDIUM. 0 to 1,000,000.
    pub high_above_percent: BigDecimal,
    /// A difference of this many or fewer is at most LOW. 0 to 2^53 − 1.
    pub absolute_floor: u64,
    /// The lowest level that raises an alert: LOW, MEDIUM or HIGH.
    pub alert_from: DiscrepancyLevel,
    /// How long platform figures take to settle, 0 to 720 hours; none leaves it to the definition.
    pub lag_window: Option<Duration>,
    /// The ages of a claim at which it is checked again, each 1 to 8760 hours, at most 16.
    pub rechecks: Vec<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            version: 1,
            low_below_percent: BigDecimal::from(5),
            high_above_percent: BigDecimal::from(20),
            absolute_floor: 10,
            alert_from: DiscrepancyLevel::Medium,
            lag_window: None,
            rechecks: [1, 24, 72, 168].map(Duration::hours).to_vec(),
        }
    }
}

/// What is wrong with a field of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PolicyProblem {
    /// Not a value for this field.
    Invalid,
    /// Too small or too large.
    OutOfRange,
    /// Too many values.
    TooMany,
}

/// A field of a policy that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// The field, by its name in the policy's input, such as `lowBelowPercent`.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: PolicyProblem,
    /// The same in words that follow the field's name.
    pub message: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}

impl std::error::Error for PolicyError {}

impl Policy {
    /// Whether the policy may be put in force.
    ///
    /// # Errors
    /// Every field that is out of its range, in the order of the fields.
    pub fn validate(&self) -> Result<(), Vec<PolicyError>> {
        let mut errors = Vec::new();
        let mut refuse = |field: &'static str, problem: PolicyProblem, message: String| {
            errors.push(PolicyError {
                field,
                problem,
                message,
            });
        };
        self.check_thresholds(&mut refuse);
        if self.absolute_floor > MAX_COUNT {
            let message = format!("must be from 0 to {MAX_COUNT}");
            refuse("absoluteFloor", PolicyProblem::OutOfRange, message);
        }
        if self.alert_from == DiscrepancyLevel::None {
            let message = "must be LOW, MEDIUM or HIGH".to_owned();
            refuse("alertFrom", PolicyProblem::Invalid, message);
        }
        let lags = Duration::zero()..=Duration::hours(MAX_LAG_HOURS);
        if self.lag_window.is_some_and(|lag| !lags.contains(&lag)) {
            let message = format!("must be from 0 to {MAX_LAG_HOURS} hours");
            refuse("lagWindowHours", PolicyProblem::OutOfRange, message);
        }
        if self.rechecks.len() > MAX_RECHECKS {
            let message = format!("must name at most {MAX_RECHECKS} checks");
            refuse("recheckHours", PolicyProblem::TooMany, message);
        }
        let ages = Duration::hours(1)..=Duration::hours(MAX_RECHECK_HOURS);
        if self.rechecks.iter().any(|age| !ages.contains(age)) {
            let message = format!("must each be from 1 to {MAX_RECHECK_HOURS} hours");
            refuse("recheckHours", PolicyProblem::OutOfRange, message);
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    fn check_thresholds(&self, refuse: &mut impl FnMut(&'static str, PolicyProblem, String)) {
        let range = BigDecimal::from(0)..=BigDecimal::from(MAX_PERCENT);
        let mut both_fine = true;
        for (field, percent) in [
            ("lowBelowPercent", &self.low_below_percent),
            ("highAbovePercent", &self.high_above_percent),
        ] {
            // A few characters, such as 0e999999999, can stand for a billion digits when they are
            // stored.
            let scale = percent.fractional_digit_count();
            if scale > MAX_DECIMAL_PLACES {
                let message = format!("must have at most {MAX_DECIMAL_PLACES} decimal places");
                refuse(field, PolicyProblem::Invalid, message);
                both_fine = false;
            } else if scale < -MAX_DECIMAL_PLACES || !range.contains(percent) {
                let message = format!("must be from 0 to {MAX_PERCENT}");
                refuse(field, PolicyProblem::OutOfRange, message);
                both_fine = false;
            }
        }
        if both_fine && self.low_below_percent > self.high_above_percent {
            let message = "must not be above highAbovePercent".to_owned();
            refuse("lowBelowPercent", PolicyProblem::OutOfRange, message);
        }
    }
}
