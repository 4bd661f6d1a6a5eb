//! What a post has earned: a pure function of the seed, the platform, its native id and its age.
//!
//! There is no table of posts to run out of or to keep in step, and whoever knows the seed can say
//! what an honest claim would be. Integers only, so every machine computes the same counts, and
//! every count only ever grows with age: a fall is something that a test asks for (a purge).

use serde::Serialize;

use super::digest::{digest, mix};

/// The fewest views that a post starts with.
pub const SMALLEST_POST: u64 = 200;
/// The most views that a post starts with.
pub const LARGEST_POST: u64 = 200_000;

const HOUR_MS: u64 = 3_600_000;
/// A hundred years. Ages above it are taken as this one, which keeps the products within 64 bits.
const GREATEST_AGE_MS: u64 = 100 * 365 * 24 * HOUR_MS;

/// The counts of one post at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// How often it was shown.
    pub views: u64,
    /// Clicks on its link: 1 to 4 % of the views.
    pub clicks: u64,
    /// Upvotes, likes or reactions: 0.5 to 6 % of the views.
    pub score: u64,
    /// Comments: 0.1 to 1 % of the views.
    pub comments: u64,
    /// Shares: up to 0.8 % of the views; often 0 for a small post.
    pub shares: u64,
    /// Saves: up to 1.5 % of the views.
    pub saved: u64,
    /// Distinct viewers: 55 to 90 % of the views.
    pub reach: u64,
}

impl Figures {
    /// The same post after `percent` (at most 100) of each count was taken away, as platforms do
    /// when they remove views that were not human.
    #[must_use]
    pub fn purged(self, percent: u8) -> Self {
        let keep = u64::from(100 - percent.min(100));
        let part = |count: u64| count * keep / 100;
        Self {
            views: part(self.views),
            clicks: part(self.clicks),
            score: part(self.score),
            comments: part(self.comments),
            shares: part(self.shares),
            saved: part(self.saved),
            reach: part(self.reach),
        }
    }
}

/// The counts of a post at `age_ms` milliseconds after its creation.
///
/// `platform` is `reddit`, `instagram`, `meta`, `youtube`, `tiktok` or `x`; `native_id` is what
/// `/_control/posts` names so: the base36 id, the shortcode, `<page id>_<post id>`, or the id in the
/// URL of the video or post. Views start between [`SMALLEST_POST`] and [`LARGEST_POST`],
/// log-uniform by octaves, and grow by half to three times of that, half of it within 12 to 120
/// hours. No count falls when `age_ms` rises.
#[must_use]
pub fn figures(seed: u64, platform: &str, native_id: &str, age_ms: u64) -> Figures {
    let key = digest(seed, platform, native_id);
    let base = starting_views(key);
    let growth_percent = between(key, 1, 50, 300);
    let half_life_ms = between(key, 2, 12, 120) * HOUR_MS;
    let age_ms = age_ms.min(GREATEST_AGE_MS);
    let gained = base * growth_percent / 100 * age_ms / (age_ms + half_life_ms);
    let views = base + gained;
    let per_mille = |salt, low, high| views * between(key, salt, low, high) / 1000;
    Figures {
        views,
        clicks: per_mille(3, 10, 40),
        score: per_mille(4, 5, 60),
        comments: per_mille(5, 1, 10),
        shares: per_mille(6, 0, 8),
        saved: per_mille(7, 0, 15),
        reach: per_mille(8, 550, 900),
    }
}

/// One of ten doublings from 200 to 200,000, then a place within it.
fn starting_views(key: u64) -> u64 {
    let low = SMALLEST_POST << (key % 10);
    let high = (low * 2).min(LARGEST_POST);
    low + mix(key) % (high - low + 1)
}

/// A number from `low` to `high`, both included, that belongs to this post and `salt`.
fn between(key: u64, salt: u64, low: u64, high: u64) -> u64 {
    low + mix(key ^ (salt << 56)) % (high - low + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGES: [u64; 8] = [
        0,
        1,
        HOUR_MS,
        24 * HOUR_MS,
        100 * HOUR_MS,
        720 * HOUR_MS,
        87_600 * HOUR_MS,
        u64::MAX,
    ];

    fn sample() -> impl Iterator<Item = String> {
        (0..500).map(|number| format!("1s{number:05}"))
    }

    #[test]
    fn the_same_post_has_the_same_figures_and_another_seed_others() {
        assert_eq!(
            figures(7, "reddit", "1skjxt0", 5),
            figures(7, "reddit", "1skjxt0", 5)
        );
        assert_ne!(
            figures(7, "reddit", "1skjxt0", 5),
            figures(8, "reddit", "1skjxt0", 5)
        );
        assert_ne!(
            figures(7, "reddit", "1skjxt0", 5),
            figures(7, "meta", "1skjxt0", 5)
        );
    }

    #[test]
    fn no_count_falls_while_a_post_ages() {
        for id in sample() {
            for pair in AGES.windows(2) {
                let young = figures(7, "reddit", &id, pair[0]);
                let old = figures(7, "reddit", &id, pair[1]);
                assert!(
                    young.views <= old.views && young.clicks <= old.clicks,
                    "{id}"
                );
                assert!(
                    young.score <= old.score && young.comments <= old.comments,
                    "{id}"
                );
                assert!(
                    young.shares <= old.shares && young.saved <= old.saved,
                    "{id}"
                );
                assert!(young.reach <= old.reach, "{id}");
            }
        }
    }

    #[test]
    fn a_post_starts_between_two_hundred_and_two_hundred_thousand_views_and_both_ends_occur() {
        let starts: Vec<u64> = sample()
            .map(|id| figures(7, "instagram", &id, 0).views)
            .collect();
        assert!(
            starts
                .iter()
                .all(|views| (SMALLEST_POST..=LARGEST_POST).contains(views))
        );
        assert!(starts.iter().any(|views| *views < 1_000));
        assert!(starts.iter().any(|views| *views > 100_000));
    }

    #[test]
    fn growth_saturates_within_four_times_the_start() {
        for id in sample() {
            let start = figures(7, "meta", &id, 0).views;
            let end = figures(7, "meta", &id, u64::MAX).views;
            assert!(end > start && end <= start * 4, "{id}: {start} to {end}");
        }
    }

    #[test]
    fn clicks_are_one_to_four_percent_of_the_views() {
        for id in sample() {
            let now = figures(7, "reddit", &id, 50 * HOUR_MS);
            assert!(now.clicks <= now.views * 4 / 100, "{id}");
            assert!(now.clicks >= now.views / 100, "{id}");
        }
    }

    #[test]
    fn a_purge_takes_its_share_and_all_of_it_at_a_hundred_percent() {
        let before = figures(7, "reddit", "1skjxt0", 0);
        let after = before.purged(30);
        assert_eq!(after.views, before.views * 70 / 100);
        assert!(after.clicks <= before.clicks);
        assert_eq!(before.purged(100).views, 0);
        assert_eq!(before.purged(0), before);
    }
}
