//! The audit trail: each verdict holds the hash of the affiliate's verdict before it, and whoever has the rows can compute
//! all of them again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::db::reconciliation::Reconciliation;
use countersign::db::{affiliate_report, campaign, platform_report, post, reconciliation};
use countersign::domain::reconciliation::canonical::{GENESIS, Record, canonical, chain_hash};
use countersign::domain::reconciliation::{Comparison, Verdict};
use countersign::simulator::Platform;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::scene::{self, Submitted, row, submitted};
use crate::support::{Party, TestApp};

/// An affiliate's verdicts in the order of its trail.
async fn trail(app: &TestApp, affiliate: &Party) -> Vec<Reconciliation> {
    let ids: Vec<i64> = app
        .database
        .connect()
        .await
        .query(
            "SELECT id FROM reconciliation_logs WHERE affiliate_id = $1",
            &[&row(&affiliate.id)],
        )
        .await
        .unwrap()
        .iter()
        .map(|found| found.get(0))
        .collect();
    let mut connection = app.app.db.get().await.unwrap();
    let mut verdicts = reconciliation::list_by_id(&mut connection, &ids)
        .await
        .unwrap();
    verdicts.sort_by_key(|verdict| verdict.chain_position);
    verdicts
}

/// The hash of a verdict, from nothing but what is stored of it and of what it rests on.
async fn computed(app: &TestApp, stored: &Reconciliation) -> String {
    let mut connection = app.app.db.get().await.unwrap();
    let connection = &mut connection;
    let report = affiliate_report::list_by_id(connection, &[stored.affiliate_report_id])
        .await
        .unwrap()
        .remove(0);
    let post = post::list_by_id(connection, &[stored.post_id])
        .await
        .unwrap()
        .remove(0);
    let policy = campaign::list_policies_by_id(connection, &[stored.policy_id])
        .await
        .unwrap()
        .remove(0);
    let cited: Vec<i64> = stored.platform_report_id.into_iter().collect();
    let observation = platform_report::list_by_id(connection, &cited)
        .await
        .unwrap()
        .pop();
    let raw_hash = observation.map(|observation| {
        let raw = serde_json_canonicalizer::to_string(&observation.raw_data).unwrap();
        let hash = hex::encode(Sha256::digest(raw.as_bytes()));
        assert_eq!(observation.raw_hash, hash, "the raw answer was changed");
        hash
    });
    let comparisons = stored.comparisons.as_array().unwrap();
    let verdict = Verdict {
        status: stored.status,
        level: stored.discrepancy_level,
        finality: stored.finality,
        comparisons: comparisons
            .iter()
            .map(|comparison| Comparison::from_json(comparison).unwrap())
            .collect(),
        explanation: stored.explanation.clone(),
        platform_report_id: stored.platform_report_id,
    };
    let form = canonical(&Record {
        report_id: report.id,
        post_id: post.id,
        affiliate_id: stored.affiliate_id,
        canonical_url: &post.canonical_url,
        claimed: report.claimed(),
        submitted_at: report.submitted_at,
        raw_observation_hash: raw_hash.as_deref(),
        verdict: &verdict,
        processed_at: stored.processed_at,
        policy_version: policy.version,
    })
    .unwrap();
    chain_hash(&stored.previous_hash, &form)
}

/// Claims of every kind: matched, above, not told, gone, partly checked, and a duplicate.
async fn claims_of_every_kind(app: &TestApp, who: &Party, campaign: &str) -> Vec<Submitted> {
    let instagram = scene::samples(app, Platform::Instagram, 3, |figures| figures.views >= 1000);
    let reddit = scene::samples(app, Platform::Reddit, 2, |_| true);
    app.world.vanish(Platform::Reddit, &reddit[1].native_id);
    let link = scene::short_link(app, Platform::Instagram, &instagram[0].native_id);
    let views = |place: usize| instagram[place].figures.views;
    let mut made = Vec::new();
    for (url, claim) in [
        (&instagram[0].url, json!({ "claimedViews": views(0) })),
        (&instagram[1].url, json!({ "claimedViews": views(1) * 3 })),
        (
            &instagram[2].url,
            json!({ "claimedViews": views(2), "claimedConversions": 2, "evidence": { "ä": [1.5] } }),
        ),
        (
            &reddit[0].url,
            json!({ "claimedViews": 100, "claimedClicks": 0 }),
        ),
        (&reddit[1].url, json!({ "claimedViews": 100 })),
        (&link, json!({ "claimedViews": 1 })),
    ] {
        made.push(submitted(&who.client, campaign, url, claim).await);
        app.settled().await;
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliates_verdicts_are_chained_and_every_hash_can_be_computed_again() {
    let app = TestApp::working().await;
    let (acme, ann, campaign) = app.program(&["INSTAGRAM", "REDDIT"]).await;
    let bob = scene::approved(&app, &acme, "Bob").await;
    let made = claims_of_every_kind(&app, &ann, &campaign).await;
    claims_of_every_kind(&app, &bob, &campaign).await;
    // Provisional verdicts get company, final ones do not.
    app.move_clock(25).await;
    app.settled().await;

    for affiliate in [&ann, &bob] {
        let verdicts = trail(&app, affiliate).await;
        assert!(verdicts.len() > 6, "{} verdicts", verdicts.len());
        let mut previous = GENESIS.to_owned();
        assert_eq!(previous, "0".repeat(64));
        for (verdict, position) in verdicts.iter().zip(1..) {
            assert_eq!(verdict.chain_position, position);
            assert_eq!(verdict.previous_hash, previous, "link {position}");
            assert_eq!(
                computed(&app, verdict).await,
                verdict.hash,
                "link {position}"
            );
            previous.clone_from(&verdict.hash);
        }
        let id = row(&affiliate.id);
        let head = app
            .database
            .text(&format!(
                "SELECT chain_head || ' ' || chain_length FROM affiliates WHERE id = {id}"
            ))
            .await;
        assert_eq!(head, format!("{previous} {}", verdicts.len()));
    }

    let shown = scene::claim(&ann.client, &made[0].report).await;
    let verdicts = trail(&app, &ann).await;
    assert_eq!(shown["reconciliation"]["previousHash"], GENESIS);
    assert_eq!(shown["reconciliation"]["hash"], verdicts[0].hash);
    app.finish().await;
}
