//! What the Graph API's answers say about posts of pages.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use url::Url;

use crate::model::{EvidenceGrade, Metrics, Observed};
use crate::platform::definition::{META_CLICKS, META_VIEWS};
use crate::platform::error::PlatformError;
use crate::platform::graph::paging;
use crate::platform::graph::{Fault, FaultKind, insights};
use crate::platform::lenient::{Reading, pick, text};
use crate::platform::{Account, Fetched, Sighting, nameless, unavailable, unsupported};

/// Meta's name for how often a post was seen.
pub(super) const VIEWS: &str = "post_media_view";

/// Meta's name for how often something in a post was clicked.
pub(super) const CLICKS: &str = "post_clicks";

/// Meta's name for when a post was published.
pub(super) const PUBLISHED: &str = "created_time";

/// Unless its advertisements say what they led to: see [`super::ads`].
const NO_CONVERSIONS: &str = "Facebook does not tell what a page's post sold.";

/// Reads the insights of one post, both metrics in one answer.
pub(super) fn both(id: &str, answer: &Value) -> Result<Fetched, PlatformError> {
    let views = observed(answer, VIEWS)?;
    let clicks = observed(answer, CLICKS)?;
    let author = Some(page_as_author(id));
    Ok(found(id, author, views, clicks, insights::evidence(answer)))
}

/// Reads the insights of one post, one metric in each answer. `is_own` says whether it is of the page
/// whose token they were asked with.
pub(super) fn one_by_one(
    id: &str,
    views: Result<Value, Fault>,
    clicks: Result<Value, Fault>,
    is_own: bool,
) -> Result<Fetched, PlatformError> {
    let is_refused = [&views, &clicks].into_iter().any(|answer| {
        answer
            .as_ref()
            .is_err_and(|fault| fault.kind == FaultKind::Permission)
    });
    let told = views.is_ok() || clicks.is_ok();
    let author = told.then(|| page_as_author(id));
    let (views, views_raw) = alone(VIEWS, views)?;
    let (clicks, clicks_raw) = alone(CLICKS, clicks)?;
    let raw = json!([views_raw, clicks_raw]);
    let fetched = found(id, author, views, clicks, raw);
    Ok(lacking(fetched, is_refused && is_own))
}

fn alone(metric: &str, answer: Result<Value, Fault>) -> Result<(Observed, Value), PlatformError> {
    let fault = match answer {
        Ok(answer) => return Ok((observed(&answer, metric)?, insights::evidence(&answer))),
        Err(fault) => fault,
    };
    let said = fault.said();
    let observed = match fault.kind {
        FaultKind::BadMetric => {
            unsupported(&format!("Facebook has no {metric} of this post: {said}"))
        }
        FaultKind::Parameter => unavailable(&format!(
            "Facebook does not tell {metric} of this post: {said}"
        )),
        FaultKind::Permission => unavailable(&format!(
            "This access may not see {metric} of this post: {said}"
        )),
        FaultKind::Missing
        | FaultKind::Throttled
        | FaultKind::Temporary
        | FaultKind::Token
        | FaultKind::Refused => return Err(fault.into()),
    };
    Ok((observed, fault.raw()))
}

/// A post that is gone.
pub(super) fn gone(id: &str, fault: &Fault) -> Fetched {
    let mut raw = fault.raw();
    raw["id"] = json!(id);
    Fetched::Gone {
        reason: "Facebook no longer has this post.".to_owned(),
        raw,
    }
}

/// A post whose figures this access may not see; it may well be there. `lacks_permission` says whether
/// that is so for want of a permission to read its own page.
pub(super) fn withheld(id: &str, fault: &Fault, lacks_permission: bool) -> Fetched {
    let reason = format!(
        "Facebook tells the insights of a post only to its page, and not to this access: {}",
        fault.said()
    );
    lacking(untold(id, &reason, fault), lacks_permission)
}

/// A post that is there and whose figures this access is not told.
pub(super) fn shown(id: &str, fault: &Fault) -> Fetched {
    let reason = format!(
        "Facebook shows this post to this access, and not its insights: {}",
        fault.said()
    );
    untold(id, &reason, fault)
}

/// The same with whether a permission was lacking.
fn lacking(fetched: Fetched, lacks_permission: bool) -> Fetched {
    match fetched {
        Fetched::Found(sighting) => Fetched::Found(Sighting {
            lacks_permission,
            ..sighting
        }),
        gone @ Fetched::Gone { .. } => gone,
    }
}

/// A post of another page than the one that an affiliate linked; it may well be there.
pub(super) fn foreign(id: &str, fault: &Fault) -> Fetched {
    let reason = format!(
        "This post is not among the posts of the linked page, and Facebook does not tell its \
         insights to another: {}",
        fault.said()
    );
    untold(id, &reason, fault)
}

fn untold(id: &str, reason: &str, fault: &Fault) -> Fetched {
    found(
        id,
        None,
        unavailable(reason),
        unavailable(reason),
        fault.raw(),
    )
}

/// Adds when a post was published to what is said of it, from an answer that tells that of the post. One that does not leaves
/// all as it is.
pub(super) fn date(fetched: &mut Fetched, told: &Value) {
    if let (Fetched::Found(sighting), Some(published_at)) = (fetched, published_at(told)) {
        sighting.published_at = Some(published_at);
        sighting.raw[PUBLISHED] = told[PUBLISHED].clone();
    }
}

/// Whether an answer told something of the post itself.
pub(super) fn names_the_author(fetched: &Fetched) -> bool {
    matches!(fetched, Fetched::Found(sighting) if sighting.author.is_some())
}

/// When a post was published. The Graph API writes a time without a colon in its zone, `2021-07-26T10:45:19+0000`, which is not
/// that of RFC 3339.
fn published_at(post: &Value) -> Option<DateTime<Utc>> {
    let time = text(post.get(PUBLISHED))?;
    let time = DateTime::parse_from_str(&time, "%Y-%m-%dT%H:%M:%S%z").ok()?;
    Some(time.with_timezone(&Utc))
}

/// The page's part of a post's id.
pub(super) fn page_of(id: &str) -> &str {
    id.split_once('_').map_or(id, |(page, _)| page)
}

/// The page of a post that Meta told something of, and so knows under this id.
fn page_as_author(id: &str) -> Account {
    Account {
        id: Some(page_of(id).to_owned()),
        handle: None,
    }
}

/// Reads a page. Its name is free text and no handle.
pub(super) fn page(answer: &Value) -> Result<Account, PlatformError> {
    let id = text(answer.get("id")).ok_or_else(nameless)?;
    Ok(Account {
        id: Some(id),
        handle: None,
    })
}

#[allow(clippy::needless_pass_by_value, reason = "it moves into the answer")]
fn found(
    id: &str,
    author: Option<Account>,
    views: Observed,
    clicks: Observed,
    raw: Value,
) -> Fetched {
    let metrics = Metrics {
        views,
        clicks,
        conversions: unsupported(NO_CONVERSIONS),
    };
    Fetched::Found(Sighting {
        metrics,
        raw: json!({"id": id, "insights": raw}),
        context: None,
        author,
        published_at: None,
        spend: None,
        lacks_permission: false,
    })
}

/// What one of the two metrics counts.
fn definition(metric: &str) -> &'static str {
    match metric {
        CLICKS => META_CLICKS,
        _ => META_VIEWS,
    }
}

fn observed(answer: &Value, metric: &str) -> Result<Observed, PlatformError> {
    Ok(match insights::lifetime(answer, metric)? {
        Reading::Count(value) => Observed::Reported {
            value,
            definition: definition(metric).to_owned(),
            grade: EvidenceGrade::OwnerToken,
        },
        Reading::Absent => unavailable(&format!(
            "Facebook has no {metric} of this post, or not yet."
        )),
        Reading::Garbage => unavailable(&format!(
            "What Facebook tells as {metric} of this post is not a count."
        )),
    })
}

/// The id that the API takes: the page's number and the post's.
pub(super) fn graph_id(native_id: &str) -> Option<&str> {
    let id = native_id.trim();
    let (page, post) = id.split_once('_')?;
    (is_number(page) && is_number(post)).then_some(id)
}

/// A post in the list of a page.
#[derive(Debug)]
pub(super) struct Listed {
    /// The id that the API takes.
    pub(super) id: String,
    /// When it was published, as the list tells it: for [`date`].
    pub(super) dated: Value,
    key: Option<String>,
}

impl Listed {
    /// Whether a link with this key is a link of this post.
    pub(super) fn is(&self, key: &str) -> bool {
        self.key.as_deref() == Some(key)
            || self
                .id
                .split_once('_')
                .is_some_and(|(_, number)| number == key)
    }
}

/// Reads a page of a list of posts.
pub(super) fn posts(page: &Value) -> Result<Vec<Listed>, PlatformError> {
    paging::rows(page)?
        .iter()
        .map(|row| {
            let id = text(row.get("id")).ok_or_else(|| {
                PlatformError::unreachable("a list of posts has one without an id")
            })?;
            let key = text(row.get("permalink_url")).and_then(|address| permalink_key(&address));
            let dated = pick(row, &[PUBLISHED]);
            Ok(Listed { id, dated, key })
        })
        .collect()
}

/// What names the post in a permalink, whatever form that has: its number, or the opaque `pfbid…`
/// in its place.
pub(super) fn permalink_key(address: &str) -> Option<String> {
    let url = absolute(address)?;
    if let Some((_, key)) = url
        .query_pairs()
        .find(|(name, value)| matches!(name.as_ref(), "story_fbid" | "fbid" | "v") && is_key(value))
    {
        return Some(key.into_owned());
    }
    let segments: Vec<&str> = url.path_segments()?.collect();
    // The first segment is the page's, which may be a number, too.
    segments
        .into_iter()
        .skip(1)
        .rfind(|segment| is_key(segment))
        .map(str::to_owned)
}

/// The number of the page in a permalink, where it has one.
pub(super) fn page_in(address: &str) -> Option<String> {
    let url = absolute(address)?;
    if let Some((_, id)) = url
        .query_pairs()
        .find(|(name, id)| name == "id" && is_number(id))
    {
        return Some(id.into_owned());
    }
    let mut segments = url.path_segments()?;
    let page = segments.next().filter(|page| is_number(page))?;
    segments.next().map(|_| page.to_owned())
}

/// Links of videos are listed without a host.
fn absolute(address: &str) -> Option<Url> {
    Url::parse("https://www.facebook.com/")
        .ok()?
        .join(address)
        .ok()
}

fn is_key(text: &str) -> bool {
    is_number(text)
        || (text.starts_with("pfbid") && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
