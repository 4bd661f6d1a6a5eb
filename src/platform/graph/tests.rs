//! Errors, batches, insights and paging of the Graph API.

mod login;
mod proof;

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::insights::{evidence, lifetime};
use super::*;
use crate::model::PlatformKind;
use crate::platform::lenient::Reading;
use crate::platform::stub::{Reply, Stub};
use crate::platform::{Advice, Limit, PlatformError};

fn fault(status: u16, body: &Value) -> Fault {
    parse_answer(status, &HeaderMap::new(), body.to_string().as_bytes()).unwrap_err()
}

fn error(code: i64, subcode: Option<i64>, message: &str) -> Value {
    json!({"error": {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "error_subcode": subcode,
        "fbtrace_id": "AQt_hJ68vFybS4TnupatNtX",
    }})
}

#[test]
fn an_error_is_sorted_by_its_code_whatever_the_status_is() {
    for (code, subcode, kind) in [
        (-2, Some(2_207_003), FaultKind::Temporary),
        (-1, Some(2_207_001), FaultKind::Temporary),
        (-1, None, FaultKind::Temporary),
        (1, None, FaultKind::Temporary),
        (2, None, FaultKind::Temporary),
        (4, Some(1_504_022), FaultKind::Throttled),
        (17, Some(2_446_079), FaultKind::Throttled),
        (32, None, FaultKind::Throttled),
        (613, Some(1996), FaultKind::Throttled),
        (80_000, None, FaultKind::Throttled),
        (80_002, None, FaultKind::Throttled),
        (80_014, None, FaultKind::Throttled),
        (10, None, FaultKind::Permission),
        (200, None, FaultKind::Permission),
        (299, None, FaultKind::Permission),
        (100, Some(33), FaultKind::Missing),
        (100, Some(1_487_534), FaultKind::Parameter),
        (100, None, FaultKind::Parameter),
        (102, None, FaultKind::Token),
        (190, Some(463), FaultKind::Token),
        (341, None, FaultKind::Throttled),
        (368, None, FaultKind::Throttled),
        (803, None, FaultKind::Refused),
        (2500, None, FaultKind::Refused),
        (3001, Some(1_504_028), FaultKind::Refused),
    ] {
        for status in [200, 400, 403, 500] {
            assert_eq!(
                fault(status, &error(code, subcode, "x")).kind,
                kind,
                "{code} {subcode:?}"
            );
        }
    }
}

#[test]
fn a_token_whose_time_is_over_is_told_from_one_that_does_not_hold() {
    let over = "Error validating access token: Session has expired on Saturday, 10-Dec-22.";
    for (code, subcode, message, expected) in [
        (190, Some(463), "x", true),
        (190, None, over, true),
        (102, None, over, true),
        (190, Some(460), "The session has been invalidated", false),
        (190, Some(460), over, false),
        (190, None, "Invalid OAuth access token", false),
    ] {
        let error = PlatformError::from(fault(400, &error(code, subcode, message)));
        let matches =
            matches!(&error, PlatformError::Unauthorised { expired, .. } if *expired == expected);
        assert!(matches, "{code} {subcode:?} {message}: {error:?}");
    }
}

#[test]
fn each_kind_of_error_has_its_advice() {
    let advice =
        |code, subcode| PlatformError::from(fault(400, &error(code, subcode, "x"))).advice();
    assert_eq!(advice(1, None), Advice::Retry);
    assert_eq!(advice(4, None), Advice::Snooze(None));
    assert_eq!(advice(190, None), Advice::GiveUp);
    assert_eq!(advice(10, None), Advice::GiveUp);
    assert_eq!(advice(100, Some(33)), Advice::GiveUp);
    assert_eq!(advice(2500, None), Advice::GiveUp);
}

#[test]
fn a_throttle_says_whether_it_is_the_applications_also_in_a_batch() {
    for (code, limit) in [
        (4, Limit::Application),
        (341, Limit::Application),
        (17, Limit::Credential),
        (32, Limit::Credential),
        (613, Limit::Credential),
        (80_002, Limit::Credential),
        (368, Limit::Credential),
    ] {
        let body = error(code, None, "x");
        let fault = fault(400, &body);
        let told = PlatformError::from(fault.clone());
        assert_eq!(told.limit(), Some(limit), "{code}");
        // What went through a fault once more is the same.
        let again = PlatformError::from(Fault::from(told));
        assert_eq!(again.limit(), Some(limit), "{code}");
        let answer = Answer {
            status: 200,
            headers: HeaderMap::new(),
            body: json!([{"code": 400, "body": body.to_string()}])
                .to_string()
                .into_bytes(),
        };
        let part = parse_batch(&answer, 1).remove(0).unwrap_err();
        assert_eq!(PlatformError::from(part).limit(), Some(limit), "{code}");
    }
}

#[test]
fn a_bad_metric_is_told_from_other_bad_parameters_by_the_message() {
    for (message, kind) in [
        (
            "(#100) The value must be a valid insights metric",
            FaultKind::BadMetric,
        ),
        (
            "The Media Insights API does not support the impressions metric for this media \
             product type.",
            FaultKind::BadMetric,
        ),
        (
            "(#100) Tried accessing nonexisting field (insights) on node type (Video)",
            FaultKind::Parameter,
        ),
        (
            "(#100) Object does not exist, cannot be loaded due to missing permission or \
             reviewable feature, or does not support this operation.",
            FaultKind::Parameter,
        ),
    ] {
        assert_eq!(
            fault(400, &error(100, None, message)).kind,
            kind,
            "{message}"
        );
    }
}

#[test]
fn codes_may_be_strings_and_errors_may_be_bare() {
    assert_eq!(
        fault(400, &json!({"error": {"code": "190"}})).kind,
        FaultKind::Token
    );
    let bare = fault(
        400,
        &json!({"error": 190, "error_description": "Invalid OAuth access token."}),
    );
    assert_eq!(bare.kind, FaultKind::Token);
    assert_eq!(bare.said(), "Invalid OAuth access token.");
    assert_eq!(
        fault(400, &json!({"error": "oops"})).kind,
        FaultKind::Temporary
    );
}

#[test]
fn an_error_that_calls_itself_transient_is_worth_another_try() {
    let mut body = error(2500, None, "x");
    body["error"]["is_transient"] = json!(true);
    assert_eq!(fault(400, &body).kind, FaultKind::Temporary);
}

#[test]
fn who_is_throttled_for_an_account_waits_the_longest_time_that_any_entry_names() {
    let usage = r#"{"1": [{"type": "instagram", "estimated_time_to_regain_access": 3}],
                    "1": [{"type": "pages", "estimated_time_to_regain_access": 1}], "2": []}"#
        .replace('\n', " ");
    let mut headers = HeaderMap::new();
    headers.insert(
        "x-business-use-case-usage",
        HeaderValue::from_str(&usage).unwrap(),
    );
    let body = error(80_002, None, "There have been too many calls").to_string();
    let fault = parse_answer(400, &headers, body.as_bytes()).unwrap_err();
    let wait = Some(Duration::from_mins(3));
    assert_eq!(PlatformError::from(fault).advice(), Advice::Snooze(wait));
    // The application's throttle is not over when that of one account is.
    for code in [4, 341] {
        let body = error(code, None, "Application request limit reached").to_string();
        let fault = parse_answer(403, &headers, body.as_bytes()).unwrap_err();
        assert_eq!(PlatformError::from(fault).advice(), Advice::Snooze(None));
    }

    for unknown in [
        r#"{"1": [{"estimated_time_to_regain_access": 0}]}"#,
        "garbage",
        "{}",
    ] {
        headers.insert(
            "x-business-use-case-usage",
            HeaderValue::from_str(unknown).unwrap(),
        );
        let fault = parse_answer(400, &headers, body.as_bytes()).unwrap_err();
        assert_eq!(
            PlatformError::from(fault).advice(),
            Advice::Snooze(None),
            "{unknown}"
        );
    }
}

#[test]
fn a_passing_error_says_how_long_to_wait_as_a_throttle_does_and_others_do_not() {
    let mut headers = HeaderMap::new();
    headers.insert("retry-after", HeaderValue::from_static("120"));
    let wait = Some(Duration::from_mins(2));
    let mut transient = error(2500, None, "x");
    transient["error"]["is_transient"] = json!(true);
    for (status, body, advice, expected) in [
        (500, error(1, None, "x"), Advice::Retry, wait),
        (503, error(2, None, "x"), Advice::Retry, wait),
        (400, transient, Advice::Retry, wait),
        (403, error(4, None, "x"), Advice::Snooze(wait), wait),
        (400, error(190, None, "x"), Advice::GiveUp, None),
    ] {
        let fault = parse_answer(status, &headers, body.to_string().as_bytes()).unwrap_err();
        let error = PlatformError::from(fault);
        assert_eq!(error.advice(), advice, "{body}");
        assert_eq!(error.retry_after(), expected, "{body}");
    }
    // The business use case's time is that of a throttle.
    let usage = r#"{"1": [{"type": "pages", "estimated_time_to_regain_access": 3}]}"#;
    let mut headers = HeaderMap::new();
    headers.insert("x-business-use-case-usage", HeaderValue::from_static(usage));
    let body = error(2, None, "x").to_string();
    let fault = parse_answer(500, &headers, body.as_bytes()).unwrap_err();
    assert_eq!(PlatformError::from(fault).retry_after(), None);
}

#[test]
fn what_is_none_of_the_apis_answers_is_unreachable() {
    let none = HeaderMap::new();
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (200, r#"{"data": ["#),
        (200, "[]"),
        (200, "null"),
        (200, "false"),
        (400, "<html>Sorry, something went wrong.</html>"),
        (404, ""),
        (500, ""),
        (502, "<html>"),
        (302, ""),
    ] {
        let fault = parse_answer(status, &none, body.as_bytes()).unwrap_err();
        assert_eq!(
            PlatformError::from(fault).advice(),
            Advice::Retry,
            "{status} {body}"
        );
    }
    let fault = parse_answer(429, &none, b"").unwrap_err();
    assert_eq!(PlatformError::from(fault).advice(), Advice::Snooze(None));
    let fault = parse_answer(401, &none, b"").unwrap_err();
    assert_eq!(PlatformError::from(fault).advice(), Advice::GiveUp);
}

fn batch(status: u16, body: &str, asked: usize) -> Vec<Result<Value, Fault>> {
    let answer = Answer {
        status,
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    };
    parse_batch(&answer, asked)
}

#[test]
fn one_failure_inside_a_batch_costs_only_its_own_result() {
    let body = json!([
        {"code": 400, "body": error(100, Some(33), "gone").to_string()},
        {"code": 200, "body": "{\"id\":\"123456789\",\"name\":\"Tester\"}"},
        null,
        {"code": 200, "body": "{\"id\":"},
        {"code": "200", "body": {"id": "5"}},
        {"body": "{}"},
        7,
    ])
    .to_string();
    let results = batch(200, &body, 8);
    assert_eq!(results.len(), 8);
    assert_eq!(results[0].as_ref().unwrap_err().kind, FaultKind::Missing);
    assert_eq!(results[1].as_ref().unwrap()["id"], "123456789");
    assert_eq!(results[4].as_ref().unwrap()["id"], "5");
    for index in [2, 3, 5, 6, 7] {
        assert_eq!(
            results[index].as_ref().unwrap_err().kind,
            FaultKind::Temporary,
            "{index}"
        );
    }
}

#[test]
fn a_batch_that_fails_as_a_whole_says_nothing_about_one_post() {
    for (status, body, kind) in [
        (
            400,
            error(100, Some(33), "x").to_string(),
            FaultKind::Refused,
        ),
        (403, error(10, None, "x").to_string(), FaultKind::Refused),
        (400, error(190, None, "x").to_string(), FaultKind::Token),
        (400, error(4, None, "x").to_string(), FaultKind::Throttled),
        (200, "{}".to_owned(), FaultKind::Temporary),
        (200, "[{\"code\":200".to_owned(), FaultKind::Temporary),
        (503, String::new(), FaultKind::Temporary),
        (500, "[]".to_owned(), FaultKind::Temporary),
    ] {
        let results = batch(status, &body, 2);
        assert_eq!(results.len(), 2);
        for result in results {
            assert_eq!(result.unwrap_err().kind, kind, "{status} {body}");
        }
    }
}

#[test]
fn a_recorded_batch_is_read() {
    let Some(body) = crate::platform::stub::recorded("meta/restfb__restfb__batch-first-error.json")
    else {
        return;
    };
    let results = batch(200, &body, 2);
    // Recorded before subcodes existed: that it is gone cannot be known.
    assert_eq!(results[0].as_ref().unwrap_err().kind, FaultKind::Parameter);
    assert_eq!(results[1].as_ref().unwrap()["name"], "Tester");
}

#[test]
fn recorded_errors_are_read() {
    for (file, kind) in [
        (
            "instagram/restfb__restfb__ig_login_exception.json",
            FaultKind::Refused,
        ),
        (
            "meta/sns-sdks__python-facebook__base_error_data.json",
            FaultKind::Parameter,
        ),
        (
            "meta/sns-sdks__python-facebook__error.json",
            FaultKind::Parameter,
        ),
    ] {
        let Some(body) = crate::platform::stub::recorded(file) else {
            return;
        };
        let fault = parse_answer(400, &HeaderMap::new(), body.as_bytes()).unwrap_err();
        assert_eq!(fault.kind, kind, "{file}");
        assert!(!fault.said().is_empty());
    }
}

#[test]
fn insights_are_matched_by_name_and_a_missing_row_is_not_zero() {
    let answer = json!({"data": [
        {"name": "reach", "period": "lifetime", "values": [{"value": 5}]},
        {"name": "views", "period": "day", "values": [{"value": 0}]},
        {"name": "views", "period": "lifetime", "values": [{"value": 21159}]},
        {"name": "clicks", "period": "day", "values": [{"value": 3}]},
        {"name": "zero", "period": "lifetime", "values": [{"value": 0}]},
        {"name": "text", "period": "lifetime", "values": [{"value": "12"}]},
        {"name": "total", "period": "lifetime", "total_value": {"value": 7}},
        {"name": "empty", "period": "lifetime", "values": []},
        {"name": "bare", "values": [{"value": 9}]},
    ]});
    let read = |metric| lifetime(&answer, metric).unwrap();
    assert_eq!(read("views"), Reading::Count(21_159));
    assert_eq!(read("zero"), Reading::Count(0));
    assert_eq!(read("text"), Reading::Count(12));
    assert_eq!(read("total"), Reading::Count(7));
    assert_eq!(read("bare"), Reading::Count(9));
    assert_eq!(read("clicks"), Reading::Absent);
    assert_eq!(read("empty"), Reading::Absent);
    assert_eq!(read("impressions"), Reading::Absent);
    assert_eq!(
        lifetime(&json!({"data": []}), "views").unwrap(),
        Reading::Absent
    );
}

#[test]
fn insights_that_are_no_insights_are_an_error() {
    for answer in [json!({}), json!({"data": {}})] {
        let error = lifetime(&answer, "views").unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{answer}");
    }
    // One figure that is no count says nothing of the others.
    for value in [json!(-1), json!({"a": 1})] {
        let row = json!({"name": "views", "period": "lifetime", "values": [{"value": value}]});
        let read = lifetime(&json!({"data": [row]}), "views").unwrap();
        assert_eq!(read, Reading::Garbage, "{value}");
    }
}

#[test]
fn recorded_insights_are_read_and_their_evidence_holds_no_token() {
    for (file, metric, expected) in [
        (
            "instagram/sns-sdks__python-facebook__ig_medias_insights_new.json",
            "profile_activity",
            11,
        ),
        (
            "meta/restfb__restfb__post-with-insight.json",
            "post_engaged_users",
            0,
        ),
    ] {
        let Some(body) = crate::platform::stub::recorded(file) else {
            return;
        };
        let answer = parse_answer(200, &HeaderMap::new(), body.as_bytes()).unwrap();
        assert_eq!(
            lifetime(&answer, metric).unwrap(),
            Reading::Count(expected),
            "{file}"
        );
        assert_eq!(
            lifetime(&answer, "views").unwrap(),
            Reading::Absent,
            "{file}"
        );
        let evidence = evidence(&answer);
        assert_eq!(evidence[0]["name"], metric);
        assert!(!evidence.to_string().contains("access_token"));
    }
}

#[test]
fn the_next_page_is_asked_for_without_following_an_address() {
    let next = "https://evil.example/v6.0/1/media?access_token=t&limit=2&after=b";
    let page = json!({"data": [], "paging": {"cursors": {"after": "a"}, "next": next}});
    let after = |cursor: &str| Some(vec![("after".to_owned(), cursor.to_owned())]);
    assert_eq!(paging::next(&page).unwrap(), after("a"));
    let page = json!({"data": [], "paging": {"next": next}});
    assert_eq!(paging::next(&page).unwrap(), after("b"));
    // The last page has cursors, too.
    let page = json!({"data": [], "paging": {"cursors": {"after": "a"}}});
    assert_eq!(paging::next(&page).unwrap(), None);
    assert_eq!(paging::next(&json!({"data": []})).unwrap(), None);
    let page = json!({"data": [], "paging": {"next": "https://graph.facebook.com/1/media"}});
    assert!(paging::next(&page).is_err());

    let feed = "https://graph.facebook.com/v10.0/4/posts?access_token=t&until=1624385168&since&\
                __paging_token=p&__previous";
    let page = json!({"data": [], "paging": {"next": feed}});
    let place = [("until", "1624385168"), ("__paging_token", "p")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(paging::next(&page).unwrap(), Some(place.to_vec()));
}

#[tokio::test]
async fn fifty_requests_share_a_call_and_the_token_is_in_no_address_or_error() {
    let stub = Stub::start(|asked| {
        let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
        let items: Vec<Value> = requests
            .iter()
            .map(|request| match request["relative_url"].as_str().unwrap() {
                "v26.0/7/insights?metric=views" => json!({
                    "code": 400,
                    "body": error(190, None, "Malformed access token the-access-token").to_string(),
                }),
                address => json!({"code": 200, "body": json!({"address": address}).to_string()}),
            })
            .collect();
        Reply::new(200, Value::Array(items).to_string())
    })
    .await;
    let config = stub.config(PlatformKind::Meta);
    let http = Http::new(PlatformKind::Meta, &config).unwrap();
    let graph = Graph::new(http, &config, config.access_token.clone().unwrap());
    let paths: Vec<String> = (0..60)
        .map(|id| format!("{id}/insights?metric=views"))
        .collect();
    let results = graph.batch(&paths).await;

    assert_eq!(results.len(), 60);
    for (id, result) in results.iter().enumerate() {
        match result {
            Ok(value) => {
                assert_eq!(
                    value["address"],
                    format!("v26.0/{id}/insights?metric=views")
                );
            }
            Err(fault) => {
                assert_eq!(id, 7);
                let error = PlatformError::from(fault.clone());
                assert_eq!(error.advice(), Advice::GiveUp);
                assert!(!error.to_string().contains("the-access-token"), "{error}");
                assert!(!fault.raw().to_string().contains("the-access-token"));
            }
        }
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.line, "POST /api/v26.0");
        assert!(
            request
                .head
                .contains("authorization: bearer the-access-token")
        );
        assert_eq!(request.form("include_headers").as_deref(), Some("false"));
        // HMAC-SHA256 of the token with the secret as key, as anybody can compute.
        assert_eq!(request.form("appsecret_proof").unwrap().len(), 64);
        assert!(!request.body.contains("the-access-token"));
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_refused_without_a_call() {
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    let config = stub.config(PlatformKind::Meta);
    let http = Http::new(PlatformKind::Meta, &config).unwrap();
    let graph = Graph::new(http, &config, Secret::new("a\ntoken"));
    let mut results = graph.batch(&["1".to_owned(), "2".to_owned()]).await;
    results.push(graph.get("1", &[]).await);
    assert_eq!(results.len(), 3);
    for result in results {
        assert_eq!(result.unwrap_err().kind, FaultKind::Token);
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn the_proof_of_the_secret_is_the_hmac_of_the_token() {
    let stub = Stub::start(|_| Reply::new(200, r#"{"id": "1"}"#)).await;
    let mut config = stub.config(PlatformKind::Meta);
    // The second test vector of RFC 4231. The secret comes with the end of its line.
    config.client_secret = Some(Secret::new("Jefe\n"));
    let http = Http::new(PlatformKind::Meta, &config).unwrap();
    let token = Secret::new("what do ya want for nothing?");
    let graph = Graph::new(http, &config, token);
    graph.get("1", &[("fields", "id")]).await.unwrap();
    assert_eq!(
        stub.asked()[0].query("appsecret_proof").as_deref(),
        Some("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    );
    assert_eq!(stub.asked()[0].query("fields").as_deref(), Some("id"));
}
