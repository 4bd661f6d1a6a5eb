//! From an over-claim to its alert at a subscriber, through the server, the queue, the platform and back.
//!
//! The time is counted from the beginning of the statement that wrote the claim, on the database's clock, so that the
//! commit is part of it. The reference is the least that PostgreSQL takes for such news: a row is committed, a second
//! statement notifies, and a listener has it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::clock::machine_now;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::api::Connection;
use super::options::Options;
use super::postgres::{Database, connect};
use super::program::Server;
use super::report::{Line, Report, Target};
use super::stage::Stage;
use super::submissions::post;

/// Between two over-claims: 20 a second.
const EVERY: Duration = Duration::from_millis(50);
/// How long the last alert may take.
const PATIENCE: Duration = Duration::from_mins(1);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// An alert, and when it came in microseconds of the machine's clock.
type Arrival = (i64, i64);

/// Measures both, once.
pub async fn measure(stage: &Stage, options: &Options, report: &mut Report) -> anyhow::Result<()> {
    let database = stage.postgres.copy(&stage.template).await?;
    let theirs = notified(&database, options.alerts()).await?;
    let server = Server::start(&stage.environment(&database), true, &stage.results).await?;
    let ours = over_claims(stage, options, &server, &database).await?;
    server.stop().await?;
    stage.postgres.remove(database).await?;
    for (name, of_hundred) in [("p50", 50), ("p99", 99)] {
        let mut line = Line::new(
            &format!("alert_{name}"),
            &format!("Submission to alert, {name}, ms"),
            "a commit and NOTIFY alone",
            Target::None,
        );
        line.add(
            percentile(&ours, of_hundred)?,
            Some(percentile(&theirs, of_hundred)?),
        );
        report.add(line);
    }
    Ok(())
}

/// Submits over-claims at a steady pace and gives the milliseconds to each one's alert.
async fn over_claims(
    stage: &Stage,
    options: &Options,
    server: &Server,
    database: &Database,
) -> anyhow::Result<Vec<f64>> {
    let socket = subscribe(server, &stage.people.advertiser).await?;
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let listener = tokio::spawn(listen(socket, arrived));
    let mut ticks = tokio::time::interval(EVERY);
    let mut connections = HashMap::new();
    for number in 0..usize::try_from(options.alerts())? {
        ticks.tick().await;
        // An affiliate may submit a post once: the next one begins where the media end.
        let (url, views) = &stage.media[number % stage.media.len()];
        let submitter = number / stage.media.len();
        let token = stage
            .people
            .submitters
            .get(submitter)
            .context("there are more alerts than posts to over-claim")?;
        let connection = match connections.entry(submitter) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Connection::open(server.address).await?)
            }
        };
        post(
            connection,
            token,
            &stage.people.campaign,
            url,
            views * 2 + 100,
        )
        .await?;
    }
    let wanted = usize::try_from(options.alerts())?;
    let mut at: HashMap<i64, i64> = HashMap::new();
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while at.len() < wanted {
        match tokio::time::timeout_at(deadline, arrivals.recv()).await {
            Ok(Some((alert, micros))) => {
                at.entry(alert).or_insert(micros);
            }
            // The listener says why it ended.
            Ok(None) => break,
            Err(_) => bail!("{} of {wanted} alerts came", at.len()),
        }
    }
    drop(arrivals);
    if at.len() < wanted {
        listener.await??;
        bail!(
            "the subscription ended after {} of {wanted} alerts",
            at.len()
        );
    }
    listener.abort();
    since_submission(database, &at).await
}

/// The milliseconds from each claim to its alert's arrival.
async fn since_submission(database: &Database, at: &HashMap<i64, i64>) -> anyhow::Result<Vec<f64>> {
    let client = connect(&database.url).await?;
    let rows = client
        .query(
            "SELECT a.id, (extract(epoch FROM r.submitted_at) * 1000000)::bigint FROM alerts a \
             JOIN reconciliation_logs l ON l.id = a.reconciliation_id \
             JOIN affiliate_reports r ON r.id = l.affiliate_report_id WHERE a.kind = 'OVERCLAIM'",
            &[],
        )
        .await?;
    let mut milliseconds = Vec::with_capacity(rows.len());
    for row in rows {
        let (alert, submitted): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        let arrived = at
            .get(&alert)
            .context("an over-claim raised an alert that did not come")?;
        milliseconds.push((arrived - submitted) as f64 / 1_000.0);
    }
    ensure!(
        milliseconds.len() == at.len(),
        "{} alerts came for {} over-claims",
        at.len(),
        milliseconds.len()
    );
    Ok(milliseconds)
}

async fn subscribe(server: &Server, token: &str) -> anyhow::Result<Socket> {
    let mut request = format!("ws://{}/graphql", server.address).into_client_request()?;
    request
        .headers_mut()
        .insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await?;
    let authorization = format!("Bearer {token}");
    let init = json!({ "type": "connection_init", "payload": { "authorization": authorization } });
    send(&mut socket, &init).await?;
    expect(&mut socket, "connection_ack").await?;
    let query = "subscription { alertRaised { kind alert { id kind } } }";
    let subscribe = json!({ "id": "1", "type": "subscribe", "payload": { "query": query } });
    send(&mut socket, &subscribe).await?;
    // What was sent before an answered ping is being worked on.
    send(&mut socket, &json!({ "type": "ping" })).await?;
    expect(&mut socket, "pong").await?;
    Ok(socket)
}

async fn send(socket: &mut Socket, message: &Value) -> anyhow::Result<()> {
    Ok(socket.send(Message::text(message.to_string())).await?)
}

async fn expect(socket: &mut Socket, kind: &str) -> anyhow::Result<()> {
    let message = receive(socket).await?;
    ensure!(message["type"] == kind, "instead of {kind} came {message}");
    Ok(())
}

async fn receive(socket: &mut Socket) -> anyhow::Result<Value> {
    loop {
        let message = socket.next().await.context("the socket was closed")??;
        match message {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Close(frame) => bail!("the socket was closed: {frame:?}"),
            _ => {}
        }
    }
}

/// Notes when each alert comes until nobody wants to know any more.
async fn listen(mut socket: Socket, arrived: mpsc::UnboundedSender<Arrival>) -> anyhow::Result<()> {
    loop {
        let message = receive(&mut socket).await?;
        let micros = machine_now().timestamp_micros();
        match message["type"].as_str() {
            Some("ping") => {
                send(&mut socket, &json!({ "type": "pong" })).await?;
                continue;
            }
            Some("next") => {}
            _ => bail!("instead of an alert came {message}"),
        }
        let event = &message["payload"]["data"]["alertRaised"];
        let alert = alert_row(&event["alert"]["id"])
            .with_context(|| format!("an event of another form: {message}"))?;
        let raised = event["kind"] == "RAISED" && event["alert"]["kind"] == "OVERCLAIM";
        if raised && arrived.send((alert, micros)).is_err() {
            return Ok(());
        }
    }
}

/// The row behind an alert's global id.
fn alert_row(id: &Value) -> Option<i64> {
    let decoded = URL_SAFE_NO_PAD.decode(id.as_str()?).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.strip_prefix("Alert:")?.parse().ok()
}

/// The milliseconds from the beginning of a commit to the notification that follows it.
async fn notified(database: &Database, count: u32) -> anyhow::Result<Vec<f64>> {
    let (listener, mut connection) = tokio_postgres::connect(&database.url, NoTls).await?;
    let (heard, mut notifications) = mpsc::unbounded_channel();
    let listening = tokio::spawn(async move {
        let mut messages =
            futures_util::stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if matches!(message, AsyncMessage::Notification(_))
                && heard.send(Instant::now()).is_err()
            {
                return;
            }
        }
    });
    listener.batch_execute("LISTEN bench").await?;
    let client = connect(&database.url).await?;
    client
        .batch_execute("CREATE TABLE bench_news (id bigint PRIMARY KEY)")
        .await?;
    let insert = client.prepare("INSERT INTO bench_news VALUES ($1)").await?;
    let notify = client.prepare("SELECT pg_notify('bench', '')").await?;
    let mut milliseconds = Vec::new();
    for number in 0..i64::from(count) {
        let begun = Instant::now();
        client.execute(&insert, &[&number]).await?;
        client.execute(&notify, &[]).await?;
        let at = tokio::time::timeout(PATIENCE, notifications.recv())
            .await
            .context("a notification did not come")?
            .context("the listening connection ended")?;
        milliseconds.push(at.duration_since(begun).as_secs_f64() * 1_000.0);
    }
    drop(listener);
    listening.abort();
    Ok(milliseconds)
}

/// The value that so many of a hundred do not exceed, by nearest rank.
fn percentile(values: &[f64], of_hundred: usize) -> anyhow::Result<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let rank = (sorted.len() * of_hundred).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .context("nothing was measured")
}
