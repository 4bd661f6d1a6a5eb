//! `/_control`: how a demo, a test or a benchmark in another process steers the simulator.
//!
//! Bodies are JSON; unknown fields are refused, so a misspelt one does not go unnoticed. Nothing
//! here is guarded: whoever reaches the port may do all of it, and the simulator holds no data
//! worth guarding.

use poem::http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::accounts::{
    INSTAGRAM_ACCOUNT, INSTAGRAM_HANDLE, META_PAGE, STUDIO_HANDLE, TIKTOK_ACCOUNT, X_ACCOUNT,
    YOUTUBE_CHANNEL, channel_id,
};
use super::answer::Answer;
use super::faults::Fault;
use super::platform::Platform;
use super::reddit::{REDDIT_CLIENT_ID, REDDIT_CLIENT_SECRET};
use super::request::{Incoming, Parameters};
use super::world::World;

/// The most posts in one answer of `/_control/posts`.
const MOST_POSTS: u64 = 100_000;

type Outcome = Result<Value, String>;

/// Answers a request under `/_control`.
pub(super) fn handle(world: &World, request: &Incoming<'_>) -> Answer {
    let parameters = Parameters::parse(request.query.as_bytes());
    let is = |method: &Method| request.method == method;
    let outcome = match request.segments {
        ["health"] => Ok(json!({"status": "ok", "seed": world.seed()})),
        ["calls"] if is(&Method::GET) => Ok(world.all_calls().collect::<Value>()),
        ["posts"] if is(&Method::GET) => posts(world, &parameters),
        ["figures"] if is(&Method::GET) => figures(world, &parameters),
        ["credentials"] if is(&Method::GET) => Ok(credentials(world, &parameters)),
        ["short_link"] if is(&Method::GET) => short_link(world, &parameters),
        ["media"] if is(&Method::POST) => media(world, request.body),
        ["clock"] if is(&Method::POST) => clock(world, request.body),
        ["quota"] if is(&Method::POST) => quota(world, request.body),
        ["faults"] if is(&Method::POST) => add_fault(world, request.body),
        ["faults"] if is(&Method::DELETE) => clear_faults(world, &parameters),
        ["vanish"] if is(&Method::POST) => {
            change(request.body, |post| world.vanish(post.platform, &post.id))
        }
        ["restore"] if is(&Method::POST) => {
            change(request.body, |post| world.restore(post.platform, &post.id))
        }
        ["purge"] if is(&Method::POST) => change(request.body, |post| {
            world.purge(post.platform, &post.id, post.percent)
        }),
        _ => return Answer::json(404, "{\"error\":\"no such control\"}"),
    };
    match outcome {
        Ok(value) => Answer::json(200, value.to_string()),
        Err(message) => Answer::json(400, json!({"error": message}).to_string()),
    }
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn platform(parameters: &Parameters<'_>) -> Result<Platform, String> {
    let name = parameters.get("platform").unwrap_or_default();
    Platform::parse(name).ok_or_else(|| format!("platform {name:?} is not simulated"))
}

fn done() -> Value {
    json!({"ok": true})
}

/// `GET /_control/posts?platform=…&count=N[&offset=N][&account=…]`.
fn posts(world: &World, parameters: &Parameters<'_>) -> Outcome {
    let platform = platform(parameters)?;
    let count = parameters
        .number::<u64>("count")
        .unwrap_or(10)
        .min(MOST_POSTS);
    let offset = parameters.number::<u64>("offset").unwrap_or(0);
    let posts = world.posts(platform, offset, count, parameters.get("account"));
    serde_json::to_value(posts).map_err(|error| error.to_string())
}

/// `GET /_control/figures?platform=…&id=…[&at=<unix ms>]`.
fn figures(world: &World, parameters: &Parameters<'_>) -> Outcome {
    let platform = platform(parameters)?;
    let id = parameters.get("id").unwrap_or_default();
    let at_ms = parameters.number("at").unwrap_or_else(|| world.now_ms());
    let (figures, gone) = world
        .figures(platform, id, Some(at_ms))
        .ok_or_else(|| format!("there is no post {id:?} on {}", platform.as_str()))?;
    let mut value = serde_json::to_value(figures).map_err(|error| error.to_string())?;
    value["gone"] = Value::Bool(gone);
    value["at"] = Value::from(at_ms);
    Ok(value)
}

/// `GET /_control/credentials[?account=<id>]`: what opens each platform where credentials are
/// required. With `account`, the tokens of the account or page with that number on each platform.
fn credentials(world: &World, parameters: &Parameters<'_>) -> Value {
    let account: Option<u64> = parameters.number("account");
    let instagram = account.unwrap_or(INSTAGRAM_ACCOUNT);
    let page = account.unwrap_or(META_PAGE);
    let handle = account.is_none().then_some(INSTAGRAM_HANDLE);
    let studio = account.is_none().then_some(STUDIO_HANDLE);
    let channel = account.unwrap_or(YOUTUBE_CHANNEL);
    let of_member = |platform: Platform, own: u64| {
        let account = account.unwrap_or(own);
        json!({
            "account_id": account.to_string(),
            "account_handle": studio,
            "access_token": world.access_token(platform, account),
        })
    };
    json!({
        "reddit": {"client_id": REDDIT_CLIENT_ID, "client_secret": REDDIT_CLIENT_SECRET},
        "instagram": {
            "account_id": instagram.to_string(),
            "account_handle": handle,
            "access_token": world.access_token(Platform::Instagram, instagram),
        },
        "meta": {
            "account_id": page.to_string(),
            "access_token": world.access_token(Platform::Meta, page),
        },
        "youtube": {
            "account_id": channel_id(channel),
            "account_handle": studio,
            "access_token": world.access_token(Platform::YouTube, channel),
        },
        "tiktok": of_member(Platform::TikTok, TIKTOK_ACCOUNT),
        "x": of_member(Platform::X, X_ACCOUNT),
    })
}

/// `GET /_control/short_link?platform=…&id=…`: a path that redirects to the post.
fn short_link(world: &World, parameters: &Parameters<'_>) -> Outcome {
    let id = parameters.get("id").unwrap_or_default();
    let path = world
        .short_link(platform(parameters)?, id)
        .ok_or_else(|| format!("there is no short link for {id:?}"))?;
    Ok(json!({"path": path}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MediaBody {
    account_handle: String,
    shortcode: String,
    product_type: String,
}

/// `POST /_control/media`.
fn media(world: &World, bytes: &[u8]) -> Outcome {
    let media: MediaBody = body(bytes)?;
    if world.register_media(&media.account_handle, &media.shortcode, &media.product_type) {
        Ok(done())
    } else {
        Err("this handle, shortcode or product type cannot be".to_owned())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockBody {
    offset_seconds: Option<i64>,
    growth_frozen: Option<bool>,
}

/// `POST /_control/clock`: what is not named stays as it is.
fn clock(world: &World, bytes: &[u8]) -> Outcome {
    let clock: ClockBody = body(bytes)?;
    if let Some(seconds) = clock.offset_seconds {
        world.set_clock(seconds.saturating_mul(1_000));
    }
    if let Some(frozen) = clock.growth_frozen {
        world.set_growth_frozen(frozen);
    }
    Ok(json!({"now": world.now_ms()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaBody {
    platform: Platform,
    limit: Option<u64>,
    window_seconds: Option<u64>,
}

/// `POST /_control/quota`: calls in a window; without a limit the quota is lifted.
fn quota(world: &World, bytes: &[u8]) -> Outcome {
    let quota: QuotaBody = body(bytes)?;
    world.set_quota(quota.platform, quota.limit, quota.window_seconds);
    Ok(done())
}

/// `POST /_control/faults`, with the fields of [`Fault`].
fn add_fault(world: &World, bytes: &[u8]) -> Outcome {
    let fault: Fault = body(bytes)?;
    if !(0.0..=1.0).contains(&fault.share) {
        return Err(format!("share {} is not between 0 and 1", fault.share));
    }
    world.add_fault(fault);
    Ok(done())
}

/// `DELETE /_control/faults[?platform=…]`.
fn clear_faults(world: &World, parameters: &Parameters<'_>) -> Outcome {
    let of = match parameters.get("platform") {
        Some(_) => Some(platform(parameters)?),
        None => None,
    };
    world.clear_faults(of);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostBody {
    platform: Platform,
    id: String,
    #[serde(default)]
    percent: u8,
}

fn change(bytes: &[u8], apply: impl FnOnce(&PostBody) -> bool) -> Outcome {
    let post: PostBody = body(bytes)?;
    if apply(&post) {
        Ok(done())
    } else {
        Err(format!(
            "{:?} cannot be a post on {}",
            post.id,
            post.platform.as_str()
        ))
    }
}
