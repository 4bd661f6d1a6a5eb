//! What the product does: its rules and its verbs. Knows nothing of HTTP, GraphQL or the queue's crate.

pub mod access;
pub mod account;
pub mod alert;
pub mod application;
pub mod campaign;
pub mod dashboard;
pub mod feed;
pub mod input;
pub mod read;
pub mod reconciliation;
pub mod session;
pub mod submission;
pub mod task;
pub mod token;
pub mod trust;
pub mod verification;
pub mod visible;

pub use crate::db::keyset::Slice;
pub use crate::db::reconciliation::Reconciliation;
pub use crate::db::{Keyset, advertiser::Advertiser, affiliate::Affiliate};
pub use crate::db::{affiliate_report::AffiliateReport, alert::Alert, alert::AlertEvent};
pub use crate::db::{application::Application, campaign::Campaign, campaign::CampaignPlatform};
pub use crate::db::{campaign::Policy as PolicyRow, platform_report::PlatformReport, post::Post};
pub use access::Viewer;
