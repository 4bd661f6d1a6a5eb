//! What Instagram and Meta have in common, as a client sees it: tokens, batches, faults and usage.

use std::collections::BTreeSet;

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::{INSTAGRAM_ACCOUNT, META_PAGE, creator, other_page};
use super::answer::Answer;
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::testing::{
    batch_body, call, call_as, error_code, first_post, instagram, media_id, parsed,
};
use super::world::World;

fn metrics_of(body: &Value) -> BTreeSet<String> {
    let rows = body["data"].as_array().unwrap();
    rows.iter()
        .map(|row| row["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_batch_answers_its_parts_in_order_each_with_its_own_code() {
    let world = World::new(7);
    let (id, _) = media_id(&world, true);
    let parts = json!([
        {"method": "GET", "relative_url": format!("v26.0/{id}/insights?metric=views")},
        {"method": "GET", "relative_url": "3912345678901234567/insights?metric=views"},
        {"method": "GET", "relative_url": format!("{id}?fields=id,like_count")},
        {"method": "POST", "relative_url": id},
    ]);
    for path in ["/", "/v26.0", "/v26.0/"] {
        let body = batch_body(&parts, false);
        let answer = call(&world, Platform::Instagram, &Method::POST, path, &body);
        let value = parsed(&answer);
        let parts = value.as_array().unwrap();
        let codes: Vec<u64> = parts
            .iter()
            .map(|part| part["code"].as_u64().unwrap())
            .collect();
        assert_eq!(codes, [200, 400, 200, 400]);
        let inner: Value = serde_json::from_str(parts[0]["body"].as_str().unwrap()).unwrap();
        assert_eq!(metrics_of(&inner), BTreeSet::from(["views".to_owned()]));
        assert!(parts[0].get("headers").is_none());
    }
    assert_eq!(world.calls("instagram.batch"), 3);
    assert_eq!(world.calls("instagram.batch.parts"), 12);
    assert_eq!(world.calls("instagram.insights"), 0);
}

#[test]
fn with_credentials_required_a_token_opens_what_is_its_own_only() {
    let world = World::new(7).with_credentials_required();
    let own = world.access_token(Platform::Instagram, INSTAGRAM_ACCOUNT);
    let other = world.access_token(Platform::Instagram, creator(1));
    let list = format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=1");
    let get_as =
        |platform, url: &str, token: &str| call_as(&world, platform, &Method::GET, url, "", token);
    let answer = get_as(Platform::Instagram, &list, &own);
    assert_eq!(answer.status, 200);
    let media = parsed(&answer)["data"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let insights = format!("/{media}/insights?metric=views");
    assert_eq!(get_as(Platform::Instagram, &insights, &own).status, 200);
    assert_eq!(
        error_code(&get_as(Platform::Instagram, &insights, &other)),
        10
    );
    assert_eq!(error_code(&get_as(Platform::Instagram, &list, &other)), 10);
    assert_eq!(
        error_code(&get_as(Platform::Instagram, &list, "nonsense")),
        190
    );
    assert_eq!(error_code(&get_as(Platform::Instagram, &list, "")), 104);
    let in_query = format!("{list}&access_token={own}");
    assert_eq!(get_as(Platform::Instagram, &in_query, "").status, 200);
    let discovery = "/me?fields=business_discovery.username(countersign.studio){media_count}";
    assert_eq!(get_as(Platform::Instagram, discovery, &other).status, 200);

    let post = first_post(&world);
    let page_token = world.access_token(Platform::Meta, META_PAGE);
    let url = format!("/{post}?fields=id");
    assert_eq!(get_as(Platform::Meta, &url, &page_token).status, 200);
    let wrong_page = world.access_token(Platform::Meta, 5);
    assert_eq!(error_code(&get_as(Platform::Meta, &url, &wrong_page)), 10);
}

/// The list at `path` for a token: its address is written with the account's id or with `me`.
fn list_as(world: &World, platform: Platform, path: &str, token: &str) -> Value {
    let url = format!("/v26.0/{path}&limit=2");
    let answer = call_as(world, platform, &Method::GET, &url, "", token);
    assert_eq!(answer.status, 200, "{url}");
    parsed(&answer)
}

#[test]
fn any_accounts_token_reads_its_own_posts_and_their_insights_also_as_me() {
    let world = World::new(7).with_credentials_required();
    for (platform, account, stranger, own, edge, metric) in [
        (
            Platform::Instagram,
            creator(3),
            creator(4),
            INSTAGRAM_ACCOUNT,
            "media?fields=id,shortcode,timestamp",
            "views",
        ),
        (
            Platform::Meta,
            other_page(3),
            other_page(4),
            META_PAGE,
            "published_posts?fields=id,created_time",
            "post_media_view",
        ),
    ] {
        let token = world.access_token(platform, account);
        let by_id = list_as(&world, platform, &format!("{account}/{edge}"), &token);
        let as_me = list_as(&world, platform, &format!("me/{edge}"), &token);
        assert_eq!(by_id, as_me);
        let id = as_me["data"][0]["id"].as_str().unwrap().to_owned();

        let insights = json!([
            {"method": "GET", "relative_url": format!("v26.0/{id}/insights?metric={metric}")},
        ]);
        let codes = |token: &str| {
            let body = batch_body(&insights, false);
            let answer = call_as(&world, platform, &Method::POST, "/v26.0", &body, token);
            let part = parsed(&answer)[0].clone();
            let inner: Value = serde_json::from_str(part["body"].as_str().unwrap()).unwrap();
            (part["code"].clone(), inner["error"]["code"].clone())
        };
        assert_eq!(codes(&token), (json!(200), Value::Null));
        for other in [stranger, own] {
            let token = world.access_token(platform, other);
            let theirs = list_as(&world, platform, &format!("me/{edge}"), &token);
            assert_ne!(theirs["data"][0]["id"], as_me["data"][0]["id"]);
            assert_eq!(codes(&token), (json!(400), json!(10)));
            let url = format!("/v26.0/{account}/{edge}");
            let refused = call_as(&world, platform, &Method::GET, &url, "", &token);
            assert_eq!(error_code(&refused), 10);
        }

        // What `me` is without its list.
        let answer = call_as(&world, platform, &Method::GET, "/me?fields=id", "", &token);
        assert_eq!(parsed(&answer)["id"], account.to_string());
    }
}

#[test]
fn a_post_that_vanished_is_in_no_list_and_no_object() {
    let world = World::new(7);
    let (id, code) = media_id(&world, true);
    let shown = || {
        let list = instagram(
            &world,
            &format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=100"),
        );
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|entry| entry["id"] == id.as_str())
    };
    assert!(shown());
    assert!(world.vanish(Platform::Instagram, &code));
    assert!(!shown());
    let url = format!("/{id}/insights?metric=views");
    let answer = call(&world, Platform::Instagram, &Method::GET, &url, "");
    assert_eq!(parsed(&answer)["error"]["error_subcode"], 33);

    let post = first_post(&world);
    assert!(world.vanish(Platform::Meta, &post));
    let answer = call(
        &world,
        Platform::Meta,
        &Method::GET,
        &format!("/{post}?fields=id"),
        "",
    );
    assert_eq!(parsed(&answer)["error"]["error_subcode"], 33);
}

#[test]
fn faults_take_the_form_that_graph_gives_them() {
    let world = World::new(7);
    let url = format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=3");
    let with = |kind| {
        world.clear_faults(None);
        world.add_fault(Fault::new(Platform::Instagram, kind));
        call(&world, Platform::Instagram, &Method::GET, &url, "")
    };
    let limited = with(FaultKind::RateLimited);
    assert!([400, 403].contains(&limited.status));
    assert!(
        limited
            .headers
            .iter()
            .any(|(name, _)| *name == "x-business-use-case-usage")
    );
    assert_eq!(error_code(&with(FaultKind::TokenRefused)), 190);
    assert!(with(FaultKind::ServerError).status >= 500);
    let garbage = with(FaultKind::Garbage);
    assert_eq!(
        (garbage.status, garbage.content_type),
        (200, "text/html; charset=UTF-8")
    );
    assert_eq!(parsed(&with(FaultKind::Empty))["data"], json!([]));
    assert!(serde_json::from_slice::<Value>(&with(FaultKind::Truncated).body).is_err());
}

#[test]
fn a_fault_at_an_endpoint_strikes_the_parts_of_a_batch_and_latency_makes_them_null() {
    let world = World::new(7);
    let (id, _) = media_id(&world, true);
    let insights = json!({"method": "GET", "relative_url": format!("{id}/insights?metric=views")});
    let object = json!({"method": "GET", "relative_url": format!("{id}?fields=id")});
    let run = |fault: Fault| {
        world.clear_faults(None);
        world.add_fault(fault.at("instagram.insights"));
        let body = batch_body(&json!([insights, object]), false);
        let answer = call(&world, Platform::Instagram, &Method::POST, "/", &body);
        assert_eq!(answer.status, 200);
        parsed(&answer)
    };
    let late = run(Fault::new(Platform::Instagram, FaultKind::Latency));
    assert_eq!(late[0], Value::Null);
    assert_eq!(late[1]["code"], 200);
    let empty = run(Fault::new(Platform::Instagram, FaultKind::Empty));
    assert_eq!(empty[0]["body"], "{\"data\":[]}");
    let limited = run(Fault::new(Platform::Instagram, FaultKind::RateLimited));
    assert!(limited[0]["body"].as_str().unwrap().contains("\"code\":4"));
}

#[test]
fn usage_is_shown_once_there_is_some_and_the_limit_is_held() {
    let world = World::new(7);
    let url = format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=1");
    let ask = || call(&world, Platform::Instagram, &Method::GET, &url, "");
    let usage = |answer: &Answer| {
        answer
            .headers
            .iter()
            .any(|(name, _)| *name == "x-app-usage")
    };
    assert!(!usage(&ask()));
    world.set_quota(Platform::Instagram, Some(2), Some(100_000_000));
    assert!(usage(&ask()) && usage(&ask()));
    let refused = ask();
    assert!([400, 403].contains(&refused.status));
    assert!(error_code(&refused) == 4 || error_code(&refused) == 80_002);
}
