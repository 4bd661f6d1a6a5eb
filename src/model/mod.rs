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

/// Most digits of an id of Discord's.
pub const DISCORD_ID_DIGITS: usize = 20;

/// Whether a text is an id of Discord's (a snowflake): up to 20 digits, in a text because JSON numbers lose the last ones.
#[must_use]
pub fn is_discord_id(text: &str) -> bool {
    (1..=DISCORD_ID_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The largest count that a JSON number carries exactly, 2^53 − 1. Claims above it are refused.
pub const MAX_COUNT: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_discords_has_1_to_20_digits_and_nothing_else() {
        let (longest, longer) = (
            "1".repeat(DISCORD_ID_DIGITS),
            "1".repeat(DISCORD_ID_DIGITS + 1),
        );
        for id in ["0", "317209107000066050", longest.as_str()] {
            assert!(is_discord_id(id), "{id}");
        }
        for none in ["", "ann#1234", " 1", "-1", "\u{661}", longer.as_str()] {
            assert!(!is_discord_id(none), "{none:?}");
        }
    }
}
