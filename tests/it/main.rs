//! Integration tests: one binary, a file a noun, each test on a database of its own.
//!
//! They go through the public API of a server that is put together as the program does it, on the PostgreSQL that
//! `TEST_DATABASE_URL` names (`scripts/test-postgres` starts one), in parallel and in any order.

#![allow(
    clippy::print_stderr,
    clippy::from_iter_instead_of_collect,
    clippy::format_push_string,
    clippy::doc_markdown,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test that is skipped says so, and the rest is plainer so in a test"
)]

mod access;
mod alert_channels;
mod alerts;
mod application;
mod architecture;
mod authorization;
mod campaign;
mod conversions;
mod cost;
mod counts_that_fall;
mod credentials;
mod dashboard;
mod discord;
mod embedded;
mod export;
mod finality;
mod fuzz;
mod graphql_over_http;
mod graphql_over_websocket;
mod growth;
mod identify;
mod linked_only;
mod migrations;
mod orders;
mod overview;
mod paging;
mod platform_config;
mod process;
mod publication;
mod queue;
mod reconciliation;
mod runs;
mod scene;
mod schema;
mod shared_posts;
mod simulation;
mod spend;
mod submission;
mod support;
mod totals;
mod trust;
mod updates;
mod verdict_feed;
mod worker;
mod wrong_kinds;
