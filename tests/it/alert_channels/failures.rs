//! A receiver that does not take what it is sent: tried again by the schedule, slowed down, and at last disabled.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{
    acknowledge, channel, deliveries, delivery_when, raise, registered, retry, send_test,
    signature, update, webhook,
};
use crate::scene::{refusals, text, time};
use crate::support::{Client, Party, Receiver, TestApp, until};

/// The only delivery of a channel, once so many attempts have ended.
async fn attempted(client: &Client, id: &str, attempts: i64) -> Value {
    let what = format!("attempt {attempts} has ended");
    delivery_when(client, id, &what, |delivery| {
        delivery["attempts"].as_i64() >= Some(attempts)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_sent_again_when_it_is_due_with_the_same_id_and_bytes() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    receiver.answer(500, &[]);
    let (id, secret) = webhook(&acme.client, &receiver).await;
    raise(&app, &ann, &campaign, 0).await;
    let failed = attempted(&acme.client, &id, 1).await;
    receiver.answer(200, &[]);
    assert_eq!(
        (&failed["status"], &failed["lastStatusCode"]),
        (&json!("PENDING"), &json!(500))
    );
    assert_eq!(failed["lastError"], "HTTP 500");
    // The failure was noted at one time, and the next attempt is 5 s later and up to a tenth.
    let since = time(&channel(&acme.client, &id).await["failingSince"]);
    let wait = time(&failed["nextAttemptAt"]) - since;
    assert!(
        (TimeDelta::seconds(5)..=TimeDelta::milliseconds(5500)).contains(&wait),
        "{wait}"
    );
    app.move_clock(1).await;
    let got = receiver.wait_for(2).await;
    let delivered = attempted(&acme.client, &id, 2).await;
    assert_eq!(delivered["status"], "DELIVERED", "{delivered}");
    assert_eq!(
        (&delivered["lastStatusCode"], &delivered["lastError"]),
        (&json!(200), &Value::Null)
    );
    assert_eq!(got[0].header("webhook-id"), got[1].header("webhook-id"));
    assert_eq!(got[0].body, got[1].body);
    assert_ne!(
        got[0].header("webhook-timestamp"),
        got[1].header("webhook-timestamp")
    );
    for request in &got {
        signature::assert_signed(request, &secret);
    }
    assert_eq!(
        channel(&acme.client, &id).await["failingSince"],
        Value::Null
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_attempts_a_delivery_has_failed_and_can_be_tried_by_hand() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    // A redirect is not followed: it is a failure as well.
    receiver.answer(302, &["location: http://127.0.0.1:1/elsewhere"]);
    let (id, _) = webhook(&acme.client, &receiver).await;
    raise(&app, &ann, &campaign, 0).await;
    attempted(&acme.client, &id, 1).await;
    // By each of these hours the next attempt is due: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, and a tenth.
    for (attempt, hours) in (2..).zip([1, 2, 3, 6, 12, 24, 40, 63, 90]) {
        app.move_clock(hours).await;
        attempted(&acme.client, &id, attempt).await;
    }
    let failed = attempted(&acme.client, &id, 10).await;
    assert_eq!(
        (&failed["status"], &failed["nextAttemptAt"]),
        (&json!("FAILED"), &Value::Null)
    );
    assert_eq!(channel(&acme.client, &id).await["state"], "ACTIVE");
    assert_eq!(receiver.received().len(), 10);

    receiver.answer(204, &[]);
    // Not at once, though.
    let refused = retry(&acme.client, &failed).await;
    assert_eq!(refusals(&refused), ["TRY_AGAIN_LATER deliveryId"]);
    app.move_clock(91).await;
    let again = retry(&acme.client, &failed).await;
    assert_eq!(again["alertDelivery"]["status"], "PENDING", "{again}");
    let delivered = attempted(&acme.client, &id, 11).await;
    assert_eq!(
        (&delivered["status"], &delivered["lastStatusCode"]),
        (&json!("DELIVERED"), &json!(204))
    );
    app.abandon().await;
}

const JOBS: &str = "SELECT count(*) FROM mq_msgs WHERE channel_name = 'deliveries.1'";

/// A delivery that has failed twice and waits five minutes for its third attempt, with its channel, before a server without a
/// worker. The minute after its last attempt is over.
async fn waiting(app: &mut TestApp, receiver: &Receiver) -> (Party, String, Value) {
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    receiver.answer(500, &[]);
    let (id, _) = webhook(&acme.client, receiver).await;
    raise(app, &ann, &campaign, 0).await;
    attempted(&acme.client, &id, 1).await;
    app.move_clock(1).await;
    let failed = attempted(&acme.client, &id, 2).await;
    app.settled().await;
    app.stop_worker().await;
    app.database
        .execute(
            "UPDATE alert_deliveries SET last_attempt_at = last_attempt_at - interval '2 minutes'",
        )
        .await;
    assert_eq!(app.database.number(JOBS).await, 1);
    (acme, id, failed)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_tried_by_hand_takes_the_place_of_the_attempt_that_was_waited_for() {
    let mut app = TestApp::with_local_channels().await;
    let receiver = Receiver::start().await;
    let (acme, id, failed) = waiting(&mut app, &receiver).await;
    // A worker has taken that attempt.
    let held = |by: &str| {
        format!("UPDATE mq_msgs SET worker_id = {by} WHERE channel_name = 'deliveries.1'")
    };
    app.database.execute(&held("0")).await;
    let refused = retry(&acme.client, &failed).await;
    assert_eq!(refusals(&refused), ["CONFLICT deliveryId"]);
    app.database.execute(&held("NULL")).await;

    let again = retry(&acme.client, &failed).await;
    assert_eq!(again["alertDelivery"]["status"], "PENDING", "{again}");
    assert_eq!(app.database.number(JOBS).await, 1);
    receiver.answer(200, &[]);
    app.start_worker();
    assert_eq!(attempted(&acme.client, &id, 3).await["status"], "DELIVERED");
    app.move_clock(2).await;
    app.settled().await;
    assert_eq!(receiver.received().len(), 3);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_with_its_channel_has_one_job_when_it_is_tried_again() {
    let mut app = TestApp::with_local_channels().await;
    let receiver = Receiver::start().await;
    let (acme, id, failed) = waiting(&mut app, &receiver).await;
    for enabled in [false, true] {
        let changed = update(&acme.client, json!({ "channelId": id, "enabled": enabled })).await;
        assert_eq!(changed["userErrors"], json!([]), "{changed}");
    }
    assert_eq!(deliveries(&acme.client, &id).await[0]["status"], "FAILED");
    let again = retry(&acme.client, &failed).await;
    assert_eq!(again["alertDelivery"]["status"], "PENDING", "{again}");
    assert_eq!(app.database.number(JOBS).await, 1);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_less_is_left_in_peace() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    receiver.answer(429, &["retry-after: 7200"]);
    let (id, _) = webhook(&acme.client, &receiver).await;
    let alert = raise(&app, &ann, &campaign, 0).await;
    let put_off = delivery_when(&acme.client, &id, "it is put off", |delivery| {
        delivery["lastStatusCode"] == 429
    })
    .await;
    assert_eq!(
        (&put_off["status"], &put_off["attempts"]),
        (&json!("PENDING"), &json!(0))
    );
    let since = time(&channel(&acme.client, &id).await["failingSince"]);
    // As long as was asked, or up to a fifth longer.
    let rest = TimeDelta::hours(2)..=TimeDelta::minutes(144);
    assert!(rest.contains(&(time(&put_off["nextAttemptAt"]) - since)));
    // What comes meanwhile waits as well, and loses no attempt either.
    receiver.answer(200, &[]);
    acknowledge(&acme.client, &alert).await;
    until("the second delivery waits", async || {
        let log = deliveries(&acme.client, &id).await;
        log.len() == 2 && rest.contains(&(time(&log[1]["nextAttemptAt"]) - since))
    })
    .await;
    assert_eq!(deliveries(&acme.client, &id).await[1]["attempts"], 0);
    assert_eq!(receiver.received().len(), 1);
    app.move_clock(3).await;
    receiver.wait_for(3).await;
    until("both have arrived", async || {
        let log = deliveries(&acme.client, &id).await;
        log.iter().all(|delivery| delivery["status"] == "DELIVERED")
    })
    .await;
    for delivery in deliveries(&acme.client, &id).await {
        assert_eq!(delivery["attempts"], 1, "{delivery}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_disabled_at_once_and_the_others_are_told() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let (gone, other) = (Receiver::start().await, Receiver::start().await);
    gone.answer(410, &[]);
    let (id, _) = webhook(&acme.client, &gone).await;
    let slack = format!("{}/services/T0/B0/a-t0ken", other.url);
    registered(&acme.client, "SLACK", &slack).await;
    let alert = raise(&app, &ann, &campaign, 0).await;
    until("it is disabled", async || {
        channel(&acme.client, &id).await["state"] == "DISABLED"
    })
    .await;
    let seen = channel(&app.operator, &id).await;
    assert_eq!(seen["disabledReason"], "GONE");
    assert!(seen["disabledAt"].is_string(), "{seen}");
    let failed = attempted(&acme.client, &id, 1).await;
    assert_eq!(
        (&failed["status"], &failed["lastStatusCode"]),
        (&json!("FAILED"), &json!(410))
    );
    let told: Vec<String> = other
        .wait_for(2)
        .await
        .iter()
        .map(|got| text(&got.json()["text"]))
        .collect();
    assert!(
        told.iter()
            .any(|message| message.contains("answered that it is gone")),
        "{told:?}"
    );

    acknowledge(&acme.client, &alert).await;
    other.wait_for(3).await;
    app.settled().await;
    assert_eq!(gone.received().len(), 1);
    gone.answer(200, &[]);
    update(&acme.client, json!({ "channelId": id, "enabled": true })).await;
    app.move_clock(1).await;
    retry(&acme.client, &failed).await;
    assert_eq!(attempted(&acme.client, &id, 2).await["status"], "DELIVERED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_five_days_without_a_success_a_channel_is_disabled_and_says_why() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    receiver.answer(503, &[]);
    let (id, _) = webhook(&acme.client, &receiver).await;
    let alert = raise(&app, &ann, &campaign, 0).await;
    attempted(&acme.client, &id, 1).await;
    // It goes on failing, an attempt a day.
    for (attempt, hours) in (2..).zip([24, 48, 72, 96, 5 * 24 - 1]) {
        app.move_clock(hours).await;
        attempted(&acme.client, &id, attempt).await;
    }
    assert_eq!(
        channel(&acme.client, &id).await["state"],
        "ACTIVE",
        "not yet"
    );
    // Another one waits when the channel is given up.
    acknowledge(&acme.client, &alert).await;
    until("both have failed", async || {
        let log = deliveries(&acme.client, &id).await;
        log.len() == 2 && log[1]["attempts"].as_i64() > Some(0)
    })
    .await;
    app.move_clock(5 * 24 + 1).await;
    until("it is disabled", async || {
        channel(&acme.client, &id).await["state"] == "DISABLED"
    })
    .await;
    assert_eq!(
        channel(&acme.client, &id).await["disabledReason"],
        "FAILING"
    );
    app.settled().await;
    for delivery in deliveries(&acme.client, &id).await {
        assert_eq!(delivery["status"], "FAILED", "{delivery}");
        assert_eq!(delivery["nextAttemptAt"], Value::Null);
    }
    let sent = receiver.received().len();
    app.move_clock(10 * 24).await;
    app.settled().await;
    assert_eq!(receiver.received().len(), sent, "nothing is sent any more");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn receivers_that_hang_hold_no_other_advertiser_up() {
    let app = TestApp::with_local_channels().await;
    let (acme, borg) = (app.advertiser("Acme").await, app.advertiser("Borg").await);
    let (hanging, other) = (Receiver::start().await, Receiver::start().await);
    let (channel_of_borg, _) = webhook(&borg.client, &other).await;
    let mut channels = Vec::new();
    for _ in 0..10 {
        channels.push(webhook(&acme.client, &hanging).await.0);
    }
    hanging.hold(true);
    // As many as a worker could hold of deliveries, were there no end to what is sent for one advertiser.
    for channel in &channels {
        for _ in 0..7 {
            send_test(&acme.client, channel).await;
        }
    }
    hanging.wait_for(8).await;
    send_test(&borg.client, &channel_of_borg).await;
    other.wait_for(1).await;
    // Each of those that hang takes ten seconds, and none but these was begun.
    assert_eq!(hanging.received().len(), 8);
    hanging.hold(false);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_answer_is_left_alone_for_a_while() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    // Nobody listens there.
    let (id, _) = registered(&acme.client, "WEBHOOK", "http://127.0.0.1:1/hook").await;
    send_test(&acme.client, &id).await;
    let failed = attempted(&acme.client, &id, 1).await;
    assert_eq!(
        (&failed["status"], &failed["lastStatusCode"]),
        (&json!("FAILED"), &Value::Null)
    );
    send_test(&acme.client, &id).await;
    until("the second waits", async || {
        let log = deliveries(&acme.client, &id).await;
        time(&log[1]["nextAttemptAt"]) > time(&log[1]["createdAt"])
    })
    .await;
    let waits = deliveries(&acme.client, &id).await.remove(1);
    assert_eq!(waits["attempts"], 0, "{waits}");
    let wait = time(&waits["nextAttemptAt"]) - time(&failed["createdAt"]);
    assert!(
        (TimeDelta::minutes(1)..TimeDelta::minutes(2)).contains(&wait),
        "{wait}"
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_of_discord_or_slack_that_was_deleted_is_gone_and_another_may_come_back() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    for (kind, status, reason) in [
        ("DISCORD", 401, json!("GONE")),
        ("DISCORD", 404, json!("GONE")),
        ("SLACK", 403, json!("GONE")),
        ("SLACK", 410, json!("GONE")),
        ("SLACK", 400, Value::Null),
        ("WEBHOOK", 404, Value::Null),
    ] {
        let receiver = Receiver::start().await;
        receiver.answer(status, &[]);
        let url = format!("{}/services/T0/B0/a-t0ken", receiver.url);
        let (id, _) = registered(&acme.client, kind, &url).await;
        // A failed attempt and what it says of the channel are written at once.
        send_test(&acme.client, &id).await;
        until("the attempt has failed", async || {
            deliveries(&acme.client, &id).await[0]["status"] == "FAILED"
        })
        .await;
        let seen = channel(&acme.client, &id).await;
        assert_eq!(seen["disabledReason"], reason, "{kind} {status}: {seen}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_failures_that_lie_days_apart_are_no_five_days_of_failing() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let receiver = Receiver::start().await;
    receiver.answer(503, &[]);
    let (id, _) = webhook(&acme.client, &receiver).await;
    raise(&app, &ann, &campaign, 0).await;
    attempted(&acme.client, &id, 1).await;
    let first = time(&channel(&acme.client, &id).await["failingSince"]);
    app.move_clock(6 * 24).await;
    attempted(&acme.client, &id, 2).await;
    let seen = channel(&acme.client, &id).await;
    assert_eq!(seen["state"], "ACTIVE", "{seen}");
    let again = time(&seen["failingSince"]) - first;
    assert!(again > TimeDelta::days(5), "{again}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_address_answers_says_nothing_of_the_one_that_took_its_place() {
    let app = TestApp::with_local_channels().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let (gone, present) = (Receiver::start().await, Receiver::start().await);
    gone.answer(410, &[]);
    gone.hold(true);
    let (id, _) = webhook(&acme.client, &gone).await;
    raise(&app, &ann, &campaign, 0).await;
    gone.wait_for(1).await;
    let url = format!("{}/hook", present.url);
    let moved = update(&acme.client, json!({ "channelId": id, "url": url })).await;
    assert_eq!(moved["userErrors"], json!([]), "{moved}");
    gone.hold(false);
    let failed = attempted(&acme.client, &id, 1).await;
    assert_eq!(
        (&failed["status"], &failed["lastStatusCode"]),
        (&json!("PENDING"), &json!(410))
    );
    let seen = channel(&acme.client, &id).await;
    assert_eq!(
        (&seen["state"], &seen["failingSince"]),
        (&json!("ACTIVE"), &Value::Null)
    );
    app.move_clock(1).await;
    present.wait_for(1).await;
    assert_eq!(attempted(&acme.client, &id, 2).await["status"], "DELIVERED");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_is_tried_again_counts_as_one_more_test() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    let receiver = Receiver::start().await;
    receiver.answer(500, &[]);
    let (id, _) = webhook(&acme.client, &receiver).await;
    for number in 1..=19 {
        let sent = send_test(&acme.client, &id).await;
        assert_eq!(refusals(&sent), [""; 0], "{number}");
    }
    app.settled().await;
    let failed = deliveries(&acme.client, &id).await.remove(0);
    assert_eq!(
        refusals(&retry(&acme.client, &failed).await),
        ["TRY_AGAIN_LATER deliveryId"]
    );
    let a_while_ago =
        "UPDATE alert_deliveries SET last_attempt_at = last_attempt_at - interval '2 minutes'";
    app.database.execute(a_while_ago).await;
    assert_eq!(refusals(&retry(&acme.client, &failed).await), [""; 0]);
    app.settled().await;
    app.database.execute(a_while_ago).await;
    // That was the twentieth.
    assert_eq!(
        refusals(&retry(&acme.client, &failed).await),
        ["TRY_AGAIN_LATER deliveryId"]
    );
    assert_eq!(
        refusals(&send_test(&acme.client, &id).await),
        ["TRY_AGAIN_LATER channelId"]
    );
    assert_eq!(receiver.received().len(), 20);
    app.finish().await;
}
