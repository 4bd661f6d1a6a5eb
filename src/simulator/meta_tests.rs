//! Facebook pages as a client sees them: posts, their insights, and the page's list.

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::META_PAGE;
use super::platform::Platform;
use super::testing::{batch_body, call, error_code, first_post, fixture, keys, meta, parsed};
use super::world::World;

#[test]
fn a_part_of_a_batch_has_the_keys_of_a_recorded_one() {
    let Some(recorded) = fixture("meta/restfb__restfb__batch-first-error.json") else {
        return;
    };
    let world = World::new(7);
    let parts = json!([
        {"method": "GET", "relative_url": "2"},
        {"method": "GET", "relative_url": format!("{}?fields=id", first_post(&world))},
        {"method": "GET", "relative_url": "5_5?fields=id"},
    ]);
    let answer = call(
        &world,
        Platform::Meta,
        &Method::POST,
        "/",
        &batch_body(&parts, true),
    );
    let ours = parsed(&answer);
    assert_eq!(keys(&ours[1]), keys(&recorded[1]));
    assert_eq!(
        keys(&ours[1]["headers"][0]),
        keys(&recorded[1]["headers"][0])
    );
    let body =
        |part: &Value| -> Value { serde_json::from_str(part["body"].as_str().unwrap()).unwrap() };
    assert_eq!(ours[2]["code"], recorded[0]["code"]);
    assert_eq!(
        body(&ours[2])["error"]["code"],
        body(&recorded[0])["error"]["code"]
    );
    assert_eq!(
        body(&ours[2])["error"]["type"],
        body(&recorded[0])["error"]["type"]
    );
}

#[test]
fn fifty_one_parts_are_too_many() {
    let world = World::new(7);
    let parts: Vec<Value> = (0..51)
        .map(|_| json!({"method": "GET", "relative_url": "me"}))
        .collect();
    let fifty = Value::from(parts[..50].to_vec());
    let answer = call(
        &world,
        Platform::Meta,
        &Method::POST,
        "/",
        &batch_body(&fifty, false),
    );
    assert_eq!(parsed(&answer).as_array().unwrap().len(), 50);
    let all = Value::from(parts);
    let answer = call(
        &world,
        Platform::Meta,
        &Method::POST,
        "/",
        &batch_body(&all, false),
    );
    assert_eq!(answer.status, 400);
}

#[test]
fn a_page_post_has_the_keys_of_a_recorded_one() {
    let world = World::new(7);
    let fields = "id,permalink_url,created_time,updated_time,message,status_type,\
        reactions.limit(0).summary(true),comments.limit(0).summary(true),\
        reactions.type(LIKE).limit(0).summary(total_count).as(like),\
        reactions.type(LOVE).limit(0).summary(total_count).as(love),\
        reactions.type(WOW).limit(0).summary(total_count).as(wow),\
        reactions.type(HAHA).limit(0).summary(total_count).as(haha),\
        reactions.type(SAD).limit(0).summary(total_count).as(sad),\
        reactions.type(ANGRY).limit(0).summary(total_count).as(angry)";
    let ours = meta(
        &world,
        &format!("/v26.0/{}?fields={fields}", first_post(&world)),
    );
    if let Some(recorded) =
        fixture("meta/sns-sdks__python-facebook__fb_posts_single_post_data.json")
    {
        assert_eq!(keys(&ours), keys(&recorded));
        for edge in ["reactions", "comments"] {
            assert_eq!(keys(&ours[edge]), keys(&recorded[edge]));
            assert_eq!(
                keys(&ours[edge]["summary"]),
                keys(&recorded[edge]["summary"])
            );
        }
    }
    let total = |edge: &str| ours[edge]["summary"]["total_count"].as_u64().unwrap();
    let kinds: u64 = ["like", "love", "wow", "haha", "sad", "angry"]
        .into_iter()
        .map(total)
        .sum();
    assert_eq!(kinds, total("reactions"));
}

#[test]
fn a_post_says_when_it_was_published_and_no_more_where_that_is_all_that_is_asked() {
    let world = World::new(7);
    let id = first_post(&world);
    let parts = json!([
        {"method": "GET", "relative_url": format!("v26.0/{id}?fields=created_time")},
        {"method": "GET", "relative_url": "v26.0/5_5?fields=created_time"},
    ]);
    let body = batch_body(&parts, false);
    let ours = parsed(&call(&world, Platform::Meta, &Method::POST, "/", &body));
    assert_eq!(ours[1]["code"], 400);
    let told: Value = serde_json::from_str(ours[0]["body"].as_str().unwrap()).unwrap();
    let created_s = super::meta_post::parse(&id).unwrap().created_s();
    let created = super::graph::timestamp(created_s);
    assert_eq!(told, json!({"created_time": created, "id": id}));
    assert!(created.ends_with("+0000"), "{created}");
}

#[test]
fn insights_of_a_post_can_be_expanded_and_match_its_figures() {
    let world = World::new(7).with_frozen_growth();
    let id = first_post(&world);
    let figures = world.figures(Platform::Meta, &id, None).unwrap().0;
    let expanded = "id,insights.metric(post_media_view,post_clicks).period(lifetime)";
    let ours = meta(&world, &format!("/v26.0/{id}?fields={expanded}"));
    if let Some(recorded) = fixture("meta/restfb__restfb__post-with-insight.json") {
        assert_eq!(keys(&ours), keys(&recorded));
        assert_eq!(keys(&ours["insights"]), keys(&recorded["insights"]));
        assert_eq!(
            keys(&ours["insights"]["paging"]),
            keys(&recorded["insights"]["paging"])
        );
        let rows = |body: &Value| keys(&body["insights"]["data"][0]);
        assert_eq!(rows(&ours), rows(&recorded));
    }
    let value = |name: &str| {
        let rows = ours["insights"]["data"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap()["values"][0]["value"].clone()
    };
    assert_eq!(value("post_media_view"), figures.views);
    assert_eq!(value("post_clicks"), figures.clicks);
}

#[test]
fn a_metric_comes_twice_unless_a_period_is_named_and_a_retired_one_fails_all() {
    let world = World::new(7);
    let id = first_post(&world);
    let rows = |query: &str| {
        let body = meta(
            &world,
            &format!("/{id}/insights?metric=post_total_media_view_unique{query}"),
        );
        body["data"].as_array().unwrap().len()
    };
    assert_eq!(
        (rows(""), rows("&period=lifetime"), rows("&period=day")),
        (2, 1, 1)
    );
    let url = format!("/{id}/insights?metric=post_media_view,post_impressions");
    let answer = call(&world, Platform::Meta, &Method::GET, &url, "");
    assert_eq!((answer.status, error_code(&answer)), (400, json!(100)));
    let message = parsed(&answer)["error"]["message"].clone();
    assert_eq!(message, "(#100) The value must be a valid insights metric");
}

#[test]
fn a_pfbid_permalink_is_found_by_walking_the_pages_list() {
    let world = World::new(7);
    let posts = world.posts(Platform::Meta, 0, 60, None);
    let wanted = posts
        .iter()
        .find(|post| post.owned && post.url.contains("/pfbid"))
        .unwrap();
    let mut after = String::new();
    let found = loop {
        let url = format!(
            "/v26.0/{META_PAGE}/published_posts?fields=id,permalink_url,created_time&limit=20\
             &after={after}"
        );
        let page = meta(&world, &url);
        let entries = page["data"].as_array().unwrap();
        let hit = entries
            .iter()
            .find(|entry| entry["permalink_url"] == wanted.url.as_str());
        if let Some(hit) = hit {
            break hit["id"].clone();
        }
        assert!(page["paging"].get("next").is_some(), "not in the list");
        page["paging"]["cursors"]["after"]
            .as_str()
            .unwrap()
            .clone_into(&mut after);
    };
    assert_eq!(found, wanted.native_id.as_str());
}

#[test]
fn a_list_without_fields_has_the_keys_of_a_recorded_feed() {
    let ours = meta(&World::new(7), &format!("/{META_PAGE}/posts?limit=5"));
    let Some(recorded) = fixture("meta/sns-sdks__python-facebook__fb_posts_feed_fields_p1.json")
    else {
        return;
    };
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["data"][0]), keys(&recorded["data"][0]));
}
