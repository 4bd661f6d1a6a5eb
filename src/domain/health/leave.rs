//! Leave for what may do without: a link, which may lead to its post without the platform's API.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::{LEAST_WAIT, Permit, gate, permit};
use crate::app::App;
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::{Gate, Usage};

/// A gate that asks for leave when the platform's API is first asked. Opening a short link takes nothing of what the API
/// allows, and no circuit holds it back.
pub struct Leave {
    app: App,
    platform: PlatformKind,
    credential: String,
    may_probe: bool,
    /// The leave that was had, and the gate for what comes after.
    had: Mutex<Option<(Permit, Arc<dyn Gate>)>>,
    /// Why it could not be found out whether there is leave.
    failure: Mutex<Option<Error>>,
}

impl Leave {
    /// Leave to ask with a credential, which nobody has asked for yet; see [`permit`].
    #[must_use]
    pub fn new(app: &App, platform: PlatformKind, credential: &str, may_probe: bool) -> Arc<Self> {
        Arc::new(Self {
            app: app.clone(),
            platform,
            credential: credential.to_owned(),
            may_probe,
            had: Mutex::default(),
            failure: Mutex::default(),
        })
    }

    /// The permit that the call was made with; none where it did not come to the API.
    #[must_use]
    pub fn permit(&self) -> Option<Permit> {
        self.had().as_ref().map(|(permit, _)| *permit)
    }

    /// Why the call was stopped, where it could not be found out whether there is leave.
    #[must_use]
    pub fn take_failure(&self) -> Option<Error> {
        self.failure().take()
    }

    fn failure(&self) -> MutexGuard<'_, Option<Error>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gate(&self) -> Option<Arc<dyn Gate>> {
        self.had().as_ref().map(|(_, gate)| Arc::clone(gate))
    }

    fn had(&self) -> MutexGuard<'_, Option<(Permit, Arc<dyn Gate>)>> {
        // It is only ever set as a whole.
        self.had.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Gate for Leave {
    async fn pass(&self, told: Option<Usage>) -> Option<Duration> {
        if let Some(gate) = self.gate() {
            return gate.pass(told).await;
        }
        match permit(&self.app, self.platform, &self.credential, self.may_probe).await {
            Ok(Permit::Wait(wait)) => Some(wait),
            Ok(permit) => {
                let gate = gate(&self.app, self.platform, &self.credential, permit);
                *self.had() = Some((permit, gate));
                None
            }
            Err(error) => {
                tracing::debug!(platform = %self.platform, %error, "no leave for a link is to be had");
                *self.failure() = Some(error);
                Some(LEAST_WAIT)
            }
        }
    }
}
