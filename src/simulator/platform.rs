//! Which platform is being played. The simulator has its own name for it: it shares no types with
//! the adapters, so that a mistake in theirs cannot hide behind the same mistake here.

use serde::Deserialize;

/// A platform that the simulator plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum Platform {
    /// Under `/reddit`.
    #[serde(rename = "reddit", alias = "REDDIT")]
    Reddit,
    /// Under `/instagram`.
    #[serde(rename = "instagram", alias = "INSTAGRAM")]
    Instagram,
    /// Facebook pages, under `/meta`.
    #[serde(rename = "meta", alias = "META")]
    Meta,
    /// Under `/youtube`.
    #[serde(rename = "youtube", alias = "YOUTUBE")]
    YouTube,
    /// Under `/tiktok`.
    #[serde(rename = "tiktok", alias = "TIKTOK")]
    TikTok,
    /// Once Twitter, under `/x`.
    #[serde(rename = "x", alias = "X")]
    X,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 6] = [
        Self::Reddit,
        Self::Instagram,
        Self::Meta,
        Self::YouTube,
        Self::TikTok,
        Self::X,
    ];

    /// The name in paths and in control calls.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reddit => "reddit",
            Self::Instagram => "instagram",
            Self::Meta => "meta",
            Self::YouTube => "youtube",
            Self::TikTok => "tiktok",
            Self::X => "x",
        }
    }

    /// The platform of a name in lower or upper case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|platform| name.eq_ignore_ascii_case(platform.as_str()))
    }

    /// The place of this platform in arrays that have one entry for each.
    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_either_case_and_indexes_follow_the_list() {
        for (index, platform) in Platform::ALL.into_iter().enumerate() {
            assert_eq!(platform.index(), index);
            assert_eq!(Platform::parse(platform.as_str()), Some(platform));
            assert_eq!(
                Platform::parse(&platform.as_str().to_uppercase()),
                Some(platform)
            );
        }
        assert_eq!(Platform::parse("myspace"), None);
    }
}
