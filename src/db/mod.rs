//! Rows and the statements that read and write them: one file a table, the noun of the table.
//!
//! Functions take a connection, so that their caller decides what is one transaction, and fail with diesel's own error:
//! what a violated constraint means to a caller is decided in `domain` ([`constraint`] names it).

pub mod advertiser;
pub mod affiliate;
pub mod affiliate_report;
pub mod alert;
pub mod alert_channel;
pub mod alert_delivery;
pub mod application;
pub mod campaign;
pub mod constraint;
pub mod credential;
pub mod discord_interaction;
pub mod keyset;
pub mod migrate;
pub mod order;
pub mod platform;
pub mod platform_budget;
pub mod platform_health;
pub mod platform_report;
pub mod pool;
pub mod post;
pub mod queue;
pub mod reading;
pub mod reconciliation;
pub mod rollup;
pub mod run;
#[allow(missing_docs)]
pub mod schema;
pub mod submission;
pub mod submission_batch;
pub mod trust_event;
pub mod user;

pub use diesel::QueryResult;
pub use diesel_async::AsyncPgConnection as Connection;
pub use keyset::Keyset;
pub use pool::{Pool, PoolError};
