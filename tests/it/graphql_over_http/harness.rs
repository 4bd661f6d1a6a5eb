//! A schema, callers and a server that exist only to test the transports.

#![allow(
    clippy::unused_async,
    clippy::unused_self,
    reason = "the schema's macros ask for both"
)]

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::{Context, Error, ErrorExtensions, Object, Schema, Subscription};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use countersign::clock::machine_now;
use countersign::http::transport::{
    AuthFailure, Authenticator, Limits, RequestId, Session, Settings, SocketTracker, Transport,
};
use futures_util::{Stream, StreamExt, stream};
use poem::Route;
use poem::listener::{Acceptor, Listener, TcpListener};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a test waits for what must happen. Only a test that fails waits this long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The text of every failure that must not leave the server.
pub const SECRET: &str = "password=hunter2";

fn refusal(code: &str) -> Error {
    Error::new("refused").extend_with(|_, extensions| {
        extensions.set("code", code);
        extensions.set("retryAfterMs", 1_500);
    })
}

#[derive(Clone)]
pub struct Viewer(String);

pub struct Query;

#[Object]
impl Query {
    async fn hello(&self) -> String {
        "world".to_owned()
    }

    async fn echo(&self, text: String) -> String {
        text
    }

    async fn at(&self, time: DateTime<Utc>) -> String {
        time.to_rfc3339()
    }

    async fn viewer(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        match ctx.data_opt::<Viewer>() {
            Some(viewer) => Ok(viewer.0.clone()),
            None => Err(refusal("UNAUTHENTICATED")),
        }
    }

    async fn request_id(&self, ctx: &Context<'_>) -> async_graphql::Result<String> {
        Ok(ctx.data::<RequestId>()?.to_string())
    }

    async fn refuses(&self, code: String) -> async_graphql::Result<String> {
        Err(refusal(&code))
    }

    async fn fails(&self) -> async_graphql::Result<String> {
        Err(Error::new(SECRET))
    }

    async fn panics(&self, #[graphql(default = true)] really: bool) -> String {
        assert!(!really, "{SECRET}");
        String::new()
    }

    async fn never(&self) -> String {
        std::future::pending().await
    }

    async fn nested(&self) -> Query {
        Query
    }
}

pub struct Mutation(Arc<AtomicUsize>);

#[Object]
impl Mutation {
    async fn touch(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// How many streams that do not end by themselves were opened and dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Streams {
    pub started: usize,
    pub ended: usize,
}

struct Open(Arc<watch::Sender<Streams>>);

impl Open {
    fn new(streams: &Arc<watch::Sender<Streams>>) -> Self {
        streams.send_modify(|streams| streams.started += 1);
        Self(Arc::clone(streams))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|streams| streams.ended += 1);
    }
}

pub struct Subscription(Arc<watch::Sender<Streams>>);

#[Subscription]
impl Subscription {
    async fn ticks(&self, n: i32) -> impl Stream<Item = i32> {
        stream::iter(0..n)
    }

    /// Always has another event.
    async fn hot(&self, #[graphql(default = 1)] bytes: usize) -> impl Stream<Item = String> {
        stream::unfold(Open::new(&self.0), move |open| async move {
            Some(("x".repeat(bytes), open))
        })
    }

    /// Never has an event.
    async fn never(&self) -> impl Stream<Item = i32> {
        stream::unfold(Open::new(&self.0), |open| async move {
            std::future::pending::<()>().await;
            Some((0, open))
        })
    }

    async fn slow(&self) -> impl Stream<Item = async_graphql::Result<i32>> {
        stream::iter([Ok(0), Err(refusal("SLOW_SUBSCRIBER"))])
    }

    async fn guarded(&self, ctx: &Context<'_>) -> async_graphql::Result<impl Stream<Item = i32>> {
        if ctx.data_opt::<Viewer>().is_none() {
            return Err(refusal("UNAUTHENTICATED"));
        }
        Ok(stream::iter(0..1))
    }

    async fn panics(&self) -> impl Stream<Item = i32> {
        stream::iter(0..2).map(|n| {
            assert!(n == 0, "{SECRET}");
            n
        })
    }
}

struct Callers;

#[async_trait]
impl Authenticator for Callers {
    type Viewer = Viewer;

    async fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Option<Session<Viewer>>, AuthFailure> {
        let expires_at = match authorization {
            None => return Ok(None),
            Some("Bearer alice") => None,
            Some("Bearer expired") => Some(machine_now()),
            Some("Bearer offline") => return Err(AuthFailure::Unavailable),
            Some(_) => return Err(AuthFailure::Invalid),
        };
        let viewer = Viewer("alice".to_owned());
        Ok(Some(Session { viewer, expires_at }))
    }

    fn prepare(
        &self,
        request: async_graphql::Request,
        session: Option<&Session<Viewer>>,
        request_id: &RequestId,
    ) -> async_graphql::Request {
        let request = request.data(request_id.clone());
        match session {
            Some(session) => request.data(session.viewer.clone()),
            None => request,
        }
    }
}

/// A running server; it stops when this is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub sockets: SocketTracker,
    streams: watch::Receiver<Streams>,
    touched: Arc<AtomicUsize>,
    client: OnceLock<reqwest::Client>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(limits: Limits) -> Self {
        Self::start_with(Settings {
            limits,
            ..Settings::default()
        })
        .await
    }

    pub async fn start_with(settings: Settings) -> Self {
        let (sender, streams) = watch::channel(Streams::default());
        let touched = Arc::new(AtomicUsize::new(0));
        let schema = Schema::build(
            Query,
            Mutation(Arc::clone(&touched)),
            Subscription(Arc::new(sender)),
        )
        .limit_depth(10)
        .limit_complexity(200)
        .finish();
        let sockets = settings.sockets.clone();
        let transport = Transport::new(schema, Callers, settings);

        let acceptor = TcpListener::bind("127.0.0.1:0")
            .into_acceptor()
            .await
            .unwrap();
        let address = acceptor
            .local_addr()
            .remove(0)
            .as_socket_addr()
            .copied()
            .unwrap();
        let task = tokio::spawn(async move {
            let app = Route::new().at("/graphql", transport);
            poem::Server::new_with_acceptor(acceptor)
                .run(app)
                .await
                .unwrap();
        });
        Self {
            address,
            sockets,
            streams,
            touched,
            client: OnceLock::new(),
            task,
        }
    }

    /// A client of this test alone: connections do not outlive the runtime that opened them.
    pub fn client(&self) -> &reqwest::Client {
        let build = || reqwest::Client::builder().no_proxy().build().unwrap();
        self.client.get_or_init(build)
    }

    pub fn url(&self) -> String {
        format!("http://{}/graphql", self.address)
    }

    /// How often the mutation ran.
    pub fn touched(&self) -> usize {
        self.touched.load(Ordering::SeqCst)
    }

    /// Waits until this holds of the streams.
    pub async fn streams(&self, holds: impl FnMut(&Streams) -> bool) {
        let mut streams = self.streams.clone();
        let waiting = tokio::time::timeout(PATIENCE, streams.wait_for(holds));
        waiting.await.expect("the streams never were so").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
