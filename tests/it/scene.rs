//! What the tests of the main path share: posts of the played platforms with what they show, claims on them, and watchers
//! of alerts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use countersign::domain::task::Reconcile;
use countersign::domain::verification::{self, Checked, Outcome};
use countersign::platform::Fetched;
use countersign::simulator::{Figures, Platform, SamplePost};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use uuid::Uuid;

use crate::support::{Client, PATIENCE, Party, TestApp};

/// How many of a platform's posts are looked through. The connected accounts own 300 of them.
const POSTS: u64 = 400;

/// A post of a played platform, and what it shows.
#[derive(Debug, Clone)]
pub struct Sample {
    pub url: String,
    pub native_id: String,
    pub handle: String,
    pub figures: Figures,
}

/// The figures that a played platform shows of a post now.
pub fn figures(app: &TestApp, platform: Platform, native_id: &str) -> Figures {
    app.world.figures(platform, native_id, None).unwrap().0
}

/// Posts whose figures fit and whose links hold their ids: those of the connected account, on Reddit of anybody.
pub fn samples(
    app: &TestApp,
    platform: Platform,
    count: usize,
    fits: impl Fn(&Figures) -> bool,
) -> Vec<Sample> {
    let found: Vec<Sample> = app
        .world
        .posts(platform, 0, POSTS, None)
        .into_iter()
        .filter(|post| post.owned || platform == Platform::Reddit)
        .filter(|post| !post.url.contains("pfbid"))
        .map(|post| shown(app, platform, post))
        .filter(|sample| fits(&sample.figures))
        .take(count)
        .collect();
    assert_eq!(found.len(), count, "the platform has too few such posts");
    found
}

/// A post with what it shows.
fn shown(app: &TestApp, platform: Platform, post: SamplePost) -> Sample {
    Sample {
        figures: figures(app, platform, &post.native_id),
        url: post.url,
        native_id: post.native_id,
        handle: post.account_handle,
    }
}

/// One post with at least a thousand views, so that a percent of them is more than the floor.
pub fn sample(app: &TestApp, platform: Platform) -> Sample {
    samples(app, platform, 1, |figures| figures.views >= 1000).remove(0)
}

/// A post of Instagram that is not the connected account's: one of the `REELS` or the `FEED`.
pub fn foreign_sample(app: &TestApp, product_type: &str) -> Sample {
    let post = app
        .world
        .posts(Platform::Instagram, 0, POSTS, None)
        .into_iter()
        .find(|post| !post.owned && post.product_type.as_deref() == Some(product_type))
        .unwrap();
    shown(app, Platform::Instagram, post)
}

/// A post of another account than the connected one, with at least a thousand views.
pub fn strangers_sample(app: &TestApp, platform: Platform) -> Sample {
    let posts = app.world.posts(platform, 0, POSTS, None);
    posts
        .into_iter()
        .filter(|post| !post.owned)
        .map(|post| shown(app, platform, post))
        .find(|sample| sample.figures.views >= 1000)
        .unwrap()
}

/// Has the platforms have said that no linked credential may be used for a hundred hours.
pub async fn used_up(app: &TestApp) {
    app.database
        .execute(
            "INSERT INTO platform_budgets (platform, credential, snoozed_until) \
             SELECT platform, 'credential:' || id, countersign_now() + interval '100 hours' FROM platform_credentials \
             ON CONFLICT ON CONSTRAINT platform_budgets_pkey DO UPDATE SET snoozed_until = excluded.snoozed_until",
        )
        .await;
}

/// The short link of a post, at the platform's own address.
pub fn short_link(app: &TestApp, platform: Platform, native_id: &str) -> String {
    let path = app.world.short_link(platform, native_id).unwrap();
    let (site, played) = match platform {
        Platform::Reddit => ("https://www.reddit.com", "/reddit"),
        Platform::Instagram => ("https://www.instagram.com", "/instagram"),
        Platform::Meta => ("https://www.facebook.com", "/meta"),
        Platform::YouTube => ("https://youtu.be", "/youtube"),
        Platform::TikTok => ("https://www.tiktok.com", "/tiktok"),
        Platform::X => ("https://t.co", "/x"),
    };
    format!("{site}{}", path.strip_prefix(played).unwrap())
}

/// The ids of what a submission made.
#[derive(Debug, Clone)]
pub struct Submitted {
    pub post: String,
    pub report: String,
}

/// Submits a post that must be accepted.
pub async fn submitted(client: &Client, campaign: &str, url: &str, claim: Value) -> Submitted {
    let payload = client.submit(campaign, url, claim).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    Submitted {
        post: text(&payload["post"]["id"]),
        report: text(&payload["report"]["id"]),
    }
}

/// Makes a newer claim on a post and gives the payload.
pub async fn report(client: &Client, post: &str, claim: Value) -> Value {
    let input = with(&json!({ "postId": post }), &claim);
    let data = client
        .ok(
            "mutation($input: SubmitReportInput!) { submitReport(input: $input) { \
             report { id status } userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["submitReport"].clone()
}

/// Makes a newer claim that must be accepted and gives its id.
pub async fn reported(client: &Client, post: &str, claim: Value) -> String {
    let payload = report(client, post, claim).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    text(&payload["report"]["id"])
}

/// A claim with its verdict: the FINAL one, or else the latest.
pub async fn claim(client: &Client, report: &str) -> Value {
    let data = client
        .ok(
            "query($id: ID!) { node(id: $id) { ... on AffiliateReport { status submittedAt \
             reconciliation { id status level finality explanation hash previousHash comparisons { \
             metric claimed actual difference differencePercent level evidenceGrade reasonCode reason } } } } }",
            json!({ "id": report }),
        )
        .await;
    data["node"].clone()
}

/// What a verdict says of one metric.
pub fn on<'a>(verdict: &'a Value, metric: &str) -> &'a Value {
    verdict["comparisons"]
        .as_array()
        .unwrap_or_else(|| panic!("no comparisons: {verdict}"))
        .iter()
        .find(|comparison| comparison["metric"] == metric)
        .unwrap()
}

/// Asks to create a campaign on Reddit, with these parts of the input added or replaced, and gives the payload.
pub async fn create_campaign(client: &Client, parts: Value) -> Value {
    let input = with(
        &json!({ "name": "A campaign", "platforms": ["REDDIT"] }),
        &parts,
    );
    let data = client
        .ok(
            "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) { campaign { id \
             name status startsAt endsAt platforms { platform { kind } viewsDefinition } policy { version \
             lowBelowPercent highAbovePercent absoluteFloor alertFrom lagWindowHours recheckHours } } \
             userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    data["createCampaign"].clone()
}

/// Creates a campaign and gives its id.
pub async fn campaign(advertiser: &Party, parts: Value) -> String {
    let payload = create_campaign(&advertiser.client, parts).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    text(&payload["campaign"]["id"])
}

/// Another affiliate that may submit to the advertiser's campaigns.
pub async fn approved(app: &TestApp, advertiser: &Party, name: &str) -> Party {
    let affiliate = app.affiliate(name).await;
    app.approve(advertiser, &affiliate).await;
    affiliate
}

/// An affiliate's trust, as it reads it.
pub async fn trust(affiliate: &Party) -> Value {
    let data = affiliate
        .client
        .ok(
            "{ viewer { affiliate { trustScore totalSubmissions accurateSubmissions } } }",
            json!({}),
        )
        .await;
    data["viewer"]["affiliate"].clone()
}

/// The alerts of a kind that the caller may see, oldest first.
pub async fn alerts(client: &Client, kind: &str) -> Vec<Value> {
    let data = client
        .ok(
            "query($kind: AlertKind!) { alerts(first: 100, filter: { kind: [$kind] }) { nodes { id kind \
             level finality status message occurrences resolvedBy resolutionNotes campaign { id } \
             post { id } affiliate { id } } } }",
            json!({ "kind": kind }),
        )
        .await;
    let newest_first = data["alerts"]["nodes"].as_array().unwrap();
    newest_first.iter().rev().cloned().collect()
}

/// The checks that wait, oldest claim first, each with this answer of its platform. Nothing is written.
pub async fn answered(app: &TestApp, fetched: &Fetched) -> Vec<Checked> {
    let rows = app
        .database
        .connect()
        .await
        .query(
            "SELECT id::text, payload_json FROM mq_msgs WHERE name = 'reconcile'",
            &[],
        )
        .await
        .unwrap();
    let jobs: Vec<(Uuid, Reconcile)> = rows
        .iter()
        .map(|row| {
            let (id, payload): (String, String) = (row.get(0), row.get(1));
            (id.parse().unwrap(), serde_json::from_str(&payload).unwrap())
        })
        .collect();
    let loaded = verification::load(&app.app, &jobs).await.unwrap();
    let mut checks: Vec<Checked> = loaded
        .tasks
        .into_iter()
        .map(|task| Checked {
            task,
            outcome: Outcome::Answered {
                fetched: fetched.clone(),
                fetched_at: app.app.clock.now(),
                resolved: None,
                credential_id: None,
            },
        })
        .collect();
    checks.sort_by_key(|checked| checked.task.report.id);
    checks
}

/// When the earliest check of a post's claims is due that is in the queue, as the API writes times; null where none is.
pub async fn queued_check(app: &TestApp, post: &str) -> Value {
    let at = app
        .database
        .text(&format!(
            "SELECT coalesce(to_char(min(m.attempt_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), '') \
             FROM mq_msgs m JOIN affiliate_reports r ON r.id = (m.payload_json::jsonb ->> 'affiliate_report_id')::bigint \
             WHERE m.name = 'reconcile' AND r.post_id = {}",
            row(post)
        ))
        .await;
    if at.is_empty() {
        Value::Null
    } else {
        json!(at)
    }
}

/// How many posts, claims, queued checks and idempotency keys there are.
pub async fn written(app: &TestApp) -> Vec<i64> {
    let counts = app
        .database
        .text(
            "SELECT concat_ws(' ', (SELECT count(*) FROM posts), (SELECT count(*) FROM affiliate_reports), \
             (SELECT count(*) FROM mq_msgs WHERE name = 'reconcile'), \
             (SELECT count(*) FROM idempotency_keys))",
        )
        .await;
    counts
        .split(' ')
        .map(|count| count.parse().unwrap())
        .collect()
}

/// What a payload refuses: of each refusal its code and the path of its field, where it has one.
pub fn refusals(payload: &Value) -> Vec<String> {
    let errors = payload["userErrors"].as_array();
    errors
        .unwrap_or_else(|| panic!("no userErrors: {payload}"))
        .iter()
        .map(|error| {
            let path: Vec<&str> = error["field"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let code = text(&error["code"]);
            format!("{code} {}", path.join(".")).trim_end().to_owned()
        })
        .collect()
}

/// An object with the entries of another one added or put in the place of its own.
fn with(object: &Value, parts: &Value) -> Value {
    let mut entries = object.as_object().unwrap().clone();
    entries.extend(parts.as_object().unwrap().clone());
    Value::Object(entries)
}

/// A value that is a text.
pub fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
        .to_owned()
}

/// A value that is a time.
pub fn time(value: &Value) -> DateTime<Utc> {
    text(value).parse().unwrap()
}

/// A number as sentences write it, with a comma between thousands.
pub fn written_out(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}

/// The row that a global id names.
pub fn row(id: &str) -> i64 {
    let name = String::from_utf8(URL_SAFE_NO_PAD.decode(id).unwrap()).unwrap();
    name.split_once(':').unwrap().1.parse().unwrap()
}

/// The global id of a row, whether or not there is one.
pub fn global_id(kind: &str, row: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("{kind}:{row}"))
}

/// The cursor before the first alert event of a database.
const START: &str = "YWZ0ZXI6MA";

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// A subscriber to alerts that resumes after a cursor, so that it misses nothing however late its subscription begins.
pub struct Watcher {
    socket: Socket,
}

impl Watcher {
    /// Watches what happened to alerts from the beginning, and goes on. `arguments` are further ones, such as
    /// `minimumLevel: HIGH`.
    pub async fn start(client: &Client, arguments: &str) -> Self {
        Self::after(client, START, arguments).await
    }

    /// Watches what happened to alerts after a cursor, and goes on.
    pub async fn after(client: &Client, cursor: &str, arguments: &str) -> Self {
        let address = client.url.replacen("http", "ws", 1);
        let mut request = format!("{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut watcher = Self { socket };
        let authorization = client.token.as_ref().map(|token| format!("Bearer {token}"));
        let init =
            json!({ "type": "connection_init", "payload": { "authorization": authorization } });
        watcher.send(&init).await;
        assert_eq!(watcher.receive().await["type"], "connection_ack");
        let query = format!(
            "subscription {{ alertRaised(after: \"{cursor}\" {arguments}) {{ kind cursor alert {{ id \
             kind level finality status message resolvedBy resolutionNotes post {{ id }} \
             campaign {{ id }} }} }} }}"
        );
        let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": query } });
        watcher.send(&subscribe).await;
        watcher
    }

    async fn send(&mut self, message: &Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("waited in vain for an event")
                .expect("the socket was closed")
                .unwrap();
            match message {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("the socket was closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"]["alertRaised"].take()
    }

    /// The next events.
    pub async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut events = Vec::with_capacity(count);
        for _ in 0..count {
            events.push(self.next().await);
        }
        events
    }

    /// The code with which the subscription is refused.
    pub async fn refusal(&mut self) -> String {
        let message = self.receive().await;
        text(&message["payload"]["errors"][0]["extensions"]["code"])
    }
}

/// What an event is, in short, such as `RAISED OVERCLAIM`.
pub fn brief(event: &Value) -> String {
    format!("{} {}", text(&event["kind"]), text(&event["alert"]["kind"]))
}

/// Puts another webhook secret of the advertiser into force and gives it.
pub async fn webhook_secret(client: &Client, input: Value) -> String {
    let data = client
        .ok(
            "mutation($input: RotateWebhookSecretInput!) { rotateWebhookSecret(input: $input) { \
             webhookSecret previousValidUntil userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    text(&data["rotateWebhookSecret"]["webhookSecret"])
}

/// Delivers a signed order body, and gives the status and the answer.
pub async fn deliver(app: &TestApp, secret: &str, body: &str) -> (u16, Value) {
    let signature = countersign::crypto::hmac_hex(&secret.to_owned().into(), body.as_bytes());
    post_order(app, body, &[("x-partner-signature", &signature)]).await
}

/// Posts a body to the webhook with these headers.
pub async fn post_order(app: &TestApp, body: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{}/webhooks/orders", app.url))
        .body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.json().await.unwrap())
}

/// Delivers one order for an affiliate and gives its global id.
pub async fn delivered(
    app: &TestApp,
    advertiser: &Party,
    affiliate: &Party,
    campaign: Option<&str>,
) -> String {
    let secret = webhook_secret(&advertiser.client, json!({})).await;
    let body = json!({
        "order_id": "A-1", "advertiser_id": advertiser.id, "user_id": affiliate.id,
        "amount": "12.50", "commission": "1.25", "campaign_id": campaign,
    });
    let (status, answer) = deliver(app, &secret, &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    text(&answer["id"])
}

/// Begins a run and gives its id.
pub async fn run(client: &Client, input: Value) -> String {
    let data = client
        .ok(
            "mutation($input: RunReconciliationInput!) { runReconciliation(input: $input) { \
             run { id } userErrors { code message field } } }",
            json!({ "input": input }),
        )
        .await;
    assert_eq!(data["runReconciliation"]["userErrors"], json!([]), "{data}");
    text(&data["runReconciliation"]["run"]["id"])
}
