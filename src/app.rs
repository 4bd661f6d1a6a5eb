//! What every part of a process shares: the database, the platforms, the clock, the tokens and the news of the day.

use std::sync::Arc;

use crate::clock::Clock;
use crate::db::Pool;
use crate::domain::sign_ins::SignIns;
use crate::domain::token::Tokens;
use crate::events::Events;
use crate::platform::{Callbacks, Discord, Platforms};
use crate::vault::Vault;

/// The shared parts of a process. Built the same way by the program and by its tests; cloning is cheap.
#[derive(Debug, Clone)]
pub struct App {
    /// The database.
    pub db: Pool,
    /// Access to the platforms that are set up.
    pub platforms: Platforms,
    /// Access to Discord, where it is set up.
    pub discord: Option<Arc<Discord>>,
    /// Calls to addresses that advertisers registered.
    pub callbacks: Callbacks,
    /// The time of rules and queue.
    pub clock: Clock,
    /// Makes and checks access tokens.
    pub tokens: Arc<Tokens>,
    /// Which sign-ins have ended.
    pub sign_ins: SignIns,
    /// Encrypts and decrypts secrets that are kept.
    pub vault: Arc<Vault>,
    /// Hints inside this process that there is something to read in the database.
    pub events: Events,
}
