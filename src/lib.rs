//! Countersign reconciles what affiliates claim with what platforms report.
//!
//! An affiliate submits a post and says how often it was seen and clicked. A queued job asks the
//! platform, a verdict is reached, trust moves, and whoever subscribed hears of it when the claim does
//! not hold. `README.md` says what that is good for and how to run it, `CONTRIBUTING.md` how to change
//! it; this is the map.
//!
//! # Layers
//!
//! ```text
//! http ──> graphql ──┐
//!                    ├──> domain ──> db ──> PostgreSQL
//! jobs  ─────────────┘       └────> platform ──> Reddit, Instagram, Facebook pages, YouTube, TikTok, X, Discord
//! ```
//!
//! - [`model`]: the words of the product as types. Every layer may use it, and it uses none.
//! - [`domain`]: the rules and the verbs. [`domain::reconciliation`] is the part that must be right, as
//!   pure functions; [`domain::verification`] writes what came of a check; [`domain::access`] is the
//!   one table of rights and [`domain::visible`] what a viewer may see. It knows no HTTP server, no
//!   GraphQL and no queue crate.
//! - [`db`]: rows and statements, one file a table. It decides nothing.
//! - [`platform`]: one adapter for each platform, the parser of links, and what is said to Discord. It
//!   knows HTTP, and nothing of the product but its words.
//! - [`jobs`]: takes queued jobs, gathers them into few calls, and hands results over by the batch.
//! - [`graphql`]: parses, asks the domain, renders. No rule and no SQL.
//! - [`http`]: GraphQL over HTTP and over WebSocket by their specifications, the webhook of orders,
//!   commands from Discord, lists as CSV, health, and the public keys.
//!
//! Beside them, [`simulator`] plays the platforms from the other side of the wire and shares no types
//! with [`platform`]; [`embedded`] runs a private PostgreSQL and stands alone; [`demo`] walks the main
//! path through the API. A test reads the source and holds the arrows.
//!
//! # A process
//!
//! [`cli`] parses the arguments, [`config`] the environment, [`server`] puts the process together and
//! takes it apart. What its parts share is [`app::App`]. Time is the database's ([`clock`]), so that
//! nodes agree and tests can move it. Jobs and events are announced by hints outside of transactions
//! ([`events`]); whoever waits for one also looks by itself. [`crypto`] makes keys, tokens and hashes,
//! [`vault`] encrypts what must be read again, and [`telemetry`] writes the log.
//!
//! # How it fails
//!
//! What a caller can mend is an [`error::Refusal`] that names the input field, and nothing was written
//! then. A database that is away is [`error::Error::Unavailable`], and the caller tries again. A
//! platform that does not answer accuses nobody: the job waits, or is tried again. A process that is
//! killed leaves nothing half-done: every effect of a job is in the transaction that removes it. What
//! must not happen is [`error::Error::Internal`], whose text goes to the log and to nobody else.

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod demo;
pub mod domain;
pub mod embedded;
pub mod error;
pub mod events;
pub mod graphql;
pub mod http;
pub mod jobs;
pub mod model;
pub mod platform;
pub mod server;
pub mod simulator;
pub mod telemetry;
pub mod vault;
