//! Links of Reddit: posts by their base-36 id, and share links that only its web server resolves.
//!
//! A link of a comment, a community, a profile or a media file is refused by that name.

use super::{Address, LinkRefusal, MAX_TOKEN, NO_POST, PostLink, is_token};
use crate::model::PlatformKind;

const COMMENT: &str = "that of a comment: paste the link of the post it stands under";
const MEDIA: &str = "that of an image or video file: paste the link of the post that shows it";
const COMMUNITY: &str = "that of a community: paste the link of one post in it";
const PROFILE: &str = "that of a profile: paste the link of one post";

/// Whether this host is Reddit's.
pub(super) fn serves(host: &str) -> bool {
    is_site(host) || is_media(host) || matches!(host, "redd.it" | "www.redd.it")
}

fn is_site(host: &str) -> bool {
    match host.strip_suffix("reddit.com") {
        Some("" | "www." | "old." | "new." | "np." | "m.") => true,
        // A language, such as de.reddit.com.
        Some(prefix) => {
            matches!(prefix.as_bytes(), [b'a'..=b'z', b'a'..=b'z', b'.'])
        }
        None => false,
    }
}

fn is_media(host: &str) -> bool {
    matches!(
        host,
        "i.redd.it"
            | "v.redd.it"
            | "preview.redd.it"
            | "external-preview.redd.it"
            | "redditmedia.com"
    ) || host.ends_with(".redditmedia.com")
}

/// Reads a link on one of Reddit's hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    if is_media(address.host) {
        return Err(refuse(MEDIA));
    }
    if !is_site(address.host) {
        return match address.path {
            [id] => post(id),
            _ => Err(refuse(NO_POST)),
        };
    }
    match address.path {
        ["comments", id, rest @ ..] | ["r" | "u" | "user", _, "comments", id, rest @ ..] => {
            match rest {
                [] | [_] => post(id),
                [_, comment] if is_id(&comment.to_ascii_lowercase()) => Err(refuse(COMMENT)),
                _ => Err(refuse(NO_POST)),
            }
        }
        ["gallery", id] => post(id),
        [kind @ ("r" | "u" | "user"), name, "s", token]
            if is_token(name, MAX_TOKEN) && is_token(token, MAX_TOKEN) =>
        {
            // Names have no letter case at Reddit; tokens do.
            let kind = if *kind == "r" { "r" } else { "u" };
            let name = name.to_ascii_lowercase();
            let url = format!("https://www.reddit.com/{kind}/{name}/s/{token}");
            Ok(PostLink::redirect(PlatformKind::Reddit, url))
        }
        ["r", _] => Err(refuse(COMMUNITY)),
        ["u" | "user", _] => Err(refuse(PROFILE)),
        _ => Err(refuse(NO_POST)),
    }
}

fn post(id: &str) -> Result<PostLink, LinkRefusal> {
    let id = id.to_ascii_lowercase();
    // Ids are numbers: leading zeros do not make another post.
    let number = id.trim_start_matches('0');
    if !is_id(&id) || number.is_empty() {
        return Err(refuse(NO_POST));
    }
    let url = format!("https://www.reddit.com/comments/{number}");
    Ok(PostLink::post(PlatformKind::Reddit, number, url))
}

/// Whether this is an id of Reddit in lower case. It has 63 bits, and a greater number names nothing.
fn is_id(text: &str) -> bool {
    (1..=13).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
        && i64::from_str_radix(text, 36).is_ok()
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::Reddit,
        what,
    }
}
