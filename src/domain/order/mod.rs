//! Orders arrive by a webhook that the advertiser signs.
//!
//! Nothing of a delivery is believed before its signature holds, but the advertiser's id, which chooses the secret. An
//! advertiser that does not exist and a signature that does not hold get the same answer. The same order may come any number
//! of times, at once or late: what says nothing new writes nothing.

mod body;
mod secret;

use bigdecimal::BigDecimal;
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;

use self::body::{Body, Told, check, id};
use crate::app::App;
use crate::crypto::is_hmac;
use crate::db::order::{self, NewOrder, NewRevision, Order};
use crate::db::rollup::{self, Key, Measures};
use crate::db::{Connection, affiliate, campaign};
use crate::error::Error;
use crate::model::{OrderStatus, Secret};

pub use self::body::{Named, ReadId};
pub use self::secret::rotate_secret;
pub(super) use self::secret::{first_secret, secret_place};

/// How far the time of a delivery may be from now.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);

/// What a delivery brings beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signature<'a> {
    /// `X-Partner-Signature`.
    pub signature: Option<&'a str>,
    /// `X-Partner-Timestamp`, in seconds since 1970.
    pub timestamp: Option<&'a str>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    /// The order was not known before.
    Created,
    /// The order was known with other content; the new one stands.
    Revised,
    /// Nothing was written: the order says what is known already.
    Unchanged,
    /// Nothing was written: a delivery that was signed later has been taken already.
    Outdated,
}

/// Why a delivery was not taken. Nothing was written.
#[derive(Debug)]
pub enum Rejection {
    /// It is not signed by an advertiser of this server.
    Unsigned,
    /// What is wrong with its fields, each with a message.
    Malformed(Vec<(&'static str, String)>),
    /// It contradicts what cannot change of an order.
    Conflict(&'static str, String),
    /// Something failed here.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Rejection {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Takes a delivery.
///
/// # Errors
/// [`Rejection`]; nothing was written.
pub async fn receive(
    app: &App,
    signature: Signature<'_>,
    body: &[u8],
    read_id: ReadId,
) -> Result<(Order, Done), Rejection> {
    let parsed: Result<Body<'_>, _> = serde_json::from_slice(body);
    let advertiser_id = parsed
        .as_ref()
        .ok()
        .and_then(|body| id(body.advertiser_id?, Named::Advertiser, read_id));
    let signed_at = verify(app, advertiser_id, signature, body).await?;
    // Both are there: without them nothing is signed.
    let (Ok(parsed), Some(advertiser_id)) = (parsed, advertiser_id) else {
        return Err(Rejection::Unsigned);
    };
    let told = check(&parsed, read_id).map_err(Rejection::Malformed)?;
    let text = String::from_utf8_lossy(body);
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    connection
        .transaction::<_, Rejection, _>(async |connection| {
            let known = affiliate::list_by_id(connection, &[told.user_id]).await?;
            let mut wrong = Vec::new();
            if known.is_empty() {
                wrong.push(("user_id", "user_id names no affiliate".to_owned()));
            }
            if let Some(id) = told.campaign_id {
                let own = campaign::list_by_id(connection, &[id])
                    .await?
                    .into_iter()
                    .any(|campaign| campaign.advertiser_id == advertiser_id);
                if !own {
                    let message = "campaign_id names no campaign of this advertiser";
                    wrong.push(("campaign_id", message.to_owned()));
                }
            }
            if !wrong.is_empty() {
                return Err(Rejection::Malformed(wrong));
            }
            keep(connection, advertiser_id, &told, &text, signed_at, now).await
        })
        .await
}

/// The time that was signed with a delivery, in whole seconds since 1970; none where it is not written in digits alone, or
/// too far from now.
pub(super) fn signed_time(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| text.parse::<i64>().ok())
        .flatten()
        .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
        .filter(|at| (now - *at).abs() <= TOLERANCE)
}

/// Whether the delivery is signed with one of the advertiser's secrets, and when it was, where it says so.
async fn verify(
    app: &App,
    advertiser_id: Option<i64>,
    signature: Signature<'_>,
    body: &[u8],
) -> Result<Option<DateTime<Utc>>, Rejection> {
    let now = app.clock.now();
    let mut connection = app.db.get().await?;
    // An advertiser that does not exist costs the same question.
    let secrets = order::list_secrets(&mut connection, advertiser_id.unwrap_or(0), now).await?;
    drop(connection);
    let given = signature.signature.unwrap_or_default();
    let signed_at = match signature.timestamp {
        None => None,
        Some(text) => Some(signed_time(text, now).ok_or(Rejection::Unsigned)?),
    };
    let message = match signature.timestamp {
        Some(timestamp) => [timestamp.as_bytes(), b".", body].concat(),
        None => body.to_vec(),
    };
    let requires_time = secrets.iter().any(|(_, required)| *required);
    let mut holds = false;
    for (secret, _) in &secrets {
        let open = app
            .vault
            .open(
                &secret_place(secret.advertiser_id),
                &secret.key_id,
                &secret.sealed,
            )
            .map_err(Error::internal)?;
        holds |= is_hmac(&open, &message, given);
    }
    if secrets.is_empty() {
        // It takes as long to refuse an advertiser that does not exist as a signature that is wrong: nothing comes of this.
        let _ = std::hint::black_box(is_hmac(&Secret::new("nobody's secret"), &message, given));
    }
    if holds && (signed_at.is_some() || !requires_time) {
        Ok(signed_at)
    } else {
        Err(Rejection::Unsigned)
    }
}

async fn keep(
    connection: &mut Connection,
    advertiser_id: i64,
    told: &Told,
    body: &str,
    signed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(Order, Done), Rejection> {
    let new = NewOrder {
        advertiser_id,
        order_id: &told.order_id,
        affiliate_id: told.user_id,
        campaign_id: told.campaign_id,
        currency: &told.currency,
        amount: &told.amount,
        commission: &told.commission,
        status: told.status,
    };
    if let Some(order) = order::insert(connection, &new).await? {
        revise(connection, &order, body, signed_at, now).await?;
        rollup::insert(connection, &totals(None, Some(&order))).await?;
        return Ok((order, Done::Created));
    }
    let before = order::lock(connection, advertiser_id, &told.order_id)
        .await?
        .ok_or_else(|| Error::internal("an order that is there is not there"))?;
    if before.affiliate_id != told.user_id {
        let message = "this order was delivered before for another affiliate".to_owned();
        return Err(Rejection::Conflict("user_id", message));
    }
    if before.currency != told.currency {
        let message = format!("this order was delivered before in {}", before.currency);
        return Err(Rejection::Conflict("currency", message));
    }
    if before.campaign_id.is_some()
        && told.campaign_id.is_some()
        && before.campaign_id != told.campaign_id
    {
        let message = "this order was delivered before for another campaign".to_owned();
        return Err(Rejection::Conflict("campaign_id", message));
    }
    let mut order = before.clone();
    order.amount = told.amount.clone();
    order.commission = told.commission.clone();
    order.status = told.status;
    // A delivery that leaves the campaign out says nothing of it.
    order.campaign_id = before.campaign_id.or(told.campaign_id);
    if order == before {
        return Ok((before, Done::Unchanged));
    }
    let latest = order::latest_signed_at(connection, before.id).await?;
    if signed_at.is_some() && signed_at < latest {
        return Ok((before, Done::Outdated));
    }
    order.revisions += 1;
    order::update(connection, &order).await?;
    revise(connection, &order, body, signed_at, now).await?;
    rollup::insert(connection, &totals(Some(&before), Some(&order))).await?;
    Ok((order, Done::Revised))
}

async fn revise(
    connection: &mut Connection,
    order: &Order,
    body: &str,
    signed_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let revision = NewRevision {
        order_id: order.id,
        revision: order.revisions,
        amount: &order.amount,
        commission: &order.commission,
        status: order.status,
        body,
        signed_at,
        received_at: now,
    };
    order::insert_revision(connection, &revision).await?;
    Ok(())
}

/// What an order that becomes another changes in the totals.
fn totals(before: Option<&Order>, after: Option<&Order>) -> Vec<(Key, Measures)> {
    let mut deltas = Vec::new();
    for (order, sign) in [(before, -1), (after, 1)] {
        let Some(order) = order else { continue };
        let Some(campaign_id) = order.campaign_id else {
            continue;
        };
        let sign = BigDecimal::from(sign);
        let accepted = order.status == OrderStatus::Accepted;
        let counted = |money: &BigDecimal| {
            if accepted {
                money * &sign
            } else {
                BigDecimal::default()
            }
        };
        let measures = Measures {
            orders: sign.clone(),
            orders_reversed: if accepted {
                BigDecimal::default()
            } else {
                sign.clone()
            },
            order_amount: counted(&order.amount),
            commission: counted(&order.commission),
            ..Measures::default()
        };
        let key = Key {
            campaign_id,
            platform: None,
            affiliate_id: order.affiliate_id,
            at: order.received_at,
            currency: Some(order.currency.clone()),
        };
        deltas.push((key, measures));
    }
    deltas
}
