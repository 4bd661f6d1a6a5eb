//! A Reddit post as the Data API shows it.
//!
//! Every id of the right syntax is a post. Three endings choose a fate: `gone` is absent from every
//! listing, `del` was deleted by its author, `mod` was removed by a moderator. The creation time
//! follows from the id, as it nearly does on Reddit, where ids count up.

use super::codec::{BASE36, decode, encode};
use super::digest::{digest, digest_number, mix, pick};
use super::figures::Figures;
use super::json::{Decimal, put};

/// Bytes of one post in a listing, rounded up.
pub(super) const POST_BYTES: usize = 3_072;

/// An id whose creation time is known, and that time in unix seconds.
const KNOWN_ID: i128 = 3_904_357_870;
const KNOWN_CREATED_S: i128 = 1_776_105_848;
/// Ids handed out in a thousand seconds, between 2022 and 2026.
const IDS_PER_KILOSECOND: i128 = 16_547;
/// Reddit's first summer and the year 2100: no post is older or younger.
const CREATED_RANGE_S: (i128, i128) = (1_119_484_800, 4_102_444_800);

/// How many posts [`sample_id`] gives before it repeats: the last 23 days or so.
const SAMPLE_IDS: u64 = 1 << 25;

const SUBREDDITS: [&str; 8] = [
    "trailkitchen",
    "deskgarden",
    "coffeegear",
    "usedlenses",
    "tinyworkshop",
    "cyclecommute",
    "homeroasters",
    "packinglight",
];

const TITLES: [(&str, &str); 8] = [
    (
        "Three months with this grinder, ask me anything",
        "three_months_with_this_grinder_ask_me_anything",
    ),
    (
        "Finally found a lamp that does not flicker",
        "finally_found_a_lamp_that_does_not_flicker",
    ),
    (
        "My whole kit for a week in the hills",
        "my_whole_kit_for_a_week_in_the_hills",
    ),
    (
        "Is the cheaper one good enough? I tried both",
        "is_the_cheaper_one_good_enough_i_tried_both",
    ),
    (
        "Notes after a year of daily use",
        "notes_after_a_year_of_daily_use",
    ),
    (
        "What I would buy again and what I would not",
        "what_i_would_buy_again_and_what_i_would_not",
    ),
    (
        "Small upgrade, big difference",
        "small_upgrade_big_difference",
    ),
    (
        "Before and after, same budget",
        "before_and_after_same_budget",
    ),
];

const AUTHOR_WORDS: [&str; 8] = [
    "Marble", "Lantern", "Cobalt", "Juniper", "Paper", "Velvet", "Copper", "Northern",
];
const AUTHOR_NOUNS: [&str; 8] = [
    "Otter", "Teapot", "Harbor", "Sparrow", "Compass", "Meadow", "Kettle", "Fox",
];

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Alive,
    Deleted,
    Moderated,
    Gone,
}

/// Whether `text` can be an id: 1 to 13 lower-case base36 characters.
pub(super) fn is_id(text: &str) -> bool {
    (1..=13).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
}

/// What became of the post with this id.
pub(super) fn fate(id: &str) -> Fate {
    if id.ends_with("gone") {
        Fate::Gone
    } else if id.ends_with("del") {
        Fate::Deleted
    } else if id.ends_with("mod") {
        Fate::Moderated
    } else {
        Fate::Alive
    }
}

/// When the post was created, in unix seconds.
pub(super) fn created_s(id: &str) -> i64 {
    let number = i128::from(decode(BASE36, id).unwrap_or(u64::MAX));
    let created = KNOWN_CREATED_S + (number - KNOWN_ID) * 1_000 / IDS_PER_KILOSECOND;
    i64::try_from(created.clamp(CREATED_RANGE_S.0, CREATED_RANGE_S.1)).unwrap_or(i64::MAX)
}

/// The number of the id that is created at `created_s` (unix seconds).
fn number_at(created_s: i64) -> u64 {
    let number = KNOWN_ID + (i128::from(created_s) - KNOWN_CREATED_S) * IDS_PER_KILOSECOND / 1_000;
    u64::try_from(number).unwrap_or(0)
}

/// The id of the `nth` post of a seed, created in the 24 days before `epoch_ms`. No two of the
/// first 33 million are the same. It may have an ending that chooses a fate.
pub(super) fn sample_id(seed: u64, epoch_ms: i64, nth: u64) -> String {
    let newest = number_at(epoch_ms / 1_000).max(SAMPLE_IDS);
    let offset = digest(seed, "reddit.sample", "");
    // An odd stride visits every residue of a power of two once.
    let place = offset.wrapping_add(nth.wrapping_mul(0x9e37_79b1)) % SAMPLE_IDS;
    encode(BASE36, newest - place, 6)
}

/// A post with all that does not change over time.
pub(super) struct Post<'a> {
    id: &'a str,
    key: u64,
    fate: Fate,
    created_s: i64,
}

impl<'a> Post<'a> {
    /// The post with this id, which must satisfy [`is_id`].
    pub(super) fn new(seed: u64, id: &'a str) -> Self {
        Self {
            id,
            key: digest(seed, "reddit.post", id),
            fate: fate(id),
            created_s: created_s(id),
        }
    }

    /// When it was created, in unix milliseconds.
    pub(super) const fn created_ms(&self) -> i64 {
        self.created_s.saturating_mul(1_000)
    }

    /// The name of its subreddit.
    pub(super) fn subreddit(&self) -> &'static str {
        pick(&SUBREDDITS, self.key)
    }

    fn title(&self) -> (&'static str, &'static str) {
        pick(&TITLES, mix(self.key ^ 1))
    }

    /// Its author's name, whatever became of the post.
    pub(super) fn author(&self) -> String {
        let (word, noun) = self.author_words();
        format!("{word}{noun}{}", self.key % 97)
    }

    fn author_words(&self) -> (&'static str, &'static str) {
        (
            pick(&AUTHOR_WORDS, mix(self.key ^ 2)),
            pick(&AUTHOR_NOUNS, mix(self.key ^ 3)),
        )
    }

    /// The path of its page, with a leading and a closing slash.
    pub(super) fn permalink(&self) -> String {
        format!(
            "/r/{}/comments/{}/{}/",
            self.subreddit(),
            self.id,
            self.title().1
        )
    }

    /// Appends the post as an entry of a listing.
    pub(super) fn write(&self, out: &mut Vec<u8>, figures: &Figures) {
        let score = Decimal::new(figures.score);
        let created = Decimal::new(u64::try_from(self.created_s).unwrap_or(0));
        let ratio = Decimal::new(61 + mix(self.key ^ 4) % 39);
        let (selftext, removed, indexable) = match self.fate {
            Fate::Deleted => ("[deleted]", "\"deleted\"", "false"),
            Fate::Moderated => ("[removed]", "\"moderator\"", "false"),
            Fate::Alive | Fate::Gone => ("", "null", "true"),
        };
        let subreddit = self.subreddit();
        put(
            out,
            &[
                "{\"kind\":\"t3\",\"data\":{",
                "\"id\":\"",
                self.id,
                "\",\"name\":\"t3_",
                self.id,
            ],
        );
        put(
            out,
            &[
                "\",\"subreddit\":\"",
                subreddit,
                "\",\"subreddit_name_prefixed\":\"r/",
                subreddit,
            ],
        );
        put(
            out,
            &[
                "\",\"domain\":\"self.",
                subreddit,
                "\",\"title\":\"",
                self.title().0,
            ],
        );
        put(
            out,
            &[
                "\",\"selftext\":\"",
                selftext,
                "\",\"removed_by_category\":",
                removed,
            ],
        );
        put(out, &[",\"is_robot_indexable\":", indexable]);
        put(
            out,
            &[
                ",\"created\":",
                created.as_str(),
                ".0,\"created_utc\":",
                created.as_str(),
            ],
        );
        put(
            out,
            &[".0,\"score\":", score.as_str(), ",\"ups\":", score.as_str()],
        );
        put(
            out,
            &[",\"upvote_ratio\":0.", ratio.as_str(), ",\"num_comments\":"],
        );
        put(
            out,
            &[
                Decimal::new(figures.comments).as_str(),
                ",\"num_crossposts\":",
            ],
        );
        put(
            out,
            &[
                Decimal::new(figures.shares / 64).as_str(),
                ",\"subreddit_subscribers\":",
            ],
        );
        let subscribers = 4_000 + digest_number(0, "reddit.subscribers", self.key % 8) % 900_000;
        put(out, &[Decimal::new(subscribers).as_str(), ","]);
        self.write_links(out, subreddit);
        self.write_author(out);
        put(out, &[CONSTANT_FIELDS, "}}"]);
    }

    fn write_links(&self, out: &mut Vec<u8>, subreddit: &str) {
        let path = [
            "/r/",
            subreddit,
            "/comments/",
            self.id,
            "/",
            self.title().1,
            "/\"",
        ];
        put(out, &["\"permalink\":\""]);
        put(out, &path);
        put(out, &[",\"url\":\"https://www.reddit.com"]);
        put(out, &path);
        let subreddit_number = Decimal::new(20_000 + self.key % 8);
        put(
            out,
            &[",\"subreddit_id\":\"t5_", subreddit_number.as_str(), "\","],
        );
    }

    /// A deleted author takes some keys along, not only their values.
    fn write_author(&self, out: &mut Vec<u8>) {
        if self.fate == Fate::Deleted {
            put(out, &["\"author\":\"[deleted]\","]);
            return;
        }
        let (word, noun) = self.author_words();
        let suffix = Decimal::new(self.key % 97);
        put(
            out,
            &[
                "\"author\":\"",
                word,
                noun,
                suffix.as_str(),
                "\",\"author_fullname\":\"t2_",
            ],
        );
        put(out, &[Decimal::new(self.key % 900_000_000).as_str(), "\","]);
        put(
            out,
            &["\"author_premium\":false,\"author_patreon_flair\":false,"],
        );
        put(
            out,
            &["\"author_flair_type\":\"text\",\"author_flair_richtext\":[],"],
        );
    }
}

/// The fields that are the same for every post of the simulator. `view_count` is null on Reddit for
/// everybody, the author included.
const CONSTANT_FIELDS: &str = "\"approved_at_utc\":null,\"approved_by\":null,\
    \"all_awardings\":[],\"allow_live_comments\":false,\"archived\":false,\
    \"author_flair_background_color\":null,\"author_flair_css_class\":null,\
    \"author_flair_template_id\":null,\"author_flair_text\":null,\
    \"author_flair_text_color\":null,\"author_is_blocked\":false,\"awarders\":[],\
    \"banned_at_utc\":null,\"banned_by\":null,\"can_gild\":false,\"can_mod_post\":false,\
    \"category\":null,\"clicked\":false,\"content_categories\":null,\"contest_mode\":false,\
    \"discussion_type\":null,\"distinguished\":null,\"downs\":0,\"edited\":false,\"gilded\":0,\
    \"gildings\":{},\"hidden\":false,\"hide_score\":false,\"is_created_from_ads_ui\":false,\
    \"is_crosspostable\":true,\"is_meta\":false,\"is_original_content\":false,\
    \"is_reddit_media_domain\":false,\"is_self\":true,\"is_video\":false,\"likes\":null,\
    \"link_flair_background_color\":\"\",\"link_flair_css_class\":null,\
    \"link_flair_richtext\":[],\"link_flair_text\":null,\"link_flair_text_color\":\"dark\",\
    \"link_flair_type\":\"text\",\"locked\":false,\"media\":null,\"media_embed\":{},\
    \"media_only\":false,\"mod_note\":null,\"mod_reason_by\":null,\"mod_reason_title\":null,\
    \"mod_reports\":[],\"no_follow\":false,\"num_reports\":null,\"over_18\":false,\
    \"parent_whitelist_status\":\"all_ads\",\"pinned\":false,\"pwls\":6,\"quarantine\":false,\
    \"removal_reason\":null,\"removed_by\":null,\"report_reasons\":null,\"saved\":false,\
    \"secure_media\":null,\"secure_media_embed\":{},\"selftext_html\":null,\
    \"send_replies\":true,\"spoiler\":false,\"stickied\":false,\"subreddit_type\":\"public\",\
    \"suggested_sort\":null,\"thumbnail\":\"self\",\"thumbnail_height\":null,\
    \"thumbnail_width\":null,\"top_awarded_type\":null,\"total_awards_received\":0,\
    \"treatment_tags\":[],\"user_reports\":[],\"view_count\":null,\"visited\":false,\
    \"whitelist_status\":\"all_ads\",\"wls\":6";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_one_to_thirteen_lower_case_base36_characters() {
        assert!(is_id("1skjxta") && is_id("0") && is_id("zzzzzzzzzzzzz"));
        assert!(!is_id("") && !is_id("1SKJXTA") && !is_id("zzzzzzzzzzzzzz") && !is_id("a-b"));
    }

    #[test]
    fn a_later_id_was_created_later_and_known_ones_at_their_time() {
        assert_eq!(created_s("1skjxta"), 1_776_105_848);
        assert!((created_s("uflrmv") - 1_651_358_011).abs() < 86_400);
        assert!(created_s("1skjxtb") >= created_s("1skjxta"));
        assert!(created_s("zzzzzzzzzzzzz") > created_s("1zzzzzz"));
    }

    #[test]
    fn sampled_ids_have_seven_characters_differ_and_are_recent() {
        let epoch_ms = 1_793_491_200_000;
        let mut ids: Vec<String> = (0..5_000).map(|nth| sample_id(7, epoch_ms, nth)).collect();
        for id in &ids {
            assert_eq!(id.len(), 7, "{id}");
            let age_s = epoch_ms / 1_000 - created_s(id);
            assert!((0..30 * 86_400).contains(&age_s), "{id} is {age_s} s old");
        }
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 5_000);
    }

    #[test]
    fn a_post_stays_within_the_room_that_a_listing_reserves_for_it() {
        let figures = super::super::figures::figures(7, "reddit", "1skjxta", u64::MAX);
        let mut out = Vec::new();
        Post::new(7, "zzzzzzzzzzzzz").write(&mut out, &figures);
        assert!(out.len() <= POST_BYTES, "{} bytes", out.len());
        let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let url = value["data"]["url"].as_str().unwrap();
        assert!(url.ends_with(value["data"]["permalink"].as_str().unwrap()));
        assert_eq!(
            value["data"]["author"],
            Post::new(7, "zzzzzzzzzzzzz").author()
        );
    }
}
