//! Tokens that the server did not make, or would not make.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use crate::support::TestApp;

/// The header of a token.
pub fn header(token: &str) -> Value {
    part(token, 0)
}

/// The claims of a token.
pub fn claims(token: &str) -> Value {
    part(token, 1)
}

fn part(token: &str, index: usize) -> Value {
    let text = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// The key that the server signs with.
pub fn server_key(app: &TestApp) -> EncodingKey {
    let pem = std::fs::read(app.data_dir.join("token-key.pem")).unwrap();
    EncodingKey::from_ed_pem(&pem).unwrap()
}

/// A token of these parts, signed as the header says.
pub fn sign(header: &Value, claims: &Value, key: &EncodingKey) -> String {
    let header: Header = serde_json::from_value(header.clone()).unwrap();
    jsonwebtoken::encode(&header, claims, key).unwrap()
}

/// A token of these parts with this in the place of a signature.
pub fn unsigned(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// An object with one entry replaced, or left out where the value is null.
pub fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut entries = object.as_object().unwrap().clone();
    if value.is_null() {
        entries.remove(name);
    } else {
        entries.insert(name.to_owned(), value);
    }
    Value::Object(entries)
}

/// The same token as it would be had it expired a minute before it was made.
pub fn expired(app: &TestApp, token: &str) -> String {
    let claims = claims(token);
    let past = claims["iat"].as_i64().unwrap() - 60;
    let claims = with(&claims, "exp", json!(past));
    sign(&header(token), &claims, &server_key(app))
}

/// The same token with one character of its signature changed.
pub fn altered(token: &str) -> String {
    let (front, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    format!("{front}.{first}{}", &signature[1..])
}
