//! The errors that leave through GraphQL: each has a code out of a closed list, and none tells what
//! is inside the server.
//!
//! Resolvers give their errors a code. The library's own errors have none, and neither does a bug:
//! they are told apart here, by what the library can have written itself (its messages are listed
//! below). Everything else without a code is logged under the request id and leaves as INTERNAL.

use async_graphql::{Response, ServerError, Value};

use super::transport::RequestId;
use crate::graphql::scalars::rule;

/// The document is not GraphQL.
pub(super) const GRAPHQL_PARSE_FAILED: &str = "GRAPHQL_PARSE_FAILED";
/// The document does not fit the schema.
pub(super) const GRAPHQL_VALIDATION_FAILED: &str = "GRAPHQL_VALIDATION_FAILED";
/// The request, or a value in it, is not what it should be.
pub(super) const BAD_USER_INPUT: &str = "BAD_USER_INPUT";
/// The document asks for more than one request may.
pub(super) const QUERY_TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";
/// The credentials are not valid.
pub(super) const UNAUTHENTICATED: &str = "UNAUTHENTICATED";
/// The caller may not do this.
pub(super) const FORBIDDEN: &str = "FORBIDDEN";
/// The caller does this too often, or too much of it at once.
pub(super) const RATE_LIMITED: &str = "RATE_LIMITED";
/// The request took too long.
pub(super) const TIMEOUT: &str = "TIMEOUT";
/// Something that the request needs cannot be reached now.
pub(super) const UNAVAILABLE: &str = "UNAVAILABLE";
/// A fault of the server.
pub(super) const INTERNAL: &str = "INTERNAL";
/// The subscriber reads slower than events come. It never leaves: the socket is closed instead.
pub(super) const SLOW_SUBSCRIBER: &str = "SLOW_SUBSCRIBER";

/// Longest message that leaves, in characters. The parser's messages repeat the whole line.
const MAX_MESSAGE: usize = 500;

/// Most errors of a request that was refused as a whole. A document can be wrong at each token.
const MAX_REQUEST_ERRORS: usize = 50;

/// How the library's messages begin when a limit of the schema is passed (async-graphql 7.2.1,
/// `validation/mod.rs` and `schema.rs`). They have neither a code nor a type of their own.
const LIMIT_MESSAGES: [&str; 4] = [
    "Query is too complex.",
    "Query is nested too deep.",
    "The recursion depth of the query cannot be greater than",
    "The number of directives on the field",
];

/// How its messages begin when the value of an argument cannot be read (`InputValueError`).
const INPUT_MESSAGES: [&str; 2] = ["Failed to parse \"", "Expected input type \""];

/// How its message begins when validation refuses the value of an argument; the path of the value inside the argument follows
/// in quotes.
const VALUE_MESSAGE: &str = "Invalid value for argument \"";

/// An error with a code.
pub(super) fn coded(code: &str, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    set(&mut error, "code", code);
    error
}

/// The code of an error, if it has one.
pub(super) fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code.as_str()),
        Value::Enum(code) => Some(code.as_str()),
        _ => None,
    }
}

/// Whether the request was refused as a whole, before anything ran: there is no data, and no error
/// belongs to a field.
pub(super) fn is_request_error(response: &Response) -> bool {
    !response.errors.is_empty()
        && response.data == Value::Null
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Makes a response fit to leave: every error has a code and the request id, and what the client
/// must not read is in the log instead.
pub(super) fn finish(mut response: Response, request_id: &RequestId) -> Response {
    if is_request_error(&response) {
        response.errors.truncate(MAX_REQUEST_ERRORS);
    }
    for error in &mut response.errors {
        finish_error(error, request_id);
    }
    response
}

fn finish_error(error: &mut ServerError, request_id: &RequestId) {
    let is_coded = code_of(error).is_some_and(|code| code != INTERNAL);
    if !is_coded {
        match library_code(error) {
            Some(code) => set(error, "code", code),
            None => mask(error, request_id),
        }
    }
    hide_input(&mut error.message);
    explain_value(error);
    shorten(&mut error.message);
    set(error, "requestId", request_id.as_str());
}

/// The code of an error that the library itself wrote. None for one that a resolver let through.
fn library_code(error: &ServerError) -> Option<&'static str> {
    // The library keeps what a resolver returned as the source, and has none for its own errors.
    if error.source.is_some() || error.extensions.is_some() {
        return None;
    }
    let begins = |beginning: &&str| error.message.starts_with(*beginning);
    let is_unset = begins(&"Variable ") && error.message.ends_with(" is not defined.");
    if INPUT_MESSAGES.iter().any(begins) || begins(&VALUE_MESSAGE) || is_unset {
        return Some(BAD_USER_INPUT);
    }
    if !error.path.is_empty() {
        return None;
    }
    // Whatever a field returns has the path of the field; what has none comes from before.
    if LIMIT_MESSAGES.iter().any(begins) {
        Some(QUERY_TOO_COMPLEX)
    } else {
        Some(GRAPHQL_VALIDATION_FAILED)
    }
}

/// Cuts what the caller wrote out of the library's words about it: it may be a secret in the wrong place, and answers end up
/// in logs.
fn hide_input(message: &mut String) {
    if INPUT_MESSAGES
        .iter()
        .any(|begin| message.starts_with(begin))
        && let Some(at) = message.find(", found ")
    {
        message.truncate(at);
        message.push('.');
    }
}

/// Says of a value that was refused by validation where it stands (`extensions.field`, a path as in user errors, without the
/// `input` that every mutation has), and what its scalar takes. The library repeats a word that an enumeration does not have;
/// that is cut, as in [`hide_input`].
fn explain_value(error: &mut ServerError) {
    let Some((path, expected)) = error
        .message
        .strip_prefix(VALUE_MESSAGE)
        .and_then(|rest| rest.split_once("\", "))
    else {
        return;
    };
    let expected = match expected.split_once(" the value \"") {
        Some((enumeration, _)) => format!("{enumeration} this value"),
        None => {
            let scalar = expected
                .strip_prefix("expected type \"")
                .and_then(|rest| rest.strip_suffix('"'));
            match scalar.and_then(rule) {
                Some(rule) => format!("{expected}: {rule}"),
                None => expected.to_owned(),
            }
        }
    };
    let field: Vec<Value> = path
        .strip_prefix("input.")
        .unwrap_or(path)
        .split('.')
        .map(Value::from)
        .collect();
    error.message = format!("{VALUE_MESSAGE}{path}\", {expected}");
    set(error, "field", Value::List(field));
}

/// Logs an error and leaves nothing of it but where it happened.
fn mask(error: &mut ServerError, request_id: &RequestId) {
    tracing::error!(
        %request_id,
        path = ?error.path,
        cause = %error.message,
        "an operation failed by a fault of the server"
    );
    "internal error".clone_into(&mut error.message);
    error.source = None;
    error.extensions = None;
    set(error, "code", INTERNAL);
}

fn set(error: &mut ServerError, name: &str, value: impl Into<Value>) {
    error.extensions.get_or_insert_default().set(name, value);
}

/// Cuts a message that is too long, and marks the cut.
fn shorten(message: &mut String) {
    let mut ends = message
        .char_indices()
        .map(|(at, _)| at)
        .skip(MAX_MESSAGE - 1);
    if let (Some(end), Some(_)) = (ends.next(), ends.next()) {
        message.truncate(end);
        message.push('…');
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::{Error, PathSegment, Pos};

    use super::*;

    fn at_a_field(mut error: ServerError) -> ServerError {
        error.path = vec![PathSegment::Field("a".to_owned())];
        error
    }

    fn finished(error: ServerError) -> ServerError {
        let request_id = RequestId::generate();
        let mut response = finish(Response::from_errors(vec![error]), &request_id);
        let error = response.errors.remove(0);
        let value = error
            .extensions
            .as_ref()
            .and_then(|values| values.get("requestId"));
        assert_eq!(value, Some(&Value::from(request_id.as_str())));
        error
    }

    #[test]
    fn an_error_without_a_code_leaves_nothing_but_its_place() {
        let resolver = Error::new_with_source("disk /dev/sda1 is full");
        let error = finished(at_a_field(
            resolver.into_server_error(Pos { line: 1, column: 3 }),
        ));
        assert_eq!(error.message, "internal error");
        assert_eq!(code_of(&error), Some(INTERNAL));
        assert!(error.source.is_none());
        assert_eq!(error.path, [PathSegment::Field("a".to_owned())]);
        assert_eq!(error.locations, [Pos { line: 1, column: 3 }]);
    }

    #[test]
    fn the_text_of_an_internal_error_never_leaves() {
        let error = finished(at_a_field(coded(INTERNAL, "password=hunter2")));
        assert_eq!(error.message, "internal error");
        let error = finished(at_a_field(ServerError::new("password=hunter2", None)));
        assert_eq!(error.message, "internal error");
    }

    #[test]
    fn an_error_with_a_code_keeps_it_and_its_text() {
        let error = finished(at_a_field(coded("FORBIDDEN", "Not yours.")));
        assert_eq!(
            (error.message.as_str(), code_of(&error)),
            ("Not yours.", Some("FORBIDDEN"))
        );
    }

    #[test]
    fn the_errors_of_the_library_get_codes() {
        let code = |error| code_of(&finished(error)).map(str::to_owned);
        let plain = |message: &str| ServerError::new(message, None);
        for message in LIMIT_MESSAGES {
            assert_eq!(
                code(plain(message)).as_deref(),
                Some(QUERY_TOO_COMPLEX),
                "{message}"
            );
        }
        let unknown = plain("Unknown field \"b\" on type \"Query\".");
        assert_eq!(code(unknown).as_deref(), Some(GRAPHQL_VALIDATION_FAILED));
        let unreadable = at_a_field(plain("Failed to parse \"DateTime\": input is too short"));
        assert_eq!(code(unreadable).as_deref(), Some(BAD_USER_INPUT));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let mut message = "é".repeat(MAX_MESSAGE);
        shorten(&mut message);
        assert_eq!(message, "é".repeat(MAX_MESSAGE));
        message.push('é');
        shorten(&mut message);
        assert_eq!(message.chars().count(), MAX_MESSAGE);
        assert!(message.ends_with("é…"));
    }

    #[test]
    fn a_refused_request_has_a_bounded_number_of_errors() {
        let errors = vec![ServerError::new("wrong", None); MAX_REQUEST_ERRORS + 1];
        let response = finish(Response::from_errors(errors), &RequestId::generate());
        assert_eq!(response.errors.len(), MAX_REQUEST_ERRORS);
    }
}
