//! YouTube's side of the wire: `videos.list` and `channels.list` of the Data API v3.
//!
//! An API key opens all videos, and so does anybody's token; of channels a token is told its own.
//! Videos that are deleted or private are just not among the items. A call costs one unit of the
//! day's quota, whatever comes of it; days end at midnight in the Pacific time zone.

use poem::http::Method;

use super::access::Caller;
use super::accounts::YOUTUBE_CHANNEL;
use super::answer::Answer;
use super::calls::Call;
use super::digest::digest;
use super::distort;
use super::faults::{Blow, FaultKind};
use super::figures::Figures;
use super::json::Json;
use super::platform::Platform;
use super::request::{Incoming, Parameters};
use super::world::World;
use super::youtube_channel;
use super::youtube_video::{Video, etag, is_id, is_shown};

/// The most ids in one call.
const MOST_IDS: usize = 50;
/// Eight hours: how far the Pacific's standard time, which is taken all the year, is behind UTC.
const PACIFIC_MS: i64 = 8 * 3_600_000;

/// The parts that a video has. Those that the simulator has nothing to say in are left out.
const PARTS: [&str; 10] = [
    "contentDetails",
    "id",
    "liveStreamingDetails",
    "localizations",
    "player",
    "recordingDetails",
    "snippet",
    "statistics",
    "status",
    "topicDetails",
];

/// Answers a request under `/youtube`.
pub(super) fn handle(world: &World, request: &Incoming<'_>) -> Answer {
    match request.segments {
        ["youtube", "v3", "videos"] if request.method == Method::GET => distort::struck(
            world,
            Platform::YouTube,
            Call::YouTubeVideos,
            refusal,
            || videos(world, request),
        ),
        ["youtube", "v3", "channels"] if request.method == Method::GET => distort::struck(
            world,
            Platform::YouTube,
            Call::YouTubeChannels,
            refusal,
            || channels(world, request),
        ),
        _ => error(404, "global", "notFound", "Not Found", None),
    }
}

/// What YouTube says to a rate limit or a refused key.
fn refusal(blow: Blow) -> Answer {
    if blow.kind == FaultKind::RateLimited {
        quota_exceeded()
    } else {
        key_invalid()
    }
}

/// An error as the Data API writes it. Those of the gateway before it name a `status` besides.
fn error(code: u16, domain: &str, reason: &str, message: &str, status: Option<&str>) -> Answer {
    let mut json = Json::with_capacity(384);
    json.object();
    json.key("error");
    json.object();
    json.number_field("code", u64::from(code));
    json.string_field("message", message);
    json.key("errors");
    json.array();
    json.object();
    json.string_field("message", message);
    json.string_field("domain", domain);
    json.string_field("reason", reason);
    json.end_object();
    json.end_array();
    if let Some(status) = status {
        json.string_field("status", status);
    }
    json.end_object();
    json.end_object();
    Answer::json(code, json.finish())
}

fn quota_exceeded() -> Answer {
    let message = "The request cannot be completed because you have exceeded your \
        <a href=\"/youtube/v3/getting-started#quota\">quota</a>.";
    error(403, "youtube.quota", "quotaExceeded", message, None)
}

fn key_invalid() -> Answer {
    error(400, "usageLimits", "keyInvalid", "Bad Request", None)
}

fn token_invalid() -> Answer {
    error(
        401,
        "global",
        "authError",
        "Invalid Credentials",
        Some("UNAUTHENTICATED"),
    )
}

fn login_required() -> Answer {
    error(
        401,
        "global",
        "required",
        "Login Required.",
        Some("UNAUTHENTICATED"),
    )
}

fn unregistered() -> Answer {
    let message = "Method doesn't allow unregistered callers (callers without established \
        identity). Please use API Key or other form of API consumer identity to call this API.";
    error(
        403,
        "global",
        "forbidden",
        message,
        Some("PERMISSION_DENIED"),
    )
}

/// The API key of a request.
fn key<'a>(request: &Incoming<'a>, parameters: &'a Parameters<'_>) -> Option<&'a str> {
    parameters
        .get("key")
        .or_else(|| request.header("x-goog-api-key"))
}

/// The refusal of a request's key or token, if it is refused.
fn refused(world: &World, request: &Incoming<'_>, parameters: &Parameters<'_>) -> Option<Answer> {
    let opens = |credential: &str| world.caller(Platform::YouTube, Some(credential)).is_some();
    match (key(request, parameters), request.credential("bearer")) {
        (Some(key), _) => (!opens(key)).then(key_invalid),
        (None, Some(token)) => (!opens(token)).then(token_invalid),
        (None, None) => world.credentials_required().then(unregistered),
    }
}

/// The parts that a request at `now_ms` (unix milliseconds) asks for, or the answer that refuses it.
fn admitted<'a>(
    world: &World,
    request: &Incoming<'_>,
    parameters: &'a Parameters<'_>,
    known: &[&str],
    now_ms: i64,
) -> Result<Vec<&'a str>, Answer> {
    if let Some(refusal) = refused(world, request, parameters) {
        return Err(refusal);
    }
    let reading = world.spend(Platform::YouTube, 1, now_ms.saturating_sub(PACIFIC_MS));
    if reading.exceeded() {
        return Err(quota_exceeded());
    }
    let parts = parameters.list("part");
    if parts.is_empty() {
        let message = "No value was specified for the required parameter: part";
        return Err(parameter_error("missingRequiredParameter", message));
    }
    let unknown = parts.iter().find(|part| !known.contains(*part)).copied();
    match unknown {
        Some(unknown) => {
            let message = format!("'{unknown}'");
            Err(error(400, "youtube.part", "unknownPart", &message, None))
        }
        None => Ok(parts),
    }
}

/// `GET /youtube/v3/channels`, of which only `mine` is played.
fn channels(world: &World, request: &Incoming<'_>) -> Answer {
    let parameters = Parameters::parse(request.query.as_bytes());
    let known = &youtube_channel::PARTS;
    let parts = match admitted(world, request, &parameters, known, world.now_ms()) {
        Ok(parts) => parts,
        Err(refusal) => return refusal,
    };
    if parameters.get("mine") != Some("true") {
        let message = "No filter selected. Expected one of: mine";
        return parameter_error("missingRequiredParameter", message);
    }
    let caller = match request.credential("bearer") {
        Some(token) => world.caller(Platform::YouTube, Some(token)),
        // A key is of a project, which has no channel.
        None if key(request, &parameters).is_some() => return login_required(),
        None => Some(Caller::Anybody),
    };
    match caller {
        Some(caller) => {
            let channel = caller.or(YOUTUBE_CHANNEL);
            Answer::json(200, youtube_channel::list(channel, &parts))
        }
        None => token_invalid(),
    }
}

/// `GET /youtube/v3/videos`.
fn videos(world: &World, request: &Incoming<'_>) -> Answer {
    let parameters = Parameters::parse(request.query.as_bytes());
    let now_ms = world.now_ms();
    let parts = match admitted(world, request, &parameters, &PARTS, now_ms) {
        Ok(parts) => parts,
        Err(refusal) => return refusal,
    };
    let ids = parameters.list("id");
    world.count(Call::YouTubeVideosIds, ids.len() as u64);
    if ids.is_empty() {
        let message = "No filter selected. Expected one of: chart, id, myRating";
        return parameter_error("missingRequiredParameter", message);
    }
    if ids.len() > MOST_IDS {
        let message = "The request specifies an invalid filter parameter.";
        return parameter_error("invalidFilters", message);
    }
    Answer::json(200, videos_body(world, &ids, &parts, now_ms))
}

fn parameter_error(reason: &str, message: &str) -> Answer {
    error(400, "youtube.parameter", reason, message, None)
}

/// The list of the videos with these ids at `now_ms` (unix milliseconds), in their order, without
/// those that are not shown.
pub(super) fn videos_body(world: &World, ids: &[&str], parts: &[&str], now_ms: i64) -> Vec<u8> {
    let shown: Vec<(Video<'_>, Figures)> = ids
        .iter()
        .filter_map(|id| shown(world, id, now_ms))
        .collect();
    let seen = shown.iter().fold(
        digest(world.seed(), "youtube.list", &ids.join(",")),
        |key, (_, figures)| key.wrapping_add(figures.views),
    );
    let mut json = Json::with_capacity(256 + shown.len() * 1_536);
    json.object();
    json.string_field("kind", "youtube#videoListResponse");
    json.string_field("etag", &etag(seen));
    json.key("items");
    json.array();
    for (video, figures) in &shown {
        video.write(&mut json, parts, figures);
    }
    json.end_array();
    json.key("pageInfo");
    json.object();
    json.number_field("totalResults", shown.len() as u64);
    json.number_field("resultsPerPage", shown.len() as u64);
    json.end_object();
    json.end_object();
    json.finish()
}

/// A video with what it has earned, if the API shows it.
fn shown<'a>(world: &World, id: &'a str, now_ms: i64) -> Option<(Video<'a>, Figures)> {
    if !is_id(id) || !is_shown(id) {
        return None;
    }
    let change = world.change(Platform::YouTube, || id.to_owned());
    if change.gone {
        return None;
    }
    let video = Video::new(world.seed(), world.epoch_ms(), id);
    let published_ms = video.published_ms();
    let figures = world.earned(Platform::YouTube, id, published_ms, now_ms, change);
    Some((video, figures))
}
