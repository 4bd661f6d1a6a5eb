//! Why a metric was judged as it was, as a closed set of names.

use std::fmt;
use std::str::FromStr;

use crate::model::UnknownName;

/// The reason behind the verdict on one metric. Stored and shown under its upper-case name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ReasonCode {
    /// No number was claimed.
    NotClaimed,
    /// Zero was claimed: nothing to check.
    ClaimedZero,
    /// The claim is at or below the platform's figure.
    WithinPlatformFigure,
    /// A figure under another definition is at or above the claim.
    ClearedByOtherDefinition,
    /// The claim is at or below the number of signed orders left for it.
    WithinSignedOrders,
    /// The claim is above the platform's figure.
    AbovePlatformFigure,
    /// The platform reports 0.
    ZeroOnPlatform,
    /// The claim is above the platform's figure by so little that it is LOW whatever the
    /// percentage.
    WithinFloor,
    /// The claim is above the number of signed orders left for it.
    UnsignedConversions,
    /// Only figures under another definition exist, and all are below the claim.
    NotComparable,
    /// The platform never tells this metric.
    MetricUnsupported,
    /// The platform did not tell this metric when it was last asked.
    MetricUnavailable,
    /// The platform no longer has the post.
    PostGone,
    /// The platform could not be reached since the claim.
    PlatformUnreachable,
    /// Nobody has asked the platform since the claim.
    NotObservedYet,
    /// The advertiser has not delivered one signed order.
    NoSignedOrders,
    /// The claim is above the figures read so far, but none of them was read when such figures have
    /// settled.
    ExcessNotConfirmed,
    /// The post had been submitted before.
    Duplicate,
}

impl ReasonCode {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::NotClaimed,
        Self::ClaimedZero,
        Self::WithinPlatformFigure,
        Self::ClearedByOtherDefinition,
        Self::WithinSignedOrders,
        Self::AbovePlatformFigure,
        Self::ZeroOnPlatform,
        Self::WithinFloor,
        Self::UnsignedConversions,
        Self::NotComparable,
        Self::MetricUnsupported,
        Self::MetricUnavailable,
        Self::PostGone,
        Self::PlatformUnreachable,
        Self::NotObservedYet,
        Self::NoSignedOrders,
        Self::ExcessNotConfirmed,
        Self::Duplicate,
    ];

    /// The name under which this reason is stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotClaimed => "NOT_CLAIMED",
            Self::ClaimedZero => "CLAIMED_ZERO",
            Self::WithinPlatformFigure => "WITHIN_PLATFORM_FIGURE",
            Self::ClearedByOtherDefinition => "CLEARED_BY_OTHER_DEFINITION",
            Self::WithinSignedOrders => "WITHIN_SIGNED_ORDERS",
            Self::AbovePlatformFigure => "ABOVE_PLATFORM_FIGURE",
            Self::ZeroOnPlatform => "ZERO_ON_PLATFORM",
            Self::WithinFloor => "WITHIN_FLOOR",
            Self::UnsignedConversions => "UNSIGNED_CONVERSIONS",
            Self::NotComparable => "NOT_COMPARABLE",
            Self::MetricUnsupported => "METRIC_UNSUPPORTED",
            Self::MetricUnavailable => "METRIC_UNAVAILABLE",
            Self::PostGone => "POST_GONE",
            Self::PlatformUnreachable => "PLATFORM_UNREACHABLE",
            Self::NotObservedYet => "NOT_OBSERVED_YET",
            Self::NoSignedOrders => "NO_SIGNED_ORDERS",
            Self::ExcessNotConfirmed => "EXCESS_NOT_CONFIRMED",
            Self::Duplicate => "DUPLICATE",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ReasonCode {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|code| code.as_str() == name)
            .ok_or_else(|| UnknownName {
                set: "ReasonCode",
                name: name.to_owned(),
            })
    }
}
