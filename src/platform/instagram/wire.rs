//! What Instagram's answers say.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use crate::model::{EvidenceGrade, Metrics, Observed};
use crate::platform::definition::{INSTAGRAM_PUBLIC_VIEWS, INSTAGRAM_VIEWS};
use crate::platform::error::PlatformError;
use crate::platform::graph::insights;
use crate::platform::graph::paging::{self, Cursor};
use crate::platform::graph::{Fault, FaultKind};
use crate::platform::lenient::{Reading, count, counted, pick, reading, text};
use crate::platform::{Account, Fetched, Sighting, unavailable, unsupported};

const NO_CLICKS: &str = "Instagram does not tell how often a post's link was followed.";
const NO_CONVERSIONS: &str = "Instagram does not tell what a post sold.";

/// How long the suffix is that links of private posts add to the shortcode.
const PRIVATE_SUFFIX: usize = 28;

/// What is kept of a media as evidence.
const EVIDENCE: [&str; 9] = [
    "id",
    "permalink",
    "shortcode",
    "timestamp",
    "media_type",
    "media_product_type",
    "like_count",
    "comments_count",
    "view_count",
];

/// One post in a list.
#[derive(Debug, Clone)]
pub(super) struct Media {
    /// The id that the API takes.
    pub(super) id: String,
    /// The shortcode, as listed or out of the permalink.
    pub(super) code: Option<String>,
    /// When it was published, in milliseconds since 1970.
    pub(super) published_ms: Option<i64>,
    /// `FEED`, `REELS` and others.
    product: Option<String>,
    /// Absent where the owner hides it.
    likes: Option<u64>,
    comments: Option<u64>,
    /// Public and of reels only.
    views: Reading,
    /// The id of the account in whose public list it is.
    listed_by: Option<String>,
    raw: Value,
}

impl Media {
    /// When it was published, where the list says so.
    pub(super) fn published_at(&self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_millis(self.published_ms?)
    }
}

/// A page of a list of media.
#[derive(Debug)]
pub(super) struct Page {
    /// Its posts, newest first.
    pub(super) media: Vec<Media>,
    /// Where the next page begins; nothing at the end of the list.
    pub(super) next: Option<Cursor>,
    /// The id of the account whose public list it is.
    pub(super) listed_by: Option<String>,
}

/// Reads a page of the account's own media.
pub(super) fn own_page(page: &Value) -> Result<Page, PlatformError> {
    Ok(Page {
        media: media(paging::rows(page)?)?,
        next: paging::next(page)?,
        listed_by: None,
    })
}

/// Reads the page of another account's media that begins at `from`. Such lists have cursors and no `next`:
/// they end without a cursor, or with an empty page whose cursor leads no further. Another empty page may be
/// one whose media are not shown, with others behind it. An account without media is shown without a list,
/// which is no end of one that was begun.
pub(super) fn public_page(page: &Value, from: &Cursor) -> Result<Page, PlatformError> {
    let account = page
        .get("business_discovery")
        .filter(|account| account.is_object())
        .ok_or_else(|| PlatformError::unreachable("the answer shows no account"))?;
    let listed_by = text(account.get("id"));
    let Some(list) = account.get("media") else {
        if !from.is_empty() {
            return Err(PlatformError::unreachable(
                "a further page of public media is no list",
            ));
        }
        return Ok(Page {
            media: Vec::new(),
            next: None,
            listed_by,
        });
    };
    let mut media = media(paging::rows(list)?)?;
    for listed in &mut media {
        listed.listed_by.clone_from(&listed_by);
    }
    let next = match text(list.pointer("/paging/cursors/after")) {
        Some(after) if is_cursor(&after) => {
            Some(vec![("after".to_owned(), after)]).filter(|next| !media.is_empty() || next != from)
        }
        Some(_) => {
            return Err(PlatformError::unreachable(
                "a cursor of public media is unreadable",
            ));
        }
        None => None,
    };
    Ok(Page {
        media,
        next,
        listed_by,
    })
}

/// A cursor goes into an expression of fields, so it must not close a bracket there.
fn is_cursor(after: &str) -> bool {
    after
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b'{' | b'}' | b','))
}

fn media(rows: &[Value]) -> Result<Vec<Media>, PlatformError> {
    rows.iter().map(one_media).collect()
}

fn one_media(row: &Value) -> Result<Media, PlatformError> {
    let id = text(row.get("id"))
        .ok_or_else(|| PlatformError::unreachable("a list of media has one without an id"))?;
    let code = text(row.get("shortcode"))
        .or_else(|| code_in(row.get("permalink").and_then(Value::as_str)?));
    Ok(Media {
        id,
        code,
        published_ms: text(row.get("timestamp")).and_then(|time| milliseconds(&time)),
        product: text(row.get("media_product_type")),
        likes: count(row.get("like_count")),
        comments: count(row.get("comments_count")),
        views: reading(row.get("view_count")),
        listed_by: None,
        raw: pick(row, &EVIDENCE),
    })
}

/// The shortcode in a permalink: `/p/CODE/`, `/reel/CODE/`, also after the account's name.
fn code_in(permalink: &str) -> Option<String> {
    let url = Url::parse(permalink).ok()?;
    let mut segments = url.path_segments()?;
    segments.find(|segment| matches!(*segment, "p" | "reel" | "reels" | "tv"))?;
    segments
        .next()
        .filter(|code| !code.is_empty())
        .map(str::to_owned)
}

/// A shortcode without the suffix that links of private posts carry.
pub(super) fn bare(code: &str) -> &str {
    match code.len().checked_sub(PRIVATE_SUFFIX) {
        Some(kept) if kept > 0 => code.get(..kept).unwrap_or(code),
        _ => code,
    }
}

fn milliseconds(time: &str) -> Option<i64> {
    let time = DateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S%z")
        .or_else(|_| DateTime::parse_from_rfc3339(time))
        .ok()?;
    Some(time.timestamp_millis())
}

/// What the owner's insights say of a media. They do not say who posted it and when; the list that
/// it was found in does. `media` is its row where that list was read just now.
///
/// "Does not exist" is also said of what may not be seen, so it never makes a post gone: what is
/// listed is there, and what was not looked for is to be looked for, which is
/// [`PlatformError::Unreachable`].
pub(super) fn own_media(
    code: &str,
    id: &str,
    media: Option<&Media>,
    answer: Result<Value, Fault>,
) -> Result<Fetched, PlatformError> {
    let listed = media.map_or_else(
        || json!({"id": id, "shortcode": code}),
        |media| media.raw.clone(),
    );
    let lacks_permission = answer
        .as_ref()
        .is_err_and(|fault| fault.kind == FaultKind::Permission);
    let (views, insights) = match answer {
        Ok(answer) => {
            let views = match insights::lifetime(&answer, "views")? {
                Reading::Count(value) => Observed::Reported {
                    value,
                    definition: INSTAGRAM_VIEWS.to_owned(),
                    grade: EvidenceGrade::OwnerToken,
                },
                Reading::Absent => unavailable("Instagram has no views of this post, or not yet."),
                Reading::Garbage => {
                    return Err(PlatformError::unreachable("the views are not a count"));
                }
            };
            (views, insights::evidence(&answer))
        }
        Err(fault) => {
            let said = fault.said();
            let views = match fault.kind {
                FaultKind::Missing if media.is_none() => {
                    return Err(PlatformError::unreachable(
                        "the post's insights are out of reach: its account's list is to be read \
                         again",
                    ));
                }
                FaultKind::Missing => unavailable(&format!(
                    "This post is among its account's media, and this access is not told its \
                     views: {said}"
                )),
                FaultKind::BadMetric => {
                    unsupported(&format!("Instagram tells no views of this post: {said}"))
                }
                FaultKind::Parameter => {
                    unavailable(&format!("Instagram tells no views of this post: {said}"))
                }
                FaultKind::Permission => unavailable(&format!(
                    "This access may not see the views of this post: {said}"
                )),
                FaultKind::Throttled
                | FaultKind::Temporary
                | FaultKind::Token
                | FaultKind::Refused => return Err(fault.into()),
            };
            (views, fault.raw())
        }
    };
    Ok(Fetched::Found(Sighting {
        metrics: metrics(views),
        raw: json!({"media": listed, "insights": insights}),
        context: media.and_then(context),
        author: None,
        published_at: None,
        spend: None,
        lacks_permission,
    }))
}

/// What anybody can see of a media of another account.
pub(super) fn public_media(handle: &str, media: &Media) -> Fetched {
    let views = match media.views {
        Reading::Count(value) => Observed::Reported {
            value,
            definition: INSTAGRAM_PUBLIC_VIEWS.to_owned(),
            grade: EvidenceGrade::Public,
        },
        Reading::Absent | Reading::Garbage => {
            let what = match media.product.as_deref() {
                Some("REELS") => "did not show that of this reel".to_owned(),
                Some(product) => format!("this post is {product}"),
                None => "did not show that of this post".to_owned(),
            };
            unavailable(&format!(
                "Instagram shows a public view count of reels only, and {what}: connect the \
                 account that posted it for its insights."
            ))
        }
    };
    Fetched::Found(Sighting {
        metrics: metrics(views),
        raw: json!({"business_discovery": {"username": handle, "media": media.raw}}),
        context: context(media),
        author: Some(Account {
            id: media.listed_by.clone(),
            handle: Some(handle.to_owned()),
        }),
        published_at: media.published_at(),
        spend: None,
        lacks_permission: false,
    })
}

/// A post that nothing tells anything about, which is not to say that it is gone.
pub(super) fn unavailable_media(reason: &str, raw: Value) -> Fetched {
    Fetched::only(metrics(unavailable(reason)), raw)
}

/// A post that the account with the token had and does not list any more. `account` says which
/// account that is.
pub(super) fn no_longer_own(account: &str, code: &str) -> Fetched {
    Fetched::Gone {
        reason: format!("This post is no longer among the media of the {account} account."),
        raw: json!({"shortcode": code, "listed": false}),
    }
}

/// A post that an owner's account does not list. Whose it is, and whether it is there, is not said.
pub(super) fn not_linked(code: &str) -> Fetched {
    unavailable_media(
        "This post is not among the posts of the linked account.",
        json!({"shortcode": code, "listed": false}),
    )
}

/// A post that is not among the public media of a handle. It is gone where it was seen there before and the
/// handle is still its author's; where it never was, whoever gave the handle may be wrong.
pub(super) fn not_listed(handle: &str, code: &str, is_proof: bool) -> Fetched {
    let raw = json!({
        "business_discovery": {"username": handle},
        "shortcode": code,
        "listed": false,
    });
    if is_proof {
        return Fetched::Gone {
            reason: format!("This post is no longer among the media of @{handle}."),
            raw,
        };
    }
    let reason = format!(
        "This post is not among the public media of @{handle}: it may be of another account, or \
         removed."
    );
    unavailable_media(&reason, raw)
}

fn metrics(views: Observed) -> Metrics<Observed> {
    Metrics {
        views,
        clicks: unsupported(NO_CLICKS),
        conversions: unsupported(NO_CONVERSIONS),
    }
}

fn context(media: &Media) -> Option<String> {
    let likes = media.likes.map(|count| counted(count, "like"));
    let comments = media.comments.map(|count| counted(count, "comment"));
    let known: Vec<String> = [likes, comments].into_iter().flatten().collect();
    (!known.is_empty()).then(|| known.join(", "))
}
