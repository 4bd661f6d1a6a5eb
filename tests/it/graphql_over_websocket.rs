//! graphql-transport-ws on real sockets: one test for each close code, and for what a client may
//! rely on while a socket is open.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use countersign::http::transport::{AllowedOrigins, Limits, Settings};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::graphql_over_http::harness::{PATIENCE, SECRET, Server};

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    /// Opens a socket with these headers.
    #[allow(clippy::result_large_err, reason = "the library's own")]
    async fn upgrade(server: &Server, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}/graphql", server.address).into_client_request()?;
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, response) = connect_async(request).await?;
        assert!(response.headers().contains_key("x-request-id"));
        Ok(Self(socket))
    }

    /// A socket that speaks the subprotocol and has said nothing yet.
    async fn connect(server: &Server) -> Self {
        let offer = ("sec-websocket-protocol", "x, graphql-transport-ws");
        Self::upgrade(server, &[offer]).await.unwrap()
    }

    /// A socket that is open for an anonymous caller.
    async fn open(server: &Server) -> Self {
        let mut client = Self::connect(server).await;
        client.send(&json!({ "type": "connection_init" })).await;
        assert_eq!(client.next().await, json!({ "type": "connection_ack" }));
        client
    }

    async fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string()).await;
    }

    async fn send_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(&json!({ "type": "subscribe", "id": id, "payload": payload }))
            .await;
    }

    async fn complete(&mut self, id: &str) {
        self.send(&json!({ "type": "complete", "id": id })).await;
    }

    async fn frame(&mut self) -> Option<Result<Message, Error>> {
        timeout(PATIENCE, self.0.next())
            .await
            .expect("nothing came")
    }

    /// The next message of the subprotocol.
    async fn next(&mut self) -> Value {
        loop {
            match self.frame().await {
                Some(Ok(Message::Text(text))) => {
                    assert!(!text.as_str().contains(SECRET));
                    return serde_json::from_str(text.as_str()).unwrap();
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?} is no message"),
            }
        }
    }

    /// Reads until the socket is closed: the code and the reason. Nothing may follow.
    async fn closed(mut self) -> (u16, String) {
        let close = loop {
            match self.frame().await {
                Some(Ok(Message::Close(Some(close)))) => break close,
                Some(Ok(Message::Close(None))) => panic!("closed without a code"),
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a close frame"),
            }
        };
        let after = self.frame().await;
        assert!(after.is_none(), "{after:?} after the close frame");
        (close.code.into(), close.reason.to_string())
    }

    async fn assert_next(&mut self, id: &str, data: &Value) {
        let payload = json!({ "data": data });
        let expected = json!({ "type": "next", "id": id, "payload": payload });
        assert_eq!(self.next().await, expected);
    }

    async fn assert_complete(&mut self, id: &str) {
        assert_eq!(self.next().await, json!({ "type": "complete", "id": id }));
    }

    /// The next message is an `error` for this operation, with this code.
    async fn assert_error(&mut self, id: &str, code: &str) {
        let message = self.next().await;
        assert_eq!(message["type"], "error", "{message}");
        assert_eq!(message["id"], id, "{message}");
        let extensions = &message["payload"][0]["extensions"];
        assert_eq!(extensions["code"], code, "{message}");
        assert!(extensions["requestId"].is_string(), "{message}");
    }

    /// The socket still serves.
    async fn assert_alive(&mut self) {
        self.subscribe("alive", "{ hello }").await;
        self.assert_next("alive", &json!({ "hello": "world" }))
            .await;
        self.assert_complete("alive").await;
    }
}

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[tokio::test]
async fn a_client_without_the_subprotocol_is_closed_with_4406() {
    let server = Server::start(Limits::default()).await;
    let client = Client::upgrade(&server, &[]).await.unwrap();
    let (code, reason) = client.closed().await;
    assert_eq!(
        (code, reason.as_str()),
        (4406, "Subprotocol not acceptable")
    );
}

#[tokio::test]
async fn a_client_of_the_older_subprotocol_is_closed_with_4406() {
    let server = Server::start(Limits::default()).await;
    // By hand: the client library refuses a handshake that accepts none of its subprotocols.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: graphql-ws\r\n\r\n",
        server.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await;
        head.push(byte.expect("no answer").unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
    let stream = MaybeTlsStream::Plain(stream);
    let socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    assert_eq!(Client(socket).closed().await.0, 4406);
}

#[tokio::test]
async fn a_client_that_does_not_open_the_connection_is_closed_with_4408() {
    let limits = Limits {
        connection_init: millis(20),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let (code, reason) = Client::connect(&server).await.closed().await;
    assert_eq!(code, 4408);
    assert_eq!(reason, "Connection initialisation timeout");
}

#[tokio::test]
async fn a_second_connection_init_is_closed_with_4429() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.send(&json!({ "type": "connection_init" })).await;
    let (code, reason) = client.closed().await;
    assert_eq!(code, 4429);
    assert_eq!(reason, "Too many initialisation requests");
}

#[tokio::test]
async fn an_operation_before_the_connection_is_open_is_closed_with_4401() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    client.subscribe("1", "mutation { touch }").await;
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), (4401, "Unauthorized"));
    assert_eq!(server.touched(), 0);
}

#[tokio::test]
async fn what_is_no_message_is_closed_with_4400_and_a_reason_that_fits() {
    let server = Server::start(Limits::default()).await;
    let long = json!({ "type": "x".repeat(1_000) }).to_string();
    for text in [
        "{",
        r#"{"type":"start","id":"1","payload":{"query":"{hello}"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":7,"payload":{"query":"{hello}"}}"#,
        r#"{"type":"ping","payload":"x"}"#,
        long.as_str(),
    ] {
        let mut client = Client::open(&server).await;
        client.send_text(text).await;
        let (code, reason) = client.closed().await;
        assert_eq!(code, 4400, "for {text}");
        assert!(!reason.is_empty() && reason.len() <= 123, "for {text}");
    }
    let mut client = Client::open(&server).await;
    client
        .0
        .send(Message::binary(b"{}".to_vec()))
        .await
        .unwrap();
    assert_eq!(client.closed().await.0, 4400);
}

#[tokio::test]
async fn an_id_that_is_in_use_is_closed_with_4409() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { never }").await;
    client.subscribe("1", "{ hello }").await;
    let (code, reason) = client.closed().await;
    assert_eq!(code, 4409);
    assert_eq!(reason, "Subscriber for 1 already exists");
}

#[tokio::test]
async fn bad_credentials_are_closed_with_4403() {
    let server = Server::start(Limits::default()).await;
    for credentials in [json!("Bearer mallory"), json!(7)] {
        let mut client = Client::connect(&server).await;
        let payload = json!({ "authorization": credentials });
        let init = json!({ "type": "connection_init", "payload": payload });
        client.send(&init).await;
        let (code, reason) = client.closed().await;
        assert_eq!((code, reason.as_str()), (4403, "Forbidden"));
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_checked_now_are_closed_with_1013() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    let payload = json!({ "authorization": "Bearer offline" });
    client
        .send(&json!({ "type": "connection_init", "payload": payload }))
        .await;
    assert_eq!(client.closed().await.0, 1013);
}

#[tokio::test]
async fn a_socket_ends_with_4403_when_its_token_does() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    let payload = json!({ "authorization": "Bearer expired" });
    client
        .send(&json!({ "type": "connection_init", "payload": payload }))
        .await;
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), (4403, "Token expired"));
}

#[tokio::test]
async fn a_server_that_stops_closes_its_sockets_with_1012_and_waits_for_them() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { never }").await;
    server.streams(|streams| streams.started == 1).await;
    assert_eq!(server.sockets.count(), 1);
    server.sockets.shut_down();
    assert_eq!(client.closed().await.0, 1012);
    timeout(PATIENCE, server.sockets.closed())
        .await
        .expect("a socket stayed open");
    assert_eq!(server.sockets.count(), 0);
    server.streams(|streams| streams.ended == 1).await;
    assert_eq!(Client::connect(&server).await.closed().await.0, 1012);
}

#[tokio::test]
async fn a_subscriber_that_falls_behind_is_closed_with_1013() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { slow }").await;
    assert_eq!(client.closed().await.0, 1013);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_with_1013() {
    let limits = Limits {
        write: millis(200),
        close: PATIENCE,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::open(&server).await;
    client
        .subscribe("1", "subscription { hot(bytes: 65536) }")
        .await;
    // The server has given up, and now it waits for the client to take the close frame.
    server.streams(|streams| streams.ended == 1).await;
    assert_eq!(client.closed().await.0, 1013);
}

#[tokio::test]
async fn a_client_that_is_silent_is_closed() {
    let limits = Limits {
        ping: PATIENCE,
        silence: millis(50),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let client = Client::open(&server).await;
    assert_eq!(client.closed().await.0, 3008);
}

#[tokio::test]
async fn a_message_over_the_limit_is_closed_with_1009() {
    let limits = Limits {
        message_bytes: 300,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", &"x".repeat(300)).await;
    assert_eq!(client.closed().await.0, 1009);
}

#[tokio::test]
async fn a_page_of_another_origin_may_not_open_a_socket() {
    let server = Server::start(Limits::default()).await;
    let offer = ("sec-websocket-protocol", "graphql-transport-ws");
    let evil = ("origin", "https://evil.example");
    match Client::upgrade(&server, &[offer, evil]).await {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 403),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the socket was opened"),
    }
    let own = format!("http://{}", server.address);
    let own = Client::upgrade(&server, &[offer, ("origin", own.as_str())]).await;
    assert!(own.is_ok());

    let settings = Settings {
        origins: AllowedOrigins::new(["https://dashboard.example"]),
        ..Settings::default()
    };
    let server = Server::start_with(settings).await;
    let listed = ("origin", "https://dashboard.example");
    assert!(Client::upgrade(&server, &[offer, listed]).await.is_ok());
}

#[tokio::test]
async fn only_so_many_sockets_are_open_at_once() {
    let limits = Limits {
        sockets: 1,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut first = Client::open(&server).await;
    match Client::upgrade(&server, &[]).await {
        Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), 503),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the socket was opened"),
    }
    first.assert_alive().await;
}

#[tokio::test]
async fn a_subscription_delivers_its_events_in_order_and_completes() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { ticks(n: 3) }").await;
    for tick in 0..3 {
        client.assert_next("1", &json!({ "ticks": tick })).await;
    }
    client.assert_complete("1").await;
}

#[tokio::test]
async fn queries_and_mutations_run_over_the_socket_too() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.assert_alive().await;
    client.subscribe("2", "mutation { touch }").await;
    client.assert_next("2", &json!({ "touch": 1 })).await;
    client.assert_complete("2").await;
}

#[tokio::test]
async fn a_caller_is_known_by_what_the_connection_was_opened_with() {
    let server = Server::start(Limits::default()).await;
    for name in ["authorization", "Authorization", "AUTHORIZATION"] {
        let mut client = Client::connect(&server).await;
        let payload = json!({ name: "Bearer alice" });
        client
            .send(&json!({ "type": "connection_init", "payload": payload }))
            .await;
        assert_eq!(client.next().await["type"], "connection_ack");
        client.subscribe("1", "{ viewer }").await;
        client.assert_next("1", &json!({ "viewer": "alice" })).await;
    }
}

#[tokio::test]
async fn an_anonymous_caller_is_refused_by_the_operation() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { guarded }").await;
    let message = client.next().await;
    assert_eq!(message["type"], "next");
    let error = &message["payload"]["errors"][0];
    assert_eq!(error["extensions"]["code"], "UNAUTHENTICATED");
    client.assert_complete("1").await;
    client.assert_alive().await;
}

#[tokio::test]
async fn a_refused_operation_ends_with_one_error_and_its_id_is_free() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    for (query, code) in [
        ("subscription {", "GRAPHQL_PARSE_FAILED"),
        ("subscription { unknown }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { ticks(n: 1) never }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ echo }", "GRAPHQL_VALIDATION_FAILED"),
    ] {
        client.subscribe("1", query).await;
        client.assert_error("1", code).await;
    }
    client.subscribe("1", "{ hello }").await;
    client.assert_next("1", &json!({ "hello": "world" })).await;
    client.assert_complete("1").await;
}

#[tokio::test]
async fn the_inner_text_of_a_failure_does_not_leave() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "{ hello fails }").await;
    let message = client.next().await;
    assert_eq!(message["payload"]["data"]["hello"], "world");
    let error = &message["payload"]["errors"][0];
    assert_eq!(error["message"], "internal error");
    assert_eq!(error["extensions"]["code"], "INTERNAL");
    client.assert_complete("1").await;
}

#[tokio::test]
async fn a_panic_ends_its_own_operation_only() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { panics }").await;
    client.assert_next("1", &json!({ "panics": 0 })).await;
    client.assert_error("1", "INTERNAL").await;
    client.subscribe("2", "{ panics }").await;
    client.assert_error("2", "INTERNAL").await;
    client.assert_alive().await;
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_given_up() {
    let limits = Limits {
        execution: millis(50),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "{ never }").await;
    client.assert_error("1", "TIMEOUT").await;
    client.assert_alive().await;
}

#[tokio::test]
async fn too_many_operations_are_refused_alone() {
    let limits = Limits {
        operations_per_socket: 2,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::open(&server).await;
    for id in ["1", "2", "3"] {
        client.subscribe(id, "subscription { never }").await;
    }
    client.assert_error("3", "RATE_LIMITED").await;
    client.complete("1").await;
    client.assert_alive().await;
}

#[tokio::test]
async fn a_client_that_completes_an_operation_ends_it() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { never }").await;
    server.streams(|streams| streams.started == 1).await;
    client.complete("1").await;
    server.streams(|streams| streams.ended == 1).await;
    // Nothing was said about it, its id is free, and completing it again does no harm.
    client.complete("1").await;
    client.subscribe("1", "subscription { ticks(n: 1) }").await;
    client.assert_next("1", &json!({ "ticks": 0 })).await;
    client.assert_complete("1").await;
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_operations() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("1", "subscription { never }").await;
    client.subscribe("2", "subscription { never }").await;
    server.streams(|streams| streams.started == 2).await;
    drop(client);
    server.streams(|streams| streams.ended == 2).await;
}

#[tokio::test]
async fn a_hot_stream_does_not_starve_another() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::open(&server).await;
    client.subscribe("hot", "subscription { hot }").await;
    assert_eq!(client.next().await["id"], "hot");
    client.subscribe("1", "subscription { ticks(n: 5) }").await;
    // How many hot events were under way before the first tick depends on the kernel's buffers.
    while client.next().await["id"] == "hot" {}
    let mut hot_events = 0;
    loop {
        let message = client.next().await;
        if message["id"] == "hot" {
            hot_events += 1;
            assert!(hot_events < 10_000, "the ticks wait for ever");
        } else if message["type"] == "complete" {
            break;
        }
    }
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_before_and_after_the_connection_is_open() {
    let server = Server::start(Limits::default()).await;
    let mut client = Client::connect(&server).await;
    client.send(&json!({ "type": "ping" })).await;
    assert_eq!(client.next().await, json!({ "type": "pong" }));
    client.send(&json!({ "type": "connection_init" })).await;
    assert_eq!(client.next().await["type"], "connection_ack");
    let payload = json!({ "at": 1 });
    client
        .send(&json!({ "type": "ping", "payload": payload }))
        .await;
    let expected = json!({ "type": "pong", "payload": payload });
    assert_eq!(client.next().await, expected);
    client.send(&json!({ "type": "pong" })).await;
    client.assert_alive().await;
}

#[tokio::test]
async fn the_server_pings_and_a_client_that_answers_stays() {
    let limits = Limits {
        ping: millis(10),
        silence: Duration::from_secs(5),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let mut client = Client::open(&server).await;
    for _ in 0..3 {
        let frame = client.frame().await;
        assert!(matches!(frame, Some(Ok(Message::Ping(_)))), "{frame:?}");
    }
    client.assert_alive().await;
}
