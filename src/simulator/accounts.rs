//! The accounts of the Graph platforms: names and ids that belong together by rule, not by a list.
//!
//! Any handle of the right syntax is an account, but for those that end in `gone`; any number is an
//! account's id. That way a test or a demo may name as many affiliates as it likes.

use super::digest::digest;

/// The Instagram account whose media `/_control/posts` calls owned.
pub const INSTAGRAM_ACCOUNT: u64 = 17_841_400_000_042_001;
/// The handle of [`INSTAGRAM_ACCOUNT`].
pub const INSTAGRAM_HANDLE: &str = "countersign.studio";
/// The Facebook page whose posts `/_control/posts` calls owned.
pub const META_PAGE: u64 = 100_064_000_042_001;

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
fn canonical_number(digits: Option<&str>) -> Option<u64> {
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
    fn a_creator_with_leading_zeros_is_another_account() {
        assert_ne!(account_of("creator_01"), account_of("creator_1"));
    }
}
