//! The live stream of alerts, over a WebSocket in graphql-transport-ws, as any other client would read it.
//!
//! When the server closes the socket (a token ends after a quarter of an hour) it is opened again with a new token, from
//! the last event on, so that nothing is missed and nothing comes twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_util::sync::CancellationToken;

use super::alerts::Alerts;
use super::client::{Api, Caller, text};
use crate::model::Secret;

const SUBSCRIPTION: &str = "subscription($after: String) { alertRaised(after: $after) { \
    kind cursor alert { id kind level finality message campaign { name } affiliate { id name } \
    post { id platform } reconciliation { comparisons { metric claimed actual differencePercent level } } } } }";

/// How long the server may take to accept the connection, and to close it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait before the next attempt to connect again.
const PAUSE: Duration = Duration::from_secs(1);

/// A running subscription to alerts.
#[derive(Debug)]
pub(super) struct Subscription {
    socket: WebSocketStream<TcpStream>,
    /// What came while something else was waited for.
    early: VecDeque<Value>,
}

impl Subscription {
    /// Subscribes, from after a cursor or from now on, and returns when the server has taken it up.
    ///
    /// # Errors
    /// The server cannot be reached or does not accept the caller.
    pub(super) async fn open(caller: &Caller, after: Option<&str>) -> anyhow::Result<Self> {
        let opening = Self::handshake(caller, after);
        tokio::time::timeout(PATIENCE, opening)
            .await
            .context("the server takes too long to accept a WebSocket")?
    }

    async fn handshake(caller: &Caller, after: Option<&str>) -> anyhow::Result<Self> {
        let address = caller.api().address();
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        request.headers_mut().insert(
            "sec-websocket-protocol",
            HeaderValue::from_static("graphql-transport-ws"),
        );
        let stream = TcpStream::connect(address).await?;
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        let mut this = Self {
            socket,
            early: VecDeque::new(),
        };
        let authorization = format!("Bearer {}", caller.token().expose());
        this.send(&json!({
            "type": "connection_init", "payload": { "authorization": authorization } }))
            .await?;
        this.wait_for("connection_ack").await?;
        this.send(&json!({ "type": "subscribe", "id": "alerts", "payload": {
            "query": SUBSCRIPTION, "variables": { "after": after } } }))
            .await?;
        // What was sent before an answered ping has been taken up.
        this.send(&json!({ "type": "ping" })).await?;
        this.wait_for("pong").await?;
        Ok(this)
    }

    /// The next event; none once the server has closed the socket.
    ///
    /// # Errors
    /// The connection broke, or the server refuses the subscription.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            let message = match self.early.pop_front() {
                Some(message) => message,
                None => match self.receive().await? {
                    Some(message) => message,
                    None => return Ok(None),
                },
            };
            match text(&message, "/type") {
                Some("next") => {
                    return match message.pointer("/payload/data/alertRaised") {
                        Some(event) => Ok(Some(event.clone())),
                        None => bail!("an event without an alert: {message}"),
                    };
                }
                Some("ping") => self.send(&json!({ "type": "pong" })).await?,
                Some("error") => bail!("the subscription was refused: {message}"),
                Some("complete") => return Ok(None),
                _ => {}
            }
        }
    }

    /// Says good-bye.
    pub(super) async fn close(mut self) {
        // Whether it was heard makes no difference: the socket is dropped after it.
        let _unheard = tokio::time::timeout(PATIENCE, self.socket.close(None)).await;
    }

    async fn wait_for(&mut self, name: &str) -> anyhow::Result<()> {
        loop {
            let message = self.receive().await?.with_context(|| {
                format!("the server closed the socket instead of sending {name}")
            })?;
            if text(&message, "/type") == Some(name) {
                return Ok(());
            }
            self.early.push_back(message);
        }
    }

    async fn send(&mut self, message: &Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> anyhow::Result<Option<Value>> {
        while let Some(message) = self.socket.next().await {
            match message? {
                Message::Text(message) => return Ok(Some(serde_json::from_str(message.as_str())?)),
                Message::Close(_) => return Ok(None),
                _ => {}
            }
        }
        Ok(None)
    }
}

/// Hands each event on until it is told to end, and subscribes again where the server closes the socket.
pub(super) async fn follow(
    mut subscription: Subscription,
    api: Api,
    key: Secret,
    alerts: Arc<Alerts>,
    ended: CancellationToken,
) {
    let mut cursor: Option<String> = None;
    loop {
        let next = tokio::select! {
            next = subscription.next() => Some(next),
            () = ended.cancelled() => None,
        };
        match next {
            None => {
                subscription.close().await;
                return;
            }
            Some(Ok(Some(event))) => {
                cursor = text(&event, "/cursor").map(str::to_owned).or(cursor);
                alerts.take(&event);
            }
            Some(closed) => {
                if let Err(error) = closed {
                    tracing::warn!(%error, "the subscription to alerts broke; subscribing again");
                }
                match again(&api, &key, cursor.as_deref(), &ended).await {
                    Some(opened) => subscription = opened,
                    None => return,
                }
            }
        }
    }
}

/// A new subscription from after a cursor; none where the end comes first.
async fn again(
    api: &Api,
    key: &Secret,
    after: Option<&str>,
    ended: &CancellationToken,
) -> Option<Subscription> {
    loop {
        tokio::select! {
            () = ended.cancelled() => return None,
            () = tokio::time::sleep(PAUSE) => {}
        }
        let opened = async { Subscription::open(&api.sign_in(key).await?, after).await };
        match opened.await {
            Ok(subscription) => return Some(subscription),
            Err(error) => tracing::warn!(%error, "no subscription to alerts yet; trying again"),
        }
    }
}
