//! Runs one query or mutation so that it always ends and always has an answer.
//!
//! A resolver that panics or never returns costs its own request, not the connection or the
//! socket that it came through.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use async_graphql::{Executor, Request, Response};
use futures_util::FutureExt;
use tracing::Instrument as _;

use super::graphql_error::{INTERNAL, TIMEOUT, coded};
use super::transport::RequestId;

/// Executes a request, for at most `limit`. What it was doing is dropped when the limit passes: a
/// transaction that was not committed then is rolled back. The response still has to be finished.
pub(super) async fn run<E: Executor>(
    executor: &E,
    request: Request,
    limit: Duration,
    request_id: &RequestId,
) -> Response {
    // Whatever is logged on the way carries the id that the answer carries.
    let span = tracing::info_span!("operation", %request_id);
    let execution = AssertUnwindSafe(executor.execute(request).instrument(span)).catch_unwind();
    match tokio::time::timeout(limit, execution).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(&*panic),
        Err(_) => {
            let seconds = limit.as_secs_f64();
            tracing::warn!(%request_id, seconds, "an operation was given up");
            let message = format!("The operation took longer than {seconds} seconds.");
            Response::from_errors(vec![coded(TIMEOUT, message)])
        }
    }
}

/// The response of an operation that panicked. Its text is for the log; finishing the response
/// puts it there and takes it out.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text");
    Response::from_errors(vec![coded(INTERNAL, format!("panicked: {text}"))])
}
