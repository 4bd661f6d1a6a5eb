//! The server is asked to end: what was begun is ended, what was acknowledged stays, and who was connected is told.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use countersign::simulator::{Fault, FaultKind, Platform};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::{Claim, Node, Place, Submitter};
use crate::scene::{row, samples};
use crate::support::{Client, PATIENCE, until};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket with a subscription to alerts on it.
async fn subscribed(client: &Client) -> Socket {
    let address = client.url.replacen("http", "ws", 1);
    let mut request = format!("{address}/graphql").into_client_request().unwrap();
    let protocol = "graphql-transport-ws".parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let authorization = format!("Bearer {}", client.token.as_ref().unwrap());
    let init = json!({ "type": "connection_init", "payload": { "authorization": authorization } });
    socket.send(Message::text(init.to_string())).await.unwrap();
    let answer = timeout(PATIENCE, socket.next()).await.unwrap();
    let answer = answer.unwrap().unwrap();
    assert!(answer.to_text().unwrap().contains("connection_ack"));
    let query = json!({ "query": "subscription { alertRaised { kind } }" });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": query });
    socket
        .send(Message::text(subscribe.to_string()))
        .await
        .unwrap();
    socket
}

/// Reads a socket until the server closes it, and gives the code.
async fn close_code(mut socket: Socket) -> u16 {
    loop {
        let message = timeout(PATIENCE, socket.next())
            .await
            .expect("the socket stays open");
        match message {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("{other:?} instead of a close frame"),
        }
    }
}

/// Submits claims until the server takes no more, and gives the posts that it acknowledged.
async fn submit_until_it_stops(
    submitter: Submitter,
    claims: Vec<Claim>,
    acknowledged: Arc<AtomicUsize>,
    stopping: Arc<AtomicBool>,
) -> Vec<String> {
    let mut posts = Vec::new();
    for claim in claims {
        match submitter.submit(&claim).await {
            Some(post) => posts.push(post),
            None if stopping.load(Ordering::Relaxed) => break,
            None => panic!("{claim:?} was not acknowledged by a server that runs"),
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    posts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_asked_to_end_under_load_loses_nothing_and_says_goodbye() {
    let place = Place::start().await;
    let (advertiser, affiliate, campaign) = place.app.program(&["INSTAGRAM"]).await;
    let mut slow = Fault::new(Platform::Instagram, FaultKind::Latency);
    slow.latency_ms = 300;
    place.app.world.add_fault(slow);
    let node = Node::start(&place).await;
    let watcher = Client::sign_in(&node.url, &advertiser.api_key).await;
    let closed = tokio::spawn(close_code(subscribed(&watcher).await));
    let client = Client::sign_in(&node.url, &affiliate.api_key).await;
    let submitter = Submitter::new(&node, client.token.as_ref(), &campaign);
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let stopping = Arc::new(AtomicBool::new(false));
    let claims: Vec<Claim> = samples(&place.app, Platform::Instagram, 300, |_| true)
        .into_iter()
        .map(|post| Claim {
            views: 2 * post.figures.views,
            url: post.url,
        })
        .collect();
    let clients: Vec<_> = claims
        .chunks(75)
        .map(|part| {
            tokio::spawn(submit_until_it_stops(
                submitter.clone(),
                part.to_vec(),
                Arc::clone(&acknowledged),
                Arc::clone(&stopping),
            ))
        })
        .collect();
    until("the server is under load", async || {
        acknowledged.load(Ordering::Relaxed) >= 60 && place.app.world.calls("instagram.media") > 0
    })
    .await;
    stopping.store(true, Ordering::Relaxed);
    node.terminate();
    let code = closed.await.unwrap();
    assert!(matches!(code, 1001 | 1012), "closed with {code}");
    assert_eq!(node.ended().await, Some(0));
    let mut posts = Vec::new();
    for client in clients {
        posts.extend(client.await.unwrap());
    }
    assert!(posts.len() < 300, "it was not under load any more");

    // Whatever was being checked is done or back in the queue, with all its attempts.
    let held = "SELECT count(*) FROM mq_msgs WHERE worker_id IS NOT NULL OR attempts < 5";
    assert_eq!(place.number(held).await, 0);
    assert_eq!(place.number("SELECT count(*) FROM queue_workers").await, 0);
    let lost = "SELECT count(*) FROM affiliate_reports r WHERE NOT EXISTS ( \
        SELECT FROM mq_msgs m WHERE (m.payload_json::jsonb ->> 'affiliate_report_id')::bigint = r.id)";
    assert_eq!(place.number(lost).await, 0, "claims without a job");
    let ids: Vec<String> = posts.iter().map(|post| row(post).to_string()).collect();
    let kept = format!(
        "SELECT count(*) FROM posts WHERE id IN ({})",
        ids.join(", ")
    );
    assert_eq!(
        place.number(&kept).await,
        i64::try_from(posts.len()).unwrap()
    );

    place.app.world.clear_faults(None);
    let node = Node::start(&place).await;
    let made = place.number("SELECT count(*) FROM affiliate_reports").await;
    until("every claim has its verdict", async || {
        place.finals().await == made
    })
    .await;
    place.app.settled().await;
    node.stop().await;
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_ends_while_clients_are_still_connected() {
    let place = Place::start().await;
    let node = Node::start(&place).await;
    // A connection that is kept open for the next request, and one that has not said anything.
    let client = Client::anonymous(&node.url);
    assert!(client.post("{ __typename }", json!({})).await.is_object());
    let silent = TcpStream::connect(&place.address).await.unwrap();
    node.stop().await;
    drop((client, silent));
    assert!(TcpStream::connect(&place.address).await.is_err());
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_log_nobody_reads_any_more_can_still_be_stopped() {
    let place = Place::start().await;
    let mut command = place.command(&["serve", "--listen", &place.address]);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    let mut node = Node {
        child,
        url: format!("http://{}", place.address),
    };
    node.ready().await.unwrap();
    node.stop().await;
    place.finish().await;
}
