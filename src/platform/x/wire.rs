//! What X's answers say.
//!
//! An answer with status 200 has the posts in `data` and, for what it does not tell, problems in
//! `errors`, each with the id it is about; either list may be missing. A call that fails as a whole
//! is one problem. Problems are told apart by the last part of their `type`, since the host before
//! it has changed from twitter.com to x.com.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::model::{EvidenceGrade, Metrics, Observed};
use crate::platform::batch::{Told, take_row};
use crate::platform::definition::{X_CLICKS, X_VIEWS};
use crate::platform::error::{Limit, PlatformError, clean, hide};
use crate::platform::http::{Answer, LONGEST_WAIT, json as parse_json, retry_after, status_error};
use crate::platform::lenient::{count, counted, handle, pick, text};
use crate::platform::link::x::created_at;
use crate::platform::usage::until_reset;
use crate::platform::{Account, Fetched, Sighting, nameless, unavailable, unsupported};

/// X's name for how often a post was seen.
const VIEWS: &str = "impression_count";

/// X's name for how often the links of a post were followed.
const CLICKS: &str = "url_link_clicks";

/// What was done with a post beside seeing it.
const REACTIONS: [&str; 5] = [
    "bookmark_count",
    "like_count",
    "quote_count",
    "reply_count",
    "retweet_count",
];

/// The 15th of December 2022, in seconds since 1970. X began to count the views of posts in this
/// month, and shows 0 of those from before, however often they were seen.
const COUNTED_SINCE_S: i64 = 1_671_062_400;

const NO_VIEWS: &str = "X does not tell how often this post was seen.";
const NOT_YET_COUNTED: &str =
    "X shows 0 views of this post: it counts none of posts from before 15 December 2022.";
const NO_CLICKS: &str = "X tells how often a post's link was followed only to its owner, and only \
                         of posts up to 30 days old.";
const NO_CONVERSIONS: &str = "X does not tell what a post sold.";

/// The post was deleted, or never was.
const NOT_FOUND: &str = "resource-not-found";

/// The post is of an account that is protected or suspended.
const NO_POST_ACCESS: &str = "not-authorized-for-resource";

/// Problems by which X withholds a post that may well be there, with what each says of it (X's `OpenAPI` description).
const WITHHELD: [(&str, &str); 3] = [
    (
        NO_POST_ACCESS,
        "X does not show this post to this access; its account is protected or suspended",
    ),
    (
        "resource-unavailable",
        "X says that this post is not available to this access",
    ),
    (
        "disallowed-resource",
        "X does not tell of this post by its API, whose rules forbid it",
    ),
];

/// A field of the post is not for whoever asks.
const NO_FIELD_ACCESS: &str = "not-authorized-for-field";

/// A cap of the whole account is used up, that of a day or of a month.
const USAGE_CAPPED: &str = "usage-capped";

/// The access itself does not hold, whatever is asked.
const NO_ACCESS: [&str; 3] = [
    "client-forbidden",
    "client-not-enrolled",
    "unsupported-authentication",
];

/// What is kept of a post as evidence.
const EVIDENCE: [&str; 3] = ["author_id", "created_at", "id"];

/// What is kept of a post's figures as evidence, group by group.
const EVIDENT_FIGURES: [(&str, &[&str]); 2] = [
    (
        "non_public_metrics",
        &[
            "engagements",
            "impression_count",
            "url_link_clicks",
            "user_profile_clicks",
        ],
    ),
    (
        "public_metrics",
        &[
            "bookmark_count",
            "impression_count",
            "like_count",
            "quote_count",
            "reply_count",
            "retweet_count",
        ],
    ),
];

/// What an answer says of the posts that were asked for.
#[derive(Debug)]
pub(super) struct Lookup {
    /// One result for each.
    pub(super) results: Told,
    /// Those that are left out because a field was asked that is not for whoever asks. They may
    /// well be there; until they are asked for without it, their result is an error.
    pub(super) again: Vec<String>,
}

/// One of the problems in an answer that has some of the posts.
#[derive(Debug)]
struct Problem {
    /// The id of the post, where it names one.
    id: Option<String>,
    /// The last part of its type.
    kind: String,
    /// X's words, fit to show.
    said: String,
}

impl Problem {
    fn is(&self, id: Option<&str>, kind: &str) -> bool {
        self.id.as_deref() == id && self.kind == kind
    }
}

/// Reads the answer to a request for posts.
pub(super) fn parse_lookup(
    answer: &Answer,
    asked: &[String],
    secrets: &[&str],
) -> Result<Lookup, PlatformError> {
    let body = body(answer, secrets)?;
    let users = by_id(rows(&body, "/includes/users"));
    let problems: Vec<Problem> = rows(&body, "/errors")
        .filter(|row| is_about_a_post(row))
        .map(|row| problem(row, secrets))
        .collect();

    let mut posts = Told::new();
    for row in rows(&body, "/data") {
        if let Some(id) = text(row.get("id")) {
            let post = found(&id, row, &users);
            take_row(&mut posts, id, post);
        }
    }
    let mut results = Told::new();
    let mut again = Vec::new();
    for id in asked {
        let result = posts.remove(id).unwrap_or_else(|| left_out(id, &problems));
        if result.is_err() && is_refused_a_field(id, &problems) {
            again.push(id.clone());
        }
        results.insert(id.clone(), result);
    }
    Ok(Lookup { results, again })
}

/// Reads the answer to a request for the user whose token it is.
///
/// [`PlatformError::Refused`] where X has no such user, or does not show who it is.
pub(super) fn parse_me(answer: &Answer, secrets: &[&str]) -> Result<Account, PlatformError> {
    let body = parse(answer)?;
    if !is_good(answer) {
        return Err(refusal(&body, answer, secrets));
    }
    if let Some(id) = text(body.pointer("/data/id")) {
        return Ok(Account {
            id: Some(id),
            handle: handle(body.pointer("/data/username")),
        });
    }
    let first = rows(&body, "/errors").next();
    let Some(problem) = first.map(|row| problem(row, secrets)) else {
        return Err(nameless());
    };
    let detail = format!("X does not tell whose token this is: {}", problem.said);
    Err(match problem.kind.as_str() {
        NOT_FOUND | NO_POST_ACCESS => PlatformError::refused(&detail),
        _ => PlatformError::unreachable(&detail),
    })
}

fn is_good(answer: &Answer) -> bool {
    (200..300).contains(&answer.status)
}

/// The body as JSON; null where an error has none.
fn parse(answer: &Answer) -> Result<Value, PlatformError> {
    match parse_json(&answer.body) {
        Err(error) if is_good(answer) => Err(error),
        body => Ok(body.unwrap_or_default()),
    }
}

/// The body of an answer that tells of posts, or what its failure means.
fn body(answer: &Answer, secrets: &[&str]) -> Result<Value, PlatformError> {
    let body = parse(answer)?;
    let lists = ["data", "errors"];
    if is_good(answer)
        && lists
            .iter()
            .any(|list| body.get(*list).is_some_and(Value::is_array))
    {
        return Ok(body);
    }
    Err(refusal(&body, answer, secrets))
}

/// What a call that failed as a whole means.
fn refusal(body: &Value, answer: &Answer, secrets: &[&str]) -> PlatformError {
    let said = said(body, secrets);
    let words = if said.is_empty() {
        "no reason given"
    } else {
        &said
    };
    let detail = format!("HTTP {}: {words}", answer.status);
    let kind = kind_of(body);
    // 402 is an account without credit. The window of `x-rate-limit-reset` is of neither, and both are
    // the registration's, while the calls in a window are counted for each token. Where X does not say
    // when to come again, what is used up is looked at again after the longest wait.
    if kind == USAGE_CAPPED || answer.status == 402 {
        let wait = retry_after(&answer.headers).unwrap_or(LONGEST_WAIT);
        return PlatformError::rate_limited(Some(wait), &detail).with_limit(Limit::Application);
    }
    let reason = text(body.get("reason")).unwrap_or_default();
    if NO_ACCESS.contains(&kind) || NO_ACCESS.contains(&reason.as_str()) {
        return PlatformError::unauthorised(&detail);
    }
    match status_error(answer.status, &answer.headers, &said) {
        // A proxy or an overloaded edge speaks, not the API.
        Some(PlatformError::Refused { detail }) if said.is_empty() => {
            PlatformError::unreachable_for(retry_after(&answer.headers), &detail)
        }
        Some(error) => error.or_wait(until_reset(&answer.headers)),
        None => PlatformError::unreachable(&format!("no list of posts: {detail}")),
    }
}

/// What a call that failed says of a user's token: under 403 it holds, and lacks a permission or is of
/// the wrong kind, as that of an app is.
pub(super) fn of_a_user(error: PlatformError, answer: &Answer) -> PlatformError {
    match error {
        PlatformError::Unauthorised { detail, .. } if answer.status == 403 => {
            PlatformError::Refused { detail }
        }
        error => error,
    }
}

/// X's words about a call that failed, from JSON only.
fn said(body: &Value, secrets: &[&str]) -> String {
    let own = ["title", "detail"]
        .into_iter()
        .filter_map(|field| text(body.get(field)));
    let inner = rows(body, "/errors")
        .filter_map(|row| text(row.get("message")).or_else(|| text(row.get("detail"))));
    let words: Vec<String> = own.chain(inner).collect();
    hide(&words.join(", "), secrets)
}

/// The last part of a problem's type; empty where it has none.
fn kind_of(problem: &Value) -> &str {
    let name = problem
        .get("type")
        .and_then(Value::as_str)
        .unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default()
}

/// The elements of a list, none where there is no list.
fn rows<'a>(body: &'a Value, pointer: &'static str) -> impl Iterator<Item = &'a Value> {
    body.pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn by_id<'a>(rows: impl Iterator<Item = &'a Value>) -> HashMap<String, &'a Value> {
    rows.filter_map(|row| Some((text(row.get("id"))?, row)))
        .collect()
}

/// Whether a problem is about a post that was asked for, not about its author, who is only told
/// beside it.
fn is_about_a_post(row: &Value) -> bool {
    let included = text(row.get("section")).is_some_and(|section| section == "includes");
    let of_posts =
        text(row.get("resource_type")).is_none_or(|what| matches!(what.as_str(), "tweet" | "post"));
    of_posts && !included
}

fn problem(row: &Value, secrets: &[&str]) -> Problem {
    let kind = kind_of(row).to_owned();
    let words = text(row.get("detail"))
        .or_else(|| text(row.get("title")))
        .unwrap_or_else(|| kind.clone());
    Problem {
        id: text(row.get("resource_id")).or_else(|| text(row.get("value"))),
        kind,
        said: clean(&hide(&words, secrets)),
    }
}

/// Whether a post is left out for one of its fields. An old form of this problem names no post.
fn is_refused_a_field(id: &str, problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.is(Some(id), NO_FIELD_ACCESS) || problem.is(None, NO_FIELD_ACCESS))
}

/// What the problems say of a post that is not among those told.
fn left_out(id: &str, problems: &[Problem]) -> Result<Fetched, PlatformError> {
    let about = |kind: &str| problems.iter().find(|problem| problem.is(Some(id), kind));
    if let Some(problem) = about(NOT_FOUND) {
        return Ok(Fetched::Gone {
            reason: format!("X no longer has this post: {}", problem.said),
            raw: problem_evidence(id, problem),
        });
    }
    for (kind, why) in WITHHELD {
        if let Some(problem) = about(kind) {
            return Ok(withheld(id, why, problem));
        }
    }
    let other = problems
        .iter()
        .find(|problem| problem.id.as_deref() == Some(id));
    Err(match other {
        Some(problem) => {
            PlatformError::unreachable(&format!("X did not tell of this post: {}", problem.said))
        }
        None => PlatformError::unreachable("the answer to a request for posts is not whole"),
    })
}

/// A post that X does not show to this access; it may well be there.
fn withheld(id: &str, why: &str, problem: &Problem) -> Fetched {
    let reason = format!("{why}: {}", problem.said);
    let metrics = Metrics {
        views: unavailable(&reason),
        clicks: unavailable(&reason),
        conversions: unsupported(NO_CONVERSIONS),
    };
    // Its number says when it was made, but X shows nothing of it: that is no time of publication.
    Fetched::only(metrics, problem_evidence(id, problem))
}

fn problem_evidence(id: &str, problem: &Problem) -> Value {
    json!({"id": id, "error": {"type": problem.kind, "detail": problem.said}})
}

fn found(id: &str, post: &Value, users: &HashMap<String, &Value>) -> Fetched {
    let public = post.get("public_metrics");
    let private = post
        .get("non_public_metrics")
        .filter(|metrics| metrics.is_object());
    let published_at = published_at(post).or_else(|| numbered_at(id));
    let metrics = Metrics {
        views: views(public, private, published_at),
        clicks: match figure(private, CLICKS) {
            Some(value) => reported(value, X_CLICKS, EvidenceGrade::OwnerToken),
            None => unavailable(NO_CLICKS),
        },
        conversions: unsupported(NO_CONVERSIONS),
    };
    let author = author(post, users);
    let mut raw = evidence(post);
    if let Some(handle) = author.as_ref().and_then(|author| author.handle.as_deref()) {
        raw["username"] = json!(handle);
    }
    Fetched::Found(Sighting {
        metrics,
        raw,
        context: context(public),
        author,
        published_at,
        spend: None,
        lacks_permission: false,
    })
}

/// How often a post was seen: what its owner is told, else what anybody is. A zero of a post from before
/// X counted is no count. Nor is one beside reactions: nobody reacts to a post that nobody saw.
fn views(
    public: Option<&Value>,
    private: Option<&Value>,
    published_at: Option<DateTime<Utc>>,
) -> Observed {
    let owners = figure(private, VIEWS).map(|value| (value, EvidenceGrade::OwnerToken));
    let told = owners.or_else(|| Some((figure(public, VIEWS)?, EvidenceGrade::Public)));
    let is_old = published_at.is_some_and(|at| at.timestamp() < COUNTED_SINCE_S);
    match (told, reactions(public)) {
        (Some((0, _)), _) if is_old => unavailable(NOT_YET_COUNTED),
        (Some((0, _)), others) if others > 0 => uncounted(others),
        (Some((value, grade)), _) => reported(value, X_VIEWS, grade),
        (None, _) => unavailable(NO_VIEWS),
    }
}

fn reactions(public: Option<&Value>) -> u64 {
    REACTIONS
        .into_iter()
        .filter_map(|name| figure(public, name))
        .fold(0, u64::saturating_add)
}

fn uncounted(others: u64) -> Observed {
    let beside = counted(others, "other reaction");
    unavailable(&format!(
        "X shows 0 views beside {beside}: it does not count those of this post."
    ))
}

fn evidence(post: &Value) -> Value {
    let mut kept = pick(post, &EVIDENCE);
    for (group, names) in EVIDENT_FIGURES {
        if let Some(figures) = post.get(group) {
            kept[group] = pick(figures, names);
        }
    }
    kept
}

fn figure(metrics: Option<&Value>, name: &str) -> Option<u64> {
    count(metrics?.get(name))
}

fn reported(value: u64, definition: &str, grade: EvidenceGrade) -> Observed {
    Observed::Reported {
        value,
        definition: definition.to_owned(),
        grade,
    }
}

fn author(post: &Value, users: &HashMap<String, &Value>) -> Option<Account> {
    let id = text(post.get("author_id"))?;
    let handle = users.get(&id).and_then(|user| handle(user.get("username")));
    Some(Account {
        id: Some(id),
        handle,
    })
}

fn published_at(post: &Value) -> Option<DateTime<Utc>> {
    let time = text(post.get("created_at"))?;
    let time = DateTime::parse_from_rfc3339(&time).ok()?;
    Some(time.with_timezone(&Utc))
}

/// When a post was made, by its number.
fn numbered_at(id: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(created_at(id)?)
}

fn context(public: Option<&Value>) -> Option<String> {
    let known: Vec<String> = [
        ("like_count", "like"),
        ("retweet_count", "repost"),
        ("reply_count", "reply"),
    ]
    .into_iter()
    .filter_map(|(field, noun)| Some(counted(figure(public, field)?, noun)))
    .collect();
    (!known.is_empty()).then(|| known.join(", "))
}
