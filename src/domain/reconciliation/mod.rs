//! The verdict on a claim: what an affiliate says a post did, against what the platform says.
//!
//! Everything here is a pure function of its arguments. There is no clock, no network and no
//! database, so that the same claim, policy and observations always give the same verdict and a
//! stored one can be computed again. Nothing here fails: input that a caller should not have passed
//! (an observation from before the claim, a policy that [`Policy::validate`] refuses) leads to a
//! careful verdict, never to a panic or an accusation.
//!
//! # The rules
//!
//! **1. Claim A against observation B, metric by metric, only where a number above 0 is claimed.**
//! Null is not claimed. A zero is a match and is not compared; a claim of zeros alone matches and
//! never counts for trust. Metrics grow between the claim and the fetch, so A ≤ B is normal and A >
//! B is suspicious: such counters do not normally fall, so a claim above a *later* value is too
//! high by at least the difference, while a claim below it proves nothing and is a match.
//!
//! **2. B is the highest value reported after the claim under the same definition.** A purge after
//! an honest claim accuses nobody.
//!
//! **3. Level** from p = (A − B) / B · 100: A ≤ B is NONE; p < 5 LOW; 5 ≤ p ≤ 20 MEDIUM; p > 20
//! HIGH. 5 and 20 are the defaults of the policy. Decided on exact integers; rounding is for
//! display only. B = 0 < A is HIGH and has no percentage. A metric that was not compared has no
//! level.
//!
//! **4. Small-number floor.** A difference at or under the policy's absolute floor (default 10) is
//! at most LOW, also at B = 0.
//!
//! **5. Unknown is never zero.** An observed metric is reported (a number, 0 included), unavailable
//! this time, or unsupported by the platform. Only a reported one is compared. A failed fetch, an
//! empty list of insights, a missing row or a vanished post never becomes 0.
//!
//! **6. Definitions before numbers.** A claim of views is made in the definition of its campaign's
//! platform (such as `instagram.views`), one of clicks in the platform's own. A figure under
//! another definition may clear a claim (A ≤ B) but never accuses: A > B is `NOT_COMPARABLE`.
//!
//! **7. What a platform never tells** is UNVERIFIABLE and says why, in the words of the
//! observation.
//!
//! **8. Evidence grade**, weakest first: PUBLIC, `PLATFORM_APP`, `OWNER_TOKEN`; conversions from
//! orders: `SIGNED_ORDERS`. Of equal figures the one with the stronger grade is cited.
//!
//! **9. Conversions** are checked against the orders that the advertiser signed, and against nothing
//! else once it has delivered one at all, for anybody; B is what is left of them for this claim.
//! [`orders_for`] says which are left. An excess is `UNSIGNED_CONVERSIONS`. A platform may count
//! purchases as well, as Meta does of advertisements (`meta.ads.omni_purchase`): those are its own
//! attribution, another definition than signed orders, so rule 6 holds. They are looked at only where
//! no signed order was ever delivered: then A at or below them is cleared, with their grade, and A
//! above them is `NOT_COMPARABLE`. They never accuse, and never lower or raise a verdict by orders.
//! With neither, conversions are unavailable.
//!
//! **10. Status of the whole.** Any metric over: DISCREPANCY with the highest level. All metrics
//! claimed above 0 verified: MATCHED. Some verified, others not: `PARTIALLY_MATCHED`. None
//! verified: FAILED where this check did not reach the platform, else `NOT_COMPARABLE` if any
//! metric was, else UNVERIFIABLE. A duplicate post: UNVERIFIABLE.
//!
//! **11. Provisional and final.** A metric is settled when it is not claimed, zero, verified or
//! unsupported by the platform, and when it is over by a figure read at or after claim + lag. FINAL
//! is a verdict whose metrics are all settled, and any verdict of the last check. At the last check
//! an excess that no figure from after the lag confirms may not accuse: it becomes
//! `EXCESS_NOT_CONFIRMED`, which is unavailable. The lag belongs to the definition (Instagram and
//! Meta insights 48 h, `YouTube` and `TikTok` 24 h, X 1 h, Reddit 0); a policy may set its own for
//! platform figures, 0 included; that of orders is 24 h; of several claimed metrics the longest
//! counts.
//!
//! **12. Checks** come at once, at the policy's ages of the claim and at the end of the lag; see
//! [`schedule`]. They go on after the FINAL verdict: a count that falls then changes no verdict, see
//! [`crate::domain::verification`].
//!
//! **13. Trust** is scored from FINAL verdicts in [`crate::domain::trust`].
//!
//! **14. Alerts** on a claim are raised from the policy's level (default MEDIUM) up. Of every kind there is one
//! that is not yet resolved for each cause: the claim, the post, the affiliate or the platform. A post on a
//! platform that was submitted to two campaigns or by two affiliates is `DUPLICATE_POST` on each. See
//! [`crate::domain::verification`].
//!
//! **15. Platform health.** While a platform fails too often its checks wait and nobody is judged on it:
//! see [`crate::domain::health`].
//!
//! **16. Tamper-evidence**: the canonical form of a verdict and the hash chain over it are in
//! [`canonical`].

pub mod canonical;
mod compare;
mod definition;
mod explain;
mod finality;
mod finding;
mod input;
mod level;
mod orders;
mod policy;
mod reason;
pub mod schedule;
mod status;
mod stored;
#[cfg(test)]
mod tests;
mod verdict;

pub use definition::default_definition;
pub(crate) use explain::{count, counted, instant};
pub use input::{Check, Claim, Context, Observation, OrderCount, SignedOrders};
pub use orders::{Conversions, OrderPool, orders_for};
pub use policy::{Policy, PolicyError, PolicyProblem};
pub use reason::ReasonCode;
pub use stored::MalformedComparison;
pub use verdict::{Comparison, Verdict};

use crate::model::Metrics;

/// Judges one claim by the observations since it.
///
/// To be called once for each check that was attempted. A check that could not be attempted (the
/// platform's circuit is open, no worker ran) gives no verdict, and is not the last one.
#[must_use]
pub fn reconcile(context: &Context<'_>) -> Verdict {
    let lag_end = schedule::lag_end(context.claim, context.policy);
    let findings = Metrics::from_fn(|metric| {
        let finding = compare::compare(context, metric, lag_end);
        if context.last_check {
            finality::at_last_check(finding)
        } else {
            finding
        }
    });
    let (status, level) = status::of(context, &findings);
    let finality = finality::of(context, &findings);
    let comparisons: Vec<Comparison> = findings
        .iter()
        .map(|(metric, finding)| {
            let reason = explain::sentence(context, metric, finding, lag_end);
            compare::comparison(context.claim, metric, finding, reason)
        })
        .collect();
    let explanation =
        explain::explanation(context, &findings, &comparisons, status, finality, lag_end);
    Verdict {
        status,
        level,
        finality,
        comparisons,
        explanation,
        platform_report_id: context.latest().map(|latest| latest.platform_report_id),
    }
}
