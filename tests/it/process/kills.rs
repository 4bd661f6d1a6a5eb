//! The server is killed, at any point, and nothing that it acknowledged is lost or done twice.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use countersign::simulator::{Fault, FaultKind, Platform};
use serde_json::json;

use super::{Claim, Node, Place, Submitter};
use crate::scene::{row, samples, submitted};
use crate::support::{Client, PATIENCE, until};

const SUBMISSIONS: usize = 300;
const CLIENTS: usize = 8;
const KILLS: usize = 5;

/// Every fourth claim is twice what the platform shows.
fn claims(place: &Place) -> Vec<Claim> {
    let posts = samples(&place.app, Platform::Instagram, SUBMISSIONS, |_| true);
    posts
        .into_iter()
        .enumerate()
        .map(|(nth, post)| Claim {
            views: if nth % 4 == 0 {
                2 * post.figures.views
            } else {
                1
            },
            url: post.url,
        })
        .collect()
}

/// Submits each claim as often as it takes, and gives the posts that were acknowledged.
async fn submit_all(
    submitter: Submitter,
    claims: Vec<Claim>,
    acknowledged: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut posts = Vec::with_capacity(claims.len());
    for claim in claims {
        let begun = Instant::now();
        let post = loop {
            if let Some(post) = submitter.submit(&claim).await {
                break post;
            }
            assert!(begun.elapsed() < PATIENCE, "{claim:?} is not acknowledged");
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        acknowledged.fetch_add(1, Ordering::Relaxed);
        posts.push(post);
    }
    posts
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_reconciled_exactly_once_however_often_the_server_is_killed() {
    let place = Place::start().await;
    let (_, affiliate, campaign) = place.app.program(&["INSTAGRAM"]).await;
    // So that checks are under way whenever it dies.
    let mut slow = Fault::new(Platform::Instagram, FaultKind::Latency);
    slow.latency_ms = 40;
    place.app.world.add_fault(slow);

    let mut node = Node::start(&place).await;
    let client = Client::sign_in(&node.url, &affiliate.api_key).await;
    let submitter = Submitter::new(&node, client.token.as_ref(), &campaign);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = claims(&place)
        .chunks(SUBMISSIONS.div_ceil(CLIENTS))
        .map(|part| {
            tokio::spawn(submit_all(
                submitter.clone(),
                part.to_vec(),
                Arc::clone(&acknowledged),
            ))
        })
        .collect();
    for kill in 1..=KILLS {
        let enough = kill * SUBMISSIONS / (KILLS + 1);
        until("enough is acknowledged", async || {
            acknowledged.load(Ordering::Relaxed) >= enough
        })
        .await;
        node.kill().await;
        node = Node::start(&place).await;
    }
    let mut posts = HashSet::new();
    for client in clients {
        posts.extend(client.await.unwrap().iter().map(|post| row(post)));
    }
    until("every claim has its verdict", async || {
        place.finals().await >= i64::try_from(SUBMISSIONS).unwrap()
    })
    .await;
    place.app.settled().await;
    node.stop().await;

    assert_eq!(posts.len(), SUBMISSIONS, "two claims were one post");
    let counts = "SELECT concat_ws(' ', (SELECT count(*) FROM posts), (SELECT count(*) FROM affiliate_reports), \
        (SELECT count(*) FROM reconciliation_logs), \
        (SELECT count(DISTINCT affiliate_report_id) FROM reconciliation_logs WHERE finality = 'FINAL'), \
        (SELECT count(*) FROM trust_events))";
    assert_eq!(place.app.database.text(counts).await, "300 300 300 300 300");
    // The score counts each verdict once, and the audit trail has each once and in a row.
    let affiliate = "SELECT concat_ws(' ', total_submissions, accurate_submissions, chain_length, \
        (SELECT max(chain_position) FROM reconciliation_logs)) FROM affiliates";
    assert_eq!(place.app.database.text(affiliate).await, "300 225 300 300");
    let alerts = "SELECT count(*) FROM alerts WHERE kind = 'OVERCLAIM'";
    assert_eq!(place.number(alerts).await, 75);
    // Of each claim the next check is queued, and nothing else.
    let jobs = "SELECT concat_ws(' ', count(*), count(DISTINCT payload_json), count(worker_id)) FROM mq_msgs";
    assert_eq!(place.app.database.text(jobs).await, "300 300 0");
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_worker_is_killed_in_its_last_attempt_is_kept_and_its_claim_is_checked_again() {
    let place = Place::start().await;
    let (_, affiliate, campaign) = place.app.program(&["INSTAGRAM"]).await;
    let post = samples(&place.app, Platform::Instagram, 1, |_| true).remove(0);
    let claim = json!({ "claimedViews": 1 });
    let made = submitted(&affiliate.client, &campaign, &post.url, claim).await;
    place
        .app
        .database
        .execute("UPDATE mq_msgs SET attempts = 1 WHERE name = 'reconcile'")
        .await;
    let mut slow = Fault::new(Platform::Instagram, FaultKind::Latency);
    slow.latency_ms = 8000;
    place.app.world.add_fault(slow);

    let node = Node::start(&place).await;
    until("the platform is being asked", async || {
        place.app.world.calls("instagram.media") > 0
    })
    .await;
    let running = "SELECT count(*) FROM mq_msgs WHERE attempts = 0 AND worker_id IS NOT NULL";
    assert_eq!(place.number(running).await, 1);
    node.kill().await;
    place.app.world.clear_faults(None);

    let node = Node::start(&place).await;
    until("the job is dead", async || {
        place.number("SELECT count(*) FROM dead_jobs").await == 1
    })
    .await;
    let dead = "SELECT concat_ws(' ', name, payload_json::jsonb ->> 'affiliate_report_id', last_error) FROM dead_jobs";
    assert_eq!(
        place.app.database.text(dead).await,
        format!(
            "reconcile {} the worker died during the last attempt",
            row(&made.report)
        )
    );
    assert_eq!(place.finals().await, 0, "nobody was judged on it");
    let next = "SELECT count(*) FROM mq_msgs WHERE name = 'reconcile' AND attempts = 5 \
        AND attempt_at > countersign_now() AND worker_id IS NULL";
    assert_eq!(place.number(next).await, 1);

    place
        .app
        .database
        .execute("UPDATE mq_msgs SET attempt_at = countersign_now() WHERE name = 'reconcile'")
        .await;
    until("the claim has its verdict", async || {
        place.finals().await == 1
    })
    .await;
    node.stop().await;
    place.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_jobs_of_a_killed_worker_are_taken_up_by_another_at_once() {
    let place = Place::start().await;
    let (_, affiliate, campaign) = place.app.program(&["INSTAGRAM"]).await;
    let mut slow = Fault::new(Platform::Instagram, FaultKind::Latency);
    slow.latency_ms = 8000;
    place.app.world.add_fault(slow);
    for post in samples(&place.app, Platform::Instagram, 20, |_| true) {
        let claim = json!({ "claimedViews": 1 });
        submitted(&affiliate.client, &campaign, &post.url, claim).await;
    }
    let node = Node::start(&place).await;
    until("the platform is being asked", async || {
        place.app.world.calls("instagram.media") > 0
    })
    .await;
    node.kill().await;
    place.app.world.clear_faults(None);
    let left = "SELECT min(extract(epoch FROM attempt_at - countersign_now()))::bigint FROM mq_msgs \
        WHERE name = 'reconcile'";
    let left = place.number(left).await;
    assert!(left > 40, "the leases end by themselves in {left} s");

    // Sooner than that.
    let node = Node::start(&place).await;
    until("the claims have their verdicts", async || {
        place.finals().await == 20
    })
    .await;
    node.stop().await;
    place.finish().await;
}
