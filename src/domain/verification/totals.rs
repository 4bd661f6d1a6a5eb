//! What a batch changes in the totals of its campaigns, gathered so that each place is written once.

use std::collections::HashMap;

use bigdecimal::BigDecimal;

use crate::db::platform_report::{Counted, Spent};
use crate::db::post::Post;
use crate::db::rollup::{Key, Measures};
use crate::model::{DiscrepancyLevel, Metrics, ReconciliationStatus};

/// Where a post's numbers belong.
pub(crate) fn key_of(post: &Post) -> Key {
    Key {
        campaign_id: post.campaign_id,
        platform: Some(post.platform),
        affiliate_id: post.affiliate_id,
        at: post.created_at,
        currency: None,
    }
}

/// Differences by place.
#[derive(Debug, Default)]
pub(crate) struct TotalsChange {
    places: HashMap<Key, Measures>,
}

impl TotalsChange {
    fn at(&mut self, post: &Post) -> &mut Measures {
        self.places.entry(key_of(post)).or_default()
    }

    /// Another verdict stands on a claim of the post.
    pub(crate) fn verdict(
        &mut self,
        post: &Post,
        before: Option<(ReconciliationStatus, Option<DiscrepancyLevel>)>,
        after: (ReconciliationStatus, Option<DiscrepancyLevel>),
    ) {
        let measures = self.at(post);
        for (standing, change) in [(before, -1), (Some(after), 1)] {
            let Some((status, level)) = standing else {
                continue;
            };
            *status_of(measures, status) += change;
            if let Some(level) = level {
                *level_of(measures, level) += change;
            }
        }
    }

    /// A FINAL verdict counts for trust.
    pub(crate) fn counts(&mut self, post: &Post, accurate: bool) {
        let measures = self.at(post);
        measures.counting += 1;
        measures.accurate += i32::from(accurate);
    }

    /// Another observation of the post is its latest with a number.
    pub(crate) fn observed(&mut self, post: &Post, before: Option<&Counted>, after: &Counted) {
        let measures = self.at(post);
        measures.posts_observed += i32::from(before.is_none());
        let before = before.map(Counted::metrics).unwrap_or_default();
        let after = after.metrics();
        for (sum, posts, before, after) in [
            (
                &mut measures.observed_views,
                &mut measures.observed_views_posts,
                before.views,
                after.views,
            ),
            (
                &mut measures.observed_clicks,
                &mut measures.observed_clicks_posts,
                before.clicks,
                after.clicks,
            ),
            (
                &mut measures.observed_conversions,
                &mut measures.observed_conversions_posts,
                before.conversions,
                after.conversions,
            ),
        ] {
            replace(sum, posts, before, after);
        }
    }

    /// Another observation of the post is its latest that tells what advertising it has cost.
    pub(crate) fn spent(&mut self, post: &Post, before: Option<&Spent>, after: &Spent) {
        if let Some(before) = before {
            self.in_currency(post, &before.currency).spend -= before.spend.clone();
        }
        self.in_currency(post, &after.currency).spend += &after.spend;
    }

    fn in_currency(&mut self, post: &Post, currency: &str) -> &mut Measures {
        let key = Key {
            currency: Some(currency.to_owned()),
            ..key_of(post)
        };
        self.places.entry(key).or_default()
    }

    /// A newer claim on the post, with the one before it.
    pub(crate) fn claimed(
        &mut self,
        post: &Post,
        before: Metrics<Option<i64>>,
        after: Metrics<Option<i64>>,
    ) {
        let measures = self.at(post);
        measures.reports += 1;
        for (sum, posts, before, after) in [
            (
                &mut measures.claimed_views,
                &mut measures.claimed_views_posts,
                before.views,
                after.views,
            ),
            (
                &mut measures.claimed_clicks,
                &mut measures.claimed_clicks_posts,
                before.clicks,
                after.clicks,
            ),
            (
                &mut measures.claimed_conversions,
                &mut measures.claimed_conversions_posts,
                before.conversions,
                after.conversions,
            ),
        ] {
            replace(sum, posts, before, after);
        }
    }

    /// Alerts on the post were opened, or closed.
    pub(crate) fn alerts(&mut self, post: &Post, change: i64) {
        self.at(post).open_alerts += BigDecimal::from(change);
    }

    /// What is to be written, in no order: rows of differences are only inserted, which waits for nobody.
    pub(crate) fn into_deltas(self) -> Vec<(Key, Measures)> {
        self.places.into_iter().collect()
    }
}

fn replace(sum: &mut BigDecimal, posts: &mut BigDecimal, before: Option<i64>, after: Option<i64>) {
    if let Some(number) = before {
        *sum -= BigDecimal::from(number);
        *posts -= 1;
    }
    if let Some(number) = after {
        *sum += BigDecimal::from(number);
        *posts += 1;
    }
}

fn status_of(measures: &mut Measures, status: ReconciliationStatus) -> &mut BigDecimal {
    match status {
        ReconciliationStatus::Matched => &mut measures.matched,
        ReconciliationStatus::PartiallyMatched => &mut measures.partially_matched,
        ReconciliationStatus::Discrepancy => &mut measures.discrepancy,
        ReconciliationStatus::Unverifiable => &mut measures.unverifiable,
        ReconciliationStatus::NotComparable => &mut measures.not_comparable,
        ReconciliationStatus::Failed => &mut measures.failed,
    }
}

fn level_of(measures: &mut Measures, level: DiscrepancyLevel) -> &mut BigDecimal {
    match level {
        DiscrepancyLevel::None => &mut measures.level_none,
        DiscrepancyLevel::Low => &mut measures.level_low,
        DiscrepancyLevel::Medium => &mut measures.level_medium,
        DiscrepancyLevel::High => &mut measures.level_high,
    }
}
