//! Holds every verdict of a week against the platforms, and every alert against the verdicts.
//!
//! The played platforms can say what they showed of a post at any time. So each number that a verdict rests on is looked up
//! anew, at the time at which it is said to have been observed: one that was made from a failed fetch would be another one.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::refusal::{Refusal, milliseconds};
use super::script::{Deed, Script};
use crate::demo::alerts::Heard;
use crate::demo::catalogue::CAMPAIGNS;
use crate::demo::client::{Caller, text};
use crate::demo::plan::{Planned, played};
use crate::demo::submit::Submitted;
use crate::demo::verdicts::name;
use crate::model::{DiscrepancyLevel, Finality, ReconciliationStatus};
use crate::simulator::{Figures, World};

/// How many posts are read at a time.
const CHUNK: usize = 10;
/// An observation is dated when the platform is asked, a little before it answers; the two clocks are set by one another.
const BEFORE_MS: i64 = 2_000;
const AFTER_MS: i64 = 60_000;

const VERDICTS: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Post { id \
    reconciliations(first: 30) { nodes { status level finality processedAt \
    comparisons { metric actual platformReport { fetchedAt } } } } } } }";

const SEEN: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Post { \
    latestPlatformReport { observed { views { availability } } } } } }";

/// A verdict that was reached in the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    status: ReconciliationStatus,
    level: Option<DiscrepancyLevel>,
    finality: Finality,
    processed_ms: i64,
    numbers: Vec<Number>,
}

/// A number that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Number {
    metric: String,
    actual: u64,
    observed_ms: i64,
}

/// What the audit found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// How many verdicts were reached, and how many of them said that the platform was not reached.
    pub(super) verdicts: usize,
    pub(super) unreached: usize,
    /// How many numbers were looked up.
    pub(super) numbers: usize,
    /// What is to have been heard of alerts.
    pub(super) expected: HashMap<Heard, usize>,
    /// What is not as it should be.
    pub(super) differences: Vec<String>,
}

/// The week that was played.
#[derive(Clone, Copy)]
pub(super) struct Played<'a> {
    pub(super) world: &'a World,
    pub(super) script: &'a Script,
    /// The hours in which a platform refused this server's credential.
    pub(super) refusal: Option<&'a Refusal>,
}

/// Reads every verdict on the accepted posts and looks its numbers up.
///
/// # Errors
/// The API does not answer.
pub(super) async fn audit(
    operator: &Caller,
    played: Played<'_>,
    submitted: &[Submitted],
) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let accepted: Vec<(usize, &str)> = submitted
        .iter()
        .enumerate()
        .filter_map(|(nth, submitted)| Some((nth, submitted.post.as_deref()?)))
        .collect();
    for chunk in accepted.chunks(CHUNK) {
        let ids: Vec<&str> = chunk.iter().map(|(_, id)| *id).collect();
        let data = operator.query(VERDICTS, json!({ "ids": ids })).await?;
        for (nth, id) in chunk {
            let Some(planned) = played.script.plan.get(*nth) else {
                continue;
            };
            let history = nodes(&data)
                .find(|node| text(node, "/id") == Some(*id))
                .map(history)
                .unwrap_or_default();
            let of_post = Of {
                played,
                nth: *nth,
                planned,
            };
            of_post.examine(id, &history, &mut findings);
        }
    }
    Ok(findings)
}

/// Whether the platform was heard of every one of these posts, with its views where `with_views` is set.
///
/// # Errors
/// The API does not answer.
pub(super) async fn were_seen(
    operator: &Caller,
    ids: &[&str],
    with_views: bool,
) -> anyhow::Result<bool> {
    for chunk in ids.chunks(CHUNK) {
        let data = operator.query(SEEN, json!({ "ids": chunk })).await?;
        let seen = nodes(&data).filter(|node| {
            let availability = text(node, "/latestPlatformReport/observed/views/availability");
            availability.is_some_and(|is| !with_views || is == "REPORTED")
        });
        if seen.count() < chunk.len() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn nodes(data: &Value) -> impl Iterator<Item = &Value> {
    data.pointer("/nodes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

/// The verdicts on a post, oldest first.
fn history(node: &Value) -> Vec<Verdict> {
    let newest_first = node
        .pointer("/reconciliations/nodes")
        .and_then(Value::as_array);
    newest_first
        .into_iter()
        .flatten()
        .rev()
        .filter_map(verdict)
        .collect()
}

fn verdict(node: &Value) -> Option<Verdict> {
    let comparisons = node.get("comparisons").and_then(Value::as_array);
    let numbers = comparisons.into_iter().flatten().filter_map(|comparison| {
        Some(Number {
            metric: text(comparison, "/metric")?.to_owned(),
            actual: comparison.get("actual")?.as_u64()?,
            observed_ms: milliseconds(comparison, "/platformReport/fetchedAt")?,
        })
    });
    Some(Verdict {
        status: text(node, "/status")?.parse().ok()?,
        level: match text(node, "/level") {
            Some(level) => Some(level.parse().ok()?),
            None => None,
        },
        finality: text(node, "/finality")?.parse().ok()?,
        processed_ms: milliseconds(node, "/processedAt")?,
        numbers: numbers.collect(),
    })
}

/// A post that is examined.
struct Of<'a> {
    played: Played<'a>,
    nth: usize,
    planned: &'a Planned,
}

impl Of<'_> {
    fn examine(&self, id: &str, history: &[Verdict], findings: &mut Findings) {
        let alert_from = CAMPAIGNS[self.planned.campaign].terms.alert_from;
        findings.verdicts += history.len();
        for verdict in history {
            if verdict.status == ReconciliationStatus::Failed {
                findings.unreached += 1;
                if self.was_refused(verdict.processed_ms) {
                    let name = name(self.nth, self.planned);
                    findings.differences.push(format!(
                        "{name}: it was judged while its platform refused this server's credential"
                    ));
                }
            }
            for number in &verdict.numbers {
                findings.numbers += 1;
                if let Some(difference) = self.look_up(number) {
                    let name = name(self.nth, self.planned);
                    findings.differences.push(format!("{name}: {difference}"));
                }
            }
        }
        let mut expect = |kind: &str, what: &str| {
            let heard = (id.to_owned(), kind.to_owned(), what.to_owned());
            *findings.expected.entry(heard).or_default() += 1;
        };
        for what in overclaim(history, alert_from) {
            expect("OVERCLAIM", what);
        }
        let stroke = self.played.script.stroke_on(self.nth);
        match stroke.filter(|stroke| stroke.done_ms.is_some()) {
            Some(stroke) if stroke.deed == Deed::Vanish => expect("POST_REMOVED", "RAISED"),
            Some(_) => expect("COUNT_FELL", "RAISED"),
            None => {}
        }
    }

    /// Whether its platform refused this server's credential at a time.
    fn was_refused(&self, at_ms: i64) -> bool {
        let refusal = self.played.refusal;
        refusal.is_some_and(|refusal| refusal.covers(self.planned.platform, at_ms))
    }

    /// What the platform showed when a number was observed, where that is another one.
    fn look_up(&self, number: &Number) -> Option<String> {
        let on = played(self.planned.platform);
        let id = self.planned.native_id.as_str();
        let shown = |at_ms: i64| -> Option<u64> {
            let earned = self.played.world.untouched(on, id, at_ms)?;
            let figures = match self.played.script.stroke_on(self.nth) {
                Some(stroke) => stroke.shown(earned, number.observed_ms),
                None => earned,
            };
            of_metric(figures, &number.metric)
        };
        let least = shown(number.observed_ms - BEFORE_MS);
        let most = shown(number.observed_ms + AFTER_MS);
        let is_right = least
            .zip(most)
            .is_some_and(|(least, most)| (least..=most).contains(&number.actual));
        (!is_right).then(|| {
            let metric = number.metric.to_lowercase();
            let showed = match (least, most) {
                (Some(least), Some(most)) => format!("{least} to {most}"),
                _ => "none".to_owned(),
            };
            format!(
                "a verdict rests on {metric} of {}, where the platform showed {showed}",
                number.actual
            )
        })
    }
}

fn of_metric(figures: Figures, metric: &str) -> Option<u64> {
    match metric {
        "VIEWS" => Some(figures.views),
        "CLICKS" => Some(figures.clicks),
        _ => None,
    }
}

/// What is to become of the alert on a claim with these verdicts, oldest first.
fn overclaim(history: &[Verdict], alert_from: DiscrepancyLevel) -> Vec<&'static str> {
    let mut events = Vec::new();
    // The finality of the alert, as long as there is one that was not withdrawn.
    let mut alert: Option<Finality> = None;
    for verdict in history {
        let is_over = verdict.status == ReconciliationStatus::Discrepancy
            && verdict.level.is_some_and(|level| level >= alert_from);
        match (alert, is_over) {
            (None, true) => events.push("RAISED"),
            (Some(Finality::Provisional), true) if verdict.finality == Finality::Final => {
                events.push("CONFIRMED");
            }
            (Some(Finality::Provisional), false) => {
                events.push("WITHDRAWN");
                alert = None;
            }
            _ => {}
        }
        if is_over {
            alert = Some(verdict.finality);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: ReconciliationStatus, level: DiscrepancyLevel, is_final: bool) -> Verdict {
        Verdict {
            status,
            level: Some(level),
            finality: if is_final {
                Finality::Final
            } else {
                Finality::Provisional
            },
            processed_ms: 0,
            numbers: Vec::new(),
        }
    }

    #[test]
    fn what_becomes_of_an_alert_follows_from_the_verdicts() {
        use DiscrepancyLevel::{High, Low, Medium};
        use ReconciliationStatus::{Discrepancy, Failed, Matched};
        let events = |history: &[Verdict]| overclaim(history, Medium);
        assert_eq!(events(&[]), [""; 0]);
        assert_eq!(events(&[judged(Discrepancy, Low, true)]), [""; 0]);
        assert_eq!(events(&[judged(Discrepancy, High, true)]), ["RAISED"]);
        let provisional = judged(Discrepancy, High, false);
        let failed = judged(Failed, DiscrepancyLevel::None, false);
        assert_eq!(
            events(&[failed, provisional.clone(), provisional.clone()]),
            ["RAISED"]
        );
        assert_eq!(
            events(&[provisional.clone(), judged(Discrepancy, High, true)]),
            ["RAISED", "CONFIRMED"]
        );
        let matched = judged(Matched, DiscrepancyLevel::None, true);
        assert_eq!(
            events(&[provisional.clone(), matched]),
            ["RAISED", "WITHDRAWN"]
        );
        assert_eq!(
            events(&[
                provisional.clone(),
                judged(Discrepancy, Low, false),
                provisional
            ]),
            ["RAISED", "WITHDRAWN", "RAISED"]
        );
    }

    #[test]
    fn verdicts_are_read_oldest_first_and_a_number_that_is_missing_is_none() {
        let node = json!({ "id": "p", "reconciliations": { "nodes": [
            { "status": "DISCREPANCY", "level": "HIGH", "finality": "FINAL",
                "processedAt": "2026-11-21T07:30:02Z", "comparisons": [
                { "metric": "VIEWS", "actual": 100,
                    "platformReport": { "fetchedAt": "2026-11-21T07:30:00.500000Z" } },
                { "metric": "CLICKS", "actual": null,
                    "platformReport": { "fetchedAt": "2026-11-21T07:30:00.500000Z" } },
                { "metric": "CONVERSIONS", "actual": null, "platformReport": null },
            ] },
            { "status": "FAILED", "level": null, "finality": "PROVISIONAL",
                "processedAt": "2026-11-21T06:30:00.250000Z", "comparisons": [] },
        ] } });
        let history = history(&node);
        assert_eq!(history.len(), 2);
        assert_eq!(history[0].status, ReconciliationStatus::Failed);
        assert_eq!(history[0].processed_ms % 1_000, 250);
        assert_eq!(history[1].numbers.len(), 1);
        assert_eq!(history[1].numbers[0].actual, 100);
        assert_eq!(history[1].numbers[0].observed_ms % 1_000, 500);
    }

    #[test]
    fn a_number_that_the_platform_did_not_show_is_found() {
        let world = World::of_today(1);
        let script = Script::write(&world, 10).unwrap();
        let planned = &script.plan[0];
        let now_ms = world.now_ms();
        let shown = world
            .untouched(played(planned.platform), &planned.native_id, now_ms)
            .unwrap();
        let of_post = Of {
            played: Played {
                world: &world,
                script: &script,
                refusal: None,
            },
            nth: 0,
            planned,
        };
        let number = |actual| Number {
            metric: "VIEWS".to_owned(),
            actual,
            observed_ms: now_ms,
        };
        assert_eq!(of_post.look_up(&number(shown.views)), None);
        assert!(of_post.look_up(&number(0)).is_some());
        assert!(of_post.look_up(&number(shown.views * 2)).is_some());
    }
}
