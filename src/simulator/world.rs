//! The state behind the simulated platforms: a seed, a clock, and what was done to them.
//!
//! Posts are not stored: whether one exists and what it earned follows from the seed and the time.
//! What is stored is only what a test, a demo or an operator changed, and counters.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::accounts::account_of;
use super::calls::{Call, Calls};
use super::changes::{Change, Changes};
use super::codec::{BASE64_URL, encode};
use super::digest::digest_number;
use super::faults::{Fault, Faults, Strike};
use super::figures::{Figures, figures};
use super::identity::native_id;
use super::instagram_media::{Media, MediaKind, MediaLibrary, code_number};
use super::platform::Platform;
use super::published::written;
use super::quota::{LIFTED, Quota, Reading};

/// 2026-11-01T00:00:00Z: the newest derived posts are from just before it, unless told otherwise.
pub const DEFAULT_EPOCH_MS: i64 = 1_793_491_200_000;

/// Calls in a window of ten minutes that Reddit allows a client.
const REDDIT_LIMIT: u64 = 1_000;
const REDDIT_WINDOW_S: u64 = 600;
/// Calls in an hour that the Graph platforms allow here; on Meta's side it depends on the audience.
const GRAPH_LIMIT: u64 = 4_800;
const GRAPH_WINDOW_S: u64 = 3_600;
/// Units of a day that YouTube allows a project; a call costs one.
const YOUTUBE_LIMIT: u64 = 10_000;
const YOUTUBE_WINDOW_S: u64 = 86_400;
/// Calls in a minute that TikTok allows.
const TIKTOK_LIMIT: u64 = 600;
const TIKTOK_WINDOW_S: u64 = 60;
/// Look-ups in 15 minutes that X allows an app.
pub(super) const X_LIMIT: u64 = 3_500;
const X_WINDOW_S: u64 = 900;

/// Everything that the simulated platforms know. Shared by all requests.
pub struct World {
    seed: u64,
    epoch_ms: i64,
    credentials_required: bool,
    offset_ms: AtomicI64,
    growth_frozen: AtomicBool,
    traces: AtomicU64,
    requests: AtomicU64,
    calls: Calls,
    faults: Faults,
    changes: Changes,
    quotas: [Quota; Platform::ALL.len()],
    pub(super) media: MediaLibrary,
}

impl World {
    /// A world whose posts were published before [`DEFAULT_EPOCH_MS`], with the system's clock, any
    /// credential accepted and no quota to run out of.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            epoch_ms: DEFAULT_EPOCH_MS,
            credentials_required: false,
            offset_ms: AtomicI64::new(0),
            growth_frozen: AtomicBool::new(false),
            traces: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            calls: Calls::new(),
            faults: Faults::new(seed),
            changes: Changes::default(),
            quotas: [
                Quota::new(LIFTED, REDDIT_WINDOW_S),
                Quota::new(LIFTED, GRAPH_WINDOW_S),
                Quota::new(LIFTED, GRAPH_WINDOW_S),
                Quota::new(LIFTED, YOUTUBE_WINDOW_S),
                Quota::new(LIFTED, TIKTOK_WINDOW_S),
                Quota::new(LIFTED, X_WINDOW_S),
            ],
            media: MediaLibrary::new(seed),
        }
    }

    /// A world whose posts were published in the 30 days before this one began, in UTC.
    #[must_use]
    pub fn of_today(seed: u64) -> Self {
        const DAY_MS: i64 = 86_400_000;
        let world = Self::new(seed);
        let now_ms = world.now_ms();
        world.with_epoch(now_ms - now_ms.rem_euclid(DAY_MS))
    }

    /// The same with the derived posts of the 30 days before `unix_ms`.
    #[must_use]
    pub fn with_epoch(mut self, unix_ms: i64) -> Self {
        self.epoch_ms = unix_ms;
        self
    }

    /// The same with quotas that run out: Reddit 1,000 calls in 600 s, Instagram and Meta 4,800 in
    /// an hour, YouTube 10,000 in a day, TikTok 600 in a minute, X 3,500 in 900 s.
    #[must_use]
    pub fn with_real_quotas(self) -> Self {
        self.set_quota(Platform::Reddit, Some(REDDIT_LIMIT), None);
        self.set_quota(Platform::Instagram, Some(GRAPH_LIMIT), None);
        self.set_quota(Platform::Meta, Some(GRAPH_LIMIT), None);
        self.set_quota(Platform::YouTube, Some(YOUTUBE_LIMIT), None);
        self.set_quota(Platform::TikTok, Some(TIKTOK_LIMIT), None);
        self.set_quota(Platform::X, Some(X_LIMIT), None);
        self
    }

    /// The same, refusing tokens that it did not issue, and insights to whom they do not belong.
    #[must_use]
    pub fn with_credentials_required(mut self) -> Self {
        self.credentials_required = true;
        self
    }

    /// The same with figures that do not depend on the time: those of the moment of creation. Posts
    /// stay new, so an author on X sees what is only told for 30 days.
    #[must_use]
    pub fn with_frozen_growth(self) -> Self {
        self.set_growth_frozen(true);
        self
    }

    /// What everything is derived from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The moment before which the derived posts were published, in unix milliseconds.
    #[must_use]
    pub const fn epoch_ms(&self) -> i64 {
        self.epoch_ms
    }

    /// Whether tokens are checked.
    pub(super) const fn credentials_required(&self) -> bool {
        self.credentials_required
    }

    /// The simulator's time in unix milliseconds: the system's, moved by [`World::set_clock`].
    #[allow(
        clippy::disallowed_methods,
        reason = "this is the simulator's own clock"
    )]
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let system_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        system_ms.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// The time as an answer's `Date` says it, where the clock was moved; the server's own is right otherwise. Whoever is
    /// told a time holds it against this one.
    pub(super) fn date(&self) -> Option<String> {
        let is_moved = self.offset_ms.load(Ordering::Relaxed) != 0;
        is_moved.then(|| written(self.now_ms() / 1_000, "%a, %d %b %Y %H:%M:%S GMT"))
    }

    /// Sets how many milliseconds the simulator's clock is ahead of the system's; negative for
    /// behind. Posts age with it, tokens expire, quotas start anew.
    pub fn set_clock(&self, offset_ms: i64) {
        self.offset_ms.store(offset_ms, Ordering::Relaxed);
    }

    /// Whether figures stay those of the moment of creation. Freezing a world that has answered
    /// before makes counts fall.
    pub fn set_growth_frozen(&self, frozen: bool) {
        self.growth_frozen.store(frozen, Ordering::Relaxed);
    }

    /// How often an endpoint was called since the start, by its name in `/_control/calls`, such as
    /// `reddit.info`; 0 for a name that is none.
    #[must_use]
    pub fn calls(&self, name: &str) -> u64 {
        Call::ALL
            .into_iter()
            .find(|call| call.name() == name)
            .map_or(0, |call| self.calls.get(call))
    }

    /// Every endpoint with how often it was called since the start.
    pub(super) fn all_calls(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Call::ALL
            .into_iter()
            .map(|call| (call.name(), self.calls.get(call)))
    }

    /// How many HTTP requests the platforms were sent since the start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many calls faults have struck since the start, parts of batches among them.
    #[must_use]
    pub fn faults_struck(&self) -> u64 {
        self.faults.struck()
    }

    /// Counts calls of an endpoint.
    pub(super) fn count(&self, call: Call, by: u64) {
        self.calls.add(call, by);
    }

    /// Adds a fault. It replaces one of the same platform, kind and endpoint.
    pub fn add_fault(&self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Ends every fault, or those of one platform.
    pub fn clear_faults(&self, platform: Option<Platform>) {
        self.faults.clear(platform);
    }

    /// What befalls a call, which is counted where it is a request of its own and no part of a batch.
    pub(super) fn strike(&self, platform: Platform, call: Call, part: bool) -> Strike {
        if !part {
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
        self.faults.strike(platform, call, part)
    }

    /// Sets how many calls a platform allows in a window, with none used; `None` lifts the quota.
    /// The window's length, in seconds, stays as it is unless one is given.
    pub fn set_quota(&self, platform: Platform, limit: Option<u64>, window_s: Option<u64>) {
        self.quotas[platform.index()].set(limit.unwrap_or(LIFTED), window_s);
    }

    /// Counts calls against a platform's quota.
    pub(super) fn spend(&self, platform: Platform, cost: u64, now_ms: i64) -> Reading {
        self.quotas[platform.index()].take(now_ms, cost)
    }

    /// A trace id such as Graph puts into its errors; another one each time.
    pub(super) fn next_trace(&self) -> String {
        let nth = self.traces.fetch_add(1, Ordering::Relaxed);
        let number = digest_number(self.seed, "trace", nth);
        format!(
            "A{}{}",
            encode(BASE64_URL, number, 11),
            encode(BASE64_URL, !number, 11)
        )
    }

    /// Adds a media to the list of an Instagram account. `product_type` is `REELS`, `FEED` or
    /// `CAROUSEL`. False, and nothing added, where the handle or the shortcode cannot exist or the
    /// product type is another one.
    pub fn register_media(
        &self,
        account_handle: &str,
        shortcode: &str,
        product_type: &str,
    ) -> bool {
        let account = account_of(account_handle);
        let kind = MediaKind::parse(product_type);
        let (Some(account), Some(pk), Some(kind)) = (account, code_number(shortcode), kind) else {
            return false;
        };
        let media = Media { pk, kind };
        if !media.has_graph_id() {
            return false;
        }
        self.media.register(account, media);
        true
    }

    /// Makes a post vanish from every answer. False where `id` cannot be one of the platform.
    pub fn vanish(&self, platform: Platform, id: &str) -> bool {
        let Some(native_id) = native_id(platform, id) else {
            return false;
        };
        self.changes.vanish(platform, native_id);
        true
    }

    /// Takes `percent` (at most 100) of each of a post's counts away. False where `id` cannot be
    /// one of the platform.
    pub fn purge(&self, platform: Platform, id: &str, percent: u8) -> bool {
        let Some(native_id) = native_id(platform, id) else {
            return false;
        };
        self.changes.purge(platform, native_id, percent);
        true
    }

    /// Undoes [`World::vanish`] and [`World::purge`]. False where `id` cannot be one of the
    /// platform.
    pub fn restore(&self, platform: Platform, id: &str) -> bool {
        let Some(native_id) = native_id(platform, id) else {
            return false;
        };
        self.changes.restore(platform, &native_id);
        true
    }

    /// What was done to a post; `native_id` is only made when some post was changed.
    pub(super) fn change(&self, platform: Platform, native_id: impl FnOnce() -> String) -> Change {
        self.changes.of(platform, native_id)
    }

    /// The figures that the platform shows of a post at `at_ms` (unix milliseconds; now where none
    /// is given), and whether it has vanished; `None` where the post never existed.
    #[must_use]
    pub fn figures(
        &self,
        platform: Platform,
        id: &str,
        at_ms: Option<i64>,
    ) -> Option<(Figures, bool)> {
        let native_id = native_id(platform, id)?;
        let created_ms = self.created_ms(platform, &native_id)?;
        let change = self.change(platform, || native_id.clone());
        let at_ms = at_ms.unwrap_or_else(|| self.now_ms());
        Some((
            self.earned(platform, &native_id, created_ms, at_ms, change),
            change.gone,
        ))
    }

    /// The figures that a post has earned by `at_ms` (unix milliseconds), whatever was done to it since; `None` where it
    /// never existed.
    #[must_use]
    pub fn untouched(&self, platform: Platform, id: &str, at_ms: i64) -> Option<Figures> {
        let native_id = native_id(platform, id)?;
        let created_ms = self.created_ms(platform, &native_id)?;
        Some(self.earned(platform, &native_id, created_ms, at_ms, Change::default()))
    }

    /// How old a post is at `at_ms`, in milliseconds. While growth is frozen all are new.
    pub(super) fn age_ms(&self, created_ms: i64, at_ms: i64) -> u64 {
        if self.growth_frozen.load(Ordering::Relaxed) {
            return 0;
        }
        u64::try_from(at_ms.saturating_sub(created_ms)).unwrap_or(0)
    }

    /// The figures of a post that is known to exist.
    pub(super) fn earned(
        &self,
        platform: Platform,
        native_id: &str,
        created_ms: i64,
        at_ms: i64,
        change: Change,
    ) -> Figures {
        let age_ms = self.age_ms(created_ms, at_ms);
        let earned = figures(self.seed, platform.as_str(), native_id, age_ms);
        if change.purged_percent == 0 {
            earned
        } else {
            earned.purged(change.purged_percent)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::accounts::META_PAGE;
    use super::super::{meta_post, reddit_post};
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn figures_grow_with_the_clock_and_stand_still_when_frozen() {
        let world = World::new(7);
        let start = reddit_post::created_s("1skjxta") * 1_000;
        let at = |ms| {
            world
                .figures(Platform::Reddit, "1skjxta", Some(ms))
                .unwrap()
                .0
                .views
        };
        assert!(at(start) < at(start + DAY_MS));
        assert_eq!(at(start), at(start - DAY_MS));
        let frozen = World::new(7).with_frozen_growth();
        let later = frozen
            .figures(Platform::Reddit, "1skjxta", Some(start + DAY_MS))
            .unwrap()
            .0;
        assert_eq!(later.views, at(start));
    }

    #[test]
    fn the_clock_moves_by_its_offset() {
        let world = World::new(7);
        let before = world.now_ms();
        world.set_clock(10 * DAY_MS);
        assert!(world.now_ms() - before >= 10 * DAY_MS);
        world.set_clock(-10 * DAY_MS);
        assert!(world.now_ms() - before <= -9 * DAY_MS);
    }

    #[test]
    fn a_post_is_the_same_under_every_name_it_has() {
        let world = World::new(7);
        let media = world
            .media
            .older(DEFAULT_EPOCH_MS, 42, u64::MAX, 1, &|_| true)[0];
        let at = Some(DEFAULT_EPOCH_MS);
        assert_eq!(
            world.figures(Platform::Instagram, &media.code(), at),
            world.figures(Platform::Instagram, &media.graph_id().to_string(), at),
        );
        let post = meta_post::derived(7, DEFAULT_EPOCH_MS, META_PAGE, 0);
        let by_id = world.figures(Platform::Meta, &post.graph_id(), at);
        assert!(by_id.is_some());
        assert_eq!(by_id, world.figures(Platform::Meta, &post.pfbid(), at));
        assert_eq!(
            by_id,
            world.figures(Platform::Meta, &post.number.to_string(), at)
        );
        assert_eq!(
            world.figures(Platform::Reddit, "t3_1skjxta", at),
            world.figures(Platform::Reddit, "1SKJXTA", at),
        );
    }

    #[test]
    fn what_never_existed_has_no_figures_and_what_vanished_says_so() {
        let world = World::new(7);
        assert_eq!(world.figures(Platform::Reddit, "1agone", None), None);
        assert_eq!(world.figures(Platform::Reddit, "not an id", None), None);
        assert_eq!(
            world.figures(Platform::Instagram, "B-fKL9qpeab", None),
            None
        );
        assert_eq!(
            world.figures(Platform::Meta, "5_424924701699721", None),
            None
        );
        assert!(world.vanish(Platform::Reddit, "1skjxta"));
        assert!(world.figures(Platform::Reddit, "1skjxta", None).unwrap().1);
        assert!(world.restore(Platform::Reddit, "1skjxta"));
        assert!(!world.figures(Platform::Reddit, "1skjxta", None).unwrap().1);
        assert!(!world.vanish(Platform::Reddit, "not an id"));
    }

    #[test]
    fn a_purge_lowers_the_counts() {
        let world = World::new(7).with_frozen_growth();
        let before = world.figures(Platform::Reddit, "1skjxta", None).unwrap().0;
        assert!(world.purge(Platform::Reddit, "1skjxta", 40));
        let after = world.figures(Platform::Reddit, "1skjxta", None).unwrap().0;
        assert_eq!(after.views, before.views * 60 / 100);
        let untouched = world.untouched(Platform::Reddit, "1skjxta", world.now_ms());
        assert_eq!(untouched, Some(before));
        assert_eq!(world.untouched(Platform::Reddit, "not an id", 0), None);
    }

    #[test]
    fn registering_refuses_what_cannot_exist() {
        let world = World::new(7);
        assert!(world.register_media("creator_1", "B-fKL9qpeab", "REELS"));
        assert!(
            world
                .figures(Platform::Instagram, "B-fKL9qpeab", None)
                .is_some()
        );
        assert!(!world.register_media("no such handle", "B-fKL9qpeab", "REELS"));
        assert!(!world.register_media("creator_1", "B-fKL9qpeab!", "REELS"));
        assert!(!world.register_media("creator_1", "abc", "REELS"));
        assert!(!world.register_media("creator_1", "B-fKL9qpeab", "STORY"));
    }
}
