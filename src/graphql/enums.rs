//! The closed sets of the model, as GraphQL enums with the same names.

use async_graphql::Enum;

use crate::domain::{dashboard, read};
use crate::model;

/// Whose behalf a caller acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::Role")]
pub enum Role {
    /// Runs the server.
    #[graphql(name = "OPERATOR")]
    Operator,
    /// Pays; owns campaigns.
    #[graphql(name = "ADVERTISER")]
    Advertiser,
    /// Posts and claims.
    #[graphql(name = "AFFILIATE")]
    Affiliate,
}

/// Where a post was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::PlatformKind")]
pub enum PlatformKind {
    /// reddit.com
    #[graphql(name = "REDDIT")]
    Reddit,
    /// instagram.com
    #[graphql(name = "INSTAGRAM")]
    Instagram,
    /// Posts of Facebook pages.
    #[graphql(name = "META")]
    Meta,
    /// youtube.com
    #[graphql(name = "YOUTUBE")]
    YouTube,
    /// tiktok.com
    #[graphql(name = "TIKTOK")]
    TikTok,
    /// x.com, once twitter.com
    #[graphql(name = "X")]
    X,
}

/// How a claim reached the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::SubmissionMethod")]
pub enum SubmissionMethod {
    /// By GraphQL.
    #[graphql(name = "API")]
    Api,
    /// By a Discord command.
    #[graphql(name = "DISCORD")]
    Discord,
    /// Reserved for imports; nothing produces it.
    #[graphql(name = "IMPORT")]
    Import,
}

/// Whether a campaign takes posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::CampaignStatus")]
pub enum CampaignStatus {
    /// Being prepared; takes no posts.
    #[graphql(name = "DRAFT")]
    Draft,
    /// Takes posts inside its dates.
    #[graphql(name = "ACTIVE")]
    Active,
    /// Takes no posts for now; claims already made are still checked.
    #[graphql(name = "PAUSED")]
    Paused,
    /// Over; claims already made are still checked.
    #[graphql(name = "ENDED")]
    Ended,
}

/// Where an affiliate's request to work with an advertiser stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::ApplicationStatus")]
pub enum ApplicationStatus {
    /// Not decided yet.
    #[graphql(name = "PENDING")]
    Pending,
    /// The affiliate may submit posts to the advertiser's campaigns.
    #[graphql(name = "APPROVED")]
    Approved,
    /// Refused, with a reason.
    #[graphql(name = "REJECTED")]
    Rejected,
    /// Taken back by the affiliate before a decision.
    #[graphql(name = "WITHDRAWN")]
    Withdrawn,
    /// Was approved; either side ended it.
    #[graphql(name = "ENDED")]
    Ended,
}

/// How an advertiser's applications are decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::ApplicationRule")]
pub enum ApplicationRule {
    /// Approved when the affiliate is eligible and active.
    #[graphql(name = "AUTOMATIC")]
    Automatic,
    /// As AUTOMATIC, and the trust score must reach the advertiser's minimum.
    #[graphql(name = "ABOVE_TRUST")]
    AboveTrust,
    /// Left for a person to decide.
    #[graphql(name = "MANUAL")]
    Manual,
}

/// What is known of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::PostStatus")]
pub enum PostStatus {
    /// A short or opaque link whose native id is not known yet.
    #[graphql(name = "RESOLVING")]
    Resolving,
    /// Its figures are being fetched.
    #[graphql(name = "TRACKING")]
    Tracking,
    /// Its link turned out to name a post already submitted.
    #[graphql(name = "DUPLICATE")]
    Duplicate,
    /// The platform no longer has it.
    #[graphql(name = "REMOVED")]
    Removed,
}

/// Where a claim stands; derived from its verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::ReportStatus")]
pub enum ReportStatus {
    /// No verdict yet.
    #[graphql(name = "PENDING")]
    Pending,
    /// Provisional verdicts only.
    #[graphql(name = "PROVISIONAL")]
    Provisional,
    /// Has its FINAL verdict.
    #[graphql(name = "RECONCILED")]
    Reconciled,
    /// Its FINAL verdict is that the platform could not be reached.
    #[graphql(name = "FAILED")]
    Failed,
}

/// The verdict on a whole claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::ReconciliationStatus")]
pub enum ReconciliationStatus {
    /// Every claimed metric was verified.
    #[graphql(name = "MATCHED")]
    Matched,
    /// Some claimed metrics were verified, the others could not be.
    #[graphql(name = "PARTIALLY_MATCHED")]
    PartiallyMatched,
    /// A claimed metric is above what the platform reports.
    #[graphql(name = "DISCREPANCY")]
    Discrepancy,
    /// No claimed metric could be checked.
    #[graphql(name = "UNVERIFIABLE")]
    Unverifiable,
    /// Only figures under another definition exist, and they do not clear the claim.
    #[graphql(name = "NOT_COMPARABLE")]
    NotComparable,
    /// The platform could not be reached.
    #[graphql(name = "FAILED")]
    Failed,
}

/// How far a claim is above the platform's figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::DiscrepancyLevel")]
pub enum DiscrepancyLevel {
    /// Not above it.
    #[graphql(name = "NONE")]
    None,
    /// Under 5 percent by default, or within the absolute floor.
    #[graphql(name = "LOW")]
    Low,
    /// From 5 to 20 percent by default.
    #[graphql(name = "MEDIUM")]
    Medium,
    /// Over 20 percent by default.
    #[graphql(name = "HIGH")]
    High,
}

/// Whether a verdict may still change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::Finality")]
pub enum Finality {
    /// A later check may say otherwise.
    #[graphql(name = "PROVISIONAL")]
    Provisional,
    /// The one verdict that stands; a claim has exactly one.
    #[graphql(name = "FINAL")]
    Final,
}

/// How strong the evidence behind a figure is, from weakest to strongest: PUBLIC, PLATFORM_APP, OWNER_TOKEN, SIGNED_ORDERS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::EvidenceGrade")]
pub enum EvidenceGrade {
    /// A figure that anybody can see.
    #[graphql(name = "PUBLIC")]
    Public,
    /// The platform's answer to this program's own access.
    #[graphql(name = "PLATFORM_APP")]
    PlatformApp,
    /// The platform's answer to the post's owner.
    #[graphql(name = "OWNER_TOKEN")]
    OwnerToken,
    /// Orders signed by the advertiser.
    #[graphql(name = "SIGNED_ORDERS")]
    SignedOrders,
}

/// Why an alert was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertKind")]
pub enum AlertKind {
    /// A claim is above what the platform reports.
    #[graphql(name = "OVERCLAIM")]
    Overclaim,
    /// More conversions are claimed than signed orders show.
    #[graphql(name = "UNSIGNED_CONVERSIONS")]
    UnsignedConversions,
    /// The same native post was submitted twice.
    #[graphql(name = "DUPLICATE_POST")]
    DuplicatePost,
    /// The platform no longer has the post.
    #[graphql(name = "POST_REMOVED")]
    PostRemoved,
    /// A counter that does not normally fall fell.
    #[graphql(name = "COUNT_FELL")]
    CountFell,
    /// A trust score passed a threshold downwards.
    #[graphql(name = "TRUST_DROP")]
    TrustDrop,
    /// Calls to a platform fail too often, or it refuses this server's own credentials: checks wait.
    #[graphql(name = "PLATFORM_DEGRADED")]
    PlatformDegraded,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertStatus")]
pub enum AlertStatus {
    /// Nobody has looked at it.
    #[graphql(name = "OPEN")]
    Open,
    /// Somebody has taken it up.
    #[graphql(name = "ACKNOWLEDGED")]
    Acknowledged,
    /// Closed, with notes.
    #[graphql(name = "RESOLVED")]
    Resolved,
}

/// What is known of a token that an affiliate linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::CredentialState")]
pub enum CredentialState {
    /// The platform answers to it.
    #[graphql(name = "WORKING")]
    Working,
    /// It has expired, by what its affiliate or the platform said.
    #[graphql(name = "EXPIRED")]
    Expired,
    /// The platform does not accept it any more.
    #[graphql(name = "REVOKED")]
    Revoked,
    /// It lacks a permission to read what is needed.
    #[graphql(name = "INSUFFICIENT")]
    Insufficient,
}

/// What happened to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertEventKind")]
pub enum AlertEventKind {
    /// It was raised.
    #[graphql(name = "RAISED")]
    Raised,
    /// Its level rose.
    #[graphql(name = "ESCALATED")]
    Escalated,
    /// The provisional verdict behind it became final.
    #[graphql(name = "CONFIRMED")]
    Confirmed,
    /// Its cause did not hold, or is over; the alert is resolved.
    #[graphql(name = "WITHDRAWN")]
    Withdrawn,
    /// Somebody took it up.
    #[graphql(name = "ACKNOWLEDGED")]
    Acknowledged,
    /// Somebody closed it.
    #[graphql(name = "RESOLVED")]
    Resolved,
}

/// In what form an advertiser's channel takes alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertChannelKind")]
pub enum AlertChannelKind {
    /// JSON, signed as Standard Webhooks say.
    #[graphql(name = "WEBHOOK")]
    Webhook,
    /// A message to a channel of Discord.
    #[graphql(name = "DISCORD")]
    Discord,
    /// A message to a channel of Slack.
    #[graphql(name = "SLACK")]
    Slack,
}

/// Whether an advertiser's channel is told of alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertChannelState")]
pub enum AlertChannelState {
    /// It is.
    #[graphql(name = "ACTIVE")]
    Active,
    /// It is not; what happens meanwhile is not told later.
    #[graphql(name = "DISABLED")]
    Disabled,
}

/// Why an advertiser's channel is disabled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertChannelDisabledReason")]
pub enum AlertChannelDisabledReason {
    /// Its receiver answered 410, or one at Discord or Slack 401, 403 or 404.
    #[graphql(name = "GONE")]
    Gone,
    /// Nothing has arrived there for five days.
    #[graphql(name = "FAILING")]
    Failing,
    /// Somebody asked for it.
    #[graphql(name = "REQUESTED")]
    Requested,
}

/// What a delivery to a channel tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertDeliveryKind")]
pub enum AlertDeliveryKind {
    /// Something that happened to an alert.
    #[graphql(name = "ALERT")]
    Alert,
    /// That the channel works.
    #[graphql(name = "TEST")]
    Test,
    /// That another channel of the advertiser was disabled.
    #[graphql(name = "CHANNEL_DISABLED")]
    ChannelDisabled,
}

/// What became of a delivery to a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::AlertDeliveryStatus")]
pub enum AlertDeliveryStatus {
    /// It is to be sent, or sent again.
    #[graphql(name = "PENDING")]
    Pending,
    /// The receiver took it.
    #[graphql(name = "DELIVERED")]
    Delivered,
    /// It is not sent again by itself.
    #[graphql(name = "FAILED")]
    Failed,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::Metric")]
pub enum Metric {
    /// How often the post was seen, in the campaign's definition.
    Views,
    /// How often its link was followed.
    Clicks,
    /// How many purchases followed.
    Conversions,
}

/// Whether a platform told a metric. A missing number is never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::Availability")]
pub enum Availability {
    /// A number, 0 included.
    Reported,
    /// Not this time: no permission, not yet computed, withheld.
    Unavailable,
    /// This platform never tells.
    Unsupported,
}

/// Whether an order counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::OrderStatus")]
pub enum OrderStatus {
    /// It counts.
    #[graphql(name = "ACCEPTED")]
    Accepted,
    /// It was taken back, and does not count any more.
    #[graphql(name = "REVERSED")]
    Reversed,
}

/// How long a point of a series is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "dashboard::Interval")]
pub enum SeriesInterval {
    /// An hour.
    #[graphql(name = "HOUR")]
    Hour,
    /// A day, in UTC.
    #[graphql(name = "DAY")]
    Day,
    /// A week, from Monday, in UTC.
    #[graphql(name = "WEEK")]
    Week,
}

/// Whether a platform is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "model::CircuitState")]
pub enum CircuitState {
    /// It is.
    #[graphql(name = "CLOSED")]
    Closed,
    /// Calls fail too often, or this server's own credentials are refused: checks wait.
    #[graphql(name = "OPEN")]
    Open,
    /// One call is tried; what comes of it decides.
    #[graphql(name = "HALF_OPEN")]
    HalfOpen,
}

/// By what affiliates are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "read::AffiliateField")]
pub enum AffiliateOrderField {
    /// By name, as its bytes are ordered.
    #[graphql(name = "NAME")]
    Name,
    /// By trust score.
    #[graphql(name = "TRUST_SCORE")]
    TrustScore,
    /// By the number of claims that count.
    #[graphql(name = "TOTAL_SUBMISSIONS")]
    TotalSubmissions,
    /// By when they joined.
    #[graphql(name = "CREATED_AT")]
    CreatedAt,
}

/// In which direction a list is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum SortDirection {
    /// The lowest first.
    #[graphql(name = "ASC")]
    Asc,
    /// The highest first.
    #[graphql(name = "DESC")]
    Desc,
}
