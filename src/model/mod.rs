//! The words of the product as types: what a platform, a metric, an observation or a verdict is.
//!
//! This module knows no queries, HTTP or GraphQL, and every layer may use it. One noun for one thing: the
//! names here are the names in the tables, the GraphQL schema and the tests.

mod enums;
mod global_id;
mod metrics;
mod secret;

pub use enums::{
    AlertChannelDisabledReason, AlertChannelKind, AlertChannelState, AlertDeliveryKind,
    AlertDeliveryStatus, AlertEventKind, AlertKind, AlertStatus, ApplicationRule,
    ApplicationStatus, CampaignStatus, CircuitState, CredentialState, DiscrepancyLevel,
    EvidenceGrade, Finality, OrderStatus, PlatformKind, PostStatus, ReconciliationStatus,
    ReportStatus, Role, SubmissionMethod, UnknownName,
};
pub use global_id::IdKind;
pub use metrics::{Availability, Metric, Metrics, Observed};
pub use secret::Secret;

/// Whose rows a caller may see in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everybody's.
    All,
    /// Those that belong to one advertiser.
    Advertiser(i64),
    /// Those that belong to one affiliate.
    Affiliate(i64),
}

/// The largest count that a JSON number carries exactly, 2^53 − 1. Claims above it are refused.
pub const MAX_COUNT: u64 = (1 << 53) - 1;
