//! Batches: up to fifty requests in one, each answered with its own code and its body as a string.

use serde::Deserialize;

use super::access::Caller;
use super::calls::Call;
use super::distort;
use super::graph::{GraphRequest, call_of, caller, read, replacement, split_version};
use super::graph_error::GraphError;
use super::json::Json;
use super::platform::Platform;
use super::request::Parameters;
use super::world::World;

const MOST_PARTS: usize = 50;

/// One request of a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Part {
    #[serde(default)]
    method: Option<String>,
    relative_url: String,
}

/// What the parts of a batch share.
pub(super) struct Outer<'a> {
    pub(super) world: &'a World,
    pub(super) platform: Platform,
    pub(super) parameters: &'a Parameters<'a>,
    pub(super) caller: Caller,
    pub(super) token: &'a str,
    pub(super) now_ms: i64,
}

/// The requests in the `batch` parameter.
pub(super) fn parts(parameters: &Parameters<'_>) -> Result<Vec<Part>, GraphError> {
    let text = parameters
        .get("batch")
        .ok_or_else(|| GraphError::parameter("(#100) The parameter batch is required"))?;
    let parts: Vec<Part> = serde_json::from_str(text)
        .map_err(|_| GraphError::parameter("(#100) param batch must be a JSON array."))?;
    if parts.len() > MOST_PARTS {
        return Err(GraphError::batch_too_large());
    }
    Ok(parts)
}

/// The answers to the parts, in their order.
pub(super) fn body(outer: &Outer<'_>, parts: &[Part]) -> Vec<u8> {
    let include_headers = !matches!(outer.parameters.get("include_headers"), Some("false" | "0"));
    let (_, counter) = Call::batch(outer.platform);
    outer.world.count(counter, parts.len() as u64);
    let mut json = Json::with_capacity(parts.len() * 1_024 + 16);
    json.array();
    for part in parts {
        match answer(outer, part) {
            Some((code, body)) => write_part(&mut json, code, &body, include_headers),
            None => json.raw("null"),
        }
    }
    json.end_array();
    json.finish()
}

fn write_part(json: &mut Json, code: u16, body: &[u8], include_headers: bool) {
    json.object();
    json.number_field("code", u64::from(code));
    if include_headers {
        json.key("headers");
        json.array();
        for (name, value) in [
            ("Content-Type", "text/javascript; charset=UTF-8"),
            ("Cache-Control", "no-store"),
        ] {
            json.object();
            json.string_field("name", name);
            json.string_field("value", value);
            json.end_object();
        }
        json.end_array();
    }
    json.string_field("body", &String::from_utf8_lossy(body));
    json.end_object();
}

/// The code and the body of one part; `None` where it timed out.
fn answer(outer: &Outer<'_>, part: &Part) -> Option<(u16, Vec<u8>)> {
    let url = part.relative_url.as_str();
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let all: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let (version, segments) = split_version(&all);
    let parameters = Parameters::parse(query.as_bytes());
    let call = call_of(outer.platform, segments, &parameters);
    let strike = outer.world.strike(outer.platform, call, true);
    if strike.late {
        return None;
    }
    let replaced = strike
        .blow
        .and_then(|blow| replacement(outer.world, outer.platform, blow));
    if let Some(replaced) = replaced {
        return Some((replaced.status, replaced.body));
    }
    let own_token = parameters.get("access_token");
    let result = match own_token {
        Some(_) => caller(outer.world, outer.platform, own_token),
        None => Ok(outer.caller),
    };
    let is_get = part
        .method
        .as_deref()
        .is_none_or(|method| method.eq_ignore_ascii_case("GET"));
    let result = result.and_then(|caller| {
        if !is_get {
            return Err(GraphError::parameter("(#100) Unsupported post request."));
        }
        let request = GraphRequest {
            world: outer.world,
            version,
            segments,
            parameters: &parameters,
            caller,
            token: own_token.unwrap_or(outer.token),
            now_ms: outer.now_ms,
        };
        read(outer.platform, &request)
    });
    let (code, mut body) = match result {
        Ok(body) => (200, body),
        Err(error) => (error.status, error.body(&outer.world.next_trace())),
    };
    if let Some(blow) = strike.blow {
        distort::spoil(blow.kind, &mut body);
    }
    Some((code, body))
}
