//! What the body of a delivery says, checked: everything that is wrong with it is said at once.

use bigdecimal::BigDecimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::OrderStatus;

/// Most decimal places of money.
const MAX_DECIMAL_PLACES: usize = 6;
/// Most digits of money before the point.
const MAX_DIGITS: usize = 14;

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

/// A body as it comes. Numbers are kept as they are written.
#[derive(Debug, Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow, default)]
    pub(super) order_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) advertiser_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) user_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) commission: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) currency: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) campaign_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) status: Option<&'a RawValue>,
}

/// What a body says, checked.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) order_id: String,
    pub(super) user_id: i64,
    pub(super) amount: BigDecimal,
    pub(super) commission: BigDecimal,
    pub(super) currency: String,
    pub(super) campaign_id: Option<i64>,
    pub(super) status: OrderStatus,
}

pub(super) fn check(body: &Body<'_>, read_id: ReadId) -> Result<Told, Vec<(&'static str, String)>> {
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
pub(super) fn id(raw: &RawValue, named: Named, read_id: ReadId) -> Option<i64> {
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
