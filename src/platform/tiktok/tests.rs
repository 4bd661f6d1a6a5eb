//! Reading TikTok's answers. They have the form of the documentation's samples.

mod adapter;
mod identify;
mod whose;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::DateTime;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;

use super::wire::parse_query;
use super::*;
use crate::model::{Availability, EvidenceGrade, Observed};
use crate::platform::http::Answer;
use crate::platform::{Account, Advice, Sighting};

const A: &str = "7106594312292453675";
const B: &str = "7106594312292453676";
const C: &str = "7106594312292453677";
const LOG_ID: &str = "20220829194722CBE87ED59D524E727021";
const TOKEN: &str = "short-token";

fn answer(status: u16, body: &str) -> Answer {
    answer_with(status, body, &[])
}

fn answer_with(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
    let headers: HeaderMap = headers
        .iter()
        .map(|&(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        })
        .collect();
    Answer {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    }
}

fn video(id: &str) -> Value {
    json!({
        "id": id, "create_time": 1_654_700_000,
        "share_url": format!("https://www.tiktok.com/@Some.One/video/{id}?utm_source=a-client"),
        "view_count": 20_441, "like_count": 512, "comment_count": 43, "share_count": 1,
    })
}

fn videos(videos: &[Value]) -> String {
    json!({
        "data": {"videos": videos},
        "error": {"code": "ok", "message": "", "log_id": LOG_ID},
    })
    .to_string()
}

fn failure(code: &str, message: &str) -> String {
    json!({"data": {}, "error": {"code": code, "message": message, "log_id": LOG_ID}}).to_string()
}

/// The answer to a request for the user whose token it is.
fn user(user: &Value) -> String {
    json!({
        "data": {"user": user},
        "error": {"code": "ok", "message": "", "log_id": LOG_ID},
    })
    .to_string()
}

fn account() -> Account {
    Account {
        id: Some("an-open-id".to_owned()),
        handle: Some("owner".to_owned()),
    }
}

/// Reads an answer to an affiliate's token, or to this program's own.
fn read(
    answer: &Answer,
    asked: &[&str],
    own: &[&str],
    owner: Option<&Account>,
) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
    let token = Secret::new(TOKEN);
    let known = Known {
        own: own.iter().copied().collect(),
        authors: BTreeMap::new(),
    };
    let access = Access {
        token: &token,
        owner,
    };
    let whose = owner.map_or(Whose::Untold, Whose::Account);
    parse_query(answer, asked, &known, &access, whose)
}

fn refused(answer: &Answer) -> PlatformError {
    read(answer, &[A], &[A], None).unwrap_err()
}

fn one(video: &Value) -> Sighting {
    let body = videos(std::slice::from_ref(video));
    let mut results = read(&answer(200, &body), &[A], &[], Some(&account())).unwrap();
    found(results.remove(0).unwrap())
}

fn found(fetched: Fetched) -> Sighting {
    match fetched {
        Fetched::Found(sighting) => sighting,
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    }
}

fn is_gone(fetched: &Fetched) -> bool {
    matches!(fetched, Fetched::Gone { .. })
}

/// Why the views of a post are not told this time.
fn reason(result: &Result<Fetched, PlatformError>) -> String {
    match found(result.clone().unwrap()).metrics.views {
        Observed::Unavailable { reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_video_has_views_by_its_owners_token_and_the_rest_is_context() {
    let sighting = one(&video(A));
    assert_eq!(
        sighting.metrics.views,
        Observed::Reported {
            value: 20_441,
            definition: "tiktok.view_count".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    for observed in [&sighting.metrics.clicks, &sighting.metrics.conversions] {
        assert_eq!(observed.availability(), Availability::Unsupported);
    }
    assert_eq!(
        sighting.context.as_deref(),
        Some("512 likes, 43 comments, 1 share")
    );
    assert_eq!(
        sighting.published_at,
        DateTime::from_timestamp(1_654_700_000, 0)
    );
    let author = sighting.author.unwrap();
    assert_eq!(author.handle.as_deref(), Some("some.one"));
    assert_eq!(author.id.as_deref(), Some("an-open-id"));
    assert_eq!(
        sighting.raw,
        json!({
            "id": A, "create_time": 1_654_700_000,
            "share_url": format!("https://www.tiktok.com/@Some.One/video/{A}"),
            "view_count": 20_441, "like_count": 512, "comment_count": 43, "share_count": 1,
            "log_id": LOG_ID,
        })
    );
}

#[test]
fn views_that_are_not_told_are_unavailable_and_never_zero() {
    let mut odd = video(A);
    odd.as_object_mut().unwrap().remove("view_count");
    assert_eq!(
        one(&odd).metrics.views.availability(),
        Availability::Unavailable
    );
    for value in [json!(null), json!(-1), json!("many"), json!({"value": 5})] {
        odd["view_count"] = value.clone();
        let views = one(&odd).metrics.views;
        assert_eq!(views.availability(), Availability::Unavailable, "{value}");
    }
    for (value, expected) in [(json!(0), 0), (json!("77"), 77)] {
        odd["view_count"] = value;
        assert_eq!(one(&odd).metrics.views.value(), Some(expected));
    }
}

#[test]
fn a_video_of_which_only_the_id_is_there_is_still_found() {
    let id: u64 = A.parse().unwrap();
    for odd in [json!({"id": A}), json!({"id": id})] {
        let sighting = one(&odd);
        assert_eq!(sighting.context, None);
        assert_eq!(sighting.published_at, None);
        assert_eq!(
            sighting.metrics.views.availability(),
            Availability::Unavailable
        );
    }
}

#[test]
fn the_author_is_the_account_of_the_token_where_the_link_names_none() {
    for link in [
        json!(null),
        json!("https://m.tiktok.com/v/7106594312292453675.html"),
        json!(format!("https://www.tiktok.com/@_/video/{A}")),
        json!(format!("https://www.tiktok.com/@else/video/{B}")),
        json!(format!("https://evil.example/@else/video/{A}")),
    ] {
        let mut odd = video(A);
        odd["share_url"] = link.clone();
        assert_eq!(one(&odd).author, Some(account()), "{link}");
        let body = videos(&[odd]);
        let results = read(&answer(200, &body), &[A], &[], None).unwrap();
        let sighting = found(results[0].clone().unwrap());
        assert_eq!(sighting.author, None, "{link}");
    }
}

#[test]
fn a_video_that_a_whole_list_lacks_is_gone_only_if_it_was_the_accounts_own() {
    let body = videos(&[video(B)]);
    for owner in [Some(account()), None] {
        let results = read(&answer(200, &body), &[A, B, C], &[A, B], owner.as_ref()).unwrap();
        assert!(is_gone(results[0].as_ref().unwrap()));
        assert_eq!(
            found(results[1].clone().unwrap()).metrics.views.value(),
            Some(20_441)
        );
        let expected = if owner.is_some() {
            "do not hold this post, or it is private"
        } else {
            "to its owner only: link your TikTok account"
        };
        assert!(reason(&results[2]).contains(expected), "{results:?}");
    }
    let results = read(&answer(200, &videos(&[])), &[A], &[A], None).unwrap();
    let expected = json!({"id": A, "listed": false, "log_id": LOG_ID});
    match &results[0] {
        Ok(Fetched::Gone { raw, .. }) => assert_eq!(*raw, expected),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_list_that_may_not_be_whole_proves_nothing_missing() {
    for row in [
        json!(null),
        json!({}),
        json!("x"),
        json!({"id": "no number"}),
        // Another account's, or the same one after somebody read it as a fraction.
        video(C),
        json!({"id": 7_106_594_312_292_454_000_u64}),
    ] {
        let body = videos(&[video(B), row.clone()]);
        let results = read(&answer(200, &body), &[A, B], &[A], None).unwrap();
        let error = results[0].as_ref().unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{row}");
        assert!(results[1].is_ok(), "{row}");
    }
}

#[test]
fn a_video_of_which_an_answer_says_two_things_is_unknown() {
    let mut other = video(A);
    other["view_count"] = json!(500);
    let body = videos(&[video(A), other, video(B)]);
    let results = read(&answer(200, &body), &[A, B], &[A], None).unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().advice(), Advice::Retry);
    assert!(results[1].is_ok());

    let body = videos(&[video(A), video(A)]);
    let results = read(&answer(200, &body), &[A], &[], None).unwrap();
    let views = found(results[0].clone().unwrap()).metrics.views;
    assert_eq!(views.value(), Some(20_441));
}

#[test]
fn an_answer_that_is_no_list_is_unreachable_and_nothing_is_gone() {
    let ok = r#""error":{"code":"ok","message":"","log_id":"1"}"#;
    for (status, body) in [
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, "{}".to_owned()),
        (200, "[]".to_owned()),
        (200, "null".to_owned()),
        (200, format!("{{{ok}}}")),
        (200, format!(r#"{{"data":{{}},{ok}}}"#)),
        (200, format!(r#"{{"data":{{"videos":null}},{ok}}}"#)),
        (200, format!(r#"{{"data":{{"videos":{{}}}},{ok}}}"#)),
        (200, r#"{"data":{"videos":[]}}"#.to_owned()),
        (200, r#"{"data":{"videos":[],"err"#.to_owned()),
        (500, failure("internal_error", "Something went wrong")),
        (200, failure("internal_error", "Something went wrong")),
        (503, failure("new_code", "")),
        // A code that nobody knows under a status that says that all is well.
        (200, failure("new_code", "")),
        (200, failure("0", "")),
        (200, failure("OK", "")),
        (502, videos(&[])),
        (400, "<html>".to_owned()),
        (404, String::new()),
        (500, String::new()),
        (502, "<html>".to_owned()),
        (302, String::new()),
    ] {
        let error = refused(&answer(status, &body));
        assert_eq!(error.advice(), Advice::Retry, "{status} {body}");
    }
}

#[test]
fn the_code_of_an_error_decides_before_its_status() {
    for status in [200, 400, 401] {
        let body = failure("access_token_invalid", "The access token is invalid");
        let error = refused(&answer(status, &body));
        assert!(
            matches!(error, PlatformError::Unauthorised { .. }),
            "{status} {error}"
        );
        for code in [
            "scope_not_authorized",
            "scope_permission_missed",
            "invalid_params",
        ] {
            let error = refused(&answer(status, &failure(code, "No")));
            assert!(
                matches!(error, PlatformError::Refused { .. }),
                "{status} {error}"
            );
            let words = format!("HTTP {status}: {code}, No");
            assert!(error.detail().ends_with(&words), "{error}");
            assert_eq!(
                error.detail().contains("permission to list videos"),
                code != "invalid_params"
            );
        }
    }
}

#[test]
fn an_error_without_a_known_code_is_sorted_by_its_status() {
    for (status, body) in [
        (400, failure("new_code", "")),
        (404, failure("new_code", "")),
        (405, String::new()),
    ] {
        let error = refused(&answer(status, &body));
        assert!(
            matches!(error, PlatformError::Refused { .. }),
            "{status} {body}"
        );
    }
    let bare = r#"{"code":"access_token_invalid","message":"Expired","log_id":"1"}"#;
    for (status, body) in [
        (401, String::new()),
        (401, "<html>".to_owned()),
        (401, failure("new_code", "")),
        (400, bare.to_owned()),
    ] {
        let error = refused(&answer(status, &body));
        assert!(
            matches!(error, PlatformError::Unauthorised { .. }),
            "{status} {body}"
        );
    }
}

#[test]
fn too_many_calls_wait_as_long_as_tiktok_says_or_for_its_window() {
    let named = failure("rate_limit_exceeded", "Too many");
    for status in [200, 429] {
        let error = refused(&answer(status, &named));
        let window = Some(Duration::from_mins(1));
        assert_eq!(error.advice(), Advice::Snooze(window), "{status}");
    }
    let unknown = failure("new_code", "");
    for body in [named.as_str(), "<html>", "", unknown.as_str()] {
        let error = refused(&answer(429, body));
        let window = Some(Duration::from_mins(1));
        assert_eq!(error.advice(), Advice::Snooze(window), "{body}");
        let error = refused(&answer_with(429, body, &[("retry-after", "9")]));
        let wait = Some(Duration::from_secs(9));
        assert_eq!(error.advice(), Advice::Snooze(wait), "{body}");
    }
}

#[test]
fn no_error_and_no_evidence_shows_a_token_that_the_server_quotes() {
    for code in ["access_token_invalid", "invalid_params", TOKEN] {
        let error = refused(&answer(400, &failure(code, &format!("not {TOKEN}!"))));
        assert!(error.detail().contains("not [redacted]!"), "{error}");
        assert!(!error.to_string().contains(TOKEN), "{error}");
    }
    let mut quoting = video(A);
    quoting["share_url"] = json!(format!("https://www.tiktok.com/{TOKEN}?t={TOKEN}#{TOKEN}"));
    quoting["view_count"] = json!(TOKEN);
    let body = json!({
        "data": {"videos": [quoting]},
        "error": {"code": "ok", "message": TOKEN, "log_id": TOKEN},
    });
    let results = read(&answer(200, &body.to_string()), &[A, B, C], &[B], None).unwrap();
    assert!(results[0].is_ok());
    assert!(is_gone(results[1].as_ref().unwrap()));
    let printed = format!("{results:?}");
    assert!(!printed.contains(TOKEN), "{printed}");
}
