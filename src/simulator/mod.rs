//! Reddit, Instagram and Facebook pages from the other side of the wire.
//!
//! The demo, the tests and the benchmarks need platforms that can be asked ten thousand times, that
//! answer the same twice, and that fail on request. The simulator speaks each platform's own wire
//! format under a path of its own (`/reddit`, `/instagram`, `/meta`); an adapter reaches it by its
//! base URL only and cannot tell the difference. It shares no types with the adapters, so a mistake
//! in theirs does not hide behind the same mistake here.
//!
//! Posts are not stored. Whether one exists, who published it and what it has earned by now follows
//! from the seed, its native id and the time ([`figures()`]); [`World`] keeps only counters and
//! what was done to it. `/_control` does that from another process.
//!
//! What is wrong with an answer is always on purpose: a fault that was set, a quota that was used
//! up, a credential that is refused. The simulator itself fails only when its socket does.

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
mod instagram;
mod instagram_fields;
mod instagram_insights;
mod instagram_media;
mod json;
mod lock;
mod meta;
mod meta_insights;
mod meta_post;
mod platform;
mod quota;
mod reddit;
mod reddit_post;
mod request;
mod sample;
mod world;

#[cfg(test)]
mod graph_tests;
#[cfg(test)]
mod instagram_tests;
#[cfg(test)]
mod meta_tests;
#[cfg(test)]
mod reddit_tests;
#[cfg(test)]
mod testing;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use poem::http::Method;
use poem::listener::TcpAcceptor;
use poem::{Endpoint, Request, Response, Server};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use accounts::{INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE, META_PAGE};
pub use faults::{Fault, FaultKind};
pub use figures::{Figures, LARGEST_POST, SMALLEST_POST, figures};
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
    /// Whether tokens are checked. Without, any token is taken for anybody's, or none at all.
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

    /// The environment that points a server at these platforms: each variable with its value.
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
            let account = match platform {
                Platform::Reddit => {
                    set("CLIENT_ID", REDDIT_CLIENT_ID.to_owned());
                    set("CLIENT_SECRET", REDDIT_CLIENT_SECRET.to_owned());
                    continue;
                }
                Platform::Instagram => INSTAGRAM_ACCOUNT,
                Platform::Meta => META_PAGE,
            };
            set("ACCOUNT_ID", account.to_string());
            set("ACCESS_TOKEN", self.world.access_token(platform, account));
        }
        variables
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
        Ok(answer.into_response())
    }
}

/// Hands a request to whom its first segment names.
fn answer(world: &World, prefix: &str, request: &Incoming<'_>) -> Answer {
    match prefix {
        "reddit" => reddit::handle(world, request),
        "instagram" => graph::handle(world, Platform::Instagram, request),
        "meta" => graph::handle(world, Platform::Meta, request),
        "_control" => control::handle(world, request),
        _ => Answer::json(404, "{\"error\":\"no such platform\"}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;

    async fn request(world: &Arc<World>, method: Method, path: &str, body: &str) -> (u16, String) {
        let request = Request::builder()
            .method(method)
            .uri_str(path)
            .body(body.to_owned());
        let response = routes(Arc::clone(world)).get_response(request).await;
        let status = response.status().as_u16();
        (status, response.into_body().into_string().await.unwrap())
    }

    async fn get(world: &Arc<World>, path: &str) -> Value {
        let (status, body) = request(world, Method::GET, path, "").await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn shown(world: &Arc<World>) -> Value {
        get(world, "/reddit/api/info?id=t3_1skjxta").await["data"].clone()
    }

    async fn post(world: &Arc<World>, path: &str, body: &Value) -> Value {
        let (status, text) = request(world, Method::POST, path, &body.to_string()).await;
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn a_server_answers_until_it_is_stopped() {
        let config = SimulatorConfig {
            seed: 7,
            credentials_required: false,
        };
        let simulator = Simulator::start(config, ([127, 0, 0, 1], 0).into())
            .await
            .unwrap();
        let address = simulator.address();
        assert_eq!(
            simulator.base_url(Platform::Meta),
            format!("http://{address}/meta")
        );
        let mut stream = TcpStream::connect(address).await.unwrap();
        let asked = "GET /reddit/api/info?id=t3_1skjxta HTTP/1.1\r\nHost: simulator\r\n\
            Connection: close\r\n\r\n";
        stream.write_all(asked.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("x-ratelimit-remaining: ") && answer.contains("\"t3_1skjxta\""));
        assert_eq!(simulator.world().calls("reddit.info"), 1);
        simulator.stop().await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn posts_and_their_figures_agree_with_what_the_platform_shows() {
        let world = Arc::new(World::new(7).with_frozen_growth());
        let posts = get(&world, "/_control/posts?platform=reddit&count=3").await;
        for post in posts.as_array().unwrap() {
            let id = post["native_id"].as_str().unwrap();
            assert!(post["url"].as_str().unwrap().contains(id));
            let figures = get(
                &world,
                &format!("/_control/figures?platform=reddit&id={id}"),
            )
            .await;
            let listing = get(&world, &format!("/reddit/api/info/?id=t3_{id}")).await;
            assert_eq!(
                listing["data"]["children"][0]["data"]["score"],
                figures["score"]
            );
            assert!(figures["views"].as_u64().unwrap() >= SMALLEST_POST);
            assert!(figures["clicks"].is_u64() && figures["comments"].is_u64());
        }
        let calls = get(&world, "/_control/calls").await;
        assert_eq!(calls["reddit.info"], 3);
        assert_eq!(calls["instagram.batch"], 0);
    }

    #[tokio::test]
    async fn a_post_vanishes_comes_back_and_loses_counts_on_request() {
        let world = Arc::new(World::new(7).with_frozen_growth());
        let before = shown(&world).await;
        let post_body = json!({"platform": "reddit", "id": "1skjxta"});
        post(&world, "/_control/vanish", &post_body).await;
        assert_eq!(shown(&world).await["dist"], 0);
        post(&world, "/_control/restore", &post_body).await;
        assert_eq!(shown(&world).await, before);
        let purge = json!({"platform": "reddit", "id": "1skjxta", "percent": 100});
        post(&world, "/_control/purge", &purge).await;
        assert_eq!(shown(&world).await["children"][0]["data"]["score"], 0);
    }

    #[tokio::test]
    async fn faults_are_set_and_cleared_over_http() {
        let world = Arc::new(World::new(7));
        let fault = json!({"platform": "reddit", "kind": "server_error", "share": 1.0});
        post(&world, "/_control/faults", &fault).await;
        let info = "/reddit/api/info?id=t3_abc";
        assert!(request(&world, Method::GET, info, "").await.0 >= 500);
        request(
            &world,
            Method::DELETE,
            "/_control/faults?platform=reddit",
            "",
        )
        .await;
        assert_eq!(request(&world, Method::GET, info, "").await.0, 200);
        let misspelt = json!({"platform": "reddit", "kind": "server_error", "shere": 1.0});
        let path = "/_control/faults";
        assert_eq!(
            request(&world, Method::POST, path, &misspelt.to_string())
                .await
                .0,
            400
        );
    }

    #[tokio::test]
    async fn the_clock_moves_and_growth_stops_over_http() {
        let world = Arc::new(World::new(7));
        let before = world.now_ms();
        let body = json!({"offset_seconds": 864_000, "growth_frozen": true});
        let now = post(&world, "/_control/clock", &body).await["now"]
            .as_i64()
            .unwrap();
        assert!(now - before >= 864_000_000);
        let path = "/_control/figures?platform=reddit&id=1skjxta&at=";
        let early = get(&world, &format!("{path}0")).await;
        let late = get(&world, &format!("{path}{now}")).await;
        assert_eq!(early["views"], late["views"]);
    }

    #[tokio::test]
    async fn a_quota_can_be_set_and_lifted_over_http() {
        let world = Arc::new(World::new(7));
        let limited = json!({"platform": "reddit", "limit": 0});
        post(&world, "/_control/quota", &limited).await;
        let info = "/reddit/api/info?id=t3_abc";
        assert_eq!(request(&world, Method::GET, info, "").await.0, 429);
        post(&world, "/_control/quota", &json!({"platform": "reddit"})).await;
        assert_eq!(request(&world, Method::GET, info, "").await.0, 200);
    }

    #[tokio::test]
    async fn short_links_of_every_platform_redirect_to_the_posts_own_address() {
        let world = Arc::new(World::new(7));
        for platform in Platform::ALL {
            for post in world.posts(platform, 0, 8, None) {
                let path = world.short_link(platform, &post.native_id).unwrap();
                let request = Request::builder().uri_str(&path).finish();
                let response = routes(Arc::clone(&world)).get_response(request).await;
                assert!(response.status().is_redirection(), "{path}");
                let location = response.header("location").unwrap();
                assert!(
                    location.starts_with(&post.url),
                    "{location} for {}",
                    post.url
                );
            }
        }
    }
}
