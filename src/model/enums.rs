//! Closed sets of names. Each is stored (as text, with a check in the table) and shown under the same upper-case name.

use std::fmt;
use std::io::Write as _;
use std::str::FromStr;

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::Text;

/// A stored name that this version of the program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is not a {set}")]
pub struct UnknownName {
    /// The set that was searched, such as `PlatformKind`.
    pub set: &'static str,
    /// What was found instead of one of its names.
    pub name: String,
}

/// Defines an enum whose variants have one upper-case name each, used in tables, in GraphQL and in messages.
macro_rules! names {
    ($(#[$meta:meta])* $enum:ident { $($(#[$variant_meta:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, FromSqlRow, AsExpression)]
        #[diesel(sql_type = Text)]
        pub enum $enum { $($(#[$variant_meta])* $variant,)+ }

        impl $enum {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name under which this value is stored and shown.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }

        impl fmt::Display for $enum {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ToSql<Text, Pg> for $enum {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
                out.write_all(self.as_str().as_bytes())?;
                Ok(IsNull::No)
            }
        }

        impl FromSql<Text, Pg> for $enum {
            fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
                Ok(std::str::from_utf8(value.as_bytes())?.parse()?)
            }
        }

        impl FromStr for $enum {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(UnknownName { set: stringify!($enum), name: name.to_owned() }),
                }
            }
        }
    };
}

names! {
    /// Whose behalf a caller acts on.
    Role {
        /// Runs the server.
        Operator = "OPERATOR",
        /// Pays; owns campaigns.
        Advertiser = "ADVERTISER",
        /// Posts and claims.
        Affiliate = "AFFILIATE",
    }
}

names! {
    /// Where a post was published.
    PlatformKind {
        /// reddit.com
        Reddit = "REDDIT",
        /// instagram.com
        Instagram = "INSTAGRAM",
        /// Posts of Facebook pages.
        Meta = "META",
        /// youtube.com
        YouTube = "YOUTUBE",
        /// tiktok.com
        TikTok = "TIKTOK",
        /// x.com, once twitter.com
        X = "X",
    }
}

impl PlatformKind {
    /// What people call it, for sentences. In codes, settings and tables it has its name.
    #[must_use]
    pub const fn brand(self) -> &'static str {
        match self {
            Self::Reddit => "Reddit",
            Self::Instagram => "Instagram",
            Self::Meta => "Facebook",
            Self::YouTube => "YouTube",
            Self::TikTok => "TikTok",
            Self::X => "X",
        }
    }
}

names! {
    /// How a claim reached the server.
    SubmissionMethod {
        /// By GraphQL.
        Api = "API",
        /// By a Discord command.
        Discord = "DISCORD",
        /// Reserved for imports; nothing produces it.
        Import = "IMPORT",
    }
}

names! {
    /// Whether a campaign takes posts.
    CampaignStatus {
        /// Being prepared; takes no posts.
        Draft = "DRAFT",
        /// Takes posts inside its dates.
        Active = "ACTIVE",
        /// Takes no posts for now; claims already made are still checked.
        Paused = "PAUSED",
        /// Over; claims already made are still checked.
        Ended = "ENDED",
    }
}

names! {
    /// Where an affiliate's request to work with an advertiser stands.
    ApplicationStatus {
        /// Not decided yet.
        Pending = "PENDING",
        /// The affiliate may submit posts to the advertiser's campaigns.
        Approved = "APPROVED",
        /// Refused, with a reason.
        Rejected = "REJECTED",
        /// Taken back by the affiliate before a decision.
        Withdrawn = "WITHDRAWN",
        /// Was approved; either side ended it.
        Ended = "ENDED",
    }
}

names! {
    /// How an advertiser's applications are decided.
    ApplicationRule {
        /// Approved when the affiliate is eligible and active.
        Automatic = "AUTOMATIC",
        /// As AUTOMATIC, and the trust score must reach the advertiser's minimum.
        AboveTrust = "ABOVE_TRUST",
        /// Left for a person to decide.
        Manual = "MANUAL",
    }
}

names! {
    /// What is known of a post.
    PostStatus {
        /// A short or opaque link whose native id is not known yet.
        Resolving = "RESOLVING",
        /// Its figures are being fetched.
        Tracking = "TRACKING",
        /// Its link turned out to name a post already submitted.
        Duplicate = "DUPLICATE",
        /// The platform no longer has it.
        Removed = "REMOVED",
    }
}

names! {
    /// Where a claim stands; derived from its verdicts.
    ReportStatus {
        /// No verdict yet.
        Pending = "PENDING",
        /// Provisional verdicts only.
        Provisional = "PROVISIONAL",
        /// Has its FINAL verdict.
        Reconciled = "RECONCILED",
        /// Its FINAL verdict is that the platform could not be reached.
        Failed = "FAILED",
    }
}

names! {
    /// The verdict on a whole claim.
    ReconciliationStatus {
        /// Every claimed metric was verified.
        Matched = "MATCHED",
        /// Some claimed metrics were verified, the others could not be.
        PartiallyMatched = "PARTIALLY_MATCHED",
        /// A claimed metric is above what the platform reports.
        Discrepancy = "DISCREPANCY",
        /// No claimed metric could be checked.
        Unverifiable = "UNVERIFIABLE",
        /// Only figures under another definition exist, and they do not clear the claim.
        NotComparable = "NOT_COMPARABLE",
        /// The platform could not be reached.
        Failed = "FAILED",
    }
}

names! {
    /// How far a claim is above the platform's figure.
    DiscrepancyLevel {
        /// Not above it.
        None = "NONE",
        /// Under 5 percent by default, or within the absolute floor.
        Low = "LOW",
        /// From 5 to 20 percent by default.
        Medium = "MEDIUM",
        /// Over 20 percent by default.
        High = "HIGH",
    }
}

names! {
    /// Whether a verdict may still change.
    Finality {
        /// A later check may say otherwise.
        Provisional = "PROVISIONAL",
        /// The one verdict that stands; a claim has exactly one.
        Final = "FINAL",
    }
}

names! {
    /// How strong the evidence behind a figure is, from weakest to strongest: PUBLIC, `PLATFORM_APP`, `OWNER_TOKEN`,
    /// `SIGNED_ORDERS`.
    EvidenceGrade {
        /// A figure that anybody can see.
        Public = "PUBLIC",
        /// The platform's answer to this program's own access.
        PlatformApp = "PLATFORM_APP",
        /// The platform's answer to the post's owner.
        OwnerToken = "OWNER_TOKEN",
        /// Orders signed by the advertiser.
        SignedOrders = "SIGNED_ORDERS",
    }
}

names! {
    /// What an advertiser last told of an order.
    OrderStatus {
        /// It counts.
        Accepted = "ACCEPTED",
        /// It was taken back, and does not count any more.
        Reversed = "REVERSED",
    }
}

names! {
    /// Why an alert was raised.
    AlertKind {
        /// A claim is above what the platform reports.
        Overclaim = "OVERCLAIM",
        /// More conversions are claimed than signed orders show.
        UnsignedConversions = "UNSIGNED_CONVERSIONS",
        /// The same native post was submitted twice.
        DuplicatePost = "DUPLICATE_POST",
        /// The platform no longer has the post.
        PostRemoved = "POST_REMOVED",
        /// A counter that does not normally fall fell.
        CountFell = "COUNT_FELL",
        /// A trust score passed a threshold downwards.
        TrustDrop = "TRUST_DROP",
        /// Calls to a platform fail too often, or it refuses this server's own credentials: checks wait.
        PlatformDegraded = "PLATFORM_DEGRADED",
    }
}

names! {
    /// Where an alert stands.
    AlertStatus {
        /// Nobody has looked at it.
        Open = "OPEN",
        /// Somebody has taken it up.
        Acknowledged = "ACKNOWLEDGED",
        /// Closed, with notes.
        Resolved = "RESOLVED",
    }
}

names! {
    /// What is known of a token that an affiliate linked.
    CredentialState {
        /// The platform answers to it.
        Working = "WORKING",
        /// It has expired.
        Expired = "EXPIRED",
        /// The platform does not accept it any more.
        Revoked = "REVOKED",
        /// It may not read what is needed.
        Insufficient = "INSUFFICIENT",
    }
}

names! {
    /// What happened to an alert.
    AlertEventKind {
        /// It was raised.
        Raised = "RAISED",
        /// Its level rose.
        Escalated = "ESCALATED",
        /// The provisional verdict behind it became final.
        Confirmed = "CONFIRMED",
        /// Its cause did not hold, or is over; the alert is resolved.
        Withdrawn = "WITHDRAWN",
        /// Somebody took it up.
        Acknowledged = "ACKNOWLEDGED",
        /// Somebody closed it.
        Resolved = "RESOLVED",
    }
}

names! {
    /// Whether a platform is asked.
    CircuitState {
        /// It is.
        Closed = "CLOSED",
        /// Calls fail too often, or this server's own credentials are refused: checks wait.
        Open = "OPEN",
        /// One call is tried; what comes of it decides.
        HalfOpen = "HALF_OPEN",
    }
}

names! {
    /// In what form an advertiser's channel takes alerts.
    AlertChannelKind {
        /// JSON, signed as Standard Webhooks say.
        Webhook = "WEBHOOK",
        /// A message to a channel of Discord.
        Discord = "DISCORD",
        /// A message to a channel of Slack.
        Slack = "SLACK",
    }
}

names! {
    /// Whether an advertiser's channel is told of alerts.
    AlertChannelState {
        /// It is.
        Active = "ACTIVE",
        /// It is not; what happens meanwhile is not told later.
        Disabled = "DISABLED",
    }
}

names! {
    /// Why an advertiser's channel is disabled.
    AlertChannelDisabledReason {
        /// Its receiver answered 410, or one at Discord or Slack 401, 403 or 404.
        Gone = "GONE",
        /// Nothing arrived for too long.
        Failing = "FAILING",
        /// Somebody asked for it.
        Requested = "REQUESTED",
    }
}

names! {
    /// What a delivery to a channel tells.
    AlertDeliveryKind {
        /// Something that happened to an alert.
        Alert = "ALERT",
        /// That the channel works.
        Test = "TEST",
        /// That another channel of the advertiser was disabled.
        ChannelDisabled = "CHANNEL_DISABLED",
    }
}

names! {
    /// What became of a delivery to a channel.
    AlertDeliveryStatus {
        /// It is to be sent, or sent again.
        Pending = "PENDING",
        /// The receiver took it.
        Delivered = "DELIVERED",
        /// It is not sent again by itself.
        Failed = "FAILED",
    }
}
