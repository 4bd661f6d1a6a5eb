//! One WebSocket, message by message, with the code that it is closed with.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::support::PATIENCE;

/// A socket that speaks graphql-transport-ws.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Connects and sends `connection_init` with this payload. What the server says to it is not read yet.
    pub async fn open(url: &str, payload: &Value) -> Self {
        let address = url.replacen("http", "ws", 1);
        let mut request = format!("{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut this = Self(socket);
        this.send(&json!({ "type": "connection_init", "payload": payload }))
            .await;
        this
    }

    /// Starts an operation.
    pub async fn start(&mut self, query: &str) {
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": query } });
        self.send(&subscribe).await;
    }

    async fn send(&mut self, message: &Value) {
        self.0
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    /// The next message.
    ///
    /// # Errors
    /// The code and the reason with which the socket is closed instead.
    pub async fn next(&mut self) -> Result<Value, (u16, String)> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next())
                .await
                .expect("waited in vain for a message")
                .expect("the socket ended without a close frame")
                .unwrap();
            match message {
                Message::Text(text) => return Ok(serde_json::from_str(text.as_str()).unwrap()),
                Message::Close(Some(close)) => {
                    return Err((close.code.into(), close.reason.to_string()));
                }
                _ => {}
            }
        }
    }
}
