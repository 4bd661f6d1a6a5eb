//! Leave for the further requests of a call that is many: each takes one from the budget, as the first did.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::budget::remaining;
use super::{PROBE_TURN, Permit, seconds};
use crate::app::App;
use crate::db::platform_budget;
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::{Gate, Usage};

/// Waits up to so long, all in all, are waited out before a request, so that a call of many requests gets through where
/// operators let a few a minute through: it would have to begin anew otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// The gate of a call that was permitted so.
#[must_use]
pub fn gate(app: &App, platform: PlatformKind, credential: &str, permit: Permit) -> Arc<dyn Gate> {
    Arc::new(Turnstile {
        app: app.clone(),
        platform,
        credential: credential.to_owned(),
        is_probe: permit == Permit::Probe,
    })
}

struct Turnstile {
    app: App,
    platform: PlatformKind,
    credential: String,
    /// Whether the call is the one that is tried while the circuit is open: it is not held back by it.
    is_probe: bool,
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
        let mut left = PATIENCE;
        loop {
            let wait = match self.take().await {
                Ok(None) => return None,
                Ok(Some(wait)) => wait,
                Err(error) => {
                    tracing::debug!(platform = %self.platform, %error, "no leave for a request is to be had");
                    return Some(PROBE_TURN);
                }
            };
            if wait > left {
                return Some(wait);
            }
            left -= wait;
            tokio::time::sleep(wait).await;
        }
    }
}
