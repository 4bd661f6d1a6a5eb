//! What Countersign does in a second, beside what PostgreSQL alone does on the same machine in the same run.
//!
//! `make bench`, or `cargo bench --bench load -- [--quick] [MEASURE …]`. The server, the worker and the demo's simulator
//! are the ones that a user runs: the release binary in processes of its own, over loopback, on a durable PostgreSQL of
//! this run's own under the folder for temporary files. `BENCH_DATA_DIR` names another folder, which should lie on the
//! disk in question; `BENCH_DATABASE_URL` names a database of another server on this machine, from which others are made.
//! It must sync.
//!
//! Absolute numbers say as much about the machine as about the program. The ratio to the reference is what is to be
//! read, and what has a target; the two are measured in turns, so that a machine that slows down slows both.
//!
//! It fails with a sentence where a program is missing, where an answer is not what it should be, and where the database
//! does not hold what was acknowledged. A target that is missed is said so and is no failure.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a benchmark speaks to a person"
)]
#![allow(
    clippy::cast_precision_loss,
    reason = "counts of a benchmark are far below 2^53"
)]

#[path = "load/alerts.rs"]
mod alerts;
#[path = "load/api.rs"]
mod api;
#[path = "load/dashboard.rs"]
mod dashboard;
#[path = "load/drain.rs"]
mod drain;
#[path = "load/memory.rs"]
mod memory;
#[path = "load/options.rs"]
mod options;
#[path = "load/pgbench.rs"]
mod pgbench;
#[path = "load/postgres.rs"]
mod postgres;
#[path = "load/program.rs"]
mod program;
#[path = "load/report.rs"]
mod report;
#[path = "load/seed.rs"]
mod seed;
#[path = "load/stage.rs"]
mod stage;
#[path = "load/submissions.rs"]
mod submissions;

use std::process::ExitCode;

use options::{Measure, Options};
use report::Report;
use stage::Stage;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            return ExitCode::from(2);
        }
    };
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(&options)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> anyhow::Result<()> {
    let stage = Stage::open().await?;
    let mut report = Report::new(options.quick, stage.facts().clone());
    let measured = tokio::select! {
        measured = measure(&stage, options, &mut report) => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
    };
    // What was measured before a failure is worth showing.
    let written = report.finish(&stage.results);
    let closed = stage.close().await;
    measured.and(written).and(closed)
}

async fn measure(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    for measure in &options.measures {
        match measure {
            Measure::Submissions => submissions::measure(stage, options, report).await?,
            Measure::Reconciliations => drain::reconciliations(stage, options, report).await?,
            Measure::Backlog => drain::backlog(stage, options, report).await?,
            Measure::Alerts => alerts::measure(stage, options, report).await?,
            Measure::Dashboard => dashboard::measure(stage, options, report).await?,
            Measure::Memory => memory::measure(stage, options, report).await?,
        }
    }
    Ok(())
}
