//! What the doors for signed deliveries share: the body as it came, byte by byte, since that is what is signed, headers that
//! sign it, and an answer in JSON.

use std::time::Duration;

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

/// The whole body. Whoever sends it is not known yet, so it has to arrive within a time.
///
/// # Errors
/// It is too long, took too long, or was broken off.
pub(super) async fn body(body: Body, within: Duration) -> Result<impl AsRef<[u8]>, Problem> {
    let Ok(read) = tokio::time::timeout(within, body.into_bytes_limit(MAX_BODY)).await else {
        let message = format!("The body did not arrive within {} s.", within.as_secs_f64());
        return Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "BAD_USER_INPUT",
            message,
        ));
    };
    read.map_err(|_| {
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

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_body_that_does_not_arrive_is_not_waited_for() {
        let never = stream::pending::<Result<Vec<u8>, std::io::Error>>();
        let problem = body(Body::from_bytes_stream(never), Duration::from_millis(1))
            .await
            .err()
            .unwrap();
        let answer = problem.render(&RequestId::generate());
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
        let read = body(Body::from("{}"), Duration::from_secs(10)).await;
        assert!(read.is_ok_and(|read| read.as_ref() == b"{}"));
    }
}
