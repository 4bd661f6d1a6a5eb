//! What the product does: its rules and its verbs. Knows nothing of HTTP, GraphQL or the queue's crate.

pub mod access;
pub mod account;
pub mod alert;
pub mod application;
pub mod audit;
pub mod campaign;
pub mod dashboard;
pub mod discord;
pub mod feed;
pub mod input;
pub mod job;
pub mod order;
pub mod platform;
pub mod read;
pub mod reconciliation;
pub mod run;
pub mod session;
pub mod sign_ins;
pub mod simulation;
pub mod submission;
pub mod submission_batch;
pub mod task;
pub mod token;
pub mod trust;
pub mod verdict_feed;
pub mod verification;
pub mod visible;

pub use crate::db::keyset::Slice;
pub use crate::db::reconciliation::Reconciliation;
pub use crate::db::{Keyset, advertiser::Advertiser, affiliate::Affiliate};
pub use crate::db::{affiliate_report::AffiliateReport, alert::Alert, alert::AlertEvent};
pub use crate::db::{application::Application, campaign::Campaign, campaign::CampaignPlatform};
pub use crate::db::{campaign::Policy as PolicyRow, platform_report::PlatformReport, post::Post};
pub use crate::db::{order::Order, run::Run, trust_event::TrustEvent};
pub use access::Viewer;
