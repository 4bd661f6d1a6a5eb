//! Writes to one socket. Nothing else does, until the session takes the sink back to close it, so
//! that no frame can follow the close frame.
//!
//! All operations of a socket share one bounded queue. One that finds it full waits in line, in the
//! order of asking, and so a hot stream cannot starve the others; and one client that does not
//! read holds no more than the queue in memory.

use std::io;
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{Sink, SinkExt};
use poem::web::websocket::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_util::sync::CancellationToken;

use super::protocol::Close;
use super::session::{End, report};
use crate::http::transport::Limits;

/// Writes queued messages, and pings, until `stop` is cancelled or writing fails; the reason for
/// the latter goes to `ends`. Hands the sink back.
///
/// The pings are those of WebSocket itself, not the messages of the subprotocol: browsers answer
/// them without running the page's script, so that a page in the background, whose timers hardly
/// run, is not taken for gone.
pub(super) async fn write<S>(
    mut sink: SplitSink<S, Message>,
    mut messages: mpsc::Receiver<String>,
    stop: CancellationToken,
    ends: mpsc::Sender<End>,
    limits: Limits,
) -> SplitSink<S, Message>
where
    S: Sink<Message, Error = io::Error>,
{
    // An interval of nothing would panic.
    let period = limits.ping.max(Duration::from_millis(1));
    let mut pings = interval_at(Instant::now() + period, period);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => return sink,
            _ = pings.tick() => Message::Ping(Vec::new()),
            message = messages.recv() => match message {
                Some(text) => Message::Text(text),
                None => return sink,
            },
        };
        // A message that is dropped half-way is not torn: the layer below keeps what it was given
        // and writes it before anything else.
        let written = tokio::select! {
            biased;
            () = stop.cancelled() => return sink,
            written = timeout(limits.write, sink.send(message)) => written,
        };
        let end = match written {
            Ok(Ok(())) => continue,
            Ok(Err(_)) => End::Gone,
            Err(_) => End::Close(Close::slow_reader()),
        };
        report(&ends, end);
        return sink;
    }
}
