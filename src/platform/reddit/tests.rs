//! Reading Reddit's answers, and the adapter against a server that plays Reddit.

mod author;

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::wire::{parse_info, parse_token};
use super::*;
use crate::model::{Availability, EvidenceGrade, Observed};
use crate::platform::http::Answer;
use crate::platform::stub::{Reply, Stub, recorded};
use crate::platform::{Advice, Limit, Sighting};

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: HeaderMap::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn answer_with(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
    let headers = headers
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

fn listing(posts: &[Value]) -> String {
    let children: Vec<Value> = posts
        .iter()
        .map(|post| json!({"kind": "t3", "data": post}))
        .collect();
    json!({"kind": "Listing", "data": {
        "after": null, "dist": children.len(), "modhash": null, "geo_filter": "",
        "children": children, "before": null,
    }})
    .to_string()
}

fn asked(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

fn one(post: Value) -> Fetched {
    let id = post["id"].as_str().unwrap().to_owned();
    let body = listing(&[post]);
    parse_info(&answer(200, &body), &[id], &[])
        .unwrap()
        .remove(0)
        .unwrap()
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

fn post(id: &str) -> Value {
    json!({
        "id": id, "name": format!("t3_{id}"), "author": "somebody", "title": "A title",
        "score": 512, "num_comments": 43, "hide_score": false, "view_count": null,
        "removed_by_category": null, "is_robot_indexable": true, "selftext": "A long text.",
        "created_utc": 1_776_105_848.0, "edited": false,
    })
}

#[test]
fn reddit_tells_no_views_and_the_rest_is_context() {
    let sighting = found(one(post("1skjxta")));
    for (metric, observed) in sighting.metrics.iter() {
        assert_eq!(
            observed.availability(),
            Availability::Unsupported,
            "{metric:?}"
        );
    }
    assert_eq!(sighting.context.as_deref(), Some("score 512, 43 comments"));
    assert_eq!(sighting.raw["score"], 512);
    assert!(sighting.raw.get("selftext").is_none());
}

#[test]
fn a_view_count_counts_if_reddit_ever_gives_one() {
    let mut odd = post("a");
    odd["view_count"] = json!(0);
    assert_eq!(
        found(one(odd)).metrics.views,
        Observed::Reported {
            value: 0,
            definition: "reddit.view_count".to_owned(),
            grade: EvidenceGrade::PlatformApp,
        }
    );
    let mut odd = post("a");
    odd["view_count"] = json!({"value": 5});
    assert_eq!(
        found(one(odd)).metrics.views.availability(),
        Availability::Unsupported
    );
}

#[test]
fn a_hidden_score_is_said_to_be_hidden() {
    let mut fresh = post("a");
    fresh["hide_score"] = json!(true);
    fresh["num_comments"] = json!("1");
    assert_eq!(
        found(one(fresh)).context.as_deref(),
        Some("score hidden, 1 comment")
    );
}

#[test]
fn a_post_of_which_only_the_id_is_there_is_still_found() {
    let sighting = found(one(json!({"id": "a"})));
    assert_eq!(sighting.context, None);
    assert_eq!(
        sighting.metrics.views.availability(),
        Availability::Unsupported
    );
}

#[test]
fn an_id_that_is_left_out_of_a_whole_answer_is_gone() {
    let body = listing(&[post("b")]);
    let results = parse_info(&answer(200, &body), &asked(&["a", "b", "c"]), &[]).unwrap();
    let gone: Vec<bool> = results
        .iter()
        .map(|result| is_gone(result.as_ref().unwrap()))
        .collect();
    assert_eq!(gone, [true, false, true]);
}

#[test]
fn an_id_that_is_left_out_of_a_partial_answer_is_unknown() {
    let mut further: Value = serde_json::from_str(&listing(&[post("b")])).unwrap();
    further["data"]["after"] = json!("t3_b");
    let mut fewer: Value = serde_json::from_str(&listing(&[post("b")])).unwrap();
    fewer["data"]["dist"] = json!(2);
    let mut unreadable: Value = serde_json::from_str(&listing(&[post("b"), json!(null)])).unwrap();
    unreadable["data"]["children"][1]["data"] = json!({"title": "no id"});
    let another: Value = serde_json::from_str(&listing(&[post("b"), post("c")])).unwrap();
    let mut comment: Value = serde_json::from_str(&listing(&[post("b"), post("a")])).unwrap();
    comment["data"]["children"][1]["kind"] = json!("t1");
    for body in [further, fewer, unreadable, another, comment] {
        let answer = answer(200, &body.to_string());
        let results = parse_info(&answer, &asked(&["a", "b"]), &[]).unwrap();
        assert_eq!(
            results[0].as_ref().unwrap_err().advice(),
            Advice::Retry,
            "{body}"
        );
        assert!(!is_gone(results[1].as_ref().unwrap()));
    }
}

#[test]
fn a_post_of_which_an_answer_says_two_things_is_unknown() {
    let mut removed = post("a");
    removed["removed_by_category"] = json!("moderator");
    let body = listing(&[post("a"), removed]);
    let results = parse_info(&answer(200, &body), &asked(&["a"]), &[]).unwrap();
    assert_eq!(results[0].as_ref().unwrap_err().advice(), Advice::Retry);
    let body = listing(&[post("a"), post("a")]);
    let results = parse_info(&answer(200, &body), &asked(&["a"]), &[]).unwrap();
    assert!(!is_gone(results[0].as_ref().unwrap()));
}

#[test]
fn ids_may_be_numbers_and_names_may_stand_alone() {
    let mut numeric = post("7");
    numeric["id"] = json!(7);
    let mut named = post("b");
    named.as_object_mut().unwrap().remove("id");
    let body = listing(&[numeric, named]);
    let results = parse_info(&answer(200, &body), &asked(&["7", "b"]), &[]).unwrap();
    assert!(
        results
            .iter()
            .all(|result| !is_gone(result.as_ref().unwrap()))
    );
}

#[test]
fn a_removal_is_gone_but_for_what_automoderator_holds_back() {
    for category in [
        "anti_evil_ops",
        "author",
        "community_ops",
        "content_takedown",
        "copyright_takedown",
        "deleted",
        "legal_operations",
        "moderator",
        "reddit",
    ] {
        let mut removed = post("a");
        removed["removed_by_category"] = json!(category);
        assert!(is_gone(&one(removed)), "{category}");
    }
    // As a text post is told while it is held back.
    let mut held = post("a");
    held["removed_by_category"] = json!("automod_filtered");
    held["selftext"] = json!("[removed]");
    held["is_robot_indexable"] = json!(false);
    assert!(!is_gone(&one(held)));
}

#[test]
fn one_sign_of_a_deletion_alone_is_not_enough() {
    for (author, text, indexable, expected) in [
        ("[deleted]", "[deleted]", json!(false), true),
        ("[deleted]", "[removed]", json!(null), true),
        ("[deleted]", "", json!(false), true),
        ("somebody", "[removed]", json!(false), true),
        ("[deleted]", "", json!(true), false),
        ("somebody", "[removed]", json!(true), false),
        ("somebody", "", json!(false), false),
    ] {
        let mut odd = post("a");
        odd["author"] = json!(author);
        odd["selftext"] = json!(text);
        odd["is_robot_indexable"] = indexable.clone();
        assert_eq!(
            is_gone(&one(odd)),
            expected,
            "{author:?} {text:?} {indexable}"
        );
    }
}

#[test]
fn an_answer_that_is_no_listing_is_unreachable_and_nothing_is_gone() {
    for (status, body) in [
        (200, ""),
        (200, "<html>"),
        (200, "{}"),
        (200, "[]"),
        (200, "null"),
        (200, r#"{"kind":"Listing","data":{"children":null}}"#),
        (
            200,
            r#"{"kind":"Listing","data":{"children":[{"kind":"t3","da"#,
        ),
        (200, r#"{"message":"Internal Server Error","error":500}"#),
        (500, ""),
        (502, "<html>"),
        (503, ""),
        (504, ""),
        (520, ""),
        (522, ""),
        (302, ""),
    ] {
        let error = parse_info(&answer(status, body), &asked(&["a"]), &[]).unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{status} {body}");
    }
}

#[test]
fn a_call_that_is_refused_is_told_from_one_that_is_not_authorised() {
    let error =
        |status, body: &str| parse_info(&answer(status, body), &asked(&["a"]), &[]).unwrap_err();
    for (status, body) in [
        (403, r#"{"message": "Forbidden", "error": 403}"#),
        (200, r#"{"error": 403}"#),
    ] {
        let error = error(status, body);
        assert!(
            matches!(error, PlatformError::Refused { .. }),
            "{status} {body}: {error}"
        );
    }
    for (status, body) in [
        (
            400,
            r#"{"fields":["id"],"explanation":"no","message":"Bad Request","reason":"BAD"}"#,
        ),
        (404, r#"{"message": "Not Found", "error": 404}"#),
        (200, r#"{"message": "Not Found", "error": 404}"#),
        (200, r#"{"error": "something"}"#),
        (403, "<html>blocked</html>"),
    ] {
        let error = error(status, body);
        assert!(
            matches!(error, PlatformError::Unreachable { .. }),
            "{status} {body}: {error}"
        );
    }
    for (status, body) in [
        (401, r#"{"message": "Unauthorized", "error": 401}"#),
        (401, r#"{"error": 401}"#),
        (401, ""),
        (200, r#"{"error": 401}"#),
    ] {
        let error = error(status, body);
        assert!(
            matches!(error, PlatformError::Unauthorised { .. }),
            "{status} {body}: {error}"
        );
    }
}

/// Reddit that refuses every call for one of these ids, and tells of all others that they are not there.
async fn refusing(ids: &'static [&'static str]) -> Stub {
    Stub::start(move |asked| {
        if asked.line.contains("access_token") {
            return Reply::new(200, TOKEN);
        }
        let names = asked.query("id").unwrap_or_default();
        if ids
            .iter()
            .any(|id| names.split(',').any(|name| name == format!("t3_{id}")))
        {
            return Reply::new(403, r#"{"message": "Forbidden", "error": 403}"#);
        }
        Reply::new(
            200,
            r#"{"kind": "Listing", "data": {"dist": 0, "after": null, "children": []}}"#,
        )
    })
    .await
}

#[tokio::test]
async fn a_post_that_has_a_call_refused_is_found_and_costs_no_other() {
    let ids = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8"];
    let posts = ids.map(reference);
    let stub = refusing(&["a3", "a8"]).await;
    let answers = adapter(&stub).fetch(&posts, None).await;
    for (id, answer) in ids.iter().zip(answers) {
        let as_expected = match answer {
            Err(PlatformError::Refused { .. }) => ["a3", "a8"].contains(id),
            Ok(Fetched::Gone { .. }) => !["a3", "a8"].contains(id),
            _ => false,
        };
        assert!(as_expected, "{id}");
    }
}

#[tokio::test]
async fn whoever_is_refused_whatever_is_asked_for_is_not_authorised() {
    let posts = ["a1", "a2", "a3", "a4"].map(reference);
    let stub = refusing(&["a1", "a2", "a3", "a4", "1"]).await;
    for posts in [&posts[..], &posts[..1]] {
        for answer in adapter(&stub).fetch(posts, None).await {
            let error = answer.unwrap_err();
            assert!(
                matches!(error, PlatformError::Unauthorised { .. }),
                "{error}"
            );
        }
    }
    // Twice the token, what was asked for, and something else.
    assert_eq!(stub.asked().len(), 6);
    // One post alone that is refused where another is not.
    let stub = refusing(&["a1"]).await;
    let alone = adapter(&stub).fetch(&posts[..1], None).await;
    assert!(
        matches!(alone[0], Err(PlatformError::Refused { .. })),
        "{alone:?}"
    );
}

#[test]
fn a_429_waits_as_long_as_reddit_says() {
    let page = "<html>whoa there, pardner!</html>";
    for (headers, expected) in [
        (vec![("retry-after", "4")], Some(Duration::from_secs(4))),
        (
            vec![("retry-after", "4"), ("x-ratelimit-reset", "51")],
            Some(Duration::from_secs(4)),
        ),
        (
            vec![("x-ratelimit-reset", "51")],
            Some(Duration::from_secs(51)),
        ),
        (vec![], None),
    ] {
        let answer = answer_with(429, page, &headers);
        let error = parse_info(&answer, &asked(&["a"]), &[]).unwrap_err();
        assert_eq!(error.advice(), Advice::Snooze(expected), "{headers:?}");
        assert_eq!(error.limit(), Some(Limit::Application));
    }
}

#[test]
fn an_error_shows_no_secret_that_the_server_quotes() {
    let body = r#"{"message": "no such token: short-token", "error": 401}"#;
    let error = parse_info(&answer(401, body), &asked(&["a"]), &["short-token"]).unwrap_err();
    assert!(!error.to_string().contains("short-token"), "{error}");
    let body = r#"{"error": "invalid_grant", "error_description": "not s3cret-text"}"#;
    let error = parse_token(&answer(200, body), &["s3cret-text"]).unwrap_err();
    assert!(!error.to_string().contains("s3cret-text"), "{error}");
}

#[test]
fn a_token_is_used_a_little_shorter_than_it_lives() {
    for (expires_in, used) in [
        (json!(86400), 86_340),
        (json!("3600"), 3540),
        (json!(100), 90),
        (json!(0), 0),
        (json!(-5), 0),
        (json!(null), 0),
    ] {
        let body = json!({"access_token": "t", "token_type": "bearer", "expires_in": expires_in});
        let grant = parse_token(&answer(200, &body.to_string()), &[]).unwrap();
        assert_eq!(grant.token.expose(), "t");
        assert_eq!(grant.lifetime, Duration::from_secs(used), "{body}");
    }
}

#[test]
fn a_refused_token_is_told_from_a_server_that_fails() {
    for (status, body) in [
        (400, r#"{"error": 400}"#),
        (401, r#"{"message": "Unauthorized", "error": 401}"#),
        (403, r#"{"message": "Forbidden", "error": 403}"#),
        (200, r#"{"error": "invalid_grant"}"#),
        (
            200,
            r#"{"error_description": "bad device_id", "error": "invalid_request"}"#,
        ),
        (
            200,
            r#"{"error": "unauthorized_client", "access_token": "t"}"#,
        ),
        (200, r#"{"error": 401}"#),
    ] {
        let error = parse_token(&answer(status, body), &[]).unwrap_err();
        assert!(
            matches!(error, PlatformError::Unauthorised { .. }),
            "{status} {body}"
        );
    }
    for (status, body) in [
        (200, ""),
        (200, "{}"),
        (200, r#"{"access_token": ""}"#),
        (200, r#"{"access_token": 5}"#),
        (200, "<html>"),
        (301, ""),
        (403, ""),
        (403, "<html>blocked by network security</html>"),
        (503, ""),
    ] {
        let error = parse_token(&answer(status, body), &[]).unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{status} {body}");
    }
    let body = r#"{"message": "Too Many Requests", "error": 429}"#;
    for status in [200, 429] {
        let error = parse_token(&answer(status, body), &[]).unwrap_err();
        assert_eq!(error.advice(), Advice::Snooze(None));
    }
}

#[test]
fn recorded_answers_are_read() {
    let Some(body) = recorded("reddit/api_info_2020_batch1.json") else {
        return;
    };
    let mut wanted = asked(&[
        "5dec01", "5dec02", "5dec00", "5dec19", "5dec21", "5dec28", "zzzzzz",
    ]);
    // Comments and communities were asked for with them, and this program asks for posts.
    let mut body: Value = serde_json::from_str(&body).unwrap();
    let children = body["data"]["children"].as_array_mut().unwrap();
    children.retain(|child| child["kind"] == "t3");
    let others = children
        .iter()
        .map(|child| child["data"]["id"].as_str().unwrap().to_owned())
        .filter(|id| !wanted.contains(id));
    let others: Vec<String> = others.collect();
    body["data"]["dist"] = json!(children.len());
    let named = wanted.len();
    wanted.extend(others);
    let results = parse_info(&answer(200, &body.to_string()), &wanted, &[]).unwrap();
    let results = &results[..named];
    let gone: Vec<bool> = results
        .iter()
        .map(|result| is_gone(result.as_ref().unwrap()))
        .collect();
    assert_eq!(gone, [true, false, false, false, true, true, true]);

    let body = recorded("reddit/api_info_single_2022.json").unwrap();
    let mut results = parse_info(&answer(200, &body), &asked(&["uflrmv"]), &[]).unwrap();
    let sighting = found(results.remove(0).unwrap());
    assert_eq!(sighting.context.as_deref(), Some("score 1, 1 comment"));
    assert_eq!(
        sighting.metrics.views.availability(),
        Availability::Unsupported
    );

    let body = recorded("reddit/api_info_unknown_id_2020.json").unwrap();
    let results = parse_info(&answer(200, &body), &asked(&["0"]), &[]).unwrap();
    assert!(is_gone(results[0].as_ref().unwrap()));

    let body = recorded("reddit/token_2026-06.json").unwrap();
    let grant = parse_token(&answer(200, &body), &[]).unwrap();
    assert_eq!(
        grant.lifetime,
        Duration::from_hours(24) - Duration::from_mins(1)
    );
}

#[test]
fn recorded_errors_are_sorted() {
    for (file, status, expected) in [
        (
            "reddit/error_401_invalid_token_2016.json",
            401,
            Advice::GiveUp,
        ),
        ("reddit/error_403_2025.json", 403, Advice::GiveUp),
        ("reddit/error_404_2016.json", 404, Advice::Retry),
        (
            "reddit/error_429_token_2021.json",
            429,
            Advice::Snooze(None),
        ),
        ("reddit/error_503_1_2016.txt", 503, Advice::Retry),
    ] {
        let Some(body) = recorded(file) else {
            return;
        };
        let error = parse_info(&answer(status, &body), &asked(&["a"]), &[]).unwrap_err();
        assert_eq!(error.advice(), expected, "{file}");
    }
}

fn reference(id: &str) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://www.reddit.com/comments/{id}"),
        account_handle: None,
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

const TOKEN: &str = r#"{"access_token": "the-token", "token_type": "bearer", "expires_in": 86400}"#;

fn adapter(stub: &Stub) -> Reddit {
    Reddit::new(&stub.config(PlatformKind::Reddit))
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn posts_are_asked_for_in_hundreds_with_one_token_and_answered_in_order() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return Reply::new(200, TOKEN);
        }
        let ids = asked.query("id").unwrap();
        let posts: Vec<Value> = ids
            .split(',')
            .map(|name| name.strip_prefix("t3_").unwrap())
            .filter(|id| *id != "p7")
            .map(post)
            .collect();
        Reply::new(200, listing(&posts))
    })
    .await;
    let reddit = adapter(&stub);
    let mut posts: Vec<PostRef> = (0..120).map(|n| reference(&format!("p{n}"))).collect();
    posts.push(reference("P5"));
    posts.push(reference("not/an/id"));
    // One more than fits 63 bits.
    posts.push(reference("1y2p0ij32e8e8"));
    let results = reddit.fetch(&posts, None).await;

    assert_eq!(results.len(), 123);
    for (n, result) in results.iter().take(120).enumerate() {
        match result.as_ref().unwrap() {
            Fetched::Gone { .. } => assert_eq!(n, 7),
            Fetched::Found(sighting) => assert_eq!(sighting.raw["id"], format!("p{n}")),
        }
    }
    assert_eq!(results[120], results[5]);
    for result in &results[121..] {
        assert!(matches!(result, Err(PlatformError::Refused { .. })));
    }

    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0].line, "POST /web/api/v1/access_token");
    assert_eq!(asked[0].body, "grant_type=client_credentials");
    assert!(asked[0].head.contains("authorization: basic "));
    for request in &asked[1..] {
        assert!(
            request.line.starts_with("GET /api/api/info?id=t3_"),
            "{}",
            request.line
        );
        assert!(request.line.ends_with("&raw_json=1"));
        assert!(request.query("id").unwrap().split(',').count() <= 100);
        assert!(request.head.contains("authorization: bearer the-token"));
        assert!(request.head.contains("user-agent: server:countersign:"));
    }
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_token() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return Reply::new(200, TOKEN);
        }
        Reply::new(200, listing(&[post("a")]))
    })
    .await;
    let reddit = adapter(&stub);
    let posts = [reference("a")];
    let (first, second, third) = tokio::join!(
        reddit.fetch(&posts, None),
        reddit.fetch(&posts, None),
        reddit.fetch(&posts, None)
    );
    for results in [first, second, third] {
        assert!(results[0].is_ok());
    }
    let tokens = stub
        .asked()
        .iter()
        .filter(|asked| asked.line.starts_with("POST"))
        .count();
    assert_eq!(tokens, 1);
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return Reply::new(200, TOKEN);
        }
        Reply::new(401, r#"{"error": 401}"#)
    })
    .await;
    let reddit = adapter(&stub);
    let results = reddit.fetch(&[reference("a")], None).await;
    assert!(matches!(
        results[0],
        Err(PlatformError::Unauthorised { .. })
    ));
    let methods: Vec<String> = stub
        .asked()
        .iter()
        .map(|asked| asked.line[..4].to_owned())
        .collect();
    assert_eq!(methods, ["POST", "GET ", "POST", "GET "]);
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_unauthorised_and_replaced_once() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            let body = json!({"access_token": "a\ntoken", "expires_in": 86400});
            return Reply::new(200, body.to_string());
        }
        Reply::new(200, listing(&[post("a")]))
    })
    .await;
    let results = adapter(&stub).fetch(&[reference("a")], None).await;
    let matches = matches!(results[0], Err(PlatformError::Unauthorised { .. }));
    assert!(matches, "{results:?}");
    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.line.starts_with("POST")));
}

#[tokio::test]
async fn a_fresh_token_after_a_refused_one_answers_the_same_fetch() {
    let granted = std::sync::atomic::AtomicUsize::new(0);
    let stub = Stub::start(move |asked| {
        if asked.line.starts_with("POST") {
            let n = granted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let body = json!({"access_token": format!("token-{n}"), "expires_in": 86400});
            return Reply::new(200, body.to_string());
        }
        if asked.head.contains("bearer token-0") {
            return Reply::new(401, "");
        }
        Reply::new(200, listing(&[post("a")]))
    })
    .await;
    let reddit = adapter(&stub);
    assert!(reddit.fetch(&[reference("a")], None).await[0].is_ok());
    assert!(reddit.fetch(&[reference("a")], None).await[0].is_ok());
    assert_eq!(stub.asked().len(), 5);
}

#[tokio::test]
async fn only_the_posts_of_a_call_that_fails_get_its_error() {
    let stub = Stub::start(|asked| {
        if asked.line.starts_with("POST") {
            return Reply::new(200, TOKEN);
        }
        let ids = asked.query("id").unwrap();
        if ids.contains("t3_p999,") || ids.ends_with("t3_p999") {
            return Reply::new(429, "<html>").header("Retry-After", "9");
        }
        let posts: Vec<Value> = ids
            .split(',')
            .map(|name| post(name.strip_prefix("t3_").unwrap()))
            .collect();
        Reply::new(200, listing(&posts))
    })
    .await;
    let reddit = adapter(&stub);
    // Asked in the order of their text, so that the last of these is alone in the second call.
    let posts: Vec<PostRef> = (899..1000).map(|n| reference(&format!("p{n}"))).collect();
    let results = reddit.fetch(&posts, None).await;
    assert!(results[..100].iter().all(Result::is_ok));
    let wait = Some(Duration::from_secs(9));
    assert_eq!(
        results[100].as_ref().unwrap_err().advice(),
        Advice::Snooze(wait)
    );
}

#[tokio::test]
async fn a_share_link_is_followed_one_step_without_a_token() {
    let stub = Stub::start(|asked| match asked.line.as_str() {
        "GET /web/r/redditdev/s/WNauetbiNG" => Reply::new(301, "<a>Moved Permanently</a>.").header(
            "Location",
            "https://www.reddit.com/r/redditdev/comments/2gmzqe/praw_https/?share_id=o&utm_name=i",
        ),
        other => Reply::new(500, other),
    })
    .await;
    let reddit = adapter(&stub);
    let link = PostLink::parse("https://www.reddit.com/r/redditdev/s/WNauetbiNG").unwrap();
    match reddit.resolve(&link, None).await.unwrap() {
        Resolved::Post(found) => assert_eq!(found.native_id(), Some("2gmzqe")),
        other => panic!("{other:?}"),
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].head.contains("authorization"));
    assert!(!asked[0].head.contains("cookie"));
}
