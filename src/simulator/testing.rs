//! What the tests of several files need.

use std::collections::BTreeSet;
use std::path::Path;

use poem::http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::accounts::INSTAGRAM_ACCOUNT;
use super::answer::Answer;
use super::graph::handle;
use super::platform::Platform;
use super::request::Incoming;
use super::world::World;

/// A recorded answer; `None`, with a note, where the recordings are not beside this repository.
pub(super) fn fixture(path: &str) -> Option<Value> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/fixtures")
        .join(path);
    let Ok(text) = std::fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

/// The keys of an object.
pub(super) fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

/// A set of names, to compare keys with.
pub(super) fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// A request without a token.
pub(super) fn call(
    world: &World,
    platform: Platform,
    method: &Method,
    url: &str,
    body: &str,
) -> Answer {
    call_as(world, platform, method, url, body, "")
}

/// A request with a bearer token, or without one where it is empty.
pub(super) fn call_as(
    world: &World,
    platform: Platform,
    method: &Method,
    url: &str,
    body: &str,
    token: &str,
) -> Answer {
    let mut headers = HeaderMap::new();
    if !token.is_empty() {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        headers.insert("authorization", value);
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let body = body.as_bytes();
    let request = Incoming {
        method,
        segments: &segments,
        query,
        headers: &headers,
        body,
    };
    handle(world, platform, &request)
}

/// A request below the simulator's root, with these headers.
pub(super) fn send(
    world: &World,
    method: &Method,
    url: &str,
    fields: &[(&'static str, &str)],
    body: &str,
) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.insert(*name, HeaderValue::try_from(*value).unwrap());
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (prefix, segments) = segments.split_first().unwrap();
    let body = body.as_bytes();
    let request = Incoming {
        method,
        segments,
        query,
        headers: &headers,
        body,
    };
    super::answer(world, prefix, &request)
}

/// The value of an answer's header.
pub(super) fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer
        .headers
        .iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.as_str())
}

/// An answer's body.
pub(super) fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

/// The body of a request that must succeed.
pub(super) fn get(world: &World, platform: Platform, url: &str) -> Value {
    let answer = call(world, platform, &Method::GET, url, "");
    assert_eq!(
        answer.status,
        200,
        "{url}: {}",
        String::from_utf8_lossy(&answer.body)
    );
    parsed(&answer)
}

/// The code of a Graph error.
pub(super) fn error_code(answer: &Answer) -> Value {
    parsed(answer)["error"]["code"].clone()
}

/// The body of a request to Instagram that must succeed.
pub(super) fn instagram(world: &World, url: &str) -> Value {
    get(world, Platform::Instagram, url)
}

/// The body of a request to Meta that must succeed.
pub(super) fn meta(world: &World, url: &str) -> Value {
    get(world, Platform::Meta, url)
}

/// The first media of the owned account that is, or is not, a reel: its id and shortcode.
pub(super) fn media_id(world: &World, reel: bool) -> (String, String) {
    let url =
        format!("/v26.0/{INSTAGRAM_ACCOUNT}/media?fields=id,shortcode,media_product_type&limit=50");
    let list = instagram(world, &url);
    let product = if reel { "REELS" } else { "FEED" };
    let mut entries = list["data"].as_array().unwrap().iter();
    let entry = entries
        .find(|entry| entry["media_product_type"] == product)
        .unwrap();
    (
        entry["id"].as_str().unwrap().to_owned(),
        entry["shortcode"].as_str().unwrap().to_owned(),
    )
}

/// The newest post of the owned page.
pub(super) fn first_post(world: &World) -> String {
    world.posts(Platform::Meta, 0, 1, None)[0].native_id.clone()
}

/// The form of a batch.
pub(super) fn batch_body(parts: &Value, include_headers: bool) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("batch", &parts.to_string());
    if !include_headers {
        form.append_pair("include_headers", "false");
    }
    form.finish()
}
