//! What a verdict is made from.

use chrono::{DateTime, Utc};

use super::Policy;
use crate::model::{Metrics, Observed, PlatformKind};

/// What an affiliate says a post did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The affiliate report that holds it.
    pub report_id: i64,
    /// When it was made. Observations count from here on.
    pub submitted_at: DateTime<Utc>,
    /// Where the post is.
    pub platform: PlatformKind,
    /// The numbers; none where the affiliate did not name one, which is not 0.
    pub claimed: Metrics<Option<u64>>,
    /// What a view is in the campaign on this platform, such as `instagram.views`.
    pub views_definition: String,
}

/// What the platform said at one time: a platform report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The platform report that holds it.
    pub platform_report_id: i64,
    /// When the platform said so.
    pub fetched_at: DateTime<Utc>,
    /// Each metric: a number, or why there is none.
    pub metrics: Metrics<Observed>,
    /// Whether the platform said that the post is not there any more.
    pub gone: bool,
}

/// How the check that asks for a verdict went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check {
    /// The platform answered; that the post is gone is an answer.
    Answered,
    /// The platform could not be reached.
    Unreachable {
        /// Why, in words fit for the affiliate: it is shown, so no address, token or inner error.
        detail: String,
    },
}

/// What signed orders say of the conversions of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedOrders {
    /// The advertiser has not delivered one signed order yet, for anybody. Nothing is known then.
    NoneDelivered,
    /// The advertiser delivers signed orders; those credited to the affiliate are counted, which
    /// may be none.
    Delivered(OrderCount),
}

/// An advertiser's distinct signed orders for one affiliate, as one claim sees them.
///
/// Orders are credited to claims in order of submission, and a post's newer claim that names
/// conversions replaces its older one. Who counts them keeps to that; here only the sum matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct OrderCount {
    /// Distinct orders, the reversed ones included.
    pub signed: u64,
    /// Those that were reversed since.
    pub reversed: u64,
    /// Those that earlier claims of the affiliate have used up.
    pub credited_before: u64,
}

impl OrderCount {
    /// What is left for the claim; 0 where earlier claims ask for more than there is.
    #[must_use]
    pub const fn remaining(self) -> u64 {
        self.signed
            .saturating_sub(self.reversed)
            .saturating_sub(self.credited_before)
    }
}

/// One check of one claim.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The claim.
    pub claim: &'a Claim,
    /// The policy in force when the claim was made.
    pub policy: &'a Policy,
    /// What the platform said since the claim, in any order. An older observation is passed over.
    pub observations: &'a [Observation],
    /// How this check went.
    pub check: &'a Check,
    /// What signed orders say of the claim's conversions at `now`.
    pub orders: &'a SignedOrders,
    /// The time of this check.
    pub now: DateTime<Utc>,
    /// Whether no check follows; see [`super::schedule::is_last`].
    pub last_check: bool,
    /// Whether the post turned out to be one that was submitted before.
    pub duplicate: bool,
}

impl<'a> Context<'a> {
    /// The observations that count: those from the claim on.
    pub(super) fn since_claim(&self) -> impl Iterator<Item = &'a Observation> + use<'a> {
        let submitted_at = self.claim.submitted_at;
        let observations: &'a [Observation] = self.observations;
        observations
            .iter()
            .filter(move |observation| observation.fetched_at >= submitted_at)
    }

    /// The newest observation that counts.
    pub(super) fn latest(&self) -> Option<&'a Observation> {
        self.since_claim()
            .max_by_key(|observation| (observation.fetched_at, observation.platform_report_id))
    }
}
