//! Reddit's side of the wire: tokens, `/api/info`, and share links.
//!
//! Errors look as Reddit's do, which is not uniform: a rate limit is an HTML page here and JSON at
//! the token endpoint, a bad grant is `{"error": 400}`, unknown ids are just not in the listing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::Method;

use super::answer::Answer;
use super::calls::Call;
use super::codec::{BASE36, BASE62, decode, encode};
use super::digest::digest;
use super::distort;
use super::faults::{Blow, FaultKind};
use super::json::{Decimal, Json};
use super::platform::Platform;
use super::quota::Reading;
use super::reddit_post::{Fate, POST_BYTES, Post, fate, is_id};
use super::request::{Incoming, Parameters};
use super::world::World;

/// The client id that is accepted where credentials are required.
pub const REDDIT_CLIENT_ID: &str = "simulator-client";
/// The secret of [`REDDIT_CLIENT_ID`].
pub const REDDIT_CLIENT_SECRET: &str = "simulator-secret";

/// The most fullnames in one call of `/api/info`.
const MOST_IDS: usize = 100;
/// Seconds that a token is valid.
const TOKEN_S: i64 = 86_400;

const UNAUTHORIZED: &str = "{\"message\": \"Unauthorized\", \"error\": 401}";
const TOO_MANY_IDS: &str = "{\"fields\": [\"id\"], \"explanation\": \"you provided too many ids\", \
    \"message\": \"Bad Request\", \"reason\": \"TOO_MANY_THING_IDS\"}";
const RATE_LIMIT_PAGE: &str = "<!doctype html><html><head><title>Too Many Requests</title></head>\
    <body><h1>whoa there, pardner!</h1><p>You are going too fast. Try again soon.</p></body></html>";
const BLOCKED_PAGE: &str = "<!doctype html><html><head><title>Blocked</title></head><body>\
    <p>Your request has been blocked by network security. Log in or use a token.</p></body></html>";

/// Answers a request under `/reddit`.
pub(super) fn handle(world: &World, request: &Incoming<'_>) -> Answer {
    match request.segments {
        ["api", "v1", "access_token"] if request.method == Method::POST => {
            struck(world, Call::RedditToken, || token(world, request))
        }
        ["api", "info"] if request.method == Method::GET => {
            struck(world, Call::RedditInfo, || info(world, request))
        }
        ["r" | "u" | "user", _, "s", token] => {
            struck(world, Call::RedditShare, || share(world, token))
        }
        _ => Answer::json(404, "{\"message\": \"Not Found\", \"error\": 404}"),
    }
}

/// Counts a call, then answers it rightly or as the faults in force demand.
fn struck(world: &World, call: Call, answer: impl FnOnce() -> Answer) -> Answer {
    world.count(call, 1);
    let strike = world.strike(Platform::Reddit, call, false);
    let mut answer =
        strike.blow.and_then(|blow| replacement(call, blow)).unwrap_or_else(answer);
    if let Some(blow) = strike.blow {
        distort::spoil(blow.kind, &mut answer.body);
    }
    answer.delay_ms = strike.delay_ms;
    answer
}

/// The answer of a fault that leaves nothing of the right one.
fn replacement(call: Call, blow: Blow) -> Option<Answer> {
    match blow.kind {
        FaultKind::RateLimited if call == Call::RedditToken => {
            Some(Answer::json(429, "{\"message\": \"Too Many Requests\", \"error\": 429}"))
        }
        FaultKind::RateLimited => Some(rate_limited(blow.retry_after_s)),
        FaultKind::ServerError => Some(distort::server_error(blow.nth)),
        FaultKind::Garbage => Some(distort::garbage()),
        FaultKind::TokenRefused => Some(unauthorized()),
        FaultKind::Truncated
        | FaultKind::Latency
        | FaultKind::WrongType
        | FaultKind::Empty => None,
    }
}

fn rate_limited(retry_after_s: u64) -> Answer {
    Answer::html(429, RATE_LIMIT_PAGE).with_header("retry-after", retry_after_s.to_string())
}

fn unauthorized() -> Answer {
    Answer::json(401, UNAUTHORIZED)
        .with_header("www-authenticate", "Bearer realm=\"reddit\", error=\"invalid_token\"")
}

/// `POST /api/v1/access_token`.
fn token(world: &World, request: &Incoming<'_>) -> Answer {
    let basic = request
        .credential("basic")
        .and_then(|credential| STANDARD.decode(credential).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    let known = match basic.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((id, secret)) if world.credentials_required() => {
            id == REDDIT_CLIENT_ID && secret == REDDIT_CLIENT_SECRET
        }
        Some((id, _)) => !id.is_empty(),
        None => false,
    };
    if !known {
        return Answer::json(401, UNAUTHORIZED);
    }
    let form = Parameters::parse(request.body);
    let granted = form.get("grant_type").is_some_and(|grant| {
        grant == "client_credentials" || grant.ends_with("/grants/installed_client")
    });
    if !granted {
        return Answer::json(400, "{\"error\": 400}");
    }
    let mut json = Json::with_capacity(192);
    json.object();
    json.string_field("access_token", &world.reddit_token(world.now_ms()));
    json.string_field("token_type", "bearer");
    json.raw_field("expires_in", "86400");
    json.string_field("scope", form.get("scope").unwrap_or("*"));
    json.end_object();
    Answer::json(200, json.finish()).with_header("cache-control", "private, no-store")
}

impl World {
    /// A bearer token for `/reddit/api/info` that was issued at `issued_ms` (unix milliseconds) and
    /// is valid for a day.
    #[must_use]
    pub fn reddit_token(&self, issued_ms: i64) -> String {
        let issued_s = issued_ms / 1_000;
        let check = digest(self.seed(), "reddit.token", &issued_s.to_string());
        format!("{issued_s}-{}", encode(BASE62, check, 11))
    }

    fn accepts_reddit_token(&self, token: &str, now_ms: i64) -> bool {
        let issued_s = token.split_once('-').and_then(|(issued, _)| issued.parse::<i64>().ok());
        issued_s.is_some_and(|issued_s| {
            now_ms / 1_000 < issued_s.saturating_add(TOKEN_S)
                && token == self.reddit_token(issued_s.saturating_mul(1_000))
        })
    }
}

/// `GET /api/info`.
fn info(world: &World, request: &Incoming<'_>) -> Answer {
    let now_ms = world.now_ms();
    if world.credentials_required() {
        match request.credential("bearer") {
            None => return Answer::html(403, BLOCKED_PAGE),
            Some(token) if !world.accepts_reddit_token(token, now_ms) => return unauthorized(),
            Some(_) => {}
        }
    }
    let reading = world.spend(Platform::Reddit, 1, now_ms);
    if reading.exceeded() {
        return with_quota(rate_limited(reading.reset_s), reading);
    }
    let parameters = Parameters::parse(request.query.as_bytes());
    let ids: Vec<&str> = parameters
        .get("id")
        .unwrap_or_default()
        .split([',', ' '])
        .filter(|id| !id.is_empty())
        .collect();
    world.count(Call::RedditInfoIds, ids.len() as u64);
    if ids.len() > MOST_IDS {
        return with_quota(Answer::json(400, TOO_MANY_IDS), reading);
    }
    with_quota(Answer::json(200, info_body(world, &ids, now_ms)), reading)
}

fn with_quota(answer: Answer, reading: Reading) -> Answer {
    answer
        .with_header("x-ratelimit-remaining", format!("{}.0", reading.remaining()))
        .with_header("x-ratelimit-used", reading.used.to_string())
        .with_header("x-ratelimit-reset", reading.reset_s.to_string())
}

/// The listing of the posts with these fullnames (`t3_…`) at `now_ms`, in their order, without those
/// that do not exist.
pub(super) fn info_body(world: &World, fullnames: &[&str], now_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(fullnames.len() * POST_BYTES + 128);
    out.extend_from_slice(b"{\"kind\":\"Listing\",\"data\":{\"after\":null,\"children\":[");
    let mut found = 0_u64;
    for fullname in fullnames {
        let Some(id) = fullname.strip_prefix("t3_").filter(|id| is_id(id)) else {
            continue;
        };
        let change = world.change(Platform::Reddit, || id.to_owned());
        if change.gone || fate(id) == Fate::Gone {
            continue;
        }
        if found > 0 {
            out.push(b',');
        }
        found += 1;
        let post = Post::new(world.seed(), id);
        let figures = world.earned(Platform::Reddit, id, post.created_ms(), now_ms, change);
        post.write(&mut out, &figures);
    }
    out.extend_from_slice(b"],\"dist\":");
    out.extend_from_slice(Decimal::new(found).as_str().as_bytes());
    out.extend_from_slice(b",\"modhash\":null,\"geo_filter\":\"\",\"before\":null}}");
    out
}

/// Scrambles an id's number into 58 bits for a share token, and back.
const SHARE_MASK: u64 = 0x0198_5a3c_7e2b_d46f;
/// Tokens that no post was shared under lead to some post of seven characters.
const SEVEN_CHARACTERS: u64 = 78_364_164_096;

/// The token of a share link, ten characters; `None` for an id too long to be in one.
fn share_token(id: &str) -> Option<String> {
    let number = decode(BASE36, id).filter(|number| number >> 58 == 0)?;
    let token = encode(BASE62, number ^ SHARE_MASK, 10);
    (encode(BASE36, number, 1) == id).then_some(token)
}

fn id_of_share_token(token: &str) -> Option<String> {
    let number = decode(BASE62, token)? ^ SHARE_MASK;
    let number = if number >> 58 == 0 { number } else { number % SEVEN_CHARACTERS };
    Some(encode(BASE36, number, 1))
}

/// The path of a share link of a post, below the simulator's root.
pub(super) fn share_path(world: &World, id: &str) -> Option<String> {
    let token = share_token(id)?;
    Some(format!("/reddit/r/{}/s/{token}", Post::new(world.seed(), id).subreddit()))
}

/// `GET /r/<subreddit>/s/<token>`: any token leads to some post.
fn share(world: &World, token: &str) -> Answer {
    let Some(id) = id_of_share_token(token) else {
        return Answer::html(404, distort::ERROR_PAGE);
    };
    let share_id = encode(BASE62, digest(world.seed(), "reddit.share", &id), 21);
    let permalink = Post::new(world.seed(), &id).permalink();
    let location = format!(
        "https://www.reddit.com{permalink}?share_id={share_id}&utm_content=1&utm_medium=ios_app\
         &utm_name=ioscss&utm_source=share&utm_term=1"
    );
    Answer::redirect(301, location).with_header("cache-control", "private, max-age=3600")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use poem::http::{HeaderMap, HeaderValue};
    use serde_json::Value;

    use super::super::faults::Fault;
    use super::super::testing::{fixture, keys};
    use super::*;

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
        handle(world, &Incoming { method, segments: &segments, query, headers: &headers, body })
    }

    fn get_info(world: &World, query: &str, auth: &str) -> Answer {
        call(world, &Method::GET, "/api/info", query, auth, "")
    }

    fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
        answer.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_listing_keeps_the_order_of_the_request_and_drops_what_does_not_exist() {
        let world = World::new(7);
        let asked = ["t3_1skjxta", "t3_1agone", "t1_d7ltv00", "t3_UPPER", "t3_abc", "junk"];
        let listing = listing(&world, &asked);
        let children = listing["data"]["children"].as_array().unwrap();
        let names: Vec<&str> =
            children.iter().map(|child| child["data"]["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["t3_1skjxta", "t3_abc"]);
        assert_eq!(listing["data"]["dist"], 2);
    }

    #[test]
    fn a_listing_shows_the_figures_of_the_post_but_never_its_views() {
        let world = World::new(7);
        let listing = listing(&world, &["t3_1skjxta"]);
        let post = &listing["data"]["children"][0]["data"];
        let figures = world.figures(Platform::Reddit, "1skjxta", Some(NOW_MS)).unwrap().0;
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
        let basic =
            |pair: &str| format!("Basic {}", STANDARD.encode(pair));
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
        assert_eq!(get_info(&world, "id=t3_abc", &format!("bearer {token}")).status, 200);
        assert_eq!(get_info(&world, "id=t3_abc", "bearer nonsense").status, 401);
        assert_eq!(get_info(&world, "id=t3_abc", "").status, 403);
        world.set_clock(86_401_000);
        assert_eq!(get_info(&world, "id=t3_abc", &format!("bearer {token}")).status, 401);

        let wrong = call(&world, &Method::POST, path, "", &basic("simulator-client:x"), grant);
        assert_eq!(wrong.status, 401);
        let bad_grant = call(&world, &Method::POST, path, "", &known, "grant_type=magic");
        assert_eq!((bad_grant.status, bad_grant.body), (400, b"{\"error\": 400}".to_vec()));
        assert_eq!(world.calls("reddit.token"), 3);
    }

    #[test]
    fn the_rate_limit_headers_count_down_and_then_a_page_says_no() {
        let world = World::new(7).with_real_quotas();
        world.set_quota(Platform::Reddit, Some(2), None);
        let first = get_info(&world, "id=t3_abc", "");
        assert_eq!(header(&first, "x-ratelimit-remaining"), Some("1.0"));
        assert_eq!(header(&first, "x-ratelimit-used"), Some("1"));
        let reset: u64 = header(&first, "x-ratelimit-reset").unwrap().parse().unwrap();
        assert!((1..=600).contains(&reset));
        world.set_quota(Platform::Reddit, Some(0), None);
        let refused = get_info(&world, "id=t3_abc", "");
        assert_eq!((refused.status, refused.content_type), (429, "text/html; charset=UTF-8"));
        assert!(header(&refused, "retry-after").is_some());
    }

    #[test]
    fn a_hundred_and_one_ids_are_too_many() {
        let world = World::new(7);
        let ids: Vec<String> = (0..101).map(|number| format!("t3_a{number}")).collect();
        assert_eq!(get_info(&world, &format!("id={}", ids.join(",")), "").status, 400);
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
        assert!(location.starts_with("https://www.reddit.com/r/"), "{location}");
        assert!(location.contains("/comments/1skjxta/"), "{location}");
        assert!(location.contains("/?share_id=") && location.contains("&utm_"), "{location}");
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
        assert_eq!((limited.status, header(&limited, "retry-after")), (429, Some("4")));
        assert!(serde_json::from_slice::<Value>(&limited.body).is_err());
        assert!(with(FaultKind::ServerError).status >= 500);
        assert_eq!(with(FaultKind::TokenRefused).status, 401);
        let truncated = with(FaultKind::Truncated);
        assert_eq!((truncated.status, truncated.content_type), (200, super::super::answer::JSON));
        assert!(serde_json::from_slice::<Value>(&truncated.body).is_err());
        let wrong: Value = serde_json::from_slice(&with(FaultKind::WrongType).body).unwrap();
        assert!(wrong["data"]["children"][0]["data"]["score"].is_string());
        let empty: Value = serde_json::from_slice(&with(FaultKind::Empty).body).unwrap();
        assert_eq!(empty["data"]["children"], Value::Array(Vec::new()));
        world.clear_faults(None);
        assert_eq!(get_info(&world, "id=t3_abc", "").status, 200);
    }
}
