//! TikTok's side of the wire: `video/query` and `user/info` of the Display API, and short links.
//!
//! Every answer has an `error`, whose code is `ok` where there is none. The videos of other
//! accounts than the token's are just not among those answered, and neither are those that are gone.

use poem::http::Method;
use serde::Deserialize;

use super::access::Caller;
use super::accounts::{TIKTOK_ACCOUNT, member_handle};
use super::answer::Answer;
use super::calls::Call;
use super::digest::digest;
use super::distort;
use super::faults::{Blow, FaultKind};
use super::json::Json;
use super::platform::Platform;
use super::published::written;
use super::request::{Incoming, Parameters};
use super::tiktok_video::{FIELDS, Video, of_share_token, parse};
use super::world::World;

/// The most ids in one call.
const MOST_IDS: usize = 20;

/// The fields that a user has. Those that the simulator has nothing to say in are left out.
const USER_FIELDS: [&str; 14] = [
    "open_id",
    "union_id",
    "avatar_url",
    "avatar_url_100",
    "avatar_large_url",
    "display_name",
    "bio_description",
    "profile_deep_link",
    "is_verified",
    "username",
    "follower_count",
    "following_count",
    "likes_count",
    "video_count",
];

/// Answers a request under `/tiktok`.
pub(super) fn handle(world: &World, request: &Incoming<'_>) -> Answer {
    let refusal = |blow: Blow| refusal(world, blow);
    match request.segments {
        ["v2", "video", "query"] if request.method == Method::POST => distort::struck(
            world,
            Platform::TikTok,
            Call::TikTokVideoQuery,
            refusal,
            || query(world, request),
        ),
        ["v2", "user", "info"] if request.method == Method::GET => distort::struck(
            world,
            Platform::TikTok,
            Call::TikTokUserInfo,
            refusal,
            || user_info(world, request),
        ),
        // The second form is that of the hosts that have short links only.
        ["t", token] | [token] if request.method == Method::GET => {
            distort::struck(world, Platform::TikTok, Call::TikTokShare, refusal, || {
                share(world, token)
            })
        }
        _ => error(world, 404, "not_found", "There is nothing under this path."),
    }
}

/// What TikTok says to a rate limit or a refused token.
fn refusal(world: &World, blow: Blow) -> Answer {
    if blow.kind == FaultKind::RateLimited {
        rate_limited(world)
    } else {
        token_invalid(world)
    }
}

fn rate_limited(world: &World) -> Answer {
    let message = "The API rate limit was exceeded. Please try again later.";
    error(world, 429, "rate_limit_exceeded", message)
}

fn token_invalid(world: &World) -> Answer {
    let message = "The access token is invalid or not found in the request.";
    error(world, 401, "access_token_invalid", message)
}

fn invalid(world: &World, message: &str) -> Answer {
    error(world, 400, "invalid_params", message)
}

fn error(world: &World, status: u16, code: &str, message: &str) -> Answer {
    let mut json = Json::with_capacity(256);
    json.object();
    json.raw_field("data", "{}");
    write_error(&mut json, world, code, message);
    json.end_object();
    Answer::json(status, json.finish())
}

/// The `error` of an answer, with an id of its own.
fn write_error(json: &mut Json, world: &World, code: &str, message: &str) {
    let trace = digest(world.seed(), "tiktok.log_id", &world.next_trace());
    let time = written(world.now_ms() / 1_000, "%Y%m%d%H%M%S");
    json.key("error");
    json.object();
    json.string_field("code", code);
    json.string_field("message", message);
    json.string_field("log_id", &format!("{time}{trace:018X}"));
    json.end_object();
}

#[derive(Deserialize)]
struct QueryBody {
    filters: Filters,
}

#[derive(Deserialize)]
struct Filters {
    video_ids: Vec<String>,
}

/// The caller of a request at `now_ms` (unix milliseconds) for `fields`, which must be some of those
/// that are `known`; or the answer that refuses it.
fn admitted(
    world: &World,
    request: &Incoming<'_>,
    now_ms: i64,
    fields: &[&str],
    known: &[&str],
) -> Result<Caller, Answer> {
    let Some(caller) = world.caller(Platform::TikTok, request.credential("bearer")) else {
        return Err(token_invalid(world));
    };
    if world.spend(Platform::TikTok, 1, now_ms).exceeded() {
        return Err(rate_limited(world));
    }
    if fields.is_empty() {
        return Err(invalid(world, "Fields is required"));
    }
    match fields.iter().find(|field| !known.contains(*field)) {
        Some(unknown) => Err(invalid(world, &format!("Invalid field: {unknown}"))),
        None => Ok(caller),
    }
}

/// `GET /v2/user/info/`.
fn user_info(world: &World, request: &Incoming<'_>) -> Answer {
    let parameters = Parameters::parse(request.query.as_bytes());
    let fields = parameters.list("fields");
    let caller = match admitted(world, request, world.now_ms(), &fields, &USER_FIELDS) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let account = caller.or(TIKTOK_ACCOUNT);
    let handle = member_handle(TIKTOK_ACCOUNT, account);
    let mut json = Json::with_capacity(512);
    json.object();
    json.key("data");
    json.object();
    json.key("user");
    json.object();
    for field in fields {
        match field {
            "open_id" => json.string_field(field, &account.to_string()),
            "union_id" => json.string_field(field, &format!("u{account}")),
            "display_name" | "username" => json.string_field(field, &handle),
            "profile_deep_link" => {
                json.string_field(field, &format!("https://www.tiktok.com/@{handle}"));
            }
            "is_verified" => json.raw_field(field, "false"),
            _ => {}
        }
    }
    json.end_object();
    json.end_object();
    write_error(&mut json, world, "ok", "");
    json.end_object();
    Answer::json(200, json.finish())
}

/// `POST /v2/video/query/`.
fn query(world: &World, request: &Incoming<'_>) -> Answer {
    let now_ms = world.now_ms();
    let parameters = Parameters::parse(request.query.as_bytes());
    let fields = parameters.list("fields");
    let caller = match admitted(world, request, now_ms, &fields, &FIELDS) {
        Ok(caller) => caller,
        Err(refusal) => return refusal,
    };
    let Ok(body) = serde_json::from_slice::<QueryBody>(request.body) else {
        return invalid(world, "The request body is not a filter of video ids");
    };
    let ids = body.filters.video_ids;
    world.count(Call::TikTokVideoQueryIds, ids.len() as u64);
    if ids.is_empty() || ids.len() > MOST_IDS {
        return invalid(world, "video_ids must have 1 to 20 entries");
    }
    Answer::json(200, query_body(world, caller, &ids, &fields, now_ms))
}

/// The videos of the caller with these ids at `now_ms` (unix milliseconds), in their order.
pub(super) fn query_body(
    world: &World,
    caller: Caller,
    ids: &[String],
    fields: &[&str],
    now_ms: i64,
) -> Vec<u8> {
    let mut json = Json::with_capacity(256 + ids.len() * 640);
    json.object();
    json.key("data");
    json.object();
    json.key("videos");
    json.array();
    for id in ids {
        let video = parse(id)
            .filter(|video| video.exists(world.epoch_ms()) && caller.may_read(video.account()));
        let Some(video) = video else {
            continue;
        };
        let change = world.change(Platform::TikTok, || id.clone());
        if change.gone {
            continue;
        }
        let created_ms = video.created_s() * 1_000;
        let figures = world.earned(Platform::TikTok, id, created_ms, now_ms, change);
        video.write(&mut json, fields, &figures);
    }
    json.end_array();
    json.end_object();
    write_error(&mut json, world, "ok", "");
    json.end_object();
    json.finish()
}

/// `GET /t/<token>`.
fn share(world: &World, token: &str) -> Answer {
    let video = of_share_token(token).filter(|video: &Video| video.exists(world.epoch_ms()));
    match video {
        Some(video) => Answer::redirect(301, format!("{}?_r=1&_t={token}", video.url())),
        None => Answer::html(404, distort::ERROR_PAGE),
    }
}
