//! The PostgreSQL of this run, and a database for each round.
//!
//! Rounds start from a copy of the same template, so that the tables of a later one are no larger than those of an
//! earlier one, and neither side works on what the other left behind.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use countersign::embedded::{EmbeddedConfig, EmbeddedPostgres};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

/// Connections that a round may need: 64 of pgbench, and some to look on.
const CONNECTIONS: i64 = 80;

/// A server.
pub struct Postgres {
    maintenance: String,
    embedded: Option<EmbeddedPostgres>,
    made: AtomicU32,
    /// What is told of it in the report.
    pub facts: Vec<(&'static str, String)>,
}

/// A database.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where it is.
    pub url: String,
    name: String,
}

/// Connects; the connection ends with the client.
pub async fn connect(url: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .context("cannot connect to PostgreSQL")?;
    tokio::spawn(connection);
    Ok(client)
}

impl Postgres {
    /// Starts a server with its data under `folder`, or takes the one that `BENCH_DATABASE_URL` names.
    pub async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut facts = Vec::new();
        let (maintenance, embedded) = match std::env::var("BENCH_DATABASE_URL") {
            Ok(url) if !url.is_empty() => (url, None),
            _ => {
                let micros = sync_micros(folder)?;
                facts.push(("sync of 8 KiB", format!("{micros} µs")));
                let config = EmbeddedConfig {
                    data_dir: folder.join("database"),
                };
                let postgres = EmbeddedPostgres::start(&config).await?;
                (postgres.database_url().to_owned(), Some(postgres))
            }
        };
        let mut this = Self {
            maintenance,
            embedded,
            made: AtomicU32::new(0),
            facts,
        };
        match this.check().await {
            Ok(()) => Ok(this),
            Err(error) => {
                this.stop().await?;
                Err(error)
            }
        }
    }

    /// A server that does not sync, or is elsewhere, would make every figure another one.
    async fn check(&mut self) -> anyhow::Result<()> {
        let config: tokio_postgres::Config = self
            .maintenance
            .parse()
            .context("BENCH_DATABASE_URL cannot be read")?;
        let here = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
            Host::Unix(_) => true,
        });
        ensure!(
            here,
            "BENCH_DATABASE_URL names another machine; the network is not what is measured"
        );
        let client = connect(&self.maintenance).await?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let value = show(&client, setting).await?;
            ensure!(value != "off", "{setting} is off: nothing would be durable");
            self.facts.push((setting, value));
        }
        let connections: i64 = show(&client, "max_connections").await?.parse()?;
        ensure!(
            connections >= CONNECTIONS,
            "max_connections is {connections}, and {CONNECTIONS} are needed"
        );
        self.facts
            .push(("PostgreSQL", show(&client, "server_version").await?));
        self.facts
            .push(("shared_buffers", show(&client, "shared_buffers").await?));
        Ok(())
    }

    /// An empty database.
    pub async fn create(&self) -> anyhow::Result<Database> {
        self.create_from("template0").await
    }

    /// A copy of a database, whose sessions are ended. All of it is on the disk when this returns, so that no round
    /// pays for the one before.
    pub async fn copy(&self, of: &Database) -> anyhow::Result<Database> {
        let copy = self.create_from(&of.name).await?;
        let client = connect(&copy.url).await?;
        client.batch_execute("CHECKPOINT").await?;
        Ok(copy)
    }

    async fn create_from(&self, template: &str) -> anyhow::Result<Database> {
        let client = connect(&self.maintenance).await?;
        end_sessions(&client, template).await?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("countersign_bench_{}_{number}", std::process::id());
        client
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}"))
            .await
            .with_context(|| format!("cannot copy the database {template}"))?;
        Ok(Database {
            url: with_database(&self.maintenance, &name)?,
            name,
        })
    }

    /// Drops a database, whoever is still connected.
    pub async fn remove(&self, database: Database) -> anyhow::Result<()> {
        let client = connect(&self.maintenance).await?;
        let name = database.name;
        client
            .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .await
            .with_context(|| format!("cannot drop the database {name}"))
    }

    /// Removes what was made, and stops a server that this run started.
    pub async fn stop(self) -> anyhow::Result<()> {
        if let Some(embedded) = self.embedded {
            return Ok(embedded.stop().await?);
        }
        let client = connect(&self.maintenance).await?;
        for number in 0..self.made.load(Ordering::Relaxed) {
            let name = format!("countersign_bench_{}_{number}", std::process::id());
            client
                .batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
                .await?;
        }
        Ok(())
    }
}

async fn show(client: &Client, setting: &str) -> anyhow::Result<String> {
    let row = client
        .query_one("SELECT current_setting($1)", &[&setting])
        .await?;
    Ok(row.try_get(0)?)
}

/// A database is copied only while nobody is connected to it, and a session takes a moment to end.
async fn end_sessions(client: &Client, name: &str) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let left = client
            .query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1",
                &[&name],
            )
            .await?;
        if left.is_empty() {
            return Ok(());
        }
        if begun.elapsed() > Duration::from_secs(10) {
            bail!("somebody stays connected to the database {name}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The same server's URL with another database. The path of the URL is the database.
fn with_database(url: &str, name: &str) -> anyhow::Result<String> {
    let (front, query) = match url.split_once('?') {
        Some((front, query)) => (front, format!("?{query}")),
        None => (url, String::new()),
    };
    let (server, _) = front
        .rsplit_once('/')
        .context("the database's URL has no path")?;
    Ok(format!("{server}/{name}{query}"))
}

/// How long the disk under `folder` takes to keep 8 KiB, in microseconds, the median of 100: the price of a commit.
fn sync_micros(folder: &Path) -> anyhow::Result<u128> {
    let path = folder.join("sync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(100);
    for _ in 0..100 {
        let begun = Instant::now();
        file.write_all(&[7; 8192])?;
        file.sync_data()?;
        times.push(begun.elapsed().as_micros());
    }
    std::fs::remove_file(&path)?;
    times.sort_unstable();
    Ok(times[times.len() / 2])
}
