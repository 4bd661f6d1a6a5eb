//! The GraphQL API: it parses, asks the domain, and renders. One file a noun, with its object, queries, mutations and
//! subscription.

#![allow(
    clippy::unused_async,
    clippy::too_many_arguments,
    clippy::doc_markdown,
    reason = "resolvers are async, arguments are the field's, and their docs become the schema's descriptions"
)]

mod advertiser;
mod affiliate;
mod affiliate_report;
mod alert;
mod alert_channel;
mod alert_delivery;
mod application;
mod audit;
mod batches;
mod campaign;
mod connection;
mod credential;
mod dashboard;
mod enums;
mod errors;
pub mod export;
mod growth;
mod guard;
mod id;
mod loader;
mod node;
mod order;
mod platform;
mod platform_report;
mod post;
mod queue;
mod reconciliation;
mod run;
pub(crate) mod scalars;
mod session;
mod submission;
mod update;

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions};

pub use id::Kind as IdKind;
pub use loader::insert as insert_loaders;

use crate::app::App;
use crate::domain::feed::AlertFeed;
use crate::domain::verdict_feed::VerdictFeed;

/// Deepest nesting of fields that is answered.
const MAX_DEPTH: usize = 15;
/// Dearest query that is answered: a page costs its rows times what one row costs.
const MAX_COMPLEXITY: usize = 20_000;

/// What can be asked.
#[derive(MergedObject, Default)]
pub struct Query(
    node::NodeQuery,
    session::SessionQuery,
    advertiser::AdvertiserQuery,
    affiliate::AffiliateQuery,
    application::ApplicationQuery,
    order::OrderQuery,
    campaign::CampaignQuery,
    post::PostQuery,
    reconciliation::ReconciliationQuery,
    run::RunQuery,
    audit::AuditQuery,
    alert::AlertQuery,
    platform::PlatformQuery,
    queue::QueueQuery,
);

/// What can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    session::SessionMutation,
    advertiser::AdvertiserMutation,
    affiliate::AffiliateMutation,
    application::ApplicationMutation,
    order::OrderMutation,
    campaign::CampaignMutation,
    submission::SubmissionMutation,
    run::RunMutation,
    alert::AlertMutation,
    alert_channel::AlertChannelMutation,
    alert_delivery::AlertDeliveryMutation,
    platform::PlatformMutation,
    credential::CredentialMutation,
    queue::QueueMutation,
);

/// What can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    alert::AlertSubscription,
    reconciliation::ReconciliationSubscription,
);

/// What subscribers are fed from.
#[derive(Debug, Clone, Default)]
pub struct Feeds {
    /// What happens to alerts.
    pub alerts: AlertFeed,
    /// Verdicts.
    pub verdicts: VerdictFeed,
}

/// The schema with everything behind it.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema over a running process.
#[must_use]
pub fn build(app: App, feeds: Feeds) -> Schema {
    Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .data(app)
    .data(feeds.alerts)
    .data(feeds.verdicts)
    .extension(guard::Guard)
    .extension(batches::RunBatches)
    .limit_depth(MAX_DEPTH)
    .limit_complexity(MAX_COMPLEXITY)
    .finish()
}

/// The schema in the schema definition language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    let schema = Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .finish();
    let options = SDLExportOptions::new()
        .sorted_fields()
        .sorted_arguments()
        .sorted_enum_items()
        .include_specified_by();
    schema.sdl_with_options(options)
}
