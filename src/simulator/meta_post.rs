//! Which posts exist on Facebook pages: 300 for every page, derived from the seed.
//!
//! The number of a post holds the second of its creation and a check of seed and page, so that an
//! existing post can be told from an invented one. Some permalinks hide the number behind a
//! `pfbid…`, as Facebook's do; only the page's own list shows which post that is.

use super::codec::{BASE58, decode, encode};
use super::digest::{digest_number, mix};

/// Posts of every page.
pub(super) const POSTS_PER_PAGE: u64 = 300;
const DAYS: u64 = 30;
/// The time between two posts, on average, in seconds.
const SLOT_S: u64 = DAYS * 86_400 / POSTS_PER_PAGE;

/// 2020-01-01, from which the seconds in a post's number count.
const NUMBER_EPOCH_S: i64 = 1_577_836_800;
/// What the number of a post starts with, before fifteen more digits.
const NUMBER_START: u64 = 122_000_000_000_000_000;
const CHECKS: u64 = 1_000_000;

/// The part of the posts, in percent, whose permalink is a `pfbid`.
const OPAQUE_PERCENT: u64 = 30;
const PFBID: &str = "pfbid0";
/// Characters of one 64-bit number in base 58.
const WIDTH: usize = 11;

/// A post of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) page: u64,
    pub(super) number: u64,
}

impl Post {
    /// The id in the Graph API, which is also the native id.
    pub(super) fn graph_id(self) -> String {
        format!("{}_{}", self.page, self.number)
    }

    /// When it was created, in unix seconds.
    pub(super) fn created_s(self) -> i64 {
        let seconds = self.number.saturating_sub(NUMBER_START) / CHECKS;
        i64::try_from(seconds)
            .unwrap_or(0)
            .saturating_add(NUMBER_EPOCH_S)
    }

    /// Its `pfbid…`.
    pub(super) fn pfbid(self) -> String {
        let mut text = String::with_capacity(PFBID.len() + 64);
        text.push_str(PFBID);
        text.push_str(&encode(BASE58, self.page, WIDTH));
        text.push_str(&encode(BASE58, self.number, WIDTH));
        for part in 0..4 {
            text.push_str(&encode(BASE58, mix(self.number ^ part), WIDTH)[..WIDTH - 1]);
        }
        text
    }

    /// Its public address.
    pub(super) fn permalink(self, seed: u64) -> String {
        let page = self.page;
        if self.is_opaque(seed) {
            format!("https://www.facebook.com/{page}/posts/{}", self.pfbid())
        } else {
            format!("https://www.facebook.com/{page}/posts/{}/", self.number)
        }
    }

    /// Whether its permalink hides the number.
    fn is_opaque(self, seed: u64) -> bool {
        digest_number(seed ^ self.page, "meta.opaque", self.number) % 100 < OPAQUE_PERCENT
    }

    /// Whether this seed has the post.
    pub(super) fn exists(self, seed: u64) -> bool {
        let created_s = self.created_s();
        created_s >= NUMBER_EPOCH_S && self.number == number_at(seed, self.page, created_s)
    }
}

/// The post of an id in the Graph API, whether it exists or not.
pub(super) fn parse(graph_id: &str) -> Option<Post> {
    let (page, number) = graph_id.split_once('_')?;
    Some(Post {
        page: page.parse().ok()?,
        number: number.parse().ok()?,
    })
}

/// The post of a `pfbid…`, whether it exists or not.
pub(super) fn parse_pfbid(text: &str) -> Option<Post> {
    let digits = text.strip_prefix(PFBID)?;
    let page = decode(BASE58, digits.get(..WIDTH)?)?;
    let number = decode(BASE58, digits.get(WIDTH..2 * WIDTH)?)?;
    let post = Post { page, number };
    (post.pfbid() == text).then_some(post)
}

/// The `nth` newest post of a page, for `nth` below [`POSTS_PER_PAGE`].
pub(super) fn derived(seed: u64, epoch_ms: i64, page: u64, nth: u64) -> Post {
    let jitter = digest_number(seed ^ page, "meta.jitter", nth) % SLOT_S;
    let back_s = i64::try_from(nth * SLOT_S + jitter).unwrap_or(0);
    let created_s = (epoch_ms / 1_000)
        .saturating_sub(back_s)
        .max(NUMBER_EPOCH_S);
    Post {
        page,
        number: number_at(seed, page, created_s),
    }
}

/// The number of the post that a page publishes at `created_s`.
fn number_at(seed: u64, page: u64, created_s: i64) -> u64 {
    let seconds = u64::try_from(created_s.saturating_sub(NUMBER_EPOCH_S)).unwrap_or(0);
    let check = digest_number(seed ^ page, "meta.check", seconds) % CHECKS;
    NUMBER_START
        .saturating_add(seconds.saturating_mul(CHECKS))
        .saturating_add(check)
}

/// At most `most` posts of a page with smaller numbers than `before`, newest first, that `keep`.
pub(super) fn older(
    seed: u64,
    epoch_ms: i64,
    page: u64,
    before: u64,
    most: usize,
    keep: &dyn Fn(Post) -> bool,
) -> Vec<Post> {
    (0..POSTS_PER_PAGE)
        .map(|nth| derived(seed, epoch_ms, page, nth))
        .filter(|post| post.number < before && keep(*post))
        .take(most)
        .collect()
}

/// At most `most` posts of a page with greater numbers than `after`, newest first: those nearest.
pub(super) fn newer(
    seed: u64,
    epoch_ms: i64,
    page: u64,
    after: u64,
    most: usize,
    keep: &dyn Fn(Post) -> bool,
) -> Vec<Post> {
    let mut found: Vec<Post> = (0..POSTS_PER_PAGE)
        .rev()
        .map(|nth| derived(seed, epoch_ms, page, nth))
        .filter(|post| post.number > after && keep(*post))
        .take(most)
        .collect();
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_MS: i64 = 1_793_491_200_000;

    fn all(seed: u64, page: u64) -> Vec<Post> {
        older(seed, EPOCH_MS, page, u64::MAX, 1_000, &|_| true)
    }

    #[test]
    fn a_page_has_three_hundred_posts_newest_first_within_thirty_days() {
        let posts = all(7, 100_064_000_042_001);
        assert_eq!(posts.len(), 300);
        assert!(posts.windows(2).all(|pair| pair[0].number > pair[1].number));
        for post in posts {
            let age_s = EPOCH_MS / 1_000 - post.created_s();
            assert!((0..=30 * 86_400).contains(&age_s), "{age_s}");
            assert!(post.exists(7));
            assert_eq!(parse(&post.graph_id()), Some(post));
        }
    }

    #[test]
    fn an_invented_post_and_one_of_another_page_do_not_exist() {
        let real = all(7, 5)[0];
        assert!(!Post { page: 6, ..real }.exists(7));
        assert!(
            !Post {
                number: real.number + 1,
                ..real
            }
            .exists(7)
        );
        assert!(
            !Post {
                page: 5,
                number: 424_924_701_699_721
            }
            .exists(7)
        );
    }

    #[test]
    fn a_pfbid_hides_the_number_and_still_leads_to_its_post() {
        let posts = all(7, 100_064_000_042_001);
        for post in &posts {
            let pfbid = post.pfbid();
            assert!(!pfbid.contains(&post.number.to_string()));
            assert_eq!(parse_pfbid(&pfbid), Some(*post));
        }
        let opaque = posts
            .iter()
            .filter(|post| post.permalink(7).contains("/pfbid0"))
            .count();
        assert!((50..=140).contains(&opaque), "{opaque} of 300");
        assert_eq!(parse_pfbid("pfbid02abc"), None);
    }

    #[test]
    fn pages_up_and_down_meet_without_a_gap_or_an_overlap() {
        let everything = all(7, 9);
        let first = older(7, EPOCH_MS, 9, u64::MAX, 25, &|_| true);
        let second = older(7, EPOCH_MS, 9, first[24].number, 25, &|_| true);
        assert_eq!(second, everything[25..50]);
        assert_eq!(
            newer(7, EPOCH_MS, 9, second[0].number, 25, &|_| true),
            first
        );
    }
}
