//! What a platform tells of how much may still be asked, kept for everybody who has to obey it: for the credential that was
//! asked with, or for this program's whole registration.
//!
//! What it tells of a registration is of this program's only where this program's own credential was asked with. A token that
//! an affiliate linked may be of a registration of its own, whose limits must stop nobody else: they are kept for that token.
//! One that is of this program's registration all the same finds out for itself.

use std::time::Duration;

use super::{LEAST_WAIT, OWN, REGISTRATION};
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
    /// By the whole registration which that credential is of, whatever it asks with.
    pub application: Option<Duration>,
    /// By everybody: its server fails.
    pub everybody: Option<Duration>,
}

/// For how long a platform wants to be left alone by these errors. One that fails and says for how long is that for whoever
/// asks. Calls that this program held back itself were no word of the platform's.
pub fn alone<'a>(errors: impl IntoIterator<Item = &'a PlatformError>) -> Alone {
    let mut alone = Alone::default();
    for error in errors {
        let (wait, longest) = match error {
            PlatformError::RateLimited {
                retry_after, limit, ..
            } => {
                let longest = match limit {
                    Limit::Credential => &mut alone.credential,
                    Limit::Application => &mut alone.application,
                    Limit::Program => continue,
                };
                (retry_after.unwrap_or(SNOOZE), longest)
            }
            PlatformError::Unreachable {
                retry_after: Some(wait),
                ..
            } => (*wait, &mut alone.everybody),
            PlatformError::Unreachable { .. }
            | PlatformError::Unauthorised { .. }
            | PlatformError::Refused { .. } => continue,
        };
        *longest = (*longest).max(Some(wait.max(LEAST_WAIT)));
    }
    alone
}

/// Whether the platform itself lets a credential ask nothing now, whatever else may hold it back.
///
/// # Errors
/// The database failed.
pub async fn is_used_up(
    app: &App,
    platform: PlatformKind,
    credential: &str,
) -> Result<bool, Error> {
    let mut connection = app.db.get().await?;
    Ok(platform_budget::is_used_up(&mut connection, platform, credential).await?)
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
    let (own, registration) = told(credential, usage, alone);
    for (name, told) in [(credential, own), (REGISTRATION, registration)] {
        if told != Told::default() {
            let mut connection = app.db.get().await?;
            platform_budget::note(&mut connection, platform, name, told).await?;
        }
    }
    Ok(())
}

/// What is to be kept of a credential, and what of this program's registration.
pub(super) fn told(credential: &str, usage: Option<Usage>, alone: Alone) -> (Told, Told) {
    let is_ours = credential == OWN;
    let (own, registration) = if is_ours {
        (alone.credential, alone.application.max(alone.everybody))
    } else {
        (alone.credential.max(alone.application), alone.everybody)
    };
    let snooze = |wait: Option<Duration>| Told {
        remaining: None,
        snooze: wait.map(|wait| wait.as_secs_f64()),
    };
    let (mut own, mut registration) = (snooze(own), snooze(registration));
    match usage.and_then(|usage| Some((usage.limit, remaining(usage)?))) {
        // As long as there is something left, nobody needs to be kept from it.
        Some((Limit::Application, told @ (0, _))) if is_ours => {
            registration.remaining = Some(told);
        }
        Some((_, told)) => own.remaining = Some(told),
        None => {}
    }
    (own, registration)
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
