//! Submissions a second: `submitPost` over HTTP from 64 clients, beside its two statements run by pgbench.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tokio::task::JoinSet;

use super::api::Connection;
use super::options::Options;
use super::pgbench::Length;
use super::postgres::{Database, connect};
use super::program::Server;
use super::report::{Line, Report, Target};
use super::stage::{CLIENTS, Stage};

/// Where the reference is looked for at its best.
const REFERENCE_CLIENTS: [usize; 4] = [8, 16, 32, 64];

const SUBMIT: &str = "mutation($input: SubmitPostInput!) { submitPost(input: $input) \
    { post { id } report { id } userErrors { code message } } }";

/// Measures both in turns.
pub async fn measure(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let mut best = (0, 0.0);
    for clients in REFERENCE_CLIENTS {
        let rate = reference(stage, options, clients).await?;
        report.progress(&format!(
            "pgbench, {clients} clients: {rate:.0} submissions/s"
        ));
        if rate > best.1 {
            best = (clients, rate);
        }
    }
    let clients = best.0;
    let mut line = Line::new(
        "submissions",
        &format!("Submissions/s, {CLIENTS} clients"),
        &format!("pgbench, the same statements, {clients} clients"),
        Target::RatioAtLeast(0.5),
    );
    for _ in 0..options.rounds() {
        let ours = round(stage, options).await?.rate;
        let theirs = reference(stage, options, clients).await?;
        report.progress(&format!("{ours:.0} submissions/s, pgbench {theirs:.0}"));
        line.add(ours, Some(theirs));
    }
    report.add(line);
    Ok(())
}

async fn reference(stage: &Stage, options: &Options, clients: usize) -> anyhow::Result<f64> {
    let database = stage.postgres.copy(&stage.template).await?;
    let people = &stage.people;
    let variables = [
        ("campaign", people.campaign_id),
        ("policy", people.policy_id),
        ("first", people.submitter_ids.0),
        ("last", people.submitter_ids.1),
    ];
    let length = Length::Time(options.seconds());
    let rate = stage
        .pgbench
        .run(&database, "submission.sql", &variables, clients, length)
        .await?;
    stage.postgres.remove(database).await?;
    Ok(rate)
}

/// What a round of submissions gave.
pub struct Round {
    /// Submissions a second.
    pub rate: f64,
    /// The most memory that the server had, in MiB, where that can be told.
    pub peak_mib: Option<f64>,
}

/// Submits from every client for a while, and sees to it that what was acknowledged is there.
pub async fn round(stage: &Stage, options: &Options) -> anyhow::Result<Round> {
    let database = stage.postgres.copy(&stage.template).await?;
    let environment = stage.environment(&database);
    let server = Server::start(&environment, false, &stage.results).await?;
    let counted_from = Instant::now() + options.warm_up();
    let window = Window {
        from: counted_from,
        to: counted_from + options.seconds(),
    };
    let mut clients = JoinSet::new();
    for token in stage.people.submitters.iter().cloned() {
        let connection = Connection::open(server.address).await?;
        let campaign = stage.people.campaign.clone();
        clients.spawn(submit(connection, token, campaign, window));
    }
    let (mut counted, mut accepted) = (0, 0);
    while let Some(client) = clients.join_next().await {
        let of_client = client??;
        counted += of_client.counted;
        accepted += of_client.accepted;
    }
    let peak_mib = server.peak_mib();
    server.stop().await?;
    check_durable(&database, accepted).await?;
    stage.postgres.remove(database).await?;
    Ok(Round {
        rate: counted as f64 / options.seconds().as_secs_f64(),
        peak_mib,
    })
}

/// When answers are counted.
#[derive(Debug, Clone, Copy)]
struct Window {
    from: Instant,
    to: Instant,
}

/// The answers of one client.
struct Answers {
    /// In the window.
    counted: i64,
    /// All of them.
    accepted: i64,
}

async fn submit(
    mut connection: Connection,
    token: String,
    campaign: String,
    window: Window,
) -> anyhow::Result<Answers> {
    let mut answers = Answers {
        counted: 0,
        accepted: 0,
    };
    while Instant::now() < window.to {
        // 13 characters at most, as ids are at Reddit.
        let id = rand::random::<u64>() >> 12;
        let url = format!("https://www.reddit.com/comments/{id:x}");
        post(&mut connection, &token, &campaign, &url, 1_000).await?;
        answers.accepted += 1;
        let now = Instant::now();
        if now >= window.from && now < window.to {
            answers.counted += 1;
        }
    }
    Ok(answers)
}

/// Submits a post with a claim of views; anything but an acceptance is an error.
pub async fn post(
    connection: &mut Connection,
    token: &str,
    campaign: &str,
    url: &str,
    views: i64,
) -> anyhow::Result<()> {
    let input = json!({ "campaignId": campaign, "url": url, "claimedViews": views });
    let body = json!({ "query": SUBMIT, "variables": { "input": input } }).to_string();
    let answer = tokio::time::timeout(Duration::from_secs(30), connection.post(Some(token), &body))
        .await
        .context("a submission was not answered within 30 s")??;
    ensure!(
        answer.status == 200
            && answer.body.contains("\"userErrors\":[]")
            && !answer.body.contains("\"errors\":"),
        "a submission was not accepted: {}",
        answer.body
    );
    Ok(())
}

async fn check_durable(database: &Database, accepted: i64) -> anyhow::Result<()> {
    let client = connect(&database.url).await?;
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM affiliate_reports), (SELECT count(*) FROM mq_msgs)",
            &[],
        )
        .await?;
    let (claims, jobs): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    ensure!(
        claims == accepted && jobs == accepted,
        "{accepted} submissions were accepted, and there are {claims} claims and {jobs} jobs"
    );
    Ok(())
}
