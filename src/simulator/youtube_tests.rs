//! YouTube as a client sees it: lists of videos, keys, quotas and faults.

use poem::http::Method;
use serde_json::{Value, json};

use super::accounts::{STUDIO_HANDLE, YOUTUBE_CHANNEL, channel_id, member};
use super::answer::{Answer, JSON};
use super::faults::{Fault, FaultKind};
use super::platform::Platform;
use super::testing::{fixture, keys, parsed, send, set};
use super::world::World;
use super::youtube::videos_body;

const NOW_MS: i64 = 1_793_491_200_000;
const PARTS: [&str; 4] = ["snippet", "contentDetails", "statistics", "status"];

fn list(world: &World, ids: &[&str]) -> Value {
    serde_json::from_slice(&videos_body(world, ids, &PARTS, NOW_MS)).unwrap()
}

fn get(world: &World, query: &str, fields: &[(&'static str, &str)]) -> Answer {
    let url = format!("/youtube/youtube/v3/videos?{query}");
    send(world, &Method::GET, &url, fields, "")
}

fn ids(body: &Value) -> Vec<&str> {
    let items = body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap())
        .collect()
}

fn reason(answer: &Answer) -> (u16, Value) {
    let body = parsed(answer);
    assert_eq!(body["error"]["code"], answer.status);
    (answer.status, body["error"]["errors"][0]["reason"].clone())
}

#[test]
fn a_list_keeps_the_order_of_the_request_and_leaves_out_what_is_not_shown() {
    let world = World::new(7);
    let own = world.posts(Platform::YouTube, 0, 2, None);
    assert!(world.vanish(Platform::YouTube, &own[1].native_id));
    let asked = [
        "O0aSwKeusZM",
        "abcdefggone",
        own[1].native_id.as_str(),
        "abcdefgpriv",
        "short",
        own[0].native_id.as_str(),
    ];
    let body = list(&world, &asked);
    assert_eq!(ids(&body), ["O0aSwKeusZM", own[0].native_id.as_str()]);
    assert_eq!(body["pageInfo"]["totalResults"], 2);
    assert_eq!(body["pageInfo"]["resultsPerPage"], 2);
    let nothing = list(&world, &["abcdefggone"]);
    assert_eq!(nothing["items"], Value::Array(Vec::new()));
}

#[test]
fn counts_are_strings_and_what_a_channel_hides_is_left_out() {
    let world = World::new(7);
    let posts = world.posts(Platform::YouTube, 0, 200, None);
    let (mut hidden, mut closed) = (0, 0);
    for post in &posts {
        let body = list(&world, &[&post.native_id]);
        let statistics = &body["items"][0]["statistics"];
        let figures = world
            .figures(Platform::YouTube, &post.native_id, Some(NOW_MS))
            .unwrap()
            .0;
        assert_eq!(statistics["viewCount"], figures.views.to_string().as_str());
        match statistics.get("likeCount") {
            Some(likes) => assert_eq!(*likes, figures.score.to_string().as_str()),
            None => hidden += 1,
        }
        match statistics.get("commentCount") {
            Some(comments) => assert_eq!(*comments, figures.comments.to_string().as_str()),
            None => closed += 1,
        }
        assert_eq!(statistics["favoriteCount"], "0");
    }
    assert!(hidden > 0 && hidden < 60, "{hidden} of 200");
    assert!(closed > 0 && closed < 40, "{closed} of 200");
}

#[test]
fn a_video_names_its_channel_and_its_time() {
    let world = World::new(7);
    for (post, channel) in world
        .posts(Platform::YouTube, 2, 2, None)
        .iter()
        .zip([YOUTUBE_CHANNEL, member(YOUTUBE_CHANNEL, 1)])
    {
        let body = list(&world, &[&post.native_id]);
        let snippet = &body["items"][0]["snippet"];
        assert_eq!(snippet["channelId"], channel_id(channel).as_str());
        assert_eq!(snippet["channelTitle"], post.account_handle.as_str());
        assert_eq!(post.owned, post.account_handle == STUDIO_HANDLE);
        let published = snippet["publishedAt"].as_str().unwrap();
        let published = chrono::DateTime::parse_from_rfc3339(published).unwrap();
        assert_eq!(published.timestamp_millis(), post.created_at_ms);
    }
}

#[test]
fn a_list_has_the_keys_of_a_recorded_one() {
    let Some(recorded) = fixture("youtube/sns-sdks__python-youtube__videos_info_multi.json") else {
        return;
    };
    let ours = list(&World::new(7), &["ovdbrdCIP7U"]);
    assert_eq!(keys(&ours), keys(&recorded));
    assert_eq!(keys(&ours["pageInfo"]), keys(&recorded["pageInfo"]));
    let (ours, theirs) = (&ours["items"][0], &recorded["items"][1]);
    assert_eq!(ours["kind"], theirs["kind"]);
    assert_eq!(keys(&ours["snippet"]), keys(&theirs["snippet"]));
    let thumbnail = |item: &Value| keys(&item["snippet"]["thumbnails"]["default"]);
    assert_eq!(thumbnail(ours), thumbnail(theirs));
}

#[test]
fn errors_have_the_keys_of_the_recorded_ones() {
    let world = World::new(7).with_credentials_required();
    let invalid = get(&world, "part=id&id=O0aSwKeusZM&key=wrong", &[]);
    let missing = get(&world, "part=id&id=O0aSwKeusZM", &[]);
    for (ours, name) in [
        (
            invalid,
            "youtube/sns-sdks__python-youtube__error_response.json",
        ),
        (
            missing,
            "youtube/sns-sdks__python-youtube__error_permission_resp.json",
        ),
    ] {
        let Some(recorded) = fixture(name) else {
            continue;
        };
        let ours = parsed(&ours);
        assert_eq!(ours["error"]["code"], recorded["error"]["code"]);
        assert_eq!(ours["error"]["status"], recorded["error"]["status"]);
        assert_eq!(keys(&ours["error"]), keys(&recorded["error"]));
        let entry = |body: &Value| keys(&body["error"]["errors"][0]);
        assert_eq!(entry(&ours), entry(&recorded));
    }
}

#[test]
fn a_key_opens_the_list_wherever_it_stands_and_so_does_a_token() {
    let world = World::new(7).with_credentials_required();
    let key = world.access_token(Platform::YouTube, YOUTUBE_CHANNEL);
    let query = "part=statistics&id=O0aSwKeusZM";
    let bearer = format!("Bearer {key}");
    assert_eq!(get(&world, &format!("{query}&key={key}"), &[]).status, 200);
    for fields in [
        ("x-goog-api-key", key.as_str()),
        ("authorization", bearer.as_str()),
    ] {
        assert_eq!(get(&world, query, &[fields]).status, 200);
    }
    let wrong = get(&world, &format!("{query}&key=AIzaSim1Zx"), &[]);
    assert_eq!(reason(&wrong), (400, json!("keyInvalid")));
    let wrong = get(&world, query, &[("authorization", "Bearer nobody")]);
    assert_eq!(reason(&wrong), (401, json!("authError")));
    assert_eq!(reason(&get(&world, query, &[])), (403, json!("forbidden")));
    let open = World::new(7);
    assert_eq!(get(&open, query, &[]).status, 200);
    let expired = get(&open, &format!("{query}&key=expired-key"), &[]);
    assert_eq!(reason(&expired), (400, json!("keyInvalid")));
}

#[test]
fn only_the_parts_that_were_asked_for_are_answered() {
    let world = World::new(7);
    let body = parsed(&get(&world, "part=id,statistics&id=O0aSwKeusZM", &[]));
    let expected = set(["etag", "id", "kind", "statistics"]);
    assert_eq!(keys(&body["items"][0]), expected);
    let twice = get(
        &world,
        "part=id&part=status&id=O0aSwKeusZM&id=ovdbrdCIP7U",
        &[],
    );
    let twice = parsed(&twice);
    assert_eq!(ids(&twice), ["O0aSwKeusZM", "ovdbrdCIP7U"]);
    assert_eq!(twice["items"][1]["status"]["privacyStatus"], "public");
    for (query, expected) in [
        ("id=O0aSwKeusZM", "missingRequiredParameter"),
        ("part=id", "missingRequiredParameter"),
        ("part=views&id=O0aSwKeusZM", "unknownPart"),
    ] {
        assert_eq!(
            reason(&get(&world, query, &[])),
            (400, json!(expected)),
            "{query}"
        );
    }
}

#[test]
fn fifty_one_ids_are_too_many() {
    let world = World::new(7);
    let ids: Vec<String> = (0..51)
        .map(|number| format!("abcdefghi{number:02}"))
        .collect();
    let all = get(&world, &format!("part=id&id={}", ids.join(",")), &[]);
    assert_eq!(reason(&all), (400, json!("invalidFilters")));
    let fifty = get(
        &world,
        &format!("part=id&id={}", ids[..50].join("%2C")),
        &[],
    );
    assert_eq!(parsed(&fifty)["pageInfo"]["totalResults"], 50);
    assert_eq!(world.calls("youtube.videos"), 2);
    assert_eq!(world.calls("youtube.videos.ids"), 101);
}

#[test]
fn a_call_costs_a_unit_even_when_it_is_wrong() {
    let world = World::new(7);
    // So long that no test run meets its end.
    let window_s = 1 << 33;
    world.set_quota(Platform::YouTube, Some(2), Some(window_s));
    assert_eq!(get(&world, "part=id&id=O0aSwKeusZM", &[]).status, 200);
    assert_eq!(get(&world, "part=id", &[]).status, 400);
    let over = get(&world, "part=id&id=O0aSwKeusZM", &[]);
    assert_eq!(reason(&over), (403, json!("quotaExceeded")));
    assert_eq!(
        parsed(&over)["error"]["errors"][0]["domain"],
        "youtube.quota"
    );
    world.set_clock((1 << 33) * 1_000);
    assert_eq!(get(&world, "part=id&id=O0aSwKeusZM", &[]).status, 200);
}

#[test]
fn faults_take_the_form_that_youtube_gives_them() {
    let world = World::new(7);
    let with = |kind| {
        world.clear_faults(None);
        world.add_fault(Fault::new(Platform::YouTube, kind));
        get(&world, "part=statistics&id=O0aSwKeusZM", &[])
    };
    let limited = with(FaultKind::RateLimited);
    assert_eq!(reason(&limited), (403, json!("quotaExceeded")));
    let refused = with(FaultKind::TokenRefused);
    assert_eq!(reason(&refused), (400, json!("keyInvalid")));
    assert!(with(FaultKind::ServerError).status >= 500);
    for kind in [FaultKind::Truncated, FaultKind::Garbage] {
        let spoiled = with(kind);
        assert_eq!(spoiled.status, 200);
        assert!(serde_json::from_slice::<Value>(&spoiled.body).is_err());
    }
    let wrong = with(FaultKind::WrongType);
    assert_eq!(wrong.content_type, JSON);
    assert!(parsed(&wrong)["items"][0]["statistics"]["viewCount"].is_u64());
    let empty = parsed(&with(FaultKind::Empty));
    assert_eq!(empty["items"], Value::Array(Vec::new()));
    assert_eq!(empty["pageInfo"]["totalResults"], 0);
    world.clear_faults(None);
    let mut late = Fault::new(Platform::YouTube, FaultKind::Latency);
    late.latency_ms = 250;
    world.add_fault(late);
    let late = get(&world, "part=id&id=O0aSwKeusZM", &[]);
    assert_eq!((late.status, late.delay_ms), (200, 250));
}

#[test]
fn nothing_else_is_under_the_path() {
    let world = World::new(7);
    for (method, path) in [
        (Method::GET, "/youtube/youtube/v3/search?part=id"),
        (Method::POST, "/youtube/youtube/v3/videos?part=id"),
        (Method::GET, "/youtube/v3/videos?part=id"),
    ] {
        let answer = send(&world, &method, path, &[], "");
        assert_eq!(reason(&answer), (404, json!("notFound")), "{path}");
    }
    assert_eq!(world.calls("youtube.videos"), 0);
}
