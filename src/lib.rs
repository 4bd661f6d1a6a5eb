//! Countersign
pub mod app;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod db;
pub mod domain;
pub mod embedded;
pub mod error;
pub mod events;
pub mod graphql;
pub mod jobs;
pub mod model;
pub mod platform;
