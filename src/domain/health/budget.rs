//! What a platform tells of how much may still be asked, kept for everybody who has to obey it: for the credential that was
//! asked with, or for this program's whole registration.

use std::time::Duration;

use super::{LEAST_WAIT, REGISTRATION};
use crate::app::App;
use crate::db::platform_budget::{self, Told};
use crate::error::Error;
use crate::model::PlatformKind;
use crate::platform::{Limit, PlatformError, Usage};

/// How long a credential is left alone where the platform asks to wait and does not say how long.
pub(super) const SNOOZE: Duration = Duration::from_secs(30);
/// How long a credential is left alone that has used up all it may where the platform does not say how long. The Graph API
/// counts over a sliding hour, so there is a little more each minute.
const USED_UP: Duration = Duration::from_mins(1);

/// For how long a platform wants to be left alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Alone {
    /// With the credential that was asked with.
    pub credential: Option<Duration>,
    /// By the whole registration, whatever it asks with.
    pub application: Option<Duration>,
}

/// For how long a platform wants to be left alone by these errors. One that fails and says for how long is that for whoever
/// asks. Calls that this program held back itself were no word of the platform's.
pub fn alone<'a>(errors: impl IntoIterator<Item = &'a PlatformError>) -> Alone {
    let mut alone = Alone::default();
    for error in errors {
        let (wait, limit) = match error {
            PlatformError::RateLimited {
                retry_after, limit, ..
            } => (retry_after.unwrap_or(SNOOZE), *limit),
            PlatformError::Unreachable {
                retry_after: Some(wait),
                ..
            } => (*wait, Limit::Application),
            PlatformError::Unreachable { .. }
            | PlatformError::Unauthorised { .. }
            | PlatformError::Refused { .. } => continue,
        };
        let longest = match limit {
            Limit::Credential => &mut alone.credential,
            Limit::Application => &mut alone.application,
            Limit::Program => continue,
        };
        *longest = (*longest).max(Some(wait.max(LEAST_WAIT)));
    }
    alone
}

/// Keeps what a platform told of a credential and of this program's registration: its usage, and for how long it wants to be
/// left alone.
///
/// # Errors
/// The database failed.
pub async fn note(
    app: &App,
    platform: PlatformKind,
    credential: &str,
    usage: Option<Usage>,
    alone: Alone,
) -> Result<(), Error> {
    let seconds = |wait: Option<Duration>| wait.map(|wait| wait.as_secs_f64());
    let mut own = Told {
        remaining: None,
        snooze: seconds(alone.credential),
    };
    let mut registration = Told {
        remaining: None,
        snooze: seconds(alone.application),
    };
    match usage.and_then(|usage| Some((usage.limit, remaining(usage)?))) {
        // As long as there is something left, nobody needs to be kept from it.
        Some((Limit::Application, told @ (0, _))) => registration.remaining = Some(told),
        Some((_, told)) => own.remaining = Some(told),
        None => {}
    }
    for (name, told) in [(credential, own), (REGISTRATION, registration)] {
        if told != Told::default() {
            let mut connection = app.db.get().await?;
            platform_budget::note(&mut connection, platform, name, told).await?;
        }
    }
    Ok(())
}

/// How many calls are left and for how many seconds. Of a percentage nothing follows but that there is nothing left.
pub(super) fn remaining(usage: Usage) -> Option<(i64, f64)> {
    match (usage.remaining, usage.resets_in) {
        (Some(left), Some(resets_in)) => {
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            Some((left, resets_in.as_secs_f64()))
        }
        _ if usage.used_percent.is_some_and(|used| used >= 100) => {
            Some((0, usage.resets_in.unwrap_or(USED_UP).as_secs_f64()))
        }
        _ => None,
    }
}
