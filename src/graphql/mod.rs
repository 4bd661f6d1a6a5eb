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
mod alert;
mod application;
mod campaign;
mod connection;
mod dashboard;
mod enums;
mod errors;
mod guard;
mod id;
mod loader;
mod node;
mod platform;
mod post;
mod reconciliation;
mod scalars;
mod session;

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions};

pub use id::Kind as IdKind;
pub use loader::insert as insert_loaders;

use crate::app::App;
use crate::domain::feed::AlertFeed;

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
    campaign::CampaignQuery,
    post::PostQuery,
    reconciliation::ReconciliationQuery,
    alert::AlertQuery,
    platform::PlatformQuery,
);

/// What can be done.
#[derive(MergedObject, Default)]
pub struct Mutation(
    session::SessionMutation,
    advertiser::AdvertiserMutation,
    affiliate::AffiliateMutation,
    application::ApplicationMutation,
    campaign::CampaignMutation,
    post::PostMutation,
    alert::AlertMutation,
);

/// What can be watched.
#[derive(MergedSubscription, Default)]
pub struct Subscription(alert::AlertSubscription);

/// The schema with everything behind it.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema over a running process.
#[must_use]
pub fn build(app: App, feed: AlertFeed) -> Schema {
    Schema::build(
        Query::default(),
        Mutation::default(),
        Subscription::default(),
    )
    .data(app)
    .data(feed)
    .extension(guard::Guard)
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
