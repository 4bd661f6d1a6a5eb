//! What TikTok's answers say about videos.
//!
//! Every answer has an `error`, also one that succeeded; its code is "ok" then. The code decides
//! before the status does, because a permission that is missing comes with the status of a refused
//! token. Fields of a video are each read on its own and none is required but the id: a video
//! counts as missing only by a list that is surely whole.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::model::{EvidenceGrade, Metrics, Observed, PlatformKind, Secret};
use crate::platform::batch::{Told, take_row};
use crate::platform::definition::TIKTOK_VIEWS;
use crate::platform::error::{PlatformError, hide};
use crate::platform::http::{Answer, json as parse_json, retry_after, status_error};
use crate::platform::lenient::{Reading, count, counted, handle, integer, reading, text};
use crate::platform::link::PostLink;
use crate::platform::{Account, Fetched, PostRef, Sighting, nameless, unavailable, unsupported};

/// What is asked of a video, and kept as evidence.
pub(super) const FIELDS: [&str; 7] = [
    "id",
    "create_time",
    "share_url",
    "view_count",
    "like_count",
    "comment_count",
    "share_count",
];

const OWNER_ONLY: &str =
    "TikTok tells the figures of a video to its owner only: link your TikTok account.";
const NOT_LISTED: &str =
    "The videos of the linked TikTok account do not hold this post, or it is private.";
const OF_ANOTHER: &str = "This post is of another TikTok account than the connected one, and TikTok \
                          tells the figures of a video to its owner only: link your TikTok account.";
const UNDECIDED: &str = "TikTok does not list this post and did not say whose account is connected, \
                         so whether the post is gone is not known.";
const GONE: &str = "This post is no longer among the public videos of its account.";
const NO_VIEWS: &str = "TikTok did not tell how often this video was seen.";
const ODD_VIEWS: &str = "TikTok told no readable number of how often this video was seen.";
const NO_CLICKS: &str = "TikTok does not tell how often a video's link was followed.";
const NO_CONVERSIONS: &str = "TikTok does not tell what a video sold.";

/// What the scope `video.list` permits.
const LIST_VIDEOS: &str = "list videos";

/// What the scope `user.info.basic` permits.
const TELL_WHOSE: &str = "tell whose it is";

/// The most digits of a video's number.
const MAX_DIGITS: usize = 19;

/// How long to wait where TikTok asks to wait and does not say how long: it counts the calls of the
/// last minute.
const WINDOW: Duration = Duration::from_mins(1);

/// What videos are asked for with.
#[derive(Debug)]
pub(super) struct Access<'a> {
    /// A token of one account.
    pub(super) token: &'a Secret,
    /// The account of the affiliate who gave it; none where the token is this program's own.
    pub(super) owner: Option<&'a Account>,
}

/// Whose videos an access lists.
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose<'a> {
    /// This account's.
    Account(&'a Account),
    /// TikTok does not tell it to this access.
    Untold,
    /// TikTok did not answer when it was asked.
    Unanswered,
}

impl<'a> Whose<'a> {
    fn account(self) -> Option<&'a Account> {
        match self {
            Self::Account(account) => Some(account),
            Self::Untold | Self::Unanswered => None,
        }
    }
}

/// What is known of the posts of a fetch, by the numbers of their videos.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// Those whose figures were told to this access before, whoever's token it was.
    pub(super) own: BTreeSet<&'a str>,
    /// The ids of the accounts that posted them, as they were last told.
    pub(super) authors: BTreeMap<&'a str, &'a str>,
}

impl<'a> Known<'a> {
    pub(super) fn of(posts: &'a [PostRef]) -> Self {
        let mut known = Self::default();
        for post in posts {
            let Some(id) = video_id(&post.native_id) else {
                continue;
            };
            if post.seen_as_own {
                known.own.insert(id);
            }
            if let Some(author) = post.author_id.as_deref() {
                known.authors.insert(id, author);
            }
        }
        known
    }

    /// What it means that a whole list lacks a video. The access may have become another account's
    /// since it was told the figures.
    fn lack(&self, id: &str, whose: Whose<'_>) -> Lack {
        if !self.own.contains(id) {
            return Lack::NotShown;
        }
        let Some(author) = self.authors.get(id) else {
            return Lack::Gone;
        };
        match whose {
            Whose::Account(Account {
                id: Some(account), ..
            }) if account != author => Lack::OfAnother,
            Whose::Account(_) | Whose::Untold => Lack::Gone,
            Whose::Unanswered => Lack::Undecided,
        }
    }
}

/// What it means that a whole list lacks a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// It was never seen: another account's, private or gone.
    NotShown,
    /// The account had it and has it no more.
    Gone,
    /// Another account posted it.
    OfAnother,
    /// Either of the two before.
    Undecided,
}

/// The id that the API takes: a number of 63 bits. A greater one names no video, and must not spoil the
/// call for the others.
pub(super) fn video_id(native_id: &str) -> Option<&str> {
    let id = native_id.trim();
    let digits = (1..=MAX_DIGITS).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit());
    (digits && id.parse::<i64>().is_ok()).then_some(id)
}

/// A post that there is no access to ask for.
pub(super) fn not_asked(id: &str) -> Fetched {
    withheld(OWNER_ONLY, json!({"id": id, "asked": false}))
}

/// Whether an answer to a query says that it succeeded.
pub(super) fn succeeds(answer: &Answer, access: &Access<'_>) -> bool {
    succeeded(answer, access, LIST_VIDEOS).is_ok()
}

/// Reads the answer to a query, one result for each id that was asked for, in their order.
pub(super) fn parse_query(
    answer: &Answer,
    asked: &[&str],
    known: &Known<'_>,
    access: &Access<'_>,
    whose: Whose<'_>,
) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
    let (body, said) = succeeded(answer, access, LIST_VIDEOS)?;
    let rows = body
        .pointer("/data/videos")
        .and_then(Value::as_array)
        .ok_or_else(|| PlatformError::unreachable("the answer has no list of videos"))?;

    let mut videos = Told::new();
    let mut whole = true;
    for row in rows {
        let id = text(row.get("id"));
        match id.as_deref().and_then(video_id) {
            Some(id) if asked.contains(&id) => {
                let fetched = found(id, row, &said, access, whose);
                take_row(&mut videos, id.to_owned(), fetched);
            }
            // What cannot be read might be any of those that are missing, and what nobody asked for
            // belongs to another answer, or is one of them with its number cut short.
            _ => whole = false,
        }
    }
    let results = asked.iter().map(|id| match videos.get(*id) {
        Some(video) => video.clone(),
        None if whole => Ok(missing(id, known.lack(id, whose), &said, access)),
        None => Err(PlatformError::unreachable(
            "the list of videos is not whole",
        )),
    });
    Ok(results.collect())
}

/// Reads the answer to a request for the user whose token it is.
pub(super) fn parse_user(answer: &Answer, access: &Access<'_>) -> Result<Account, PlatformError> {
    let (body, _) = succeeded(answer, access, TELL_WHOSE)?;
    let id = text(body.pointer("/data/user/open_id")).ok_or_else(nameless)?;
    Ok(Account {
        id: Some(id),
        handle: handle(body.pointer("/data/user/username")),
    })
}

/// Whether an answer says that the access lacks a scope.
pub(super) fn lacks_permission(answer: &Answer, access: &Access<'_>) -> bool {
    parse_json(&answer.body).is_ok_and(|body| Said::of(&body, access).lacks_permission())
}

/// The body of an answer that says that it succeeded, with what it says about itself. `purpose` is
/// what the scope permits that the request needs.
fn succeeded(
    answer: &Answer,
    access: &Access<'_>,
    purpose: &str,
) -> Result<(Value, Said), PlatformError> {
    let body = parse_json(&answer.body);
    let said = match &body {
        Ok(body) => Said::of(body, access),
        Err(_) => Said::default(),
    };
    if let Some(error) = said.refusal(answer, purpose) {
        return Err(error);
    }
    let body = body?;
    if !said.is_ok() {
        return Err(PlatformError::unreachable(
            "the answer does not say whether the request succeeded",
        ));
    }
    Ok((body, said))
}

/// What an answer says about itself, without the token.
#[derive(Debug, Default)]
struct Said {
    code: Option<String>,
    message: Option<String>,
    log_id: Option<String>,
}

impl Said {
    fn of(body: &Value, access: &Access<'_>) -> Self {
        let error = body
            .get("error")
            .filter(|error| error.is_object())
            .unwrap_or(body);
        let field = |name: &str| text(error.get(name)).map(|text| shown(&text, access));
        Self {
            code: field("code"),
            message: field("message"),
            log_id: field("log_id"),
        }
    }

    fn is_ok(&self) -> bool {
        self.code.as_deref() == Some("ok")
    }

    fn lacks_permission(&self) -> bool {
        matches!(
            self.code.as_deref(),
            Some("scope_not_authorized" | "scope_permission_missed")
        )
    }

    /// What an answer that is no success means; `None` also where a success cannot be read.
    fn refusal(&self, answer: &Answer, purpose: &str) -> Option<PlatformError> {
        let words: Vec<&str> = [&self.code, &self.message]
            .into_iter()
            .filter_map(Option::as_deref)
            .collect();
        let words = words.join(", ");
        let detail = format!("HTTP {}: {words}", answer.status);
        Some(match self.code.as_deref() {
            None | Some("ok") => return unnamed(answer),
            Some("access_token_invalid") => PlatformError::unauthorised(&detail),
            Some(_) if self.lacks_permission() => PlatformError::refused(&format!(
                "the access lacks the permission to {purpose}: {detail}"
            )),
            Some("rate_limit_exceeded") => {
                let wait = retry_after(&answer.headers).unwrap_or(WINDOW);
                PlatformError::rate_limited(Some(wait), &detail)
            }
            Some("invalid_params") => PlatformError::refused(&detail),
            Some("internal_error") => {
                PlatformError::unreachable_for(retry_after(&answer.headers), &detail)
            }
            Some(_) => status_error(answer.status, &answer.headers, &words)
                .map_or_else(|| PlatformError::unreachable(&detail), waiting),
        })
    }
}

/// An error status without a code of the API: a proxy or an overloaded edge speaks, not the API, so
/// it is worth another try unless the status itself is clear.
fn unnamed(answer: &Answer) -> Option<PlatformError> {
    Some(match status_error(answer.status, &answer.headers, "")? {
        PlatformError::Refused { detail } if answer.status != 405 => {
            PlatformError::unreachable_for(retry_after(&answer.headers), &detail)
        }
        error => waiting(error),
    })
}

/// The same error; where it asks to wait and does not say how long, for TikTok's window. TikTok does
/// not document whether it counts by registration or by token, so a limit is the token's.
fn waiting(error: PlatformError) -> PlatformError {
    error.or_wait(Some(WINDOW))
}

fn found(id: &str, video: &Value, said: &Said, access: &Access<'_>, whose: Whose<'_>) -> Fetched {
    let metrics = Metrics {
        views: views(video),
        clicks: unsupported(NO_CLICKS),
        conversions: unsupported(NO_CONVERSIONS),
    };
    Fetched::Found(Sighting {
        metrics,
        raw: evidence(video, said, access),
        context: context(video),
        author: author(id, video, whose),
        published_at: published_at(video),
        spend: None,
        lacks_permission: false,
    })
}

/// A video that a whole list lacks: another account's, private or gone.
fn missing(id: &str, lack: Lack, said: &Said, access: &Access<'_>) -> Fetched {
    let raw = json!({"id": id, "listed": false, "log_id": said.log_id});
    match lack {
        Lack::Gone => Fetched::Gone {
            reason: GONE.to_owned(),
            raw,
        },
        Lack::NotShown | Lack::OfAnother if access.owner.is_some() => withheld(NOT_LISTED, raw),
        Lack::NotShown => withheld(OWNER_ONLY, raw),
        Lack::OfAnother => withheld(OF_ANOTHER, raw),
        Lack::Undecided => withheld(UNDECIDED, raw),
    }
}

/// A post whose figures are not told; it may well be there.
fn withheld(reason: &str, raw: Value) -> Fetched {
    let metrics = Metrics {
        views: unavailable(reason),
        clicks: unsupported(NO_CLICKS),
        conversions: unsupported(NO_CONVERSIONS),
    };
    Fetched::only(metrics, raw)
}

fn views(video: &Value) -> Observed {
    match reading(video.get("view_count")) {
        Reading::Count(value) => Observed::Reported {
            value,
            definition: TIKTOK_VIEWS.to_owned(),
            grade: EvidenceGrade::OwnerToken,
        },
        Reading::Absent => unavailable(NO_VIEWS),
        Reading::Garbage => unavailable(ODD_VIEWS),
    }
}

fn context(video: &Value) -> Option<String> {
    let known: Vec<String> = [
        ("like_count", "like"),
        ("comment_count", "comment"),
        ("share_count", "share"),
    ]
    .into_iter()
    .filter_map(|(field, noun)| Some(counted(count(video.get(field))?, noun)))
    .collect();
    (!known.is_empty()).then(|| known.join(", "))
}

/// The account in the video's own link, else the one whose access listed the video.
fn author(id: &str, video: &Value, whose: Whose<'_>) -> Option<Account> {
    text(video.get("share_url"))
        .and_then(|address| PostLink::parse(&address).ok())
        .filter(|link| link.platform == PlatformKind::TikTok && link.native_id() == Some(id))
        .and_then(|link| link.account)
        .map(|handle| Account {
            // Only the videos of the account whose token it is are listed.
            id: whose.account().and_then(|account| account.id.clone()),
            handle: Some(handle),
        })
        .or_else(|| whose.account().cloned())
}

/// The time is in seconds since 1970, UTC.
fn published_at(video: &Value) -> Option<DateTime<Utc>> {
    integer(video.get("create_time"))
        .filter(|seconds| *seconds > 0)
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
}

fn evidence(video: &Value, said: &Said, access: &Access<'_>) -> Value {
    let mut kept = Map::new();
    for field in FIELDS {
        let value = match video.get(field) {
            Some(Value::String(text)) => Value::from(shown(without_query(text), access)),
            Some(value) => value.clone(),
            None => continue,
        };
        kept.insert(field.to_owned(), value);
    }
    if let Some(log_id) = &said.log_id {
        kept.insert("log_id".to_owned(), Value::from(log_id.as_str()));
    }
    Value::Object(kept)
}

/// A link without what it says about who shared it.
fn without_query(address: &str) -> &str {
    address.split(['?', '#']).next().unwrap_or_default()
}

/// A text of the answer without the token that it may quote.
fn shown(text: &str, access: &Access<'_>) -> String {
    hide(text, &[access.token.expose()])
}
