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
/// The job that writes the claims of a run that was too large to be written at once.
pub const EXTEND_RUN: &str = "extend_run";
/// The channel of [`EXTEND_RUN`].
pub const RUNS: &str = "runs.1";
/// The channel of [`DECIDE_APPLICATION`].
pub const APPLICATIONS: &str = "applications.1";
/// The job that does what a member of Discord asked for, and answers.
pub const ANSWER_INTERACTION: &str = "answer_interaction";
/// The job that tells a member of Discord the first verdict on its claim.
pub const TELL_VERDICT: &str = "tell_verdict";
/// The channel of [`ANSWER_INTERACTION`] and [`TELL_VERDICT`].
pub const DISCORD: &str = "discord.1";
/// The job that sends a delivery to a channel.
pub const DELIVER_ALERT: &str = "deliver_alert";
/// The channel of [`DELIVER_ALERT`].
pub const DELIVERIES: &str = "deliveries.1";
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
    /// The run that asked for the check; none for those that the claim's policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<i64>,
    /// Whether this check comes between those of the policy and queues none after it: a job that was given up has its
    /// successor already when it is taken up again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub between: bool,
}

/// The payload of [`EXTEND_RUN`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExtendRun {
    /// The run.
    pub run_id: i64,
}

/// The payload of [`DECIDE_APPLICATION`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecideApplication {
    /// The application.
    pub application_id: i64,
}

/// The payload of [`ANSWER_INTERACTION`] and [`TELL_VERDICT`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interaction {
    /// Discord's id of the interaction. It comes first: a job is looked for by how its payload begins.
    pub interaction_id: String,
    /// Whether a job about it was given up, so that this one only tells the member.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_failed: bool,
}

/// The payload of [`DELIVER_ALERT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverAlert {
    /// The delivery.
    pub delivery_id: i64,
    /// Which of its attempts this is, from 1: a job for one that has ended already does nothing.
    pub attempt: i32,
}
