//! A TikTok video as the Display API shows it to its account.
//!
//! The number of a video holds the second of its creation in the upper half and its account in the
//! lowest 22 bits. Every number of 19 digits whose second lies between TikTok's beginning and the
//! world's epoch is a video, but for those that end in `404`: they are gone.

use super::accounts::{TIKTOK_ACCOUNT, canonical_number, member, member_handle, place_of};
use super::codec::{BASE62, decode, encode};
use super::digest::{digest_number, pick};
use super::figures::Figures;
use super::json::Json;
use super::published::published_ms;

/// 2016-09-01, before which there was no TikTok.
const FIRST_S: i64 = 1_472_688_000;
/// Hides a video's number in a short link, and shows it again.
const SHARE_MASK: u64 = 0x0153_a97c_4be1_d086;

const DESCRIPTIONS: [&str; 5] = [
    "wait for the end",
    "part two, as promised",
    "this \"hack\" works",
    "day 12 of the tiny workshop",
    "honest review ☕",
];

/// The fields that a video has.
pub(super) const FIELDS: [&str; 15] = [
    "id",
    "create_time",
    "cover_image_url",
    "share_url",
    "video_description",
    "duration",
    "height",
    "width",
    "title",
    "embed_html",
    "embed_link",
    "like_count",
    "comment_count",
    "share_count",
    "view_count",
];

/// A video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Video {
    pub(super) number: u64,
}

/// The video of an id, whether it exists or not; `None` where `id` is not 19 digits.
pub(super) fn parse(id: &str) -> Option<Video> {
    let number = canonical_number(Some(id))?;
    (id.len() == 19).then_some(Video { number })
}

/// The `nth` newest video of an account, for `nth` below 300.
pub(super) fn derived(seed: u64, epoch_ms: i64, account: u64, nth: u64) -> Video {
    let created_s = published_ms(seed, account, epoch_ms, nth) / 1_000;
    let seconds = u64::try_from(created_s).unwrap_or(0);
    // Nine bits, so that the next number with the same account has the same second.
    let spare = digest_number(seed ^ account, "tiktok.spare", nth) & 0x1ff;
    let number = (seconds << 32) | (spare << 22) | place_of(TIKTOK_ACCOUNT, account);
    let video = Video { number };
    if video.is_gone() {
        Video {
            number: number + (1 << 22),
        }
    } else {
        video
    }
}

/// The path of a short link of a video, below the simulator's root.
pub(super) fn share_path(video: Video) -> String {
    format!(
        "/tiktok/t/{}",
        encode(BASE62, video.number ^ SHARE_MASK, 11)
    )
}

/// The video that the token of a short link stands for, whether it exists or not.
pub(super) fn of_share_token(token: &str) -> Option<Video> {
    let number = decode(BASE62, token)? ^ SHARE_MASK;
    parse(&number.to_string())
}

impl Video {
    /// Its id, which is also the native id.
    pub(super) fn id(self) -> String {
        self.number.to_string()
    }

    /// When it was created, in unix seconds.
    pub(super) fn created_s(self) -> i64 {
        i64::try_from(self.number >> 32).unwrap_or(0)
    }

    /// The account whose video it is.
    pub(super) const fn account(self) -> u64 {
        member(TIKTOK_ACCOUNT, self.number)
    }

    const fn is_gone(self) -> bool {
        self.number % 1_000 == 404
    }

    /// Whether a world with this epoch has the video.
    pub(super) fn exists(self, epoch_ms: i64) -> bool {
        (FIRST_S..epoch_ms / 1_000).contains(&self.created_s()) && !self.is_gone()
    }

    /// Its public address.
    pub(super) fn url(self) -> String {
        let handle = member_handle(TIKTOK_ACCOUNT, self.account());
        format!("https://www.tiktok.com/@{handle}/video/{}", self.number)
    }

    /// Writes the video with the fields that were asked for, and no others.
    pub(super) fn write(self, json: &mut Json, fields: &[&str], figures: &Figures) {
        json.object();
        for field in FIELDS.into_iter().filter(|field| fields.contains(field)) {
            self.write_field(json, field, figures);
        }
        json.end_object();
    }

    fn write_field(self, json: &mut Json, field: &str, figures: &Figures) {
        let number = self.number;
        let embed = format!("https://www.tiktok.com/player/v1/{number}");
        let text = pick(&DESCRIPTIONS, number);
        match field {
            "id" => json.string_field(field, &self.id()),
            "create_time" => json.number_field(field, number >> 32),
            "cover_image_url" => json.string_field(
                field,
                &format!("https://p16-sign.tiktokcdn.com/obj/{number}.jpeg"),
            ),
            "share_url" => {
                let url = self.url();
                let source = "utm_campaign=tt4d_open_api&utm_source=simulator";
                json.string_field(field, &format!("{url}?{source}"));
            }
            "title" | "video_description" => json.string_field(field, text),
            "duration" => json.number_field(field, 8 + number % 52),
            "height" => json.number_field(field, 1_024),
            "width" => json.number_field(field, 576),
            "embed_html" => {
                json.string_field(field, &format!("<iframe src=\"{embed}\"></iframe>"));
            }
            "embed_link" => json.string_field(field, &embed),
            "like_count" => json.number_field(field, figures.score),
            "comment_count" => json.number_field(field, figures.comments),
            "share_count" => json.number_field(field, figures.shares),
            "view_count" => json.number_field(field, figures.views),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH_MS: i64 = 1_793_491_200_000;

    #[test]
    fn ids_are_nineteen_digits() {
        assert!(parse("7077642457847991554").is_some());
        for id in [
            "",
            "707764245784799155",
            "70776424578479915540",
            "0077642457847991554",
        ] {
            assert_eq!(parse(id), None, "{id}");
        }
        assert_eq!(parse("+077642457847991554"), None);
    }

    #[test]
    fn a_derived_video_exists_and_tells_its_account_and_second() {
        for account in [TIKTOK_ACCOUNT, member(TIKTOK_ACCOUNT, 4_000_000)] {
            for nth in 0..300 {
                let video = derived(7, EPOCH_MS, account, nth);
                assert_eq!(parse(&video.id()), Some(video));
                assert!(video.exists(EPOCH_MS), "{}", video.id());
                assert_eq!(video.account(), account);
                let planned_s = published_ms(7, account, EPOCH_MS, nth) / 1_000;
                assert_eq!(video.created_s(), planned_s);
            }
        }
    }

    #[test]
    fn what_is_gone_from_before_tiktok_or_from_after_the_epoch_does_not_exist() {
        let at = |seconds: i64, low: u64| Video {
            number: (u64::try_from(seconds).unwrap() << 32) | low,
        };
        assert!(at(FIRST_S, 7).exists(EPOCH_MS));
        assert!(!at(FIRST_S - 1, 7).exists(EPOCH_MS));
        assert!(!at(EPOCH_MS / 1_000, 7).exists(EPOCH_MS));
        let gone = Video {
            number: 7_077_642_457_847_991_404,
        };
        assert!(!gone.exists(EPOCH_MS));
    }

    #[test]
    fn a_short_link_gives_its_video_back_and_does_not_show_its_number() {
        let video = derived(7, EPOCH_MS, TIKTOK_ACCOUNT, 5);
        let path = share_path(video);
        assert!(!path.contains(&video.id()));
        let token = path.strip_prefix("/tiktok/t/").unwrap();
        assert_eq!(of_share_token(token), Some(video));
        assert_eq!(of_share_token("not-one"), None);
    }
}
