//! The accounts of the platforms: names and ids that belong together by rule, not by a list.
//!
//! On the Graph platforms any handle of the right syntax is an account, but for those that end in
//! `gone`; any number is an account's id. That way a test or a demo may name as many affiliates as
//! it likes. YouTube, TikTok and X have [`MEMBERS`] accounts each, because the number of a post has
//! to tell whose it is: the owned one, and `creator_1`, `creator_2`, and so on.

use super::codec::{BASE64_URL, encode};
use super::digest::{digest, mix};
use super::platform::Platform;

/// The Instagram account whose media `/_control/posts` calls owned.
pub const INSTAGRAM_ACCOUNT: u64 = 17_841_400_000_042_001;
/// The handle of [`INSTAGRAM_ACCOUNT`].
pub const INSTAGRAM_HANDLE: &str = "countersign.studio";
/// The Facebook page whose posts `/_control/posts` calls owned.
pub const META_PAGE: u64 = 100_064_000_042_001;
/// The number of the ad account that advertises that page's posts; its id is `act_` and this.
pub const META_AD_ACCOUNT: u64 = 120_420_010_000_042;
/// The YouTube channel whose videos `/_control/posts` calls owned. On the wire it has an id that
/// starts with `UC`, which a sample post names.
pub const YOUTUBE_CHANNEL: u64 = 4_200_042_001_000_000;
/// The TikTok account whose videos `/_control/posts` calls owned.
pub const TIKTOK_ACCOUNT: u64 = 6_900_000_042_001_000_000;
/// The account on X whose posts `/_control/posts` calls owned.
pub const X_ACCOUNT: u64 = 1_400_000_000_042_001_000;
/// The handle of [`YOUTUBE_CHANNEL`], [`TIKTOK_ACCOUNT`] and [`X_ACCOUNT`], without `@`.
pub const STUDIO_HANDLE: &str = "countersign_hq";

/// How many accounts YouTube, TikTok and X have each, the owned one included.
pub(super) const MEMBERS: u64 = 1 << 22;

/// The ids of `creator_1`, `creator_2`, … count up from here.
const FIRST_CREATOR: u64 = 17_841_410_000_000_000;
/// Other handles fall into the ten thousand million ids from here.
const FIRST_OTHER: u64 = 17_841_420_000_000_000;
const OTHERS: u64 = 10_000_000_000;
/// The ids of Facebook pages of others count up from here.
const FIRST_OTHER_PAGE: u64 = 100_065_000_000_000;

/// The account of an Instagram handle, which is read without its case; `None` where the handle is
/// not 1 to 30 letters, digits, dots and underscores, or ends in `gone`.
pub(super) fn account_of(handle: &str) -> Option<u64> {
    let handle = handle.to_ascii_lowercase();
    let valid = (1..=30).contains(&handle.len())
        && handle
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte));
    if !valid || handle.ends_with("gone") {
        return None;
    }
    if handle == INSTAGRAM_HANDLE {
        return Some(INSTAGRAM_ACCOUNT);
    }
    if let Some(number) = canonical_number(handle.strip_prefix("creator_"))
        && number < FIRST_OTHER - FIRST_CREATOR
    {
        return Some(FIRST_CREATOR + number);
    }
    if let Some(account) = canonical_number(handle.strip_prefix("account_")) {
        return Some(account);
    }
    Some(FIRST_OTHER + digest(0, "instagram.handle", &handle) % OTHERS)
}

/// The number that `digits` writes without leading zeros.
pub(super) fn canonical_number(digits: Option<&str>) -> Option<u64> {
    let digits = digits?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// A handle of an account. [`account_of`] gives the account back.
pub(super) fn handle_of(account: u64) -> String {
    if account == INSTAGRAM_ACCOUNT {
        INSTAGRAM_HANDLE.to_owned()
    } else if (FIRST_CREATOR..FIRST_OTHER).contains(&account) {
        format!("creator_{}", account - FIRST_CREATOR)
    } else {
        format!("account_{account}")
    }
}

/// The account of `creator_<nth>`.
pub(super) const fn creator(nth: u64) -> u64 {
    FIRST_CREATOR + nth
}

/// The `nth` Facebook page that is not [`META_PAGE`].
pub(super) const fn other_page(nth: u64) -> u64 {
    FIRST_OTHER_PAGE + nth
}

/// The account of the simulator's own credential; none on Reddit, whose tokens are nobody's.
pub(super) const fn own(platform: Platform) -> Option<u64> {
    match platform {
        Platform::Reddit => None,
        Platform::Instagram => Some(INSTAGRAM_ACCOUNT),
        Platform::Meta => Some(META_PAGE),
        Platform::YouTube => Some(YOUTUBE_CHANNEL),
        Platform::TikTok => Some(TIKTOK_ACCOUNT),
        Platform::X => Some(X_ACCOUNT),
    }
}

/// The account at a place among those of YouTube, TikTok or X, whose owned one is `own`: 0 is that
/// one itself. Only the lowest bits of `place` count.
pub(super) const fn member(own: u64, place: u64) -> u64 {
    own + place % MEMBERS
}

/// The place of an account, which stands for it in the numbers of its posts.
pub(super) const fn place_of(own: u64, account: u64) -> u64 {
    account.wrapping_sub(own) % MEMBERS
}

/// The account of a handle on YouTube, TikTok or X, which is read without its case.
pub(super) fn member_of(own: u64, handle: &str) -> Option<u64> {
    let handle = handle.to_ascii_lowercase();
    if handle == STUDIO_HANDLE {
        return Some(own);
    }
    canonical_number(handle.strip_prefix("creator_"))
        .filter(|place| (1..MEMBERS).contains(place))
        .map(|place| member(own, place))
}

/// The handle of an account on YouTube, TikTok or X. [`member_of`] gives the account back.
pub(super) fn member_handle(own: u64, account: u64) -> String {
    match place_of(own, account) {
        0 => STUDIO_HANDLE.to_owned(),
        place => format!("creator_{place}"),
    }
}

/// The id that a YouTube channel has on the wire: `UC` and 22 characters.
pub(super) fn channel_id(channel: u64) -> String {
    let (first, second) = (mix(channel), mix(!channel));
    format!(
        "UC{}{}",
        encode(BASE64_URL, first, 11),
        encode(BASE64_URL, second, 11)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_found_by_the_handle_that_it_shows() {
        for account in [
            INSTAGRAM_ACCOUNT,
            creator(1),
            creator(77),
            12_345,
            FIRST_OTHER + 5,
        ] {
            assert_eq!(account_of(&handle_of(account)), Some(account));
        }
        assert_eq!(account_of("Blue.Bottle_1"), account_of("blue.bottle_1"));
        assert_ne!(account_of("blue.bottle_1"), account_of("blue.bottle_2"));
    }

    #[test]
    fn a_handle_that_cannot_exist_or_ends_in_gone_is_no_account() {
        for handle in [
            "",
            "with space",
            "a/b",
            "creator_gone",
            "long.handle.long.handle.long.handle",
        ] {
            assert_eq!(account_of(handle), None, "{handle}");
        }
    }

    #[test]
    fn a_member_is_found_by_the_handle_that_it_shows() {
        for own in [YOUTUBE_CHANNEL, TIKTOK_ACCOUNT, X_ACCOUNT] {
            for place in [0, 1, 77, MEMBERS - 1] {
                let account = member(own, place);
                assert_eq!(place_of(own, account), place);
                let handle = member_handle(own, account);
                // The most that X takes.
                assert!(handle.len() <= 15, "{handle}");
                assert_eq!(member_of(own, &handle), Some(account));
            }
            assert_eq!(member_of(own, "Creator_5"), Some(own + 5));
            for handle in ["", "creator_0", "creator_01", "creator_4194304", "else"] {
                assert_eq!(member_of(own, handle), None, "{handle}");
            }
        }
    }

    #[test]
    fn a_channel_has_an_id_of_its_own_of_24_characters() {
        let ids = [0, 1, 2].map(|place| channel_id(member(YOUTUBE_CHANNEL, place)));
        assert!(ids.iter().all(|id| id.len() == 24 && id.starts_with("UC")));
        assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    }

    #[test]
    fn a_creator_with_leading_zeros_is_another_account() {
        assert_ne!(account_of("creator_01"), account_of("creator_1"));
    }
}
