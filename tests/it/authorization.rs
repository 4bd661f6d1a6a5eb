//! Who may do what: the table of the table of rights in src/domain/access.rs, cell by cell, and what lies behind it.
//!
//! Two programs stand side by side in one server, and everybody of one is a stranger to the other. `matrix` goes through
//! the root fields, `node` through the types, `nesting` follows every link from every object that somebody sees,
//! `strangers` gives the ids of one program to the other, and `events` watches alerts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod contents;
mod events;
mod introspection;
mod matrix;
mod nesting;
mod node;
mod reach;
mod rights;
mod strangers;
pub mod tenants;

pub use contents::{contents, everything};
