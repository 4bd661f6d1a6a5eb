//! Posts to work with: existing ones by number, for demos, tests and benchmarks.
//!
//! The list of a platform is endless and fixed by the seed: asking for more gives the same ones and
//! more. But on Reddit, every fourth belongs to another account than the owned one, and so does
//! everything after the 300 that the owned account has.

use serde::Serialize;

use super::accounts::{
    INSTAGRAM_ACCOUNT, META_PAGE, TIKTOK_ACCOUNT, X_ACCOUNT, YOUTUBE_CHANNEL, account_of,
    channel_id, creator, handle_of, member, member_handle, member_of, other_page,
};
use super::instagram_media::{self, MEDIA_PER_ACCOUNT};
use super::meta_post::{self, POSTS_PER_PAGE};
use super::platform::Platform;
use super::published::POSTS_PER_MEMBER;
use super::reddit_post::{self, Fate};
use super::world::World;
use super::{instagram, reddit, tiktok_video, x_post, youtube_video};

/// An existing post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SamplePost {
    /// Its public address, as an affiliate would submit it.
    pub url: String,
    /// The base36 id on Reddit, the shortcode on Instagram, `<page id>_<post id>` on Meta, elsewhere
    /// the id in the URL.
    pub native_id: String,
    /// The author on Reddit, the page's id on Meta, elsewhere the handle without `@`.
    pub account_handle: String,
    /// The account's id, that of the channel on YouTube; null on Reddit, where it is of no use.
    pub account_id: Option<String>,
    /// Whether it belongs to the account of the simulator's own credential. Never on Reddit.
    pub owned: bool,
    /// Unix milliseconds.
    pub created_at_ms: i64,
    /// `REELS` or `FEED` on Instagram, else null.
    pub product_type: Option<String>,
}

/// The posts of an account, which are as many on every platform that lists them.
const EACH: u64 = POSTS_PER_PAGE;
const _: () = assert!(MEDIA_PER_ACCOUNT == EACH && POSTS_PER_MEMBER == EACH);

/// An account or page, the number of a post in its list, and whether it is the owned one.
struct Place {
    account: u64,
    nth: u64,
    owned: bool,
}

/// Where a post of a platform's mixed list lies. `others` gives the accounts that are not owned.
fn place(index: u64, own: u64, others: impl Fn(u64) -> u64) -> Place {
    let mixed = EACH / 3 * 4;
    if index < mixed && index % 4 != 3 {
        return Place {
            account: own,
            nth: index - index / 4,
            owned: true,
        };
    }
    let foreign = if index < mixed {
        index / 4
    } else {
        mixed / 4 + index - mixed
    };
    Place {
        account: others(1 + foreign / EACH),
        nth: foreign % EACH,
        owned: false,
    }
}

impl World {
    /// `count` posts from number `offset` on. With `account` (a handle, or a page's id) only
    /// those of this account, which end after 300; there is no such list on Reddit.
    #[must_use]
    pub fn posts(
        &self,
        platform: Platform,
        offset: u64,
        count: u64,
        account: Option<&str>,
    ) -> Vec<SamplePost> {
        let range = offset..offset.saturating_add(count);
        match platform {
            Platform::Reddit => self.reddit_posts(offset, count),
            Platform::Instagram => {
                let places = places(range, account, account_of, INSTAGRAM_ACCOUNT, creator);
                places
                    .into_iter()
                    .map(|place| self.instagram_post(&place))
                    .collect()
            }
            Platform::Meta => {
                let page_of = |page: &str| page.parse::<u64>().ok();
                let places = places(range, account, page_of, META_PAGE, other_page);
                places
                    .into_iter()
                    .map(|place| self.meta_post(&place))
                    .collect()
            }
            Platform::YouTube => members(range, account, YOUTUBE_CHANNEL)
                .iter()
                .map(|place| self.youtube_post(place))
                .collect(),
            Platform::TikTok => members(range, account, TIKTOK_ACCOUNT)
                .iter()
                .map(|place| self.tiktok_post(place))
                .collect(),
            Platform::X => members(range, account, X_ACCOUNT)
                .iter()
                .map(|place| self.x_post(place))
                .collect(),
        }
    }

    /// The path of a short link that redirects to a post, below the simulator's root; `None` where
    /// there is no such post, or its id is too long for one. There are none on YouTube, whose short
    /// links hold the id itself.
    #[must_use]
    pub fn short_link(&self, platform: Platform, native_id: &str) -> Option<String> {
        match platform {
            Platform::Reddit => {
                let path =
                    reddit_post::is_id(native_id).then(|| reddit::share_path(self, native_id));
                path.flatten()
            }
            Platform::Instagram => {
                let pk = instagram_media::code_number(native_id)?;
                self.media.find(pk).map(instagram::share_path)
            }
            Platform::Meta => {
                let post = meta_post::parse(native_id).filter(|post| post.exists(self.seed()))?;
                Some(super::meta::share_path(post))
            }
            Platform::YouTube => None,
            Platform::TikTok => tiktok_video::parse(native_id)
                .filter(|video| video.exists(self.epoch_ms()))
                .map(tiktok_video::share_path),
            Platform::X => x_post::parse(native_id)
                .filter(|post| post.exists(self.epoch_ms()))
                .map(x_post::share_path),
        }
    }

    fn reddit_posts(&self, offset: u64, count: u64) -> Vec<SamplePost> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        (0_u64..)
            .map(|nth| reddit_post::sample_id(self.seed(), self.epoch_ms(), nth))
            .filter(|id| reddit_post::fate(id) == Fate::Alive)
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(count)
            .map(|id| {
                let post = reddit_post::Post::new(self.seed(), &id);
                SamplePost {
                    url: format!("https://www.reddit.com{}", post.permalink()),
                    account_handle: post.author(),
                    account_id: None,
                    owned: false,
                    created_at_ms: post.created_ms(),
                    product_type: None,
                    native_id: id.clone(),
                }
            })
            .collect()
    }

    fn instagram_post(&self, place: &Place) -> SamplePost {
        let media =
            instagram_media::derived(self.seed(), self.epoch_ms(), place.account, place.nth);
        SamplePost {
            url: media.permalink(),
            native_id: media.code(),
            account_handle: handle_of(place.account),
            account_id: Some(place.account.to_string()),
            owned: place.owned,
            created_at_ms: media.created_ms(),
            product_type: Some(media.kind.product_type().to_owned()),
        }
    }

    fn meta_post(&self, place: &Place) -> SamplePost {
        let post = meta_post::derived(self.seed(), self.epoch_ms(), place.account, place.nth);
        SamplePost {
            url: post.permalink(self.seed()),
            native_id: post.graph_id(),
            account_handle: place.account.to_string(),
            account_id: Some(place.account.to_string()),
            owned: place.owned,
            created_at_ms: post.created_s() * 1_000,
            product_type: None,
        }
    }

    fn youtube_post(&self, place: &Place) -> SamplePost {
        let (seed, epoch_ms) = (self.seed(), self.epoch_ms());
        let id = youtube_video::derived(seed, epoch_ms, place.account, place.nth);
        let video = youtube_video::Video::new(seed, epoch_ms, &id);
        SamplePost {
            url: video.url(),
            account_handle: member_handle(YOUTUBE_CHANNEL, place.account),
            account_id: Some(channel_id(place.account)),
            owned: place.owned,
            created_at_ms: video.published_ms(),
            product_type: None,
            native_id: id.clone(),
        }
    }

    fn tiktok_post(&self, place: &Place) -> SamplePost {
        let video = tiktok_video::derived(self.seed(), self.epoch_ms(), place.account, place.nth);
        SamplePost {
            url: video.url(),
            native_id: video.id(),
            account_handle: member_handle(TIKTOK_ACCOUNT, place.account),
            account_id: Some(place.account.to_string()),
            owned: place.owned,
            created_at_ms: video.created_s() * 1_000,
            product_type: None,
        }
    }

    fn x_post(&self, place: &Place) -> SamplePost {
        let post = x_post::derived(self.seed(), self.epoch_ms(), place.account, place.nth);
        SamplePost {
            url: post.url(),
            native_id: post.id(),
            account_handle: member_handle(X_ACCOUNT, place.account),
            account_id: Some(place.account.to_string()),
            owned: place.owned,
            created_at_ms: post.created_ms(),
            product_type: None,
        }
    }
}

/// The places of a range of numbers on YouTube, TikTok or X, whose owned account is `own`.
fn members(range: std::ops::Range<u64>, account: Option<&str>, own: u64) -> Vec<Place> {
    let account_of = |handle: &str| member_of(own, handle);
    places(range, account, account_of, own, |place| member(own, place))
}

/// The places of a range of numbers, of one account or of the platform's mixed list.
fn places(
    range: std::ops::Range<u64>,
    account: Option<&str>,
    account_of: impl Fn(&str) -> Option<u64>,
    own: u64,
    others: impl Fn(u64) -> u64,
) -> Vec<Place> {
    let Some(account) = account else {
        return range.map(|index| place(index, own, &others)).collect();
    };
    let Some(account) = account_of(account) else {
        return Vec::new();
    };
    let end = range.end.min(EACH);
    (range.start..end)
        .map(|nth| Place {
            account,
            nth,
            owned: account == own,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::accounts::STUDIO_HANDLE;
    use super::*;

    #[test]
    fn a_longer_list_starts_with_the_shorter_one_and_never_repeats() {
        let world = World::new(7);
        for platform in Platform::ALL {
            let long = world.posts(platform, 0, 900, None);
            assert_eq!(long.len(), 900);
            assert_eq!(world.posts(platform, 0, 10, None), long[..10]);
            assert_eq!(world.posts(platform, 350, 100, None), long[350..450]);
            let distinct: HashSet<&str> = long.iter().map(|post| post.native_id.as_str()).collect();
            assert_eq!(distinct.len(), 900);
        }
    }

    #[test]
    fn every_listed_post_exists() {
        let world = World::new(7);
        for platform in Platform::ALL {
            for post in world.posts(platform, 0, 500, None) {
                let figures = world.figures(platform, &post.native_id, None);
                assert!(figures.is_some(), "{}", post.url);
            }
        }
    }

    #[test]
    fn the_owned_account_has_its_300_and_others_are_mixed_in() {
        let world = World::new(7);
        for platform in Platform::ALL {
            if platform == Platform::Reddit {
                continue;
            }
            let posts = world.posts(platform, 0, 1_000, None);
            assert_eq!(posts.iter().filter(|post| post.owned).count(), 300);
            assert!(!posts[3].owned && posts[4].owned);
        }
        assert!(
            world
                .posts(Platform::Reddit, 0, 50, None)
                .iter()
                .all(|post| !post.owned)
        );
    }

    #[test]
    fn the_list_of_one_account_is_that_accounts() {
        let world = World::new(7);
        let posts = world.posts(Platform::Instagram, 0, 1_000, Some("creator_5"));
        assert_eq!(posts.len(), 300);
        assert!(
            posts
                .iter()
                .all(|post| post.account_handle == "creator_5" && !post.owned)
        );
        let owned = world.posts(Platform::Instagram, 0, 5, Some("countersign.studio"));
        assert!(owned.len() == 5 && owned.iter().all(|post| post.owned));
        assert!(
            world
                .posts(Platform::Instagram, 0, 5, Some("creator_gone"))
                .is_empty()
        );
        for platform in [Platform::YouTube, Platform::TikTok, Platform::X] {
            let posts = world.posts(platform, 290, 100, Some("creator_5"));
            assert_eq!(posts.len(), 10);
            assert!(
                posts
                    .iter()
                    .all(|post| post.account_handle == "creator_5" && !post.owned)
            );
            let owned = world.posts(platform, 0, 5, Some(STUDIO_HANDLE));
            assert!(owned.len() == 5 && owned.iter().all(|post| post.owned));
            assert!(world.posts(platform, 0, 5, Some("nobody")).is_empty());
        }
    }

    #[test]
    fn listed_posts_were_published_before_the_epoch() {
        for world in [World::new(7), World::of_today(7)] {
            for platform in Platform::ALL {
                for post in world.posts(platform, 0, 500, None) {
                    let age_ms = world.epoch_ms() - post.created_at_ms;
                    assert!(
                        (0..=31 * 86_400_000).contains(&age_ms),
                        "{} is {age_ms} ms old",
                        post.url
                    );
                }
            }
        }
    }

    #[test]
    fn a_short_link_is_made_for_every_platform_that_has_opaque_ones() {
        let world = World::new(7);
        for platform in Platform::ALL {
            let post = &world.posts(platform, 0, 1, None)[0];
            let path = world.short_link(platform, &post.native_id);
            if platform == Platform::YouTube {
                assert_eq!(path, None);
                continue;
            }
            let path = path.unwrap();
            let below = path.strip_prefix(&format!("/{}/", platform.as_str()));
            let is_short = match platform {
                Platform::X => below.is_some_and(|token| !token.contains('/')),
                Platform::TikTok => below.is_some_and(|below| below.starts_with("t/")),
                _ => path.contains("/s/") || path.contains("/share/"),
            };
            assert!(below.is_some() && is_short, "{path}");
        }
        assert_eq!(world.short_link(Platform::X, "20"), None);
        assert_eq!(world.short_link(Platform::Instagram, "B-fKL9qpeab"), None);
    }
}
