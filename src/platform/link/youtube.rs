//! Links of `YouTube`: videos by their id of 11 characters, in each of the places it can stand.

use super::{Address, LinkRefusal, NO_POST, PostLink, is_token};
use crate::model::PlatformKind;

const CHANNEL: &str = "that of a channel: paste the link of one video";
const PLAYLIST: &str = "that of a playlist: paste the link of one video";
const CLIP: &str = "that of a clip: paste the link of the video it is cut from";
const COMMUNITY: &str = "that of a community post, which has no public figures: paste the link of \
                         a video";

/// Whether this host is `YouTube`'s.
pub(super) fn serves(host: &str) -> bool {
    matches!(
        host,
        "youtube.com" | "www.youtube.com" | "m.youtube.com" | "music.youtube.com"
    ) || is_short(host)
}

fn is_short(host: &str) -> bool {
    matches!(host, "youtu.be" | "www.youtu.be")
}

/// Reads a link on one of `YouTube`'s hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    if is_short(address.host) {
        return match address.path {
            [id] => video(id),
            _ => Err(refuse(NO_POST)),
        };
    }
    match address.path {
        ["watch"] => match address.query("v") {
            Some(id) => video(&id),
            None => Err(refuse(NO_POST)),
        },
        // These two words have 11 characters and would pass for a video's id.
        ["playlist"] | ["embed", "videoseries"] => Err(refuse(PLAYLIST)),
        ["channel" | "c" | "user", ..] | ["embed", "live_stream"] => Err(refuse(CHANNEL)),
        ["shorts" | "live" | "embed", id] => video(id),
        ["clip", ..] => Err(refuse(CLIP)),
        ["post", ..] => Err(refuse(COMMUNITY)),
        [handle, ..] if handle.starts_with('@') => Err(refuse(CHANNEL)),
        _ => Err(refuse(NO_POST)),
    }
}

fn video(id: &str) -> Result<PostLink, LinkRefusal> {
    if id.len() != 11 || !is_token(id, 11) {
        return Err(refuse(NO_POST));
    }
    let url = format!("https://www.youtube.com/watch?v={id}");
    Ok(PostLink::post(PlatformKind::YouTube, id, url))
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::YouTube,
        what,
    }
}
