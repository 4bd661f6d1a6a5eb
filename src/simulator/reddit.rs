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
    <body><h1>whoa there, pardner!</h1><p>You are going too fast.</p></body></html>";
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
    distort::struck(
        world,
        Platform::Reddit,
        call,
        |blow| refusal(call, blow),
        answer,
    )
}

/// What Reddit says to a rate limit or a refused token.
fn refusal(call: Call, blow: Blow) -> Answer {
    match (blow.kind, call) {
        (FaultKind::RateLimited, Call::RedditToken) => {
            Answer::json(429, "{\"message\": \"Too Many Requests\", \"error\": 429}")
        }
        (FaultKind::RateLimited, _) => rate_limited(blow.retry_after_s),
        _ => unauthorized(),
    }
}

fn rate_limited(retry_after_s: u64) -> Answer {
    Answer::html(429, RATE_LIMIT_PAGE).with_header("retry-after", retry_after_s.to_string())
}

fn unauthorized() -> Answer {
    Answer::json(401, UNAUTHORIZED).with_header(
        "www-authenticate",
        "Bearer realm=\"reddit\", error=\"invalid_token\"",
    )
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
        let issued_s = token
            .split_once('-')
            .and_then(|(issued, _)| issued.parse::<i64>().ok());
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
        .with_header(
            "x-ratelimit-remaining",
            format!("{}.0", reading.remaining()),
        )
        .with_header("x-ratelimit-used", reading.used.to_string())
        .with_header("x-ratelimit-reset", reading.reset_s.to_string())
}

/// The listing of the posts with these fullnames (`t3_…`) at `now_ms`, in their order, without
/// those that do not exist.
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
    let number = if number >> 58 == 0 {
        number
    } else {
        number % SEVEN_CHARACTERS
    };
    Some(encode(BASE36, number, 1))
}

/// The path of a share link of a post, below the simulator's root.
pub(super) fn share_path(world: &World, id: &str) -> Option<String> {
    let token = share_token(id)?;
    Some(format!(
        "/reddit/r/{}/s/{token}",
        Post::new(world.seed(), id).subreddit()
    ))
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
