//! The program itself, run as its users run it: what its commands print and end with, and what is left when it is killed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod commands;
mod kills;
mod stops;

use std::fs::File;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign::simulator::Simulator;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::support::{PATIENCE, TestApp};

/// The program with nothing of the outer environment.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    command
        .args(arguments)
        .env_clear()
        .env("RUST_LOG", "info")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end: how it ended, and what it wrote to standard output and to standard error.
async fn run(mut command: Command) -> (ExitStatus, String, String) {
    let output = timeout(PATIENCE, command.output())
        .await
        .expect("the command did not end")
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status, text(output.stdout), text(output.stderr))
}

/// A port that nobody listens on. It is not one of those that the system hands out, so that nobody gets it while the
/// server is down.
fn free_port() -> u16 {
    loop {
        let port = rand::random_range(20_000..32_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// What the servers of one test share, and a node beside them that takes no jobs.
struct Place {
    app: TestApp,
    simulator: Simulator,
    folder: TempDir,
    address: String,
}

impl Place {
    async fn start() -> Self {
        let app = TestApp::start().await;
        let world = Arc::clone(&app.world);
        let simulator = Simulator::start_with(world, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        Self {
            app,
            simulator,
            folder: tempfile::tempdir().unwrap(),
            address: format!("127.0.0.1:{}", free_port()),
        }
    }

    /// Ends a test after which no job may be left or dead.
    async fn finish(self) {
        self.simulator.stop().await.unwrap();
        self.app.finish().await;
    }

    /// Ends a test that leaves jobs on purpose.
    async fn abandon(self) {
        self.simulator.stop().await.unwrap();
        self.app.abandon().await;
    }

    /// The program before this test's database and platforms.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command
            .envs(self.simulator.environment())
            .env("DATABASE_URL", &self.app.database.url)
            .env("COUNTERSIGN_DATA_DIR", self.folder.path());
        command
    }

    /// What a query of this test's database gives.
    async fn number(&self, query: &str) -> i64 {
        self.app.database.number(query).await
    }

    /// How many claims have their FINAL verdict.
    async fn finals(&self) -> i64 {
        self.number("SELECT count(*) FROM reconciliation_logs WHERE finality = 'FINAL'")
            .await
    }
}

/// A running `countersign serve`.
struct Node {
    child: Child,
    url: String,
}

impl Node {
    /// Starts the server and waits until it is ready.
    async fn start(place: &Place) -> Self {
        let path = place.folder.path().join("log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        let mut command = place.command(&["serve", "--listen", &place.address]);
        let child = command.stderr(log).spawn().unwrap();
        let mut node = Self {
            child,
            url: format!("http://{}", place.address),
        };
        node.ready().await.unwrap_or_else(|problem| {
            let log = std::fs::read_to_string(&path).unwrap();
            panic!("{problem}\n{log}");
        });
        node
    }

    async fn ready(&mut self) -> Result<(), String> {
        let http = reqwest::Client::new();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Err(format!("the server ended by itself: {status}"));
            }
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err("the server is not ready".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends it as a loss of power would.
    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end.
    fn terminate(&self) {
        let pid = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    }

    /// Waits until it has ended, and gives its exit code; none where a signal ended it.
    async fn ended(mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait())
            .await
            .expect("the server did not end")
            .unwrap()
            .code()
    }

    /// Asks it to end, which it must do in order.
    async fn stop(self) {
        self.terminate();
        assert_eq!(self.ended().await, Some(0));
    }
}

/// A claim to be submitted.
#[derive(Debug, Clone)]
struct Claim {
    url: String,
    views: u64,
}

/// Who submits, and where.
#[derive(Debug, Clone)]
struct Submitter {
    http: reqwest::Client,
    url: String,
    token: String,
    campaign: String,
}

impl Submitter {
    fn new(node: &Node, token: Option<&String>, campaign: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                .timeout(PATIENCE)
                .build()
                .unwrap(),
            url: format!("{}/graphql", node.url),
            token: token.unwrap().clone(),
            campaign: campaign.to_owned(),
        }
    }

    /// Submits a claim and gives the id of its post; none where it was not acknowledged. The same claim again is the same
    /// submission.
    async fn submit(&self, claim: &Claim) -> Option<String> {
        let query = "mutation($input: SubmitPostInput!) { submitPost(input: $input) { post { id } userErrors { code } } }";
        let input = json!({
            "campaignId": self.campaign,
            "url": claim.url,
            "claimedViews": claim.views,
            "idempotencyKey": claim.url,
        });
        let answer = self
            .http
            .post(&self.url)
            .bearer_auth(&self.token)
            .json(&json!({ "query": query, "variables": { "input": input } }))
            .send()
            .await
            .ok()?;
        let answer: Value = answer.json().await.ok()?;
        let payload = &answer["data"]["submitPost"];
        if payload.is_null() {
            return None;
        }
        assert_eq!(payload["userErrors"], json!([]), "{answer}");
        payload["post"]["id"].as_str().map(str::to_owned)
    }
}
