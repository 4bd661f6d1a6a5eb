//! Jobs that cannot be done: each costs only itself, and is kept with its error.

use countersign::app::App;
use countersign::jobs::{Worker, WorkerOptions};
use countersign::platform::Platforms;
use countersign::simulator::Platform;
use serde_json::json;

use super::{count, finals, later, posts, program, put_back, submit_all};
use crate::scene::{row, submitted};
use crate::support::{TestApp, until};

/// Adds a job as it is.
async fn queue(app: &TestApp, channel: &str, name: &str, payload: &str, attempts: i32) {
    app.database
        .execute(&format!(
            "INSERT INTO mq_msgs (channel_name, name, payload_json, attempts) \
             VALUES ('{channel}', '{name}', {payload}, {attempts})"
        ))
        .await;
}

async fn died(app: &TestApp, jobs: i64) {
    until("the jobs are dead", async || {
        count(app, "dead_jobs").await == jobs
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_cannot_be_written_costs_only_its_own_job() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let made = submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 20)).await;
    let bad = &made[7];
    app.database
        .execute(&format!(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF NEW.post_id = {} THEN RAISE EXCEPTION 'this row cannot be written'; END IF; RETURN NEW; END $$; \
             CREATE TRIGGER spoil BEFORE INSERT ON platform_reports FOR EACH ROW EXECUTE FUNCTION spoil()",
            row(&bad.post)
        ))
        .await;
    app.start_worker();
    until("the others are checked", async || finals(&app).await == 19).await;
    let its_job = format!(
        "mq_msgs WHERE payload_json::jsonb ->> 'affiliate_report_id' = '{}'",
        row(&bad.report)
    );
    for attempt in 1..=4 {
        let waiting = format!(
            "{its_job} AND attempts = {} AND worker_id IS NULL",
            5 - attempt
        );
        until("it waits for another attempt", async || {
            count(&app, &waiting).await == 1
        })
        .await;
        later(&app, attempt).await;
    }
    let over = format!("{its_job} AND attempts = 0 AND worker_id IS NULL");
    until("its last attempt is over", async || {
        count(&app, &over).await == 1
    })
    .await;
    later(&app, 5).await;
    died(&app, 1).await;

    let error = app.database.text("SELECT last_error FROM dead_jobs").await;
    assert!(error.contains("this row cannot be written"), "{error}");
    assert_eq!(finals(&app).await, 19);
    assert_eq!(count(&app, "platform_reports").await, 19);
    // The claim is not lost with its job: its next check is queued.
    let hours = format!(
        "SELECT extract(epoch FROM attempt_at - (SELECT submitted_at FROM affiliate_reports WHERE id = {}))::bigint / 3600 \
         FROM {its_job} AND attempts = 5",
        row(&bad.report)
    );
    assert_eq!(app.database.number(&hours).await, 24);
    app.database
        .execute("DROP TRIGGER spoil ON platform_reports")
        .await;
    // Taken up again by an operator it is done at once, and the next check stays the one that is queued.
    let dead = app
        .operator
        .ok("{ queue { deadJobs { nodes { id } } } }", json!({}))
        .await["queue"]["deadJobs"]["nodes"][0]["id"]
        .clone();
    let retry = "mutation($id: ID!) { retryJob(input: { jobId: $id }) { done } }";
    let data = app.operator.ok(retry, json!({ "id": dead })).await;
    assert_eq!(data["retryJob"]["done"], true, "{data}");
    until("the claim has its verdict", async || {
        finals(&app).await == 20
    })
    .await;
    assert_eq!(count(&app, &its_job).await, 1);
    assert_eq!(app.database.number(&hours).await, 24);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_job_dies_goes_on_an_hour_later() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 1)).await;
    let begin =
        "mutation($id: ID!) { runReconciliation(input: { campaignId: $id }) { run { id } } }";
    app.operator.ok(begin, json!({ "id": campaign })).await;
    app.database
        .execute(
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'this run cannot go on'; END $$; \
             CREATE TRIGGER spoil BEFORE UPDATE ON reconciliation_runs FOR EACH ROW EXECUTE FUNCTION spoil()",
        )
        .await;
    let payload = "(SELECT json_build_object('run_id', max(id))::text FROM reconciliation_runs)";
    queue(&app, "runs.1", "extend_run", payload, 1).await;
    app.start_worker();
    let over = "mq_msgs WHERE attempts = 0 AND worker_id IS NULL";
    until("its one attempt is over", async || {
        count(&app, over).await == 1
    })
    .await;
    later(&app, 1).await;
    died(&app, 1).await;
    let again = "mq_msgs WHERE name = 'extend_run' AND attempts = 5";
    assert_eq!(count(&app, again).await, 1);
    app.database
        .execute("DROP TRIGGER spoil ON reconciliation_runs")
        .await;
    later(&app, 2).await;
    until("the run has gone on", async || {
        count(&app, again).await == 0
    })
    .await;
    assert_eq!(count(&app, "dead_jobs").await, 1);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_names_nothing_is_given_up_at_once_and_holds_up_nobody() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    for payload in [
        "NULL",
        "'nonsense'",
        "'{\"affiliate_report_id\": \"one\"}'",
        "'{\"affiliate_report_id\": 999999}'",
    ] {
        queue(&app, "reconcile.reddit.1", "reconcile", payload, 5).await;
    }
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 1)).await;
    app.start_worker();
    died(&app, 4).await;
    until("the good one is checked", async || finals(&app).await == 1).await;
    let errors = app
        .database
        .text("SELECT string_agg(last_error, '; ') FROM dead_jobs")
        .await;
    for expected in ["no payload", "expected ident", "invalid type", "not there"] {
        assert!(errors.contains(expected), "{errors}");
    }
    app.settled().await;
    assert_eq!(count(&app, "mq_msgs WHERE attempts < 5").await, 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_of_a_name_that_this_program_does_not_know_is_not_done() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Reddit, 1).remove(0);
    let claim = json!({ "claimedViews": 1 });
    let made = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    // What it is about is there. What is to be done with it is not known.
    app.database
        .execute("UPDATE mq_msgs SET name = 'forget' WHERE name = 'reconcile'")
        .await;
    let payload = "'{\"application_id\": 1}'";
    queue(&app, "applications.1", "reconsider", payload, 5).await;
    app.start_worker();
    died(&app, 2).await;
    let errors = "SELECT string_agg(last_error, '; ' ORDER BY name) FROM dead_jobs";
    let errors = app.database.text(errors).await;
    assert!(
        errors.contains("forget") && errors.contains("reconsider"),
        "{errors}"
    );
    let checks = format!(
        "reconciliation_logs WHERE affiliate_report_id = {}",
        row(&made.report)
    );
    assert_eq!(count(&app, &checks).await, 0);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_whose_job_fails_is_kept_with_the_error() {
    let mut app = TestApp::start().await;
    program(&app).await;
    app.start_worker();
    app.settled().await;
    queue(&app, "applications.1", "decide_application", "'x'", 1).await;
    let over = "mq_msgs WHERE attempts = 0 AND worker_id IS NULL";
    until("its one attempt is over", async || {
        count(&app, over).await == 1
    })
    .await;
    later(&app, 1).await;
    died(&app, 1).await;
    let error = app.database.text("SELECT last_error FROM dead_jobs").await;
    assert!(error.contains("expected value"), "{error}");
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_platform_without_access_waits_and_loses_nothing() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 1)).await;
    // Since it was claimed the server was started anew without the platform's credentials.
    let without = App {
        platforms: Platforms::default(),
        ..app.app.clone()
    };
    let worker = Worker::start(&without, WorkerOptions::default());
    until("the application is decided", async || {
        count(&app, "mq_msgs WHERE channel_name = 'applications.1'").await == 0
    })
    .await;
    worker.stop().await;
    let waiting = "mq_msgs WHERE name = 'reconcile' AND attempts = 5 AND worker_id IS NULL";
    assert_eq!(count(&app, waiting).await, 1);
    app.start_worker();
    app.settled().await;
    put_back(&app, 5).await;
    assert_eq!(finals(&app).await, 1);
    app.finish().await;
}
