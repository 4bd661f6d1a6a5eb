//! X's side of the wire: look-up of posts by their ids, whose token it is, and short links.
//!
//! Only the fields that were asked for are answered, beside three that always are. What cannot be
//! answered is told in `errors`, under status 200. How often a link was clicked is for the post's
//! author, and for 30 days.

use poem::http::Method;

use super::access::Caller;
use super::accounts::{X_ACCOUNT, member_handle};
use super::answer::Answer;
use super::calls::Call;
use super::distort;
use super::faults::{Blow, FaultKind};
use super::json::Json;
use super::platform::Platform;
use super::request::{Incoming, Parameters};
use super::world::{World, X_LIMIT};
use super::x_post::{Fate, Post, is_id, of_share_token, parse};
use super::x_problem::{Problem, invalid, not_found, too_many_requests, unauthorized, with_limit};

/// The most ids in one call.
const MOST_IDS: usize = 100;
/// How long an author sees what only an author sees: 30 days, in milliseconds.
const PRIVATE_MS: u64 = 30 * 86_400_000;
/// The fields that only an author sees.
const PRIVATE_FIELDS: [&str; 2] = ["non_public_metrics", "organic_metrics"];

/// The fields that a post has. Those that the simulator has nothing to say in are left out.
const TWEET_FIELDS: [&str; 24] = [
    "attachments",
    "author_id",
    "card_uri",
    "context_annotations",
    "conversation_id",
    "created_at",
    "display_text_range",
    "edit_controls",
    "edit_history_tweet_ids",
    "entities",
    "geo",
    "id",
    "in_reply_to_user_id",
    "lang",
    "non_public_metrics",
    "note_tweet",
    "organic_metrics",
    "possibly_sensitive",
    "public_metrics",
    "referenced_tweets",
    "reply_settings",
    "source",
    "text",
    "withheld",
];

/// The fields that a user has. Those that the simulator has nothing to say in are left out.
const USER_FIELDS: [&str; 26] = [
    "affiliation",
    "confirmed_email",
    "connection_status",
    "created_at",
    "description",
    "entities",
    "id",
    "is_identity_verified",
    "location",
    "most_recent_tweet_id",
    "name",
    "parody",
    "pinned_tweet_id",
    "profile_banner_url",
    "profile_image_url",
    "protected",
    "public_metrics",
    "receives_your_dm",
    "subscription",
    "subscription_type",
    "url",
    "username",
    "verified",
    "verified_followers_count",
    "verified_type",
    "withheld",
];

/// Answers a request under `/x`.
pub(super) fn handle(world: &World, request: &Incoming<'_>) -> Answer {
    let refusal = |blow: Blow| refusal(world, blow);
    match request.segments {
        ["2", "tweets"] if request.method == Method::GET => {
            distort::struck(world, Platform::X, Call::XTweets, refusal, || {
                limited(world, request, tweets)
            })
        }
        ["2", "users", "me"] if request.method == Method::GET => {
            distort::struck(world, Platform::X, Call::XUsersMe, refusal, || {
                limited(world, request, |_, parameters, caller, _| {
                    me(parameters, caller)
                })
            })
        }
        // Short links have a host of their own, `t.co`, and nothing before the token.
        [token] if request.method == Method::GET => {
            distort::struck(world, Platform::X, Call::XShare, refusal, || {
                share(world, token)
            })
        }
        _ => not_found(),
    }
}

/// What X says to a rate limit or a refused token.
fn refusal(world: &World, blow: Blow) -> Answer {
    if blow.kind == FaultKind::RateLimited {
        too_many_requests(X_LIMIT, reset_s(world.now_ms(), blow.retry_after_s))
    } else {
        unauthorized()
    }
}

/// The unix time, in seconds, that is `wait_s` after `now_ms`.
fn reset_s(now_ms: i64, wait_s: u64) -> i64 {
    let wait_s = i64::try_from(wait_s).unwrap_or(i64::MAX);
    (now_ms / 1_000).saturating_add(wait_s)
}

/// What a look-up asks for.
pub(super) struct Lookup<'a> {
    pub(super) ids: Vec<&'a str>,
    pub(super) tweet_fields: Vec<&'a str>,
    pub(super) user_fields: Vec<&'a str>,
    /// Whether the authors are to be shown.
    pub(super) authors: bool,
    pub(super) caller: Caller,
}

/// The answer that `right` gives, as far as token and rate limit allow. It is told the parameters, the
/// caller and the time in unix milliseconds.
fn limited(
    world: &World,
    request: &Incoming<'_>,
    right: impl FnOnce(&World, &Parameters<'_>, Caller, i64) -> Answer,
) -> Answer {
    let Some(caller) = world.caller(Platform::X, request.credential("bearer")) else {
        return unauthorized();
    };
    let now_ms = world.now_ms();
    let reading = world.spend(Platform::X, 1, now_ms);
    let reset_s = reset_s(now_ms, reading.reset_s);
    if reading.exceeded() {
        return too_many_requests(reading.limit, reset_s);
    }
    let parameters = Parameters::parse(request.query.as_bytes());
    let answer = right(world, &parameters, caller, now_ms);
    with_limit(answer, reading.limit, reading.remaining(), reset_s)
}

/// `GET /2/tweets`.
fn tweets(world: &World, parameters: &Parameters<'_>, caller: Caller, now_ms: i64) -> Answer {
    match lookup(parameters, caller) {
        Ok(lookup) => {
            world.count(Call::XTweetsIds, lookup.ids.len() as u64);
            Answer::json(200, tweets_body(world, &lookup, now_ms))
        }
        Err(answer) => answer,
    }
}

/// `GET /2/users/me`.
fn me(parameters: &Parameters<'_>, caller: Caller) -> Answer {
    let fields = parameters.list("user.fields");
    if let Some(refusal) = unknown_field("user.fields", &fields, &USER_FIELDS) {
        return refusal;
    }
    let mut json = Json::with_capacity(256);
    json.object();
    json.key("data");
    write_user(&mut json, caller.or(X_ACCOUNT), &fields);
    json.end_object();
    Answer::json(200, json.finish())
}

/// The refusal of fields of which one is unknown.
fn unknown_field(parameter: &str, fields: &[&str], known: &[&str]) -> Option<Answer> {
    let field = fields.iter().find(|field| !known.contains(*field))?;
    let message = format!(
        "The `{parameter}` query parameter value [{field}] is not one of [{}]",
        known.join(",")
    );
    Some(invalid(parameter, field, &message))
}

/// What the parameters ask for, or the answer that refuses them.
fn lookup<'a>(parameters: &'a Parameters<'_>, caller: Caller) -> Result<Lookup<'a>, Answer> {
    let ids = parameters.list("ids");
    if ids.is_empty() || ids.len() > MOST_IDS {
        let message = format!(
            "The number of values in the `ids` query parameter list [{}] is not between 1 and \
             {MOST_IDS}",
            ids.len()
        );
        return Err(invalid("ids", &ids.join(","), &message));
    }
    if let Some(id) = ids.iter().find(|id| !is_id(id)) {
        let message = format!("The `ids` query parameter value [{id}] is not valid");
        return Err(invalid("ids", id, &message));
    }
    let tweet_fields = parameters.list("tweet.fields");
    if let Some(refusal) = unknown_field("tweet.fields", &tweet_fields, &TWEET_FIELDS) {
        return Err(refusal);
    }
    Ok(Lookup {
        ids,
        tweet_fields,
        user_fields: parameters.list("user.fields"),
        authors: parameters.list("expansions").contains(&"author_id"),
        caller,
    })
}

/// A post that is shown.
struct Shown {
    post: Post,
    /// Whether with what only the author sees.
    private: bool,
}

/// The posts that a look-up finds at `now_ms` (unix milliseconds), in its order, with the problems
/// that there are with others.
pub(super) fn tweets_body(world: &World, lookup: &Lookup<'_>, now_ms: i64) -> Vec<u8> {
    let mut shown = Vec::with_capacity(lookup.ids.len());
    let mut problems = Vec::new();
    for id in &lookup.ids {
        match find(world, lookup.caller, id) {
            Ok(post) => {
                let is_recent = world.age_ms(post.created_ms(), now_ms) <= PRIVATE_MS;
                let private = is_recent && lookup.caller.may_read(post.author());
                let refused = PRIVATE_FIELDS
                    .into_iter()
                    .filter(|field| !private && lookup.tweet_fields.contains(field));
                problems.extend(refused.map(|field| (*id, Problem::Field(field))));
                shown.push(Shown { post, private });
            }
            Err(problem) => problems.push((*id, problem)),
        }
    }
    let mut json = Json::with_capacity(256 + shown.len() * 640 + problems.len() * 384);
    json.object();
    if !shown.is_empty() {
        write_data(&mut json, world, lookup, &shown, now_ms);
        if lookup.authors {
            write_authors(&mut json, &lookup.user_fields, &shown);
        }
    }
    if !problems.is_empty() {
        json.key("errors");
        json.array();
        for (id, problem) in problems {
            problem.write(&mut json, id);
        }
        json.end_array();
    }
    json.end_object();
    json.finish()
}

/// The post of an id, if it is there and for the caller.
fn find(world: &World, caller: Caller, id: &str) -> Result<Post, Problem<'static>> {
    let post = parse(id)
        .filter(|post| post.exists(world.epoch_ms()))
        .filter(|_| !world.change(Platform::X, || id.to_owned()).gone)
        .ok_or(Problem::Missing)?;
    if post.fate() == Fate::Protected && caller != Caller::Account(post.author()) {
        return Err(Problem::Protected);
    }
    Ok(post)
}

fn write_data(json: &mut Json, world: &World, lookup: &Lookup<'_>, shown: &[Shown], now_ms: i64) {
    // Who is shown beside a post is named in it.
    let mut fields = lookup.tweet_fields.clone();
    if lookup.authors {
        fields.push("author_id");
    }
    json.key("data");
    json.array();
    for Shown { post, private } in shown {
        let id = post.id();
        let change = world.change(Platform::X, || id.clone());
        let figures = world.earned(Platform::X, &id, post.created_ms(), now_ms, change);
        post.write(json, &fields, &figures, *private);
    }
    json.end_array();
}

/// The authors, each once.
fn write_authors(json: &mut Json, fields: &[&str], shown: &[Shown]) {
    let mut authors: Vec<u64> = Vec::new();
    for Shown { post, .. } in shown {
        if !authors.contains(&post.author()) {
            authors.push(post.author());
        }
    }
    json.key("includes");
    json.object();
    json.key("users");
    json.array();
    for author in authors {
        write_user(json, author, fields);
    }
    json.end_array();
    json.end_object();
}

/// A user with what is always told and these fields.
fn write_user(json: &mut Json, account: u64, fields: &[&str]) {
    let handle = member_handle(X_ACCOUNT, account);
    json.object();
    json.string_field("id", &account.to_string());
    json.string_field("name", &handle);
    json.string_field("username", &handle);
    for field in ["protected", "verified"] {
        if fields.contains(&field) {
            json.raw_field(field, "false");
        }
    }
    json.end_object();
}

/// `GET /<token>`, on `t.co`.
fn share(world: &World, token: &str) -> Answer {
    match of_share_token(token).filter(|post| post.exists(world.epoch_ms())) {
        Some(post) => Answer::redirect(301, post.url()),
        None => Answer::html(404, distort::ERROR_PAGE),
    }
}
