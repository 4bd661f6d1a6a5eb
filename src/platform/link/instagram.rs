//! Links of Instagram: posts by their shortcode, and share links that only its web server resolves.
//!
//! The same shortcode under `/p/`, `/reel/`, `/reels/` or `/tv/` is the same post. The API has no
//! lookup by shortcode; it lists an account's media with theirs. A shortcode is the media's number
//! in base 64, and that number holds the time of upload: see [`created_after`].

use super::{Address, LinkRefusal, MAX_TOKEN, NO_POST, PostLink, is_handle, is_token};
use crate::model::PlatformKind;

/// What follows the shortcode in the link of a private account's post, in bytes. It is a key for
/// the reader and differs between links of one post.
const PRIVATE_SUFFIX: usize = 28;

/// The moment from which the numbers of media count, in milliseconds since 1970.
const EPOCH_MS: i64 = 1_314_220_021_721;

const STORY: &str =
    "that of a story, which is gone after 24 hours: paste the link of a post or reel";
const PROFILE: &str = "that of a profile: paste the link of one post or reel";
const EXPLORE: &str = "that of the explore page: open the post and paste its own link";
const AUDIO: &str = "that of an audio track: paste the link of one reel";
const COMMENT: &str = "that of a comment: paste the link of the post it stands under";

/// Whether this host is Instagram's.
pub(super) fn serves(host: &str) -> bool {
    matches!(
        host,
        "instagram.com" | "www.instagram.com" | "m.instagram.com"
    ) || is_short(host)
}

fn is_short(host: &str) -> bool {
    matches!(host, "instagr.am" | "www.instagr.am")
}

/// Reads a link on one of Instagram's hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    if is_short(address.host) {
        return match address.path {
            [kind, token] if is_kind(kind) && is_token(token, MAX_TOKEN) => {
                Ok(redirect(format!("https://instagr.am/{kind}/{token}")))
            }
            _ => Err(refuse(NO_POST)),
        };
    }
    match address.path {
        ["share", token] if is_token(token, MAX_TOKEN) && !is_kind(token) => {
            Ok(redirect(format!("https://www.instagram.com/share/{token}")))
        }
        ["share", kind, token] if is_kind(kind) && is_token(token, MAX_TOKEN) => Ok(redirect(
            format!("https://www.instagram.com/share/{kind}/{token}"),
        )),
        ["share", ..] => Err(refuse(NO_POST)),
        ["stories", ..] => Err(refuse(STORY)),
        ["explore", ..] => Err(refuse(EXPLORE)),
        ["reel" | "reels", "audio", ..] => Err(refuse(AUDIO)),
        [kind, _, "c", ..] if is_kind(kind) => Err(refuse(COMMENT)),
        [kind, code, rest @ ..] if is_kind(kind) && is_whole(rest) => post(code, None),
        [kind, ..] if is_kind(kind) => Err(refuse(NO_POST)),
        [user, kind, code, rest @ ..] if is_handle(user) && is_kind(kind) && is_whole(rest) => {
            post(code, Some(user))
        }
        [user] | [user, "reels" | "tagged"] if is_handle(user) => Err(refuse(PROFILE)),
        _ => Err(refuse(NO_POST)),
    }
}

fn is_kind(segment: &str) -> bool {
    matches!(segment, "p" | "reel" | "reels" | "tv")
}

/// Whether what follows a shortcode still means the whole post.
fn is_whole(rest: &[&str]) -> bool {
    matches!(rest, [] | ["embed"] | ["embed", "captioned"])
}

fn post(code: &str, user: Option<&str>) -> Result<PostLink, LinkRefusal> {
    let code = without_suffix(code).ok_or_else(|| refuse(NO_POST))?;
    let url = format!("https://www.instagram.com/p/{code}/");
    Ok(PostLink::post(PlatformKind::Instagram, code, url).with_account(user))
}

fn redirect(url: String) -> PostLink {
    PostLink::redirect(PlatformKind::Instagram, url)
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::Instagram,
        what,
    }
}

/// The shortcode that is the same for every reader; `None` where the text is no shortcode.
fn without_suffix(shortcode: &str) -> Option<&str> {
    // Twice the suffix at most, so that what is left has none to lose again.
    if !is_token(shortcode, 2 * PRIVATE_SUFFIX) {
        return None;
    }
    match shortcode.len().checked_sub(PRIVATE_SUFFIX) {
        None | Some(0) => Some(shortcode),
        Some(kept) => shortcode.get(..kept),
    }
}

/// The number that a shortcode spells: base 64 of `A–Z a–z 0–9 - _`, most significant digit first.
///
/// It is not the id that the Graph API takes. A private post's suffix is left out. `None` for a
/// text that is no shortcode, and for a number of more than 128 bits.
pub fn media_pk(shortcode: &str) -> Option<u128> {
    let code = without_suffix(shortcode)?;
    code.bytes().try_fold(0_u128, |pk, byte| {
        pk.checked_mul(64)?.checked_add(digit(byte)?)
    })
}

/// When the media was uploaded, in milliseconds since 1970: the post is not older than this, and
/// younger where it was scheduled.
///
/// The API tells times in whole seconds, cut off, so compare seconds with seconds. `None` for what
/// Instagram cannot have given out: no shortcode, or a number of more than 64 bits. Before August
/// 2011 numbers held no time; older posts appear as of then.
pub fn created_after(shortcode: &str) -> Option<i64> {
    let pk = u64::try_from(media_pk(shortcode)?).ok()?;
    let since_epoch = i64::try_from(pk >> 23).ok()?;
    Some(since_epoch + EPOCH_MS)
}

fn digit(byte: u8) -> Option<u128> {
    let digit = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'-' => 62,
        b'_' => 63,
        _ => return None,
    };
    Some(u128::from(digit))
}
