//! Reading JSON whose types vary: platforms send counts as numbers or strings, ids as strings or
//! numbers, and leave fields out. One odd field must not cost the whole answer, so nothing here
//! fails; it says "absent" or "not a count".

use serde_json::{Map, Value};

use crate::model::MAX_COUNT;

/// What stands in the place of a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// No such field, or null. This is not zero.
    Absent,
    /// A whole number from 0 to 2^53 − 1.
    Count(u64),
    /// Something that is no count: negative, a fraction, an object.
    Garbage,
}

/// Reads a count that may be a number or a string.
pub(super) fn reading(value: Option<&Value>) -> Reading {
    let digits = match value {
        None | Some(Value::Null) => return Reading::Absent,
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(_) => return Reading::Garbage,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits.as_str(), ""));
    let plain = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
    if !plain || !fraction.bytes().all(|b| b == b'0') {
        return Reading::Garbage;
    }
    match whole.parse() {
        Ok(count) if count <= MAX_COUNT => Reading::Count(count),
        _ => Reading::Garbage,
    }
}

/// A count, or nothing where there is none.
pub(super) fn count(value: Option<&Value>) -> Option<u64> {
    match reading(value) {
        Reading::Count(count) => Some(count),
        Reading::Absent | Reading::Garbage => None,
    }
}

/// A whole number that may be negative, such as a score or an error code.
pub(super) fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A text; a number is taken as its digits, because ids come as either. Empty text counts as
/// absent.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A name that people see, in the form of [`crate::platform::Account::handle`]: lower-case and
/// without `@`.
pub(super) fn handle(value: Option<&Value>) -> Option<String> {
    let name = text(value)?.trim_start_matches('@').to_lowercase();
    (!name.is_empty()).then_some(name)
}

/// A yes or no.
pub(super) fn flag(value: Option<&Value>) -> Option<bool> {
    match value? {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// An object cut down to some of its fields; those it lacks stay absent.
pub(super) fn pick(object: &Value, fields: &[&str]) -> Value {
    let mut kept = Map::new();
    for field in fields {
        if let Some(value) = object.get(*field) {
            kept.insert((*field).to_owned(), value.clone());
        }
    }
    Value::Object(kept)
}

/// A count with what it counts: "1 like", "43 comments", "2 replies".
pub(super) fn counted(count: u64, noun: &str) -> String {
    if count == 1 {
        return format!("1 {noun}");
    }
    match noun.strip_suffix('y') {
        Some(stem) => format!("{count} {stem}ies"),
        None => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_come_as_numbers_or_strings() {
        for (value, expected) in [
            (json!(0), Reading::Count(0)),
            (json!(21159), Reading::Count(21_159)),
            (json!(12.0), Reading::Count(12)),
            (json!("794755"), Reading::Count(794_755)),
            (json!(9_007_199_254_740_991_u64), Reading::Count(MAX_COUNT)),
            (json!(9_007_199_254_740_992_u64), Reading::Garbage),
            (json!(-1), Reading::Garbage),
            (json!(1.5), Reading::Garbage),
            (json!(1e300), Reading::Garbage),
            (json!("12k"), Reading::Garbage),
            (json!(""), Reading::Garbage),
            (json!({"like": 4}), Reading::Garbage),
            (json!(true), Reading::Garbage),
            (Value::Null, Reading::Absent),
        ] {
            assert_eq!(reading(Some(&value)), expected, "{value}");
        }
        assert_eq!(reading(None), Reading::Absent);
    }

    #[test]
    fn ids_come_as_strings_or_numbers() {
        assert_eq!(
            text(Some(&json!("17895731045244887"))).as_deref(),
            Some("17895731045244887")
        );
        assert_eq!(
            text(Some(&json!(17_895_731_045_244_887_u64))).as_deref(),
            Some("17895731045244887")
        );
        assert_eq!(text(Some(&json!(""))), None);
        assert_eq!(text(Some(&json!(null))), None);
        assert_eq!(text(None), None);
    }

    #[test]
    fn a_handle_is_lower_case_and_has_no_sign_before_it() {
        assert_eq!(
            handle(Some(&json!("@Some.Body"))).as_deref(),
            Some("some.body")
        );
        assert_eq!(handle(Some(&json!("XDev"))).as_deref(), Some("xdev"));
        for nothing in [json!(""), json!("@"), json!(null), json!({})] {
            assert_eq!(handle(Some(&nothing)), None, "{nothing}");
        }
        assert_eq!(handle(None), None);
    }

    #[test]
    fn picking_leaves_out_what_is_not_there() {
        let object = json!({"id": "1", "paging": {"next": "https://x/?access_token=t"}});
        assert_eq!(pick(&object, &["id", "score"]), json!({"id": "1"}));
    }

    #[test]
    fn a_count_is_put_into_words() {
        assert_eq!(counted(1, "like"), "1 like");
        assert_eq!(counted(0, "comment"), "0 comments");
        assert_eq!(counted(1, "reply"), "1 reply");
        assert_eq!(counted(12, "reply"), "12 replies");
    }

    #[test]
    fn codes_and_flags_are_read_from_either_type() {
        assert_eq!(integer(Some(&json!("190"))), Some(190));
        assert_eq!(integer(Some(&json!(-4))), Some(-4));
        assert_eq!(integer(Some(&json!([]))), None);
        assert_eq!(flag(Some(&json!("true"))), Some(true));
        assert_eq!(flag(Some(&json!(false))), Some(false));
        assert_eq!(flag(Some(&json!(1))), None);
    }
}
