//! What every measure finds: a PostgreSQL, the played platforms, and a template with everybody who takes part.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use countersign::simulator::{INSTAGRAM_HANDLE, META_PAGE, Platform, Simulator, World};
use serde_json::json;
use tempfile::TempDir;

use super::api::{Caller, text};
use super::pgbench::Pgbench;
use super::postgres::{Database, Postgres, connect};
use super::program::{Environment, Server, output};
use super::report::Facts;

/// Clients that submit, each an affiliate of its own.
pub const CLIENTS: usize = 64;
/// Affiliates whose posts are drained: prime, so that neighbours among the jobs are not neighbours here.
pub const DRAINED: i64 = 997;
/// Posts of the simulator's own account, and as many of its page.
pub const MEDIA: i64 = 300;

/// Everything that is there before the first measure.
pub struct Stage {
    /// The server and its databases.
    pub postgres: Postgres,
    /// The reference.
    pub pgbench: Pgbench,
    /// Accounts and a campaign, and no post.
    pub template: Database,
    /// Who takes part.
    pub people: People,
    /// Where logs and results go: `bench` in Cargo's target folder.
    pub results: PathBuf,
    /// Links of the simulator's own account on Instagram with their views, by place.
    pub media: Vec<(String, i64)>,
    simulator: Simulator,
    facts: Facts,
    folder: TempDir,
}

/// Who takes part; the same rows in every copy of the template.
#[derive(Debug, Clone, Default)]
pub struct People {
    /// Access tokens of the affiliates that submit, as many as there are clients. They hold for an hour.
    pub submitters: Vec<String>,
    /// The advertiser's access token.
    pub advertiser: String,
    /// The campaign's global id.
    pub campaign: String,
    /// The campaign's row.
    pub campaign_id: i64,
    /// The row of the policy in force.
    pub policy_id: i64,
    /// The rows of the affiliates that submit: from the first to the last.
    pub submitter_ids: (i64, i64),
    /// The first row of the affiliates whose posts are drained; the others follow it.
    pub first_drained_id: i64,
}

/// Cargo's target folder has one for what tests and benchmarks leave; results lie beside it.
fn results_folder() -> anyhow::Result<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .context("Cargo's target folder has no parent")?
        .join("bench");
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

impl Stage {
    /// Sets it.
    pub async fn open() -> anyhow::Result<Self> {
        let pgbench = Pgbench::find().await?;
        let results = results_folder()?;
        let base =
            std::env::var_os("BENCH_DATA_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let folder = tempfile::Builder::new()
            .prefix("countersign-bench-")
            // PostgreSQL does not run as root; its user must get in where this program does.
            .permissions(Permissions::from_mode(0o755))
            .tempdir_in(&base)
            .with_context(|| format!("cannot make a folder in {}", base.display()))?;
        let world = Arc::new(World::of_today(7).with_frozen_growth());
        let simulator = Simulator::start_with(world, ([127, 0, 0, 1], 0).into()).await?;
        println!("Starting PostgreSQL and filling a template …");
        let postgres = Postgres::start(folder.path()).await?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut facts = vec![("processors".to_owned(), cores.to_string())];
        facts.extend(
            postgres
                .facts
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone())),
        );
        let template = match postgres.create().await {
            Ok(template) => template,
            Err(error) => {
                postgres.stop().await?;
                return Err(error);
            }
        };
        let mut this = Self {
            postgres,
            pgbench,
            template,
            people: People::default(),
            results,
            media: Vec::new(),
            simulator,
            facts,
            folder,
        };
        match this.fill().await {
            Ok(()) => Ok(this),
            Err(error) => {
                this.close().await?;
                Err(error)
            }
        }
    }

    /// Ends it; nothing is left but the results.
    pub async fn close(self) -> anyhow::Result<()> {
        let stopped = self.postgres.stop().await;
        self.simulator.stop().await?;
        stopped?;
        self.folder.close()?;
        Ok(())
    }

    /// What is to be told beside the results.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The environment of a process on a database, before the played platforms.
    pub fn environment(&self, database: &Database) -> Environment {
        let node = self.folder.path().join("node").display().to_string();
        let mut environment = self.simulator.environment();
        for (name, value) in [
            ("DATABASE_URL", database.url.clone()),
            ("COUNTERSIGN_DATA_DIR", node),
            ("COUNTERSIGN_TOKEN_ACCESS_SECONDS", "3600".to_owned()),
        ] {
            environment.push((name.to_owned(), value));
        }
        environment
    }

    async fn fill(&mut self) -> anyhow::Result<()> {
        let environment = self.environment(&self.template);
        let server = Server::start(&environment, false, &self.results).await?;
        let key = output(&environment, &["admin", "create-key", "--role", "operator"]).await?;
        let mut operator = Caller::sign_in(server.address, &key).await?;
        let created = operator
            .run("CreateAdvertiser", "apiKey", &json!({ "name": "Acme" }))
            .await?;
        let mut advertiser = Caller::sign_in(server.address, &text(&created["apiKey"])?).await?;
        self.people.advertiser = advertiser.token()?;
        let created = advertiser
            .run(
                "CreateCampaign",
                "campaign { id }",
                &json!({
                    "name": "A campaign",
                    "platforms": ["REDDIT", "INSTAGRAM", "META"],
                    "policy": { "lagWindowHours": 0 },
                }),
            )
            .await?;
        self.people.campaign = text(&created["campaign"]["id"])?;
        for number in 1..=CLIENTS {
            let name = format!("Submitter {number}");
            let created = operator
                .run("CreateAffiliate", "apiKey", &json!({ "name": name }))
                .await?;
            let affiliate = Caller::sign_in(server.address, &text(&created["apiKey"])?).await?;
            self.people.submitters.push(affiliate.token()?);
        }
        server.stop().await?;
        self.fill_rows().await
    }

    /// What the API would take long for: approvals, and affiliates that never sign in.
    async fn fill_rows(&mut self) -> anyhow::Result<()> {
        let client = connect(&self.template.url).await?;
        client
            .batch_execute(&format!(
                "INSERT INTO eligibility (advertiser_id, affiliate_id) \
                 SELECT v.id, a.id FROM advertisers v, affiliates a; \
                 INSERT INTO applications (advertiser_id, affiliate_id, status, decided_at) \
                 SELECT v.id, a.id, 'APPROVED', countersign_now() FROM advertisers v, affiliates a; \
                 INSERT INTO affiliates (name) SELECT 'Drained ' || i FROM generate_series(1, {DRAINED}) i; \
                 CREATE TABLE bench_media (platform text, place bigint, native_id text NOT NULL, \
                 views bigint NOT NULL, PRIMARY KEY (platform, place))"
            ))
            .await?;
        let row = client
            .query_one(
                "SELECT (SELECT id FROM campaigns), (SELECT id FROM policies), min(s.id), max(s.id), count(s.id), \
                 (SELECT min(d.id) FROM affiliates d WHERE d.name LIKE 'Drained %'), \
                 (SELECT max(d.id) FROM affiliates d WHERE d.name LIKE 'Drained %') \
                 FROM affiliates s WHERE s.name LIKE 'Submitter %'",
                &[],
            )
            .await?;
        let people = &mut self.people;
        people.campaign_id = row.try_get(0)?;
        people.policy_id = row.try_get(1)?;
        people.submitter_ids = (row.try_get(2)?, row.try_get(3)?);
        people.first_drained_id = row.try_get(5)?;
        let submitters: i64 = row.try_get(4)?;
        let last_drained: i64 = row.try_get(6)?;
        ensure!(
            people.submitter_ids.1 - people.submitter_ids.0 + 1 == submitters
                && last_drained - people.first_drained_id + 1 == DRAINED,
            "the affiliates' ids have gaps"
        );

        let world = self.simulator.world();
        for (platform, account) in [
            (Platform::Instagram, INSTAGRAM_HANDLE.to_owned()),
            (Platform::Meta, META_PAGE.to_string()),
        ] {
            let count = u64::try_from(MEDIA)?;
            let posts = world.posts(platform, 0, count, Some(&account));
            let mut ids = Vec::new();
            let mut views = Vec::new();
            for post in posts {
                let (figures, _) = world
                    .figures(platform, &post.native_id, None)
                    .context("a listed post has no figures")?;
                let seen = i64::try_from(figures.views)?;
                if platform == Platform::Instagram {
                    self.media.push((post.url, seen));
                }
                ids.push(post.native_id);
                views.push(seen);
            }
            let written = client
                .execute(
                    "INSERT INTO bench_media SELECT $1::text, m.place - 1, m.native_id, m.views \
                     FROM unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS m (native_id, views, place)",
                    &[&platform.as_str().to_ascii_uppercase(), &ids, &views],
                )
                .await?;
            ensure!(
                written == count,
                "the simulator has only {written} posts of its own"
            );
        }
        client.batch_execute("ANALYZE").await?;
        Ok(())
    }
}
