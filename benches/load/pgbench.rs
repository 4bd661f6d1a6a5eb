//! PostgreSQL's own load generator, which is the reference: the same statements without a server in front of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::process::Command;

use super::postgres::Database;

/// The program.
#[derive(Debug)]
pub struct Pgbench {
    program: PathBuf,
}

/// How long it runs.
#[derive(Debug, Clone, Copy)]
pub enum Length {
    /// For a time.
    Time(Duration),
    /// So many transactions by each client.
    Each(usize),
}

impl Pgbench {
    /// Finds it beside PostgreSQL's server programs, or in PATH.
    pub async fn find() -> anyhow::Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/postgres-bin");
        let found = Command::new(script).output().await;
        let beside = found
            .ok()
            .filter(|output| output.status.success())
            .map(|output| {
                let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
                Path::new(&folder).join("pgbench")
            })
            .filter(|program| program.exists());
        let program = beside.unwrap_or_else(|| PathBuf::from("pgbench"));
        let answered = Command::new(&program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await;
        ensure!(
            answered.is_ok_and(|status| status.success()),
            "pgbench was not found. It comes with PostgreSQL (on Debian and Ubuntu in the package postgresql, on Fedora \
             in postgresql-contrib); make bench installs what is missing, or says how"
        );
        Ok(Self { program })
    }

    /// Runs a script of `benches/load` and gives its transactions a second, without the time to connect.
    pub async fn run(
        &self,
        database: &Database,
        script: &str,
        variables: &[(&str, i64)],
        clients: usize,
        length: Length,
    ) -> anyhow::Result<f64> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut command = Command::new(&self.program);
        command
            .args(["--no-vacuum", "--protocol=prepared"])
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={}", threads.min(clients)))
            .arg(match length {
                Length::Time(time) => format!("--time={}", time.as_secs()),
                Length::Each(transactions) => format!("--transactions={transactions}"),
            });
        for (name, value) in variables {
            command.arg(format!("--define={name}={value}"));
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/load");
        command
            .arg("--file")
            .arg(path.join(script))
            .arg(&database.url)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.context("cannot run pgbench")?;
        let said = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "pgbench failed on {script}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        rate(&said).with_context(|| format!("pgbench named no rate for {script}: {said}"))
    }
}

/// Older versions print two rates; the last one leaves the time to connect out.
fn rate(said: &str) -> Option<f64> {
    said.lines()
        .filter_map(|line| line.strip_prefix("tps = "))
        .filter_map(|rest| rest.split_whitespace().next()?.parse().ok())
        .next_back()
}
