//! Signatures, checked by an HMAC that shares nothing with the server's.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::crypto::standard_signature;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::Received;

/// HMAC-SHA256 by RFC 2104.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    assert!(key.len() <= 64);
    let mut padded = [0_u8; 64];
    padded[..key.len()].copy_from_slice(key);
    let inner = padded.map(|byte| byte ^ 0x36);
    let outer = padded.map(|byte| byte ^ 0x5c);
    let inner = Sha256::digest([inner.as_slice(), message].concat());
    Sha256::digest([outer.as_slice(), inner.as_slice()].concat()).to_vec()
}

/// What a message must be signed with under a secret.
pub fn expected(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let tag = hmac(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(tag))
}

/// Holds that one of the signatures of a request is by this secret.
pub fn is_signed(request: &Received, secret: &str) -> bool {
    let (id, timestamp) = (
        request.header("webhook-id"),
        request.header("webhook-timestamp"),
    );
    let expected = expected(secret, id, timestamp, &request.body);
    request
        .header("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected)
}

/// As [`is_signed`], or the test fails.
pub fn assert_signed(request: &Received, secret: &str) {
    assert!(is_signed(request, secret), "{request:?}");
}

#[test]
fn the_hmac_of_the_tests_is_that_of_rfc_4231() {
    let tag = hmac(b"Jefe", b"what do ya want for nothing?");
    assert_eq!(
        hex::encode(tag),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}

#[test]
fn signatures_are_those_of_the_published_vectors() {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/fixtures/webhooks/vectors.json");
    let Ok(vectors) = fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let vectors: Value = serde_json::from_str(&vectors).unwrap();
    let mut held = 0;
    for vector in vectors.as_array().unwrap() {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if !text(&vector["scheme"]).starts_with("standard-webhooks") {
            continue;
        }
        let headers = &vector["headers"];
        let (id, timestamp) = (
            text(&headers["webhook-id"]),
            text(&headers["webhook-timestamp"]),
        );
        let (secret, body) = (text(&vector["secret"]), text(&vector["body"]));
        let seconds = timestamp.parse().unwrap();
        let ours = standard_signature(&secret.clone().into(), &id, seconds, &body).unwrap();
        assert_eq!(ours, expected(&secret, &id, &timestamp, &body));
        let is_equal = ours == text(&headers["webhook-signature"]);
        assert_eq!(Value::Bool(is_equal), vector["valid"], "{vector}");
        held += 1;
    }
    assert!(held >= 2, "{held} vectors");
}
