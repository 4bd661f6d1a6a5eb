//! A YouTube video as the Data API shows it.
//!
//! Every id of eleven characters is a video. Two endings choose a fate: `gone` was deleted, `priv`
//! is private, and the API leaves out both. Channel and time of publication follow from the id
//! alone: an id such as YouTube gives, the base64 of eight bytes, holds the second and the channel,
//! scrambled; any other one falls on some.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::accounts::{YOUTUBE_CHANNEL, channel_id, member, member_handle, place_of};
use super::codec::{BASE64_URL, encode};
use super::digest::{digest, digest_number, mix, pick, unmix};
use super::figures::Figures;
use super::json::{Decimal, Json};
use super::published::{published_ms, written};

/// 2005-04-24, the day after the first video of all.
const FIRST_S: i64 = 1_114_300_800;
/// 2025-01-01: an id that holds no second between the first video and the world's epoch is a video
/// from before.
const LAST_FOLDED_S: i64 = 1_735_689_600;

/// Channels that hide the number of likes, in percent of the videos.
const HIDDEN_LIKES_PERCENT: u64 = 10;
/// Videos without comments, in percent.
const CLOSED_COMMENTS_PERCENT: u64 = 5;

const TITLES: [&str; 6] = [
    "I used it every day for a month",
    "Five things nobody tells you",
    "The \"cheap\" one against the good one",
    "What is in my bag this year",
    "Fixing my biggest mistake",
    "Answering your questions ☕",
];
const TAGS: [&str; 4] = ["review", "workshop", "coffee", "travel"];
const THUMBNAILS: [(&str, &str, u64, u64); 3] = [
    ("default", "default", 120, 90),
    ("medium", "mqdefault", 320, 180),
    ("high", "hqdefault", 480, 360),
];

/// Whether `text` can be an id: eleven base64url characters.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == 11
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// Whether the API shows the video with this id.
pub(super) fn is_shown(id: &str) -> bool {
    !id.ends_with("gone") && !id.ends_with("priv")
}

/// The id of the `nth` newest video of a channel, for `nth` below 300.
pub(super) fn derived(seed: u64, epoch_ms: i64, channel: u64, nth: u64) -> String {
    let published_s = published_ms(seed, channel, epoch_ms, nth) / 1_000;
    let seconds = u64::try_from(published_s).unwrap_or(0) & 0xffff_ffff;
    let spare = digest_number(seed ^ channel, "youtube.spare", nth) & 0x3ff;
    let number = (seconds << 32) | (spare << 22) | place_of(YOUTUBE_CHANNEL, channel);
    URL_SAFE_NO_PAD.encode(mix(number).to_be_bytes())
}

/// What an id stands for: the second in the upper half, the channel in the lowest 22 bits.
fn number_of(id: &str) -> u64 {
    let bytes = URL_SAFE_NO_PAD
        .decode(id)
        .ok()
        .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    bytes.map_or_else(
        || digest(0, "youtube.id", id),
        |bytes| unmix(u64::from_be_bytes(bytes)),
    )
}

/// A video with all that does not change over time.
pub(super) struct Video<'a> {
    id: &'a str,
    key: u64,
    number: u64,
    published_s: i64,
}

impl<'a> Video<'a> {
    /// The video with this id, which must satisfy [`is_id`], in a world of this seed and epoch.
    pub(super) fn new(seed: u64, epoch_ms: i64, id: &'a str) -> Self {
        let number = number_of(id);
        let seconds = i64::try_from(number >> 32).unwrap_or(0);
        let published_s = if (FIRST_S..epoch_ms / 1_000).contains(&seconds) {
            seconds
        } else {
            FIRST_S + seconds % (LAST_FOLDED_S - FIRST_S)
        };
        Self {
            id,
            key: digest(seed, "youtube.video", id),
            number,
            published_s,
        }
    }

    /// When it was published, in unix milliseconds.
    pub(super) const fn published_ms(&self) -> i64 {
        self.published_s.saturating_mul(1_000)
    }

    /// The channel that it is on.
    pub(super) const fn channel(&self) -> u64 {
        member(YOUTUBE_CHANNEL, self.number)
    }

    /// Its public address.
    pub(super) fn url(&self) -> String {
        format!("https://www.youtube.com/watch?v={}", self.id)
    }

    /// Whether its channel hides the number of likes.
    fn hides_likes(&self) -> bool {
        mix(self.key ^ 1) % 100 < HIDDEN_LIKES_PERCENT
    }

    /// Whether nobody may comment on it.
    fn is_closed(&self) -> bool {
        mix(self.key ^ 2) % 100 < CLOSED_COMMENTS_PERCENT
    }

    /// Writes the video with these parts.
    pub(super) fn write(&self, json: &mut Json, parts: &[&str], figures: &Figures) {
        json.object();
        json.string_field("kind", "youtube#video");
        json.string_field("etag", &etag(self.key ^ figures.views));
        json.string_field("id", self.id);
        if parts.contains(&"snippet") {
            self.write_snippet(json);
        }
        if parts.contains(&"contentDetails") {
            self.write_content(json);
        }
        if parts.contains(&"status") {
            self.write_status(json);
        }
        if parts.contains(&"statistics") {
            self.write_statistics(json, figures);
        }
        json.end_object();
    }

    fn write_snippet(&self, json: &mut Json) {
        let title = pick(&TITLES, self.key);
        let description = format!("{title}.\n\nLinks are on the channel's page.");
        json.key("snippet");
        json.object();
        json.string_field(
            "publishedAt",
            &written(self.published_s, "%Y-%m-%dT%H:%M:%SZ"),
        );
        json.string_field("channelId", &channel_id(self.channel()));
        json.string_field("title", title);
        json.string_field("description", &description);
        json.key("thumbnails");
        json.object();
        for (name, file, width, height) in THUMBNAILS {
            json.key(name);
            json.object();
            json.string_field(
                "url",
                &format!("https://i.ytimg.com/vi/{}/{file}.jpg", self.id),
            );
            json.number_field("width", width);
            json.number_field("height", height);
            json.end_object();
        }
        json.end_object();
        json.string_field(
            "channelTitle",
            &member_handle(YOUTUBE_CHANNEL, self.channel()),
        );
        json.key("tags");
        json.array();
        json.string(pick(&TAGS, mix(self.key ^ 3)));
        json.end_array();
        json.string_field("categoryId", "26");
        json.string_field("liveBroadcastContent", "none");
        json.key("localized");
        json.object();
        json.string_field("title", title);
        json.string_field("description", &description);
        json.end_object();
        json.string_field("defaultAudioLanguage", "en");
        json.end_object();
    }

    fn write_content(&self, json: &mut Json) {
        let length = mix(self.key ^ 4);
        json.key("contentDetails");
        json.object();
        json.string_field(
            "duration",
            &format!("PT{}M{}S", 1 + length % 20, 1 + (length >> 32) % 59),
        );
        json.string_field("dimension", "2d");
        json.string_field("definition", "hd");
        json.string_field("caption", "false");
        json.raw_field("licensedContent", "false");
        json.raw_field("contentRating", "{}");
        json.string_field("projection", "rectangular");
        json.end_object();
    }

    fn write_status(&self, json: &mut Json) {
        json.key("status");
        json.object();
        json.string_field("uploadStatus", "processed");
        json.string_field("privacyStatus", "public");
        json.string_field("license", "youtube");
        json.raw_field("embeddable", "true");
        json.raw_field(
            "publicStatsViewable",
            if self.hides_likes() { "false" } else { "true" },
        );
        json.raw_field("madeForKids", "false");
        json.end_object();
    }

    /// Counts are strings; what a channel hides is left out, not zero.
    fn write_statistics(&self, json: &mut Json, figures: &Figures) {
        json.key("statistics");
        json.object();
        json.string_field("viewCount", Decimal::new(figures.views).as_str());
        if !self.hides_likes() {
            json.string_field("likeCount", Decimal::new(figures.score).as_str());
        }
        json.string_field("favoriteCount", "0");
        if !self.is_closed() {
            json.string_field("commentCount", Decimal::new(figures.comments).as_str());
        }
        json.end_object();
    }
}

/// An opaque tag of 27 characters, as YouTube's are.
pub(super) fn etag(key: u64) -> String {
    let mut tag = encode(BASE64_URL, mix(key), 11);
    tag.push_str(&encode(BASE64_URL, mix(!key), 11));
    tag.push_str(&encode(BASE64_URL, key & 0x3fff_ffff, 5));
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_MS: i64 = 1_793_491_200_000;

    #[test]
    fn ids_are_eleven_characters_of_base64url() {
        assert!(is_id("O0aSwKeusZM") && is_id("D-lhorsDlUQ") && is_id("___________"));
        assert!(!is_id("") && !is_id("O0aSwKeusZ") && !is_id("O0aSwKeusZMx"));
        assert!(!is_id("O0aSwKeus+M") && !is_id("O0aSwKeusé"));
    }

    #[test]
    fn a_derived_id_tells_its_channel_and_second_and_is_shown() {
        for channel in [YOUTUBE_CHANNEL, member(YOUTUBE_CHANNEL, 4_000_000)] {
            for nth in 0..300 {
                let id = derived(7, EPOCH_MS, channel, nth);
                assert!(is_id(&id) && is_shown(&id), "{id}");
                let video = Video::new(7, EPOCH_MS, &id);
                assert_eq!(video.channel(), channel);
                let planned_s = published_ms(7, channel, EPOCH_MS, nth) / 1_000;
                assert_eq!(video.published_ms(), planned_s * 1_000);
            }
        }
    }

    #[test]
    fn any_other_id_was_published_between_2005_and_the_epoch() {
        for id in ["O0aSwKeusZM", "ovdbrdCIP7U", "AAAAAAAAAAA", "zzzzzzzzzzz"] {
            let published = Video::new(7, EPOCH_MS, id).published_ms();
            assert!((FIRST_S * 1_000..EPOCH_MS).contains(&published), "{id}");
            assert_eq!(published, Video::new(8, EPOCH_MS, id).published_ms());
        }
    }

    #[test]
    fn about_as_many_as_said_hide_their_likes_or_have_no_comments() {
        let counts = (0..300).fold((0, 0), |(likes, comments), nth| {
            let id = derived(7, EPOCH_MS, YOUTUBE_CHANNEL, nth);
            let video = Video::new(7, EPOCH_MS, &id);
            (
                likes + u64::from(video.hides_likes()),
                comments + u64::from(video.is_closed()),
            )
        });
        assert!((10..=60).contains(&counts.0), "{counts:?}");
        assert!((3..=40).contains(&counts.1), "{counts:?}");
    }

    #[test]
    fn an_etag_has_27_characters_and_changes_with_its_key() {
        assert_eq!(etag(5).len(), 27);
        assert_eq!(etag(u64::MAX).len(), 27);
        assert_ne!(etag(5), etag(6));
    }
}
