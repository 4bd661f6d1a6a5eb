//! The release binary in processes of its own.

use std::ffi::OsStr;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::api::Connection;

/// How long a process may take to be ready.
const READY: Duration = Duration::from_mins(1);
/// How long it may take to end: it drains for 10 s.
const END: Duration = Duration::from_secs(30);

/// The environment of a process, beside what is left of this one's.
pub type Environment = Vec<(String, String)>;

/// A running process of ours.
pub struct Program {
    child: Child,
    log: PathBuf,
}

/// A running server.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    program: Program,
}

/// A command of the release binary that knows nothing but `environment`.
fn command(environment: &[(String, String)], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command.args(arguments).stdin(Stdio::null());
    // What this shell has set would make it another program than the one a user starts.
    for (name, _) in std::env::vars_os() {
        if is_ours(&name) {
            command.env_remove(name);
        }
    }
    command
        .envs(
            environment
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        )
        .kill_on_drop(true);
    command
}

/// Whether a variable says something to Countersign, to libpq or to an HTTP client.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy().to_ascii_uppercase();
    name.starts_with("COUNTERSIGN_")
        || name.starts_with("DATABASE_")
        || name.starts_with("PG")
        || name.ends_with("_PROXY")
        || name == "RUST_LOG"
}

/// Runs a command to its end and gives what it printed.
pub async fn output(
    environment: &[(String, String)],
    arguments: &[&str],
) -> anyhow::Result<String> {
    let output = command(environment, arguments).output().await?;
    ensure!(
        output.status.success(),
        "countersign {} failed: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

impl Program {
    /// Starts it. What it logs, at its default level, goes to a file in `folder` that is named after its first argument.
    pub fn start(
        environment: &[(String, String)],
        arguments: &[&str],
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let name = arguments.first().copied().unwrap_or("countersign");
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command(environment, arguments)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .context("cannot start the release binary")?;
        Ok(Self { child, log })
    }

    /// Fails if it has ended, with its last words.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = said.lines().rev().take(5).collect();
        bail!(
            "a process ended with {status}; the end of {}, newest first:\n{}",
            self.log.display(),
            last.join("\n")
        )
    }

    /// What a line of `/proc/<pid>/status` says in KiB; none where there is no such file.
    fn status_kib(&self, field: &str) -> Option<u64> {
        let path = format!("/proc/{}/status", self.child.id()?);
        let status = std::fs::read_to_string(path).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(field))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Ends it as a service manager would, and waits.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return self.check();
        };
        kill_process(pid, Signal::TERM)?;
        match tokio::time::timeout(END, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                ensure!(status.success(), "a process ended with {status}");
                Ok(())
            }
            Err(_) => {
                self.child.kill().await?;
                bail!("a process did not end within {} s", END.as_secs())
            }
        }
    }
}

impl Server {
    /// Starts a server and waits until it is ready.
    pub async fn start(
        environment: &[(String, String)],
        with_worker: bool,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        // Free a moment ago, and on this machine nobody else hurries to take it.
        let address = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let listen = address.to_string();
        let mut arguments = vec!["serve", "--listen", listen.as_str()];
        if !with_worker {
            arguments.push("--no-worker");
        }
        let program = Program::start(environment, &arguments, folder)?;
        let mut server = Self { address, program };
        let begun = Instant::now();
        while !is_ready(address).await {
            server.program.check()?;
            ensure!(
                begun.elapsed() < READY,
                "the server was not ready within {} s",
                READY.as_secs()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    /// Resident memory now, in MiB.
    pub fn resident_mib(&self) -> Option<f64> {
        self.program.status_kib("VmRSS").map(mib)
    }

    /// The most that was ever resident, in MiB.
    pub fn peak_mib(&self) -> Option<f64> {
        self.program.status_kib("VmHWM").map(mib)
    }

    /// As [`Program::stop`].
    pub async fn stop(self) -> anyhow::Result<()> {
        self.program.stop().await
    }
}

fn mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

async fn is_ready(address: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(address).await else {
        return false;
    };
    connection
        .get("/readyz")
        .await
        .is_ok_and(|answer| answer.status == 200)
}
