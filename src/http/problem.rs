//! Errors of the routes that are not GraphQL: a JSON object with a code, a sentence, the fields that are wrong, and the id of
//! the request.

use poem::Response;
use poem::http::{StatusCode, header};
use serde_json::json;

use super::transport::{REQUEST_ID_HEADER, RequestId};
use crate::error::Error;

/// Why a request was not done.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<(&'static str, String)>,
    /// For the log.
    cause: Option<String>,
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            fields: Vec::new(),
            cause: None,
        }
    }

    /// What is wrong with the fields of a body.
    pub(super) fn fields(fields: Vec<(&'static str, String)>) -> Self {
        let messages: Vec<&str> = fields.iter().map(|(_, message)| message.as_str()).collect();
        Self {
            message: messages.join("; "),
            fields,
            ..Self::new(StatusCode::BAD_REQUEST, "BAD_USER_INPUT", "")
        }
    }

    /// A field that contradicts what cannot change.
    pub(super) fn conflict(field: &'static str, message: String) -> Self {
        Self {
            fields: vec![(field, message.clone())],
            ..Self::new(StatusCode::CONFLICT, "CONFLICT", message)
        }
    }

    pub(super) fn unauthenticated() -> Self {
        Error::Unauthenticated.into()
    }

    /// A token that is malformed, unknown, revoked or expired, as against none.
    pub(super) fn invalid_credentials() -> Self {
        let message = "The credentials are not valid.";
        Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message)
    }

    pub(super) fn unavailable() -> Self {
        Error::Unavailable("credentials cannot be checked".into()).into()
    }

    pub(super) fn render(self, request_id: &RequestId) -> Response {
        if let Some(cause) = &self.cause {
            tracing::error!(%request_id, cause, "a request failed");
        }
        let fields: Vec<_> = self
            .fields
            .iter()
            .map(|(field, message)| json!({ "field": field, "message": message }))
            .collect();
        let body = json!({ "error": {
            "code": self.code,
            "message": self.message,
            "fields": fields,
            "requestId": request_id.as_str(),
        } });
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, "application/json")
            .header(REQUEST_ID_HEADER, request_id.as_str());
        if self.status == StatusCode::UNAUTHORIZED {
            response = response.header(header::WWW_AUTHENTICATE, "Bearer");
        }
        response.body(body.to_string())
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::Refused(_) | Error::BadInput(_) | Error::BadArgument { .. } => {
                (StatusCode::BAD_REQUEST, "BAD_USER_INPUT")
            }
            Error::Unauthenticated => (StatusCode::UNAUTHORIZED, "UNAUTHENTICATED"),
            Error::Forbidden(_) => (StatusCode::FORBIDDEN, "FORBIDDEN"),
            Error::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED"),
            Error::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL"),
        };
        let cause = match &error {
            Error::Internal(cause) | Error::Unavailable(cause) => Some(cause.to_string()),
            _ => None,
        };
        Self {
            cause,
            ..Self::new(status, code, error.to_string())
        }
    }
}
