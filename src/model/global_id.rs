//! Global ids: opaque, and typed, so that the id of one kind of thing is never taken for another's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// What a global id names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// An advertiser.
    Advertiser,
    /// An affiliate.
    Affiliate,
    /// A claim.
    AffiliateReport,
    /// An alert.
    Alert,
    /// A channel that an advertiser hears of alerts by.
    AlertChannel,
    /// What such a channel was told.
    AlertDelivery,
    /// An application.
    Application,
    /// A campaign.
    Campaign,
    /// An order.
    Order,
    /// An observation.
    PlatformReport,
    /// A post.
    Post,
    /// A verdict.
    Reconciliation,
    /// A run.
    ReconciliationRun,
}

impl IdKind {
    const ALL: [Self; 13] = [
        Self::Advertiser,
        Self::Affiliate,
        Self::AffiliateReport,
        Self::Alert,
        Self::AlertChannel,
        Self::AlertDelivery,
        Self::Application,
        Self::Campaign,
        Self::Order,
        Self::PlatformReport,
        Self::Post,
        Self::Reconciliation,
        Self::ReconciliationRun,
    ];

    /// The name of the kind, which is that of its type in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "Advertiser",
            Self::Affiliate => "Affiliate",
            Self::AffiliateReport => "AffiliateReport",
            Self::Alert => "Alert",
            Self::AlertChannel => "AlertChannel",
            Self::AlertDelivery => "AlertDelivery",
            Self::Application => "Application",
            Self::Campaign => "Campaign",
            Self::Order => "Order",
            Self::PlatformReport => "PlatformReport",
            Self::Post => "Post",
            Self::Reconciliation => "Reconciliation",
            Self::ReconciliationRun => "ReconciliationRun",
        }
    }

    /// The name with its article, for sentences.
    #[must_use]
    pub fn described(self) -> String {
        let article = match self {
            Self::Advertiser
            | Self::Affiliate
            | Self::AffiliateReport
            | Self::Alert
            | Self::AlertChannel
            | Self::AlertDelivery
            | Self::Application
            | Self::Order => "an",
            _ => "a",
        };
        format!("{article} {}", self.name())
    }

    /// The global id of a row.
    #[must_use]
    pub fn encode(self, row: i64) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{row}", self.name()))
    }

    /// What a global id names, if it is one.
    #[must_use]
    pub fn decode(id: &str) -> Option<(Self, i64)> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
        let (name, row) = text.split_once(':')?;
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name)?;
        let row: i64 = row.parse().ok()?;
        // One spelling for each id: "+7" and "007" are none.
        (kind.encode(row) == id).then_some((kind, row))
    }
}
