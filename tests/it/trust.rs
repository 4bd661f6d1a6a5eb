//! Trust is the share of accurate claims among those that count, and every move of it is on record.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::cmp::Reverse;

use countersign::domain::task::Reconcile;
use countersign::domain::trust::TrustScore;
use countersign::domain::verification::{self, Checked, Outcome};
use countersign::model::{EvidenceGrade, Metrics, Observed};
use countersign::platform::{Fetched, Sighting};
use countersign::simulator::Platform;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{self, Watcher, brief, reported, submitted};
use crate::support::{Party, TestApp};

/// One move of a trust score.
#[derive(Debug, PartialEq)]
struct Moved {
    report: i64,
    accurate: bool,
    before: String,
    after: String,
}

/// How an affiliate's score moved, in order.
async fn moves(app: &TestApp, affiliate: &Party) -> Vec<Moved> {
    let rows = app
        .database
        .connect()
        .await
        .query(
            "SELECT l.affiliate_report_id, t.accurate, t.score_before::text, t.score_after::text \
             FROM trust_events t JOIN reconciliation_logs l ON l.id = t.reconciliation_id \
             WHERE t.affiliate_id = $1 ORDER BY t.id",
            &[&scene::row(&affiliate.id)],
        )
        .await
        .unwrap();
    rows.iter()
        .map(|row| Moved {
            report: row.get(0),
            accurate: row.get(1),
            before: row.get(2),
            after: row.get(3),
        })
        .collect()
}

/// Sees that an affiliate's trust is the fold of its moves, each of which begins where the one before it ended.
async fn folds(app: &TestApp, affiliate: &Party) -> Vec<Moved> {
    let moves = moves(app, affiliate).await;
    let mut score = "1.00".to_owned();
    for moved in &moves {
        assert_eq!(moved.before, score, "{moves:?}");
        score.clone_from(&moved.after);
    }
    let folded = TrustScore::fold(moves.iter().map(|moved| moved.accurate));
    assert_eq!(folded.value().to_plain_string(), score, "{moves:?}");
    assert_eq!(
        scene::trust(affiliate).await,
        json!({
            "trustScore": score, "totalSubmissions": folded.total(),
            "accurateSubmissions": folded.accurate(),
        })
    );
    moves
}

/// The alert on fallen trust that the caller sees, if there is one: its message and how often its cause occurred.
async fn trust_drop(party: &Party) -> Option<(String, i64)> {
    let mut alerts = scene::alerts(&party.client, "TRUST_DROP").await;
    assert!(alerts.len() <= 1, "{alerts:?}");
    let alert = alerts.pop()?;
    let occurrences = alert["occurrences"].as_i64().unwrap();
    Some((scene::text(&alert["message"]), occurrences))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_score_is_the_fold_of_the_claims_that_count() {
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT"]).await;
    let posts = scene::samples(&app, Platform::Instagram, 4, |figures| {
        figures.views >= 1000
    });
    let reddit = scene::sample(&app, Platform::Reddit);
    let foreign = scene::foreign_sample(&app, "FEED");
    let views = |nth: usize| posts[nth].figures.views;
    for (url, claim) in [
        (&posts[0].url, json!({ "claimedViews": views(0) })),
        // LOW is accurate.
        (
            &posts[1].url,
            json!({ "claimedViews": views(1) + views(1) * 3 / 100 }),
        ),
        // MEDIUM and HIGH are not.
        (
            &posts[2].url,
            json!({ "claimedViews": views(2) + views(2) / 10 }),
        ),
        (&posts[3].url, json!({ "claimedViews": views(3) * 3 })),
        // These count for nothing: not told, not told yet.
        (&reddit.url, json!({ "claimedViews": 1 })),
        (&foreign.url, json!({ "claimedViews": 1 })),
    ] {
        submitted(&ann.client, &campaign, url, claim).await;
        app.settled().await;
    }
    let accurate: Vec<bool> = folds(&app, &ann)
        .await
        .iter()
        .map(|moved| moved.accurate)
        .collect();
    assert_eq!(accurate, [true, true, false, false]);
    assert_eq!(scene::trust(&ann).await["trustScore"], "0.50");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_threshold_that_is_passed_counts_once_on_one_alert() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let mut at_ann = Watcher::start(&ann.client, "").await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let zero = json!({ "claimedViews": 0 });
    let post = submitted(&ann.client, &campaign, &post.url, zero)
        .await
        .post;
    for (factor, score, occurrences, below) in [
        (1, "1.00", 0, ""),
        (1, "1.00", 0, ""),
        (1, "1.00", 0, ""),
        (1, "1.00", 0, ""),
        (3, "0.80", 0, ""),
        (3, "0.67", 1, "0.80"),
        (3, "0.57", 2, "0.60"),
        (3, "0.50", 2, "0.60"),
        (3, "0.44", 2, "0.60"),
        (3, "0.40", 2, "0.60"),
        (3, "0.36", 3, "0.40"),
    ] {
        let claim = json!({ "claimedViews": views * factor });
        reported(&ann.client, &post, claim).await;
        app.settled().await;
        assert_eq!(scene::trust(&ann).await["trustScore"], score);
        let alert = trust_drop(&ann).await;
        let counted = alert.as_ref().map_or(0, |(_, counted)| *counted);
        assert_eq!(counted, occurrences, "at {score}");
        if let Some((message, _)) = alert {
            assert!(message.contains(&format!("below {below}")), "{message}");
        }
    }
    folds(&app, &ann).await;
    // To the affiliate it was raised once; an advertiser has nothing to do with it.
    let events = at_ann.take(8).await;
    let drops = events
        .iter()
        .filter(|event| brief(event) == "RAISED TRUST_DROP");
    assert_eq!(drops.count(), 1, "{events:?}");
    assert_eq!(trust_drop(&acme).await, None);
    assert_eq!(scene::alerts(&app.operator, "TRUST_DROP").await.len(), 1);
    drop(at_ann);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fall_through_all_thresholds_at_once_names_the_lowest_and_another_fall_is_another_alert()
{
    let app = TestApp::working().await;
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(&app, Platform::Instagram);
    let views = post.figures.views;
    let high = json!({ "claimedViews": views * 3 });
    let post = submitted(&ann.client, &campaign, &post.url, high)
        .await
        .post;
    app.settled().await;
    let (message, occurrences) = trust_drop(&ann).await.unwrap();
    assert!(message.contains("below 0.40"), "{message}");
    assert_eq!(occurrences, 1);

    let alert = scene::alerts(&app.operator, "TRUST_DROP").await.remove(0);
    app.operator
        .ok(
            "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) { alert { id } } }",
            json!({ "input": { "alertId": alert["id"], "notes": "We spoke." } }),
        )
        .await;
    // Up to 0.80 again, and down to 0.67.
    for claim in [views, views, views, views, views * 3] {
        reported(&ann.client, &post, json!({ "claimedViews": claim })).await;
        app.settled().await;
    }
    let alerts = scene::alerts(&app.operator, "TRUST_DROP").await;
    let statuses: Vec<&Value> = alerts.iter().map(|alert| &alert["status"]).collect();
    assert_eq!(statuses, ["RESOLVED", "OPEN"]);
    let message = scene::text(&alerts[1]["message"]);
    assert!(message.contains("below 0.80"), "{message}");
    app.finish().await;
}

/// The checks of all claims that wait, newest claim first, each answered with this many views.
async fn answered(app: &TestApp, views: u64) -> Vec<Checked> {
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
    let told = Observed::Reported {
        value: views,
        definition: "instagram.views".to_owned(),
        grade: EvidenceGrade::OwnerToken,
    };
    let untold = Observed::Unsupported {
        reason: "Nobody tells.".to_owned(),
    };
    let fetched = Fetched::Found(Sighting {
        metrics: Metrics {
            views: told,
            clicks: untold.clone(),
            conversions: untold,
        },
        raw: json!({ "views": views }),
        context: None,
        author: None,
        published_at: None,
        spend: None,
        lacks_permission: false,
    });
    let loaded = verification::load(&app.app, &jobs).await.unwrap();
    let mut batch: Vec<Checked> = loaded
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
    batch.sort_by_key(|checked| Reverse(checked.task.report.id));
    batch
}

/// Eleven claims on one post that nobody has checked: four accurate ones, then seven that are far too high.
async fn eleven_claims(app: &TestApp) -> (Party, u64) {
    let (_, ann, campaign) = app.program(&["INSTAGRAM"]).await;
    let post = scene::sample(app, Platform::Instagram);
    let views = post.figures.views;
    let honest = json!({ "claimedViews": views });
    let ids = submitted(&ann.client, &campaign, &post.url, honest.clone()).await;
    for nth in 1..11 {
        let claim = if nth < 4 {
            honest.clone()
        } else {
            json!({ "claimedViews": views * 3 })
        };
        reported(&ann.client, &ids.post, claim).await;
    }
    (ann, views)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_moves_trust_in_the_order_of_its_claims() {
    let app = TestApp::start().await;
    let (ann, views) = eleven_claims(&app).await;
    let batch = answered(&app, views).await;
    assert_eq!(batch.len(), 11);
    verification::settle(&app.app, &batch).await.unwrap();

    let moves = folds(&app, &ann).await;
    let accurate: Vec<bool> = moves.iter().map(|moved| moved.accurate).collect();
    assert_eq!(accurate, [vec![true; 4], vec![false; 7]].concat());
    assert!(moves.is_sorted_by_key(|moved| moved.report), "{moves:?}");
    // A worker that was slower than another has no effect: the jobs are gone.
    verification::settle(&app.app, &batch).await.unwrap();
    assert_eq!(folds(&app, &ann).await, moves);
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thresholds_that_are_passed_in_one_batch_count_as_one_by_one() {
    let app = TestApp::start().await;
    let (ann, views) = eleven_claims(&app).await;
    let batch = answered(&app, views).await;
    verification::settle(&app.app, &batch).await.unwrap();
    let (message, occurrences) = trust_drop(&ann).await.unwrap();
    assert!(message.contains("below 0.40"), "{message}");
    assert_eq!(occurrences, 3);
    app.abandon().await;
}
