//! A job is given up: its member is told what to do, and what was taken stands.

use countersign::jobs;
use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::json;

use super::{Stage, option, token};
use crate::scene::samples;
use crate::support::until;

const FAILED: &str = "Something went wrong here, and this command was not done to its end. What was taken stands: look with \
    /status, or try again in a minute.";

/// Ends the last attempts of the jobs of a name, as where their worker died in them.
async fn exhaust(stage: &Stage, name: &str) {
    stage
        .app
        .database
        .execute(&format!(
            "UPDATE mq_msgs SET attempts = 0, worker_id = NULL, attempt_at = countersign_now() - interval '1 second' \
             WHERE name = '{name}'"
        ))
        .await;
    jobs::reap(&stage.app.app).await.unwrap();
}

/// Waits until the member was told so often in the place of the answer, and gives what it was told last.
async fn last_answer(stage: &Stage, id: u64, count: usize) -> String {
    until("the member is told", async || {
        stage.discord.answers(&token(id)).len() == count
    })
    .await;
    stage.discord.answers(&token(id)).remove(count - 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_job_runs_out_of_attempts_is_answered_with_what_to_do() {
    let mut stage = Stage::open().await;
    stage.command(1, "status", &json!([])).await;
    stage
        .app
        .database
        .execute(
            "UPDATE discord_interactions SET command = '{\"name\": \"unknown\"}'; UPDATE mq_msgs SET attempts = 1 \
             WHERE name = 'answer_interaction'",
        )
        .await;
    stage.app.start_worker();
    until("the last attempt has failed", async || {
        stage
            .count("mq_msgs WHERE name = 'answer_interaction' AND attempts = 0 AND last_error IS NOT NULL")
            .await
            == 1
    })
    .await;
    assert!(stage.discord.told().is_empty());
    exhaust(&stage, "answer_interaction").await;
    assert_eq!(last_answer(&stage, 1, 1).await, FAILED);
    stage.forgotten().await;
    stage.app.settled().await;
    assert_eq!(stage.discord.told().len(), 1);
    assert_eq!(stage.count("dead_jobs").await, 1);
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_whose_verdict_cannot_be_told_stands_and_is_named_again() {
    let mut stage = Stage::open().await;
    let (_, _, campaign) = stage.linked(&["REDDIT"]).await;
    // Reddit makes every check wait.
    stage
        .app
        .world
        .add_fault(Fault::new(Platform::Reddit, FaultKind::RateLimited));
    stage.app.start_worker();
    let post = samples(&stage.app, Platform::Reddit, 1, |_| true).remove(0);
    let options = json!([
        option("url", post.url),
        option("campaign", campaign),
        option("views", 1)
    ]);
    let first = stage.ask(1, "submit", &options).await;
    until("the verdict is waited for", async || {
        stage.count("mq_msgs WHERE name = 'tell_verdict'").await == 1
    })
    .await;
    stage.app.stop_worker().await;
    exhaust(&stage, "tell_verdict").await;
    stage.app.start_worker();
    let last = last_answer(&stage, 1, 2).await;
    let (claim, _) = first.split_once(" Reddit is asked now").unwrap();
    assert_eq!(
        last,
        format!(
            "{claim} Something went wrong here, so the result will not follow; /status will tell it."
        )
    );
    stage.forgotten().await;
    assert_eq!(stage.count("affiliate_reports").await, 1);
    assert!(stage.discord.follow_ups(&token(1)).is_empty());
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_a_job_cannot_be_read_whoever_waits_for_it_is_told_and_nobody_else() {
    let mut stage = Stage::open().await;
    for id in [1, 2, 3] {
        stage.command(id, "status", &json!([])).await;
    }
    // The third has ended by itself.
    stage
        .app
        .database
        .execute(
            "UPDATE mq_msgs SET payload_json = 'garbage' WHERE payload_json LIKE '%\"1\"%'; \
             DELETE FROM mq_msgs WHERE payload_json LIKE '%\"3\"%'; \
             UPDATE discord_interactions SET token_sealed = NULL, token_key_id = NULL WHERE id = '3'",
        )
        .await;
    stage.app.start_worker();
    assert_eq!(last_answer(&stage, 1, 1).await, FAILED);
    let other = last_answer(&stage, 2, 1).await;
    assert!(other.contains("not linked to an affiliate"), "{other}");
    stage.forgotten().await;
    stage.app.settled().await;
    assert_eq!(stage.discord.told().len(), 2);
    assert_eq!(stage.count("dead_jobs").await, 1);
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_a_failure_when_the_token_has_ended_or_twice() {
    let stage = Stage::open().await;
    stage.command(1, "status", &json!([])).await;
    let telling = "mq_msgs WHERE payload_json::jsonb @> '{\"has_failed\": true}'";
    exhaust(&stage, "answer_interaction").await;
    assert_eq!(stage.count(telling).await, 1);
    // What tells is given up as well.
    exhaust(&stage, "answer_interaction").await;
    assert_eq!(stage.count("mq_msgs").await, 0);
    stage.command(2, "status", &json!([])).await;
    stage.move_clock(16 * 60).await;
    exhaust(&stage, "answer_interaction").await;
    assert_eq!(stage.count("mq_msgs").await, 0);
    assert_eq!(stage.count("dead_jobs").await, 3);
    stage.app.abandon().await;
}
