//! Leave for the further requests of a call that is many: each takes one from the budget, as the first did.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::budget::remaining;
use super::{PROBE_TURN, Permit, seconds};
use crate::app::App;
use crate::db::platform_budget;
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::{Gate, Usage};

/// Waits up to so long, over all the requests of a call, are waited out, so that a call of a few requests gets through where
/// operators let a few a minute through: it would have to begin anew otherwise. A call holds up others while it waits, so
/// one that would have to wait longer is stopped.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate of a call that was permitted so.
#[must_use]
pub fn gate(app: &App, platform: PlatformKind, credential: &str, permit: Permit) -> Arc<dyn Gate> {
    Arc::new(Turnstile {
        app: app.clone(),
        platform,
        credential: credential.to_owned(),
        is_probe: permit == Permit::Probe,
        patience: Patience::default(),
    })
}

struct Turnstile {
    app: App,
    platform: PlatformKind,
    credential: String,
    /// Whether the call is the one that is tried while the circuit is open: it is not held back by it.
    is_probe: bool,
    patience: Patience,
}

/// How long a call may wait yet.
struct Patience(Mutex<Duration>);

impl Default for Patience {
    fn default() -> Self {
        Self(Mutex::new(PATIENCE))
    }
}

impl Patience {
    /// Takes so long from what is left; says whether there was as much. Requests that set out side by side share it.
    fn take(&self, wait: Duration) -> bool {
        // A number is whole whatever panicked.
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match left.checked_sub(wait) {
            Some(rest) => {
                *left = rest;
                true
            }
            None => false,
        }
    }
}

impl Turnstile {
    /// Takes one call; how long to wait where there is none.
    async fn take(&self) -> Result<Option<Duration>, Error> {
        let mut connection = self.app.db.get().await?;
        let platform = self.platform;
        let taken =
            platform_budget::take(&mut connection, platform, &self.credential, self.is_probe)
                .await?;
        Ok(match taken.wait {
            Some(wait) => Some(seconds(wait)),
            // The circuit has opened meanwhile: whoever claims the call that is tried begins anew.
            None if taken.is_open => Some(PROBE_TURN),
            None => None,
        })
    }
}

#[async_trait]
impl Gate for Turnstile {
    async fn pass(&self, told: Option<Usage>) -> Option<Duration> {
        // What was told within the call is kept only when it is over.
        if let Some((0, wait)) = told.and_then(remaining) {
            return Some(seconds(wait));
        }
        loop {
            let wait = match self.take().await {
                Ok(None) => return None,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::debug!(platform = %self.platform, %error, "no leave for a request is to be had");
                    return Some(PROBE_TURN);
                }
            };
            if !self.patience.take(wait) {
                return Some(wait);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_of_all_requests_of_a_call_are_ten_seconds_at_most() {
        let patience = Patience::default();
        let seconds = Duration::from_secs;
        // What is too long takes nothing away.
        for (wait, is_waited_out) in [(6, true), (5, false), (4, true), (1, false), (0, true)] {
            assert_eq!(patience.take(seconds(wait)), is_waited_out, "{wait} s");
        }
        assert!(Patience::default().take(seconds(10)), "of another call");
    }
}
