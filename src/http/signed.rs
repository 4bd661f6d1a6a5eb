//! What the doors for signed deliveries share: the body as it came, byte by byte, since that is what is signed, headers that
//! sign it, and an answer in JSON.

use poem::http::{HeaderMap, StatusCode, header};
use poem::{Body, Response};
use serde_json::Value;

use super::problem::Problem;
use super::transport::{REQUEST_ID_HEADER, RequestId};

/// Longest body, in bytes.
const MAX_BODY: usize = 64 * 1024;

/// A header that comes twice, or is no text: it signs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreadable;

/// The whole body.
///
/// # Errors
/// It is too long, or was broken off.
pub(super) async fn body(body: Body) -> Result<impl AsRef<[u8]>, Problem> {
    body.into_bytes_limit(MAX_BODY).await.map_err(|_| {
        let message = format!("The body is longer than {MAX_BODY} bytes, or was broken off.");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BAD_USER_INPUT", message)
    })
}

/// A header's text, if it is there.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn header<'a>(
    headers: &'a HeaderMap,
    name: &str,
) -> Result<Option<&'a str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unreadable),
        (Some(_), Some(_)) => Err(Unreadable),
    }
}

/// The answer to what was taken.
pub(super) fn answer(answer: &Value, request_id: &RequestId) -> Response {
    Response::builder()
        .header(header::CONTENT_TYPE, "application/json")
        .header(REQUEST_ID_HEADER, request_id.as_str())
        .body(answer.to_string())
}
