//! Which signed orders the claims of a batch are checked against.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Checked;
use super::load::Task;
use crate::db::{Connection, campaign, order};
use crate::domain::reconciliation::{Conversions, OrderPool, SignedOrders, orders_for};
use crate::error::Error;

/// An affiliate at an advertiser.
type Pair = (i64, i64);

/// What was delivered and claimed by those whom a batch is about.
#[derive(Debug, Default)]
pub(super) struct Credits {
    /// Whose campaign it is.
    advertisers: HashMap<i64, i64>,
    /// Advertisers that have ever delivered an order.
    delivering: HashSet<i64>,
    pools: HashMap<Pair, Vec<OrderPool>>,
    claims: HashMap<Pair, Vec<Conversions>>,
}

impl Credits {
    /// Reads what the batch needs: nothing, where it claims no conversions.
    pub(super) async fn read(
        connection: &mut Connection,
        batch: &[&Checked],
    ) -> Result<Self, Error> {
        let claiming = batch
            .iter()
            .map(|checked| &checked.task)
            .filter(|task| task.report.claimed_conversions > Some(0));
        let mut campaigns = BTreeSet::new();
        let mut affiliates = BTreeSet::new();
        for task in claiming {
            campaigns.insert(task.post.campaign_id);
            affiliates.insert(task.post.affiliate_id);
        }
        if campaigns.is_empty() {
            return Ok(Self::default());
        }
        let affiliates = Vec::from_iter(affiliates);
        let advertisers: HashMap<i64, i64> =
            campaign::list_by_id(connection, &Vec::from_iter(campaigns))
                .await?
                .into_iter()
                .map(|campaign| (campaign.id, campaign.advertiser_id))
                .collect();
        let ids = Vec::from_iter(advertisers.values().copied().collect::<BTreeSet<i64>>());
        let delivering = order::list_delivering(connection, &ids).await?;
        let mut credits = Self {
            advertisers,
            delivering: delivering.iter().copied().collect(),
            ..Self::default()
        };
        if delivering.is_empty() {
            return Ok(credits);
        }
        for count in order::count(connection, &affiliates, &delivering).await? {
            let pools = credits
                .pools
                .entry((count.affiliate_id, count.advertiser_id));
            pools.or_default().push(OrderPool {
                campaign_id: count.campaign_id,
                signed: count.signed.unsigned_abs(),
                reversed: count.reversed.unsigned_abs(),
            });
        }
        for claim in order::list_conversion_claims(connection, &affiliates, &delivering).await? {
            let claims = credits
                .claims
                .entry((claim.affiliate_id, claim.advertiser_id));
            claims.or_default().push(Conversions {
                report_id: claim.affiliate_report_id,
                post_id: claim.post_id,
                campaign_id: claim.campaign_id,
                submitted_at: claim.submitted_at,
                claimed: claim.conversions.unsigned_abs(),
            });
        }
        for claims in credits.claims.values_mut() {
            claims.sort_unstable_by_key(Conversions::place);
        }
        Ok(credits)
    }

    /// The orders as the claim of a task sees them.
    pub(super) fn of(&self, task: &Task) -> SignedOrders {
        let Some(advertiser) = self
            .advertisers
            .get(&task.post.campaign_id)
            .filter(|id| self.delivering.contains(id))
        else {
            return SignedOrders::NoneDelivered;
        };
        let pair = (task.post.affiliate_id, *advertiser);
        let claim = Conversions {
            report_id: task.report.id,
            post_id: task.post.id,
            campaign_id: task.post.campaign_id,
            submitted_at: task.report.submitted_at,
            claimed: task
                .report
                .claimed_conversions
                .unwrap_or_default()
                .unsigned_abs(),
        };
        let pools = self.pools.get(&pair).map_or(&[][..], Vec::as_slice);
        let claims = self.claims.get(&pair).map_or(&[][..], Vec::as_slice);
        SignedOrders::Delivered(orders_for(&claim, pools, claims))
    }
}
