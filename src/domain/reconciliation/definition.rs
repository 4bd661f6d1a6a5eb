//! What a number counts, and how long it takes to settle.
//!
//! Numbers under different definitions are different things: plays are not views. A definition is
//! named `<source>.<what the source calls it>`.

use chrono::Duration;

use super::{Claim, Policy};
use crate::model::{Metric, PlatformKind};
use crate::platform::definition::{
    INSTAGRAM_VIEWS, META_CLICKS, META_VIEWS, REDDIT_VIEWS, TIKTOK_VIEWS, X_CLICKS, X_VIEWS,
    YOUTUBE_VIEWS,
};

/// How long the orders of a purchase may take to arrive.
const ORDERS_LAG_HOURS: i64 = 24;

/// What a metric counts on a platform where the campaign says nothing else; none where the platform
/// has no count of its own that could be held against a claim. What else its adapter may report is in
/// [`crate::platform::definitions`].
#[must_use]
pub const fn default_definition(platform: PlatformKind, metric: Metric) -> Option<&'static str> {
    match (platform, metric) {
        (PlatformKind::Reddit, Metric::Views) => Some(REDDIT_VIEWS),
        (PlatformKind::Instagram, Metric::Views) => Some(INSTAGRAM_VIEWS),
        (PlatformKind::Meta, Metric::Views) => Some(META_VIEWS),
        (PlatformKind::YouTube, Metric::Views) => Some(YOUTUBE_VIEWS),
        (PlatformKind::TikTok, Metric::Views) => Some(TIKTOK_VIEWS),
        (PlatformKind::X, Metric::Views) => Some(X_VIEWS),
        (PlatformKind::Meta, Metric::Clicks) => Some(META_CLICKS),
        (PlatformKind::X, Metric::Clicks) => Some(X_CLICKS),
        (_, Metric::Clicks | Metric::Conversions) => None,
    }
}

/// The definition in which a metric of a claim was made. Views have the campaign's, the others the
/// platform's own.
pub(super) fn expected(claim: &Claim, metric: Metric) -> Option<&str> {
    match metric {
        Metric::Views => Some(claim.views_definition.as_str()),
        Metric::Clicks | Metric::Conversions => default_definition(claim.platform, metric),
    }
}

/// How long after the claim a figure of this metric has settled. Zero or more under a valid policy.
pub(super) fn lag(claim: &Claim, policy: &Policy, metric: Metric) -> Duration {
    match expected(claim, metric) {
        Some(definition) => policy
            .lag_window
            .unwrap_or_else(|| settles_after(definition, claim.platform)),
        // No platform's count of conversions can accuse, so it is orders that are waited for.
        None if metric == Metric::Conversions => Duration::hours(ORDERS_LAG_HOURS),
        // What nobody counts never settles, and cannot accuse either.
        None => Duration::zero(),
    }
}

/// The lag of a definition. One of an unknown source has that of the platform that the post is on.
fn settles_after(definition: &str, platform: PlatformKind) -> Duration {
    let source = definition
        .split_once('.')
        .and_then(|(source, _)| match source {
            "reddit" => Some(PlatformKind::Reddit),
            "instagram" => Some(PlatformKind::Instagram),
            "meta" => Some(PlatformKind::Meta),
            "youtube" => Some(PlatformKind::YouTube),
            "tiktok" => Some(PlatformKind::TikTok),
            "x" => Some(PlatformKind::X),
            _ => None,
        });
    Duration::hours(match source.unwrap_or(platform) {
        PlatformKind::Reddit => 0,
        PlatformKind::X => 1,
        PlatformKind::YouTube | PlatformKind::TikTok => 24,
        PlatformKind::Instagram | PlatformKind::Meta => 48,
    })
}
