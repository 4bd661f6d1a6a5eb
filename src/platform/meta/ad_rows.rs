//! What the rows of insights of advertisements say of the post that they advertise.
//!
//! Every number in a row is a string, and a row is there only for an advertisement that was shown. A
//! sum is told only where each row has its part: what one row leaves out is not zero, so the rest of
//! the rows is not the whole.

use bigdecimal::BigDecimal;
use serde_json::{Value, json};

use crate::model::MAX_COUNT;
use crate::platform::Spend;
use crate::platform::lenient::{count, pick, text};

/// What is asked of each advertisement.
pub(super) const FIELDS: &str =
    "ad_id,account_currency,impressions,clicks,inline_link_clicks,spend,actions";

/// The fields of a row that are kept as evidence, besides the purchases.
const KEPT: [&str; 8] = [
    "ad_id",
    "account_currency",
    "impressions",
    "clicks",
    "inline_link_clicks",
    "spend",
    "date_start",
    "date_stop",
];

/// The one kind of action that counts purchases. The others count the same purchases again.
const PURCHASES: &str = "omni_purchase";

/// The most digits before the point of an amount, and after it: what is stored has as many.
const WHOLE_DIGITS: usize = 14;
const DECIMALS: usize = 6;

/// The advertisements of one post together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Advertised {
    /// What they have cost; none where a row does not say it, or where their currencies differ.
    pub(super) spend: Option<Spend>,
    /// How often a link in one of them was followed; none where a row does not say it.
    pub(super) link_clicks: Option<u64>,
    /// How many purchases they led to; none where a row does not say it, as where there were none or
    /// nobody tells Meta of them.
    pub(super) purchases: Option<u64>,
    /// The rows, as evidence.
    pub(super) raw: Value,
}

impl Advertised {
    /// The sum of the rows of a post's advertisements, of which there is at least one.
    pub(super) fn of(rows: &[&Value]) -> Self {
        let kept: Vec<Value> = rows.iter().map(|row| evidence(row)).collect();
        Self {
            spend: spend(rows),
            link_clicks: sum(rows, |row| count(row.get("inline_link_clicks"))),
            purchases: sum(rows, |row| count(purchases(row)?.get("value"))),
            raw: json!(kept),
        }
    }
}

/// The sum of what each row says; none where one does not say it.
fn sum(rows: &[&Value], said: impl Fn(&Value) -> Option<u64>) -> Option<u64> {
    let mut sum = 0_u64;
    for row in rows {
        sum = sum.checked_add(said(row)?)?;
    }
    (!rows.is_empty() && sum <= MAX_COUNT).then_some(sum)
}

/// The purchases among the actions of a row; none where they are there twice, since then one of them
/// counts something else.
fn purchases(row: &Value) -> Option<&Value> {
    let mut found = row
        .get("actions")?
        .as_array()?
        .iter()
        .filter(|action| text(action.get("action_type")).as_deref() == Some(PURCHASES));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

fn spend(rows: &[&Value]) -> Option<Spend> {
    let mut sum: Option<Spend> = None;
    for row in rows {
        let amount = amount(row.get("spend"))?;
        let currency = currency(row.get("account_currency"))?;
        sum = match sum {
            None => Some(Spend { amount, currency }),
            Some(before) if before.currency == currency => Some(Spend {
                amount: before.amount + amount,
                currency,
            }),
            Some(_) => return None,
        };
    }
    let limit = BigDecimal::from(100_000_000_000_000_i64);
    sum.filter(|sum| sum.amount < limit)
}

/// An amount of money in whole units, such as `"89943.19"`. It is read from its digits; a JSON number
/// with a fraction has been through a float and is not taken.
fn amount(value: Option<&Value>) -> Option<BigDecimal> {
    let digits = match value? {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.as_u64()?.to_string(),
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits.as_str(), "0"));
    let plain = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !plain(whole, WHOLE_DIGITS) || !plain(fraction, DECIMALS) {
        return None;
    }
    digits.parse().ok()
}

/// An ISO 4217 code.
fn currency(value: Option<&Value>) -> Option<String> {
    let code = text(value)?;
    let is_code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code.then_some(code)
}

/// A row as evidence. Of its actions only the purchases are kept.
fn evidence(row: &Value) -> Value {
    let mut kept = pick(row, &KEPT);
    if let (Some(purchases), Some(fields)) = (purchases(row), kept.as_object_mut()) {
        let purchases = pick(purchases, &["action_type", "value"]);
        fields.insert("actions".to_owned(), json!([purchases]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(spend: &Value, clicks: &Value) -> Value {
        json!({
            "ad_id": "120210000000000001", "account_currency": "USD", "impressions": "6313",
            "clicks": "80", "inline_link_clicks": clicks, "spend": spend,
            "date_start": "2026-01-01", "date_stop": "2026-11-25",
        })
    }

    fn of(rows: &[Value]) -> Advertised {
        let rows: Vec<&Value> = rows.iter().collect();
        Advertised::of(&rows)
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "it is compared with what may be nothing"
    )]
    fn spent(amount: &str) -> Option<Spend> {
        Some(Spend {
            amount: amount.parse().unwrap(),
            currency: "USD".to_owned(),
        })
    }

    #[test]
    fn the_rows_of_a_post_add_up_exactly() {
        let sum = of(&[
            row(&json!("89943.19"), &json!("12")),
            row(&json!("0.1"), &json!("0")),
            row(&json!("0.2"), &json!("30")),
        ]);
        assert_eq!(sum.spend, spent("89943.49"));
        assert_eq!(sum.link_clicks, Some(42));
        let one = of(&[row(&json!("0"), &json!("0"))]);
        assert_eq!(one.spend, spent("0"), "a row that says 0 is 0");
        assert_eq!(one.link_clicks, Some(0));
    }

    #[test]
    fn what_one_row_does_not_say_is_not_said_of_the_post() {
        let whole = row(&json!("5.00"), &json!("7"));
        for odd in [
            json!(null),
            json!(""),
            json!("."),
            json!("5."),
            json!("-1"),
            json!("1e3"),
            json!("1,000.00"),
            json!("100000000000000"),
            json!("0.1234567"),
            json!(5.25),
            json!({"value": "5"}),
        ] {
            let sum = of(&[whole.clone(), row(&odd, &json!("7"))]);
            assert_eq!(sum.spend, None, "{odd}");
            assert_eq!(sum.link_clicks, Some(14), "{odd}");
        }
        let mut silent = whole.clone();
        silent.as_object_mut().unwrap().remove("inline_link_clicks");
        let sum = of(&[whole.clone(), silent]);
        assert_eq!(sum.link_clicks, None);
        assert_eq!(sum.spend, spent("10.00"));
        let mut other = whole.clone();
        other["account_currency"] = json!("EUR");
        assert_eq!(of(&[whole.clone(), other]).spend, None, "two currencies");
        let mut unnamed = whole;
        unnamed["account_currency"] = json!("dollars");
        assert_eq!(of(&[unnamed]).spend, None);
        let most = row(&json!("99999999999999.99"), &json!("1"));
        assert!(of(std::slice::from_ref(&most)).spend.is_some());
        assert_eq!(of(&[most.clone(), most]).spend, None, "too much to store");
    }

    fn bought(actions: &Value) -> Value {
        let mut row = row(&json!("5.00"), &json!("7"));
        row["actions"] = actions.clone();
        row
    }

    #[test]
    fn the_purchases_of_a_post_are_the_sum_of_one_kind_of_action() {
        let kinds = |value: &Value| {
            bought(&json!([
                {"action_type": "link_click", "value": "80"},
                {"action_type": "purchase", "value": value},
                {"action_type": "omni_purchase", "value": value},
                {"action_type": "onsite_web_purchase", "value": value},
            ]))
        };
        let sold = of(&[
            kinds(&json!("4080")),
            kinds(&json!("12.0")),
            kinds(&json!(3)),
        ]);
        assert_eq!(sold.purchases, Some(4095), "each purchase once");
        assert_eq!(of(&[kinds(&json!("0"))]).purchases, Some(0), "said is said");
    }

    #[test]
    fn purchases_that_a_row_does_not_say_are_no_zero() {
        let sold = bought(&json!([{"action_type": "omni_purchase", "value": "6"}]));
        let silent = row(&json!("5.00"), &json!("7"));
        let most = MAX_COUNT.to_string();
        for odd in [
            silent,
            bought(&json!([])),
            bought(&json!({})),
            bought(&json!([{"action_type": "purchase", "value": "6"}])),
            bought(&json!([{"action_type": "omni_purchase"}])),
            bought(&json!([{"action_type": "omni_purchase", "value": "1.5"}])),
            bought(&json!([{"action_type": "omni_purchase", "value": "-1"}])),
            bought(&json!([{"action_type": "omni_purchase", "value": "1e3"}])),
            bought(&json!([{"action_type": "omni_purchase", "value": most}])),
            bought(&json!([
                {"action_type": "omni_purchase", "value": "6"},
                {"action_type": "omni_purchase", "value": "7"},
            ])),
        ] {
            let sum = of(&[sold.clone(), odd.clone()]);
            assert_eq!(sum.purchases, None, "{odd}");
            assert_eq!(sum.link_clicks, Some(14), "{odd}");
        }
    }

    #[test]
    fn of_the_actions_only_one_count_of_the_purchases_is_kept() {
        let mut bought = row(&json!("5.00"), &json!("7"));
        bought["actions"] = json!([
            {"action_type": "link_click", "value": "80"},
            {"action_type": "purchase", "value": "4080"},
            {"action_type": "omni_purchase", "value": "4080", "7d_click": "4000"},
            {"action_type": "offsite_conversion.fb_pixel_purchase", "value": "4080"},
        ]);
        bought["ad_name"] = json!("An advertisement");
        let sum = of(&[bought, row(&json!("1.00"), &json!("1"))]);
        assert_eq!(
            sum.raw[0]["actions"],
            json!([{"action_type": "omni_purchase", "value": "4080"}])
        );
        assert_eq!(sum.raw[0]["spend"], "5.00");
        assert_eq!(sum.raw[0].get("ad_name"), None);
        assert_eq!(sum.raw[1].get("actions"), None);
    }
}
