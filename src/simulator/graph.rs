//! What Instagram and Meta have in common on the wire: versions, tokens, throttles and usage.
//!
//! A request is counted, struck by the faults in force, held to its quota and its token, and only
//! then given to the platform. Errors are told by their `code`; statuses are those that Graph uses.

use poem::http::Method;

use super::access::Caller;
use super::accounts::{INSTAGRAM_ACCOUNT, META_PAGE};
use super::answer::Answer;
use super::calls::Call;
use super::faults::{Blow, FaultKind};
use super::graph_error::{GraphError, throttle};
use super::graph_fields::{Field, parse};
use super::platform::Platform;
use super::quota::Reading;
use super::request::{Incoming, Parameters};
use super::world::World;
use super::{distort, graph_batch, instagram, meta};

/// The version of paths that name none.
const CURRENT_VERSION: &str = "v26.0";

/// A request to read something, alone or as part of a batch.
pub(super) struct GraphRequest<'a> {
    pub(super) world: &'a World,
    pub(super) version: &'a str,
    pub(super) segments: &'a [&'a str],
    pub(super) parameters: &'a Parameters<'a>,
    pub(super) caller: Caller,
    pub(super) token: &'a str,
    pub(super) now_ms: i64,
}

impl GraphRequest<'_> {
    /// Whether the caller may read what belongs to this account or page.
    pub(super) fn may_read(&self, account: u64) -> bool {
        self.caller.may_read(account)
    }

    /// The fields that were asked for.
    pub(super) fn fields(&self) -> Result<Vec<Field<'_>>, GraphError> {
        let text = self.parameters.get("fields").unwrap_or_default();
        parse(text).ok_or_else(|| GraphError::query(format!("Syntax error in fields: {text}")))
    }
}

/// Splits a leading version such as `v26.0` off a path.
pub(super) fn split_version<'a>(segments: &'a [&'a str]) -> (&'a str, &'a [&'a str]) {
    match segments {
        [first, rest @ ..] if is_version(first) => (*first, rest),
        _ => (CURRENT_VERSION, segments),
    }
}

fn is_version(text: &str) -> bool {
    let Some((major, minor)) = text.strip_prefix('v').and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    [major, minor]
        .iter()
        .all(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Answers a request under `/instagram` or `/meta`.
pub(super) fn handle(world: &World, platform: Platform, request: &Incoming<'_>) -> Answer {
    let (version, segments) = split_version(request.segments);
    if let ["share", .., token] = segments {
        return share(world, platform, token);
    }
    let parameters = request.parameters();
    let is_batch = request.method == Method::POST && segments.is_empty();
    let call = if is_batch {
        Call::batch(platform).0
    } else {
        call_of(platform, segments, &parameters)
    };
    world.count(call, 1);
    let strike = world.strike(platform, call, false);
    let mut answer = strike
        .blow
        .and_then(|blow| replacement(world, platform, blow))
        .unwrap_or_else(|| right(world, platform, request, &parameters, (version, segments)));
    if let Some(blow) = strike.blow {
        distort::spoil(blow.kind, &mut answer.body);
    }
    answer.delay_ms = strike.delay_ms;
    answer.with_header("facebook-api-version", version)
}

/// A short link: the token is the last segment, after `p`, `v`, `r`, `reel` or nothing.
fn share(world: &World, platform: Platform, token: &str) -> Answer {
    let (call, location) = match platform {
        Platform::Meta => (Call::MetaShare, meta::share_target(world, token)),
        _ => (Call::InstagramShare, instagram::share_target(world, token)),
    };
    world.count(call, 1);
    match location {
        Some(location) => Answer::redirect(302, location),
        None => Answer::html(404, distort::ERROR_PAGE),
    }
}

/// The counter of a request that is no batch.
pub(super) fn call_of(platform: Platform, segments: &[&str], parameters: &Parameters<'_>) -> Call {
    match platform {
        Platform::Meta => meta::call_of(segments),
        _ => instagram::call_of(segments, parameters),
    }
}

/// The platform's answer to a request that is no batch.
pub(super) fn read(platform: Platform, request: &GraphRequest<'_>) -> Result<Vec<u8>, GraphError> {
    match platform {
        Platform::Meta => meta::read(request),
        _ => instagram::read(request),
    }
}

/// The answer of a fault that leaves nothing of the right one.
pub(super) fn replacement(world: &World, platform: Platform, blow: Blow) -> Option<Answer> {
    match blow.kind {
        FaultKind::RateLimited => {
            let account = own_account(platform);
            Some(throttle(platform, blow, account, &world.next_trace()))
        }
        FaultKind::ServerError => Some(distort::server_error(blow.nth)),
        FaultKind::Garbage => Some(distort::garbage()),
        FaultKind::TokenRefused => Some(GraphError::token(false).answer(&world.next_trace())),
        FaultKind::Truncated | FaultKind::Latency | FaultKind::WrongType | FaultKind::Empty => None,
    }
}

/// The account that a throttle names.
const fn own_account(platform: Platform) -> u64 {
    match platform {
        Platform::Meta => META_PAGE,
        _ => INSTAGRAM_ACCOUNT,
    }
}

/// The right answer, as far as token and quota allow.
fn right(
    world: &World,
    platform: Platform,
    request: &Incoming<'_>,
    parameters: &Parameters<'_>,
    (version, segments): (&str, &[&str]),
) -> Answer {
    let now_ms = world.now_ms();
    let token = request
        .credential("bearer")
        .or_else(|| request.credential("oauth"))
        .or_else(|| parameters.get("access_token"));
    let caller = match caller(world, platform, token) {
        Ok(caller) => caller,
        Err(error) => return error.answer(&world.next_trace()),
    };
    let token = token.unwrap_or_default();
    let is_batch = request.method == Method::POST && segments.is_empty();
    let (result, cost) = if is_batch {
        match graph_batch::parts(parameters) {
            Ok(parts) => {
                let cost = parts.len() as u64;
                let outer = graph_batch::Outer {
                    world,
                    platform,
                    parameters,
                    caller,
                    token,
                    now_ms,
                };
                (Ok(graph_batch::body(&outer, &parts)), cost)
            }
            Err(error) => (Err(error), 1),
        }
    } else if request.method == Method::GET {
        let ids = parameters
            .get("ids")
            .map_or(1, |ids| ids.split(',').count());
        let request = GraphRequest {
            world,
            version,
            segments,
            parameters,
            caller,
            token,
            now_ms,
        };
        (read(platform, &request), ids as u64)
    } else {
        (
            Err(GraphError::parameter("(#100) Unsupported post request.")),
            1,
        )
    };
    let reading = world.spend(platform, cost, now_ms);
    if reading.exceeded() {
        let blow = Blow {
            kind: FaultKind::RateLimited,
            retry_after_s: reading.reset_s,
            nth: reading.used,
        };
        return throttle(platform, blow, own_account(platform), &world.next_trace());
    }
    let answer = match result {
        Ok(body) => Answer::json(200, body),
        Err(error) => error.answer(&world.next_trace()),
    };
    with_usage(answer, reading)
}

/// Graph shows the usage only once there is some.
fn with_usage(answer: Answer, reading: Reading) -> Answer {
    let percent = reading.percent();
    if percent == 0 {
        return answer;
    }
    let usage = format!(
        "{{\"call_count\":{percent},\"total_cputime\":{},\"total_time\":{}}}",
        percent / 3,
        percent / 2,
    );
    answer.with_header("x-app-usage", usage)
}

/// Whose token this is. A token that starts with `expired` is refused even where none is checked.
pub(super) fn caller(
    world: &World,
    platform: Platform,
    token: Option<&str>,
) -> Result<Caller, GraphError> {
    match token {
        Some(token) if token.starts_with("expired") => Err(GraphError::token(true)),
        _ if !world.credentials_required() => Ok(Caller::Anybody),
        None => Err(GraphError::no_token()),
        Some(token) => world
            .account_of_token(platform, token)
            .map(Caller::Account)
            .ok_or_else(|| GraphError::token(false)),
    }
}

/// A time as Graph writes it; `created_s` in unix seconds.
pub(super) fn timestamp(created_s: i64) -> String {
    chrono::DateTime::from_timestamp(created_s, 0)
        .map(|time| time.format("%Y-%m-%dT%H:%M:%S+0000").to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_split_off_only_where_there_is_one() {
        assert_eq!(
            split_version(&["v25.0", "42", "media"]),
            ("v25.0", &["42", "media"][..])
        );
        assert_eq!(
            split_version(&["42", "media"]),
            ("v26.0", &["42", "media"][..])
        );
        assert_eq!(split_version(&["video"]), ("v26.0", &["video"][..]));
    }

    #[test]
    fn a_token_belongs_to_the_account_and_the_platform_it_was_issued_for() {
        let world = World::new(7).with_credentials_required();
        let token = world.access_token(Platform::Instagram, 42);
        let of = |platform, token: &str| caller(&world, platform, Some(token));
        assert_eq!(of(Platform::Instagram, &token), Ok(Caller::Account(42)));
        assert_eq!(of(Platform::Meta, &token).unwrap_err().code, 190);
        assert_eq!(of(Platform::Instagram, "EAAsim42Zx").unwrap_err().code, 190);
        assert_eq!(
            of(Platform::Instagram, "expired-token")
                .unwrap_err()
                .subcode,
            Some(463)
        );
        assert_eq!(
            caller(&world, Platform::Instagram, None).unwrap_err().code,
            104
        );
        assert_eq!(
            caller(&World::new(7), Platform::Instagram, None),
            Ok(Caller::Anybody)
        );
    }

    #[test]
    fn a_time_is_written_with_graphs_offset() {
        assert_eq!(timestamp(1_627_296_319), "2021-07-26T10:45:19+0000");
    }
}
