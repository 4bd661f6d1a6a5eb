//! Connections to PostgreSQL.
//!
//! A connection that was lost is replaced when the next one is asked for. Asking waits for a bounded time and then fails:
//! a database that does not answer makes requests fail with UNAVAILABLE, it does not pile them up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::deadpool::managed::Metrics;
use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl as _};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::NoTls;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long asking for a connection may take.
const WAIT: Duration = Duration::from_secs(5);

/// How long a connection may lie unused before it is tried when it is taken up again.
const REST: Duration = Duration::from_millis(500);

/// The database could not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be reached: {0}")]
pub struct PoolError(String);

/// A pool of connections to one database.
#[derive(Clone)]
pub struct Pool {
    inner: deadpool::Pool<AsyncPgConnection>,
    url: String,
    statements: Arc<AtomicU64>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL may carry a password.
        f.debug_struct("Pool")
            .field("status", &self.inner.status())
            .finish_non_exhaustive()
    }
}

/// A connection out of the pool; it goes back when dropped.
pub type Pooled = deadpool::Object<AsyncPgConnection>;

impl Pool {
    /// A pool of at most `size` connections, made when they are first needed.
    ///
    /// # Errors
    /// The URL is not one of PostgreSQL.
    pub fn new(url: &str, size: usize) -> Result<Self, PoolError> {
        let statements: Arc<AtomicU64> = Arc::default();
        let counter = Arc::clone(&statements);
        let mut config = ManagerConfig::default();
        config.custom_setup = Box::new(move |url| {
            let counter = Arc::clone(&counter);
            async move {
                let mut connection = establish(url).await?;
                connection.set_instrumentation(Counter(counter));
                Ok(connection)
            }
            .boxed()
        });
        config.recycling_method = RecyclingMethod::Fast;
        let manager =
            AsyncDieselConnectionManager::<AsyncPgConnection>::new_with_config(url, config);
        let counter = Arc::clone(&statements);
        let check = deadpool::Hook::async_fn(move |connection, metrics| {
            check_after_rest(connection, metrics, Arc::clone(&counter))
        });
        let inner = deadpool::Pool::builder(manager)
            .max_size(size)
            .pre_recycle(check)
            .build()
            .map_err(|error| PoolError(error.to_string()))?;
        Ok(Self {
            inner,
            url: url.to_owned(),
            statements,
        })
    }

    /// How many statements the connections of the pool have run, not counting those that begin and end transactions and those
    /// that find out whether a connection still works.
    #[must_use]
    pub fn statements(&self) -> u64 {
        AtomicU64::load(&self.statements, Ordering::Relaxed)
    }

    /// A connection.
    ///
    /// # Errors
    /// The database cannot be reached, or every connection stayed in use for 5 seconds.
    pub async fn get(&self) -> Result<Pooled, PoolError> {
        match tokio::time::timeout(WAIT, self.inner.get()).await {
            Ok(connection) => connection.map_err(|error| PoolError(error.to_string())),
            Err(_) => Err(PoolError(format!(
                "no connection within {} s",
                WAIT.as_secs()
            ))),
        }
    }

    /// A connection of one's own, outside the pool, for migrations and for locks that last as long as it does.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn dedicated(&self) -> Result<AsyncPgConnection, PoolError> {
        establish(&self.url)
            .await
            .map_err(|error| PoolError(error.to_string()))
    }

    /// The database's URL, for the queue's own pool.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// It does not.
    pub async fn ping(&self) -> Result<(), PoolError> {
        let mut connection = self.get().await?;
        diesel::sql_query("SELECT 1")
            .execute(&mut connection)
            .await
            .map(|_| ())
            .map_err(|error| PoolError(error.to_string()))
    }
}

/// Counts statements.
struct Counter(Arc<AtomicU64>);

impl Instrumentation for Counter {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A connection that rested may have been closed by the server meanwhile; one in constant use is known to work.
fn check_after_rest<'a>(
    connection: &'a mut AsyncPgConnection,
    metrics: &'a Metrics,
    counter: Arc<AtomicU64>,
) -> BoxFuture<'a, Result<(), deadpool::HookError>> {
    async move {
        if metrics.last_used() > REST {
            let checked = diesel::sql_query("SELECT 1").execute(connection).await;
            counter.fetch_sub(1, Ordering::Relaxed);
            checked.map_err(|error| deadpool::HookError::message(error.to_string()))?;
        }
        Ok(())
    }
    .boxed()
}

fn establish(url: &str) -> BoxFuture<'_, ConnectionResult<AsyncPgConnection>> {
    async move {
        let bad = |error: &dyn std::fmt::Display| ConnectionError::BadConnection(error.to_string());
        let mut config: tokio_postgres::Config = url
            .parse()
            .map_err(|error: tokio_postgres::Error| bad(&error))?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(WAIT);
        }
        if config.get_application_name().is_none() {
            config.application_name("countersign");
        }
        let over_network = config
            .get_hosts()
            .iter()
            .any(|host| matches!(host, Host::Tcp(_)));
        if over_network {
            let tls = MakeRustlsConnect::new(
                tls_config(config.get_ssl_mode()).map_err(|error| bad(&error))?,
            );
            let connected = config.connect(tls).await;
            let (client, connection) = connected.map_err(|error| bad(&describe(&error)))?;
            return AsyncPgConnection::try_from_client_and_connection(client, connection).await;
        }
        // A Unix socket has no name that a certificate could prove.
        let connected = config.connect(NoTls).await;
        let (client, connection) = connected.map_err(|error| bad(&describe(&error)))?;
        AsyncPgConnection::try_from_client_and_connection(client, connection).await
    }
    .boxed()
}

/// tokio-postgres says "db error" and keeps what the server said in its source.
fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// `sslmode=require` checks the server's certificate by the system's authorities. `prefer`, which is the default, takes any
/// certificate, as libpq does: it protects from whoever only listens, and a server may well have signed its own.
fn tls_config(mode: SslMode) -> Result<rustls::ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = if mode == SslMode::Require {
        builder.with_platform_verifier()?
    } else {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    };
    Ok(builder.with_no_client_auth())
}

/// Takes any certificate; the handshake must still be signed by its key.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
