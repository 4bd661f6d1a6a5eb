//! Discord asks to wait, does not answer, or takes no answer any more; a verdict is late.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use countersign::platform::DiscordPace;
use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::{Value, json};

use super::{Stage, deferred, option, quick, token};
use crate::scene::samples;
use crate::support::until;

/// Options of a submission that claims one view of a post of Reddit.
fn submission(stage: &Stage, campaign: &str) -> Value {
    let post = samples(&stage.app, Platform::Reddit, 1, |_| true).remove(0);
    json!([
        option("url", post.url),
        option("campaign", campaign),
        option("views", 1)
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_as_long_as_discord_asks_and_is_made_once() {
    let stage = Stage::working().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    for _ in 0..6 {
        // More often than a job has attempts.
        let limited = json!({ "message": "You are being rate limited.", "retry_after": 0.1, "global": false });
        stage.discord.answer_next(429, limited);
    }
    stage.discord.answer_next(500, json!({}));
    stage
        .command(1, "submit", &submission(&stage, &campaign))
        .await;
    until("the answer and the verdict are told", async || {
        stage.discord.follow_ups(&token(1)).len() == 1
    })
    .await;
    let answers = stage.discord.answers(&token(1));
    assert_eq!(answers.len(), 8);
    assert!(
        answers.iter().all(|answer| *answer == answers[0]),
        "{answers:?}"
    );
    assert_eq!(stage.count("affiliate_reports").await, 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_as_long_as_a_server_error_asks() {
    let stage = Stage::working().await;
    stage.discord.fail_next(503, 120);
    stage.command(1, "status", &json!([])).await;
    until("the answer waits", async || {
        stage
            .count(
                "mq_msgs WHERE name = 'answer_interaction' AND worker_id IS NULL \
                 AND attempt_at > countersign_now() + interval '60 seconds'",
            )
            .await
            == 1
    })
    .await;
    assert_eq!(stage.discord.answers(&token(1)).len(), 1);
    stage.move_clock(121).await;
    until("the answer is told again", async || {
        stage.discord.answers(&token(1)).len() == 2
    })
    .await;
    stage.finish().await;
}

/// What Discord answers where it does not know the token, or does not know it yet.
fn unknown() -> Value {
    json!({ "message": "Unknown Webhook", "code": 10015 })
}

#[tokio::test(flavor = "multi_thread")]
async fn where_discord_does_not_know_the_token_yet_the_answer_is_made_again() {
    let stage = Stage::working().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    stage.discord.answer_next(404, unknown());
    stage.discord.answer_next(404, unknown());
    stage
        .command(1, "submit", &submission(&stage, &campaign))
        .await;
    until("the answer and the verdict are told", async || {
        stage.discord.follow_ups(&token(1)).len() == 1
    })
    .await;
    let answers = stage.discord.answers(&token(1));
    assert_eq!(answers.len(), 3, "{answers:?}");
    assert_eq!(stage.count("affiliate_reports").await, 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_not_made_before_discord_can_know_that_it_follows() {
    let stage = Stage::open_with(&[], DiscordPace::default()).await;
    let before = stage.app.app.clock.now();
    stage.command(1, "status", &json!([])).await;
    let due = "SELECT to_char(attempt_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM mq_msgs";
    let due: DateTime<Utc> = stage.app.database.text(due).await.parse().unwrap();
    assert!(due - before >= TimeDelta::seconds(1), "{}", due - before);
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_discord_knows_the_token_no_more_nothing_is_said_and_the_post_stands() {
    let mut stage = Stage::open().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    stage.discord.answer_next(404, unknown());
    stage
        .command(1, "submit", &submission(&stage, &campaign))
        .await;
    stage.move_clock(61).await;
    stage.app.start_worker();
    until("the answer was refused", async || {
        stage.discord.told().len() == 1
    })
    .await;
    stage.forgotten().await;
    stage.app.settled().await;
    assert_eq!(stage.count("posts").await, 1);
    assert_eq!(stage.discord.told().len(), 1);
    assert_eq!(
        stage
            .count("discord_interactions WHERE answered_at IS NOT NULL")
            .await,
        1
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_waited_too_long_is_done_and_not_told() {
    let mut stage = Stage::open().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    stage
        .command(1, "submit", &submission(&stage, &campaign))
        .await;
    stage.move_clock(16 * 60).await;
    // Another command erases what has ended.
    stage.command(2, "status", &json!([])).await;
    assert_eq!(
        stage
            .count("discord_interactions WHERE token_sealed IS NOT NULL")
            .await,
        1
    );
    stage.app.start_worker();
    stage.forgotten().await;
    until("both commands are done", async || {
        stage
            .count("discord_interactions WHERE answered_at IS NULL")
            .await
            == 0
    })
    .await;
    assert_eq!(stage.count("posts").await, 1);
    assert!(stage.discord.answers(&token(1)).is_empty());
    assert_eq!(stage.discord.answers(&token(2)).len(), 1);
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_is_late_is_left_to_status() {
    let mut stage = Stage::open().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    // Reddit makes every check wait.
    stage
        .app
        .world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::RateLimited));
    stage.app.start_worker();
    stage.ask(1, "submit", &submission(&stage, &campaign)).await;
    until("the verdict is waited for", async || {
        stage
            .count("mq_msgs WHERE name = 'tell_verdict' AND worker_id IS NULL AND attempts = 5")
            .await
            == 1
    })
    .await;
    stage.move_clock(14 * 60).await;
    until("the member is told that it waits in vain", async || {
        stage.discord.answers(&token(1)).len() == 2
    })
    .await;
    stage.forgotten().await;
    let last = stage.discord.answers(&token(1)).remove(1);
    assert!(last.starts_with("As Ann: Submitted: your post"), "{last}");
    assert!(
        last.ends_with("There is no result yet; /status will tell it."),
        "{last}"
    );
    assert!(stage.discord.follow_ups(&token(1)).is_empty());
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_finds_no_connection_in_time_is_told_so_and_not_kept() {
    let few = ("COUNTERSIGN_DATABASE_CONNECTIONS", "3".to_owned());
    let pace = DiscordPace {
        connection_wait: Duration::from_millis(500),
        ..quick()
    };
    let stage = Stage::open_with(&[few], pace).await;
    let mut taken = Vec::new();
    let soon = Duration::from_millis(200);
    while let Ok(connection) = tokio::time::timeout(soon, stage.app.app.db.get()).await {
        taken.push(connection.unwrap());
    }
    let answer = stage.command(1, "status", &json!([])).await;
    assert_eq!(
        (&answer["type"], &answer["data"]["flags"]),
        (&json!(4), &json!(64))
    );
    assert_eq!(
        answer["data"]["content"],
        "Countersign cannot take commands just now: try again in a minute."
    );
    assert_eq!(stage.count("discord_interactions").await, 0);
    assert_eq!(stage.count("mq_msgs").await, 0);
    drop(taken);
    assert_eq!(stage.command(1, "status", &json!([])).await, deferred());
    stage.app.abandon().await;
}
