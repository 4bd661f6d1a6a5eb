//! Which post an id names, whether it ever existed, and when it was created.

use super::accounts::META_PAGE;
use super::instagram_media::{Media, MediaKind, code_number, number_of_graph_id};
use super::platform::Platform;
use super::world::World;
use super::{meta_post, reddit_post, tiktok_video, x_post, youtube_video};

/// The native id of a post that may be named in another way: `t3_…` on Reddit, a Graph id on
/// Instagram, a `pfbid…` or the number alone (of [`META_PAGE`]) on Meta.
pub(super) fn native_id(platform: Platform, id: &str) -> Option<String> {
    match platform {
        Platform::Reddit => {
            let id = id.strip_prefix("t3_").unwrap_or(id).to_ascii_lowercase();
            reddit_post::is_id(&id).then_some(id)
        }
        Platform::Instagram => {
            let pk = code_number(id).or_else(|| number_of_graph_id(id))?;
            Some(
                Media {
                    pk,
                    kind: MediaKind::Image,
                }
                .code(),
            )
        }
        Platform::Meta => {
            let post = meta_post::parse(id)
                .or_else(|| meta_post::parse_pfbid(id))
                .or_else(|| {
                    Some(meta_post::Post {
                        page: META_PAGE,
                        number: id.parse().ok()?,
                    })
                })?;
            Some(post.graph_id())
        }
        Platform::YouTube => youtube_video::is_id(id).then(|| id.to_owned()),
        Platform::TikTok => tiktok_video::parse(id).map(tiktok_video::Video::id),
        Platform::X => x_post::parse(id).map(x_post::Post::id),
    }
}

impl World {
    /// When a post was created, in unix milliseconds; `None` where it never existed.
    pub(super) fn created_ms(&self, platform: Platform, native_id: &str) -> Option<i64> {
        match platform {
            Platform::Reddit => (reddit_post::fate(native_id) != reddit_post::Fate::Gone)
                .then(|| reddit_post::created_s(native_id) * 1_000),
            Platform::Instagram => self
                .media
                .find(code_number(native_id)?)
                .map(Media::created_ms),
            Platform::Meta => {
                let post = meta_post::parse(native_id)?;
                post.exists(self.seed()).then(|| post.created_s() * 1_000)
            }
            Platform::YouTube => youtube_video::is_shown(native_id).then(|| {
                youtube_video::Video::new(self.seed(), self.epoch_ms(), native_id).published_ms()
            }),
            Platform::TikTok => tiktok_video::parse(native_id)
                .filter(|video| video.exists(self.epoch_ms()))
                .map(|video| video.created_s() * 1_000),
            Platform::X => x_post::parse(native_id)
                .filter(|post| post.exists(self.epoch_ms()))
                .map(x_post::Post::created_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_an_id_is_none_and_what_can_be_is_taken_as_it_is() {
        for (platform, id) in [
            (Platform::YouTube, "D-lhorsDlUQ"),
            (Platform::TikTok, "7077642457847991554"),
            (Platform::X, "1278347468690915330"),
        ] {
            assert_eq!(native_id(platform, id).as_deref(), Some(id));
            assert_eq!(native_id(platform, ""), None);
            assert_eq!(native_id(platform, &format!("{id}0")), None);
            assert!(World::new(7).figures(platform, id, None).is_some());
        }
    }

    #[test]
    fn what_its_ending_makes_vanish_never_existed() {
        let world = World::new(7);
        for (platform, id) in [
            (Platform::YouTube, "abcdefggone"),
            (Platform::YouTube, "abcdefgpriv"),
            (Platform::TikTok, "7077642457847991404"),
            (Platform::X, "1278347468690915404"),
            (Platform::X, "20"),
        ] {
            assert_eq!(world.figures(platform, id, None), None, "{id}");
        }
    }
}
