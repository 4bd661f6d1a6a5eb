//! Which signed orders are left for a claim of conversions (rule 9).
//!
//! An affiliate's orders at an advertiser are credited to its claims in order of submission; a post's newer claim that names
//! conversions stands in the place of its older one. An order that names a campaign is for claims in that campaign; one that
//! names none is for any of the advertiser's, and is used last, so that it is there for whoever needs it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::OrderCount;

/// Orders of an affiliate at an advertiser, for one campaign or for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderPool {
    /// For which campaign; none: for any.
    pub campaign_id: Option<i64>,
    /// Distinct orders, the reversed ones included.
    pub signed: u64,
    /// Those that were reversed since.
    pub reversed: u64,
}

/// A claim of conversions of the affiliate at the advertiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversions {
    /// The claim.
    pub report_id: i64,
    /// On which post.
    pub post_id: i64,
    /// In which campaign.
    pub campaign_id: i64,
    /// When it was made.
    pub submitted_at: DateTime<Utc>,
    /// How many are claimed.
    pub claimed: u64,
}

impl Conversions {
    /// The order of submission. Orders are credited in it.
    #[must_use]
    pub const fn place(&self) -> (DateTime<Utc>, i64) {
        (self.submitted_at, self.report_id)
    }
}

/// The orders as one claim sees them. `claims` holds the latest claim of each post in order of submission; that of the claim's
/// own post, and those made after it, take nothing from it.
#[must_use]
pub fn orders_for(claim: &Conversions, pools: &[OrderPool], claims: &[Conversions]) -> OrderCount {
    let mut left: HashMap<Option<i64>, u64> = HashMap::new();
    for pool in pools {
        *left.entry(pool.campaign_id).or_default() += pool.signed.saturating_sub(pool.reversed);
    }
    let earlier = claims
        .iter()
        .take_while(|other| other.place() < claim.place())
        .filter(|other| other.post_id != claim.post_id);
    for other in earlier {
        let mut wanted = other.claimed;
        for pool in [Some(other.campaign_id), None] {
            if let Some(orders) = left.get_mut(&pool) {
                let taken = wanted.min(*orders);
                *orders -= taken;
                wanted -= taken;
            }
        }
    }
    let (mut signed, mut reversed, mut remaining) = (0_u64, 0_u64, 0_u64);
    for pool in pools {
        if pool.campaign_id.is_none_or(|id| id == claim.campaign_id) {
            signed = signed.saturating_add(pool.signed);
            reversed = reversed.saturating_add(pool.reversed);
        }
    }
    for pool in [Some(claim.campaign_id), None] {
        remaining += left.get(&pool).copied().unwrap_or_default();
    }
    OrderCount {
        signed,
        reversed,
        credited_before: signed.saturating_sub(reversed).saturating_sub(remaining),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn claim(report_id: i64, post_id: i64, campaign_id: i64, claimed: u64) -> Conversions {
        Conversions {
            report_id,
            post_id,
            campaign_id,
            submitted_at: DateTime::from_timestamp(report_id, 0).unwrap(),
            claimed,
        }
    }

    fn pool(campaign_id: Option<i64>, signed: u64, reversed: u64) -> OrderPool {
        OrderPool {
            campaign_id,
            signed,
            reversed,
        }
    }

    fn left(this: &Conversions, pools: &[OrderPool], claims: &[Conversions]) -> u64 {
        orders_for(this, pools, claims).remaining()
    }

    #[test]
    fn earlier_claims_are_served_first() {
        let claims = [claim(1, 1, 1, 3), claim(2, 2, 1, 2), claim(3, 3, 1, 4)];
        let orders = [pool(Some(1), 6, 1)];
        let seen: Vec<u64> = claims
            .iter()
            .map(|this| left(this, &orders, &claims))
            .collect();
        assert_eq!(seen, [5, 2, 0]);
        let last = orders_for(&claims[2], &orders, &claims);
        assert_eq!(
            (last.signed, last.reversed, last.credited_before),
            (6, 1, 5)
        );
    }

    #[test]
    fn the_newer_claim_of_a_post_stands_in_the_place_of_the_older_one() {
        // Post 1 was claimed with 3 first, and later with 5.
        let claims = [claim(2, 2, 1, 2), claim(3, 1, 1, 5)];
        let orders = [pool(Some(1), 6, 0)];
        assert_eq!(left(&claims[1], &orders, &claims), 4);
        // The older claim, should it be judged again, takes its own post's place.
        assert_eq!(left(&claim(1, 1, 1, 3), &orders, &claims), 6);
    }

    #[test]
    fn an_order_counts_for_its_campaign_and_one_without_a_campaign_for_any() {
        let claims = [claim(1, 1, 1, 3), claim(2, 2, 2, 2)];
        let orders = [pool(Some(1), 2, 0), pool(None, 2, 0)];
        assert_eq!(left(&claims[0], &orders, &claims), 4);
        assert_eq!(left(&claims[1], &orders, &claims), 1);
        assert_eq!(left(&claim(3, 3, 9, 1), &orders, &claims), 0);
        assert_eq!(left(&claim(3, 3, 9, 1), &orders, &[]), 2);
    }

    #[test]
    fn what_is_reversed_beyond_what_is_signed_leaves_nothing() {
        let this = claim(1, 1, 1, 1);
        assert_eq!(left(&this, &[pool(Some(1), 1, 5)], &[this]), 0);
        assert_eq!(left(&this, &[], &[this]), 0);
    }

    fn claims() -> impl Strategy<Value = Vec<Conversions>> {
        vec((1..4_i64, 0..20_u64), 1..12).prop_map(|claims| {
            let claims = claims.into_iter().zip(1..);
            claims
                .map(|((campaign, claimed), id)| claim(id, id, campaign, claimed))
                .collect()
        })
    }

    fn pools() -> impl Strategy<Value = Vec<OrderPool>> {
        vec((0..4_i64, 0..30_u64, 0..10_u64), 0..5).prop_map(|pools| {
            pools
                .into_iter()
                .map(|(campaign, signed, reversed)| {
                    pool(
                        (campaign > 0).then_some(campaign),
                        signed,
                        reversed.min(signed),
                    )
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn no_order_is_credited_twice(claims in claims(), pools in pools()) {
            let taken: u64 = claims
                .iter()
                .map(|this| left(this, &pools, &claims).min(this.claimed))
                .sum();
            let there: u64 = pools.iter().map(|pool| pool.signed - pool.reversed).sum();
            prop_assert!(taken <= there, "{} credited of {}", taken, there);
        }

        #[test]
        fn a_later_claim_takes_nothing_from_an_earlier_one(claims in claims(), pools in pools()) {
            for (number, this) in claims.iter().enumerate() {
                prop_assert_eq!(
                    orders_for(this, &pools, &claims),
                    orders_for(this, &pools, &claims[..number])
                );
            }
        }

        #[test]
        fn one_more_order_leaves_nobody_with_less(claims in claims(), pools in pools(), campaign in 0..4_i64) {
            let mut more = pools.clone();
            more.push(pool((campaign > 0).then_some(campaign), 1, 0));
            for this in &claims {
                prop_assert!(left(this, &more, &claims) >= left(this, &pools, &claims));
            }
        }
    }
}
