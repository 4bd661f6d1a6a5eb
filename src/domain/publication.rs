//! When a post was published, against when its campaign began: what was there before was not made for it.
//!
//! The ids of X and `TikTok` hold the time, so a post from before is refused where it is submitted. Elsewhere the platform
//! tells it to the job that checks the post, or nobody does; then the post is kept, says so, and so do its verdicts.
//!
//! An Instagram shortcode holds the time of the upload, and what was uploaded before a campaign began may have been published
//! in it: nothing is concluded from that.

use chrono::{DateTime, Utc};

use super::reconciliation::instant;
use crate::db::campaign::Campaign;
use crate::db::post::Post;
use crate::error::{Error, Refusal, RefusalCode};
use crate::platform::Fetched;
use crate::platform::link::{self, PostLink};

/// Whether a post was published before its campaign began; none as long as nobody told when it was published. A campaign
/// that names no beginning has had none.
#[must_use]
pub fn is_before_campaign(post: &Post, campaign: &Campaign) -> Option<bool> {
    let published_at = post.published_at?;
    Some(is_before(published_at, campaign.starts_at))
}

/// Platforms tell times in whole seconds, cut off, so seconds are compared with seconds.
fn is_before(published_at: DateTime<Utc>, starts_at: Option<DateTime<Utc>>) -> bool {
    starts_at.is_some_and(|starts_at| published_at.timestamp() < starts_at.timestamp())
}

/// When a post was published, from what is known of it and what its platform says now: what was told first stands.
#[must_use]
pub(super) fn told(post: &Post, fetched: &Fetched) -> Option<DateTime<Utc>> {
    let sighted = match fetched {
        Fetched::Found(sighting) => sighting.published_at,
        Fetched::Gone { .. } => None,
    };
    post.published_at
        .or(sighted)
        .or_else(|| link::published_at(post.platform, post.platform_post_id.as_deref()?))
}

/// Refuses a post whose id says that it was published before the campaign begins.
///
/// # Errors
/// [`Error::Refused`], on the field `url`.
pub(super) fn refuse_older(link: &PostLink, starts_at: Option<DateTime<Utc>>) -> Result<(), Error> {
    let published_at = link
        .native_id()
        .and_then(|native_id| link::published_at(link.platform, native_id));
    match (published_at, starts_at) {
        (Some(published_at), Some(begins)) if is_before(published_at, starts_at) => {
            let message = format!(
                "this post was published at {}, before the campaign began at {}",
                instant(published_at),
                instant(begins)
            );
            Err(Refusal::field(RefusalCode::Invalid, "url", message).into())
        }
        _ => Ok(()),
    }
}

/// What a verdict says of a post from before its campaign; none of another one.
#[must_use]
pub(super) fn note(
    published_at: Option<DateTime<Utc>>,
    starts_at: Option<DateTime<Utc>>,
) -> Option<String> {
    let (published_at, begins) = (published_at?, starts_at?);
    is_before(published_at, starts_at).then(|| {
        format!(
            "The post was published at {}, before the campaign began at {}.",
            instant(published_at),
            instant(begins)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_post_of_the_campaigns_first_second_is_not_from_before() {
        let starts_at = Some(at("2026-03-01T12:00:00.750Z"));
        for (published_at, before) in [
            ("2026-03-01T11:59:59.999Z", true),
            ("2026-03-01T12:00:00Z", false),
            ("2026-03-01T12:00:01Z", false),
        ] {
            let published_at = at(published_at);
            assert_eq!(is_before(published_at, starts_at), before, "{published_at}");
            assert_eq!(
                note(Some(published_at), starts_at).is_some(),
                before,
                "{published_at}"
            );
        }
        assert!(!is_before(at("1970-01-01T00:00:00Z"), None));
        assert_eq!(note(None, starts_at), None);
    }

    #[test]
    fn only_an_id_that_holds_the_time_of_publication_is_refused_by_it() {
        let starts_at = Some(at("2026-03-01T12:00:00Z"));
        for (url, refused) in [
            // From 2006, 2013 and 2019; the first is from before numbers held the time.
            ("https://x.com/jack/status/20", false),
            ("https://x.com/i/status/400000000000000000", true),
            (
                "https://www.tiktok.com/@scout2015/video/6718335390845095173",
                true,
            ),
            // Uploaded in 2020, published nobody knows when.
            ("https://www.instagram.com/p/B-fKL9qpeab/", false),
            ("https://www.reddit.com/comments/1abc", false),
            ("https://www.youtube.com/watch?v=O0aSwKeusZM", false),
        ] {
            let link = PostLink::parse(url).unwrap();
            assert_eq!(refuse_older(&link, starts_at).is_err(), refused, "{url}");
            assert!(refuse_older(&link, None).is_ok(), "{url}");
            let long_ago = Some(at("2010-01-01T00:00:00Z"));
            assert!(refuse_older(&link, long_ago).is_ok(), "{url}");
        }
    }
}
