//! TikTok as a client sees it: an account's own videos, tokens, short links, quotas and faults.

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::{TIKTOK_ACCOUNT, member};
use super::answer::Answer;
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::sample::SamplePost;
use super::testing::{header, keys, parsed, send, set};
use super::world::World;

const FIELDS: &str = "id,create_time,share_url,view_count,like_count,comment_count,share_count";

fn query(world: &World, fields: &str, body: &str, token: &str) -> Answer {
    let url = format!("/tiktok/v2/video/query/?fields={fields}");
    let bearer = format!("Bearer {token}");
    let mut headers = vec![("content-type", "application/json")];
    if !token.is_empty() {
        headers.push(("authorization", bearer.as_str()));
    }
    send(world, &Method::POST, &url, &headers, body)
}

fn filter(ids: &[&str]) -> String {
    json!({"filters": {"video_ids": ids}}).to_string()
}

fn ask(world: &World, ids: &[&str], token: &str) -> Answer {
    query(world, FIELDS, &filter(ids), token)
}

/// The ids of the videos that were answered, in order.
fn answered(answer: &Answer) -> Vec<String> {
    let body = parsed(answer);
    assert_eq!((answer.status, &body["error"]["code"]), (200, &json!("ok")));
    let videos = body["data"]["videos"].as_array().unwrap();
    videos
        .iter()
        .map(|video| video["id"].as_str().unwrap().to_owned())
        .collect()
}

fn code(answer: &Answer) -> (u16, Value) {
    let body = parsed(answer);
    assert!(!body["error"]["log_id"].as_str().unwrap().is_empty());
    (answer.status, body["error"]["code"].clone())
}

/// A video of the owned account, another one of it, and one of somebody else.
fn samples(world: &World) -> [SamplePost; 3] {
    let mut posts = world.posts(Platform::TikTok, 1, 3, None);
    let foreign = posts.remove(2);
    let second = posts.remove(1);
    assert!(!foreign.owned && second.owned && posts[0].owned);
    [posts.remove(0), second, foreign]
}

#[test]
fn only_the_videos_of_the_tokens_account_are_answered() {
    let world = World::new(7).with_credentials_required();
    let [first, second, foreign] = samples(&world);
    let asked = [
        second.native_id.as_str(),
        "7077642457847991404",
        foreign.native_id.as_str(),
        "no number",
        first.native_id.as_str(),
    ];
    let own = world.access_token(Platform::TikTok, TIKTOK_ACCOUNT);
    let answer = ask(&world, &asked, &own);
    assert_eq!(answered(&answer), [asked[0], asked[4]]);
    let other = world.access_token(Platform::TikTok, member(TIKTOK_ACCOUNT, 1));
    assert_eq!(answered(&ask(&world, &asked, &other)), [asked[2]]);
    assert!(world.vanish(Platform::TikTok, asked[0]));
    assert_eq!(answered(&ask(&world, &asked, &own)), [asked[4]]);
}

#[test]
fn a_token_of_nobody_is_refused_where_credentials_are_required() {
    let closed = World::new(7).with_credentials_required();
    let open = World::new(7);
    let [first, _, foreign] = samples(&open);
    let asked = [first.native_id.as_str(), foreign.native_id.as_str()];
    for token in ["", "nobody", "act.sim5Zx"] {
        let refused = ask(&closed, &asked, token);
        assert_eq!(code(&refused), (401, json!("access_token_invalid")));
        assert_eq!(answered(&ask(&open, &asked, token)), asked);
    }
    let own = open.access_token(Platform::TikTok, TIKTOK_ACCOUNT);
    assert_eq!(answered(&ask(&open, &asked, &own)), [asked[0]]);
    let expired = ask(&open, &asked, "expired");
    assert_eq!(code(&expired), (401, json!("access_token_invalid")));
}

#[test]
fn a_video_shows_its_figures_and_only_the_fields_that_were_asked_for() {
    let world = World::new(7).with_frozen_growth();
    let [post, ..] = samples(&world);
    let figures = world
        .figures(Platform::TikTok, &post.native_id, None)
        .unwrap()
        .0;
    let body = parsed(&ask(&world, &[&post.native_id], ""));
    let video = &body["data"]["videos"][0];
    assert_eq!(keys(video), set(FIELDS.split(',')));
    assert_eq!(video["view_count"], figures.views);
    assert_eq!(video["like_count"], figures.score);
    assert_eq!(video["comment_count"], figures.comments);
    assert_eq!(video["share_count"], figures.shares);
    assert_eq!(video["create_time"], post.created_at_ms / 1_000);
    assert!(video["share_url"].as_str().unwrap().starts_with(&post.url));
    let all = query(
        &world,
        "title,duration,height,width,embed_html,embed_link,cover_image_url,video_description",
        &filter(&[&post.native_id]),
        "",
    );
    assert_eq!(keys(&parsed(&all)["data"]["videos"][0]).len(), 8);
    assert_eq!(keys(&body), set(["data", "error"]));
}

#[test]
fn what_cannot_be_asked_is_told_and_twenty_one_ids_are_too_many() {
    let world = World::new(7);
    let ids: Vec<String> = (0..21)
        .map(|number| (7_077_642_457_847_991_500_u64 + number).to_string())
        .collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert_eq!(answered(&ask(&world, &ids[..20], "")), ids[..20]);
    let invalid = (400, json!("invalid_params"));
    assert_eq!(code(&ask(&world, &ids, "")), invalid);
    assert_eq!(code(&ask(&world, &[], "")), invalid);
    let body = filter(&ids[..1]);
    assert_eq!(code(&query(&world, "", &body, "")), invalid);
    assert_eq!(code(&query(&world, "id,clicks", &body, "")), invalid);
    assert_eq!(code(&query(&world, "id", "video_ids=1", "")), invalid);
    assert_eq!(world.calls("tiktok.video_query"), 6);
    assert_eq!(world.calls("tiktok.video_query.ids"), 41);
}

#[test]
fn the_quota_runs_out_and_comes_back() {
    let world = World::new(7);
    // So long that no test run meets its end.
    world.set_quota(Platform::TikTok, Some(1), Some(1 << 33));
    let [post, ..] = samples(&world);
    let asked = [post.native_id.as_str()];
    assert_eq!(answered(&ask(&world, &asked, "")).len(), 1);
    let over = ask(&world, &asked, "");
    assert_eq!(code(&over), (429, json!("rate_limit_exceeded")));
    assert_eq!(keys(&parsed(&over)["data"]).len(), 0);
    world.set_clock((1 << 33) * 1_000);
    assert_eq!(answered(&ask(&world, &asked, "")).len(), 1);
}

#[test]
fn a_short_link_leads_to_the_video_it_was_made_for() {
    let world = World::new(7);
    let [post, _, foreign] = samples(&world);
    for post in [post, foreign] {
        let path = world.short_link(Platform::TikTok, &post.native_id).unwrap();
        let short = path.replace("/tiktok/t/", "/tiktok/");
        for path in [path, short] {
            let answer = send(&world, &Method::GET, &path, &[], "");
            assert_eq!(answer.status, 301, "{path}");
            let location = header(&answer, "location").unwrap();
            let (url, _) = location.split_once('?').unwrap();
            assert_eq!(url, post.url);
        }
    }
    let unknown = send(&world, &Method::GET, "/tiktok/t/ZMabc", &[], "");
    assert_eq!(unknown.status, 404);
    assert_eq!(world.calls("tiktok.share"), 5);
}

#[test]
fn faults_take_the_form_that_tiktok_gives_them() {
    let world = World::new(7);
    let [post, ..] = samples(&world);
    let with = |kind| {
        world.clear_faults(None);
        world.add_fault(Fault::new(Platform::TikTok, kind));
        ask(&world, &[&post.native_id], "")
    };
    let limited = with(FaultKind::RateLimited);
    assert_eq!(code(&limited), (429, json!("rate_limit_exceeded")));
    let refused = with(FaultKind::TokenRefused);
    assert_eq!(code(&refused), (401, json!("access_token_invalid")));
    assert!(with(FaultKind::ServerError).status >= 500);
    for kind in [FaultKind::Truncated, FaultKind::Garbage] {
        let spoiled = with(kind);
        assert_eq!(spoiled.status, 200);
        assert!(serde_json::from_slice::<Value>(&spoiled.body).is_err());
    }
    let wrong = parsed(&with(FaultKind::WrongType));
    assert!(wrong["data"]["videos"][0]["view_count"].is_string());
    assert!(answered(&with(FaultKind::Empty)).is_empty());
    world.clear_faults(None);
    assert_eq!(answered(&ask(&world, &[&post.native_id], "")).len(), 1);
}
