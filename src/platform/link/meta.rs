//! Links of Facebook pages' posts.
//!
//! The Graph API takes `{page}_{post}`, both in digits. Where a link has both numbers, that is the
//! id. Where it has the page's name, no page, or an opaque `pfbid…` instead of the post's number,
//! the link is a permalink: the post is found among those of the affiliate's page. So is that of a
//! photo, whose number is another one than its post's, but for a photo of a post with several: these
//! are the set `pcb.{post}`. Posts in groups are refused, as there is no page whose insights could tell
//! anything.

use super::{Address, LinkRefusal, MAX_TOKEN, NO_POST, PostLink, is_handle, is_token, number};
use crate::model::PlatformKind;

/// The longest id of a page or post, in digits.
const MAX_DIGITS: usize = 20;

/// First segments that are Facebook's own and so never the name of a page.
const RESERVED: &[&str] = &[
    "groups", "stories", "share", "watch", "reel", "photo", "events", "hashtag", "people",
];

const GROUP: &str = "that of a group, and posts in groups have no page insights to check: paste \
                     the link of a post on a page";
const STORY: &str = "that of a story, which is gone after 24 hours: paste the link of a post";
const PAGE: &str = "that of a page or profile: paste the link of one post";

/// Whether this host is Facebook's.
pub(super) fn serves(host: &str) -> bool {
    match host.strip_suffix("facebook.com") {
        Some("" | "www." | "m." | "web." | "mbasic.") => true,
        // A language and a country, such as de-de.facebook.com.
        Some(prefix) => matches!(
            prefix.as_bytes(),
            [
                b'a'..=b'z',
                b'a'..=b'z',
                b'-',
                b'a'..=b'z',
                b'a'..=b'z',
                b'.'
            ]
        ),
        None => is_short(host),
    }
}

fn is_short(host: &str) -> bool {
    matches!(host, "fb.watch" | "www.fb.watch")
}

/// Whether this stands before the token of a share link: posts, videos, reels, groups.
fn is_kind(segment: &str) -> bool {
    matches!(segment, "p" | "v" | "r" | "g")
}

/// Reads a link on one of Facebook's hosts.
pub(super) fn read(address: &Address<'_>) -> Result<PostLink, LinkRefusal> {
    if is_short(address.host) {
        return match address.path {
            [token] if is_token(token, MAX_TOKEN) => {
                let url = format!("https://fb.watch/{token}");
                Ok(PostLink::redirect(PlatformKind::Meta, url))
            }
            _ => Err(refuse(NO_POST)),
        };
    }
    let link = match address.path {
        ["groups", ..] => return Err(refuse(GROUP)),
        ["stories", ..] => return Err(refuse(STORY)),
        ["share", token] if is_token(token, MAX_TOKEN) && !is_kind(token) => {
            let url = format!("https://www.facebook.com/share/{token}");
            Some(PostLink::redirect(PlatformKind::Meta, url))
        }
        ["share", kind @ ("p" | "v" | "r"), token] if is_token(token, MAX_TOKEN) => {
            let url = format!("https://www.facebook.com/share/{kind}/{token}");
            Some(PostLink::redirect(PlatformKind::Meta, url))
        }
        ["permalink.php" | "story.php"] => story(address),
        ["watch" | "video.php"] | ["watch", "live"] => video(address),
        ["photo" | "photo.php"] => photo(address),
        ["reel", id] => digits(id).map(|id| permalink(&format!("reel/{id}"))),
        [page, "photos", set, id] => in_set(page, set, id),
        [page, kind @ ("posts" | "videos" | "photos"), id]
        | [page, kind @ ("posts" | "videos"), _, id] => on_page(page, kind, id),
        [page] if page_name(page).is_some() => return Err(refuse(PAGE)),
        _ => None,
    };
    link.ok_or_else(|| refuse(NO_POST))
}

/// `/{page}/posts/[slug/]{id}`, and the same of videos and photos. What stands between is a title
/// or an album, and the id does without it. The number of a photo is not that of its post.
fn on_page(page: &str, kind: &str, id: &str) -> Option<PostLink> {
    if let (Some(page), Some(id)) = (digits(page), digits(id))
        && kind != "photos"
    {
        return Some(numbered(page, id));
    }
    let (page, id) = (page_name(page)?, post_name(id)?);
    Some(permalink(&format!("{page}/{kind}/{id}")))
}

/// `/{page}/photos/{set}/{id}`: a photo of an album, or one of several of a post.
fn in_set(page: &str, set: &str, id: &str) -> Option<PostLink> {
    match post_of(set) {
        Some(post) if digits(id).is_some() => on_page(page, "posts", post),
        _ => on_page(page, "photos", id),
    }
}

/// The number of the post whose photos are this set, `pcb.{post}`; `None` for albums.
fn post_of(set: &str) -> Option<&str> {
    digits(set.strip_prefix("pcb.")?)
}

/// `/permalink.php?story_fbid=…&id=…` and `/story.php`, where `id` is the page.
fn story(address: &Address<'_>) -> Option<PostLink> {
    let (story, page) = (address.query("story_fbid")?, address.query("id")?);
    let page = digits(&page)?;
    if let Some(story) = digits(&story) {
        return Some(numbered(page, story));
    }
    let story = post_name(&story)?;
    Some(permalink(&format!(
        "permalink.php?story_fbid={story}&id={page}"
    )))
}

/// `/watch/?v=…`, `/watch/live/?v=…` and `/video.php?v=…`, all of which open the same video.
fn video(address: &Address<'_>) -> Option<PostLink> {
    let id = address.query("v")?;
    let id = digits(&id)?;
    Some(permalink(&format!("watch?v={id}")))
}

/// `/photo/?fbid=…` and `/photo.php?fbid=…`, which may name the page as `id` and the set.
fn photo(address: &Address<'_>) -> Option<PostLink> {
    let (photo, page) = (address.query("fbid")?, address.query("id"));
    let photo = post_name(&photo)?;
    let Some(page) = page.as_deref().and_then(digits) else {
        return Some(permalink(&format!("photo?fbid={photo}")));
    };
    if let Some(post) = address.query("set").as_deref().and_then(post_of) {
        return Some(numbered(page, post));
    }
    Some(permalink(&format!("photo?fbid={photo}&id={page}")))
}

fn numbered(page: &str, post: &str) -> PostLink {
    let url = format!("https://www.facebook.com/{page}/posts/{post}");
    PostLink::post(PlatformKind::Meta, &format!("{page}_{post}"), url)
}

fn permalink(path: &str) -> PostLink {
    PostLink::permalink(
        PlatformKind::Meta,
        format!("https://www.facebook.com/{path}"),
    )
}

fn refuse(what: &'static str) -> LinkRefusal {
    LinkRefusal::NotAPost {
        platform: PlatformKind::Meta,
        what,
    }
}

fn digits(text: &str) -> Option<&str> {
    number(text, MAX_DIGITS)
}

/// A page's number, or its name in lower case: names have no letter case at Facebook.
fn page_name(text: &str) -> Option<String> {
    if let Some(number) = digits(text) {
        return Some(number.to_owned());
    }
    let name = text.to_ascii_lowercase();
    (is_handle(&name) && !RESERVED.contains(&name.as_str())).then_some(name)
}

/// A post's number, or the opaque id that stands in its place since 2022.
fn post_name(text: &str) -> Option<&str> {
    let is_opaque = text.len() > "pfbid".len()
        && text.starts_with("pfbid")
        && text.len() <= MAX_TOKEN
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    digits(text).or_else(|| is_opaque.then_some(text))
}
