//! The links by which posts are submitted: as the platform shows them, short, or in two spellings.

use anyhow::{Context as _, bail};

use super::claims::Kind;
use super::plan::played;
use crate::model::PlatformKind;
use crate::simulator::{SamplePost, World};

/// The link that is submitted, and the one that is submitted after it.
///
/// # Errors
/// The platform has no such link of the post.
pub(super) fn links(
    world: &World,
    kind: Kind,
    platform: PlatformKind,
    post: &SamplePost,
) -> anyhow::Result<(String, Option<String>)> {
    match kind {
        Kind::ShortLink => Ok((short(world, platform, post)?, None)),
        Kind::Twice => {
            let (first, second) = spellings(platform, post)?;
            Ok((first, Some(second)))
        }
        // Of a link that hides the number nobody could tell that its post is gone.
        Kind::Vanished => Ok((spellings(platform, post)?.0, None)),
        _ => Ok((post.url.clone(), None)),
    }
}

/// The short link of a post, at the platform's own address.
fn short(world: &World, platform: PlatformKind, post: &SamplePost) -> anyhow::Result<String> {
    let on = played(platform);
    let site = match platform {
        PlatformKind::Reddit => "https://www.reddit.com",
        PlatformKind::Instagram => "https://www.instagram.com",
        PlatformKind::Meta => "https://www.facebook.com",
        PlatformKind::TikTok => "https://www.tiktok.com",
        // Those of YouTube hold the id, and those of X may lead anywhere and are refused.
        PlatformKind::YouTube | PlatformKind::X => {
            bail!("there are no opaque short links of {platform}")
        }
    };
    let path = world
        .short_link(on, &post.native_id)
        .context("a played post without a short link")?;
    let path = path
        .strip_prefix(&format!("/{}/", on.as_str()))
        .context("a short link outside of its platform")?;
    Ok(format!("{site}/{path}"))
}

/// Two spellings of the link of a post, both with its id.
fn spellings(platform: PlatformKind, post: &SamplePost) -> anyhow::Result<(String, String)> {
    let (url, id) = (&post.url, &post.native_id);
    Ok(match platform {
        PlatformKind::Reddit => (
            url.clone(),
            format!("https://old.reddit.com/comments/{id}?utm_source=share"),
        ),
        PlatformKind::Instagram => (
            url.clone(),
            format!("https://www.instagram.com/p/{id}/?igsh=MzRlODBiNWFlZA"),
        ),
        PlatformKind::Meta => {
            let (page, number) = id
                .split_once('_')
                .context("a played post without its page")?;
            (
                format!("https://www.facebook.com/{page}/posts/{number}"),
                format!("https://m.facebook.com/permalink.php?story_fbid={number}&id={page}"),
            )
        }
        PlatformKind::YouTube => (
            url.clone(),
            format!("https://youtu.be/{id}?si=q1fJ5cVbTn0aXw3e"),
        ),
        PlatformKind::TikTok => (
            url.clone(),
            format!("{url}?is_from_webapp=1&sender_device=pc"),
        ),
        PlatformKind::X => (
            url.clone(),
            format!("https://twitter.com/i/web/status/{id}?s=20"),
        ),
    })
}
