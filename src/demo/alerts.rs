//! What the subscription delivered: printed as it comes, and kept to be held against what the seed says.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::client::text;
use super::screen::Screen;
use super::summary::grouped;
use crate::model::PlatformKind;

/// The alerts of a run.
#[derive(Debug)]
pub(super) struct Alerts {
    screen: Arc<Screen>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Only what concerns these affiliates is this run's.
    affiliates: HashSet<String>,
    /// Whether what concerns others is printed, too.
    shows_all: bool,
    /// Events that were delivered of this run.
    events: usize,
    /// Alerts that were raised on a post: the post and the kind.
    raised: HashSet<(String, String)>,
    /// Alerts about an affiliate's trust.
    trust_drops: usize,
    /// What was heard of the alerts on posts, and how often: the post, the kind of alert and what became of it.
    heard: HashMap<Heard, usize>,
    /// How often a platform was said to fail too often, and how often that was taken back.
    degraded: (usize, usize),
}

/// What was heard of the alert on a post: the post's global id, the kind of alert, and what became of it.
pub(super) type Heard = (String, String, String);

impl Alerts {
    /// None yet, and none that would be this run's.
    pub(super) fn new(screen: Arc<Screen>) -> Self {
        Self {
            screen,
            state: Mutex::default(),
        }
    }

    /// Says which affiliates are this run's, by their global ids.
    pub(super) fn belong_to(&self, affiliates: impl IntoIterator<Item = String>) {
        self.lock().affiliates.extend(affiliates);
    }

    /// Prints everybody's from now on.
    pub(super) fn show_all(&self) {
        self.lock().shows_all = true;
    }

    /// Takes an event of the subscription.
    pub(super) fn take(&self, event: &Value) {
        let mut state = self.lock();
        let is_ours =
            text(event, "/alert/affiliate/id").is_some_and(|id| state.affiliates.contains(id));
        if is_ours {
            state.events += 1;
            let of = |pointer: &str| text(event, pointer).map(str::to_owned);
            if let (Some(post), Some(kind), Some(what)) =
                (of("/alert/post/id"), of("/alert/kind"), of("/kind"))
            {
                *state.heard.entry((post, kind, what)).or_default() += 1;
            }
            if text(event, "/kind") == Some("RAISED") {
                let kind = text(event, "/alert/kind").unwrap_or_default().to_owned();
                match text(event, "/alert/post/id") {
                    Some(post) => {
                        state.raised.insert((post.to_owned(), kind));
                    }
                    None if kind == "TRUST_DROP" => state.trust_drops += 1,
                    None => {}
                }
            }
        }
        if text(event, "/alert/kind") == Some("PLATFORM_DEGRADED") {
            match text(event, "/kind") {
                Some("RAISED") => state.degraded.0 += 1,
                Some("WITHDRAWN") => state.degraded.1 += 1,
                _ => {}
            }
        }
        if is_ours || state.shows_all {
            self.screen.line(&line(event));
        }
    }

    /// The alerts on posts that were raised so far: the post's global id and the kind.
    pub(super) fn raised(&self) -> HashSet<(String, String)> {
        self.lock().raised.clone()
    }

    /// How many events were delivered, and how many of them say that a trust score fell.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.events, state.trust_drops)
    }

    /// What was heard of alerts on posts, and how often.
    pub(super) fn heard(&self) -> HashMap<Heard, usize> {
        self.lock().heard.clone()
    }

    /// How often a platform was said to fail too often, and how often that was taken back.
    pub(super) fn degraded(&self) -> (usize, usize) {
        self.lock().degraded
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as a line.
fn line(event: &Value) -> String {
    let of = |pointer: &str| text(event, pointer).unwrap_or_default();
    let mut what = format!(
        "  alert {}: {}",
        of("/kind").to_lowercase(),
        of("/alert/kind")
    );
    if let Some(level) = text(event, "/alert/level") {
        what.push(' ');
        what.push_str(level);
    }
    if text(event, "/alert/finality") == Some("PROVISIONAL") {
        what.push_str(", provisional");
    }
    let mut whose: Vec<&str> = Vec::new();
    let platform = text(event, "/alert/post/platform").and_then(|name| name.parse().ok());
    whose.extend(platform.map(PlatformKind::brand));
    whose.extend(text(event, "/alert/campaign/name"));
    whose.extend(text(event, "/alert/affiliate/name"));
    let excess = excess(event);
    let why = if excess.is_empty() {
        of("/alert/message").to_owned()
    } else {
        excess.join(", ")
    };
    format!("{what} | {} | {why}", whose.join(", "))
}

/// The metrics that are claimed too high.
fn excess(event: &Value) -> Vec<String> {
    let comparisons = event
        .pointer("/alert/reconciliation/comparisons")
        .and_then(Value::as_array);
    comparisons
        .into_iter()
        .flatten()
        .filter(|found| text(found, "/level").is_some_and(|level| level != "NONE"))
        .filter_map(|found| {
            let metric = text(found, "/metric")?.to_lowercase();
            let claimed = grouped(found.get("claimed")?.as_u64()?);
            let actual = grouped(found.get("actual")?.as_u64()?);
            let percent = text(found, "/differencePercent")
                .map(|percent| format!(" (+{percent} %)"))
                .unwrap_or_default();
            Some(format!(
                "{metric} claimed {claimed}, observed {actual}{percent}"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, affiliate: &str, post: &str) -> Value {
        json!({ "kind": kind, "cursor": "c", "alert": {
            "id": "a", "kind": "OVERCLAIM", "level": "HIGH", "finality": "PROVISIONAL", "message": "It is too much.",
            "campaign": { "name": "First cup" }, "affiliate": { "id": affiliate, "name": "Ann" },
            "post": { "id": post, "platform": "META" }, "reconciliation": { "comparisons": [
                { "metric": "VIEWS", "claimed": 25_000, "actual": 10_000, "differencePercent": "150.00", "level": "HIGH" },
                { "metric": "CLICKS", "claimed": 5, "actual": 9, "differencePercent": "-44.44", "level": "NONE" },
            ] } } })
    }

    #[test]
    fn a_line_says_what_was_claimed_and_observed_of_what_is_over() {
        assert_eq!(
            line(&event("RAISED", "f", "p")),
            "  alert raised: OVERCLAIM HIGH, provisional | Facebook, First cup, Ann | \
             views claimed 25,000, observed 10,000 (+150.00 %)"
        );
    }

    #[test]
    fn a_line_about_an_affiliate_has_the_alerts_own_words() {
        let event = json!({ "kind": "RAISED", "alert": { "kind": "TRUST_DROP", "level": null, "campaign": null,
            "affiliate": { "id": "f", "name": "Ann" }, "post": null, "reconciliation": null,
            "message": "The trust score fell." } });
        assert_eq!(
            line(&event),
            "  alert raised: TRUST_DROP | Ann | The trust score fell."
        );
    }

    #[test]
    fn only_what_is_raised_on_this_runs_affiliates_is_kept() {
        let alerts = Alerts::new(Arc::new(Screen::new()));
        alerts.take(&event("RAISED", "ours", "early"));
        alerts.belong_to(["ours".to_owned()]);
        alerts.take(&event("RAISED", "ours", "p1"));
        alerts.take(&event("CONFIRMED", "ours", "p2"));
        alerts.take(&event("RAISED", "other", "p3"));
        let raised = alerts.raised();
        assert_eq!(raised.len(), 1);
        assert!(raised.contains(&("p1".to_owned(), "OVERCLAIM".to_owned())));
        assert_eq!(alerts.counts(), (2, 0));
        let heard = |post: &str, what: &str| {
            let key = (post.to_owned(), "OVERCLAIM".to_owned(), what.to_owned());
            alerts.heard().get(&key).copied()
        };
        assert_eq!(heard("p1", "RAISED"), Some(1));
        assert_eq!(heard("p2", "CONFIRMED"), Some(1));
        assert_eq!(heard("p3", "RAISED"), None);
    }

    #[test]
    fn platforms_that_fail_are_counted_though_they_concern_no_affiliate() {
        let alerts = Alerts::new(Arc::new(Screen::new()));
        for what in ["RAISED", "WITHDRAWN", "RAISED"] {
            alerts.take(
                &json!({ "kind": what, "alert": { "kind": "PLATFORM_DEGRADED",
                "affiliate": null, "post": null, "message": "It fails." } }),
            );
        }
        assert_eq!(alerts.degraded(), (2, 1));
        assert_eq!(alerts.counts(), (0, 0));
    }
}
