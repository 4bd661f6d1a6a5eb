//! The Graph platforms as a client sees them: bodies, paging, batches, permissions and faults.

use std::collections::BTreeSet;

use poem::http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::accounts::{INSTAGRAM_ACCOUNT, META_PAGE, creator};
use super::answer::Answer;
use super::faults::{Fault, FaultKind};
use super::graph::handle;
use super::platform::Platform;
use super::request::Incoming;
use super::testing::{fixture, keys};
use super::world::World;

const FIELDS: &str =
    "id,caption,comments_count,like_count,media_type,media_url,permalink,timestamp";

fn call(world: &World, platform: Platform, method: &Method, url: &str, body: &str) -> Answer {
    call_as(world, platform, method, url, body, "")
}

fn call_as(
    world: &World,
    platform: Platform,
    method: &Method,
    url: &str,
    body: &str,
    token: &str,
) -> Answer {
    let mut headers = HeaderMap::new();
    if !token.is_empty() {
        let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
        headers.insert("authorization", value);
    }
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let body = body.as_bytes();
    let request = Incoming { method, segments: &segments, query, headers: &headers, body };
    handle(world, platform, &request)
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

fn get(world: &World, platform: Platform, url: &str) -> Value {
    let answer = call(world, platform, &Method::GET, url, "");
    assert_eq!(answer.status, 200, "{url}: {}", String::from_utf8_lossy(&answer.body));
    parsed(&answer)
}

fn error_code(answer: &Answer) -> Value {
    parsed(answer)["error"]["code"].clone()
}

fn instagram(world: &World, url: &str) -> Value {
    get(world, Platform::Instagram, url)
}

fn meta(world: &World, url: &str) -> Value {
    get(world, Platform::Meta, url)
}

/// The first media of the owned account that is, or is not, a reel: its id and shortcode.
fn media_id(world: &World, reel: bool) -> (String, String) {
    let url = format!("/v26.0/{INSTAGRAM_ACCOUNT}/media?fields=id,shortcode,media_product_type&limit=50");
    let list = instagram(world, &url);
    let product = if reel { "REELS" } else { "FEED" };
    let entry = list["data"].as_array().unwrap().iter();
    let entry = entry.into_iter().find(|entry| entry["media_product_type"] == product).unwrap();
    (entry["id"].as_str().unwrap().to_owned(), entry["shortcode"].as_str().unwrap().to_owned())
}

fn first_post(world: &World) -> String {
    world.posts(Platform::Meta, 0, 1, None)[0].native_id.clone()
}

fn batch_body(parts: &Value, include_headers: bool) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("batch", &parts.to_string());
    if !include_headers {
        form.append_pair("include_headers", "false");
    }
    form.finish()
}

fn metrics_of(body: &Value) -> BTreeSet<String> {
    let rows = body["data"].as_array().unwrap();
    rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_media_list_has_the_keys_of_a_recorded_one() {
    let Some(recorded) = fixture("instagram/sns-sdks__python-facebook__ig_users_medias_p1.json") else {
        return;
    };
    let world = World::new(7);
    let fields = "id,comments_count,like_count,media_type,media_url,permalink,timestamp";
    let url = format!("/v26.0/{INSTAGRAM_ACCOUNT}/media?fields={fields}&limit=2&access_token=tok");
    let ours = instagram(&world, &url);
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["paging"]), keys(&recorded["paging"]));
    assert_eq!(keys(&ours["paging"]["cursors"]), keys(&recorded["paging"]["cursors"]));
    assert_eq!(keys(&ours["data"][0]), keys(&recorded["data"][0]));
}

#[test]
fn walking_a_media_list_by_its_cursors_gives_300_media_newest_first() {
    let world = World::new(7);
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!(
            "/{INSTAGRAM_ACCOUNT}/media?fields=timestamp,permalink&limit=100&after={after}&access_token=tok"
        );
        let page = instagram(&world, &url);
        for entry in page["data"].as_array().unwrap() {
            let time = entry["timestamp"].as_str().unwrap().to_owned();
            seen.push((time, entry["permalink"].as_str().unwrap().to_owned()));
        }
        let Some(next) = page["paging"].get("next") else {
            assert!(page["paging"]["cursors"]["after"].is_string());
            break;
        };
        assert!(next.as_str().unwrap().contains("access_token=tok"), "{next}");
        page["paging"]["cursors"]["after"].as_str().unwrap().clone_into(&mut after);
    }
    assert_eq!(seen.len(), 300);
    assert!(seen.windows(2).all(|pair| pair[0].0 > pair[1].0));
    assert_eq!(world.calls("instagram.media"), 3);
}

#[test]
fn discovery_has_the_keys_of_a_recorded_one_on_both_pages() {
    let Some(first) = fixture("instagram/sns-sdks__python-facebook__ig_discovery_medias_p1.json") else {
        return;
    };
    let second = fixture("instagram/sns-sdks__python-facebook__ig_discovery_medias_p2.json").unwrap();
    let world = World::new(7);
    let page = |after: &str| {
        let media = format!("media.limit(2){after}{{{FIELDS}}}");
        let fields = format!("business_discovery.username(creator_1){{{media}}}");
        instagram(&world, &format!("/v26.0/{INSTAGRAM_ACCOUNT}?fields={fields}"))
    };
    let ours = page("");
    assert_eq!(keys(&ours), keys(&first));
    let discovery = &ours["business_discovery"];
    assert_eq!(keys(discovery), keys(&first["business_discovery"]));
    assert_eq!(discovery["id"], creator(1).to_string());
    let paging = &discovery["media"]["paging"]["cursors"];
    assert_eq!(keys(paging), keys(&first["business_discovery"]["media"]["paging"]["cursors"]));
    let theirs = keys(&first["business_discovery"]["media"]["data"][0]);
    for entry in discovery["media"]["data"].as_array().unwrap() {
        let mut ours = keys(entry);
        ours.insert("like_count".to_owned()); // Left out where the owner hid it.
        assert_eq!(ours, theirs);
    }
    let after = format!(".after({})", paging["after"].as_str().unwrap());
    let paging = page(&after)["business_discovery"]["media"]["paging"]["cursors"].clone();
    assert_eq!(keys(&paging), keys(&second["business_discovery"]["media"]["paging"]["cursors"]));
}

#[test]
fn discovery_shows_views_of_reels_and_of_nothing_else() {
    let world = World::new(7).with_frozen_growth();
    let fields = "business_discovery.username(creator_2){followers_count,media.limit(60)\
        {shortcode,media_product_type,view_count,like_count}}";
    let body = instagram(&world, &format!("/{INSTAGRAM_ACCOUNT}?fields={fields}"));
    let media = body["business_discovery"]["media"]["data"].as_array().unwrap();
    for entry in media {
        let code = entry["shortcode"].as_str().unwrap();
        let figures = world.figures(Platform::Instagram, code, None).unwrap().0;
        if entry["media_product_type"] == "REELS" {
            assert_eq!(entry["view_count"], figures.views);
        } else {
            assert_eq!(entry.get("view_count"), None);
        }
    }
    assert!(media.iter().any(|entry| entry.get("view_count").is_some()));
    assert!(media.iter().any(|entry| entry.get("like_count").is_none()));
    let gone = format!("/{INSTAGRAM_ACCOUNT}?fields=business_discovery.username(nobody.gone){{id}}");
    let answer = call(&world, Platform::Instagram, &Method::GET, &gone, "");
    assert_eq!((answer.status, error_code(&answer)), (400, json!(110)));
}

#[test]
fn media_insights_have_the_keys_of_a_recorded_row_and_the_figures_of_the_media() {
    let world = World::new(7).with_frozen_growth();
    let (id, code) = media_id(&world, false);
    let url = format!("/v26.0/{id}/insights?metric=views,reach,likes,profile_activity&breakdown=action_type");
    let body = instagram(&world, &url);
    let figures = world.figures(Platform::Instagram, &code, None).unwrap().0;
    let row = |name: &str| {
        let rows = body["data"].as_array().unwrap();
        rows.iter().find(|row| row["name"] == name).unwrap().clone()
    };
    assert_eq!(row("views")["values"][0]["value"], figures.views);
    assert_eq!(row("likes")["values"][0]["value"], figures.score);
    assert_eq!(row("views")["id"], format!("{id}/insights/views/lifetime"));
    if let Some(recorded) = fixture("instagram/sns-sdks__python-facebook__ig_medias_insights_new.json") {
        let recorded = &recorded["data"][0];
        assert_eq!(keys(&row("profile_activity")), keys(recorded));
        let ours = &row("profile_activity")["total_value"];
        assert_eq!(keys(ours), keys(&recorded["total_value"]));
        assert_eq!(keys(&ours["breakdowns"][0]), keys(&recorded["total_value"]["breakdowns"][0]));
    }
}

#[test]
fn one_metric_that_the_media_does_not_have_fails_the_whole_request() {
    let world = World::new(7);
    let (image, _) = media_id(&world, false);
    let (reel, _) = media_id(&world, true);
    let refused = |id: &str, metrics: &str| {
        let url = format!("/{id}/insights?metric={metrics}");
        let answer = call(&world, Platform::Instagram, &Method::GET, &url, "");
        (answer.status, error_code(&answer))
    };
    for metrics in ["views,impressions", "views,ig_reels_avg_watch_time", "views,nonsense"] {
        assert_eq!(refused(&image, metrics), (400, json!(100)), "{metrics}");
    }
    assert_eq!(refused(&reel, "views,profile_visits"), (400, json!(100)));
    assert_eq!(refused(&reel, ""), (400, json!(3001)));
    assert_eq!(refused("3912345678901234567", "views"), (400, json!(100)));
}

#[test]
fn several_objects_come_under_their_ids() {
    let world = World::new(7);
    let (first, _) = media_id(&world, false);
    let (second, _) = media_id(&world, true);
    let body = instagram(&world, &format!("/v26.0?ids={first},{second}&fields={FIELDS}"));
    assert_eq!(keys(&body), BTreeSet::from([first.clone(), second]));
    assert_eq!(body[&first]["id"], first);
    if let Some(recorded) = fixture("instagram/sns-sdks__python-facebook__ig_medias_medias_fields.json") {
        assert_eq!(keys(&body[&first]), keys(&recorded["17893085207160254"]));
    }
    let unknown = format!("/?ids={first},3912345678901234567");
    let answer = call(&world, Platform::Instagram, &Method::GET, &unknown, "");
    assert_eq!(error_code(&answer), 803);
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
        let codes: Vec<u64> = parts.iter().map(|part| part["code"].as_u64().unwrap()).collect();
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
    let answer = call(&world, Platform::Meta, &Method::POST, "/", &batch_body(&parts, true));
    let ours = parsed(&answer);
    assert_eq!(keys(&ours[1]), keys(&recorded[1]));
    assert_eq!(keys(&ours[1]["headers"][0]), keys(&recorded[1]["headers"][0]));
    let body = |part: &Value| -> Value {
        serde_json::from_str(part["body"].as_str().unwrap()).unwrap()
    };
    assert_eq!(ours[2]["code"], recorded[0]["code"]);
    assert_eq!(body(&ours[2])["error"]["code"], body(&recorded[0])["error"]["code"]);
    assert_eq!(body(&ours[2])["error"]["type"], body(&recorded[0])["error"]["type"]);
}

#[test]
fn fifty_one_parts_are_too_many() {
    let world = World::new(7);
    let parts: Vec<Value> =
        (0..51).map(|_| json!({"method": "GET", "relative_url": "me"})).collect();
    let fifty = Value::from(parts[..50].to_vec());
    let answer = call(&world, Platform::Meta, &Method::POST, "/", &batch_body(&fifty, false));
    assert_eq!(parsed(&answer).as_array().unwrap().len(), 50);
    let all = Value::from(parts);
    let answer = call(&world, Platform::Meta, &Method::POST, "/", &batch_body(&all, false));
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
    let ours = meta(&world, &format!("/v26.0/{}?fields={fields}", first_post(&world)));
    if let Some(recorded) = fixture("meta/sns-sdks__python-facebook__fb_posts_single_post_data.json") {
        assert_eq!(keys(&ours), keys(&recorded));
        for edge in ["reactions", "comments"] {
            assert_eq!(keys(&ours[edge]), keys(&recorded[edge]));
            assert_eq!(keys(&ours[edge]["summary"]), keys(&recorded[edge]["summary"]));
        }
    }
    let total = |edge: &str| ours[edge]["summary"]["total_count"].as_u64().unwrap();
    let kinds: u64 = ["like", "love", "wow", "haha", "sad", "angry"].into_iter().map(total).sum();
    assert_eq!(kinds, total("reactions"));
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
        assert_eq!(keys(&ours["insights"]["paging"]), keys(&recorded["insights"]["paging"]));
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
        let body = meta(&world, &format!("/{id}/insights?metric=post_total_media_view_unique{query}"));
        body["data"].as_array().unwrap().len()
    };
    assert_eq!((rows(""), rows("&period=lifetime"), rows("&period=day")), (2, 1, 1));
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
    let wanted = posts.iter().find(|post| post.owned && post.url.contains("/pfbid")).unwrap();
    let mut after = String::new();
    let found = loop {
        let url = format!(
            "/v26.0/{META_PAGE}/published_posts?fields=id,permalink_url,created_time&limit=20&after={after}"
        );
        let page = meta(&world, &url);
        let entries = page["data"].as_array().unwrap();
        let hit = entries.iter().find(|entry| entry["permalink_url"] == wanted.url.as_str());
        if let Some(hit) = hit {
            break hit["id"].clone();
        }
        assert!(page["paging"].get("next").is_some(), "not in the list");
        page["paging"]["cursors"]["after"].as_str().unwrap().clone_into(&mut after);
    };
    assert_eq!(found, wanted.native_id.as_str());
}

#[test]
fn a_list_without_fields_has_the_keys_of_a_recorded_feed() {
    let ours = meta(&World::new(7), &format!("/{META_PAGE}/posts?limit=5"));
    let Some(recorded) = fixture("meta/sns-sdks__python-facebook__fb_posts_feed_fields_p1.json") else {
        return;
    };
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["data"][0]), keys(&recorded["data"][0]));
}

#[test]
fn with_credentials_required_a_token_opens_what_is_its_own_only() {
    let world = World::new(7).with_credentials_required();
    let own = world.access_token(Platform::Instagram, INSTAGRAM_ACCOUNT);
    let other = world.access_token(Platform::Instagram, creator(1));
    let list = format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=1");
    let get_as = |platform, url: &str, token: &str| {
        call_as(&world, platform, &Method::GET, url, "", token)
    };
    let answer = get_as(Platform::Instagram, &list, &own);
    assert_eq!(answer.status, 200);
    let media = parsed(&answer)["data"][0]["id"].as_str().unwrap().to_owned();
    let insights = format!("/{media}/insights?metric=views");
    assert_eq!(get_as(Platform::Instagram, &insights, &own).status, 200);
    assert_eq!(error_code(&get_as(Platform::Instagram, &insights, &other)), 10);
    assert_eq!(error_code(&get_as(Platform::Instagram, &list, &other)), 10);
    assert_eq!(error_code(&get_as(Platform::Instagram, &list, "nonsense")), 190);
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

#[test]
fn a_post_that_vanished_is_in_no_list_and_no_object() {
    let world = World::new(7);
    let (id, code) = media_id(&world, true);
    let shown = || {
        let list = instagram(&world, &format!("/{INSTAGRAM_ACCOUNT}/media?fields=id&limit=100"));
        list["data"].as_array().unwrap().iter().any(|entry| entry["id"] == id.as_str())
    };
    assert!(shown());
    assert!(world.vanish(Platform::Instagram, &code));
    assert!(!shown());
    let url = format!("/{id}/insights?metric=views");
    let answer = call(&world, Platform::Instagram, &Method::GET, &url, "");
    assert_eq!(parsed(&answer)["error"]["error_subcode"], 33);

    let post = first_post(&world);
    assert!(world.vanish(Platform::Meta, &post));
    let answer = call(&world, Platform::Meta, &Method::GET, &format!("/{post}?fields=id"), "");
    assert_eq!(parsed(&answer)["error"]["error_subcode"], 33);
}

#[test]
fn a_registered_media_appears_in_its_accounts_list() {
    let world = World::new(7);
    assert!(world.register_media("countersign.studio", "CRyZpjhDO_k", "REELS"));
    let id = world.media.find(super::instagram_media::code_number("CRyZpjhDO_k").unwrap()).unwrap();
    let fields = "permalink,media_product_type,timestamp,username";
    let body = instagram(&world, &format!("/{}?fields={fields}", id.graph_id()));
    assert_eq!(body["permalink"], "https://www.instagram.com/reel/CRyZpjhDO_k/");
    assert_eq!(body["timestamp"], "2021-07-26T10:45:19+0000");
    assert_eq!(body["username"], "countersign.studio");
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
    assert!(limited.headers.iter().any(|(name, _)| *name == "x-business-use-case-usage"));
    assert_eq!(error_code(&with(FaultKind::TokenRefused)), 190);
    assert!(with(FaultKind::ServerError).status >= 500);
    let garbage = with(FaultKind::Garbage);
    assert_eq!((garbage.status, garbage.content_type), (200, "text/html; charset=UTF-8"));
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
    let usage = |answer: &Answer| answer.headers.iter().any(|(name, _)| *name == "x-app-usage");
    assert!(!usage(&ask()));
    world.set_quota(Platform::Instagram, Some(2), Some(100_000_000));
    assert!(usage(&ask()) && usage(&ask()));
    let refused = ask();
    assert!([400, 403].contains(&refused.status));
    assert!(error_code(&refused) == 4 || error_code(&refused) == 80_002);
}
