//! What GraphQL over HTTP and GraphQL over WebSocket share, and the endpoint in front of both.
//!
//! The transport knows neither the schema nor who the callers are: it runs any
//! [`async_graphql::Executor`] and asks an [`Authenticator`] about credentials. It exists because
//! the endpoints that come with the library run mutations over GET, read bodies and batches without
//! bounds, and close sockets with codes that the protocol does not know.
//!
//! It fails towards the caller only: a refused request is answered in the shape of GraphQL, a
//! refused socket is closed with a code of graphql-transport-ws, and what went wrong inside is
//! logged with the request id, never sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::Executor;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use poem::http::HeaderMap;
use poem::{Endpoint, Request, Response};
use uuid::Uuid;

pub use super::graphql_ws::SocketTracker;
pub use super::origin::AllowedOrigins;
use super::{graphql_http, graphql_ws};

/// The header that carries a request id, in both directions.
pub(super) const REQUEST_ID_HEADER: &str = "x-request-id";

/// Longest request id that is taken from a client, in characters.
const MAX_REQUEST_ID: usize = 64;

/// Bounds on what one client can make the server do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest request body and longest WebSocket message, in bytes. Default 262,144.
    pub message_bytes: usize,
    /// How long a request body may take to arrive. Default 15 s.
    pub body_read: Duration,
    /// How long a query or a mutation may run, and how long credentials may take to be checked.
    /// Default 30 s.
    pub execution: Duration,
    /// Most tokens in one document. Default 15,000.
    pub tokens: usize,
    /// Deepest nesting of brackets in a document, and of selections once fragments are expanded.
    /// Default 64, which is what the parser itself allows for selections.
    pub nesting: usize,
    /// Most selections in one document once fragments are expanded. Default 2,000.
    pub selections: usize,
    /// Most fields at the root of one operation once fragments are expanded. Default 20.
    pub root_fields: usize,
    /// Most aliases in one document. Default 30.
    pub aliases: usize,
    /// Most directives in one document. Default 50.
    pub directives: usize,
    /// Most sockets open at once. Default 10,000.
    pub sockets: usize,
    /// Most operations that run at once on one socket. Default 100.
    pub operations_per_socket: usize,
    /// Messages that wait to be written to one socket; an operation that finds no room waits.
    /// Default 64.
    pub queued_messages: usize,
    /// How long a socket may take to send `connection_init`. Default 3 s.
    pub connection_init: Duration,
    /// How often the credentials of an open socket are checked again, for those that were revoked. Default 3 s.
    pub recheck: Duration,
    /// How often the server pings a socket. Default 12 s.
    pub ping: Duration,
    /// How long a socket may be silent, pongs included, before it is closed. Default 30 s.
    pub silence: Duration,
    /// How long one message may take to be written to a socket. Default 10 s.
    pub write: Duration,
    /// How long the closing of a socket may take, once for the last frame and once for the answer
    /// to it. Default 2 s.
    pub close: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes: 256 * 1024,
            body_read: Duration::from_secs(15),
            execution: Duration::from_secs(30),
            tokens: 15_000,
            nesting: 64,
            selections: 2_000,
            root_fields: 20,
            aliases: 30,
            directives: 50,
            sockets: 10_000,
            operations_per_socket: 100,
            queued_messages: 64,
            connection_init: Duration::from_secs(3),
            recheck: Duration::from_secs(3),
            ping: Duration::from_secs(12),
            silence: Duration::from_secs(30),
            write: Duration::from_secs(10),
            close: Duration::from_secs(2),
        }
    }
}

/// Names one request in its answer and in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// A new id: a UUID of version 7.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    /// The id in the `x-request-id` header if it has 1 to 64 characters out of `A-Z`, `a-z`, `0-9`,
    /// `.`, `_` and `-`; a new one otherwise, so that no client writes what it likes into the log.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        headers
            .get(REQUEST_ID_HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_sane(text))
            .map_or_else(Self::generate, |text| Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_sane(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !id.is_empty() && id.len() <= MAX_REQUEST_ID && id.bytes().all(allowed)
}

/// Who a caller is, and for how long.
#[derive(Debug, Clone)]
pub struct Session<V> {
    /// What the credentials say of the caller.
    pub viewer: V,
    /// When the credentials end; a socket is closed then. None: not before the socket does.
    pub expires_at: Option<DateTime<Utc>>,
}

/// Why credentials were not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthFailure {
    /// The credentials are malformed, unknown, revoked or expired: 401, or close code 4403.
    #[error("the credentials are not valid")]
    Invalid,
    /// Whether they are valid cannot be found out now: 503, or close code 1013.
    #[error("the credentials cannot be checked at the moment")]
    Unavailable,
}

/// Knows the callers, and what the schema wants to find in a request.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// What is known of a caller.
    type Viewer: Send + Sync + 'static;

    /// Checks the value of an `Authorization` header, or what a socket sent in its place.
    /// `Ok(None)` means that no credentials were given: the caller is anonymous, and operations
    /// that need more refuse by themselves.
    ///
    /// # Errors
    /// [`AuthFailure`] if there are credentials and they are not accepted.
    async fn authenticate(
        &self,
        authorization: Option<&str>,
    ) -> Result<Option<Session<Self::Viewer>>, AuthFailure>;

    /// Puts into a request what its resolvers look up in the context: the viewer, the request id,
    /// fresh loaders. Called once for each operation, on a socket too.
    fn prepare(
        &self,
        request: async_graphql::Request,
        session: Option<&Session<Self::Viewer>>,
        request_id: &RequestId,
    ) -> async_graphql::Request;
}

/// What can be set of a [`Transport`].
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Bounds on what one client can make the server do.
    pub limits: Limits,
    /// The web pages that may open a socket.
    pub origins: AllowedOrigins,
    /// Counts the open sockets, and closes them when the server stops.
    pub sockets: SocketTracker,
}

/// GraphQL over HTTP and over WebSocket on one path. Cheap to clone.
pub struct Transport<E, A> {
    shared: Arc<Shared<E, A>>,
}

/// What every request and every socket needs.
pub(super) struct Shared<E, A> {
    pub executor: E,
    pub authenticator: A,
    pub limits: Limits,
    pub origins: AllowedOrigins,
    pub sockets: SocketTracker,
}

impl<E: Executor, A: Authenticator> Transport<E, A> {
    /// An endpoint that runs operations on `executor` for the callers that `authenticator` knows.
    pub fn new(executor: E, authenticator: A, settings: Settings) -> Self {
        let Settings {
            limits,
            origins,
            sockets,
        } = settings;
        Self {
            shared: Arc::new(Shared {
                executor,
                authenticator,
                limits,
                origins,
                sockets,
            }),
        }
    }
}

impl<E, A> Clone for Transport<E, A> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<E: Executor, A: Authenticator> Endpoint for Transport<E, A> {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if graphql_ws::is_upgrade(&request) {
            Ok(graphql_ws::upgrade(&self.shared, request).await)
        } else {
            Ok(graphql_http::answer(&self.shared, request).await)
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    fn id_of(value: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(
            REQUEST_ID_HEADER,
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        RequestId::from_headers(&headers)
    }

    #[test]
    fn a_sane_request_id_of_the_client_is_kept() {
        assert_eq!(id_of("Trace-1.a_B").as_str(), "Trace-1.a_B");
    }

    #[test]
    fn any_other_request_id_is_replaced_by_a_uuid_of_version_7() {
        let long = "a".repeat(MAX_REQUEST_ID + 1);
        for value in ["", "a b", "a\u{e9}", "<script>", long.as_str()] {
            let id = id_of(value);
            let uuid = Uuid::parse_str(id.as_str()).unwrap();
            assert_eq!(uuid.get_version_num(), 7, "for {value:?}");
        }
        assert_ne!(RequestId::generate(), RequestId::generate());
    }
}
