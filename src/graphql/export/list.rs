//! The lists that can be exported: their names, filters and columns.

/// A list that can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// `advertisers`.
    Advertisers,
    /// `affiliates`.
    Affiliates,
    /// `alerts`.
    Alerts,
    /// `applications`.
    Applications,
    /// `campaigns`.
    Campaigns,
    /// `discrepancies`.
    Discrepancies,
    /// `orders`.
    Orders,
    /// `posts`.
    Posts,
}

impl List {
    /// Every list.
    pub const ALL: [Self; 8] = [
        Self::Advertisers,
        Self::Affiliates,
        Self::Alerts,
        Self::Applications,
        Self::Campaigns,
        Self::Discrepancies,
        Self::Orders,
        Self::Posts,
    ];

    /// The list's name, which is that of the field of the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertisers => "advertisers",
            Self::Affiliates => "affiliates",
            Self::Alerts => "alerts",
            Self::Applications => "applications",
            Self::Campaigns => "campaigns",
            Self::Discrepancies => "discrepancies",
            Self::Orders => "orders",
            Self::Posts => "posts",
        }
    }

    /// The filters that it takes, as the API names them; a range has `.from` and `.to`.
    #[must_use]
    pub const fn filters(self) -> &'static [&'static str] {
        match self {
            Self::Advertisers => &["category", "search"],
            Self::Affiliates => &[
                "campaignId",
                "isActive",
                "minimumTrust",
                "maximumTrust",
                "search",
            ],
            Self::Alerts => &[
                "campaignId",
                "affiliateId",
                "kind",
                "level",
                "status",
                "created.from",
                "created.to",
            ],
            Self::Applications => &["advertiserId", "affiliateId", "status"],
            Self::Campaigns => &["advertiserId", "status", "platform", "search"],
            Self::Discrepancies => &[
                "campaignId",
                "affiliateId",
                "platform",
                "level",
                "status",
                "finality",
                "processed.from",
                "processed.to",
            ],
            Self::Orders => &[
                "advertiserId",
                "affiliateId",
                "campaignId",
                "status",
                "received.from",
                "received.to",
            ],
            Self::Posts => &[
                "campaignId",
                "affiliateId",
                "platform",
                "status",
                "isReconciled",
                "submitted.from",
                "submitted.to",
                "search",
            ],
        }
    }

    /// The headings of its columns.
    #[allow(clippy::too_many_lines, reason = "it is a table")]
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Advertisers => &["id", "name", "category", "website", "createdAt"],
            Self::Affiliates => &[
                "id",
                "name",
                "email",
                "isActive",
                "trustScore",
                "totalSubmissions",
                "accurateSubmissions",
                "createdAt",
            ],
            Self::Alerts => &[
                "id",
                "kind",
                "level",
                "finality",
                "status",
                "message",
                "occurrences",
                "campaignId",
                "postId",
                "affiliateId",
                "createdAt",
                "acknowledgedAt",
                "resolvedAt",
                "resolvedBy",
                "resolutionNotes",
            ],
            Self::Applications => &[
                "id",
                "advertiserId",
                "advertiser",
                "affiliateId",
                "affiliate",
                "status",
                "message",
                "reason",
                "createdAt",
                "decidedAt",
            ],
            Self::Campaigns => &[
                "id",
                "name",
                "advertiserId",
                "advertiser",
                "status",
                "startsAt",
                "endsAt",
                "createdAt",
            ],
            Self::Discrepancies => &[
                "id",
                "status",
                "level",
                "finality",
                "affiliateId",
                "affiliate",
                "campaignId",
                "campaign",
                "postId",
                "platform",
                "url",
                "claimedViews",
                "actualViews",
                "viewsPercent",
                "claimedClicks",
                "actualClicks",
                "clicksPercent",
                "claimedConversions",
                "actualConversions",
                "conversionsPercent",
                "explanation",
                "processedAt",
            ],
            Self::Orders => &[
                "id",
                "orderId",
                "advertiserId",
                "advertiser",
                "affiliateId",
                "affiliate",
                "campaignId",
                "campaign",
                "amount",
                "commission",
                "currency",
                "status",
                "revisions",
                "receivedAt",
            ],
            Self::Posts => &[
                "id",
                "campaignId",
                "campaign",
                "affiliateId",
                "affiliate",
                "platform",
                "url",
                "platformPostId",
                "title",
                "status",
                "isReconciled",
                "createdAt",
                "nextCheckAt",
                "publishedAt",
                "publishedBeforeCampaign",
                "claimedViews",
                "claimedClicks",
                "claimedConversions",
                "observedViews",
                "observedClicks",
                "observedConversions",
                "observedAt",
                "verdict",
                "level",
                "finality",
                "explanation",
            ],
        }
    }
}
