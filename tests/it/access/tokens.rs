//! Access tokens, as another program checks them and as an attacker makes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::crypto::SigningKey;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation};
use serde_json::{Value, json};

use super::forge::{self, with};
use super::issue;
use crate::support::{Client, TestApp};

/// The published keys.
async fn key_set(app: &TestApp) -> Value {
    let answer = reqwest::get(format!("{}/.well-known/jwks.json", app.url)).await;
    answer.unwrap().json().await.unwrap()
}

/// Status and code of the answer to a query for the viewer.
async fn ask(app: &TestApp, token: &str) -> (u16, Value) {
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", app.url))
        .bearer_auth(token)
        .json(&json!({ "query": "{ viewer { role } }" }))
        .send()
        .await
        .unwrap();
    let status = answer.status().as_u16();
    let body: Value = answer.json().await.unwrap();
    (status, body["errors"][0]["extensions"]["code"].clone())
}

async fn is_accepted(app: &TestApp, token: &str) {
    assert_eq!(ask(app, token).await, (200, Value::Null), "{token}");
}

async fn is_refused(app: &TestApp, token: &str, why: &str) {
    let refused = (401, json!("UNAUTHENTICATED"));
    assert_eq!(ask(app, token).await, refused, "{why}: {token}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_published_key_verifies_a_token() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let payload = issue(&ann.client, json!({ "apiKey": ann.api_key })).await;
    let token = payload["accessToken"].as_str().unwrap();
    let keys: JwkSet = serde_json::from_value(key_set(&app).await).unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    let key = keys.find(&header.kid.unwrap()).expect("a key with this id");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_issuer(&["countersign"]);
    validation.set_audience(&["countersign"]);
    validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    validation.validate_nbf = true;
    let key = DecodingKey::from_jwk(key).unwrap();
    let claims = jsonwebtoken::decode::<Value>(token, &key, &validation)
        .unwrap()
        .claims;

    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(claims["role"], "AFFILIATE");
    assert_eq!(claims["affiliate_id"], crate::scene::row(&ann.id));
    assert!(claims["jti"].is_string() && claims["sub"].is_string());
    let (iat, exp) = (claims["iat"].as_i64().unwrap(), claims["exp"].as_i64());
    assert_eq!(exp, Some(iat + 900));
    let expires_at = crate::scene::time(&payload["expiresAt"]).timestamp();
    assert_eq!(exp, Some(expires_at));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_two_tokens_are_equal() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let credentials = json!({ "apiKey": ann.api_key });
    let first = issue(&ann.client, credentials.clone()).await;
    let second = issue(&ann.client, credentials).await;
    let id =
        |payload: &Value| forge::claims(payload["accessToken"].as_str().unwrap())["jti"].clone();
    assert_ne!(id(&first), id(&second));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_public_half_of_the_key_is_published() {
    let app = TestApp::start().await;
    let keys = key_set(&app).await;
    let key = keys["keys"][0].as_object().unwrap();
    let names: Vec<&str> = key.keys().map(String::as_str).collect();
    assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x"]);
    let pem = std::fs::read_to_string(app.data_dir.join("token-key.pem")).unwrap();
    let private = pem.lines().nth(1).unwrap();
    assert!(!keys.to_string().contains(private));
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_a_signature_is_refused_whatever_it_calls_its_algorithm() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let (header, claims) = (forge::header(&token), forge::claims(&token));
    for algorithm in ["none", "None", "NONE", "EdDSA", "HS256", ""] {
        let header = with(&header, "alg", json!(algorithm));
        let forged = forge::unsigned(&header, &claims, "");
        is_refused(&app, &forged, algorithm).await;
        let signature = token.rsplit('.').next().unwrap();
        let forged = forge::unsigned(&with(&header, "jti", json!("x")), &claims, signature);
        is_refused(&app, &forged, algorithm).await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_key_is_no_secret_to_sign_with() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let header = with(&forge::header(&token), "alg", json!("HS256"));
    let claims = forge::claims(&token);
    let keys = key_set(&app).await;
    let x = keys["keys"][0]["x"].as_str().unwrap();
    let raw = URL_SAFE_NO_PAD.decode(x).unwrap();
    // The public key as RFC 8410 writes it.
    let prefix = hex::decode("302a300506032b6570032100").unwrap();
    let der = [prefix.as_slice(), raw.as_slice()].concat();
    let body = base64::engine::general_purpose::STANDARD.encode(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    for secret in [
        raw.as_slice(),
        x.as_bytes(),
        der.as_slice(),
        pem.as_bytes(),
        pem.trim().as_bytes(),
        keys["keys"][0].to_string().as_bytes(),
    ] {
        let forged = forge::sign(&header, &claims, &EncodingKey::from_secret(secret));
        is_refused(&app, &forged, "HS256").await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_another_key_is_refused_even_under_our_keys_name() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let (header, claims) = (forge::header(&token), forge::claims(&token));
    let pem = SigningKey::generate_pem().unwrap();
    let theirs = EncodingKey::from_ed_pem(pem.expose().as_bytes()).unwrap();
    let x = SigningKey::from_pem(&pem).unwrap().public_x();
    is_refused(&app, &forge::sign(&header, &claims, &theirs), "kid").await;
    // With the key that verifies it in the header (CVE-2018-0114 and its kin).
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
    let carries_its_key = with(&header, "jwk", jwk);
    let forged = forge::sign(&carries_its_key, &claims, &theirs);
    is_refused(&app, &forged, "jwk").await;
    let elsewhere = with(&header, "jku", json!("http://127.0.0.1:1/jwks.json"));
    let forged = forge::sign(&elsewhere, &claims, &theirs);
    is_refused(&app, &forged, "jku").await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_our_key_that_we_would_not_make_is_refused() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let (header, claims) = (forge::header(&token), forge::claims(&token));
    let key = forge::server_key(&app);
    is_accepted(&app, &forge::sign(&header, &claims, &key)).await;
    let now = claims["iat"].as_i64().unwrap();
    for (name, value) in [
        ("iss", json!("somebody")),
        ("iss", Value::Null),
        ("aud", json!("somebody")),
        ("aud", Value::Null),
        ("exp", json!(now - 60)),
        ("exp", Value::Null),
        ("nbf", json!(now + 3600)),
        ("sub", Value::Null),
        ("sub", json!("root")),
        ("role", Value::Null),
        ("role", json!("ADMIN")),
        ("role", json!("AFFILIATE")),
        ("affiliate_id", json!(1)),
    ] {
        let forged = forge::sign(&header, &with(&claims, name, value.clone()), &key);
        is_refused(&app, &forged, &format!("{name}: {value}")).await;
    }
    for kid in [json!("another"), Value::Null] {
        let forged = forge::sign(&with(&header, "kid", kid.clone()), &claims, &key);
        is_refused(&app, &forged, &format!("kid: {kid}")).await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_an_access_token_is_refused() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let (header, claims) = (forge::header(&token), forge::claims(&token));
    let key = forge::server_key(&app);
    for kind in [json!("JWT"), json!("logout+jwt"), Value::Null] {
        let forged = forge::sign(&with(&header, "typ", kind.clone()), &claims, &key);
        is_refused(&app, &forged, &format!("typ: {kind}")).await;
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_holder_was_changed_is_refused() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.affiliate("Ann").await, app.affiliate("Bob").await);
    let token = ann.client.token.clone().unwrap();
    let (header, claims) = (forge::header(&token), forge::claims(&token));
    let signature = token.rsplit('.').next().unwrap();
    let bobs = with(&claims, "affiliate_id", json!(crate::scene::row(&bob.id)));
    is_refused(&app, &forge::unsigned(&header, &bobs, signature), "Bob").await;
    let operator = with(
        &with(&claims, "role", json!("OPERATOR")),
        "affiliate_id",
        Value::Null,
    );
    is_refused(
        &app,
        &forge::unsigned(&header, &operator, signature),
        "role",
    )
    .await;
    is_refused(&app, &forge::altered(&token), "signature").await;
    is_refused(&app, &forge::expired(&app, &token), "time").await;
    is_refused(&app, &format!("{token}."), "a fourth part").await;
    is_refused(&app, &"a".repeat(5000), "length").await;
    is_accepted(&app, &token).await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_another_scheme_are_refused_and_not_taken_for_nobodys() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    for authorization in [
        format!("Basic {token}"),
        token.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Bearer {token} {token}"),
        format!("Token {token}"),
    ] {
        let answer = reqwest::Client::new()
            .post(format!("{}/graphql", app.url))
            .header("authorization", &authorization)
            .json(&json!({ "query": "{ __typename }" }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 401, "{authorization}");
        assert_eq!(
            answer.headers()["www-authenticate"],
            "Bearer error=\"invalid_token\""
        );
    }
    let anonymous = Client::anonymous(&app.url);
    let data = anonymous.ok("{ __typename }", json!({})).await;
    assert_eq!(data["__typename"], "Query");
    app.finish().await;
}
