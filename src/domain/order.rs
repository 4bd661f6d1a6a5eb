//! Orders arrive by a webhook that the advertiser signs.
//!
//! Nothing of a delivery is believed before its signature holds, but the advertiser's id, which chooses the secret. An
//! advertiser that does not exist and a signature that does not hold get the same answer. The same order may come any number
//! of times, at once or late: what says nothing new writes nothing.

use bigdecimal::BigDecimal;
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::AsyncConnection as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::Viewer;
use super::visible;
use crate::app::App;
use crate::crypto::{is_hmac, webhook_secret};
use crate::db::order::{self, NewOrder, NewRevision, Order};
use crate::db::rollup::{self, Key, Measures};
use crate::db::{Connection, advertiser, affiliate, campaign};
use crate::error::{Error, Refusal, RefusalCode};
use crate::model::{OrderStatus, Secret};

/// How far the time of a delivery may be from now.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Longest time for which two secrets hold, in hours.
const MAX_OVERLAP_HOURS: i64 = 24 * 30;
/// Most decimal places of money.
const MAX_DECIMAL_PLACES: usize = 6;
/// Most digits of money before the point.
const MAX_DIGITS: usize = 14;

/// What a delivery brings beside its body.
#[derive(Debug, Clone, Copy, Default)]
pub struct Signature<'a> {
    /// `X-Partner-Signature`.
    pub signature: Option<&'a str>,
    /// `X-Partner-Timestamp`, in seconds since 1970.
    pub timestamp: Option<&'a str>,
}

/// What an id in a body names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// An advertiser.
    Advertiser,
    /// An affiliate.
    Affiliate,
    /// A campaign.
    Campaign,
}

/// Reads a global id.
pub type ReadId = fn(Named, &str) -> Option<i64>;

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

/// A body as it comes. Numbers are kept as they are written.
#[derive(Debug, Deserialize)]
struct Body<'a> {
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    advertiser_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    commission: Option<&'a RawValue>,
    #[serde(borrow, default)]
    currency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    campaign_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
}

/// What a body says, checked.
#[derive(Debug)]
struct Told {
    order_id: String,
    user_id: i64,
    amount: BigDecimal,
    commission: BigDecimal,
    currency: String,
    campaign_id: Option<i64>,
    status: OrderStatus,
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
        holds = is_hmac(&Secret::new("nobody's secret"), &message, given) && !secrets.is_empty();
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

fn check(body: &Body<'_>, read_id: ReadId) -> Result<Told, Vec<(&'static str, String)>> {
    let mut wrong: Vec<(&'static str, String)> = Vec::new();
    let mut refuse = |field: &'static str, problem: &str| {
        wrong.push((field, format!("{field} {problem}")));
    };
    let order_id = body
        .order_id
        .and_then(text)
        .map(|text| text.trim().to_owned())
        .filter(|text| (1..=200).contains(&text.chars().count()) && !text.contains('\0'));
    if order_id.is_none() {
        refuse("order_id", "must be a text of 1 to 200 characters");
    }
    let user_id = body
        .user_id
        .and_then(|raw| id(raw, Named::Affiliate, read_id));
    if user_id.is_none() {
        refuse(
            "user_id",
            "must be the id of an affiliate, global or numeric",
        );
    }
    let money = "must be a decimal of at most 14 digits and 6 decimal places, not negative, as a string or a number";
    let amount = body.amount.and_then(decimal);
    if amount.is_none() {
        refuse("amount", money);
    }
    let commission = body.commission.and_then(decimal);
    if commission.is_none() {
        refuse("commission", money);
    }
    let currency = match body.currency.filter(|raw| raw.get() != "null") {
        None => Some("USD".to_owned()),
        Some(raw) => text(raw)
            .map(|text| text.to_ascii_uppercase())
            .filter(|text| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase())),
    };
    if currency.is_none() {
        refuse("currency", "must be an ISO 4217 code, such as USD");
    }
    let campaign_id = match body.campaign_id.filter(|raw| raw.get() != "null") {
        None => Some(None),
        Some(raw) => id(raw, Named::Campaign, read_id).map(Some),
    };
    if campaign_id.is_none() {
        refuse(
            "campaign_id",
            "must be the id of a campaign, global or numeric",
        );
    }
    let status = match body.status.filter(|raw| raw.get() != "null") {
        None => Some(OrderStatus::Accepted),
        Some(raw) => text(raw).and_then(|text| text.to_ascii_uppercase().parse().ok()),
    };
    if status.is_none() {
        refuse("status", "must be \"accepted\" or \"reversed\"");
    }
    match (
        order_id,
        user_id,
        amount,
        commission,
        currency,
        campaign_id,
        status,
    ) {
        (
            Some(order_id),
            Some(user_id),
            Some(amount),
            Some(commission),
            Some(currency),
            Some(campaign_id),
            Some(status),
        ) => Ok(Told {
            order_id,
            user_id,
            amount,
            commission,
            currency,
            campaign_id,
            status,
        }),
        _ => Err(wrong),
    }
}

/// A JSON string, or a whole number as it is written.
fn text(raw: &RawValue) -> Option<String> {
    let written = raw.get();
    if written.starts_with('"') {
        return serde_json::from_str(written).ok();
    }
    let digits = written.strip_prefix('-').unwrap_or(written);
    digits
        .bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| written.to_owned())
}

/// A numeric id, as a number or a string, or a global one.
fn id(raw: &RawValue, named: Named, read_id: ReadId) -> Option<i64> {
    let text = text(raw)?;
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit());
    let id = if numeric {
        text.parse().ok()
    } else {
        read_id(named, &text)
    };
    id.filter(|id| *id > 0)
}

/// A decimal as it is written, in a string or as a number, never through a float.
fn decimal(raw: &RawValue) -> Option<BigDecimal> {
    let written = raw.get();
    let text = if written.starts_with('"') {
        serde_json::from_str::<String>(written).ok()?
    } else {
        written.to_owned()
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    // Zeros at the end say nothing.
    let fraction = match fraction.trim_end_matches('0') {
        "" if !fraction.is_empty() => "0",
        shortened => shortened,
    };
    if !digits(whole, MAX_DIGITS) || !digits(fraction, MAX_DECIMAL_PLACES) {
        return None;
    }
    format!("{whole}.{fraction}").parse().ok()
}

/// What a webhook secret is bound to.
pub(super) fn secret_place(advertiser_id: i64) -> String {
    format!("webhook secret of advertiser {advertiser_id}")
}

/// Makes an advertiser's first webhook secret, in the transaction that makes the advertiser.
///
/// # Errors
/// The random source or the database failed.
pub(super) async fn first_secret(
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

#[cfg(test)]
mod tests {
    use super::*;

    fn no_ids(_: Named, _: &str) -> Option<i64> {
        None
    }

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn money_keeps_every_digit_and_never_passes_a_float() {
        for (written, read) in [
            ("\"12.50\"", "12.5"),
            ("12.50", "12.5"),
            ("90071992547409.93", "90071992547409.93"),
            ("\"0.1\"", "0.1"),
            ("0", "0"),
            ("\"7\"", "7"),
            ("\"1.0000000000\"", "1"),
        ] {
            let decimal = decimal(&raw(written)).unwrap();
            assert_eq!(decimal.normalized().to_plain_string(), read, "{written}");
        }
        for refused in [
            "\"\"",
            "-1",
            "\"-1\"",
            "1e3",
            "\"1e3\"",
            "\" 1\"",
            "null",
            "true",
            "[]",
            "\"1.\"",
            "\".5\"",
            "\"1.2345678\"",
            "\"123456789012345\"",
            "\"NaN\"",
            "\"１\"",
        ] {
            assert_eq!(decimal(&raw(refused)), None, "{refused}");
        }
    }

    #[test]
    fn everything_that_is_wrong_with_a_body_is_said_at_once() {
        let body = r#"{"order_id": "", "user_id": "x", "amount": "a", "currency": "dollars", "campaign_id": [], "status": "sent"}"#;
        let body: Body<'_> = serde_json::from_str(body).unwrap();
        let wrong = check(&body, no_ids).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|(field, _)| *field).collect();
        assert_eq!(
            fields,
            [
                "order_id",
                "user_id",
                "amount",
                "commission",
                "currency",
                "campaign_id",
                "status"
            ]
        );
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let body = r#"{"order_id": 17, "user_id": "3", "amount": 1, "commission": "0.10", "campaign_id": null}"#;
        let body: Body<'_> = serde_json::from_str(body).unwrap();
        let told = check(&body, no_ids).unwrap();
        assert_eq!((told.order_id.as_str(), told.user_id), ("17", 3));
        assert_eq!(
            (told.currency.as_str(), told.status),
            ("USD", OrderStatus::Accepted)
        );
        assert_eq!(told.campaign_id, None);
    }
}
