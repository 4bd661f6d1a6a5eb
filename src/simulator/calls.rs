//! How often each endpoint was called, so that tests can hold an adapter to its number of requests.

use std::sync::atomic::{AtomicU64, Ordering};

use super::platform::Platform;

/// What is counted. Parts of a batch count under `….batch.parts` only, whatever they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    RedditToken,
    RedditInfo,
    RedditInfoIds,
    RedditShare,
    InstagramMedia,
    InstagramDiscovery,
    InstagramInsights,
    InstagramAccounts,
    InstagramObject,
    InstagramObjects,
    InstagramBatch,
    InstagramBatchParts,
    InstagramShare,
    MetaPost,
    MetaInsights,
    MetaPublishedPosts,
    MetaObjects,
    MetaBatch,
    MetaBatchParts,
    MetaShare,
    /// `/act_{account}/ads`.
    MetaAds,
    /// `/act_{account}/insights`.
    MetaAdInsights,
    YouTubeVideos,
    YouTubeVideosIds,
    YouTubeChannels,
    TikTokVideoQuery,
    TikTokVideoQueryIds,
    TikTokUserInfo,
    TikTokShare,
    XTweets,
    XTweetsIds,
    XUsersMe,
    XShare,
}

impl Call {
    /// Everything that is counted, in the order of declaration.
    pub(super) const ALL: [Self; 33] = [
        Self::RedditToken,
        Self::RedditInfo,
        Self::RedditInfoIds,
        Self::RedditShare,
        Self::InstagramMedia,
        Self::InstagramDiscovery,
        Self::InstagramInsights,
        Self::InstagramAccounts,
        Self::InstagramObject,
        Self::InstagramObjects,
        Self::InstagramBatch,
        Self::InstagramBatchParts,
        Self::InstagramShare,
        Self::MetaPost,
        Self::MetaInsights,
        Self::MetaPublishedPosts,
        Self::MetaObjects,
        Self::MetaBatch,
        Self::MetaBatchParts,
        Self::MetaShare,
        Self::MetaAds,
        Self::MetaAdInsights,
        Self::YouTubeVideos,
        Self::YouTubeVideosIds,
        Self::YouTubeChannels,
        Self::TikTokVideoQuery,
        Self::TikTokVideoQueryIds,
        Self::TikTokUserInfo,
        Self::TikTokShare,
        Self::XTweets,
        Self::XTweetsIds,
        Self::XUsersMe,
        Self::XShare,
    ];

    /// The name in `/_control/calls` and in a fault's `endpoint`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RedditToken => "reddit.token",
            Self::RedditInfo => "reddit.info",
            Self::RedditInfoIds => "reddit.info.ids",
            Self::RedditShare => "reddit.share",
            Self::InstagramMedia => "instagram.media",
            Self::InstagramDiscovery => "instagram.discovery",
            Self::InstagramInsights => "instagram.insights",
            Self::InstagramAccounts => "instagram.accounts",
            Self::InstagramObject => "instagram.object",
            Self::InstagramObjects => "instagram.objects",
            Self::InstagramBatch => "instagram.batch",
            Self::InstagramBatchParts => "instagram.batch.parts",
            Self::InstagramShare => "instagram.share",
            Self::MetaPost => "meta.post",
            Self::MetaInsights => "meta.insights",
            Self::MetaPublishedPosts => "meta.published_posts",
            Self::MetaObjects => "meta.objects",
            Self::MetaBatch => "meta.batch",
            Self::MetaBatchParts => "meta.batch.parts",
            Self::MetaShare => "meta.share",
            Self::MetaAds => "meta.ads",
            Self::MetaAdInsights => "meta.ad_insights",
            Self::YouTubeVideos => "youtube.videos",
            Self::YouTubeVideosIds => "youtube.videos.ids",
            Self::YouTubeChannels => "youtube.channels",
            Self::TikTokVideoQuery => "tiktok.video_query",
            Self::TikTokVideoQueryIds => "tiktok.video_query.ids",
            Self::TikTokUserInfo => "tiktok.user_info",
            Self::TikTokShare => "tiktok.share",
            Self::XTweets => "x.tweets",
            Self::XTweetsIds => "x.tweets.ids",
            Self::XUsersMe => "x.users_me",
            Self::XShare => "x.share",
        }
    }

    /// Whether a fault that names no endpoint strikes here: not at tokens and short links, so that
    /// a fault for the next call meets the next call for data.
    pub(super) const fn is_data(self) -> bool {
        !matches!(
            self,
            Self::RedditToken
                | Self::RedditShare
                | Self::InstagramShare
                | Self::MetaShare
                | Self::TikTokShare
                | Self::XShare
        )
    }

    /// The counter of batches, and of their parts, on a Graph platform.
    pub(super) const fn batch(platform: Platform) -> (Self, Self) {
        match platform {
            Platform::Meta => (Self::MetaBatch, Self::MetaBatchParts),
            _ => (Self::InstagramBatch, Self::InstagramBatchParts),
        }
    }
}

/// One counter for each [`Call`], since the start.
pub(super) struct Calls([AtomicU64; Call::ALL.len()]);

impl Calls {
    /// All at zero.
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Counts `by` more.
    pub(super) fn add(&self, call: Call, by: u64) {
        self.0[call as usize].fetch_add(by, Ordering::Relaxed);
    }

    /// The count so far.
    pub(super) fn get(&self, call: Call) -> u64 {
        self.0[call as usize].load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_has_a_counter_and_a_name_of_its_own() {
        let calls = Calls::new();
        for (index, call) in Call::ALL.into_iter().enumerate() {
            assert_eq!(call as usize, index);
            calls.add(call, 1);
            assert_eq!(calls.get(call), 1);
        }
        let mut names: Vec<&str> = Call::ALL.into_iter().map(Call::name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Call::ALL.len());
    }
}
