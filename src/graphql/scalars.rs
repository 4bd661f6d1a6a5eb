//! Scalars that keep what the library's own would lose: the `Z` of a time, the digits of a decimal, counts past 2^31.

use async_graphql::{InputValueError, InputValueResult, Number, Scalar, ScalarType, Value};
use bigdecimal::BigDecimal;
use chrono::{Datelike as _, SecondsFormat, SubsecRound as _, Utc};

use crate::model::MAX_COUNT;

/// What a value of a scalar must be, for a caller that gave another; none for the library's own scalars.
#[must_use]
pub fn rule(scalar: &str) -> Option<&'static str> {
    match scalar {
        "DateTime" => Some(DATE_TIME_RULE),
        "Decimal" => Some(DECIMAL_RULE),
        "Count" => Some(COUNT_RULE),
        "URL" => Some(URL_RULE),
        _ => None,
    }
}

const DATE_TIME_RULE: &str =
    "a DateTime is RFC 3339, such as 2026-11-21T07:30:00Z, from the year 1 to 9999";
const DECIMAL_RULE: &str =
    "a Decimal is a string of up to 40 digits and one point, such as \"12.50\"";
const COUNT_RULE: &str = "a Count is a whole number from 0 to 9007199254740991";
const URL_RULE: &str = "a URL is a string, such as \"https://example.com/\"";

/// A time: RFC 3339 in UTC, ending in Z, such as 2026-11-21T07:30:00.000000Z. Times with another offset are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub chrono::DateTime<Utc>);

/// A time: RFC 3339 in UTC, ending in Z, such as 2026-11-21T07:30:00.000000Z. Times with another offset are accepted.
#[Scalar(
    name = "DateTime",
    specified_by_url = "https://www.rfc-editor.org/rfc/rfc3339"
)]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::custom(DATE_TIME_RULE));
        };
        chrono::DateTime::parse_from_rfc3339(text)
            .ok()
            // As exact as it is kept.
            .map(|time| time.to_utc().trunc_subsecs(6))
            .filter(|time| (1..=9999).contains(&time.year()))
            .map(Self)
            .ok_or_else(|| InputValueError::custom(DATE_TIME_RULE))
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// A decimal number as a string, such as "12.50", never through a float: money and percentages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decimal(pub BigDecimal);

impl Decimal {
    /// An amount of money: with two decimal places, or as many more as it has.
    #[must_use]
    pub fn money(amount: &BigDecimal) -> Self {
        let amount = amount.normalized();
        let scale = amount.fractional_digit_count().max(2);
        Self(amount.with_scale(scale))
    }
}

/// Longest decimal that is read: as exact as money and percentages need, and no way to make the server count zeros.
const MAX_DECIMAL: usize = 40;

/// A decimal number as a string, such as "12.50", never through a float: money and percentages.
#[Scalar(name = "Decimal")]
impl ScalarType for Decimal {
    fn parse(value: Value) -> InputValueResult<Self> {
        let Value::String(text) = &value else {
            return Err(InputValueError::custom(DECIMAL_RULE));
        };
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = digits.len() <= MAX_DECIMAL
            && digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit())
            && digits.matches('.').count() <= 1
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number = plain.then(|| text.parse().ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| InputValueError::custom(DECIMAL_RULE))
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_plain_string())
    }
}

/// A whole number from 0 to 2^53-1, a JSON number: views pass the 32 bits of Int.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count(pub u64);

/// A whole number from 0 to 2^53-1, a JSON number: views pass the 32 bits of Int.
#[Scalar(name = "Count")]
impl ScalarType for Count {
    fn parse(value: Value) -> InputValueResult<Self> {
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            _ => None,
        };
        let whole = number.filter(|number| number.fract() == 0.0);
        let Some(whole) = whole else {
            return Err(InputValueError::custom(COUNT_RULE));
        };
        // What is too small or too large for a count is for the field that takes it to refuse by its name.
        Ok(Self(count(whole).unwrap_or(u64::MAX)))
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::Number(Number::from(self.0.min(MAX_COUNT)))
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn count(number: f64) -> Option<u64> {
    (0.0..=MAX_COUNT as f64)
        .contains(&number)
        .then_some(number as u64)
}

/// An absolute web address; each field says which it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url(pub String);

/// An absolute web address; each field says which it takes.
#[Scalar(name = "URL", specified_by_url = "https://url.spec.whatwg.org/")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            // What kind of address it must be is for the field that takes it to say.
            Value::String(text) => Ok(Self(text)),
            _ => Err(InputValueError::custom(URL_RULE)),
        }
    }

    fn is_valid(value: &Value) -> bool {
        Self::parse(value.clone()).is_ok()
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_its_digits_and_refuses_numbers() {
        let text = "9007199254740993.10";
        assert_eq!(
            Decimal::parse(Value::from(text)).unwrap().to_value(),
            Value::from(text)
        );
        for refused in [
            Value::from(1),
            Value::from(0.5),
            Value::from("1e9"),
            Value::from(""),
            Value::from("1."),
        ] {
            assert!(Decimal::parse(refused.clone()).is_err(), "{refused}");
        }
        assert!(Decimal::parse(Value::from("9".repeat(41))).is_err());
    }

    #[test]
    fn a_count_goes_to_2_to_the_53_and_no_further() {
        assert_eq!(Count::parse(Value::from(MAX_COUNT)).unwrap().0, MAX_COUNT);
        assert_eq!(Count::parse(Value::from(5.0)).unwrap().0, 5);
        for outside in [
            Value::from(MAX_COUNT + 1),
            Value::from(-1),
            Value::from(1e300),
        ] {
            assert!(
                Count::parse(outside.clone()).unwrap().0 > MAX_COUNT,
                "{outside}"
            );
        }
        for refused in [Value::from(1.5), Value::from("5"), Value::Null] {
            assert!(Count::parse(refused.clone()).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_rule_of_a_count_names_the_largest() {
        assert!(COUNT_RULE.ends_with(&MAX_COUNT.to_string()));
    }

    #[test]
    fn a_time_ends_in_z() {
        let time = DateTime::parse(Value::from("2026-11-21T08:30:00+01:00")).unwrap();
        assert_eq!(time.to_value(), Value::from("2026-11-21T07:30:00Z"));
        assert!(DateTime::parse(Value::from("2026-11-21")).is_err());
    }
}
