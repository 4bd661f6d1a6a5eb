//! The time of rules and queue: the database's.
//!
//! Every node takes its time from the one database they share, so that two machines whose clocks differ agree on what
//! came before what. A test, or a simulated week, moves that time by replacing the SQL function `countersign_now`.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};

use crate::db::{self, Pool};
use crate::error::Error;

/// How often a running server asks the database for the time.
pub const SYNCHRONISE_EVERY: Duration = Duration::from_secs(30);

/// Tells the database's time without asking it each time.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Microseconds that the database is ahead of this machine.
    ahead_micros: Arc<AtomicI64>,
}

impl Clock {
    /// Now, in whole microseconds as the database keeps them.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let micros = machine_now().timestamp_micros() + self.ahead_micros.load(Ordering::Relaxed);
        DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// Asks the database for its time.
    ///
    /// # Errors
    /// The database cannot be reached; the clock goes on as it was.
    pub async fn synchronise(&self, pool: &Pool) -> Result<(), Error> {
        let mut connection = pool.get().await?;
        let asked = Instant::now();
        let database = db::queue::now(&mut connection).await?;
        let halfway = TimeDelta::from_std(asked.elapsed() / 2).unwrap_or_default();
        self.set(database + halfway);
        Ok(())
    }

    /// Goes on from this time of the database.
    pub fn set(&self, database: DateTime<Utc>) {
        let ahead = database - machine_now();
        self.ahead_micros
            .store(ahead.num_microseconds().unwrap_or(0), Ordering::Relaxed);
    }
}

/// This machine's own time: for the life of tokens, which other programs check by their own clocks.
#[must_use]
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place that the others are sent to"
)]
pub fn machine_now() -> DateTime<Utc> {
    Utc::now()
}
