//! The messages of graphql-transport-ws and the codes that a socket is closed with.
//!
//! A message that is not in the protocol, or not in its form, is an error here: the [`Close`] that
//! ends the socket.

use async_graphql::{Response, ServerError};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::params::{Params, kind_of};

/// Longest reason of a close frame, in bytes: a control frame carries 125, and the code takes two.
const MAX_REASON: usize = 123;

/// Longest operation id, in bytes. Each event repeats it.
const MAX_ID: usize = 256;

/// The object that `connection_init`, `ping` and `pong` may carry.
pub(super) type Payload = Option<Map<String, Value>>;

/// What a client sends.
#[derive(Debug, PartialEq)]
pub(super) enum ClientMessage {
    /// Opens the connection; the payload may carry credentials.
    ConnectionInit(Payload),
    /// Asks for a pong.
    Ping(Payload),
    /// Answers a ping, or shows that the client is there.
    Pong,
    /// Starts an operation.
    Subscribe {
        /// The client's name for it, unused so far on this socket.
        id: String,
        /// What to run.
        params: Params,
    },
    /// Ends an operation.
    Complete {
        /// The client's name for it.
        id: String,
    },
}

/// Reads one message.
///
/// # Errors
/// The [`Close`] with 4400 that says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<ClientMessage, Close> {
    read(text).map_err(|reason| Close::new(4400, reason))
}

fn read(text: &str) -> Result<ClientMessage, String> {
    let value: Value =
        serde_json::from_str(text).map_err(|_| "Message is not valid JSON".to_owned())?;
    let Value::Object(mut fields) = value else {
        return Err("Message is not a JSON object".to_owned());
    };
    let Some(Value::String(name)) = fields.remove("type") else {
        return Err("Message has no `type`, or one that is not a string".to_owned());
    };
    match name.as_str() {
        "connection_init" => Ok(ClientMessage::ConnectionInit(payload(&mut fields, &name)?)),
        "ping" => Ok(ClientMessage::Ping(payload(&mut fields, &name)?)),
        "pong" => payload(&mut fields, &name).map(|_| ClientMessage::Pong),
        "subscribe" => {
            let id = id(&mut fields, &name)?;
            let Some(payload) = payload(&mut fields, &name)? else {
                return Err("`subscribe` has no `payload`".to_owned());
            };
            Ok(ClientMessage::Subscribe {
                id,
                params: Params::from_fields(payload)?,
            })
        }
        "complete" => Ok(ClientMessage::Complete {
            id: id(&mut fields, &name)?,
        }),
        _ => Err(format!("Message type `{name}` is not expected here")),
    }
}

fn id(fields: &mut Map<String, Value>, name: &str) -> Result<String, String> {
    match fields.remove("id") {
        Some(Value::String(id)) if id.is_empty() => Err(format!("`{name}` has an empty `id`")),
        Some(Value::String(id)) if id.len() > MAX_ID => {
            Err(format!("`{name}` has an `id` of more than {MAX_ID} bytes"))
        }
        Some(Value::String(id)) => Ok(id),
        Some(other) => Err(format!(
            "`id` of `{name}` must be a string, not {}",
            kind_of(&other)
        )),
        None => Err(format!("`{name}` has no `id`")),
    }
}

fn payload(fields: &mut Map<String, Value>, name: &str) -> Result<Payload, String> {
    match fields.remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(other) => Err(format!(
            "`payload` of `{name}` must be an object, not {}",
            kind_of(&other)
        )),
    }
}

/// The credentials in the payload of `connection_init`, under `authorization` in any letter case.
/// `Err` if they are not a string.
pub(super) fn authorization(payload: Payload) -> Result<Option<String>, ()> {
    let found = payload
        .into_iter()
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    match found {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, Value::String(credentials))) => Ok(Some(credentials)),
        Some(_) => Err(()),
    }
}

/// Accepts the connection.
pub(super) fn connection_ack() -> String {
    json!({ "type": "connection_ack" }).to_string()
}

/// Answers a ping, with its payload if it had one.
pub(super) fn pong(payload: Payload) -> String {
    match payload {
        Some(payload) => json!({ "type": "pong", "payload": payload }).to_string(),
        None => json!({ "type": "pong" }).to_string(),
    }
}

/// Carries one result of an operation.
///
/// # Errors
/// If the result has a value that JSON has not.
pub(super) fn next(id: &str, response: &Response) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Next<'a> {
        #[serde(rename = "type")]
        name: &'static str,
        id: &'a str,
        payload: &'a Response,
    }
    serde_json::to_string(&Next {
        name: "next",
        id,
        payload: response,
    })
}

/// Ends an operation that was refused before it ran. Nothing more follows for this id.
pub(super) fn error(id: &str, errors: &[ServerError]) -> String {
    json!({ "type": "error", "id": id, "payload": errors }).to_string()
}

/// Ends an operation that ran.
pub(super) fn complete(id: &str) -> String {
    json!({ "type": "complete", "id": id }).to_string()
}

/// How a socket is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    /// A code of RFC 6455 or of the protocol.
    pub code: u16,
    /// A sentence for people, at most 123 bytes.
    pub reason: String,
}

impl Close {
    /// A close frame; the reason is cut to what fits into one.
    pub(super) fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason: String = reason.into();
        let mut end = reason.len().min(MAX_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        reason.truncate(end);
        Self { code, reason }
    }

    /// What came is no WebSocket frame.
    pub(super) fn broken_frame() -> Self {
        Self::new(1002, "Invalid frame, or one far longer than is allowed")
    }

    /// A message is longer than `most` bytes.
    pub(super) fn too_long(most: usize) -> Self {
        Self::new(1009, format!("A message may have at most {most} bytes"))
    }

    /// The server ends; the client should connect again.
    pub(super) fn restarting() -> Self {
        Self::new(1012, "Service restart")
    }

    /// The client reads slower than the server writes.
    pub(super) fn slow_reader() -> Self {
        Self::new(1013, "Too slow: connect again and resume")
    }

    /// Credentials cannot be checked now.
    pub(super) fn unavailable() -> Self {
        Self::new(1013, "Try again later")
    }

    /// Nothing came from the client for too long. The code is the registered one for a time-out;
    /// clients connect again.
    pub(super) fn silent() -> Self {
        Self::new(3008, "Nothing was heard for too long")
    }

    /// Messages are JSON text.
    pub(super) fn binary() -> Self {
        Self::new(4400, "Binary messages are not part of the protocol")
    }

    /// An operation before the connection was accepted.
    pub(super) fn unauthorized() -> Self {
        Self::new(4401, "Unauthorized")
    }

    /// The credentials are not accepted.
    pub(super) fn forbidden() -> Self {
        Self::new(4403, "Forbidden")
    }

    /// The credentials have ended.
    pub(super) fn expired() -> Self {
        Self::new(4403, "Token expired")
    }

    /// The client does not offer graphql-transport-ws.
    pub(super) fn subprotocol() -> Self {
        Self::new(4406, "Subprotocol not acceptable")
    }

    /// The client did not open the connection in time.
    pub(super) fn init_timeout() -> Self {
        Self::new(4408, "Connection initialisation timeout")
    }

    /// The id of an operation that still runs was used again.
    pub(super) fn duplicate(id: &str) -> Self {
        Self::new(4409, format!("Subscriber for {id} already exists"))
    }

    /// The client opened the connection twice.
    pub(super) fn second_init() -> Self {
        Self::new(4429, "Too many initialisation requests")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        let close = parse(text).unwrap_err();
        assert_eq!(close.code, 4400);
        close.reason
    }

    #[test]
    fn every_message_of_a_client_is_read() {
        let object = json!({"a": 1}).as_object().cloned();
        let cases = [
            (
                r#"{"type":"connection_init"}"#,
                ClientMessage::ConnectionInit(None),
            ),
            (
                r#"{"type":"connection_init","payload":null}"#,
                ClientMessage::ConnectionInit(None),
            ),
            (
                r#"{"payload":{"a":1},"type":"connection_init"}"#,
                ClientMessage::ConnectionInit(object.clone()),
            ),
            (
                r#"{"type":"ping","payload":{"a":1}}"#,
                ClientMessage::Ping(object),
            ),
            (r#"{"type":"pong","payload":{}}"#, ClientMessage::Pong),
            (
                r#"{"type":"complete","id":"1"}"#,
                ClientMessage::Complete { id: "1".to_owned() },
            ),
        ];
        for (text, message) in cases {
            assert_eq!(parse(text), Ok(message), "{text}");
        }
        let subscribe =
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":null}}"#;
        let Ok(ClientMessage::Subscribe { id, params }) = parse(subscribe) else {
            panic!("not read: {subscribe}");
        };
        assert_eq!((id.as_str(), params.query.as_str()), ("1", "{a}"));
    }

    #[test]
    fn what_is_not_in_the_protocol_is_4400_with_a_reason() {
        for text in [
            "",
            "{",
            "[]",
            "\"ping\"",
            "{}",
            r#"{"type":1}"#,
            r#"{"type":"connection_ack"}"#,
            r#"{"type":"start","id":"1","payload":{"query":"{a}"}}"#,
            r#"{"type":"connection_init","payload":"token"}"#,
            r#"{"type":"ping","payload":[]}"#,
            r#"{"type":"subscribe","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":1,"payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"","payload":{"query":"{a}"}}"#,
            r#"{"type":"subscribe","id":"1"}"#,
            r#"{"type":"subscribe","id":"1","payload":{}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#,
            r#"{"type":"subscribe","id":"1","payload":{"query":"{a}","variables":[]}}"#,
            r#"{"type":"complete"}"#,
        ] {
            assert!(!reason(text).is_empty(), "for {text}");
        }
        let long = format!(r#"{{"type":"complete","id":"{}"}}"#, "i".repeat(MAX_ID + 1));
        assert!(reason(&long).contains("256"));
    }

    #[test]
    fn a_reason_always_fits_into_a_close_frame() {
        let text = json!({ "type": "é".repeat(200) }).to_string();
        let reason = reason(&text);
        assert!(
            reason.len() <= MAX_REASON && reason.len() > MAX_REASON - 2,
            "{}",
            reason.len()
        );
        assert_eq!(
            Close::duplicate("7").reason,
            "Subscriber for 7 already exists"
        );
    }

    #[test]
    fn credentials_are_found_under_any_letter_case() {
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let payload = json!({ "x": 1, name: "Bearer a" }).as_object().cloned();
            assert_eq!(authorization(payload), Ok(Some("Bearer a".to_owned())));
        }
        assert_eq!(authorization(None), Ok(None));
        assert_eq!(
            authorization(json!({ "a": "b" }).as_object().cloned()),
            Ok(None)
        );
        assert_eq!(
            authorization(json!({ "authorization": 1 }).as_object().cloned()),
            Err(())
        );
    }

    #[test]
    fn the_server_writes_the_messages_of_the_protocol() {
        let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        assert_eq!(read(connection_ack()), json!({ "type": "connection_ack" }));
        assert_eq!(read(pong(None)), json!({ "type": "pong" }));
        let payload = json!({ "a": 1 });
        assert_eq!(
            read(pong(payload.as_object().cloned())),
            json!({ "type": "pong", "payload": payload })
        );
        assert_eq!(
            read(complete("1")),
            json!({ "type": "complete", "id": "1" })
        );
        let response = Response::new(async_graphql::Value::from(1));
        assert_eq!(
            read(next("1", &response).unwrap()),
            json!({ "type": "next", "id": "1", "payload": { "data": 1 } })
        );
        assert_eq!(
            read(error("1", &[ServerError::new("no", None)])),
            json!({ "type": "error", "id": "1", "payload": [{ "message": "no" }] })
        );
    }
}
