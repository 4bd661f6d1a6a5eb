//! The secrets that advertisers sign orders with.

use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;

use crate::app::App;
use crate::crypto::webhook_secret;
use crate::db::order;
use crate::db::{Connection, advertiser};
use crate::domain::access::Viewer;
use crate::domain::visible;
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::Secret;

/// Longest time for which two secrets hold, in hours.
const MAX_OVERLAP_HOURS: i64 = 24 * 30;

/// What a webhook secret is bound to.
pub(in crate::domain) fn secret_place(advertiser_id: i64) -> String {
    format!("webhook secret of advertiser {advertiser_id}")
}

/// Makes an advertiser's first webhook secret, in the transaction that makes the advertiser.
///
/// # Errors
/// The random source or the database failed.
pub(in crate::domain) async fn first_secret(
    app: &App,
    connection: &mut Connection,
    advertiser_id: i64,
) -> Result<Secret, Error> {
    let now = app.clock.now();
    new_secret(app, connection, advertiser_id, now, now).await
}

async fn new_secret(
    app: &App,
    connection: &mut Connection,
    advertiser_id: i64,
    now: DateTime<Utc>,
    previous_valid_until: DateTime<Utc>,
) -> Result<Secret, Error> {
    let secret = webhook_secret().map_err(Error::internal)?;
    let sealed = app
        .vault
        .seal(&secret_place(advertiser_id), &secret)
        .map_err(Error::internal)?;
    order::rotate_secret(
        connection,
        advertiser_id,
        &sealed.bytes,
        &sealed.key_id,
        now,
        previous_valid_until,
    )
    .await?;
    Ok(secret)
}

/// Puts a new webhook secret into force. The one before it holds for some hours more; says until when.
///
/// # Errors
/// The advertiser is not the caller's, or the hours are out of their range.
pub async fn rotate_secret(
    app: &App,
    viewer: &Viewer,
    advertiser_id: Option<i64>,
    overlap_hours: i64,
) -> Result<(Secret, DateTime<Utc>), Error> {
    let advertiser_id = visible::own_advertiser(viewer, advertiser_id)?;
    if !(0..=MAX_OVERLAP_HOURS).contains(&overlap_hours) {
        let message = format!("overlapHours must be from 0 to {MAX_OVERLAP_HOURS}");
        return Err(Refusal::field(RefusalCode::OutOfRange, "overlapHours", message).into());
    }
    let now = app.clock.now();
    let until = now + TimeDelta::hours(overlap_hours);
    let mut connection = app.db.get().await?;
    let secret = connection
        .transaction::<_, Error, _>(async |connection| {
            // Two rotations at once come one after the other.
            advertiser::lock(connection, advertiser_id)
                .await?
                .ok_or_else(visible::no_such_advertiser)?;
            new_secret(app, connection, advertiser_id, now, until).await
        })
        .await?;
    Ok((secret, until))
}
