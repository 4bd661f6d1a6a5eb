//! Checks a second, end to end: a worker drains queued jobs, asks the played platforms, and writes verdicts.
//!
//! The rate is that of the verdicts' own times between a tenth and nine tenths of them, so that neither the start of the
//! process nor the last, smaller batches count.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio_postgres::Client;

use super::options::Options;
use super::pgbench::Length;
use super::postgres::{Database, connect};
use super::program::Program;
use super::report::{Line, Report, Target};
use super::seed::{Mix, filled};
use super::stage::Stage;

/// Jobs in a batch of the reference, as in one of the worker.
const BATCH: i64 = 200;
/// Where the reference is looked for at its best. Batches wait for each other's affiliates, so more are of no use.
const REFERENCE_CLIENTS: [usize; 3] = [1, 2, 4];
/// How long a drain may take.
const PATIENCE: Duration = Duration::from_mins(3);
/// How many jobs a worker may have taken beyond those that are counted when it is told to stop.
const BEYOND: i64 = 4_000;

/// Checks a second beside pgbench running the SQL of whole batches alone.
pub async fn reconciliations(
    stage: &Stage,
    options: &Options,
    report: &mut Report,
) -> anyhow::Result<()> {
    let jobs = options.jobs();
    let database = filled(stage, jobs, Mix::All).await?;
    let mut best = (0, 0.0);
    for clients in REFERENCE_CLIENTS {
        let rate = reference(stage, &database, jobs, clients).await?;
        report.progress(&format!("pgbench, {clients} clients: {rate:.0} checks/s"));
        if rate > best.1 {
            best = (clients, rate);
        }
    }
    let clients = best.0;
    let mut line = Line::new(
        "reconciliations",
        "Reconciliations/s, end to end",
        &format!("pgbench, a batch's SQL alone, {clients} clients"),
        Target::RatioAtLeast(0.3),
    );
    for _ in 0..options.rounds() {
        let copy = stage.postgres.copy(&database).await?;
        let ours = drain(stage, &copy, jobs).await?;
        stage.postgres.remove(copy).await?;
        let theirs = reference(stage, &database, jobs, clients).await?;
        report.progress(&format!("{ours:.0} reconciliations/s, pgbench {theirs:.0}"));
        line.add(ours, Some(theirs));
    }
    report.add(line);
    stage.postgres.remove(database).await
}

/// Checks a second behind a long queue beside those behind a short one.
pub async fn backlog(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let jobs = options.jobs();
    let (short, long) = options.backlogs();
    let rounds = i64::try_from(options.rounds())?;
    let behind_short = filled(stage, short + jobs, Mix::Reddit).await?;
    report.progress(&format!("queueing {long} jobs"));
    // It is drained again and again, and never holds fewer than the long queue's jobs.
    let behind_long = filled(stage, long + rounds * (jobs + BEYOND), Mix::Reddit).await?;
    let mut line = Line::new(
        "backlog",
        &format!("Reconciliations/s, {long} jobs waiting"),
        &format!("the same, {short} jobs waiting"),
        Target::RatioAtLeast(0.8),
    );
    for _ in 0..options.rounds() {
        let copy = stage.postgres.copy(&behind_short).await?;
        let few = drain(stage, &copy, jobs).await?;
        stage.postgres.remove(copy).await?;
        let many = drain(stage, &behind_long, jobs).await?;
        report.progress(&format!(
            "{many:.0} reconciliations/s behind {long}, {few:.0} behind {short}"
        ));
        line.add(many, Some(few));
    }
    let client = connect(&behind_long.url).await?;
    let row = client
        .query_one(
            "SELECT count(*) FROM mq_msgs WHERE attempt_at <= countersign_now()",
            &[],
        )
        .await?;
    let left: i64 = row.try_get(0)?;
    ensure!(left >= long, "the long queue had only {left} jobs left");
    report.add(line);
    stage.postgres.remove(behind_short).await?;
    stage.postgres.remove(behind_long).await
}

async fn reference(
    stage: &Stage,
    database: &Database,
    jobs: i64,
    clients: usize,
) -> anyhow::Result<f64> {
    let copy = stage.postgres.copy(database).await?;
    let batches = usize::try_from(jobs / BATCH)?;
    let length = Length::Each(batches / clients);
    let rate = stage
        .pgbench
        .run(&copy, "batch.sql", &[], clients, length)
        .await?;
    stage.postgres.remove(copy).await?;
    Ok(rate * BATCH as f64)
}

/// Has a worker of its own drain `count` jobs, and gives its rate.
async fn drain(stage: &Stage, database: &Database, count: i64) -> anyhow::Result<f64> {
    let client = connect(&database.url).await?;
    client.batch_execute("CHECKPOINT").await?;
    let row = client
        .query_one("SELECT coalesce(max(id), 0) FROM reconciliation_logs", &[])
        .await?;
    let before: i64 = row.try_get(0)?;
    let environment = stage.environment(database);
    let mut worker = Program::start(&environment, &["worker"], &stage.results)?;
    wait(&client, &mut worker, before, count).await?;
    worker.stop().await?;
    let row = client
        .query_one("SELECT count(*) FROM dead_jobs", &[])
        .await?;
    let dead: i64 = row.try_get(0)?;
    ensure!(dead == 0, "{dead} jobs died");
    rate(&client, before, count).await
}

/// Waits until so many claims have their FINAL verdict.
async fn wait(
    client: &Client,
    worker: &mut Program,
    before: i64,
    count: i64,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        // The sequence is cheap to ask and never behind; the rows themselves are counted only at the end.
        let row = client
            .query_one("SELECT last_value FROM reconciliation_logs_id_seq", &[])
            .await?;
        let drawn: i64 = row.try_get(0)?;
        if drawn - before >= count && finals(client, before).await? >= count {
            return Ok(());
        }
        worker.check()?;
        if begun.elapsed() > PATIENCE {
            let reached = finals(client, before).await?;
            let seconds = PATIENCE.as_secs();
            bail!("{reached} of {count} claims had their verdict after {seconds} s");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn finals(client: &Client, before: i64) -> anyhow::Result<i64> {
    let row = client
        .query_one(
            "SELECT count(*) FROM reconciliation_logs WHERE id > $1 AND finality = 'FINAL'",
            &[&before],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn rate(client: &Client, before: i64, count: i64) -> anyhow::Result<f64> {
    let row = client
        .query_one(
            "WITH first AS (SELECT processed_at FROM reconciliation_logs WHERE id > $1 AND finality = 'FINAL' \
             ORDER BY processed_at LIMIT $2) \
             SELECT (0.8 * count(*) / nullif(extract(epoch FROM \
             percentile_disc(0.9) WITHIN GROUP (ORDER BY processed_at) \
             - percentile_disc(0.1) WITHIN GROUP (ORDER BY processed_at)), 0))::float8 FROM first",
            &[&before, &count],
        )
        .await?;
    row.try_get::<_, Option<f64>>(0)?
        .context("too few verdicts to tell a rate")
}
