//! Advertisers hear of their alerts by channels of their own: signed webhooks, Discord and Slack.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod addresses;
mod failures;
mod kept;
mod secrets;
mod signature;

use countersign::domain::alert_delivery;
use countersign::simulator::Platform;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::scene::{self, Watcher, brief, refusals, submitted, text};
use crate::support::{Client, Party, Receiver, TestApp, until};

const CHANNEL: &str = "id kind url state disabledReason disabledAt minimumLevel lastDeliveredAt failingSince \
    advertiser { id }";
const DELIVERY: &str = "id kind messageId status attempts lastStatusCode lastError nextAttemptAt deliveredAt \
    createdAt channel { id } event { kind alert { id } }";

/// Asks for a mutation of channels and gives its payload.
async fn mutate(client: &Client, field: &str, answer: &str, input: Value) -> Value {
    let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
    let query = format!(
        "mutation($input: {kind}!) {{ {field}(input: $input) {{ {answer} userErrors {{ code message field }} }} }}"
    );
    client.ok(&query, json!({ "input": input })).await[field].clone()
}

async fn create(client: &Client, input: Value) -> Value {
    let answer = format!("alertChannel {{ {CHANNEL} }} signingSecret");
    mutate(client, "createAlertChannel", &answer, input).await
}

async fn update(client: &Client, input: Value) -> Value {
    let answer = format!("alertChannel {{ {CHANNEL} }}");
    mutate(client, "updateAlertChannel", &answer, input).await
}

async fn send_test(client: &Client, channel: &str) -> Value {
    let answer = format!("alertDelivery {{ {DELIVERY} }}");
    mutate(
        client,
        "sendTestAlert",
        &answer,
        json!({ "channelId": channel }),
    )
    .await
}

async fn retry(client: &Client, delivery: &Value) -> Value {
    let answer = format!("alertDelivery {{ {DELIVERY} }}");
    mutate(
        client,
        "retryAlertDelivery",
        &answer,
        json!({ "deliveryId": delivery["id"] }),
    )
    .await
}

/// Registers a channel that must be accepted, and gives its id and its signing secret.
async fn registered(client: &Client, kind: &str, url: &str) -> (String, Value) {
    let payload = create(client, json!({ "kind": kind, "url": url })).await;
    assert_eq!(payload["userErrors"], json!([]), "{payload}");
    (
        text(&payload["alertChannel"]["id"]),
        payload["signingSecret"].clone(),
    )
}

/// Registers a webhook at a receiver, and gives its id and its signing secret.
async fn webhook(client: &Client, receiver: &Receiver) -> (String, String) {
    let (id, secret) = registered(client, "WEBHOOK", &format!("{}/hook", receiver.url)).await;
    (id, text(&secret))
}

/// A channel as its advertiser sees it.
async fn channel(client: &Client, id: &str) -> Value {
    let query =
        format!("query($id: ID!) {{ node(id: $id) {{ ... on AlertChannel {{ {CHANNEL} }} }} }}");
    client.ok(&query, json!({ "id": id })).await["node"].clone()
}

/// What a channel was told, oldest first.
async fn deliveries(client: &Client, id: &str) -> Vec<Value> {
    let query = format!(
        "query($id: ID!) {{ node(id: $id) {{ ... on AlertChannel {{ deliveries(first: 100) {{ nodes {{ {DELIVERY} }} }} }} }} }}"
    );
    let data = client.ok(&query, json!({ "id": id })).await;
    let newest_first = data["node"]["deliveries"]["nodes"].as_array().unwrap();
    newest_first.iter().rev().cloned().collect()
}

/// The only delivery of a channel, once it is as it should be.
async fn delivery_when(
    client: &Client,
    id: &str,
    what: &str,
    fits: impl Fn(&Value) -> bool,
) -> Value {
    until(what, async || {
        match deliveries(client, id).await.as_slice() {
            [delivery] => fits(delivery),
            _ => false,
        }
    })
    .await;
    deliveries(client, id).await.remove(0)
}

/// A post's link as an app shares it, which is not how it is kept to tell posts apart.
fn given(url: &str) -> String {
    format!("{url}?igsh=x")
}

/// Raises an alert by a claim of three times the figure on the nth post, and gives the alert's id.
async fn raise(app: &TestApp, affiliate: &Party, campaign: &str, nth: usize) -> String {
    let before = scene::alerts(&app.operator, "OVERCLAIM").await.len();
    let post = scene::samples(app, Platform::Instagram, nth + 1, |figures| {
        figures.views >= 1000
    })
    .remove(nth);
    let claim = json!({ "claimedViews": post.figures.views * 3 });
    submitted(&affiliate.client, campaign, &given(&post.url), claim).await;
    until("the alert is raised", async || {
        scene::alerts(&app.operator, "OVERCLAIM").await.len() > before
    })
    .await;
    text(&scene::alerts(&app.operator, "OVERCLAIM").await[before]["id"])
}

async fn acknowledge(client: &Client, alert: &str) {
    let query =
        "mutation($id: ID!) { acknowledgeAlert(input: { alertId: $id }) { userErrors { code } } }";
    let data = client.ok(query, json!({ "id": alert })).await;
    assert_eq!(refusals(&data["acknowledgeAlert"]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_to_an_alert_arrives_once_signed_and_in_the_log() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    let (id, secret) = webhook(&acme.client, &receiver).await;
    let alert = raise(&app, &ann, &campaign, 0).await;
    let got = receiver.wait_for(1).await.remove(0);
    assert_eq!(got.path, "/hook");
    assert_eq!(got.header("content-type"), "application/json");
    signature::assert_signed(&got, &secret);

    let body = got.json();
    assert_eq!(body["type"], "alert.raised");
    let data = &body["data"];
    assert_eq!(data["event"], "RAISED");
    assert_eq!(data["alert"]["id"], alert);
    assert_eq!(data["alert"]["kind"], "OVERCLAIM");
    assert_eq!(data["alert"]["level"], "HIGH");
    assert_eq!(data["campaign"]["id"], campaign);
    assert_eq!(data["affiliate"], json!({ "id": ann.id, "name": "Ann" }));
    assert_eq!(data["post"]["platform"], "INSTAGRAM");
    let as_given = text(&data["post"]["url"]);
    assert!(as_given.ends_with("?igsh=x"), "{as_given}");
    assert_eq!(data["reconciliation"]["status"], "DISCREPANCY");
    assert_eq!(
        data["reconciliation"]["explanation"],
        data["alert"]["message"]
    );

    let delivered = |delivery: &Value| delivery["status"] == "DELIVERED";
    let logged = delivery_when(&acme.client, &id, "it is noted", delivered).await;
    assert_eq!(logged["kind"], "ALERT");
    assert_eq!(logged["messageId"], got.header("webhook-id"));
    assert_eq!(
        logged["event"],
        json!({ "kind": "RAISED", "alert": { "id": alert } })
    );
    assert_eq!(
        (&logged["attempts"], &logged["lastStatusCode"]),
        (&json!(1), &json!(200))
    );
    assert_eq!(
        (&logged["lastError"], &logged["nextAttemptAt"]),
        (&Value::Null, &Value::Null)
    );
    let seen = channel(&acme.client, &id).await;
    assert_eq!(seen["lastDeliveredAt"], logged["deliveredAt"]);
    assert_eq!(
        refusals(&retry(&acme.client, &logged).await),
        ["INVALID deliveryId"]
    );

    // The alert on the affiliate's trust was raised with it, and is no advertiser's.
    assert_eq!(scene::alerts(&app.operator, "TRUST_DROP").await.len(), 1);
    acknowledge(&acme.client, &alert).await;
    let second = receiver.wait_for(2).await.remove(1);
    assert_eq!(second.json()["type"], "alert.acknowledged");
    assert_ne!(second.header("webhook-id"), got.header("webhook-id"));
    app.settled().await;
    assert_eq!(receiver.received().len(), 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_advertiser_is_told_of_its_own_alerts_from_when_it_registers() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let borg = app.advertiser("Borg").await;
    let bob = scene::approved(&app, &borg, "Bob").await;
    let policy = json!({ "lagWindowHours": 0 });
    let other = app.campaign(&borg, &["INSTAGRAM"], policy).await;
    raise(&app, &ann, &campaign, 0).await;
    let (acmes, borgs) = (Receiver::start().await, Receiver::start().await);
    let (channel_of_acme, _) = webhook(&acme.client, &acmes).await;
    let (channel_of_borg, _) = webhook(&borg.client, &borgs).await;
    let of_acme = raise(&app, &ann, &campaign, 1).await;
    let of_borg = raise(&app, &bob, &other, 2).await;
    acmes.wait_for(1).await;
    borgs.wait_for(1).await;
    app.settled().await;
    for (receiver, client, id, alert, name) in [
        (&acmes, &acme.client, &channel_of_acme, &of_acme, "Ann"),
        (&borgs, &borg.client, &channel_of_borg, &of_borg, "Bob"),
    ] {
        let got = receiver.received();
        assert_eq!(got.len(), 1, "{got:?}");
        assert_eq!(got[0].json()["data"]["alert"]["id"], *alert);
        assert_eq!(got[0].json()["data"]["affiliate"]["name"], name);
        assert_eq!(deliveries(client, id).await.len(), 1);
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_becomes_one_delivery_to_each_channel_however_many_look_for_it() {
    let mut app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receivers = [Receiver::start().await, Receiver::start().await];
    for receiver in &receivers {
        webhook(&acme.client, receiver).await;
    }
    let alert = raise(&app, &ann, &campaign, 0).await;
    for receiver in &receivers {
        receiver.wait_for(1).await;
    }
    app.settled().await;
    app.stop_worker().await;
    acknowledge(&acme.client, &alert).await;
    let looked = join_all((0..8).map(|_| alert_delivery::fan_out(&app.app))).await;
    assert!(looked.iter().all(Result::is_ok), "{looked:?}");
    alert_delivery::fan_out(&app.app).await.unwrap();
    let counted = "SELECT string_agg(n::text, ',') FROM (SELECT count(*) AS n FROM alert_deliveries \
        GROUP BY channel_id, event_id) each_one";
    assert_eq!(app.database.text(counted).await, "1,1,1,1");
    let jobs = "SELECT count(*) FROM mq_msgs WHERE channel_name = 'deliveries.1'";
    assert_eq!(app.database.number(jobs).await, 2);
    // A job that comes back after its attempt has ended does nothing.
    app.database
        .execute(
            "INSERT INTO mq_msgs (channel_name, name, payload_json) SELECT 'deliveries.1', 'deliver_alert', \
             json_build_object('delivery_id', id, 'attempt', 1)::text FROM alert_deliveries \
             WHERE status = 'DELIVERED'",
        )
        .await;
    app.start_worker();
    app.settled().await;
    for receiver in &receivers {
        let got = receiver.wait_for(2).await;
        assert_eq!(got.len(), 2, "{got:?}");
        assert_eq!(got[1].json()["type"], "alert.acknowledged");
    }
    let sent = "SELECT count(*) FROM alert_deliveries WHERE attempts = 1 AND status = 'DELIVERED'";
    assert_eq!(app.database.number(sent).await, 4);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discord_and_slack_get_messages_in_which_nobody_is_called() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    let ann = scene::approved(&app, &acme, "Ann <!channel> @everyone").await;
    let policy = json!({ "lagWindowHours": 0 });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let (discord, slack) = (Receiver::start().await, Receiver::start().await);
    let address = format!("{}/api/webhooks/17/a-t0ken?thread_id=4", discord.url);
    let (of_discord, no_secret) = registered(&acme.client, "DISCORD", &address).await;
    assert_eq!(no_secret, Value::Null);
    let address = format!("{}/services/T0/B0/a-t0ken", slack.url);
    let (of_slack, _) = registered(&acme.client, "SLACK", &address).await;
    raise(&app, &ann, &campaign, 0).await;

    let got = discord.wait_for(1).await.remove(0);
    // By the version whose waits are in seconds, which the address does not name.
    assert_eq!(got.path, "/api/v10/webhooks/17/a-t0ken?thread_id=4");
    assert!(!got.headers.contains_key("webhook-signature"), "{got:?}");
    let body = got.json();
    assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    assert_eq!(body["flags"], 4);
    let content = text(&body["content"]);
    assert!(
        content.starts_with("OVERCLAIM raised (HIGH): Claimed "),
        "{content}"
    );
    assert!(
        content.contains(r"Affiliate: Ann \<!channel\> \@everyone"),
        "{content}"
    );
    assert!(
        content.contains("\nPost: <https://www.instagram.com/") && content.ends_with("?igsh=x>"),
        "{content}"
    );

    let got = slack.wait_for(1).await.remove(0);
    let body = got.json();
    for plain in ["mrkdwn", "unfurl_links", "unfurl_media"] {
        assert_eq!(body[plain], false, "{body}");
    }
    assert_eq!(body.as_object().unwrap().len(), 4, "{body}");
    let message = text(&body["text"]);
    assert!(
        message.contains("Affiliate: Ann &lt;!channel&gt; @everyone"),
        "{message}"
    );
    assert!(message.ends_with("?igsh=x"), "{message}");

    for (id, receiver) in [(&of_discord, &discord), (&of_slack, &slack)] {
        let shown = text(&channel(&acme.client, id).await["url"]);
        assert_eq!(shown, format!("{}/…", receiver.url));
    }
    app.settled().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_the_sentence_of_an_alert_is_one_in_discord_too() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let discord = Receiver::start().await;
    let address = format!("{}/api/webhooks/17/a-t0ken", discord.url);
    registered(&acme.client, "DISCORD", &address).await;
    let post = scene::sample(&app, Platform::Reddit);
    app.world.vanish(Platform::Reddit, &post.native_id);
    submitted(
        &ann.client,
        &campaign,
        &post.url,
        json!({ "claimedViews": 1 }),
    )
    .await;
    let content = text(&discord.wait_for(1).await[0].json()["content"]);
    assert!(
        content.starts_with(r"POST\_REMOVED raised: The post <https://"),
        "{content}"
    );
    assert!(content.contains("> is no longer on Reddit: "), "{content}");
    app.settled().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_arrives_and_a_disabled_channel_is_told_nothing() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    let (id, secret) = webhook(&acme.client, &receiver).await;
    let payload = send_test(&acme.client, &id).await;
    assert_eq!(payload["alertDelivery"]["kind"], "TEST", "{payload}");
    assert_eq!(payload["alertDelivery"]["event"], Value::Null);
    let got = receiver.wait_for(1).await.remove(0);
    signature::assert_signed(&got, &secret);
    assert_eq!(got.json()["type"], "channel.test");
    assert_eq!(got.json()["data"]["channel"]["id"], id);
    app.settled().await;

    // A test that fails is not tried again by itself, and does not count against the channel.
    receiver.answer(500, &[]);
    send_test(&acme.client, &id).await;
    app.settled().await;
    let failed = deliveries(&acme.client, &id).await.remove(1);
    assert_eq!(
        (&failed["status"], &failed["lastStatusCode"]),
        (&json!("FAILED"), &json!(500))
    );
    assert_eq!(
        channel(&acme.client, &id).await["failingSince"],
        Value::Null
    );

    let disabled = update(&acme.client, json!({ "channelId": id, "enabled": false })).await;
    assert_eq!(disabled["alertChannel"]["state"], "DISABLED", "{disabled}");
    assert_eq!(disabled["alertChannel"]["disabledReason"], "REQUESTED");
    assert_eq!(
        refusals(&send_test(&acme.client, &id).await),
        ["INVALID channelId"]
    );
    assert_eq!(
        refusals(&retry(&acme.client, &failed).await),
        ["INVALID deliveryId"]
    );
    let alert = raise(&app, &ann, &campaign, 0).await;
    receiver.answer(200, &[]);
    let enabled = update(&acme.client, json!({ "channelId": id, "enabled": true })).await;
    assert_eq!(enabled["alertChannel"]["state"], "ACTIVE", "{enabled}");
    assert_eq!(enabled["alertChannel"]["disabledReason"], Value::Null);
    // What happened meanwhile is not told later.
    acknowledge(&acme.client, &alert).await;
    let got = receiver.wait_for(3).await.remove(2);
    assert_eq!(got.json()["type"], "alert.acknowledged");
    app.settled().await;
    assert_eq!(receiver.received().len(), 3);

    let removed = mutate(
        &acme.client,
        "deleteAlertChannel",
        "deletedId",
        json!({ "channelId": id }),
    )
    .await;
    assert_eq!(removed["deletedId"], id, "{removed}");
    assert_eq!(channel(&acme.client, &id).await, Value::Null);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_may_be_told_of_high_alerts_alone() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let (all, high) = (Receiver::start().await, Receiver::start().await);
    webhook(&acme.client, &all).await;
    let (of_high, _) = webhook(&acme.client, &high).await;
    let changed = update(
        &acme.client,
        json!({ "channelId": of_high, "minimumLevel": "HIGH" }),
    )
    .await;
    assert_eq!(changed["alertChannel"]["minimumLevel"], "HIGH", "{changed}");
    let post = scene::samples(&app, Platform::Instagram, 2, |figures| {
        figures.views >= 1000
    })
    .remove(1);
    let claim = json!({ "claimedViews": post.figures.views + post.figures.views / 10 });
    submitted(&ann.client, &campaign, &post.url, claim).await;
    assert_eq!(
        all.wait_for(1).await[0].json()["data"]["alert"]["level"],
        "MEDIUM"
    );
    raise(&app, &ann, &campaign, 0).await;
    assert_eq!(
        high.wait_for(1).await[0].json()["data"]["alert"]["level"],
        "HIGH"
    );
    all.wait_for(2).await;
    app.settled().await;
    assert_eq!(high.received().len(), 1);
    let null = update(
        &acme.client,
        json!({ "channelId": of_high, "minimumLevel": null }),
    )
    .await;
    assert_eq!(null["alertChannel"]["minimumLevel"], Value::Null, "{null}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_told_of_a_high_alert_is_told_that_it_was_withdrawn_when_it_is_high_no_more() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, _) = app.program(&["INSTAGRAM"]).await;
    let policy = json!({ "lagWindowHours": 48 });
    let campaign = app.campaign(&acme, &["INSTAGRAM"], policy).await;
    let receiver = Receiver::start().await;
    let url = format!("{}/hook", receiver.url);
    let input = json!({ "kind": "WEBHOOK", "url": url, "minimumLevel": "HIGH" });
    let created = create(&acme.client, input).await;
    assert_eq!(created["userErrors"], json!([]), "{created}");
    let mut watcher = Watcher::start(&acme.client, "minimumLevel: HIGH").await;

    // The platform shows half of what it has, then nine tenths, and at last all that is claimed.
    let post = scene::sample(&app, Platform::Instagram);
    app.world.purge(Platform::Instagram, &post.native_id, 50);
    let claim = json!({ "claimedViews": post.figures.views });
    submitted(&ann.client, &campaign, &post.url, claim).await;
    let raised = receiver.wait_for(1).await.remove(0).json();
    assert_eq!(raised["type"], "alert.raised");
    assert_eq!(raised["data"]["alert"]["level"], "HIGH");
    assert_eq!(brief(&watcher.next().await), "RAISED OVERCLAIM");
    app.settled().await;

    app.world.purge(Platform::Instagram, &post.native_id, 10);
    app.move_clock(2).await;
    app.settled().await;
    let levels = "SELECT concat_ws(' ', level, highest_level) FROM alerts WHERE kind = 'OVERCLAIM'";
    assert_eq!(app.database.text(levels).await, "MEDIUM HIGH");

    app.world.restore(Platform::Instagram, &post.native_id);
    app.move_clock(49).await;
    let withdrawn = receiver.wait_for(2).await.remove(1).json();
    assert_eq!(withdrawn["type"], "alert.withdrawn");
    assert_eq!(withdrawn["data"]["alert"]["level"], "MEDIUM");
    assert_eq!(
        withdrawn["data"]["alert"]["id"],
        raised["data"]["alert"]["id"]
    );
    assert_eq!(brief(&watcher.next().await), "WITHDRAWN OVERCLAIM");
    drop(watcher);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_a_channel_is_removed_in_parts_before_the_channel_is() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let (id, _) = registered(&acme.client, "WEBHOOK", "https://8.8.8.8/hook").await;
    let (other, _) = registered(&acme.client, "WEBHOOK", "https://8.8.8.8/other").await;
    for (channel, count) in [(&id, 10_001), (&other, 1)] {
        app.database
            .execute(&format!(
                "INSERT INTO alert_deliveries (channel_id, kind, body, status) \
                 SELECT {}, 'TEST', '{{}}', 'FAILED' FROM generate_series(1, {count})",
                scene::row(channel)
            ))
            .await;
    }
    // As whoever turns events into deliveries holds it.
    let mut reader = app.database.connect().await;
    let reading = reader.transaction().await.unwrap();
    let lock = format!(
        "SELECT id FROM alert_channels WHERE id = {} FOR KEY SHARE",
        scene::row(&id)
    );
    reading.execute(&lock, &[]).await.unwrap();
    let (client, deleted) = (acme.client.clone(), id.clone());
    let delete = tokio::spawn(async move {
        let input = json!({ "channelId": deleted });
        mutate(&client, "deleteAlertChannel", "deletedId", input).await
    });
    until("the log is gone while the channel cannot be", async || {
        let left = "SELECT count(*) FROM alert_deliveries";
        app.database.number(left).await == 1
    })
    .await;
    assert_eq!(channel(&acme.client, &id).await["id"], id);
    reading.rollback().await.unwrap();
    let payload = delete.await.unwrap();
    assert_eq!(payload["deletedId"], id, "{payload}");
    assert_eq!(channel(&acme.client, &id).await, Value::Null);
    assert_eq!(deliveries(&acme.client, &other).await.len(), 1);
    app.finish().await;
}
