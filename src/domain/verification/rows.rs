//! Observations between their row and the rules.

use chrono::{DateTime, Utc};

use crate::crypto::sha256;
use crate::db::platform_report::{NewPlatformReport, PlatformReport};
use crate::db::post::Post;
use crate::domain::input::without_nul;
use crate::domain::reconciliation::Observation;
use crate::error::Error;
use crate::model::{Metrics, Observed};
use crate::platform::{Fetched, Sighting};

/// An observation with the hash of its raw answer.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) observation: Observation,
    pub(super) raw_hash: String,
}

impl Evidence {
    pub(super) fn of_row(row: &PlatformReport) -> Self {
        Self {
            observation: Observation {
                platform_report_id: row.id,
                fetched_at: row.fetched_at,
                metrics: row.observed(),
                gone: row.gone,
            },
            raw_hash: row.raw_hash.clone(),
        }
    }

    pub(super) fn of_new(id: i64, new: &NewPlatformReport, observed: Metrics<Observed>) -> Self {
        Self {
            observation: Observation {
                platform_report_id: id,
                fetched_at: new.fetched_at,
                metrics: observed,
                gone: new.gone,
            },
            raw_hash: new.raw_hash.clone(),
        }
    }
}

/// What a platform said as a row to be kept, and its metrics.
pub(super) fn platform_report(
    post: &Post,
    fetched: &Fetched,
    fetched_at: DateTime<Utc>,
) -> Result<(NewPlatformReport, Metrics<Observed>), Error> {
    let (observed, raw, spend, gone) = match fetched {
        Fetched::Found(sighting) => (
            with_context(sighting),
            &sighting.raw,
            sighting.spend.as_ref(),
            false,
        ),
        Fetched::Gone { reason, raw } => {
            let gone = Metrics::from_fn(|_| Observed::Unavailable {
                reason: reason.clone(),
            });
            (gone, raw, None, true)
        }
    };
    let raw = without_nul(raw.clone());
    let canonical = serde_json_canonicalizer::to_string(&raw).map_err(Error::internal)?;
    let raw_hash = hex::encode(sha256(canonical.as_bytes()));
    let row = NewPlatformReport::new(
        post.id,
        post.platform,
        gone,
        &observed,
        raw,
        raw_hash,
        fetched_at,
    )
    .with_spend(spend.map(|spend| (spend.amount.clone(), spend.currency.clone())));
    Ok((row, observed))
}

/// Where views have no number, what else the platform shows of the post goes into the reason: it makes a claim plausible
/// or not.
fn with_context(sighting: &Sighting) -> Metrics<Observed> {
    let mut metrics = sighting.metrics.clone();
    if let Some(context) = &sighting.context {
        match &mut metrics.views {
            Observed::Unavailable { reason } | Observed::Unsupported { reason } => {
                let end = if reason.ends_with('.') { "" } else { "." };
                *reason = format!("{reason}{end} The post shows {context}.");
            }
            Observed::Reported { .. } => {}
        }
    }
    metrics
}
