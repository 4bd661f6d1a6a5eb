//! Puts a process together and takes it apart again: database, keys, platforms, worker, doors.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::{Clock, SYNCHRONISE_EVERY};
use crate::config::Config;
use crate::crypto::SigningKey;
use crate::db::{Pool, migrate};
use crate::domain::feed::AlertFeed;
use crate::domain::platform;
use crate::domain::sign_ins::SignIns;
use crate::domain::token::Tokens;
use crate::domain::verdict_feed::VerdictFeed;
use crate::embedded::{EmbeddedConfig, EmbeddedPostgres, running_url};
use crate::events::Events;
use crate::graphql::Feeds;
use crate::http::transport::{AllowedOrigins, Settings};
use crate::http::{Acceptor, Readiness, routes};
use crate::jobs::{self, Worker, WorkerOptions};
use crate::platform::{Callbacks, Discord, Platforms};
use crate::vault::Vault;

/// How long requests and sockets may take to end when the server is stopped.
const DRAIN: Duration = Duration::from_secs(10);

/// A process that has its database.
#[derive(Debug)]
pub struct Process {
    /// The shared parts.
    pub app: App,
    /// The settings.
    pub config: Config,
    embedded: Option<EmbeddedPostgres>,
    background: CancellationToken,
}

impl Process {
    /// Finds or starts the database, brings it up to date, and makes the shared parts.
    ///
    /// # Errors
    /// The database, the keys or a platform cannot be set up; the error says what to do.
    pub async fn open(config: Config) -> anyhow::Result<Self> {
        let (url, embedded) = match &config.database_url {
            Some(url) => (url.expose().to_owned(), None),
            None => {
                let private = EmbeddedConfig {
                    data_dir: config.data_dir.clone(),
                };
                let postgres = EmbeddedPostgres::start(&private).await?;
                (postgres.database_url().to_owned(), Some(postgres))
            }
        };
        match Self::with_database(config, &url).await {
            Ok((app, config, background)) => Ok(Self {
                app,
                config,
                embedded,
                background,
            }),
            Err(error) => {
                if let Some(postgres) = embedded {
                    postgres.stop().await?;
                }
                Err(error)
            }
        }
    }

    /// As [`Process::open`], for commands that may run beside a server: joins its private database, or starts it for this
    /// command.
    ///
    /// # Errors
    /// As [`Process::open`].
    pub async fn join(config: Config) -> anyhow::Result<Self> {
        if config.database_url.is_some() {
            return Self::open(config).await;
        }
        let private = EmbeddedConfig {
            data_dir: config.data_dir.clone(),
        };
        if running_url(&private).is_none() {
            tracing::info!(
                "no running server was found: starting its private database for this command"
            );
        }
        Self::open(config).await
    }

    async fn with_database(
        config: Config,
        url: &str,
    ) -> anyhow::Result<(App, Config, CancellationToken)> {
        let named = || match config.database_url {
            Some(_) => "DATABASE_URL",
            None => "the private database",
        };
        let db = Pool::new(url, config.database_connections).context(named())?;
        for version in migrate::run(&db).await.context(named())? {
            tracing::info!(version, "migrated");
        }
        let clock = Clock::default();
        clock.synchronise(&db).await?;
        let key = match &config.tokens.private_key {
            Some(pem) => SigningKey::from_pem(pem).context("COUNTERSIGN_TOKEN_PRIVATE_KEY")?,
            None => SigningKey::load_or_create(&config.data_dir.join("token-key.pem"))?,
        };
        let vault = match &config.encryption_keys {
            Some(keys) => Vault::parse(keys).context("COUNTERSIGN_ENCRYPTION_KEYS")?,
            None => Vault::load_or_create(&config.data_dir.join("encryption-key"))?,
        };
        let app = App {
            db,
            platforms: Platforms::new(config.platforms.iter().cloned())?,
            discord: config
                .discord
                .as_ref()
                .map(Discord::new)
                .transpose()?
                .map(Arc::new),
            callbacks: Callbacks::new(config.alert_channels_allow_private),
            clock,
            tokens: Arc::new(Tokens::new(&key, config.tokens.clone())?),
            sign_ins: SignIns::default(),
            vault: Arc::new(vault),
            events: Events::default(),
        };
        platform::refresh(&app).await?;
        let background = CancellationToken::new();
        tokio::spawn(jobs::relay(app.clone(), background.clone()));
        tokio::spawn(keep_time(app.clone(), background.clone()));
        tokio::spawn(platform::follow(app.clone(), background.clone()));
        Ok((app, config, background))
    }

    /// Serves until `stop`, then ends what was begun and closes the sockets.
    ///
    /// # Errors
    /// The address cannot be listened on, or the database failed at the start.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let feed = AlertFeed::default();
        let reader = feed.start(&self.app, self.background.clone()).await?;
        let verdicts = VerdictFeed::default();
        let verdict_reader = verdicts.start(&self.app, self.background.clone()).await?;
        let readiness = Readiness::default();
        let settings = Settings {
            origins: AllowedOrigins::new(self.config.allowed_origins.iter()),
            ..Settings::default()
        };
        let sockets = settings.sockets.clone();
        let feeds = Feeds {
            alerts: feed,
            verdicts,
        };
        let endpoint = routes(&self.app, feeds, readiness.clone(), settings);
        let acceptor = Acceptor::new(listener)?;
        let closing = sockets.clone();
        poem::Server::new_with_acceptor(acceptor)
            .idle_timeout(Duration::from_secs(75))
            .run_with_graceful_shutdown(
                endpoint,
                async move {
                    stop.cancelled().await;
                    readiness.drain();
                    closing.shut_down();
                },
                Some(DRAIN),
            )
            .await?;
        if tokio::time::timeout(DRAIN, sockets.closed()).await.is_err() {
            tracing::warn!("some sockets did not close in time");
        }
        reader.abort();
        verdict_reader.abort();
        Ok(())
    }

    /// Takes jobs until `stop`, then ends those that run and gives the others back.
    pub async fn work(&self, stop: CancellationToken) {
        let worker = Worker::start(&self.app, WorkerOptions::default());
        stop.cancelled().await;
        worker.stop().await;
    }

    /// Ends the process's part in the database; the private one is stopped if this process started it.
    ///
    /// # Errors
    /// The private database cannot be stopped.
    pub async fn close(self) -> anyhow::Result<()> {
        self.background.cancel();
        if let Some(postgres) = self.embedded {
            postgres.stop().await?;
        }
        Ok(())
    }
}

/// Listens on an address.
///
/// # Errors
/// It is taken or not this machine's.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))
}

async fn keep_time(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SYNCHRONISE_EVERY) => {}
        }
        if let Err(error) = app.clock.synchronise(&app.db).await {
            tracing::debug!(%error, "the database's time was not read");
        }
    }
}
