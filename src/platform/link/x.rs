//! Links of X, once Twitter: posts by their number, which holds the time of posting; see
//! [`created_at`].
//!
//! X opens a post under any handle, so the canonical URL has none. `t.co` shortens links to
//! anywhere at all: only where it leads to a post of X does it name one.

use super::{
    Address, LinkRefusal, MAX_TOKEN, NO_POST, PostLink, is_token, number, number_of_63_bits,
};
use crate::model::PlatformKind;

/// The moment from which the numbers of posts count, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_288_834_974_657;

/// Numbers below this were given out in sequence, before November 2010, and hold no time
/// (oduwsdl/tweetedat, `TimestampEstimator.py`).
const FIRST_WITH_TIME: i64 = 29_700_859_247;

const PROFILE: &str = "that of a profile: paste the link of one post";

/// Whether this host is X's.
pub(super) fn serves(host: &str) -> bool {
    matches!(
        host,
        "x.com"
            | "www.x.com"
            | "mobile.x.com"
            | "twitter.com"
            | "www.twitter.com"
            | "mobile.twitter.com"
            | "m.twitter.com"
            | "t.co"
    )
}

/// Reads a link on one of X's hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    if address.host == "t.co" {
        return match address.path {
            [token] if is_token(token, MAX_TOKEN) => {
                let url = format!("https://t.co/{token}");
                Ok(PostLink::redirect(PlatformKind::X, url))
            }
            _ => Err(refuse(NO_POST)),
        };
    }
    match address.path {
        ["i", "status", id, rest @ ..] | ["i", "web", "status", id, rest @ ..]
            if is_whole(rest) =>
        {
            post(id, None)
        }
        [user, "status" | "statuses", id, rest @ ..] if is_user(user) && is_whole(rest) => {
            post(id, Some(user))
        }
        [user] if is_user(user) => Err(refuse(PROFILE)),
        _ => Err(refuse(NO_POST)),
    }
}

/// Whether what follows the number still means the post: nothing, or one of its pictures or videos.
fn is_whole(rest: &[&str]) -> bool {
    match rest {
        [] => true,
        ["photo" | "video", place] => number(place, 2).is_some(),
        _ => false,
    }
}

fn is_user(text: &str) -> bool {
    text != "i" && is_token(text, 20) && !text.contains('-')
}

fn post(id: &str, user: Option<&str>) -> Result<PostLink, LinkRefusal> {
    let id = number_of_63_bits(id).ok_or_else(|| refuse(NO_POST))?;
    let url = format!("https://x.com/i/status/{id}");
    Ok(PostLink::post(PlatformKind::X, id, url).with_account(user))
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::X,
        what,
    }
}

/// When the post with this number was made, in milliseconds since 1970.
///
/// `None` for a text that is no post's number, and for posts from before November 2010, whose
/// numbers do not tell.
pub fn created_at(id: &str) -> Option<i64> {
    let id: i64 = number_of_63_bits(id)?.parse().ok()?;
    (id >= FIRST_WITH_TIME).then(|| (id >> 22) + EPOCH_MS)
}
