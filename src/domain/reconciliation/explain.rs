//! The verdict in words: a sentence with its numbers for each metric, and what happens next.
//!
//! The words go to affiliates and advertisers alike, so they name neither another affiliate nor an
//! inner error.

use bigdecimal::BigDecimal;
use chrono::{DateTime, Utc};

use super::finding::{Basis, Figure, Finding};
use super::level::{self, Excess};
use super::{Check, Comparison, Context, schedule};
use crate::model::{EvidenceGrade, Finality, Metric, Metrics, ReconciliationStatus};

/// The sentence of one metric.
pub(super) fn sentence(
    context: &Context<'_>,
    metric: Metric,
    finding: &Finding<'_>,
    lag_end: DateTime<Utc>,
) -> String {
    let noun = metric.noun();
    match *context.claim.claimed.get(metric) {
        Some(claimed) => claimed_sentence(context, claimed, noun, finding, lag_end),
        None => format!("No {noun} are claimed."),
    }
}

fn claimed_sentence(
    context: &Context<'_>,
    claimed: u64,
    noun: &str,
    finding: &Finding<'_>,
    lag_end: DateTime<Utc>,
) -> String {
    let platform = context.claim.platform.brand();
    let lead = format!("Claimed {}", counted(claimed, noun));
    match finding {
        Finding::NotClaimed | Finding::ClaimedZero => format!("{lead}: nothing to check."),
        Finding::Duplicate => {
            format!("{lead}: not checked, because this post had been submitted before.")
        }
        Finding::Verified {
            basis: Basis::OtherDefinition(figure),
        } => {
            let other = under_other_definition(platform, figure);
            format!("{lead}; {other}: it covers the claim.")
        }
        Finding::Verified { basis } => {
            format!("{lead}; {}: within it.", basis_words(platform, basis))
        }
        Finding::Over { basis, excess, .. } => {
            let words = basis_words(platform, basis);
            let above = excess_words(context, claimed, basis, *excess);
            format!("{lead}; {words}: {above}.")
        }
        Finding::NotConfirmed { basis } => format!(
            "{lead}; {}, but nothing was read at or after {}, when such numbers have settled: \
             the excess is not confirmed and does not count.",
            basis_words(platform, basis),
            instant(lag_end),
        ),
        Finding::NotComparable { figure } => {
            let other = under_other_definition(platform, figure);
            format!("{lead}; {other}: it does not cover the claim and does not count against it.")
        }
        Finding::Unsupported { reason, .. } => {
            format!(
                "{lead}; {platform} never tells how many{}.",
                because(reason)
            )
        }
        Finding::Unavailable { reason, .. } => {
            format!(
                "{lead}; {platform} did not tell how many{}.",
                because(reason)
            )
        }
        Finding::Gone { .. } => {
            format!("{lead}: not checked, because the post is no longer on {platform}.")
        }
        Finding::Unreachable { detail } => {
            format!(
                "{lead}: not checked, because {platform} could not be reached{}.",
                because(detail)
            )
        }
        Finding::NotObserved => {
            format!("{lead}: not checked yet, {platform} has not been asked since the claim.")
        }
        Finding::NoSignedOrders => format!(
            "{lead}: not checked, because the advertiser has not delivered a signed order yet."
        ),
    }
}

/// The sentences of what is claimed, and what happens next.
pub(super) fn explanation(
    context: &Context<'_>,
    findings: &Metrics<Finding<'_>>,
    comparisons: &[Comparison],
    status: ReconciliationStatus,
    finality: Finality,
    lag_end: DateTime<Utc>,
) -> String {
    let mut sentences: Vec<String> = comparisons
        .iter()
        .filter(|comparison| comparison.claimed.is_some())
        .map(|comparison| comparison.reason.clone())
        .collect();
    if sentences.is_empty() {
        sentences.push("Nothing is claimed.".to_owned());
    }
    let says_unreachable = findings
        .iter()
        .any(|(_, finding)| matches!(finding, Finding::Unreachable { .. }));
    if status == ReconciliationStatus::Failed
        && !says_unreachable
        && let Check::Unreachable { detail } = context.check
    {
        let platform = context.claim.platform.brand();
        sentences.push(format!(
            "This check did not reach {platform}{}.",
            because(detail)
        ));
    }
    sentences.push(match finality {
        Finality::Final => "This verdict is final.".to_owned(),
        Finality::Provisional => what_is_next(context, findings, lag_end),
    });
    sentences.join(" ")
}

/// What a provisional verdict waits for.
fn what_is_next(
    context: &Context<'_>,
    findings: &Metrics<Finding<'_>>,
    lag_end: DateTime<Utc>,
) -> String {
    let next = match schedule::next_check(context.claim, context.policy, context.now) {
        Some(time) => format!("the next check is at {}", instant(time)),
        None => "it is checked again".to_owned(),
    };
    let waits_for_lag = findings.iter().any(|(_, finding)| {
        matches!(
            finding,
            Finding::Over {
                confirmed: false,
                ..
            }
        )
    });
    if waits_for_lag {
        let settled = instant(lag_end);
        format!("Provisional: only a number read at or after {settled} confirms an excess; {next}.")
    } else {
        format!("Provisional: {next}.")
    }
}

/// What the claim was held against.
fn basis_words(platform: &str, basis: &Basis<'_>) -> String {
    match basis {
        Basis::Platform(figure) => {
            format!(
                "{platform} reports {} ({})",
                count(figure.value),
                grade_words(figure.grade)
            )
        }
        Basis::OtherDefinition(figure) => under_other_definition(platform, figure),
        Basis::Orders(orders) => format!(
            "signed orders leave {} for this claim ({} signed, {} reversed, {} credited to earlier \
             claims)",
            count(orders.remaining()),
            count(orders.signed),
            count(orders.reversed),
            count(orders.credited_before),
        ),
    }
}

fn under_other_definition(platform: &str, figure: &Figure<'_>) -> String {
    format!(
        "{platform} reports {} as {} ({}), another definition",
        count(figure.value),
        figure.definition,
        grade_words(figure.grade),
    )
}

/// How far the claim is above its basis.
fn excess_words(context: &Context<'_>, claimed: u64, basis: &Basis<'_>, excess: Excess) -> String {
    let share = level::percent(claimed, basis.value()).map_or_else(
        || "above 0".to_owned(),
        |percent| format!("{} % above", decimal(&percent)),
    );
    let level = excess.level;
    if excess.within_floor {
        let floor = count(context.policy.absolute_floor);
        format!("{share}, but by no more than {floor} in number, {level}")
    } else {
        format!("{share}, {level}")
    }
}

const fn grade_words(grade: EvidenceGrade) -> &'static str {
    match grade {
        EvidenceGrade::Public => "public count",
        EvidenceGrade::PlatformApp => "application access",
        EvidenceGrade::OwnerToken => "owner's token",
        EvidenceGrade::SignedOrders => "signed orders",
    }
}

/// A reason as the end of a sentence; nothing where there is none. It comes from outside, so it is
/// kept to one line.
fn because(reason: &str) -> String {
    let line: String = reason
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let reason = line.trim().trim_end_matches('.');
    if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    }
}

/// A number with its noun, which is given in the plural.
pub(crate) fn counted(number: u64, noun: &str) -> String {
    let noun = if number == 1 {
        noun.trim_end_matches('s')
    } else {
        noun
    };
    format!("{} {noun}", count(number))
}

/// A number with a comma between thousands.
pub(crate) fn count(number: u64) -> String {
    thousands(&number.to_string())
}

/// A decimal of two places or so with a comma between thousands.
fn decimal(number: &BigDecimal) -> String {
    let plain = number.to_plain_string();
    match plain.split_once('.') {
        Some((whole, fraction)) => format!("{}.{fraction}", thousands(whole)),
        None => thousands(&plain),
    }
}

/// Digits with a comma between thousands.
fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time to the second.
pub(crate) fn instant(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
