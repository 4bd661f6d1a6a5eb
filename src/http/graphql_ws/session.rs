//! One socket, from the upgrade to the close frame.
//!
//! The session is over when the first of these has something to say: the tracker (the server
//! ends), an operation or the writer (the client is too slow), the clock (the token has expired),
//! or the reader (what the client did, or that it is gone). Then everything else stops, and only
//! the close frame is written.

use std::io;
use std::sync::Arc;

use async_graphql::Executor;
use chrono::{DateTime, Utc};
use futures_util::stream::SplitStream;
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use poem::web::websocket::Message;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::operation::Operations;
use super::protocol::{self, ClientMessage, Close, Payload};
use super::writer::write;
use crate::clock::machine_now;
use crate::http::transport::{AuthFailure, Authenticator, Session, Shared};

/// Why a session is over.
#[derive(Debug)]
pub(super) enum End {
    /// The server closes the socket.
    Close(Close),
    /// The client has closed it, or cannot be reached.
    Gone,
}

/// Serves one socket until it is closed. `is_offered` says whether the client speaks the
/// subprotocol at all.
pub(super) async fn serve<S, E, A>(socket: S, shared: Arc<Shared<E, A>>, is_offered: bool)
where
    S: Stream<Item = io::Result<Message>> + Sink<Message, Error = io::Error> + Send + 'static,
    E: Executor,
    A: Authenticator,
{
    let (sink, stream) = socket.split();
    let (outbox, messages) = mpsc::channel(shared.limits.queued_messages.max(1));
    let (ends, mut ended) = mpsc::channel(1);
    let stop = CancellationToken::new();
    let limits = shared.limits.clone();
    let writer = tokio::spawn(write(sink, messages, stop.clone(), ends.clone(), limits));
    let operations = Operations::new(Arc::clone(&shared), outbox.clone(), ends);
    let mut conversation = Conversation {
        stream,
        outbox,
        operations,
        shared,
    };

    let closing = conversation.shared.sockets.closing().clone();
    let end = if is_offered {
        tokio::select! {
            biased;
            () = closing.cancelled() => End::Close(Close::restarting()),
            Some(end) = ended.recv() => end,
            end = conversation.hold() => end,
        }
    } else {
        End::Close(Close::subprotocol())
    };

    stop.cancel();
    let sink = writer.await;
    conversation.operations.shut_down().await;
    let patience = conversation.shared.limits.close;
    if let (End::Close(close), Ok(mut sink)) = (end, sink) {
        tracing::debug!(code = close.code, reason = %close.reason, "a socket is closed");
        let frame = Message::close_with(close.code, close.reason);
        if !matches!(timeout(patience, sink.send(frame)).await, Ok(Ok(()))) {
            tracing::debug!("the client was gone before it could be told why");
        }
    }
    // The answer to the close frame. Closing the connection with it unread would reset it, and
    // the client would lose what it has not read yet.
    let rest = async { while let Some(Ok(_)) = conversation.stream.next().await {} };
    if timeout(patience, rest).await.is_err() {
        tracing::debug!("the client did not answer the close frame");
    }
}

/// Ends a session from outside its reader. Only the first reason counts.
pub(super) fn report(ends: &mpsc::Sender<End>, end: End) {
    if ends.try_send(end).is_err() {
        tracing::trace!("the session is over already");
    }
}

struct Conversation<S, E, A: Authenticator> {
    stream: SplitStream<S>,
    outbox: mpsc::Sender<String>,
    operations: Operations<E, A>,
    shared: Arc<Shared<E, A>>,
}

impl<S, E, A> Conversation<S, E, A>
where
    S: Stream<Item = io::Result<Message>> + Send,
    E: Executor,
    A: Authenticator,
{
    async fn hold(&mut self) -> End {
        let (session, authorization) = match self.open().await {
            Ok(opened) => opened,
            Err(end) => return end,
        };
        let shared = Arc::clone(&self.shared);
        let expires_at = session.as_ref().and_then(|session| session.expires_at);
        self.operations.set_session(session);
        tokio::select! {
            biased;
            () = until(expires_at) => End::Close(Close::expired()),
            () = until_refused(&*shared, authorization) => End::Close(Close::forbidden()),
            end = self.obey() => end,
        }
    }

    /// Waits for `connection_init` and accepts it.
    async fn open(&mut self) -> Result<(Option<Session<A::Viewer>>, Option<String>), End> {
        let deadline = Instant::now() + self.shared.limits.connection_init;
        loop {
            let Ok(received) = timeout_at(deadline, self.stream.next()).await else {
                return Err(End::Close(Close::init_timeout()));
            };
            match self.read(received)? {
                Some(ClientMessage::ConnectionInit(payload)) => {
                    let opened = self.authenticate(payload).await?;
                    self.reply(protocol::connection_ack()).await?;
                    return Ok(opened);
                }
                Some(ClientMessage::Ping(payload)) => self.reply(protocol::pong(payload)).await?,
                Some(ClientMessage::Subscribe { .. }) => {
                    return Err(End::Close(Close::unauthorized()));
                }
                Some(ClientMessage::Pong | ClientMessage::Complete { .. }) | None => {}
            }
        }
    }

    /// The session, and the credentials that it began with.
    async fn authenticate(
        &mut self,
        payload: Payload,
    ) -> Result<(Option<Session<A::Viewer>>, Option<String>), End> {
        let Ok(authorization) = protocol::authorization(payload) else {
            return Err(End::Close(Close::forbidden()));
        };
        let check = self
            .shared
            .authenticator
            .authenticate(authorization.as_deref());
        match timeout(self.shared.limits.execution, check).await {
            Ok(Ok(session)) => Ok((session, authorization)),
            Ok(Err(AuthFailure::Invalid)) => Err(End::Close(Close::forbidden())),
            Ok(Err(AuthFailure::Unavailable)) | Err(_) => Err(End::Close(Close::unavailable())),
        }
    }

    /// Does what the client says until the session is over.
    async fn obey(&mut self) -> End {
        loop {
            let silence = self.shared.limits.silence;
            let Ok(received) = timeout(silence, self.stream.next()).await else {
                return End::Close(Close::silent());
            };
            if let Err(end) = self.handle(received).await {
                return end;
            }
        }
    }

    async fn handle(&mut self, received: Option<io::Result<Message>>) -> Result<(), End> {
        match self.read(received)? {
            Some(ClientMessage::ConnectionInit(_)) => Err(End::Close(Close::second_init())),
            Some(ClientMessage::Ping(payload)) => self.reply(protocol::pong(payload)).await,
            Some(ClientMessage::Subscribe { id, params }) => {
                self.operations.start(id, params).await
            }
            Some(ClientMessage::Complete { id }) => {
                self.operations.cancel(&id);
                Ok(())
            }
            Some(ClientMessage::Pong) | None => Ok(()),
        }
    }

    /// Waits for room in the queue. Meanwhile nothing is read: a client that asks faster than it
    /// reads has to wait as well.
    async fn reply(&mut self, message: String) -> Result<(), End> {
        self.outbox.send(message).await.map_err(|_| End::Gone)
    }

    /// Reads what came. None for a frame that only shows that the client is there.
    fn read(&self, received: Option<io::Result<Message>>) -> Result<Option<ClientMessage>, End> {
        let most = self.shared.limits.message_bytes;
        match received {
            Some(Ok(Message::Text(text))) if text.len() > most => {
                Err(End::Close(Close::too_long(most)))
            }
            Some(Ok(Message::Text(text))) => protocol::parse(&text).map(Some).map_err(End::Close),
            Some(Ok(Message::Binary(_))) => Err(End::Close(Close::binary())),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
            // A fault of the connection has a kind; what the client did against the rules has not.
            Some(Err(error)) if error.kind() == io::ErrorKind::Other => {
                Err(End::Close(Close::broken_frame()))
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => Err(End::Gone),
        }
    }
}

/// Waits until credentials end. Never, for those that do not.
async fn until(expires_at: Option<DateTime<Utc>>) {
    match expires_at {
        Some(at) => sleep((at - machine_now()).to_std().unwrap_or_default()).await,
        None => std::future::pending().await,
    }
}

/// Waits until credentials are refused that were accepted before: somebody revoked them. Never, where there are none.
async fn until_refused<E, A: Authenticator>(shared: &Shared<E, A>, authorization: Option<String>) {
    let Some(authorization) = authorization else {
        return std::future::pending().await;
    };
    loop {
        sleep(shared.limits.recheck).await;
        // What cannot be checked now holds until it can.
        let check = shared.authenticator.authenticate(Some(&authorization));
        if matches!(check.await, Err(AuthFailure::Invalid)) {
            return;
        }
    }
}
