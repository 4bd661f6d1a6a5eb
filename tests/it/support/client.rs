//! Clients of the API: requests over HTTP, events over a WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::PATIENCE;

/// A caller of one server.
#[derive(Debug, Clone)]
pub struct Client {
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// The access token; none for a caller who is not signed in.
    pub token: Option<String>,
    http: reqwest::Client,
}

impl Client {
    /// A caller who is not signed in.
    pub fn anonymous(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            token: None,
            http: reqwest::Client::new(),
        }
    }

    /// Exchanges an API key for a token.
    pub async fn sign_in(url: &str, api_key: &str) -> Self {
        let mut client = Self::anonymous(url);
        let data = client
            .ok(
                "mutation($input: IssueTokenInput!) { issueToken(input: $input) { accessToken userErrors { message } } }",
                json!({ "input": { "apiKey": api_key } }),
            )
            .await;
        let token = data["issueToken"]["accessToken"].as_str();
        client.token = Some(token.unwrap_or_else(|| panic!("{data}")).to_owned());
        client
    }

    /// The same caller with another token.
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Sends an operation and gives the whole answer.
    pub async fn post(&self, query: &str, variables: Value) -> Value {
        let mut request = self
            .http
            .post(format!("{}/graphql", self.url))
            .json(&json!({ "query": query, "variables": variables }));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Sends an operation that must not fail and gives its data.
    pub async fn ok(&self, query: &str, variables: Value) -> Value {
        let mut answer = self.post(query, variables).await;
        assert!(answer.get("errors").is_none(), "{query}\n{answer}");
        answer["data"].take()
    }

    /// Sends an operation that must fail at the top and gives the first error's code.
    pub async fn code(&self, query: &str, variables: Value) -> String {
        let answer = self.post(query, variables).await;
        answer["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or_else(|| panic!("{query}\n{answer}"))
            .to_owned()
    }

    /// Submits a post. `claim` holds the claimed numbers and whatever else the input has.
    pub async fn submit(&self, campaign: &str, url: &str, claim: Value) -> Value {
        let mut input = json!({ "campaignId": campaign, "url": url });
        input
            .as_object_mut()
            .unwrap()
            .extend(claim.as_object().unwrap().clone());
        let data = self
            .ok(
                "mutation($input: SubmitPostInput!) { submitPost(input: $input) { \
                 post { id status platform platformPostId url } report { id status } \
                 userErrors { code message field } } }",
                json!({ "input": input }),
            )
            .await;
        data["submitPost"].clone()
    }

    /// The post with its latest verdict.
    pub async fn verdict(&self, post: &Value) -> Value {
        let data = self
            .ok(
                "query($id: ID!) { post(id: $id) { id status isReconciled nextCheckAt platformPostId \
                 latestReport { status } latestPlatformReport { observed { views { value availability definition } } } \
                 latestReconciliation { id status level finality explanation hash previousHash comparisons { metric claimed \
                 actual difference differencePercent level evidenceGrade reasonCode reason } } } }",
                json!({ "id": post }),
            )
            .await;
        data["post"].clone()
    }

    /// Subscribes over a WebSocket, and returns when the server runs the subscription.
    pub async fn subscribe(&self, query: &str, variables: Value) -> Events {
        let address = self.url.replacen("http", "ws", 1);
        let mut request = format!("{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert(
            "sec-websocket-protocol",
            "graphql-transport-ws".parse().unwrap(),
        );
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut events = Events { socket };
        let authorization = self.token.as_ref().map(|token| format!("Bearer {token}"));
        events
            .send(
                json!({ "type": "connection_init", "payload": { "authorization": authorization } }),
            )
            .await;
        assert_eq!(events.receive().await["type"], "connection_ack");
        events
            .send(json!({
                "id": "1", "type": "subscribe", "payload": { "query": query, "variables": variables } }))
            .await;
        // Whatever was sent before an answered ping is being worked on.
        events.send(json!({ "type": "ping" })).await;
        let answer = events.receive().await;
        assert_eq!(answer["type"], "pong", "{answer}");
        events
    }
}

type Socket =
    tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// The events of one subscription.
pub struct Events {
    socket: Socket,
}

impl Events {
    async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next())
                .await
                .expect("waited in vain for a message")
                .expect("the socket was closed")
                .unwrap();
            match message {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Close(frame) => panic!("the socket was closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// The data of the next event.
    pub async fn next(&mut self) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        assert!(message["payload"].get("errors").is_none(), "{message}");
        message["payload"]["data"].take()
    }

    /// The next event, whatever it is.
    pub async fn any(&mut self) -> Value {
        self.receive().await
    }
}
