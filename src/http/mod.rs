//! The server's doors: GraphQL over HTTP and WebSocket, orders by webhook, commands from Discord, lists as CSV, the public
//! keys, health, and the GraphiQL page.

mod acceptor;
mod cors;
mod discord;
mod document;
mod execution;
mod export;
mod graphql_error;
mod graphql_http;
mod graphql_ws;
mod health;
mod negotiation;
mod origin;
mod params;
mod problem;
mod signed;
mod signed_in;
pub mod transport;
mod webhook_orders;

use std::sync::Arc;

use async_graphql::http::GraphiQLSource;
use poem::http::header;
use poem::web::{Data, Html, Json};
use poem::{Endpoint, EndpointExt as _, IntoResponse, Response, Route, get, handler, post};

pub use acceptor::Acceptor;
pub use health::Readiness;

use crate::app::App;
use crate::graphql::{self, Feeds};
use transport::{Settings, Transport};

/// Every route over a running process.
pub fn routes(
    app: &App,
    feeds: Feeds,
    readiness: Readiness,
    settings: Settings,
) -> impl Endpoint + use<> {
    let schema = graphql::build(app.clone(), feeds);
    let authenticator = signed_in::SignedIn::new(app.clone());
    let exporter = Arc::new(signed_in::SignedIn::new(app.clone()));
    let cors = cors::Cors::new(settings.origins.clone());
    let export_cors = cors::Cors::new(settings.origins.clone());
    Route::new()
        .at(
            "/graphql",
            Transport::new(schema, authenticator, settings).with(cors),
        )
        .at(
            "/export/:file",
            get(export::file).data(exporter).with(export_cors),
        )
        .at("/webhooks/orders", post(webhook_orders::orders))
        .at("/discord/interactions", post(discord::interactions))
        .at("/graphiql", get(graphiql))
        .at("/.well-known/jwks.json", get(key_set))
        .at("/healthz", get(health::healthz))
        .at("/", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .data(app.clone())
        .data(readiness)
}

/// A page to try queries on. It loads its program from a public content network; the API does not need it.
#[handler]
fn graphiql() -> Html<String> {
    Html(
        GraphiQLSource::build()
            .endpoint("/graphql")
            .subscription_endpoint("/graphql")
            .title("Countersign")
            .finish(),
    )
}

/// The public half of the key that signs access tokens, for programs that check them.
#[handler]
#[allow(clippy::needless_pass_by_value, reason = "the form of a handler")]
fn key_set(app: Data<&App>) -> Response {
    Json(app.tokens.key_set())
        .with_header(header::CACHE_CONTROL, "public, max-age=300")
        .into_response()
}
