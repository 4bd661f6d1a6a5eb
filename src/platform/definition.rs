//! What the figures of each platform count, under the names that campaigns and verdicts use.
//!
//! One table, from which the adapters and the rules of reconciliation take their names, so that what
//! a campaign may choose, what a claim is held against and what an adapter reports cannot part: a
//! definition that nobody reports would make every excess incomparable without a word. A definition
//! is named `<source>.<what the source calls it>`; numbers under different definitions are different
//! things.

use crate::model::{Metric, PlatformKind};

/// Reddit's field for views, into which it has never put a number.
pub(crate) const REDDIT_VIEWS: &str = "reddit.view_count";

/// The views in an account's own insights.
pub(crate) const INSTAGRAM_VIEWS: &str = "instagram.views";

/// The views of a reel that anybody sees, paid ones and some on Facebook among them.
pub(crate) const INSTAGRAM_PUBLIC_VIEWS: &str = "instagram.business_discovery.view_count";

/// How often a post of a page was seen.
pub(crate) const META_VIEWS: &str = "meta.post_media_view";

/// How often something in a post of a page was clicked.
pub(crate) const META_CLICKS: &str = "meta.post_clicks";

/// How often links in a post's advertisements were followed.
pub(crate) const META_AD_CLICKS: &str = "meta.ads.inline_link_clicks";

/// How many purchases a post's advertisements led to.
pub(crate) const META_AD_PURCHASES: &str = "meta.ads.omni_purchase";

/// The view count of a video, the same for everybody.
pub(crate) const YOUTUBE_VIEWS: &str = "youtube.viewCount";

/// The view count of a video, told to its owner.
pub(crate) const TIKTOK_VIEWS: &str = "tiktok.view_count";

/// How often a post was seen.
pub(crate) const X_VIEWS: &str = "x.impression_count";

/// How often links in a post were followed, told to its owner.
pub(crate) const X_CLICKS: &str = "x.url_link_clicks";

/// Every definition under which the adapter of a platform may report a metric; none where the
/// platform never tells it.
#[must_use]
pub const fn definitions(platform: PlatformKind, metric: Metric) -> &'static [&'static str] {
    match (platform, metric) {
        (PlatformKind::Reddit, Metric::Views) => &[REDDIT_VIEWS],
        (PlatformKind::Instagram, Metric::Views) => &[INSTAGRAM_VIEWS, INSTAGRAM_PUBLIC_VIEWS],
        (PlatformKind::Meta, Metric::Views) => &[META_VIEWS],
        (PlatformKind::Meta, Metric::Clicks) => &[META_CLICKS, META_AD_CLICKS],
        (PlatformKind::Meta, Metric::Conversions) => &[META_AD_PURCHASES],
        (PlatformKind::YouTube, Metric::Views) => &[YOUTUBE_VIEWS],
        (PlatformKind::TikTok, Metric::Views) => &[TIKTOK_VIEWS],
        (PlatformKind::X, Metric::Views) => &[X_VIEWS],
        (PlatformKind::X, Metric::Clicks) => &[X_CLICKS],
        (_, Metric::Clicks | Metric::Conversions) => &[],
    }
}

/// Whether a figure is the sum over those advertisements of a post that are listed now. It falls when
/// one of them is deleted, or when Meta counts its purchases anew, and no such fall says anything of
/// the post.
#[must_use]
pub fn is_of_advertisements(definition: &str) -> bool {
    definition.starts_with("meta.ads.")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_definition_is_of_one_platform_and_one_metric_and_says_of_which_source() {
        let mut seen = BTreeSet::new();
        for platform in PlatformKind::ALL {
            for metric in Metric::ALL {
                for definition in definitions(*platform, metric) {
                    let source = platform.as_str().to_lowercase();
                    assert!(
                        definition.starts_with(&format!("{source}.")),
                        "{definition}"
                    );
                    assert!(seen.insert(*definition), "{definition} twice");
                }
            }
        }
    }

    #[test]
    fn the_figures_of_advertisements_are_told_from_those_of_posts() {
        for definition in [META_AD_CLICKS, META_AD_PURCHASES] {
            assert!(is_of_advertisements(definition), "{definition}");
        }
        for definition in [META_VIEWS, META_CLICKS, INSTAGRAM_VIEWS, X_CLICKS] {
            assert!(!is_of_advertisements(definition), "{definition}");
        }
    }
}
