//! The kinds of queued work: their channels, names and payloads.
//!
//! A payload says which row, never what changed. A channel carries a version: a worker of an older version never takes a
//! job that it does not know. Channels of platforms are apart, so that no platform's backlog starves another.

use serde::{Deserialize, Serialize};

use crate::model::PlatformKind;

/// The job that checks a claim against its platform.
pub const RECONCILE: &str = "reconcile";
/// The job that decides an application.
pub const DECIDE_APPLICATION: &str = "decide_application";
/// The channel of [`DECIDE_APPLICATION`].
pub const APPLICATIONS: &str = "applications.1";
/// How often a job is tried before it is given up.
pub const ATTEMPTS: i32 = 5;

/// The channel of [`RECONCILE`] for a platform.
#[must_use]
pub const fn reconcile_channel(platform: PlatformKind) -> &'static str {
    match platform {
        PlatformKind::Reddit => "reconcile.reddit.1",
        PlatformKind::Instagram => "reconcile.instagram.1",
        PlatformKind::Meta => "reconcile.meta.1",
        PlatformKind::YouTube => "reconcile.youtube.1",
        PlatformKind::TikTok => "reconcile.tiktok.1",
        PlatformKind::X => "reconcile.x.1",
    }
}

/// The payload of [`RECONCILE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconcile {
    /// The claim.
    pub affiliate_report_id: i64,
}

/// The payload of [`DECIDE_APPLICATION`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideApplication {
    /// The application.
    pub application_id: i64,
}
