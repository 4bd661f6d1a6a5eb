//! Reddit as a client sees it: tokens, listings, share links, quotas and faults.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;

use super::answer::{Answer, JSON};
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::reddit::{handle, info_body, share_path};
use super::request::Incoming;
use super::testing::{fixture, header, keys};
use super::world::World;

const NOW_MS: i64 = 1_793_491_200_000;

fn listing(world: &World, fullnames: &[&str]) -> Value {
    serde_json::from_slice(&info_body(world, fullnames, NOW_MS)).unwrap()
}

fn call(world: &World, method: &Method, path: &str, query: &str, auth: &str, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    if !auth.is_empty() {
        headers.insert("authorization", HeaderValue::try_from(auth).unwrap());
    }
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let body = body.as_bytes();
    handle(
        world,
        &Incoming {
            method,
            segments: &segments,
            query,
            headers: &headers,
            body,
        },
    )
}

fn get_info(world: &World, query: &str, auth: &str) -> Answer {
    call(world, &Method::GET, "/api/info", query, auth, "")
}

#[test]
fn a_listing_keeps_the_order_of_the_request_and_drops_what_does_not_exist() {
    let world = World::new(7);
    let asked = [
        "t3_1skjxta",
        "t3_1agone",
        "t1_d7ltv00",
        "t3_UPPER",
        "t3_abc",
        "junk",
    ];
    let listing = listing(&world, &asked);
    let children = listing["data"]["children"].as_array().unwrap();
    let names: Vec<&str> = children
        .iter()
        .map(|child| child["data"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["t3_1skjxta", "t3_abc"]);
    assert_eq!(listing["data"]["dist"], 2);
}

#[test]
fn a_listing_shows_the_figures_of_the_post_but_never_its_views() {
    let world = World::new(7);
    let listing = listing(&world, &["t3_1skjxta"]);
    let post = &listing["data"]["children"][0]["data"];
    let figures = world
        .figures(Platform::Reddit, "1skjxta", Some(NOW_MS))
        .unwrap()
        .0;
    assert_eq!(post["score"], figures.score);
    assert_eq!(post["ups"], figures.score);
    assert_eq!(post["num_comments"], figures.comments);
    assert_eq!(post["view_count"], Value::Null);
    assert_eq!(post["created_utc"], 1_776_105_848.0);
    assert!(post["created_utc"].is_f64() && post["upvote_ratio"].is_f64());
}

#[test]
fn deleted_and_moderated_posts_carry_their_signs() {
    let listing = listing(&World::new(7), &["t3_1adel", "t3_1amod"]);
    let deleted = &listing["data"]["children"][0]["data"];
    assert_eq!(deleted["author"], "[deleted]");
    assert_eq!(deleted["removed_by_category"], "deleted");
    assert_eq!(deleted["is_robot_indexable"], false);
    assert!(deleted.get("author_fullname").is_none());
    let moderated = &listing["data"]["children"][1]["data"];
    assert_eq!(moderated["removed_by_category"], "moderator");
    assert!(moderated.get("author_fullname").is_some());
}

#[test]
fn a_post_has_the_keys_of_a_recorded_one() {
    let Some(recorded) = fixture("reddit/api_info_single_2022.json") else {
        return;
    };
    let listing = listing(&World::new(7), &["t3_1skjxta"]);
    assert_eq!(keys(&listing), keys(&recorded));
    assert_eq!(keys(&listing["data"]), keys(&recorded["data"]));
    let ours = keys(&listing["data"]["children"][0]["data"]);
    let theirs = keys(&recorded["data"]["children"][0]["data"]);
    assert!(ours.is_subset(&theirs), "{:?}", ours.difference(&theirs));
    // Recorded as a moderator of the subreddit, who sees these besides.
    let missing: BTreeSet<String> = theirs.difference(&ours).cloned().collect();
    let moderators = ["approved", "ignore_reports", "removed", "spam"].map(str::to_owned);
    assert_eq!(missing, BTreeSet::from(moderators));
}

#[test]
fn a_post_of_a_deleted_author_lacks_the_keys_that_a_recorded_one_lacks() {
    let Some(recorded) = fixture("reddit/api_info_2020_batch1.json") else {
        return;
    };
    let children = recorded["data"]["children"].as_array().unwrap();
    let theirs = children
        .iter()
        .find(|child| child["kind"] == "t3" && child["data"]["author"] == "[deleted]")
        .unwrap();
    let listing = listing(&World::new(7), &["t3_1adel"]);
    let ours = keys(&listing["data"]["children"][0]["data"]);
    let later = ["author_is_blocked", "is_created_from_ads_ui"].map(str::to_owned);
    let theirs: BTreeSet<String> = keys(&theirs["data"]).into_iter().chain(later).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn a_token_is_issued_for_basic_credentials_and_opens_the_api() {
    let world = World::new(7).with_credentials_required();
    let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
    let path = "/api/v1/access_token";
    let grant = "grant_type=client_credentials";
    let known = basic("simulator-client:simulator-secret");
    let answer = call(&world, &Method::POST, path, "", &known, grant);
    assert_eq!(answer.status, 200);
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    if let Some(recorded) = fixture("reddit/token_2026-06.json") {
        assert_eq!(keys(&body), keys(&recorded));
    }
    let token = body["access_token"].as_str().unwrap();
    assert_eq!(
        get_info(&world, "id=t3_abc", &format!("bearer {token}")).status,
        200
    );
    assert_eq!(get_info(&world, "id=t3_abc", "bearer nonsense").status, 401);
    assert_eq!(get_info(&world, "id=t3_abc", "").status, 403);
    world.set_clock(86_401_000);
    assert_eq!(
        get_info(&world, "id=t3_abc", &format!("bearer {token}")).status,
        401
    );

    let wrong = call(
        &world,
        &Method::POST,
        path,
        "",
        &basic("simulator-client:x"),
        grant,
    );
    assert_eq!(wrong.status, 401);
    let bad_grant = call(&world, &Method::POST, path, "", &known, "grant_type=magic");
    assert_eq!(
        (bad_grant.status, bad_grant.body),
        (400, b"{\"error\": 400}".to_vec())
    );
    assert_eq!(world.calls("reddit.token"), 3);
}

#[test]
fn the_rate_limit_headers_count_down_and_then_a_page_says_no() {
    let world = World::new(7).with_real_quotas();
    world.set_quota(Platform::Reddit, Some(2), None);
    let first = get_info(&world, "id=t3_abc", "");
    assert_eq!(header(&first, "x-ratelimit-remaining"), Some("1.0"));
    assert_eq!(header(&first, "x-ratelimit-used"), Some("1"));
    let reset: u64 = header(&first, "x-ratelimit-reset")
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=600).contains(&reset));
    world.set_quota(Platform::Reddit, Some(0), None);
    let refused = get_info(&world, "id=t3_abc", "");
    assert_eq!(
        (refused.status, refused.content_type),
        (429, "text/html; charset=UTF-8")
    );
    assert!(header(&refused, "retry-after").is_some());
}

#[test]
fn a_hundred_and_one_ids_are_too_many() {
    let world = World::new(7);
    let ids: Vec<String> = (0..101).map(|number| format!("t3_a{number}")).collect();
    assert_eq!(
        get_info(&world, &format!("id={}", ids.join(",")), "").status,
        400
    );
    let hundred = get_info(&world, &format!("id={}", ids[..100].join("%2C")), "");
    let body: Value = serde_json::from_slice(&hundred.body).unwrap();
    assert_eq!(body["data"]["dist"], 100);
    assert_eq!(world.calls("reddit.info.ids"), 201);
}

#[test]
fn a_share_link_leads_to_the_post_it_was_made_for() {
    let world = World::new(7);
    let path = share_path(&world, "1skjxta").unwrap();
    let below = path.strip_prefix("/reddit").unwrap();
    let answer = call(&world, &Method::GET, below, "", "", "");
    assert_eq!(answer.status, 301);
    let location = header(&answer, "location").unwrap();
    assert!(
        location.starts_with("https://www.reddit.com/r/"),
        "{location}"
    );
    assert!(location.contains("/comments/1skjxta/"), "{location}");
    assert!(
        location.contains("/?share_id=") && location.contains("&utm_"),
        "{location}"
    );
    let unknown = call(&world, &Method::GET, "/r/x/s/WNauetbiNG", "", "", "");
    assert_eq!(unknown.status, 301);
}

#[test]
fn faults_take_the_form_that_reddit_gives_them() {
    let world = World::new(7);
    let with = |kind| {
        world.clear_faults(None);
        world.add_fault(Fault::new(Platform::Reddit, kind));
        get_info(&world, "id=t3_abc", "")
    };
    let limited = with(FaultKind::RateLimited);
    assert_eq!(
        (limited.status, header(&limited, "retry-after")),
        (429, Some("4"))
    );
    assert!(serde_json::from_slice::<Value>(&limited.body).is_err());
    assert!(with(FaultKind::ServerError).status >= 500);
    assert_eq!(with(FaultKind::TokenRefused).status, 401);
    let truncated = with(FaultKind::Truncated);
    assert_eq!((truncated.status, truncated.content_type), (200, JSON));
    assert!(serde_json::from_slice::<Value>(&truncated.body).is_err());
    let wrong: Value = serde_json::from_slice(&with(FaultKind::WrongType).body).unwrap();
    assert!(wrong["data"]["children"][0]["data"]["score"].is_string());
    let empty: Value = serde_json::from_slice(&with(FaultKind::Empty).body).unwrap();
    assert_eq!(empty["data"]["children"], Value::Array(Vec::new()));
    world.clear_faults(None);
    assert_eq!(get_info(&world, "id=t3_abc", "").status, 200);
}
