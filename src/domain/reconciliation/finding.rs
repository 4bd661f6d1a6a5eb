//! What was found on one metric, before it is put into words and numbers.

use chrono::{DateTime, Utc};

use super::level::Excess;
use super::{OrderCount, ReasonCode};
use crate::model::{DiscrepancyLevel, EvidenceGrade};

/// A number that the platform reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Figure<'a> {
    pub(super) value: u64,
    pub(super) definition: &'a str,
    pub(super) grade: EvidenceGrade,
    pub(super) platform_report_id: i64,
    pub(super) fetched_at: DateTime<Utc>,
}

impl Figure<'_> {
    /// Orders figures by what speaks for the affiliate; of equal numbers the better grade, then the
    /// newer one. Total, so that the order in which observations come does not matter.
    pub(super) fn strength(&self) -> (u64, EvidenceGrade, DateTime<Utc>, i64) {
        (
            self.value,
            self.grade,
            self.fetched_at,
            self.platform_report_id,
        )
    }
}

/// What a claim was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis<'a> {
    /// The platform's figure under the definition of the claim.
    Platform(Figure<'a>),
    /// The platform's figure under another definition. Never behind an excess.
    OtherDefinition(Figure<'a>),
    /// Signed orders.
    Orders(OrderCount),
}

impl Basis<'_> {
    pub(super) const fn value(&self) -> u64 {
        match self {
            Self::Platform(figure) | Self::OtherDefinition(figure) => figure.value,
            Self::Orders(orders) => orders.remaining(),
        }
    }

    pub(super) const fn grade(&self) -> EvidenceGrade {
        match self {
            Self::Platform(figure) | Self::OtherDefinition(figure) => figure.grade,
            Self::Orders(_) => EvidenceGrade::SignedOrders,
        }
    }

    const fn platform_report_id(&self) -> Option<i64> {
        match self {
            Self::Platform(figure) | Self::OtherDefinition(figure) => {
                Some(figure.platform_report_id)
            }
            Self::Orders(_) => None,
        }
    }
}

/// What was found on one metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding<'a> {
    /// No number is claimed.
    NotClaimed,
    /// 0 is claimed.
    ClaimedZero,
    /// The post was submitted before; nothing is compared.
    Duplicate,
    /// The claim is not above its basis.
    Verified { basis: Basis<'a> },
    /// The claim is above its basis.
    Over {
        basis: Basis<'a>,
        excess: Excess,
        /// Whether the platform, or the orders, were read at or after the end of the lag.
        confirmed: bool,
    },
    /// The claim was above its basis, and the last check brought nothing to confirm it.
    NotConfirmed { basis: Basis<'a> },
    /// Only figures under another definition, all below the claim; this is the highest.
    NotComparable { figure: Figure<'a> },
    /// The platform never tells.
    Unsupported {
        reason: &'a str,
        platform_report_id: i64,
    },
    /// The platform did not tell.
    Unavailable {
        reason: &'a str,
        platform_report_id: i64,
    },
    /// The post is not there any more.
    Gone { platform_report_id: i64 },
    /// Nothing since the claim, and this check did not reach the platform.
    Unreachable { detail: &'a str },
    /// Nothing since the claim.
    NotObserved,
    /// The advertiser has not delivered one signed order.
    NoSignedOrders,
}

impl<'a> Finding<'a> {
    /// Whether a number above 0 is claimed and the claim is one to check.
    pub(super) const fn is_judged(&self) -> bool {
        !matches!(self, Self::NotClaimed | Self::ClaimedZero | Self::Duplicate)
    }

    /// What the claim was compared with, where the comparison stands.
    pub(super) const fn compared(&self) -> Option<&Basis<'a>> {
        match self {
            Self::Verified { basis } | Self::Over { basis, .. } => Some(basis),
            _ => None,
        }
    }

    pub(super) const fn level(&self) -> Option<DiscrepancyLevel> {
        match self {
            Self::Verified { .. } => Some(DiscrepancyLevel::None),
            Self::Over { excess, .. } => Some(excess.level),
            _ => None,
        }
    }

    /// The platform report that the finding speaks of.
    pub(super) const fn platform_report_id(&self) -> Option<i64> {
        match self {
            Self::Verified { basis } | Self::Over { basis, .. } | Self::NotConfirmed { basis } => {
                basis.platform_report_id()
            }
            Self::NotComparable { figure } => Some(figure.platform_report_id),
            Self::Unsupported {
                platform_report_id, ..
            }
            | Self::Unavailable {
                platform_report_id, ..
            }
            | Self::Gone { platform_report_id } => Some(*platform_report_id),
            Self::NotClaimed
            | Self::ClaimedZero
            | Self::Duplicate
            | Self::Unreachable { .. }
            | Self::NotObserved
            | Self::NoSignedOrders => None,
        }
    }

    pub(super) const fn code(&self) -> ReasonCode {
        match self {
            Self::NotClaimed => ReasonCode::NotClaimed,
            Self::ClaimedZero => ReasonCode::ClaimedZero,
            Self::Duplicate => ReasonCode::Duplicate,
            Self::Verified {
                basis: Basis::Platform(_),
            } => ReasonCode::WithinPlatformFigure,
            Self::Verified {
                basis: Basis::OtherDefinition(_),
            } => ReasonCode::ClearedByOtherDefinition,
            Self::Verified {
                basis: Basis::Orders(_),
            } => ReasonCode::WithinSignedOrders,
            Self::Over {
                basis: Basis::Orders(_),
                ..
            } => ReasonCode::UnsignedConversions,
            Self::Over {
                excess: Excess {
                    within_floor: true, ..
                },
                ..
            } => ReasonCode::WithinFloor,
            Self::Over { basis, .. } if basis.value() == 0 => ReasonCode::ZeroOnPlatform,
            Self::Over { .. } => ReasonCode::AbovePlatformFigure,
            Self::NotConfirmed { .. } => ReasonCode::ExcessNotConfirmed,
            Self::NotComparable { .. } => ReasonCode::NotComparable,
            Self::Unsupported { .. } => ReasonCode::MetricUnsupported,
            Self::Unavailable { .. } => ReasonCode::MetricUnavailable,
            Self::Gone { .. } => ReasonCode::PostGone,
            Self::Unreachable { .. } => ReasonCode::PlatformUnreachable,
            Self::NotObserved => ReasonCode::NotObservedYet,
            Self::NoSignedOrders => ReasonCode::NoSignedOrders,
        }
    }
}
