//! Reddit, Instagram, Facebook pages, YouTube, TikTok and X from the other side of the wire.
//!
//! The demo, the tests and the benchmarks need platforms that can be asked ten thousand times, that
//! answer the same twice, and that fail on request. The simulator speaks each platform's own wire
//! format under a path of its own (`/reddit`, `/instagram`, `/meta`, `/youtube`, `/tiktok`, `/x`);
//! an adapter reaches it by its base URL only and cannot tell the difference. It shares no types
//! with the adapters, so a mistake in theirs does not hide behind the same mistake here.
//!
//! Posts are not stored. Whether one exists, who published it and what it has earned by now follows
//! from the seed, its native id and the time ([`figures()`]); [`World`] keeps only counters and
//! what was done to it. `/_control` does that from another process.
//!
//! What is wrong with an answer is always on purpose: a fault that was set, a quota that was used
//! up, a credential that is refused. The simulator itself fails only when its socket does.

mod access;
mod accounts;
mod answer;
mod calls;
mod changes;
mod codec;
mod control;
mod digest;
mod distort;
mod faults;
mod figures;
mod graph;
mod graph_batch;
mod graph_error;
mod graph_fields;
mod graph_page;
mod identity;
mod instagram;
mod instagram_fields;
mod instagram_insights;
mod instagram_media;
mod json;
mod lock;
mod meta;
mod meta_ads;
mod meta_insights;
mod meta_post;
mod platform;
mod published;
mod quota;
mod reddit;
mod reddit_post;
mod request;
mod sample;
mod tiktok;
mod tiktok_video;
mod world;
mod x;
mod x_post;
mod x_problem;
mod youtube;
mod youtube_channel;
mod youtube_video;

#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod identity_tests;
#[cfg(test)]
mod instagram_tests;
#[cfg(test)]
mod meta_ads_tests;
#[cfg(test)]
mod meta_tests;
#[cfg(test)]
mod reddit_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tiktok_tests;
#[cfg(test)]
mod x_tests;
#[cfg(test)]
mod youtube_tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::Method;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use accounts::{
    INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE, META_AD_ACCOUNT, META_PAGE, STUDIO_HANDLE, TIKTOK_ACCOUNT,
    X_ACCOUNT, YOUTUBE_CHANNEL,
};
pub use faults::{Fault, FaultKind};
pub use figures::{Figures, LARGEST_POST, SMALLEST_POST, figures};
pub use meta_ads::META_AD_CURRENCY;
pub use platform::Platform;
pub use reddit::{REDDIT_CLIENT_ID, REDDIT_CLIENT_SECRET};
pub use sample::SamplePost;
pub use world::{DEFAULT_EPOCH_MS, World};

use answer::Answer;
use request::Incoming;

/// The largest body that is read, in bytes.
const MOST_BODY_BYTES: usize = 1 << 20;
/// How long requests that are being answered may take once the server is told to stop.
const STOP_WITHIN: Duration = Duration::from_secs(2);

/// How a simulator of its own is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SimulatorConfig {
    /// What every post and figure is derived from.
    pub seed: u64,
    /// Whether tokens are checked. Without, any token is taken for anybody's, or none at all. One
    /// that the simulator issued is still its account's: on TikTok and X whatever is asked, elsewhere
    /// where it is asked whose it is.
    pub credentials_required: bool,
}

/// A simulator that runs in this process until it is stopped or dropped.
pub struct Simulator {
    world: Arc<World>,
    address: SocketAddr,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Listens on `address` (port 0 for any free one) and answers from a new [`World`].
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start(config: SimulatorConfig, address: SocketAddr) -> std::io::Result<Self> {
        let world = World::new(config.seed);
        let world = if config.credentials_required {
            world.with_credentials_required()
        } else {
            world
        };
        Self::start_with(Arc::new(world), address).await
    }

    /// Listens on `address` and answers from `world`.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start_with(world: Arc<World>, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let server = tokio::spawn(serve(listener, Arc::clone(&world), stop.clone()));
        Ok(Self {
            world,
            address,
            stop,
            server,
        })
    }

    /// What it answers from.
    #[must_use]
    pub const fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL of a platform, without a closing slash.
    #[must_use]
    pub fn base_url(&self, platform: Platform) -> String {
        format!("http://{}/{}", self.address, platform.as_str())
    }

    /// The environment that points a server at these platforms: each variable with its value. The
    /// access token of YouTube is an API key. The ad account of Facebook's page is none of it: whoever
    /// wants its advertisements read adds [`Simulator::ad_environment`].
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = Vec::new();
        for platform in Platform::ALL {
            let kind = platform.as_str().to_ascii_uppercase();
            let mut set = |name: &str, value: String| {
                variables.push((format!("COUNTERSIGN_PLATFORM_{kind}_{name}"), value));
            };
            set("BASE_URL", self.base_url(platform));
            set("WEB_URL", self.base_url(platform));
            let Some(account) = accounts::own(platform) else {
                set("CLIENT_ID", REDDIT_CLIENT_ID.to_owned());
                set("CLIENT_SECRET", REDDIT_CLIENT_SECRET.to_owned());
                continue;
            };
            if matches!(platform, Platform::Instagram | Platform::Meta) {
                set("ACCOUNT_ID", account.to_string());
            }
            set("ACCESS_TOKEN", self.world.access_token(platform, account));
        }
        variables
    }

    /// What to add to the environment where the advertisements of Facebook's page are to be read.
    #[must_use]
    pub fn ad_environment() -> (String, String) {
        (
            "COUNTERSIGN_PLATFORM_META_AD_ACCOUNT_ID".to_owned(),
            format!("act_{META_AD_ACCOUNT}"),
        )
    }

    /// Stops listening and waits until the requests that are being answered are done.
    ///
    /// # Errors
    /// Where the server had failed.
    pub async fn stop(mut self) -> std::io::Result<()> {
        self.stop.cancel();
        (&mut self.server).await.map_err(std::io::Error::other)?
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The endpoint of all simulated platforms and of `/_control`.
#[derive(Clone)]
pub struct Routes {
    world: Arc<World>,
}

/// Everything that the simulator answers, for a server of the caller's.
#[must_use]
pub fn routes(world: Arc<World>) -> Routes {
    Routes { world }
}

/// Answers on `listener` until `stop` is cancelled.
///
/// # Errors
/// Where the listener's address cannot be read.
pub async fn serve(
    listener: TcpListener,
    world: Arc<World>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let acceptor = TcpAcceptor::from_tokio(listener)?;
    Server::new_with_acceptor(acceptor)
        .name("simulator")
        .run_with_graceful_shutdown(routes(world), stop.cancelled_owned(), Some(STOP_WITHIN))
        .await
}

impl Endpoint for Routes {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (parts, body) = request.into_parts();
        let body = if parts.method == Method::GET {
            Vec::new()
        } else {
            body.into_bytes_limit(MOST_BODY_BYTES).await?.to_vec()
        };
        let answer = {
            let path = parts.uri.path();
            let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
            let (prefix, rest) = match segments.as_slice() {
                [prefix, rest @ ..] => (*prefix, rest),
                [] => ("", &[][..]),
            };
            let incoming = Incoming {
                method: &parts.method,
                segments: rest,
                query: parts.uri.query().unwrap_or_default(),
                headers: &parts.headers,
                body: &body,
            };
            answer(&self.world, prefix, &incoming)
        };
        if answer.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(answer.delay_ms)).await;
        }
        let answer = match self.world.date() {
            Some(date) => answer.with_header("date", date),
            None => answer,
        };
        Ok(answer.into_response())
    }
}

/// Hands a request to whom its first segment names.
fn answer(world: &World, prefix: &str, request: &Incoming<'_>) -> Answer {
    match prefix {
        "reddit" => reddit::handle(world, request),
        "instagram" => graph::handle(world, Platform::Instagram, request),
        "meta" => graph::handle(world, Platform::Meta, request),
        "youtube" => youtube::handle(world, request),
        "tiktok" => tiktok::handle(world, request),
        "x" => x::handle(world, request),
        "_control" => control::handle(world, request),
        _ => Answer::json(404, "{\"error\":\"no such platform\"}"),
    }
}
