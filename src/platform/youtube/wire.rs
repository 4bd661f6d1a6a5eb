//! What the Data API's answers say of videos.
//!
//! Counts are strings, and those that an owner hides are left out. So are ids that the API does not
//! show, and no word says why: a video counts as gone only by a list that is surely whole.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::fault;
use crate::model::{EvidenceGrade, Metrics, Observed};
use crate::platform::batch::{Told, take_row};
use crate::platform::definition::YOUTUBE_VIEWS;
use crate::platform::error::PlatformError;
use crate::platform::http::Answer;
use crate::platform::lenient::{Reading, count, counted, handle, pick, reading, text};
use crate::platform::{Account, Fetched, Owner, Sighting, nameless, unavailable, unsupported};

const NO_CLICKS: &str = "YouTube does not tell how often a video's links were followed.";
const NO_CONVERSIONS: &str = "YouTube does not tell what a video sold.";

/// The kind of a list of videos.
const LIST: &str = "youtube#videoListResponse";

/// The kind of a video in it.
const VIDEO: &str = "youtube#video";

/// The kind of a list of channels.
const CHANNELS: &str = "youtube#channelListResponse";

/// What is kept of a video as evidence, part by part.
const EVIDENCE: [(&str, &[&str]); 3] = [
    (
        "snippet",
        &[
            "publishedAt",
            "channelId",
            "channelTitle",
            "title",
            "liveBroadcastContent",
        ],
    ),
    (
        "statistics",
        &["viewCount", "likeCount", "favoriteCount", "commentCount"],
    ),
    (
        "status",
        &["uploadStatus", "rejectionReason", "privacyStatus"],
    ),
];

/// Reads the answer to a request for videos, one result for each id that was asked for, in their
/// order. `owner` is in whose name it was asked.
pub(super) fn videos(
    answer: &Answer,
    asked: &[&str],
    owner: Option<&Owner>,
    secrets: &[&str],
) -> Result<Vec<Result<Fetched, PlatformError>>, PlatformError> {
    let body = fault::read(answer, secrets)?;
    let items = body
        .get("items")
        .and_then(Value::as_array)
        .ok_or_else(|| PlatformError::unreachable("the answer has no list of videos"))?;

    let mut videos = Told::new();
    let mut whole = is_whole(&body, items.len());
    for item in items {
        match id_of(item) {
            Some(id) if asked.contains(&id) => {
                whole &= !videos.contains_key(id);
                take_row(&mut videos, id.to_owned(), read_video(item, owner));
            }
            // What cannot be read might be any of those that are missing, and what nobody asked for
            // belongs to another answer.
            _ => whole = false,
        }
    }
    let results = asked.iter().map(|id| match videos.get(*id) {
        Some(video) => video.clone(),
        None if whole => Ok(missing(id)),
        None => Err(PlatformError::unreachable(
            "the answer to a request for videos is not whole",
        )),
    });
    Ok(results.collect())
}

/// Reads the answer to a request for the channel of the token.
///
/// [`PlatformError::Refused`] where the token holds, but lacks the scope that this needs or is of
/// somebody without a channel.
pub(super) fn channel(answer: &Answer, secrets: &[&str]) -> Result<Account, PlatformError> {
    let body = fault::read(answer, secrets)?;
    let items: &[Value] = match body.get("items") {
        Some(Value::Array(items)) => items,
        // The API leaves out a list that would be empty.
        None if text(body.get("kind")).as_deref() == Some(CHANNELS) => &[],
        _ => return Err(nameless()),
    };
    let channel = items.first().ok_or_else(|| {
        PlatformError::refused("the Google account of this token has no channel of YouTube")
    })?;
    let id = text(channel.get("id")).ok_or_else(nameless)?;
    Ok(Account {
        id: Some(id),
        handle: handle(channel.pointer("/snippet/customUrl")),
    })
}

/// Whether an answer is the list of all that there is: nothing on a further page, and as many
/// videos as it says.
fn is_whole(body: &Value, items: usize) -> bool {
    let items = u64::try_from(items).unwrap_or(u64::MAX);
    let further = body
        .get("nextPageToken")
        .is_some_and(|token| !token.is_null());
    text(body.get("kind")).as_deref() == Some(LIST)
        && !further
        && fits(body.pointer("/pageInfo/totalResults"), |all| all == items)
        && fits(body.pointer("/pageInfo/resultsPerPage"), |most| {
            items <= most
        })
}

/// Whether a count fits, where there is one.
fn fits(value: Option<&Value>, is_right: impl FnOnce(u64) -> bool) -> bool {
    match reading(value) {
        Reading::Absent => true,
        Reading::Count(count) => is_right(count),
        Reading::Garbage => false,
    }
}

/// The id of an item that is a video.
fn id_of(item: &Value) -> Option<&str> {
    let id = item.get("id")?.as_str()?;
    match item.get("kind") {
        None => Some(id),
        Some(kind) => (kind.as_str() == Some(VIDEO)).then_some(id),
    }
}

fn missing(id: &str) -> Fetched {
    Fetched::Gone {
        reason: "YouTube does not show this video any more: it was deleted or made private."
            .to_owned(),
        raw: json!({"asked": id, "answered": Value::Null}),
    }
}

fn read_video(video: &Value, owner: Option<&Owner>) -> Fetched {
    let raw = evidence(video);
    if text(video.pointer("/status/uploadStatus")).as_deref() == Some("deleted") {
        return Fetched::Gone {
            reason: "This video was deleted.".to_owned(),
            raw,
        };
    }
    let channel = text(video.pointer("/snippet/channelId"));
    let metrics = Metrics {
        views: views(video, grade(channel.as_deref(), owner)),
        clicks: unsupported(NO_CLICKS),
        conversions: unsupported(NO_CONVERSIONS),
    };
    Fetched::Found(Sighting {
        metrics,
        raw,
        context: context(video),
        // The title of a channel is free text and no handle.
        author: channel.map(|id| Account {
            id: Some(id),
            handle: None,
        }),
        published_at: published_at(video),
        spend: None,
        lacks_permission: false,
    })
}

/// How strong the evidence is. The count is the public one whoever asks, so it is the owner's only
/// where the video is on the channel that the token reads.
fn grade(channel: Option<&str>, owner: Option<&Owner>) -> EvidenceGrade {
    let own = owner.and_then(|owner| owner.account.id.as_deref());
    match (channel, own) {
        (Some(channel), Some(own)) if channel == own => EvidenceGrade::OwnerToken,
        _ => EvidenceGrade::Public,
    }
}

fn views(video: &Value, grade: EvidenceGrade) -> Observed {
    match reading(video.pointer("/statistics/viewCount")) {
        Reading::Count(value) => Observed::Reported {
            value,
            definition: YOUTUBE_VIEWS.to_owned(),
            grade,
        },
        Reading::Absent => unavailable(no_views(video)),
        Reading::Garbage => unavailable("YouTube's view count of this video cannot be read."),
    }
}

fn no_views(video: &Value) -> &'static str {
    match text(video.pointer("/snippet/liveBroadcastContent")).as_deref() {
        Some("upcoming") => "YouTube has no view count of this video, which has not begun yet.",
        Some("live") => "YouTube tells no view count of this video, which is live now.",
        _ => "YouTube tells no view count of this video.",
    }
}

fn published_at(video: &Value) -> Option<DateTime<Utc>> {
    let time = text(video.pointer("/snippet/publishedAt"))?;
    let time = DateTime::parse_from_rfc3339(&time).ok()?;
    Some(time.with_timezone(&Utc))
}

fn context(video: &Value) -> Option<String> {
    let private = text(video.pointer("/status/privacyStatus"))
        .filter(|status| status == "private")
        .map(|status| format!("status {status}"));
    let likes = count(video.pointer("/statistics/likeCount")).map(|n| counted(n, "like"));
    let comments = count(video.pointer("/statistics/commentCount")).map(|n| counted(n, "comment"));
    let known: Vec<String> = [private, likes, comments].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}

fn evidence(video: &Value) -> Value {
    let mut kept = pick(video, &["id"]);
    for (part, fields) in EVIDENCE {
        if let Some(value) = video.get(part) {
            kept[part] = pick(value, fields);
        }
    }
    kept
}
