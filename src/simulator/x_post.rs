//! A post on X as the API shows it.
//!
//! The number of a post holds the millisecond of its creation, and in the lowest 22 bits its
//! author. Every number whose time lies between November 2010 and the world's epoch is a post. Two
//! endings choose a fate: `404` was deleted, `403` is protected and shown to its author alone.

use super::accounts::{X_ACCOUNT, canonical_number, member, member_handle, place_of};
use super::codec::{BASE62, decode, encode};
use super::digest::pick;
use super::figures::Figures;
use super::json::Json;
use super::published::{published_ms, written};

/// The moment from which the milliseconds in a number count.
const EPOCH_MS: i64 = 1_288_834_974_657;
/// Smaller numbers were given out in sequence, before November 2010, and hold no time.
const FIRST: u64 = 29_700_859_247;
/// The most digits that the API takes.
const MOST_DIGITS: usize = 19;
/// Hides a post's number in a short link, and shows it again.
const SHARE_MASK: u64 = 0x0a5a_93c6_17e8_2d4b;

const TEXTS: [&str; 5] = [
    "Thread: what a year with this kettle taught me",
    "It is back in stock. Do with this what you will",
    "\"You get what you pay for\" is half the truth",
    "Small desk, long day, good coffee ☕",
    "Unpopular opinion about backpacks:",
];

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Public,
    Protected,
    Gone,
}

/// A post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Post {
    pub(super) number: u64,
}

/// Whether the API takes `id`: 1 to 19 digits.
pub(super) fn is_id(id: &str) -> bool {
    (1..=MOST_DIGITS).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The post of an id, whether it exists or not; `None` where `id` is none, or has leading zeros.
pub(super) fn parse(id: &str) -> Option<Post> {
    let number = canonical_number(Some(id))?;
    is_id(id).then_some(Post { number })
}

/// The `nth` newest post of an account, for `nth` below 300. It is public.
pub(super) fn derived(seed: u64, epoch_ms: i64, account: u64, nth: u64) -> Post {
    let created_ms = published_ms(seed, account, epoch_ms, nth);
    let since = u64::try_from(created_ms - EPOCH_MS).unwrap_or(0);
    let number = (since << 22) | place_of(X_ACCOUNT, account);
    let post = Post { number };
    if post.fate() == Fate::Public {
        post
    } else {
        // A millisecond later the number has another ending.
        Post {
            number: number + (1 << 22),
        }
    }
}

/// The path of a short link of a post, below the simulator's root.
pub(super) fn share_path(post: Post) -> String {
    format!("/x/{}", encode(BASE62, post.number ^ SHARE_MASK, 11))
}

/// The post that the token of a short link stands for, whether it exists or not.
pub(super) fn of_share_token(token: &str) -> Option<Post> {
    let number = decode(BASE62, token)? ^ SHARE_MASK;
    parse(&number.to_string())
}

impl Post {
    /// Its id, which is also the native id.
    pub(super) fn id(self) -> String {
        self.number.to_string()
    }

    /// When it was created, in unix milliseconds.
    pub(super) fn created_ms(self) -> i64 {
        i64::try_from(self.number >> 22)
            .unwrap_or(0)
            .saturating_add(EPOCH_MS)
    }

    /// The account that wrote it.
    pub(super) const fn author(self) -> u64 {
        member(X_ACCOUNT, self.number)
    }

    /// What became of it.
    pub(super) const fn fate(self) -> Fate {
        match self.number % 1_000 {
            403 => Fate::Protected,
            404 => Fate::Gone,
            _ => Fate::Public,
        }
    }

    /// Whether a world with this epoch has the post, for its author at least.
    pub(super) fn exists(self, epoch_ms: i64) -> bool {
        self.number >= FIRST && self.created_ms() < epoch_ms && self.fate() != Fate::Gone
    }

    /// Its public address.
    pub(super) fn url(self) -> String {
        let handle = member_handle(X_ACCOUNT, self.author());
        format!("https://x.com/{handle}/status/{}", self.number)
    }

    /// Writes the post with the fields that were asked for, and those that X shows in any case.
    /// `private` says whether that may be figures that only the author sees.
    pub(super) fn write(self, json: &mut Json, fields: &[&str], figures: &Figures, private: bool) {
        let id = self.id();
        let asked = |field: &str| fields.contains(&field);
        json.object();
        json.string_field("id", &id);
        json.string_field("text", pick(&TEXTS, self.number));
        json.key("edit_history_tweet_ids");
        json.array();
        json.string(&id);
        json.end_array();
        if asked("author_id") {
            json.string_field("author_id", &self.author().to_string());
        }
        if asked("created_at") {
            let created_s = self.created_ms() / 1_000;
            json.string_field("created_at", &written(created_s, "%Y-%m-%dT%H:%M:%S.000Z"));
        }
        if asked("conversation_id") {
            json.string_field("conversation_id", &id);
        }
        if asked("lang") {
            json.string_field("lang", "en");
        }
        if asked("possibly_sensitive") {
            json.raw_field("possibly_sensitive", "false");
        }
        if asked("public_metrics") {
            write_public(json, figures);
        }
        if private && asked("non_public_metrics") {
            write_non_public(json, figures);
        }
        if private && asked("organic_metrics") {
            write_organic(json, figures);
        }
        json.end_object();
    }
}

fn write_public(json: &mut Json, figures: &Figures) {
    json.key("public_metrics");
    json.object();
    json.number_field("retweet_count", figures.shares);
    json.number_field("reply_count", figures.comments);
    json.number_field("like_count", figures.score);
    json.number_field("quote_count", figures.shares / 8);
    json.number_field("bookmark_count", figures.saved);
    json.number_field("impression_count", figures.views);
    json.end_object();
}

fn write_non_public(json: &mut Json, figures: &Figures) {
    let profile_clicks = figures.clicks / 7;
    let engagements =
        figures.clicks + profile_clicks + figures.score + figures.comments + figures.shares;
    json.key("non_public_metrics");
    json.object();
    json.number_field("impression_count", figures.views);
    json.number_field("url_link_clicks", figures.clicks);
    json.number_field("user_profile_clicks", profile_clicks);
    json.number_field("engagements", engagements);
    json.end_object();
}

fn write_organic(json: &mut Json, figures: &Figures) {
    json.key("organic_metrics");
    json.object();
    json.number_field("impression_count", figures.views);
    json.number_field("like_count", figures.score);
    json.number_field("reply_count", figures.comments);
    json.number_field("retweet_count", figures.shares);
    json.number_field("url_link_clicks", figures.clicks);
    json.number_field("user_profile_clicks", figures.clicks / 7);
    json.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORLD_MS: i64 = 1_793_491_200_000;

    #[test]
    fn recorded_numbers_tell_their_recorded_times() {
        for (id, created_s) in [
            ("1261326399320715264", 1_589_558_622),
            ("1278347468690915330", 1_593_616_761),
        ] {
            assert_eq!(parse(id).unwrap().created_ms() / 1_000, created_s);
        }
    }

    #[test]
    fn ids_are_up_to_nineteen_digits_and_posts_have_no_leading_zeros() {
        assert!(is_id("0") && is_id("0012") && is_id("1278347468690915330"));
        assert!(!is_id("") && !is_id("12783474686909153300") && !is_id("+1") && !is_id("a1"));
        assert_eq!(parse("0012"), None);
        assert_eq!(parse("12"), Some(Post { number: 12 }));
    }

    #[test]
    fn a_derived_post_is_public_and_tells_its_author_and_time() {
        for account in [X_ACCOUNT, member(X_ACCOUNT, 4_000_000)] {
            for nth in 0..300 {
                let post = derived(7, WORLD_MS, account, nth);
                assert_eq!(parse(&post.id()), Some(post));
                assert_eq!(post.fate(), Fate::Public);
                assert!(post.exists(WORLD_MS));
                assert_eq!(post.author(), account);
                let planned_ms = published_ms(7, account, WORLD_MS, nth);
                assert!((0..=1).contains(&(post.created_ms() - planned_ms)));
            }
        }
    }

    #[test]
    fn what_is_deleted_without_a_time_or_from_after_the_epoch_does_not_exist() {
        let exists = |number| Post { number }.exists(WORLD_MS);
        assert!(exists(1_278_347_468_690_915_330));
        assert!(exists(1_278_347_468_690_915_403));
        assert!(!exists(1_278_347_468_690_915_404));
        assert!(!exists(FIRST - 1));
        assert!(!exists(u64::try_from(WORLD_MS - EPOCH_MS).unwrap() << 22));
    }

    #[test]
    fn a_short_link_gives_its_post_back_and_does_not_show_its_number() {
        let post = derived(7, WORLD_MS, X_ACCOUNT, 5);
        let path = share_path(post);
        assert!(!path.contains(&post.id()));
        let token = path.strip_prefix("/x/").unwrap();
        assert_eq!(of_share_token(token), Some(post));
        assert_eq!(of_share_token("not-one"), None);
    }
}
