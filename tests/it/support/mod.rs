//! A running Countersign for one test: its own database, its own played platforms, its own server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    dead_code,
    reason = "a test fails by panicking, and not every test needs every helper"
)]

mod client;
mod database;
mod receiver;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::DateTime;
use countersign::app::App;
use countersign::config::Config;
use countersign::db;
use countersign::domain::{account, task};
use countersign::jobs::{Worker, WorkerOptions};
use countersign::model::PlatformKind;
use countersign::server::{Process, listen};
use countersign::simulator::{Simulator, World};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[allow(unused_imports, reason = "not every test needs every helper")]
pub use client::{Client, Events};
pub use database::Database;
#[allow(unused_imports, reason = "not every test needs every helper")]
pub use receiver::{Received, Receiver};

/// How long something that is bound to happen may take before the test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a condition holds.
pub async fn until<F: Future<Output = bool>>(what: &str, condition: impl Fn() -> F) {
    assert!(comes_true(condition).await, "waited in vain until {what}");
}

/// Waits until a condition holds, and says whether it did within [`PATIENCE`].
async fn comes_true<F: Future<Output = bool>>(condition: impl Fn() -> F) -> bool {
    let begun = Instant::now();
    while !condition().await {
        if begun.elapsed() >= PATIENCE {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Party {
    /// Global id.
    pub id: String,
    /// Name.
    pub name: String,
    /// First API key.
    pub api_key: String,
    /// Signed in.
    pub client: Client,
}

/// A running Countersign.
pub struct TestApp {
    pub app: App,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// The played platforms.
    pub world: Arc<World>,
    pub database: Database,
    /// Where its keys lie.
    pub data_dir: PathBuf,
    /// Signed in as an operator.
    pub operator: Client,
    process: Arc<Process>,
    simulator: Simulator,
    stop: CancellationToken,
    server: tokio::task::JoinHandle<()>,
    worker: Option<Worker>,
}

impl TestApp {
    /// A server without a worker: jobs wait until [`TestApp::start_worker`]. Figures do not grow by themselves.
    pub async fn start() -> Self {
        Self::with_world(World::new(7).with_frozen_growth()).await
    }

    /// A server with a worker.
    pub async fn working() -> Self {
        let mut app = Self::start().await;
        app.start_worker();
        app
    }

    /// A server with a worker, on which channels for alerts may be on this machine.
    pub async fn with_local_channels() -> Self {
        let setting = (
            "COUNTERSIGN_ALERT_CHANNELS_ALLOW_PRIVATE",
            "true".to_owned(),
        );
        let world = World::new(7).with_frozen_growth();
        let mut app = Self::with_settings(world, &[setting]).await;
        app.start_worker();
        app
    }

    /// A server before these platforms.
    pub async fn with_world(world: World) -> Self {
        Self::with_settings(world, &[]).await
    }

    /// A server before these platforms, with these variables in its environment besides.
    pub async fn with_settings(world: World, settings: &[(&str, String)]) -> Self {
        Self::set_up(world, settings, |_| {}).await
    }

    /// A server, without a worker, that has no settings of this platform.
    pub async fn without(platform: PlatformKind) -> Self {
        let world = World::new(7).with_frozen_growth();
        Self::set_up(world, &[], |config| {
            config.platforms.retain(|(kind, _)| *kind != platform);
        })
        .await
    }

    /// A server before these platforms, without a worker, that has no access of its own to one of them.
    pub async fn without_access(world: World, platform: PlatformKind) -> Self {
        Self::set_up(world, &[], |config| {
            let of_it = config.platforms.iter_mut();
            for (_, setting) in of_it.filter(|(kind, _)| *kind == platform) {
                setting.client_id = None;
                setting.client_secret = None;
                setting.access_token = None;
                setting.account_id = None;
            }
        })
        .await
    }

    /// A server before these platforms, with these variables in its environment and its settings changed besides.
    pub async fn set_up(
        world: World,
        settings: &[(&str, String)],
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let world = Arc::new(world);
        let simulator = Simulator::start_with(Arc::clone(&world), ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let database = Database::create().await;
        let mut config = config(&database, &simulator, settings);
        change(&mut config);
        let data_dir = config.data_dir.clone();
        let process = Arc::new(Process::open(config).await.unwrap());
        let app = process.app.clone();
        let listener = listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        let (serving, stopped) = (Arc::clone(&process), stop.clone());
        let server = tokio::spawn(async move { serving.serve(listener, stopped).await.unwrap() });
        let key = account::create_operator(&app).await.unwrap();
        let operator = Client::sign_in(&url, key.text.expose()).await;
        Self {
            app,
            url,
            world,
            database,
            data_dir,
            operator,
            process,
            simulator,
            stop,
            server,
            worker: None,
        }
    }

    /// Starts taking jobs.
    pub fn start_worker(&mut self) {
        assert!(self.worker.is_none(), "there is a worker already");
        self.worker = Some(Worker::start(&self.app, WorkerOptions::default()));
    }

    /// Takes no more jobs.
    pub async fn stop_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            worker.stop().await;
        }
    }

    /// Creates an advertiser and signs in as it.
    pub async fn advertiser(&self, name: &str) -> Party {
        let data = self
            .operator
            .ok(
                "mutation($input: CreateAdvertiserInput!) { createAdvertiser(input: $input) \
                 { advertiser { id } apiKey userErrors { message } } }",
                json!({ "input": { "name": name } }),
            )
            .await;
        self.party(name, &data["createAdvertiser"], "advertiser")
            .await
    }

    /// Creates an affiliate and signs in as it.
    pub async fn affiliate(&self, name: &str) -> Party {
        let data = self
            .operator
            .ok(
                "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) \
                 { affiliate { id } apiKey userErrors { message } } }",
                json!({ "input": { "name": name } }),
            )
            .await;
        self.party(name, &data["createAffiliate"], "affiliate")
            .await
    }

    async fn party(&self, name: &str, payload: &Value, object: &str) -> Party {
        assert_eq!(payload["userErrors"], json!([]), "{payload}");
        let api_key = payload["apiKey"].as_str().unwrap().to_owned();
        Party {
            id: payload[object]["id"].as_str().unwrap().to_owned(),
            name: name.to_owned(),
            client: Client::sign_in(&self.url, &api_key).await,
            api_key,
        }
    }

    /// Makes the affiliate eligible, lets it apply, and approves it as the advertiser.
    pub async fn approve(&self, advertiser: &Party, affiliate: &Party) {
        self.make_eligible(advertiser, affiliate).await;
        let data = affiliate
            .client
            .ok(
                "mutation($input: ApplyToAdvertiserInput!) { applyToAdvertiser(input: $input) \
                 { application { id } userErrors { message } } }",
                json!({ "input": { "advertiserId": advertiser.id } }),
            )
            .await;
        let application = &data["applyToAdvertiser"]["application"]["id"];
        assert!(application.is_string(), "{data}");
        let data = advertiser
            .client
            .post(
                "mutation($input: DecideApplicationInput!) { decideApplication(input: $input) \
                 { application { status } userErrors { code } } }",
                json!({ "input": { "applicationId": application, "approve": true } }),
            )
            .await;
        // The queued job may have been faster, with the same decision.
        let payload = &data["data"]["decideApplication"];
        assert!(
            payload["application"]["status"] == "APPROVED"
                || payload["userErrors"][0]["code"] == "ALREADY_DECIDED",
            "{data}"
        );
    }

    /// Makes the affiliate eligible for the advertiser.
    pub async fn make_eligible(&self, advertiser: &Party, affiliate: &Party) {
        self.operator
            .ok(
                "mutation($input: SetEligibilityInput!) { setEligibility(input: $input) { userErrors { message } } }",
                json!({ "input": {
                    "advertiserId": advertiser.id, "affiliateIds": [affiliate.id], "eligible": true } }),
            )
            .await;
    }

    /// Creates a campaign and gives its id.
    pub async fn campaign(&self, advertiser: &Party, platforms: &[&str], policy: Value) -> String {
        let data = advertiser
            .client
            .ok(
                "mutation($input: CreateCampaignInput!) { createCampaign(input: $input) \
                 { campaign { id } userErrors { code message field } } }",
                json!({ "input": { "name": "A campaign", "platforms": platforms, "policy": policy } }),
            )
            .await;
        data["createCampaign"]["campaign"]["id"]
            .as_str()
            .unwrap_or_else(|| panic!("{data}"))
            .to_owned()
    }

    /// An advertiser, an approved affiliate of it, and a campaign on these platforms without a lag.
    pub async fn program(&self, platforms: &[&str]) -> (Party, Party, String) {
        let advertiser = self.advertiser("Acme").await;
        let affiliate = self.affiliate("Ann").await;
        self.approve(&advertiser, &affiliate).await;
        let campaign = self
            .campaign(&advertiser, platforms, json!({ "lagWindowHours": 0 }))
            .await;
        (advertiser, affiliate, campaign)
    }

    /// Waits until no job is due or being worked on.
    pub async fn settled(&self) {
        let is_settled = comes_true(async || {
            let mut connection = self.app.db.get().await.unwrap();
            db::queue::count_unfinished(&mut connection).await.unwrap() == 0
        });
        assert!(
            is_settled.await,
            "jobs are still due or running: {}",
            self.queue().await
        );
    }

    /// What is in the queue, and who takes from it, for whoever has to find out why something is.
    async fn queue(&self) -> String {
        let rows = "SELECT concat_ws(E'\n', \
                countersign_now()::text, \
                (SELECT string_agg(to_jsonb(m)::text, E'\n') FROM mq_msgs m), \
                (SELECT string_agg('worker ' || to_jsonb(w)::text, E'\n') FROM queue_workers w))";
        self.database.text(rows).await
    }

    /// Moves the time of rules and queue, and everybody's clock in this process.
    pub async fn move_clock(&self, hours: i64) {
        self.move_clock_by(&format!("{hours} hours")).await;
    }

    /// Moves the time by an interval as PostgreSQL writes it, and has jobs looked for that are due now: the worker would look
    /// within a second.
    pub async fn move_clock_by(&self, interval: &str) {
        // The process is never behind the database: what is due by the one would be early by the other.
        let mut database = self.database.connect().await;
        let transaction = database.transaction().await.unwrap();
        transaction
            .batch_execute(&format!(
                "CREATE OR REPLACE FUNCTION countersign_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE \
                 AS $$ SELECT now() + interval '{interval}' $$"
            ))
            .await
            .unwrap();
        let now = "SELECT (extract(epoch FROM countersign_now()) * 1000000)::bigint";
        let now: i64 = transaction.query_one(now, &[]).await.unwrap().get(0);
        self.app
            .clock
            .set(DateTime::from_timestamp_micros(now).unwrap());
        transaction.commit().await.unwrap();
        self.app.clock.synchronise(&self.app.db).await.unwrap();
        let mut channels = vec![
            task::APPLICATIONS,
            task::RUNS,
            task::DISCORD,
            task::DELIVERIES,
        ];
        for kind in PlatformKind::ALL {
            channels.push(task::reconcile_channel(*kind));
        }
        let mut connection = self.app.db.get().await.unwrap();
        db::queue::notify(&mut connection, &channels, false)
            .await
            .unwrap();
    }

    /// Ends the test: no job that is due may be left, and none may have died.
    pub async fn finish(mut self) {
        if self.worker.is_some() {
            self.settled().await;
        }
        self.stop_worker().await;
        let mut connection = self.app.db.get().await.unwrap();
        let unfinished = db::queue::count_unfinished(&mut connection).await.unwrap();
        assert_eq!(unfinished, 0, "jobs are left in the queue");
        let dead = db::queue::list_dead(&mut connection).await.unwrap();
        assert!(dead.is_empty(), "jobs died: {dead:?}");
        drop(connection);
        self.abandon().await;
    }

    /// Ends a test that leaves jobs on purpose.
    pub async fn abandon(mut self) {
        self.stop_worker().await;
        self.stop.cancel();
        self.server.await.unwrap();
        let process = Arc::into_inner(self.process).unwrap();
        process.close().await.unwrap();
        self.simulator.stop().await.unwrap();
        self.database.drop_it().await;
        std::fs::remove_dir_all(&self.data_dir).unwrap();
    }
}

/// The settings of a program before the played platforms, with these variables besides.
fn config(database: &Database, simulator: &Simulator, settings: &[(&str, String)]) -> Config {
    let data = tempfile::tempdir().unwrap().keep();
    let mut variables = simulator.environment();
    for (name, value) in settings {
        variables.push(((*name).into(), value.clone()));
    }
    variables.push(("DATABASE_URL".into(), database.url.clone()));
    variables.push(("COUNTERSIGN_DATA_DIR".into(), data.display().to_string()));
    Config::read(&|name| {
        variables
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    })
    .unwrap()
}
