//! GraphQL over WebSocket, as the subprotocol graphql-transport-ws
//! (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>).
//!
//! The pieces: `protocol` knows the messages and the close codes and does no I/O; `session` reads
//! one socket and decides when it ends; `operation` runs one operation in a task of its own;
//! `writer` is the only one that writes. A socket that does what the protocol forbids is closed
//! with the code that the protocol names; an operation that fails ends alone.
//!
//! An upgraded socket is no longer the HTTP server's: it would be cut when the process ends. The
//! [`SocketTracker`] knows the open ones and closes them first.

mod operation;
mod protocol;
mod session;
mod writer;

use std::sync::Arc;

use async_graphql::Executor;
use poem::http::header::{self, HeaderMap};
use poem::http::{Method, StatusCode};
use poem::web::websocket::{WebSocket, WebSocketConfig};
use poem::{FromRequest, IntoResponse, Request, Response};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::graphql_error::{FORBIDDEN, UNAVAILABLE};
use super::graphql_http::{Refusal, mark};
use super::negotiation::MediaType;
use super::transport::{Authenticator, Limits, RequestId, Shared};

/// The name of the subprotocol.
const SUBPROTOCOL: &str = "graphql-transport-ws";

/// The buffer that each socket has from the start, in bytes. The library's default of 128 KiB would
/// be most of the memory of an idle subscriber.
const READ_BUFFER: usize = 8 * 1024;

/// Knows the open sockets, so that a server can close them before it ends. Clones are the same
/// tracker.
#[derive(Debug, Clone, Default)]
pub struct SocketTracker {
    tracker: TaskTracker,
    closing: CancellationToken,
}

impl SocketTracker {
    /// How many sockets are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.tracker.len()
    }

    /// Closes every open socket, and each that is opened later, with 1012: clients connect again.
    pub fn shut_down(&self) {
        self.closing.cancel();
        self.tracker.close();
    }

    /// Waits until no socket is open. Only after [`SocketTracker::shut_down`] does this end; then
    /// it takes about as long as the slowest reader is given to close, see
    /// [`Limits::close`](super::transport::Limits::close).
    pub async fn closed(&self) {
        self.tracker.wait().await;
    }

    fn open(&self) -> TaskTrackerToken {
        self.tracker.token()
    }

    fn closing(&self) -> &CancellationToken {
        &self.closing
    }
}

/// Whether a request wants to become a socket.
pub(super) fn is_upgrade(request: &Request) -> bool {
    request.method() == Method::GET
        && request
            .header("upgrade")
            .is_some_and(|protocol| protocol.trim().eq_ignore_ascii_case("websocket"))
}

/// Turns a request into a socket, or says why not.
pub(super) async fn upgrade<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    request: Request,
) -> Response {
    let request_id = RequestId::from_headers(request.headers());
    if let Err(refusal) = admit(shared, &request) {
        return refusal.render(MediaType::Json, &request_id);
    }
    let is_offered = offers_subprotocol(request.headers());
    let (request, mut body) = request.split();
    let socket = match WebSocket::from_request(&request, &mut body).await {
        Ok(socket) => socket,
        Err(error) => {
            let refusal = Refusal::bad_request(format!("This is no WebSocket handshake: {error}."));
            return refusal.render(MediaType::Json, &request_id);
        }
    };
    let open = shared.sockets.open();
    let shared = Arc::clone(shared);
    let mut answer = socket
        .protocols([SUBPROTOCOL])
        .config(config(&shared.limits))
        .on_upgrade(move |socket| async move {
            session::serve(socket, shared, is_offered).await;
            drop(open);
        })
        .into_response();
    mark(&mut answer, &request_id);
    answer
}

fn admit<E, A>(shared: &Shared<E, A>, request: &Request) -> Result<(), Refusal> {
    if !shared
        .origins
        .allow(request.header("origin"), request.header("host"))
    {
        let message = "Pages of this origin may not open a socket.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, FORBIDDEN, message));
    }
    if shared.sockets.count() >= shared.limits.sockets {
        let message = "Too many sockets are open.";
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            message,
        ));
    }
    Ok(())
}

/// Whether the client offers the subprotocol. One that does not is let in and closed with 4406,
/// since a browser does not show a script why a handshake failed.
fn offers_subprotocol(headers: &HeaderMap) -> bool {
    headers
        .get(header::SEC_WEBSOCKET_PROTOCOL)
        .and_then(|offered| offered.to_str().ok())
        .is_some_and(|offered| offered.split(',').any(|name| name.trim() == SUBPROTOCOL))
}

/// Longer messages than are allowed still come through, up to a bound, because the session can
/// close with a code that says so and the layer below cannot.
fn config(limits: &Limits) -> WebSocketConfig {
    let longest = Some(limits.message_bytes.saturating_mul(4));
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .max_message_size(longest)
        .max_frame_size(longest)
}
