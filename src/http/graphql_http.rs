//! GraphQL over HTTP: `GET` for queries, `POST` for queries and mutations, one request each.
//!
//! It follows the draft specification (<https://graphql.github.io/graphql-over-http/draft/>), and
//! passes every audit of the npm package `graphql-http`; `tests/graphql-http` runs them.
//!
//! A request that is not understood is answered with the status that says why. One that is
//! understood and refused as a whole has no `data`, and its status depends on the media type that
//! the client accepts; one that ran is a 200, whatever its fields say.

use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Response as GraphqlResponse, ServerError, Value};
use async_graphql_poem::GraphQLResponse;
use poem::error::ReadBodyError;
use poem::http::header::{self, HeaderMap, HeaderValue};
use poem::http::{Method, StatusCode};
use poem::{Body, IntoResponse, Request, Response};
use serde::Serialize;
use tokio::time::timeout;

use super::graphql_error::{
    BAD_USER_INPUT, INTERNAL, RATE_LIMITED, TIMEOUT, UNAUTHENTICATED, UNAVAILABLE, code_of, coded,
    finish, is_request_error,
};
use super::negotiation::{self, MediaType, negotiate};
use super::params::Params;
use super::transport::{
    AuthFailure, Authenticator, Limits, REQUEST_ID_HEADER, RequestId, Session, Shared,
};
use super::{document, execution};

/// Answers one request that is not an upgrade.
pub(super) async fn answer<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    request: Request,
) -> Response {
    let request_id = RequestId::from_headers(request.headers());
    let accepted = negotiate(request.headers());
    let media_type = accepted.unwrap_or(MediaType::Json);
    match respond(shared, request, accepted, &request_id).await {
        Ok(response) => {
            let response = finish(response, &request_id);
            let status = status_of(&response, media_type);
            render(response, status, media_type, &request_id)
        }
        Err(refusal) => refusal.render(media_type, &request_id),
    }
}

async fn respond<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    mut request: Request,
    accepted: Option<MediaType>,
    request_id: &RequestId,
) -> Result<GraphqlResponse, Refusal> {
    let is_get = request.method() == Method::GET;
    if !is_get && request.method() != Method::POST {
        return Err(Refusal::method_not_allowed(
            "GET, POST",
            "Only GET and POST are served.",
        ));
    }
    if accepted.is_none() {
        return Err(Refusal::new(
            StatusCode::NOT_ACCEPTABLE,
            BAD_USER_INPUT,
            "Answers are application/graphql-response+json or application/json.",
        ));
    }
    let session = authenticate(shared, request.headers()).await?;
    let params = if is_get {
        Params::from_query_string(request.uri().query().unwrap_or_default())
            .map_err(Refusal::bad_request)?
    } else {
        read_body(&mut request, &shared.limits).await?
    };
    let prepared = match document::prepare(params, &shared.limits) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(GraphqlResponse::from_errors(vec![error])),
    };
    match prepared.operation {
        // Links and images can make a browser send a GET with the user's rights.
        Some(OperationType::Mutation | OperationType::Subscription) if is_get => {
            return Err(Refusal::method_not_allowed(
                "POST",
                "GET serves queries only.",
            ));
        }
        Some(OperationType::Subscription) => {
            let message = "Subscriptions are served over WebSocket, as graphql-transport-ws.";
            return Ok(GraphqlResponse::from_errors(vec![coded(
                BAD_USER_INPUT,
                message,
            )]));
        }
        _ => {}
    }
    let request = shared
        .authenticator
        .prepare(prepared.request, session.as_ref(), request_id);
    Ok(execution::run(
        &shared.executor,
        request,
        shared.limits.execution,
        request_id,
    )
    .await)
}

async fn authenticate<E: Executor, A: Authenticator>(
    shared: &Shared<E, A>,
    headers: &HeaderMap,
) -> Result<Option<Session<A::Viewer>>, Refusal> {
    let authorization = match headers.get(header::AUTHORIZATION).map(HeaderValue::to_str) {
        None => None,
        Some(Ok(text)) => Some(text),
        Some(Err(_)) => return Err(Refusal::unauthenticated()),
    };
    let check = shared.authenticator.authenticate(authorization);
    match timeout(shared.limits.execution, check).await {
        Ok(Ok(session)) => Ok(session),
        Ok(Err(AuthFailure::Invalid)) => Err(Refusal::unauthenticated()),
        Ok(Err(AuthFailure::Unavailable)) | Err(_) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            UNAVAILABLE,
            "Credentials cannot be checked at the moment.",
        )),
    }
}

async fn read_body(request: &mut Request, limits: &Limits) -> Result<Params, Refusal> {
    if !negotiation::is_json(request.content_type()) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            BAD_USER_INPUT,
            "The content type of a request must be application/json, in UTF-8.",
        ));
    }
    let body = request.take_body().into_bytes_limit(limits.message_bytes);
    let bytes = match timeout(limits.body_read, body).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(ReadBodyError::PayloadTooLarge)) => {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                BAD_USER_INPUT,
                format!("A request may have at most {} bytes.", limits.message_bytes),
            ));
        }
        Ok(Err(_)) => return Err(Refusal::bad_request("The body could not be read.")),
        Err(_) => {
            return Err(Refusal::new(
                StatusCode::REQUEST_TIMEOUT,
                TIMEOUT,
                "The body took too long to arrive.",
            ));
        }
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request(format!("The body is not valid JSON: {error}.")))?;
    Params::from_json(value).map_err(Refusal::bad_request)
}

/// The status of a response. Only where nothing came of the request does it differ from 200.
fn status_of(response: &GraphqlResponse, media_type: MediaType) -> StatusCode {
    if response.errors.is_empty() || response.data != Value::Null {
        return StatusCode::OK;
    }
    let is = |code: &'static str| move |error: &ServerError| code_of(error) == Some(code);
    let mut errors = response.errors.iter();
    if errors.clone().all(is(RATE_LIMITED)) {
        StatusCode::TOO_MANY_REQUESTS
    } else if errors.clone().all(is(UNAVAILABLE)) {
        StatusCode::SERVICE_UNAVAILABLE
    } else if !is_request_error(response) {
        StatusCode::OK
    } else if errors.clone().any(is(INTERNAL)) {
        StatusCode::INTERNAL_SERVER_ERROR
    } else if errors.any(is(TIMEOUT)) {
        StatusCode::GATEWAY_TIMEOUT
    } else {
        match media_type {
            MediaType::GraphqlResponse => StatusCode::BAD_REQUEST,
            MediaType::Json => StatusCode::OK,
        }
    }
}

/// Writes a finished response.
fn render(
    response: GraphqlResponse,
    status: StatusCode,
    media_type: MediaType,
    request_id: &RequestId,
) -> Response {
    let retry_after = retry_after(&response, status);
    let mut answer = if is_request_error(&response) {
        without_data(response)
    } else {
        GraphQLResponse(response).into_response()
    };
    answer.set_status(status);
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, media_type.content_type());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    mark(&mut answer, request_id);
    answer
}

/// Puts the request id into the headers of an answer.
pub(super) fn mark(answer: &mut Response, request_id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(request_id.as_str()) {
        answer.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
}

/// A response without `data`, which says that nothing ran. The library always writes it.
fn without_data(response: GraphqlResponse) -> Response {
    #[derive(Serialize)]
    struct WithoutData {
        errors: Vec<ServerError>,
    }
    match Body::from_json(WithoutData {
        errors: response.errors,
    }) {
        Ok(body) => {
            let mut answer = Response::builder().body(body);
            answer.headers_mut().extend(response.http_headers);
            answer
        }
        Err(error) => {
            tracing::error!(%error, "a response could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// The seconds after which a caller that was limited may come again, from `retryAfterMs` of the
/// error that asks for the longest wait.
fn retry_after(response: &GraphqlResponse, status: StatusCode) -> Option<u64> {
    if status != StatusCode::TOO_MANY_REQUESTS {
        return None;
    }
    let wait = |error: &ServerError| match error.extensions.as_ref()?.get("retryAfterMs")? {
        Value::Number(milliseconds) => milliseconds.as_u64(),
        _ => None,
    };
    let milliseconds = response.errors.iter().filter_map(wait).max()?;
    Some(milliseconds.div_ceil(1_000).max(1))
}

/// Why a request was not even looked at as GraphQL.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    header: Option<(&'static str, &'static str)>,
}

impl Refusal {
    /// A refusal with a status, a code and a sentence for the client.
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            header: None,
        }
    }

    /// A request that is malformed.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, BAD_USER_INPUT, message)
    }

    fn method_not_allowed(allowed: &'static str, message: &'static str) -> Self {
        let header = Some(("allow", allowed));
        Self {
            header,
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, BAD_USER_INPUT, message)
        }
    }

    fn unauthenticated() -> Self {
        let header = Some(("www-authenticate", "Bearer error=\"invalid_token\""));
        let message = "The credentials are not valid.";
        Self {
            header,
            ..Self::new(StatusCode::UNAUTHORIZED, UNAUTHENTICATED, message)
        }
    }

    /// The answer to the client.
    pub(super) fn render(self, media_type: MediaType, request_id: &RequestId) -> Response {
        let response = GraphqlResponse::from_errors(vec![coded(self.code, self.message)]);
        let response = finish(response, request_id);
        let mut answer = render(response, self.status, media_type, request_id);
        if let Some((name, value)) = self.header {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::PathSegment;

    use super::*;

    fn statuses(response: &GraphqlResponse) -> (u16, u16) {
        let status = |media_type| status_of(response, media_type).as_u16();
        (status(MediaType::GraphqlResponse), status(MediaType::Json))
    }

    fn with_code(code: &str, at_a_field: bool) -> GraphqlResponse {
        let mut error = coded(code, "no");
        if at_a_field {
            error.path = vec![PathSegment::Field("a".to_owned())];
        }
        GraphqlResponse::from_errors(vec![error])
    }

    #[test]
    fn a_refused_request_is_400_only_under_the_new_media_type() {
        for code in [
            "GRAPHQL_PARSE_FAILED",
            "GRAPHQL_VALIDATION_FAILED",
            "BAD_USER_INPUT",
        ] {
            assert_eq!(statuses(&with_code(code, false)), (400, 200), "{code}");
        }
    }

    #[test]
    fn a_request_that_ran_is_200() {
        assert_eq!(statuses(&GraphqlResponse::new(Value::from(1))), (200, 200));
        for code in ["FORBIDDEN", "UNAUTHENTICATED", "INTERNAL", "TIMEOUT"] {
            assert_eq!(statuses(&with_code(code, true)), (200, 200), "{code}");
        }
    }

    #[test]
    fn a_request_of_which_nothing_came_says_whose_fault_it_was() {
        assert_eq!(statuses(&with_code("RATE_LIMITED", true)), (429, 429));
        assert_eq!(statuses(&with_code("UNAVAILABLE", true)), (503, 503));
        assert_eq!(statuses(&with_code("INTERNAL", false)), (500, 500));
        assert_eq!(statuses(&with_code("TIMEOUT", false)), (504, 504));
        let mut mixed = with_code("RATE_LIMITED", true);
        mixed.errors.extend(with_code("UNAVAILABLE", true).errors);
        assert_eq!(statuses(&mixed), (200, 200));
        let mut partial = with_code("RATE_LIMITED", true);
        partial.data = Value::from("some");
        assert_eq!(statuses(&partial), (200, 200));
    }

    #[test]
    fn the_longest_wait_is_told_in_whole_seconds() {
        let mut response = with_code("RATE_LIMITED", true);
        assert_eq!(retry_after(&response, StatusCode::TOO_MANY_REQUESTS), None);
        for milliseconds in [1_u64, 1_001] {
            let mut error = coded("RATE_LIMITED", "no");
            error
                .extensions
                .get_or_insert_default()
                .set("retryAfterMs", milliseconds);
            response.errors.push(error);
        }
        assert_eq!(
            retry_after(&response, StatusCode::TOO_MANY_REQUESTS),
            Some(2)
        );
        assert_eq!(retry_after(&response, StatusCode::OK), None);
    }
}
