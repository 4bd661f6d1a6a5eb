//! Subscribers hear of the alerts that they may see, as they happen and replayed, and of no others.

use serde_json::{Value, json};

use super::tenants::Tenants;
use crate::scene::{Watcher, text};
use crate::support::Client;

/// What happens in both programs after their alerts were raised, in this order.
const HISTORY: [&str; 9] = [
    "RAISED platform",
    "ACKNOWLEDGED Borg's claim",
    "ACKNOWLEDGED Acme's claim",
    "ACKNOWLEDGED Bob's trust",
    "ACKNOWLEDGED Ann's trust",
    "RESOLVED Borg's claim",
    "RESOLVED Acme's claim",
    "RESOLVED Bob's trust",
    "RESOLVED Ann's trust",
];

/// The alerts that were raised before.
const CLAIMS: [&str; 4] = ["Acme's claim", "Ann's trust", "Borg's claim", "Bob's trust"];

/// Whose alerts are whose.
const PARTS: [(&str, &[&str]); 5] = [
    ("Ann", &["Acme's claim", "Ann's trust"]),
    ("Bob", &["Borg's claim", "Bob's trust"]),
    ("Acme", &["Acme's claim"]),
    ("Borg", &["Borg's claim"]),
    (
        "operator",
        &[
            "Acme's claim",
            "Ann's trust",
            "Borg's claim",
            "Bob's trust",
            "platform",
        ],
    ),
];

/// The alerts of two programs, by the names that the history has for them.
struct Alerts(Tenants);

impl Alerts {
    /// The alert under a name, and who acts on it.
    fn find(&self, name: &str) -> (&str, &Client) {
        let (acme, borg) = (&self.0.acme, &self.0.borg);
        let operator = &self.0.app.operator;
        match name {
            "Acme's claim" => (acme.overclaim.as_str(), &acme.advertiser.client),
            "Borg's claim" => (borg.overclaim.as_str(), &borg.advertiser.client),
            "Ann's trust" => (acme.trust_drop.as_str(), operator),
            "Bob's trust" => (borg.trust_drop.as_str(), operator),
            _ => panic!("there is no {name}"),
        }
    }

    /// Makes the history happen. Its first event is raised behind the API.
    async fn act(&self) {
        self.0.platform_degraded().await;
        for event in &HISTORY[1..] {
            let (what, name) = event.split_once(' ').unwrap();
            let (alert, client) = self.find(name);
            let mutation = if what == "ACKNOWLEDGED" {
                "mutation($id: ID!) { change: acknowledgeAlert(input: { alertId: $id }) { userErrors { message } } }"
            } else {
                "mutation($id: ID!) { change: resolveAlert(input: { alertId: $id, notes: \"Talked.\" }) \
                 { userErrors { message } } }"
            };
            let data = client.ok(mutation, json!({ "id": alert })).await;
            assert_eq!(data["change"]["userErrors"], json!([]), "{event}");
        }
    }

    /// An event as the history writes it.
    fn name(&self, event: &Value) -> String {
        let id = text(&event["alert"]["id"]);
        let named = CLAIMS.into_iter().find(|name| self.find(name).0 == id);
        format!("{} {}", text(&event["kind"]), named.unwrap_or("platform"))
    }

    /// A watcher that has heard that each of its own alerts was raised.
    async fn watch(&self, client: &Client, own: &[&str]) -> Watcher {
        let mut watcher = Watcher::start(client, "").await;
        let mut expected: Vec<String> = CLAIMS
            .iter()
            .filter(|name| own.contains(name))
            .map(|name| format!("RAISED {name}"))
            .collect();
        let mut heard = Vec::new();
        for _ in &expected {
            heard.push(self.name(&watcher.next().await));
        }
        heard.sort_unstable();
        expected.sort_unstable();
        assert_eq!(heard, expected);
        watcher
    }

    /// Sees that a watcher hears its own part of the history, and nothing in between.
    async fn is_heard(&self, mut watcher: Watcher, caller: &str, own: &[&str]) {
        let is_own = |event: &str| own.iter().any(|name| event.ends_with(name));
        for expected in HISTORY.into_iter().filter(|event| is_own(event)) {
            let event = watcher.next().await;
            assert_eq!(self.name(&event), expected, "{caller}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_hears_at_once_of_its_own_alerts_and_of_no_others() {
    let alerts = Alerts(Tenants::create().await);
    let mut watchers = Vec::new();
    for ((_, own), (_, client)) in PARTS.iter().zip(alerts.0.callers()) {
        watchers.push(alerts.watch(client, own).await);
    }
    alerts.act().await;
    for ((caller, own), watcher) in PARTS.iter().zip(watchers) {
        alerts.is_heard(watcher, caller, own).await;
    }
    alerts.0.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_holds_the_subscribers_own_alerts_and_no_others() {
    let alerts = Alerts(Tenants::create().await);
    alerts.act().await;
    for ((caller, own), (_, client)) in PARTS.iter().zip(alerts.0.callers()) {
        let watcher = alerts.watch(client, own).await;
        alerts.is_heard(watcher, caller, own).await;
    }
    alerts.0.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hears_of_a_strangers_campaign_by_asking_for_it() {
    let tenants = Tenants::create().await;
    let argument = format!("campaignId: \"{}\"", tenants.acme.campaign);
    for (caller, client) in tenants.callers() {
        let mut watcher = Watcher::start(client, &argument).await;
        if matches!(caller, "Bob" | "Borg") {
            assert_eq!(watcher.refusal().await, "NOT_FOUND", "{caller}");
        } else {
            let event = watcher.next().await;
            assert_eq!(event["alert"]["id"], tenants.acme.overclaim, "{caller}");
        }
    }
    tenants.app.finish().await;
}
