//! Who takes part: the advertisers with their campaigns, and the affiliates.

use crate::model::{DiscrepancyLevel, PlatformKind};

use super::claims::Terms;

/// An advertiser to be created.
#[derive(Debug)]
pub(super) struct AdvertiserSeed {
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) website: &'static str,
}

/// A campaign to be created.
#[derive(Debug)]
pub(super) struct CampaignSeed {
    /// Whose, as a place in [`ADVERTISERS`].
    pub(super) advertiser: usize,
    pub(super) name: &'static str,
    pub(super) platforms: &'static [PlatformKind],
    pub(super) terms: Terms,
}

pub(super) const ADVERTISERS: [AdvertiserSeed; 4] = [
    AdvertiserSeed {
        name: "Northwind Outdoors",
        category: "Outdoor equipment",
        website: "https://northwind.example",
    },
    AdvertiserSeed {
        name: "Lumen Desk",
        category: "Lighting",
        website: "https://lumen.example",
    },
    AdvertiserSeed {
        name: "Harbor Coffee Roasters",
        category: "Coffee",
        website: "https://harbor.example",
    },
    AdvertiserSeed {
        name: "Kestrel Cycles",
        category: "Bicycles",
        website: "https://kestrel.example",
    },
];

pub(super) const AFFILIATES: [&str; 8] = [
    "Mira Holt",
    "Jonas Weir",
    "Aiko Tanabe",
    "Samir Haddad",
    "Lena Brandt",
    "Theo Marchetti",
    "Priya Nair",
    "Oscar Lindqvist",
];

/// The affiliates who claim too much, as places in [`AFFILIATES`]: their trust falls where all can see it.
pub(super) const LOUD: &[usize] = &[5, 6, 7];

/// Verdicts are final at once where the lag is 0, and provisional for two days in one campaign.
pub(super) const CAMPAIGNS: [CampaignSeed; 5] = [
    CampaignSeed {
        advertiser: 0,
        name: "Trail season",
        platforms: PlatformKind::ALL,
        terms: Terms::DEFAULT,
    },
    CampaignSeed {
        advertiser: 1,
        name: "Better light",
        platforms: &[
            PlatformKind::Instagram,
            PlatformKind::Meta,
            PlatformKind::YouTube,
        ],
        terms: Terms {
            alert_from: DiscrepancyLevel::High,
            ..Terms::DEFAULT
        },
    },
    CampaignSeed {
        advertiser: 2,
        name: "First cup",
        platforms: &[
            PlatformKind::Reddit,
            PlatformKind::Instagram,
            PlatformKind::TikTok,
            PlatformKind::X,
        ],
        terms: Terms {
            recheck_hours: Some(&[]),
            alert_from: DiscrepancyLevel::Low,
            ..Terms::DEFAULT
        },
    },
    CampaignSeed {
        advertiser: 3,
        name: "Commuter week",
        platforms: &[
            PlatformKind::Instagram,
            PlatformKind::Meta,
            PlatformKind::YouTube,
            PlatformKind::TikTok,
            PlatformKind::X,
        ],
        terms: Terms {
            lag_hours: 48,
            ..Terms::DEFAULT
        },
    },
    CampaignSeed {
        advertiser: 0,
        name: "Winter clearance",
        platforms: &[
            PlatformKind::Reddit,
            PlatformKind::Meta,
            PlatformKind::YouTube,
        ],
        terms: Terms::DEFAULT,
    },
];

/// Whether an affiliate applies to an advertiser: each to all but one.
pub(super) const fn works_with(affiliate: usize, advertiser: usize) -> bool {
    affiliate % ADVERTISERS.len() != advertiser
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_campaign_has_affiliates_and_some_of_them_are_loud() {
        for campaign in &CAMPAIGNS {
            let work = |affiliate: &usize| works_with(*affiliate, campaign.advertiser);
            assert!((0..AFFILIATES.len()).filter(work).count() >= 6);
            assert!(LOUD.iter().filter(|loud| work(loud)).count() >= 2);
        }
    }
}
