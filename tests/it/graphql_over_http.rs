//! GraphQL over HTTP, rule by rule, against a server on a real port. `tests/graphql-http` runs the
//! audits of somebody else on top.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

pub mod harness;

use std::path::Path;
use std::time::Duration;

use countersign::http::transport::Limits;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::process::Command;

use harness::{SECRET, Server};

const NEW: &str = "application/graphql-response+json";
const OLD: &str = "application/json";

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of the first error.
    fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"]
            .as_str()
            .unwrap_or("")
    }

    fn has_data(&self) -> bool {
        self.body.as_object().unwrap().contains_key("data")
    }
}

/// Sends a request, and checks what holds of every answer.
async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let answer = Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.json().await.unwrap(),
    };
    assert_eq!(answer.header("cache-control"), "no-store");
    let request_id = answer.header("x-request-id");
    assert!(!request_id.is_empty());
    for error in answer.body["errors"].as_array().into_iter().flatten() {
        assert_eq!(error["extensions"]["requestId"], request_id);
        assert!(error["extensions"]["code"].is_string());
    }
    assert!(!answer.body.to_string().contains(SECRET));
    answer
}

async fn post(server: &Server, accept: &str, query: &str) -> Answer {
    let request = server.client().post(server.url()).header("accept", accept);
    send(request.json(&json!({ "query": query }))).await
}

async fn get(server: &Server, parameters: &[(&str, &str)]) -> Answer {
    let request = server.client().get(server.url()).header("accept", NEW);
    send(request.query(parameters)).await
}

#[tokio::test]
async fn an_answer_has_the_media_type_that_is_accepted() {
    let server = Server::start(Limits::default()).await;
    for (accept, expected) in [
        (NEW, NEW),
        (OLD, OLD),
        ("*/*", OLD),
        (
            "application/json;q=0.5, application/graphql-response+json",
            NEW,
        ),
        (
            "application/json, application/graphql-response+json;q=0.5",
            OLD,
        ),
    ] {
        let answer = post(&server, accept, "{ hello }").await;
        assert_eq!(answer.status, 200, "for {accept}");
        let content_type = answer.header("content-type");
        assert_eq!(content_type, format!("{expected}; charset=utf-8"));
        assert_eq!(answer.body, json!({ "data": { "hello": "world" } }));
    }
}

#[tokio::test]
async fn a_client_that_accepts_neither_media_type_gets_406() {
    let server = Server::start(Limits::default()).await;
    for accept in ["text/html", "application/json;q=0"] {
        let answer = post(&server, accept, "{ hello }").await;
        assert_eq!((answer.status, answer.code()), (406, "BAD_USER_INPUT"));
    }
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_gets_415() {
    let server = Server::start(Limits::default()).await;
    let body = json!({ "query": "mutation { touch }" }).to_string();
    let answer = send(server.client().post(server.url()).body(body.clone())).await;
    assert_eq!((answer.status, answer.code()), (415, "BAD_USER_INPUT"));
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ] {
        let request = server
            .client()
            .post(server.url())
            .header("content-type", content_type);
        assert_eq!(send(request.body(body.clone())).await.status, 415);
    }
    assert_eq!(server.touched(), 0);
}

#[tokio::test]
async fn a_body_that_is_no_request_gets_400() {
    let server = Server::start(Limits::default()).await;
    for accept in [NEW, OLD] {
        for body in [
            "",
            "{ \"not a JSON",
            "\"{ hello }\"",
            "{}",
            r#"{"query":1}"#,
            r#"{"query":"{hello}","operationName":[]}"#,
            r#"{"query":"{hello}","variables":"{}"}"#,
            r#"{"query":"{hello}","extensions":0}"#,
        ] {
            let request = server
                .client()
                .post(server.url())
                .header("accept", accept)
                .header("content-type", "application/json");
            let answer = send(request.body(body)).await;
            assert_eq!(answer.status, 400, "for {body}");
            assert_eq!(answer.code(), "BAD_USER_INPUT", "for {body}");
            assert!(!answer.has_data());
        }
    }
}

#[tokio::test]
async fn a_batch_gets_400_and_nothing_of_it_runs() {
    let server = Server::start(Limits::default()).await;
    let batch = json!([{ "query": "mutation { touch }" }, { "query": "mutation { touch }" }]);
    let answer = send(server.client().post(server.url()).json(&batch)).await;
    assert_eq!(answer.status, 400);
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("Batches are not supported"));
    assert_eq!(server.touched(), 0);
}

#[tokio::test]
async fn a_body_over_the_limit_gets_413() {
    let limits = Limits {
        message_bytes: 200,
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let fits = format!("{{ hello }} # {}", "x".repeat(100));
    assert_eq!(post(&server, NEW, &fits).await.status, 200);
    let answer = post(&server, NEW, &fits.repeat(2)).await;
    assert_eq!((answer.status, answer.code()), (413, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn other_methods_get_405_and_the_ones_that_are_allowed() {
    let server = Server::start(Limits::default()).await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let answer = send(server.client().request(method, server.url())).await;
        assert_eq!(answer.status, 405);
        assert_eq!(answer.header("allow"), "GET, POST");
    }
}

#[tokio::test]
async fn a_get_carries_variables_and_the_name_of_the_operation() {
    let server = Server::start(Limits::default()).await;
    let query = "query A { hello } query B($text: String!) { echo(text: $text) }";
    let variables = json!({ "text": "50% & é" }).to_string();
    let parameters = [
        ("query", query),
        ("operationName", "B"),
        ("variables", variables.as_str()),
    ];
    let answer = get(&server, &parameters).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, json!({ "data": { "echo": "50% & é" } }));
    let answer = get(&server, &[("query", query), ("operationName", "C")]).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED");
    let answer = get(&server, &[("query", query), ("variables", "[]")]).await;
    assert_eq!((answer.status, answer.code()), (400, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn a_get_runs_neither_mutations_nor_subscriptions() {
    let server = Server::start(Limits::default()).await;
    for query in [
        "mutation { touch }",
        "query A { hello } mutation B { touch }",
        "subscription B { ticks(n: 1) }",
    ] {
        let mut parameters = vec![("query", query)];
        if query.contains('B') {
            parameters.push(("operationName", "B"));
        }
        let answer = get(&server, &parameters).await;
        assert_eq!(answer.status, 405, "for {query}");
        assert_eq!(answer.header("allow"), "POST");
    }
    assert_eq!(server.touched(), 0);
    let answer = post(&server, NEW, "mutation { touch }").await;
    assert_eq!(answer.body, json!({ "data": { "touch": 1 } }));
}

#[tokio::test]
async fn a_subscription_is_refused_and_sent_to_the_other_transport() {
    let server = Server::start(Limits::default()).await;
    let answer = post(&server, NEW, "subscription { ticks(n: 1) }").await;
    assert_eq!((answer.status, answer.code()), (400, "BAD_USER_INPUT"));
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("graphql-transport-ws"));
}

#[tokio::test]
async fn a_refused_document_has_no_data_and_a_status_of_its_media_type() {
    let server = Server::start(Limits::default()).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ echo }", "GRAPHQL_VALIDATION_FAILED"),
        (
            "query A { hello } query B { hello }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "{ ...A } fragment A on Query { ...A }",
            "GRAPHQL_VALIDATION_FAILED",
        ),
    ] {
        for (accept, status) in [(NEW, 400), (OLD, 200)] {
            let answer = post(&server, accept, query).await;
            assert_eq!(
                (answer.status, answer.code()),
                (status, code),
                "for {query}"
            );
            assert!(!answer.has_data(), "for {query}");
        }
    }
}

#[tokio::test]
async fn a_document_that_asks_for_too_much_is_refused() {
    let server = Server::start(Limits::default()).await;
    let documents = [
        // The schema's own limits.
        format!("{}{}", "{ nested ".repeat(11), "} ".repeat(11)),
        format!("{{ nested {{ {} }} }}", "hello ".repeat(200)),
        // Those of the transport.
        format!("{{ {} }}", "hello ".repeat(21)),
        format!("{{ nested {{ {} }} }}", "a: hello ".repeat(31)),
        format!("{{ hello {} }}", "@include(if: true) ".repeat(51)),
        format!("{{ echo(text: {}", "[".repeat(100_000)),
        format!("{{ nested {{ {} }} }}", "hello ".repeat(16_000)),
    ];
    for document in documents {
        let answer = post(&server, NEW, &document).await;
        let start: String = document.chars().take(60).collect();
        assert_eq!(answer.code(), "QUERY_TOO_COMPLEX", "for {start}");
        assert_eq!(answer.status, 400, "for {start}");
    }
}

#[tokio::test]
async fn the_message_of_a_parse_failure_does_not_repeat_the_document() {
    let server = Server::start(Limits::default()).await;
    let query = format!("{{ hello ] {}", "x".repeat(100_000));
    let answer = post(&server, NEW, &query).await;
    assert_eq!(answer.code(), "GRAPHQL_PARSE_FAILED");
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.chars().count() <= 500);
}

#[tokio::test]
async fn an_argument_that_cannot_be_read_is_the_callers_fault() {
    let server = Server::start(Limits::default()).await;
    let answer = post(&server, NEW, "{ at(time: \"yesterday\") }").await;
    assert_eq!((answer.status, answer.code()), (200, "BAD_USER_INPUT"));
}

#[tokio::test]
async fn a_failed_field_is_200_with_data_and_without_its_inner_text() {
    let server = Server::start(Limits::default()).await;
    let answer = post(&server, NEW, "{ hello fails }").await;
    assert_eq!((answer.status, answer.code()), (200, "INTERNAL"));
    assert_eq!(answer.body["data"]["hello"], "world");
    assert_eq!(answer.body["errors"][0]["path"], json!(["fails"]));
    assert_eq!(answer.body["errors"][0]["message"], "internal error");
    let answer = post(&server, NEW, "{ fails }").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["data"], Value::Null);
    assert!(answer.has_data());
}

#[tokio::test]
async fn a_panic_costs_its_own_request_only() {
    let server = Server::start(Limits::default()).await;
    let answer = post(&server, NEW, "{ panics }").await;
    assert_eq!((answer.status, answer.code()), (500, "INTERNAL"));
    assert!(!answer.has_data());
    assert_eq!(post(&server, NEW, "{ hello }").await.status, 200);
}

#[tokio::test]
async fn an_operation_that_takes_too_long_is_given_up() {
    let limits = Limits {
        execution: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = Server::start(limits).await;
    let answer = post(&server, NEW, "{ never }").await;
    assert_eq!((answer.status, answer.code()), (504, "TIMEOUT"));
}

#[tokio::test]
async fn a_bad_token_gets_401() {
    let server = Server::start(Limits::default()).await;
    for token in ["Bearer mallory", "Basic YQ==", ""] {
        let request = server
            .client()
            .post(server.url())
            .header("authorization", token)
            .json(&json!({ "query": "{ hello }" }));
        let answer = send(request).await;
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert!(!answer.has_data());
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_checked_now_gets_503() {
    let server = Server::start(Limits::default()).await;
    let request = server
        .client()
        .post(server.url())
        .bearer_auth("offline")
        .json(&json!({ "query": "{ hello }" }));
    let answer = send(request).await;
    assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"));
}

#[tokio::test]
async fn a_resolver_knows_who_calls() {
    let server = Server::start(Limits::default()).await;
    let query = json!({ "query": "{ viewer }" });
    let request = server.client().post(server.url()).bearer_auth("alice");
    let answer = send(request.json(&query)).await;
    assert_eq!(answer.body, json!({ "data": { "viewer": "alice" } }));
    let answer = send(server.client().post(server.url()).json(&query)).await;
    assert_eq!((answer.status, answer.code()), (200, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_request_id_goes_from_the_client_to_the_resolver_and_back() {
    let server = Server::start(Limits::default()).await;
    let query = json!({ "query": "{ requestId }" });
    for (sent, is_kept) in [("trace-1", true), ("no spaces", false)] {
        let request = server
            .client()
            .post(server.url())
            .header("x-request-id", sent);
        let answer = send(request.json(&query)).await;
        let answered = answer.header("x-request-id");
        assert_eq!(answered == sent, is_kept, "for {sent}");
        assert_eq!(answer.body["data"]["requestId"], answered);
    }
}

#[tokio::test]
async fn an_answer_of_nothing_but_refusals_says_so_in_its_status() {
    let server = Server::start(Limits::default()).await;
    for accept in [NEW, OLD] {
        let answer = post(&server, accept, "{ refuses(code: \"RATE_LIMITED\") }").await;
        assert_eq!((answer.status, answer.code()), (429, "RATE_LIMITED"));
        assert_eq!(answer.header("retry-after"), "2");
        let answer = post(&server, accept, "{ refuses(code: \"UNAVAILABLE\") }").await;
        assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"));
        let answer = post(&server, accept, "{ hello refuses(code: \"UNAVAILABLE\") }").await;
        assert_eq!((answer.status, answer.code()), (200, "UNAVAILABLE"));
        assert_eq!(answer.header("retry-after"), "");
    }
}

#[tokio::test]
async fn every_audit_of_the_npm_package_is_ok() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/graphql-http");
    if !folder.join("node_modules").exists() {
        eprintln!("skipped: run `npm ci` in tests/graphql-http first");
        return;
    }
    let server = Server::start(Limits::default()).await;
    let mut audit = Command::new("node");
    audit.arg("audit.mjs").arg(server.url()).current_dir(folder);
    let output = audit.output().await.unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
}
