//! What Reddit's answers say.
//!
//! Fields come and went over the years, and the same one is `null`, absent, or of another type, so
//! each is read on its own and none is required but the list itself: a post counts as gone only by
//! a list that is surely whole.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::model::{EvidenceGrade, Metrics, Observed, Secret};
use crate::platform::batch::{Told, take_row};
use crate::platform::definition::REDDIT_VIEWS;
use crate::platform::error::{Limit, PlatformError, hide};
use crate::platform::http::{
    Answer, header_seconds, json as parse_json, retry_after, status_error,
};
use crate::platform::lenient::{Reading, count, counted, flag, integer, pick, reading, text};
use crate::platform::{Account, Fetched, Sighting, unsupported};

const NO_VIEWS: &str = "Reddit does not tell how often a post was seen.";
const NO_CLICKS: &str = "Reddit does not tell how often a post's link was followed.";
const NO_CONVERSIONS: &str = "Reddit does not tell what a post sold.";

/// What stands in the place of the name of an account that is deleted, or whose author deleted the
/// post.
const DELETED: &str = "[deleted]";

/// The longest time for which a token is kept, whatever Reddit says.
const LONGEST_SECONDS: i64 = 30 * 24 * 3600;

/// What is kept of a post as evidence.
const EVIDENCE: [&str; 21] = [
    "archived",
    "author",
    "author_fullname",
    "created_utc",
    "edited",
    "hide_score",
    "id",
    "is_robot_indexable",
    "locked",
    "name",
    "num_comments",
    "num_crossposts",
    "permalink",
    "removed_by",
    "removed_by_category",
    "score",
    "subreddit",
    "title",
    "ups",
    "upvote_ratio",
    "view_count",
];

/// A token that was granted.
#[derive(Debug)]
pub(super) struct Grant {
    /// The token.
    pub(super) token: Secret,
    /// How long to use it from the moment it was asked for: a little less than it lives.
    pub(super) lifetime: Duration,
}

/// Reads the answer to the request for a token. Some refusals come with status 200.
pub(super) fn parse_token(answer: &Answer, secrets: &[&str]) -> Result<Grant, PlatformError> {
    match refusal(answer, secrets) {
        // Whatever is wrong with the request for a token is wrong with the credentials in it.
        Some(PlatformError::Refused { detail }) => {
            return Err(PlatformError::unauthorised(&detail));
        }
        Some(error) => return Err(error),
        None => {}
    }
    let body = parse_json(&answer.body)?;
    if let Some(error) = error_in(&body, answer, secrets) {
        return Err(match error {
            PlatformError::Refused { detail } => PlatformError::unauthorised(&detail),
            error => error,
        });
    }
    let Some(token) = body
        .get("access_token")
        .and_then(Value::as_str)
        .filter(|t| !t.is_empty())
    else {
        return Err(PlatformError::unreachable(
            "the answer to the request for a token has none",
        ));
    };
    let seconds = integer(body.get("expires_in"))
        .unwrap_or(0)
        .clamp(0, LONGEST_SECONDS);
    // A minute less than it lives, or a tenth less where it lives shortly.
    let used = seconds - (seconds / 10).min(60);
    let lifetime = Duration::from_secs(u64::try_from(used).unwrap_or(0));
    Ok(Grant {
        token: Secret::new(token),
        lifetime,
    })
}

/// Reads the answer to `/api/info`, one result for each id that was asked for, in their order.
pub(super) fn parse_info(
    answer: &Answer,
    asked: &[String],
    secrets: &[&str],
) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
    if let Some(error) = refusal(answer, secrets) {
        return Err(of_the_call(error, Some(answer.status)));
    }
    let body = parse_json(&answer.body)?;
    if let Some(error) = error_in(&body, answer, secrets) {
        return Err(of_the_call(error, status_in(&body)));
    }
    let children = body
        .pointer("/data/children")
        .and_then(Value::as_array)
        .ok_or_else(|| {
            PlatformError::unreachable("the answer to a request for posts is no listing")
        })?;

    let mut posts = Told::new();
    let mut whole = whole(&body, children.len());
    for child in children {
        match post_of(child) {
            Some((id, post)) if asked.contains(&id) => take_row(&mut posts, id, read_post(post)),
            // What cannot be read might be any of those that are missing, and what nobody asked for
            // belongs to another answer.
            _ => whole = false,
        }
    }
    let results = asked.iter().map(|id| match posts.get(id) {
        Some(post) => post.clone(),
        None if whole => Ok(missing(id)),
        None => Err(PlatformError::unreachable(
            "the answer to a request for posts is not whole",
        )),
    });
    Ok(results.collect())
}

/// What a status outside 2xx means. Reddit names the wait of its window where it names no other.
fn refusal(answer: &Answer, secrets: &[&str]) -> Option<PlatformError> {
    if (200..300).contains(&answer.status) {
        return None;
    }
    let said = said(&answer.body, secrets);
    let error = match status_error(answer.status, &answer.headers, &said)? {
        // Where the API does not say so itself a proxy or an overloaded edge speaks.
        PlatformError::Refused { detail } if said.is_empty() => {
            PlatformError::unreachable_for(retry_after(&answer.headers), &detail)
        }
        error => error,
    };
    Some(with_window(error, answer))
}

/// What a refusal of a request for posts means. The request is right, so only 403 is one: it may be about one of the posts, or
/// about who asks.
fn of_the_call(error: PlatformError, status: Option<u16>) -> PlatformError {
    match error {
        PlatformError::Refused { detail } if status != Some(403) => {
            PlatformError::unreachable(&detail)
        }
        error => error,
    }
}

/// The status that stands in the body of an answer, as a number.
fn status_in(body: &Value) -> Option<u16> {
    integer(body.get("error")).and_then(|code| u16::try_from(code).ok())
}

/// An error in the body of an answer with status 200: `error` is a number or a word.
fn error_in(body: &Value, answer: &Answer, secrets: &[&str]) -> Option<PlatformError> {
    body.get("error").filter(|error| !error.is_null())?;
    let said = said(&answer.body, secrets);
    match status_in(body).and_then(|status| status_error(status, &answer.headers, &said)) {
        Some(error) => Some(with_window(error, answer)),
        None => Some(PlatformError::refused(&said)),
    }
}

/// Reddit counts by registration.
fn with_window(error: PlatformError, answer: &Answer) -> PlatformError {
    error
        .or_wait(header_seconds(&answer.headers, "x-ratelimit-reset"))
        .with_limit(Limit::Application)
}

/// The platform's words about an error, from JSON only: error pages in HTML say nothing to anybody.
fn said(body: &[u8], secrets: &[&str]) -> String {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return String::new();
    };
    let words: Vec<String> = [
        "error",
        "reason",
        "message",
        "explanation",
        "error_description",
    ]
    .into_iter()
    .filter_map(|field| text(body.get(field)))
    .collect();
    hide(&words.join(", "), secrets)
}

/// Whether a listing has all there is: nothing on a further page, and as many posts as it says.
fn whole(body: &Value, children: usize) -> bool {
    let further = text(body.pointer("/data/after")).is_some();
    let stated = integer(body.pointer("/data/dist")).and_then(|dist| usize::try_from(dist).ok());
    !further && stated.is_none_or(|stated| stated == children)
}

/// The id and the data of a child that is a post.
fn post_of(child: &Value) -> Option<(String, &Value)> {
    let data = child.get("data")?;
    let name = text(data.get("name"));
    let kind = text(child.get("kind")).or_else(|| {
        name.as_deref()
            .and_then(|name| name.split('_').next())
            .map(str::to_owned)
    });
    if kind.as_deref() != Some("t3") {
        return None;
    }
    let id = text(data.get("id")).or_else(|| {
        name.as_deref()
            .and_then(|name| name.strip_prefix("t3_"))
            .map(str::to_owned)
    })?;
    Some((id.to_ascii_lowercase(), data))
}

fn missing(id: &str) -> Fetched {
    Fetched::Gone {
        reason: "Reddit no longer knows this post.".to_owned(),
        raw: json!({"asked": format!("t3_{id}"), "answered": Value::Null}),
    }
}

fn read_post(post: &Value) -> Fetched {
    let raw = evidence(post);
    if let Some(reason) = gone(post) {
        return Fetched::Gone { reason, raw };
    }
    let metrics = Metrics {
        views: views(post),
        clicks: unsupported(NO_CLICKS),
        conversions: unsupported(NO_CONVERSIONS),
    };
    Fetched::Found(Sighting {
        metrics,
        raw,
        context: context(post),
        author: author(post),
        published_at: published_at(post),
        spend: None,
        lacks_permission: false,
    })
}

/// Who posted it: the name, and the fullname of the account (`t2_…`). A deleted account has neither.
fn author(post: &Value) -> Option<Account> {
    let id = text(post.get("author_fullname"));
    let handle = text(post.get("author"))
        .filter(|name| name != DELETED)
        .map(|name| name.to_lowercase());
    (id.is_some() || handle.is_some()).then_some(Account { id, handle })
}

/// When it was posted. Reddit writes whole seconds as a fraction, `1776105848.0`.
fn published_at(post: &Value) -> Option<DateTime<Utc>> {
    let seconds = i64::try_from(count(post.get("created_utc"))?).ok()?;
    DateTime::from_timestamp(seconds, 0)
}

/// Why a post that is still listed is gone all the same.
fn gone(post: &Value) -> Option<String> {
    match text(post.get("removed_by_category")).as_deref() {
        None => {}
        // Held back until a moderator looks at it, and often let through. Until then it has the other signs of a removal.
        Some("automod_filtered") => return None,
        Some("author" | "deleted") => return Some("The author deleted this post.".to_owned()),
        Some("moderator") => return Some("A moderator removed this post.".to_owned()),
        Some(category) => return Some(format!("Reddit removed this post ({category}).")),
    }
    // Before 2020 only these say it, and each alone also stands for less: an account that was
    // deleted and left its posts, a text that says so itself, a post that is hidden from search
    // engines.
    let author = text(post.get("author")).as_deref() == Some(DELETED);
    let words = blanked(post).is_some();
    let hidden = flag(post.get("is_robot_indexable")) == Some(false);
    if author && (words || hidden) {
        Some("The author deleted this post.".to_owned())
    } else if words && hidden {
        Some("This post was removed.".to_owned())
    } else {
        None
    }
}

/// The mark that Reddit leaves in the place of the text.
fn blanked(post: &Value) -> Option<&'static str> {
    match post.get("selftext").and_then(Value::as_str) {
        Some(DELETED) => Some(DELETED),
        Some("[removed]") => Some("[removed]"),
        _ => None,
    }
}

/// Reddit has the field and has never put a number in it. If it ever does, the number counts.
fn views(post: &Value) -> Observed {
    match reading(post.get("view_count")) {
        Reading::Count(value) => Observed::Reported {
            value,
            definition: REDDIT_VIEWS.to_owned(),
            grade: EvidenceGrade::PlatformApp,
        },
        Reading::Absent | Reading::Garbage => unsupported(NO_VIEWS),
    }
}

fn context(post: &Value) -> Option<String> {
    let score = if flag(post.get("hide_score")) == Some(true) {
        Some("score hidden".to_owned())
    } else {
        integer(post.get("score")).map(|score| format!("score {score}"))
    };
    let comments = count(post.get("num_comments")).map(|number| counted(number, "comment"));
    let known: Vec<String> = [score, comments].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn evidence(post: &Value) -> Value {
    let mut kept = match pick(post, &EVIDENCE) {
        Value::Object(kept) => kept,
        _ => Map::new(),
    };
    // The text itself is the author's and no evidence; that it was taken away is.
    if let Some(mark) = blanked(post) {
        kept.insert("selftext".to_owned(), Value::from(mark));
    }
    Value::Object(kept)
}
