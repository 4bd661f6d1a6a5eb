//! Reading X's answers, and the adapter against a server that plays X.

mod identify;

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::wire::parse_lookup;
use super::*;
use crate::model::{Availability, EvidenceGrade, Observed};
use crate::platform::http::Answer;
use crate::platform::stub::{Asked, Reply, Stub, recorded};
use crate::platform::{Account, Advice, Limit, Sighting};

const ID: &str = "1700000000000000000";

const PROBLEMS: &str = "https://api.x.com/2/problems";

fn answer(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> Answer {
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

fn post(id: &str) -> Value {
    json!({
        "id": id, "text": "A text.", "edit_history_tweet_ids": [id],
        "author_id": "2244994945", "created_at": "2023-09-08T04:15:59.000Z",
        "public_metrics": {
            "retweet_count": 5, "reply_count": 1, "like_count": 43, "quote_count": 0,
            "bookmark_count": 2, "impression_count": 9120,
        },
    })
}

fn problem(id: &str, kind: &str) -> Value {
    json!({
        "resource_id": id, "value": id, "resource_type": "tweet", "parameter": "ids",
        "section": "data", "title": "A title", "detail": format!("Words about [{id}]."),
        "type": format!("{PROBLEMS}/{kind}"),
    })
}

fn body(posts: &[Value], problems: &[Value]) -> String {
    let users =
        json!({"users": [{"id": "2244994945", "name": "X Dev", "username": "XDevelopers"}]});
    let mut body = json!({"includes": users});
    // X leaves out a list that would be empty.
    if !posts.is_empty() {
        body["data"] = json!(posts);
    }
    if !problems.is_empty() {
        body["errors"] = json!(problems);
    }
    body.to_string()
}

fn lookup(ids: &[&str], body: &str) -> Lookup {
    let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    parse_lookup(&answer(200, body, &[]), &ids, &[]).unwrap()
}

fn failure(answer: &Answer) -> PlatformError {
    parse_lookup(answer, &[ID.to_owned()], &[]).unwrap_err()
}

fn found(result: &Result<Fetched, PlatformError>) -> &Sighting {
    match result.as_ref().unwrap() {
        Fetched::Found(sighting) => sighting,
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    }
}

fn one(post: &Value) -> Sighting {
    let id = post["id"].as_str().unwrap();
    let lookup = lookup(&[id], &body(std::slice::from_ref(post), &[]));
    found(&lookup.results[id]).clone()
}

fn reported(value: u64, definition: &str, grade: EvidenceGrade) -> Observed {
    Observed::Reported {
        value,
        definition: definition.to_owned(),
        grade,
    }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[test]
fn anybody_is_told_the_views_and_nobody_but_the_owner_the_clicks() {
    let sighting = one(&post(ID));
    let views = reported(9120, "x.impression_count", EvidenceGrade::Public);
    assert_eq!(sighting.metrics.views, views);
    let clicks = &sighting.metrics.clicks;
    assert_eq!(clicks.availability(), Availability::Unavailable);
    let conversions = &sighting.metrics.conversions;
    assert_eq!(conversions.availability(), Availability::Unsupported);
    assert_eq!(
        sighting.context.as_deref(),
        Some("43 likes, 5 reposts, 1 reply")
    );
    let author = Account {
        id: Some("2244994945".to_owned()),
        handle: Some("xdevelopers".to_owned()),
    };
    assert_eq!(sighting.author, Some(author));
    assert_eq!(sighting.published_at, Some(time("2023-09-08T04:15:59Z")));
    assert_eq!(sighting.raw["public_metrics"]["impression_count"], 9120);
    assert_eq!(sighting.raw["username"], "xdevelopers");
    assert!(sighting.raw.get("text").is_none());
}

#[test]
fn views_that_are_not_told_are_no_zero_and_a_zero_is_one() {
    for (told, expected) in [
        (json!({"like_count": 0}), None),
        (json!({"impression_count": null}), None),
        (json!({"impression_count": {"a": 1}}), None),
        (json!(null), None),
        (json!({"impression_count": 0}), Some(0)),
        (
            json!({"impression_count": 0, "like_count": 0, "reply_count": 0}),
            Some(0),
        ),
        (json!({"impression_count": "12"}), Some(12)),
    ] {
        let mut odd = post(ID);
        odd["public_metrics"] = told.clone();
        let views = one(&odd).metrics.views;
        assert_eq!(views.value(), expected, "{told}");
        if expected.is_none() {
            assert_eq!(views.availability(), Availability::Unavailable, "{told}");
        }
    }
}

#[test]
fn no_views_beside_reactions_are_no_count() {
    // The recorded answers show it of reposts.
    for (field, count, words) in [
        (
            "like_count",
            1,
            "0 views beside 1 other reaction: it does not count those of this post",
        ),
        ("reply_count", 2, "beside 2 other reactions"),
        ("quote_count", 3, "beside 3 other reactions"),
        ("bookmark_count", 4, "beside 4 other reactions"),
        ("retweet_count", 4321, "beside 4321 other reactions"),
    ] {
        let mut uncounted = post(ID);
        uncounted["public_metrics"] = json!({"impression_count": 0, field: count});
        match one(&uncounted).metrics.views {
            Observed::Unavailable { reason } => assert!(reason.contains(words), "{reason}"),
            other => panic!("{field}: {other:?}"),
        }
        uncounted["public_metrics"]["impression_count"] = json!(1);
        assert_eq!(one(&uncounted).metrics.views.value(), Some(1), "{field}");
    }
}

#[test]
fn no_views_of_a_post_from_before_x_counted_are_no_count_whatever_stands_beside_them() {
    // The recorded answers show it.
    let mut numbered = post("1278347468690915330");
    numbered.as_object_mut().unwrap().remove("created_at");
    let mut dated = post(ID);
    dated["created_at"] = json!("2022-12-14T23:59:59.000Z");
    for mut old in [numbered, dated.clone()] {
        for beside in [None, Some(0), Some(4321)] {
            old["public_metrics"] = json!({"impression_count": 0, "retweet_count": beside});
            match one(&old).metrics.views {
                Observed::Unavailable { reason } => {
                    assert!(reason.contains("before 15 December 2022"), "{reason}");
                    assert!(!reason.contains("reaction"), "{reason}");
                }
                other => panic!("{beside:?}: {other:?}"),
            }
        }
        old["public_metrics"]["impression_count"] = json!(1);
        assert_eq!(one(&old).metrics.views.value(), Some(1));
    }
    dated["created_at"] = json!("2022-12-15T00:00:00.000Z");
    dated["public_metrics"] = json!({"impression_count": 0, "retweet_count": 0});
    assert_eq!(one(&dated).metrics.views.value(), Some(0));
}

#[test]
fn a_post_of_which_an_answer_says_two_things_is_unknown() {
    let mut other = post("1");
    other["public_metrics"]["impression_count"] = json!(500);
    let told = lookup(&["1", "2"], &body(&[post("1"), other, post("2")], &[]));
    let error = told.results["1"].as_ref().unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
    assert_eq!(found(&told.results["2"]).metrics.views.value(), Some(9120));

    let told = lookup(&["1"], &body(&[post("1"), post("1")], &[]));
    assert_eq!(found(&told.results["1"]).metrics.views.value(), Some(9120));
}

#[test]
fn only_known_figures_are_kept_as_evidence() {
    let mut odd = post(ID);
    odd["public_metrics"]["something_new"] = json!("long".repeat(1000));
    odd["non_public_metrics"] = json!({"url_link_clicks": 4, "something_new": [1, 2]});
    odd["organic_metrics"] = json!({"impression_count": 1});
    let raw = one(&odd).raw;
    assert_eq!(raw["non_public_metrics"], json!({"url_link_clicks": 4}));
    assert_eq!(raw["public_metrics"], post(ID)["public_metrics"]);
    assert_eq!(raw.get("organic_metrics"), None);
}

#[test]
fn an_owner_is_told_clicks_zero_included() {
    let mut own = post(ID);
    own["non_public_metrics"] = json!({"impression_count": 9130, "url_link_clicks": 0});
    let sighting = one(&own);
    let owner = EvidenceGrade::OwnerToken;
    let views = reported(9130, "x.impression_count", owner);
    assert_eq!(sighting.metrics.views, views);
    let clicks = reported(0, "x.url_link_clicks", owner);
    assert_eq!(sighting.metrics.clicks, clicks);
    assert_eq!(sighting.raw["non_public_metrics"]["url_link_clicks"], 0);

    // A figure that anybody is told is no stronger for who asks.
    own["non_public_metrics"] = json!({"engagements": 345});
    let metrics = one(&own).metrics;
    let public = reported(9120, "x.impression_count", EvidenceGrade::Public);
    assert_eq!(metrics.views, public);
    assert_eq!(metrics.clicks.availability(), Availability::Unavailable);
}

#[test]
fn a_post_without_a_time_has_that_of_its_number_if_it_holds_one() {
    let mut bare = json!({"id": ID});
    let sighting = one(&bare);
    assert_eq!(
        sighting.published_at,
        Some(time("2023-09-08T04:15:59.129Z"))
    );
    assert_eq!(sighting.author, None);
    assert_eq!(sighting.context, None);
    bare["id"] = json!("20");
    assert_eq!(one(&bare).published_at, None);
}

#[test]
fn what_became_of_a_post_that_is_left_out_stands_in_the_answer() {
    let author = json!({
        "resource_id": "6", "value": "6", "resource_type": "user", "section": "includes",
        "detail": "Could not find user.", "type": format!("{PROBLEMS}/resource-not-found"),
    });
    let mut old = problem("7", "resource-not-found");
    old.as_object_mut().unwrap().remove("resource_id");
    old["type"] = json!("https://api.twitter.com/2/problems/resource-not-found");
    let problems = [
        problem("2", "resource-not-found"),
        problem("3", "not-authorized-for-resource"),
        problem("4", "internal-error"),
        author,
        old,
    ];
    let lookup = lookup(
        &["1", "2", "3", "4", "5", "6", "7"],
        &body(&[post("1")], &problems),
    );
    let results = &lookup.results;
    assert_eq!(found(&results["1"]).metrics.views.value(), Some(9120));
    match results["2"].as_ref().unwrap() {
        Fetched::Gone { reason, raw } => {
            assert!(reason.ends_with("Words about [2]."), "{reason}");
            assert_eq!(raw["error"]["type"], "resource-not-found");
        }
        Fetched::Found(_) => panic!("found"),
    }
    let hidden = &found(&results["3"]).metrics;
    assert_eq!(hidden.views.availability(), Availability::Unavailable);
    assert_eq!(hidden.clicks.availability(), Availability::Unavailable);
    for id in ["4", "5", "6"] {
        let error = results[id].as_ref().unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{id}");
    }
    assert!(matches!(results["7"], Ok(Fetched::Gone { .. })));
    assert!(lookup.again.is_empty());
}

#[test]
fn a_post_that_x_withholds_has_no_figures_and_is_no_failure() {
    for (kind, words) in [
        (
            "not-authorized-for-resource",
            "its account is protected or suspended: Words about [1].",
        ),
        (
            "resource-unavailable",
            "not available to this access: Words about [1].",
        ),
        (
            "disallowed-resource",
            "by its API, whose rules forbid it: Words about [1].",
        ),
    ] {
        let told = lookup(&["1"], &body(&[], &[problem("1", kind)]));
        let metrics = &found(&told.results["1"]).metrics;
        for observed in [&metrics.views, &metrics.clicks] {
            match observed {
                Observed::Unavailable { reason } => assert!(reason.ends_with(words), "{reason}"),
                other => panic!("{kind}: {other:?}"),
            }
        }
    }
}

#[test]
fn a_post_that_x_does_not_show_has_no_time_though_its_number_holds_one() {
    let problems = [problem(ID, "not-authorized-for-resource")];
    let told = lookup(&[ID], &body(&[], &problems));
    let hidden = found(&told.results[ID]);
    assert_eq!((&hidden.author, hidden.published_at), (&None, None));
}

#[test]
fn a_post_left_out_for_a_private_field_is_unknown_and_to_be_asked_again() {
    let field = problem("1", "not-authorized-for-field");
    let also = problem("2", "not-authorized-for-field");
    let told = lookup(&["1", "2"], &body(&[post("2")], &[field, also]));
    assert_eq!(told.again, ["1"]);
    assert_eq!(
        told.results["1"].as_ref().unwrap_err().advice(),
        Advice::Retry
    );
    let seen = &found(&told.results["2"]).metrics;
    let views = reported(9120, "x.impression_count", EvidenceGrade::Public);
    assert_eq!(seen.views, views);
    assert_eq!(seen.clicks.availability(), Availability::Unavailable);

    let nameless = json!({
        "title": "Field Authorization Error", "detail": "Sorry, no.",
        "type": format!("{PROBLEMS}/not-authorized-for-field"),
    });
    let told = lookup(&["1"], &body(&[], &[nameless]));
    assert_eq!(told.again, ["1"]);
}

fn fault(title: &str, kind: &str) -> String {
    json!({"title": title, "detail": "Some words.", "type": kind}).to_string()
}

#[test]
fn failures_of_a_call_are_sorted() {
    let forbidden = json!({"title": "Forbidden", "reason": "client-not-enrolled"}).to_string();
    let typed = |kind: &str| fault("Problem", &format!("{PROBLEMS}/{kind}"));
    for (status, body) in [
        (401, fault("Unauthorized", "about:blank")),
        (401, String::new()),
        (403, typed("client-forbidden")),
        (403, typed("unsupported-authentication")),
        (403, forbidden),
    ] {
        let error = failure(&answer(status, &body, &[]));
        let matches = matches!(error, PlatformError::Unauthorised { .. });
        assert!(matches, "{status} {body}: {error}");
    }
    let old = json!({"errors": [{"message": "The ids are not valid."}]}).to_string();
    for (status, body) in [
        (400, typed("invalid-request")),
        (400, old),
        (403, fault("Forbidden", "about:blank")),
    ] {
        let error = failure(&answer(status, &body, &[]));
        let matches = matches!(error, PlatformError::Refused { .. });
        assert!(matches, "{status} {body}: {error}");
    }
    for (status, body) in [
        (200, String::new()),
        (200, "<html>".to_owned()),
        (200, "null".to_owned()),
        (200, "{}".to_owned()),
        (200, json!({"data": {"id": ID}}).to_string()),
        (200, typed("operational-disconnect")),
        (200, r#"{"data": [{"id": "#.to_owned()),
        (302, String::new()),
        (403, "<html>".to_owned()),
        (404, String::new()),
        (500, fault("Internal Server Error", "about:blank")),
        (502, "<html>".to_owned()),
        (503, String::new()),
    ] {
        let error = failure(&answer(status, &body, &[]));
        assert_eq!(error.advice(), Advice::Retry, "{status} {body}");
    }
}

#[test]
fn a_limit_of_calls_ends_with_its_window() {
    let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
    let secs = |seconds| Some(Duration::from_secs(seconds));
    for (headers, expected) in [
        (vec![date, ("x-rate-limit-reset", "1445412545")], secs(65)),
        // As it was recorded.
        (
            vec![
                ("date", "Fri, 07 Oct 2022 22:43:17 UTC"),
                ("x-rate-limit-reset", "1665183228"),
            ],
            secs(631),
        ),
        (vec![date, ("x-rate-limit-reset", "1445412000")], secs(0)),
        (
            vec![date, ("x-rate-limit-reset", "9999999999")],
            secs(86_400),
        ),
        (
            vec![
                date,
                ("retry-after", "4"),
                ("x-rate-limit-reset", "1445412545"),
            ],
            secs(4),
        ),
        (vec![("x-rate-limit-reset", "1445412545")], None),
        (vec![date, ("x-rate-limit-reset", "soon")], None),
        (vec![], None),
    ] {
        for body in [
            fault("Too Many Requests", "about:blank"),
            "<html>".to_owned(),
        ] {
            let error = failure(&answer(429, &body, &headers));
            assert_eq!(error.advice(), Advice::Snooze(expected), "{headers:?}");
            // Each token has a window of its own.
            assert_eq!(error.limit(), Some(Limit::Credential));
        }
    }
}

#[test]
fn a_cap_or_credit_that_is_used_up_is_waited_for_longer_than_a_window() {
    let window = [
        ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ("x-rate-limit-reset", "1445412545"),
    ];
    let capped = fault("UsageCapExceeded", &format!("{PROBLEMS}/usage-capped"));
    let credits = fault("CreditsDepleted", &format!("{PROBLEMS}/credits"));
    let day = Advice::Snooze(Some(Duration::from_hours(24)));
    for (status, body) in [
        (429, capped.as_str()),
        (200, capped.as_str()),
        (402, credits.as_str()),
        (402, ""),
    ] {
        let error = failure(&answer(status, body, &window));
        assert_eq!(error.advice(), day, "{status} {body}");
        assert_eq!(error.limit(), Some(Limit::Application), "{status} {body}");
    }
    let error = failure(&answer(429, &capped, &[("retry-after", "7200")]));
    let told = Some(Duration::from_hours(2));
    assert_eq!(error.advice(), Advice::Snooze(told));
}

#[test]
fn recorded_answers_are_read() {
    let Some(body) = recorded("x/sns-sdks__python-twitter__tweets_resp.json") else {
        return;
    };
    let told = lookup(&["1278347468690915330", "1261326399320715264"], &body);
    let sighting = found(&told.results["1261326399320715264"]);
    let views = &sighting.metrics.views;
    assert_eq!(views.availability(), Availability::Unavailable);
    assert_eq!(sighting.published_at, Some(time("2020-05-15T16:03:42Z")));
    let handle = sighting.author.as_ref().unwrap().handle.as_deref();
    assert_eq!(handle, Some("twitterdev"));
    let sighting = found(&told.results["1278347468690915330"]);
    let handle = sighting.author.as_ref().unwrap().handle.as_deref();
    assert_eq!(handle, Some("twitter"));

    let body = recorded("x/sns-sdks__python-twitter__tweet_resp.json").unwrap();
    let single: Value = serde_json::from_str(&body).unwrap();
    let sighting = one(&single["data"]);
    assert_eq!(
        sighting.published_at,
        Some(time("2018-11-26T16:37:10.233Z"))
    );
}

fn reference(id: &str) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://x.com/i/status/{id}"),
        account_handle: None,
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

fn adapter(stub: &Stub) -> X {
    X::new(&stub.config(PlatformKind::X)).unwrap().unwrap()
}

fn owner() -> Owner {
    Owner {
        token: Secret::new("the-owner-token"),
        account: Account::default(),
    }
}

fn ids(asked: &Asked) -> Vec<String> {
    let ids = asked.query("ids").unwrap();
    ids.split(',').map(str::to_owned).collect()
}

fn is_private(asked: &Asked) -> bool {
    let fields = asked.query("tweet.fields").unwrap();
    fields.split(',').any(|field| field == "non_public_metrics")
}

#[tokio::test]
async fn posts_are_asked_for_in_hundreds_and_answered_in_order() {
    let stub = Stub::start(|asked| {
        let ids = ids(asked);
        let (gone, there): (Vec<&String>, Vec<&String>) = ids.iter().partition(|id| *id == "1007");
        let posts: Vec<Value> = there.iter().rev().map(|id| post(id)).collect();
        let problems: Vec<Value> = gone
            .iter()
            .map(|id| problem(id, "resource-not-found"))
            .collect();
        Reply::new(200, body(&posts, &problems))
    })
    .await;
    let mut posts: Vec<PostRef> = (1000..1120).map(|n| reference(&n.to_string())).collect();
    posts.push(reference(" 1005 "));
    posts.push(reference("not-an-id"));
    posts.push(reference("9999999999999999999"));
    let results = adapter(&stub).fetch(&posts, None).await;

    assert_eq!(results.len(), 123);
    for (n, result) in results.iter().take(120).enumerate() {
        match result.as_ref().unwrap() {
            Fetched::Gone { .. } => assert_eq!(n, 7),
            Fetched::Found(sighting) => assert_eq!(sighting.raw["id"], (1000 + n).to_string()),
        }
    }
    assert_eq!(results[120], results[5]);
    for result in &results[121..] {
        assert!(matches!(result, Err(PlatformError::Refused { .. })));
    }

    let asked = stub.asked();
    let counts: Vec<usize> = asked.iter().map(|asked| ids(asked).len()).collect();
    assert_eq!(counts, [100, 20]);
    for request in &asked {
        assert!(
            request.line.starts_with("GET /api/2/tweets?ids=1"),
            "{}",
            request.line
        );
        let told_publicly = "public_metrics,created_at,author_id";
        assert_eq!(
            request.query("tweet.fields").as_deref(),
            Some(told_publicly)
        );
        assert_eq!(request.query("expansions").as_deref(), Some("author_id"));
        assert_eq!(request.query("user.fields").as_deref(), Some("username"));
        let bearer = "authorization: bearer the-access-token";
        assert!(request.head.contains(bearer));
        assert!(!request.line.contains("the-access-token"));
    }
}

#[tokio::test]
async fn only_the_posts_of_a_call_that_fails_get_its_error() {
    let stub = Stub::start(|asked| {
        let ids = ids(asked);
        if ids.len() < 100 {
            return Reply::new(429, "").header("Retry-After", "9");
        }
        let posts: Vec<Value> = ids.iter().map(|id| post(id)).collect();
        Reply::new(200, body(&posts, &[]))
    })
    .await;
    // Asked in the order of their text, so that the last of these is alone in the second call.
    let posts: Vec<PostRef> = (1000..1101).map(|n| reference(&n.to_string())).collect();
    let results = adapter(&stub).fetch(&posts, None).await;
    assert!(results[..100].iter().all(Result::is_ok));
    let wait = Some(Duration::from_secs(9));
    assert_eq!(
        results[100].as_ref().unwrap_err().advice(),
        Advice::Snooze(wait)
    );
}

/// Post 1 is young and the owner's own, and X leaves out post 2 when private figures are asked.
fn to_owner(asked: &Asked) -> Reply {
    let mut posts = Vec::new();
    let mut problems = Vec::new();
    for id in ids(asked) {
        let mut told = post(&id);
        if is_private(asked) && id == "2" {
            problems.push(problem(&id, "not-authorized-for-field"));
            continue;
        }
        if is_private(asked) {
            told["non_public_metrics"] = json!({"impression_count": 50, "url_link_clicks": 3});
        }
        posts.push(told);
    }
    Reply::new(200, body(&posts, &problems))
}

#[tokio::test]
async fn an_owner_is_asked_for_private_figures_and_what_has_none_is_asked_for_again() {
    let stub = Stub::start(to_owner).await;
    let posts = [reference("2"), reference("1")];
    let results = adapter(&stub).fetch(&posts, Some(&owner())).await;
    let old = &found(&results[0]).metrics;
    assert_eq!(
        old.views,
        reported(9120, "x.impression_count", EvidenceGrade::Public)
    );
    assert_eq!(old.clicks.availability(), Availability::Unavailable);
    let young = &found(&results[1]).metrics;
    assert_eq!(
        young.views,
        reported(50, "x.impression_count", EvidenceGrade::OwnerToken)
    );
    assert_eq!(young.clicks.value(), Some(3));

    let asked = stub.asked();
    assert_eq!(asked.len(), 2);
    assert!(is_private(&asked[0]) && !is_private(&asked[1]));
    assert_eq!(ids(&asked[1]), ["2"]);
    for request in &asked {
        let bearer = "authorization: bearer the-owner-token";
        assert!(request.head.contains(bearer));
    }
}

#[tokio::test]
async fn a_second_call_that_fails_costs_only_the_posts_it_was_for() {
    let stub = Stub::start(|asked| {
        if is_private(asked) {
            to_owner(asked)
        } else {
            Reply::new(503, "")
        }
    })
    .await;
    let posts = [reference("1"), reference("2")];
    let results = adapter(&stub).fetch(&posts, Some(&owner())).await;
    assert_eq!(found(&results[0]).metrics.clicks.value(), Some(3));
    let error = results[1].as_ref().unwrap_err();
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test]
async fn an_owners_token_that_does_not_hold_is_not_replaced() {
    let stub = Stub::start(|_| Reply::new(401, fault("Unauthorized", "about:blank"))).await;
    let results = adapter(&stub).fetch(&[reference(ID)], Some(&owner())).await;
    let matches = matches!(results[0], Err(PlatformError::Unauthorised { .. }));
    assert!(matches, "{results:?}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_token_may_end_in_a_line_break_and_one_that_no_header_can_hold_is_unauthorised() {
    let stub = Stub::start(|asked| {
        let posts: Vec<Value> = ids(asked).iter().map(|id| post(id)).collect();
        Reply::new(200, body(&posts, &[]))
    })
    .await;
    let mut config = stub.config(PlatformKind::X);
    config.access_token = Some(Secret::new("a\ntoken"));
    let broken = X::new(&config).unwrap().unwrap();
    let owner = Owner {
        token: Secret::new("a\ntoken"),
        account: Account::default(),
    };
    for owner in [None, Some(&owner)] {
        let results = broken.fetch(&[reference(ID)], owner).await;
        let matches = matches!(results[0], Err(PlatformError::Unauthorised { .. }));
        assert!(matches, "{results:?}");
    }
    assert!(stub.asked().is_empty());

    config.access_token = Some(Secret::new(" the-access-token\n"));
    let adapter = X::new(&config).unwrap().unwrap();
    let results = adapter.fetch(&[reference(ID)], None).await;
    assert_eq!(found(&results[0]).metrics.views.value(), Some(9120));
    let bearer = "authorization: bearer the-access-token";
    assert!(stub.asked()[0].head.lines().any(|line| line == bearer));
}

#[tokio::test]
async fn a_403_says_that_an_owners_token_lacks_a_permission() {
    for kind in ["client-forbidden", "unsupported-authentication"] {
        let body = fault("Problem", &format!("{PROBLEMS}/{kind}"));
        let stub = Stub::start(move |_| Reply::new(403, body.clone())).await;
        let adapter = adapter(&stub);
        let results = adapter.fetch(&[reference(ID)], Some(&owner())).await;
        let matches = matches!(results[0], Err(PlatformError::Refused { .. }));
        assert!(matches, "{results:?}");
        let results = adapter.fetch(&[reference(ID)], None).await;
        let matches = matches!(results[0], Err(PlatformError::Unauthorised { .. }));
        assert!(matches, "{results:?}");
    }
}

#[tokio::test]
async fn without_access_of_its_own_only_owners_are_asked_for() {
    let stub = Stub::start(|_| Reply::new(401, fault("Unauthorized", "about:blank"))).await;
    let adapter = X::of_owners(&stub.config(PlatformKind::X)).unwrap();
    let results = adapter.fetch(&[reference(ID)], None).await;
    let matches = matches!(results[0], Err(PlatformError::Refused { .. }));
    assert!(matches, "{results:?}");
    assert!(stub.asked().is_empty());
    adapter.fetch(&[reference(ID)], Some(&owner())).await;
    let asked = stub.asked();
    let bearer = "authorization: bearer the-owner-token";
    assert!(asked[0].head.contains(bearer), "{}", asked[0].head);
}

#[tokio::test]
async fn a_token_that_the_server_quotes_is_shown_nowhere() {
    for status in [200, 400, 401, 403, 429, 500] {
        let stub = Stub::start(move |asked| {
            let (_, token) = asked.head.split_once("authorization: bearer ").unwrap();
            let token = token.lines().next().unwrap();
            let words = format!("No: ({token})!");
            let mut problems = vec![
                problem("1", "resource-not-found"),
                problem("2", "not-authorized-for-resource"),
                problem("3", "resource-unavailable"),
            ];
            for problem in &mut problems {
                problem["detail"] = json!(words);
            }
            let body = json!({"title": words, "detail": words, "errors": problems});
            Reply::new(status, body.to_string())
        })
        .await;
        let adapter = adapter(&stub);
        let posts = [reference("1"), reference("2"), reference("3")];
        for owner in [None, Some(owner())] {
            let results = adapter.fetch(&posts, owner.as_ref()).await;
            let shown = format!("{results:?}");
            assert!(shown.contains("[redacted]"), "{status} {shown}");
            assert!(!shown.contains("-token"), "{status} {shown}");
        }
        assert!(!format!("{adapter:?}").contains("the-access-token"));
    }
}

#[tokio::test]
async fn a_short_link_is_followed_one_step_without_a_token() {
    let stub = Stub::start(|asked| match asked.line.as_str() {
        "GET /web/AbCd12" => {
            Reply::new(301, "").header("Location", "https://twitter.com/user/status/1?s=20")
        }
        other => Reply::new(500, other),
    })
    .await;
    let link = PostLink::parse("https://t.co/AbCd12").unwrap();
    match adapter(&stub).resolve(&link, None).await.unwrap() {
        Resolved::Post(found) => assert_eq!(found.native_id(), Some("1")),
        other => panic!("{other:?}"),
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert!(!asked[0].head.contains("authorization"));
}
