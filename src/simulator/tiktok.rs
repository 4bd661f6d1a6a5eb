//! TikTok's side of the wire: `video/query` of the Display API, and short links.
//!
//! Every answer has an `error`, whose code is `ok` where there is none. The videos of other
//! accounts than the token's are just not among those answered, and neither are those that are gone.

use poem::http::Method;
use serde::Deserialize;

use super::access::Caller;
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

/// `POST /v2/video/query/`.
fn query(world: &World, request: &Incoming<'_>) -> Answer {
    let Some(caller) = world.caller(Platform::TikTok, request.credential("bearer")) else {
        return token_invalid(world);
    };
    let now_ms = world.now_ms();
    if world.spend(Platform::TikTok, 1, now_ms).exceeded() {
        return rate_limited(world);
    }
    let parameters = Parameters::parse(request.query.as_bytes());
    let fields = parameters.list("fields");
    if fields.is_empty() {
        return invalid(world, "Fields is required");
    }
    if let Some(unknown) = fields.iter().find(|field| !FIELDS.contains(*field)) {
        return invalid(world, &format!("Invalid field: {unknown}"));
    }
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
