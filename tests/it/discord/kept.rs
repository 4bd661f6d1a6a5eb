//! Commands are removed when nobody needs them any more, and their tokens before.

use countersign::jobs;

use super::Stage;
use crate::support::until;

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_removed_after_seven_days_unless_it_still_waits_to_be_done() {
    let stage = Stage::open().await;
    stage
        .app
        .database
        .execute(
            "INSERT INTO discord_interactions (id, application_id, discord_user_id, command, asked_at, answered_at) \
             SELECT id, '7', '7', '{}'::jsonb, countersign_now() - age, CASE WHEN is_done THEN countersign_now() END \
             FROM (VALUES ('1', interval '8 days', true), ('2', interval '6 days', true), \
                 ('3', interval '8 days', false), ('33', interval '8 days', false)) given (id, age, is_done); \
             INSERT INTO mq_msgs (channel_name, name, payload_json, attempt_at) \
             VALUES ('discord.1', 'answer_interaction', '{\"interaction_id\":\"3\"}', \
                 countersign_now() + interval '1 hour')",
        )
        .await;
    assert!(!jobs::prune(&stage.app.app).await.unwrap());
    let left = "SELECT string_agg(id, ',' ORDER BY id) FROM discord_interactions";
    assert_eq!(stage.app.database.text(left).await, "2,3");
    stage.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_are_removed_in_parts_and_tokens_that_have_ended_at_once() {
    let mut stage = Stage::open().await;
    stage
        .app
        .database
        .execute(
            "INSERT INTO discord_interactions (id, application_id, discord_user_id, command, asked_at, answered_at) \
             SELECT n::text, '7', '7', '{}'::jsonb, countersign_now() - interval '8 days', countersign_now() \
             FROM generate_series(1, 1001) n; \
             INSERT INTO discord_interactions \
                 (id, application_id, discord_user_id, command, asked_at, token_sealed, token_key_id) \
             VALUES ('2001', '7', '7', '{}', countersign_now() - interval '16 minutes', '\\x00', 'a'), \
                 ('2002', '7', '7', '{}', countersign_now() - interval '14 minutes', '\\x00', 'a')",
        )
        .await;
    assert!(jobs::prune(&stage.app.app).await.unwrap());
    assert_eq!(stage.count("discord_interactions").await, 3);
    // A worker does it by itself.
    stage.app.start_worker();
    until("the rest is removed", async || {
        stage.count("discord_interactions").await == 2
    })
    .await;
    let left = "SELECT id FROM discord_interactions WHERE token_sealed IS NOT NULL";
    assert_eq!(stage.app.database.text(left).await, "2002");
    stage.app.abandon().await;
}
