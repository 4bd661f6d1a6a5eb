//! A job runs at least once and has its effects exactly once.

use countersign::domain::task::Reconcile;
use countersign::domain::verification::{self, Checked, Outcome};
use countersign::jobs::{Worker, WorkerOptions};
use countersign::model::{EvidenceGrade, Metrics, Observed};
use countersign::platform::{Fetched, Sighting};
use countersign::simulator::Platform;
use serde_json::json;

use super::{count, finals, posts, program, submit_all};
use crate::scene::{row, submitted};
use crate::support::TestApp;

/// How many views the platform shows in [`checked`].
const SHOWN: u64 = 1000;

/// The one queued check with an answer of the platform.
async fn checked(app: &TestApp, report: &str) -> Vec<Checked> {
    let job = "SELECT id FROM mq_msgs WHERE name = 'reconcile'";
    let job = app.database.text(job).await.parse().unwrap();
    let task = Reconcile {
        affiliate_report_id: row(report),
        run_id: None,
        between: false,
    };
    let loaded = verification::load(&app.app, &[(job, task)]).await.unwrap();
    assert_eq!(loaded.tasks.len(), 1);
    let never = || Observed::Unsupported {
        reason: "It never tells.".to_owned(),
    };
    let sighting = Sighting {
        metrics: Metrics {
            views: Observed::Reported {
                value: SHOWN,
                definition: "instagram.views".to_owned(),
                grade: EvidenceGrade::OwnerToken,
            },
            clicks: never(),
            conversions: never(),
        },
        raw: json!({ "views": SHOWN }),
        context: None,
        author: None,
        published_at: None,
        spend: None,
        lacks_permission: false,
    };
    loaded
        .tasks
        .into_iter()
        .map(|task| Checked {
            task,
            outcome: Outcome::Answered {
                fetched: Fetched::Found(sighting.clone()),
                fetched_at: app.app.clock.now(),
                resolved: None,
                credential_id: None,
            },
        })
        .collect()
}

/// Everything that a check has an effect on.
async fn effects(app: &TestApp) -> String {
    app.database
        .text(
            "SELECT concat_ws(' ', \
             (SELECT count(*) FROM platform_reports), (SELECT count(*) FROM reconciliation_logs), \
             (SELECT count(*) FROM trust_events), (SELECT count(*) FROM alerts), \
             (SELECT sum(occurrences) FROM alerts), (SELECT count(*) FROM alert_events), \
             (SELECT count(*) FROM mq_msgs WHERE name = 'reconcile'), \
             (SELECT concat_ws('/', accurate_submissions, total_submissions, chain_length) FROM affiliates))",
        )
        .await
}

/// Of one check that finds a claim far too high: an observation, a verdict, a trust event, two alerts (of the claim and
/// of the trust that it cost) raised once each, the next check, and the affiliate's counters.
const ONCE: &str = "1 1 1 2 2 2 1 0/1/1";

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_is_written_twice_has_one_effect() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Instagram, 1).remove(0);
    let claim = json!({ "claimedViews": 2 * SHOWN });
    let made = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    let checked = checked(&app, &made.report).await;
    verification::settle(&app.app, &checked).await.unwrap();
    assert_eq!(effects(&app).await, ONCE);
    verification::settle(&app.app, &checked).await.unwrap();
    assert_eq!(effects(&app).await, ONCE);
    // What the scene has queued besides.
    app.start_worker();
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_two_write_at_once_has_one_effect() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    let post = posts(&app, Platform::Instagram, 1).remove(0);
    let claim = json!({ "claimedViews": 2 * SHOWN });
    let made = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    let checked = checked(&app, &made.report).await;
    let (one, other) = tokio::join!(
        verification::settle(&app.app, &checked),
        verification::settle(&app.app, &checked)
    );
    one.unwrap();
    other.unwrap();
    assert_eq!(effects(&app).await, ONCE);
    app.start_worker();
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_jobs_on_one_claim_give_it_one_final_verdict() {
    let mut app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Instagram, 3)).await;
    app.database
        .execute(
            "INSERT INTO mq_msgs (channel_name, name, payload_json) \
             SELECT channel_name, name, payload_json FROM mq_msgs WHERE name = 'reconcile'",
        )
        .await;
    app.start_worker();
    app.settled().await;
    assert_eq!(finals(&app).await, 3);
    assert_eq!(count(&app, "reconciliation_logs").await, 3);
    assert_eq!(count(&app, "trust_events").await, 3);
    let trust = "SELECT concat_ws('/', accurate_submissions, total_submissions) FROM affiliates";
    assert_eq!(app.database.text(trust).await, "3/3");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_share_the_jobs_and_ask_for_no_post_twice() {
    let app = TestApp::start().await;
    let (affiliate, campaign) = program(&app).await;
    submit_all(&affiliate, &campaign, &posts(&app, Platform::Reddit, 200)).await;
    // Few at a time, so that both poll again and again.
    let options = WorkerOptions {
        min_concurrency: 8,
        max_concurrency: 16,
    };
    let workers = [
        Worker::start(&app.app, options),
        Worker::start(&app.app, options),
    ];
    app.settled().await;
    for worker in workers {
        worker.stop().await;
    }
    assert_eq!(app.world.calls("reddit.info.ids"), 200);
    assert_eq!(count(&app, "platform_reports").await, 200);
    assert_eq!(finals(&app).await, 200);
    assert_eq!(count(&app, "reconciliation_logs").await, 200);
    app.finish().await;
}
