//! Links of `TikTok`: videos and photo posts by their number, and short links that only its web
//! server resolves.
//!
//! `TikTok` opens a post under any handle, so the canonical URL has the placeholder `@_` in its
//! place: it opens in a browser and is the same for every spelling.

use super::{
    Address, LinkRefusal, MAX_TOKEN, NO_POST, PostLink, is_handle, is_token, number_of_63_bits,
};
use crate::model::PlatformKind;

/// The fewest digits in the number of a post. Those of today have 19.
const MIN_DIGITS: usize = 15;

/// The first of September 2016, in seconds since 1970: `TikTok` did not exist before, so a number that would be older was
/// given out in another way and holds no time.
const FIRST_WITH_TIME_S: i64 = 1_472_688_000;

const PROFILE: &str = "that of a profile: paste the link of one video or photo post";

/// Whether this host is `TikTok`'s.
pub(super) fn serves(host: &str) -> bool {
    matches!(host, "tiktok.com" | "www.tiktok.com" | "m.tiktok.com") || is_short(host)
}

fn is_short(host: &str) -> bool {
    matches!(host, "vm.tiktok.com" | "vt.tiktok.com")
}

/// Reads a link on one of `TikTok`'s hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    let host = address.host;
    if is_short(host) {
        return match address.path {
            [token] if is_token(token, MAX_TOKEN) => {
                Ok(redirect(format!("https://{host}/{token}")))
            }
            _ => Err(refuse(NO_POST)),
        };
    }
    match address.path {
        ["t", token] if is_token(token, MAX_TOKEN) => {
            Ok(redirect(format!("https://www.tiktok.com/t/{token}")))
        }
        ["video" | "photo" | "embed", id] | ["embed", "v2", id] => post("", id),
        ["v", page] => match page.strip_suffix(".html") {
            Some(id) => post("", id),
            None => Err(refuse(NO_POST)),
        },
        [user, "video" | "photo", id] => match user.strip_prefix('@') {
            Some(handle) => post(handle, id),
            None => Err(refuse(NO_POST)),
        },
        [user] if user.starts_with('@') => Err(refuse(PROFILE)),
        _ => Err(refuse(NO_POST)),
    }
}

/// The post with this number. `handle` may be empty or the placeholder `_`.
fn post(handle: &str, id: &str) -> Result<PostLink, LinkRefusal> {
    let is_placeholder = matches!(handle, "" | "_");
    let id = number_of_63_bits(id).filter(|id| id.len() >= MIN_DIGITS);
    match id {
        Some(id) if is_placeholder || is_handle(handle) => {
            let url = format!("https://www.tiktok.com/@_/video/{id}");
            let link = PostLink::post(PlatformKind::TikTok, id, url);
            Ok(link.with_account((!is_placeholder).then_some(handle)))
        }
        _ => Err(refuse(NO_POST)),
    }
}

/// When the post with this number was made, in seconds since 1970: the number without its lower 32 bits.
///
/// `None` for a text that is no post's number, and for a number that holds no time.
pub(super) fn created_at(id: &str) -> Option<i64> {
    let id: i64 = number_of_63_bits(id)?.parse().ok()?;
    let seconds = id >> 32;
    (seconds >= FIRST_WITH_TIME_S).then_some(seconds)
}

fn redirect(url: String) -> PostLink {
    PostLink::redirect(PlatformKind::TikTok, url)
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::TikTok,
        what,
    }
}
