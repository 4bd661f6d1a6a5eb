//! Waits for the verdicts and holds them against what the seed says.
//!
//! It waits on what is there, asked for anew each time, and not for something to happen: a verdict that came before it was
//! looked for counts as well as one that comes later.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::alerts::Alerts;
use super::catalogue::CAMPAIGNS;
use super::claims::Outcome;
use super::client::{Caller, text};
use super::plan::Planned;
use super::screen::Screen;
use super::seed::Planted;
use super::submit::Submitted;
use super::summary::{Column, grouped_length, sum};
use crate::model::PlatformKind;

/// How long the verdicts, and the alerts after them, may take.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);
/// How often it is looked whether they are there.
const POLL: Duration = Duration::from_millis(250);

const POSTS: &str = "query($campaign: ID!, $after: String) { \
    posts(first: 100, after: $after, filter: { campaignId: $campaign }) { \
    pageInfo { hasNextPage endCursor } nodes { id status platformPostId \
    latestReport { reconciliation { status level finality } } } } }";
const DASHBOARD: &str = "query($campaign: ID!) { campaign(id: $campaign) { dashboard { byPlatform { \
    platform totals { claimed { views } observed { views } openAlerts } } } } }";

/// A post as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// None as long as its claim has no verdict.
    pub(super) outcome: Option<Outcome>,
    /// None as long as a short link is not resolved.
    pub(super) native_id: Option<String>,
}

/// Posts by their global ids.
pub(super) type Posts = HashMap<String, Found>;

/// Waits until every accepted post has a verdict, or patience ends, and gives the posts as they are then.
///
/// # Errors
/// The API does not answer.
pub(super) async fn wait(
    operator: &Caller,
    planted: &Planted,
    submitted: &[Submitted],
    screen: &Screen,
    deadline: Instant,
) -> anyhow::Result<Posts> {
    let total = submitted.iter().filter(|s| s.post.is_some()).count();
    loop {
        let posts = read(operator, &planted.campaigns).await?;
        let judged = posts.values().filter(|post| post.outcome.is_some()).count();
        screen.progress(judged, total, &progress(&posts, judged, total));
        if judged >= total {
            return Ok(posts);
        }
        if Instant::now() >= deadline {
            screen.abandon_progress();
            return Ok(posts);
        }
        tokio::time::sleep(POLL).await;
    }
}

fn progress(posts: &Posts, judged: usize, total: usize) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for outcome in posts.values().filter_map(|post| post.outcome.as_ref()) {
        *counts.entry(outcome.status.as_str()).or_default() += 1;
    }
    let counts: Vec<String> = counts
        .into_iter()
        .map(|(status, count)| format!("{} {}", grouped_length(count), words(status)))
        .collect();
    let (judged, total) = (grouped_length(judged), grouped_length(total));
    if counts.is_empty() {
        format!("Verdicts on {judged} of {total} posts")
    } else {
        format!(
            "Verdicts on {judged} of {total} posts: {}",
            counts.join(", ")
        )
    }
}

/// `PARTIALLY_MATCHED` as words.
fn words(name: &str) -> String {
    name.to_lowercase().replace('_', " ")
}

/// The posts of the run's campaigns.
///
/// # Errors
/// The API does not answer.
pub(super) async fn read(operator: &Caller, campaigns: &[String]) -> anyhow::Result<Posts> {
    let mut posts = Posts::new();
    for campaign in campaigns {
        let mut after: Option<String> = None;
        loop {
            let variables = json!({ "campaign": campaign, "after": after });
            let page = operator.query(POSTS, variables).await?;
            let nodes = page.pointer("/posts/nodes").and_then(Value::as_array);
            posts.extend(nodes.into_iter().flatten().filter_map(post));
            after = text(&page, "/posts/pageInfo/endCursor").map(str::to_owned);
            let more = page.pointer("/posts/pageInfo/hasNextPage");
            if after.is_none() || more != Some(&Value::Bool(true)) {
                break;
            }
        }
    }
    Ok(posts)
}

fn post(node: &Value) -> Option<(String, Found)> {
    let verdict = |field: &str| text(node, &format!("/latestReport/reconciliation/{field}"));
    let outcome = || {
        Some(Outcome {
            status: verdict("status")?.parse().ok()?,
            level: match verdict("level") {
                Some(level) => Some(level.parse().ok()?),
                None => None,
            },
            finality: verdict("finality")?.parse().ok()?,
            post: text(node, "/status")?.parse().ok()?,
        })
    };
    let found = Found {
        outcome: outcome(),
        native_id: text(node, "/platformPostId").map(str::to_owned),
    };
    Some((text(node, "/id")?.to_owned(), found))
}

/// Waits until every alert on a post that the seed expects was delivered, or patience ends, and says what differs.
pub(super) async fn wait_for_alerts(
    alerts: &Alerts,
    plan: &[Planned],
    submitted: &[Submitted],
    deadline: Instant,
) -> Vec<String> {
    let expected = expected_alerts(plan, submitted);
    loop {
        let raised = alerts.raised();
        let are_there = expected.keys().all(|alert| raised.contains(alert));
        if are_there || Instant::now() >= deadline {
            return alert_differences(&expected, &raised);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// The alerts that the accepted posts lead to (the post's global id and the kind), each with its post's name in messages.
fn expected_alerts(plan: &[Planned], submitted: &[Submitted]) -> HashMap<(String, String), String> {
    plan.iter()
        .zip(submitted)
        .enumerate()
        .filter_map(|(nth, (planned, submitted))| {
            let kind = planned.expected.alert(&CAMPAIGNS[planned.campaign].terms)?;
            let post = submitted.post.clone()?;
            Some(((post, kind.as_str().to_owned()), name(nth, planned)))
        })
        .collect()
}

fn alert_differences(
    expected: &HashMap<(String, String), String>,
    raised: &HashSet<(String, String)>,
) -> Vec<String> {
    let missing = expected
        .iter()
        .filter(|(alert, _)| !raised.contains(*alert))
        .map(|((_, kind), name)| format!("{name}: expected an alert {kind}, none was delivered"));
    // Other kinds may come with other rules.
    let others = raised
        .iter()
        .filter(|alert| !expected.contains_key(*alert))
        .filter(|(_, kind)| matches!(kind.as_str(), "OVERCLAIM" | "POST_REMOVED"))
        .map(|(post, kind)| format!("post {post}: expected no alert, {kind} was delivered"));
    let mut differences: Vec<String> = missing.chain(others).collect();
    differences.sort_unstable();
    differences
}

/// What of the answers to the submissions is not what the seed says.
pub(super) fn problems(plan: &[Planned], submitted: &[Submitted]) -> Vec<String> {
    let each = plan.iter().zip(submitted).enumerate();
    each.flat_map(|(nth, (planned, submitted))| {
        let name = name(nth, planned);
        let of_post = submitted.problems.iter();
        of_post.map(move |problem| format!("{name}: {problem}"))
    })
    .collect()
}

/// What of the answers and the verdicts is not what the seed says.
pub(super) fn differences(plan: &[Planned], submitted: &[Submitted], posts: &Posts) -> Vec<String> {
    let mut differences = problems(plan, submitted);
    for (nth, (planned, submitted)) in plan.iter().zip(submitted).enumerate() {
        let name = name(nth, planned);
        let mut differs = |what: String| differences.push(format!("{name}: {what}"));
        let Some(id) = &submitted.post else { continue };
        let found = posts.get(id);
        let expected = &planned.expected;
        match found.and_then(|found| found.outcome.as_ref()) {
            None => differs(format!("expected {expected}, there is no verdict")),
            Some(outcome) if outcome != expected => {
                differs(format!("expected {expected}, got {outcome}"));
            }
            Some(_) => {}
        }
        let native_id = found.and_then(|found| found.native_id.as_deref());
        if native_id != Some(planned.native_id.as_str()) {
            let native_id = native_id.unwrap_or("none");
            let expected = &planned.native_id;
            differs(format!(
                "expected the platform's id {expected}, got {native_id}"
            ));
        }
    }
    differences
}

/// What a planned post is called in what is printed.
pub(super) fn name(nth: usize, planned: &Planned) -> String {
    let platform = planned.platform.brand();
    format!("#{} {platform}, {}, {}", nth + 1, planned.kind, planned.url)
}

/// The columns of the summary: verdicts as they were read, sums as the dashboards tell them.
///
/// # Errors
/// The API does not answer.
pub(super) async fn columns(
    operator: &Caller,
    planted: &Planted,
    plan: &[Planned],
    submitted: &[Submitted],
    posts: &Posts,
) -> anyhow::Result<Vec<(PlatformKind, Column)>> {
    let mut columns: Vec<(PlatformKind, Column)> = PlatformKind::ALL
        .iter()
        .map(|kind| (*kind, Column::default()))
        .collect();
    for (planned, submitted) in plan.iter().zip(submitted) {
        let Some(id) = &submitted.post else { continue };
        let outcome = posts.get(id).and_then(|found| found.outcome.as_ref());
        if let Some((_, column)) = columns
            .iter_mut()
            .find(|(kind, _)| *kind == planned.platform)
        {
            column.count(outcome);
        }
    }
    for campaign in &planted.campaigns {
        let data = operator
            .query(DASHBOARD, json!({ "campaign": campaign }))
            .await?;
        let platforms = data.pointer("/campaign/dashboard/byPlatform");
        for totals in platforms.and_then(Value::as_array).into_iter().flatten() {
            let number = |pointer| totals.pointer(pointer).and_then(Value::as_u64);
            let column = columns
                .iter_mut()
                .find(|(kind, _)| text(totals, "/platform") == Some(kind.as_str()));
            if let Some((_, column)) = column {
                column.claimed = sum(column.claimed, number("/totals/claimed/views"));
                column.observed = sum(column.observed, number("/totals/observed/views"));
                column.alerts += number("/totals/openAlerts").unwrap_or(0);
            }
        }
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::plan::plan;
    use crate::model::{DiscrepancyLevel, Finality, PostStatus, ReconciliationStatus};
    use crate::simulator::World;

    /// A plan whose posts were all accepted and turned out as expected.
    fn as_planned() -> (Vec<Planned>, Vec<Submitted>, Posts) {
        let plan = plan(&World::new(1).with_frozen_growth(), 37).unwrap();
        let submitted: Vec<Submitted> = (0..plan.len())
            .map(|nth| Submitted {
                post: Some(nth.to_string()),
                problems: Vec::new(),
            })
            .collect();
        let posts = plan
            .iter()
            .enumerate()
            .map(|(nth, planned)| {
                let found = Found {
                    outcome: Some(planned.expected),
                    native_id: Some(planned.native_id.clone()),
                };
                (nth.to_string(), found)
            })
            .collect();
        (plan, submitted, posts)
    }

    #[test]
    fn what_turned_out_as_planned_differs_in_nothing() {
        let (plan, submitted, posts) = as_planned();
        assert_eq!(differences(&plan, &submitted, &posts), [""; 0]);
    }

    #[test]
    fn another_verdict_a_missing_one_and_another_post_are_each_a_difference() {
        let (plan, mut submitted, mut posts) = as_planned();
        posts.get_mut("0").unwrap().outcome = None;
        let outcome = posts.get_mut("1").unwrap().outcome.as_mut().unwrap();
        outcome.finality = Finality::Provisional;
        posts.get_mut("2").unwrap().native_id = None;
        submitted[3].problems.push("not submitted".to_owned());
        submitted[3].post = None;
        posts.remove("4");
        let found = differences(&plan, &submitted, &posts);
        assert_eq!(found.len(), 6, "{found:#?}");
        assert!(found[0].starts_with("#4 Instagram, wildly high, https://"));
        assert!(found[1].ends_with("there is no verdict"), "{}", found[1]);
        assert!(found[2].contains("got MATCHED NONE PROVISIONAL, post TRACKING"));
        assert!(found[3].contains("expected the platform's id"));
    }

    #[test]
    fn an_alert_that_is_missing_and_one_too_many_are_each_a_difference() {
        let (plan, submitted, _) = as_planned();
        let expected = expected_alerts(&plan, &submitted);
        let mut raised: HashSet<(String, String)> = expected.keys().cloned().collect();
        assert!(raised.len() > 5);
        raised.insert(("x".to_owned(), "DUPLICATE_POST".to_owned()));
        assert_eq!(alert_differences(&expected, &raised), [""; 0]);
        let one = expected.keys().next().unwrap();
        raised.remove(one);
        raised.insert(("x".to_owned(), "OVERCLAIM".to_owned()));
        assert_eq!(alert_differences(&expected, &raised).len(), 2);
    }

    #[test]
    fn a_post_is_read_with_and_without_a_verdict() {
        let node = json!({ "id": "p", "status": "RESOLVING", "platformPostId": null,
            "latestReport": { "reconciliation": null } });
        let (id, found) = post(&node).unwrap();
        assert_eq!(id, "p");
        assert_eq!((found.outcome, found.native_id), (None, None));
        let node = json!({ "id": "p", "status": "TRACKING", "platformPostId": "1a", "latestReport": {
            "reconciliation": { "status": "DISCREPANCY", "level": "HIGH", "finality": "FINAL" } } });
        let outcome = Outcome {
            status: ReconciliationStatus::Discrepancy,
            level: Some(DiscrepancyLevel::High),
            finality: Finality::Final,
            post: PostStatus::Tracking,
        };
        assert_eq!(post(&node).unwrap().1.outcome, Some(outcome));
    }
}
