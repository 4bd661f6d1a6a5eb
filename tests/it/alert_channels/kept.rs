//! How long the log of a channel is kept.

use countersign::jobs;

use super::{deliveries, registered};
use crate::scene::{self, text};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_or_failed_leaves_the_log_after_90_days_and_what_waits_does_not() {
    let app = TestApp::start().await;
    let acme = app.advertiser("Acme").await;
    let (id, _) = registered(&acme.client, "WEBHOOK", "https://8.8.8.8/hook").await;
    app.database
        .execute(&format!(
            "INSERT INTO alert_deliveries \
                 (channel_id, kind, body, status, last_error, created_at, last_attempt_at, next_attempt_at, delivered_at) \
             SELECT {}, 'TEST', '{{}}', status, name, countersign_now() - queued * interval '1 day', \
                 countersign_now() - tried * interval '1 day', \
                 CASE WHEN status = 'PENDING' THEN countersign_now() + interval '1 day' END, \
                 CASE WHEN status = 'DELIVERED' THEN countersign_now() - tried * interval '1 day' END \
             FROM (VALUES ('arrived long ago', 'DELIVERED', 91, 91), ('failed long ago', 'FAILED', 95, 91), \
                 ('given up long ago', 'FAILED', 91, NULL), ('waits', 'PENDING', 91, 91), \
                 ('tried again', 'FAILED', 91, 1), ('arrived late', 'DELIVERED', 91, 89), \
                 ('given up', 'FAILED', 89, NULL)) given (name, status, queued, tried)",
            scene::row(&id)
        ))
        .await;
    assert!(!jobs::prune(&app.app).await.unwrap());
    let left: Vec<String> = deliveries(&acme.client, &id)
        .await
        .iter()
        .map(|delivery| text(&delivery["lastError"]))
        .collect();
    assert_eq!(left, ["waits", "tried again", "arrived late", "given up"]);
    app.finish().await;
}
