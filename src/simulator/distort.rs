//! What a struck answer looks like, before and after the right one was made.

use serde_json::Value;

use super::answer::Answer;
use super::faults::FaultKind;

/// A page such as a gateway sends in the platform's place.
pub(super) const ERROR_PAGE: &str = "<!DOCTYPE html><html><head><title>Error</title></head>\
    <body><h1>Something went wrong</h1><p>Please try again later.</p></body></html>\n";

/// 500, 502, 503 and 504 in turn; the even ones of a run have no body.
pub(super) fn server_error(nth: u64) -> Answer {
    match nth % 4 {
        0 => Answer::empty(503),
        1 => Answer::html(502, ERROR_PAGE),
        2 => Answer::empty(500),
        _ => Answer::html(504, ERROR_PAGE),
    }
}

/// A page with a status that promises JSON.
pub(super) fn garbage() -> Answer {
    Answer::html(200, ERROR_PAGE)
}

/// Spoils a body that is right so far. Kinds that replace the whole answer leave it as it is.
pub(super) fn spoil(kind: FaultKind, body: &mut Vec<u8>) {
    match kind {
        FaultKind::Truncated => body.truncate(body.len() / 2),
        FaultKind::WrongType => rewrite(body, &numbers_as_strings),
        FaultKind::Empty => rewrite(body, &without_entries),
        FaultKind::RateLimited
        | FaultKind::ServerError
        | FaultKind::Garbage
        | FaultKind::Latency
        | FaultKind::TokenRefused => {}
    }
}

/// Applies `change` to a JSON body; in the answer to a batch, to the body inside each part.
fn rewrite(body: &mut Vec<u8>, change: &dyn Fn(&mut Value)) {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    if let Value::Array(parts) = &mut value {
        for part in parts {
            if let Some(Value::String(inner)) = part.get_mut("body")
                && let Ok(mut inside) = serde_json::from_str::<Value>(inner)
            {
                change(&mut inside);
                *inner = inside.to_string();
            }
        }
    } else {
        change(&mut value);
    }
    *body = value.to_string().into_bytes();
}

fn numbers_as_strings(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(entries) => entries.iter_mut().for_each(numbers_as_strings),
        Value::Object(fields) => fields.values_mut().for_each(numbers_as_strings),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Empties the lists that carry results, and the count that Reddit keeps of them.
fn without_entries(value: &mut Value) {
    match value {
        Value::Array(entries) => entries.iter_mut().for_each(without_entries),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match field {
                    Value::Array(entries) if name == "data" || name == "children" => {
                        entries.clear();
                    }
                    Value::Number(_) if name == "dist" => *field = Value::from(0),
                    _ => without_entries(field),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spoiled(kind: FaultKind, body: &Value) -> Value {
        let mut bytes = body.to_string().into_bytes();
        spoil(kind, &mut bytes);
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn an_empty_answer_keeps_its_shape_without_entries() {
        let listing = json!({"kind": "Listing", "data": {"dist": 1, "children": [{"id": "a"}]}});
        assert_eq!(
            spoiled(FaultKind::Empty, &listing),
            json!({"kind": "Listing", "data": {"dist": 0, "children": []}})
        );
    }

    #[test]
    fn wrong_types_reach_into_the_parts_of_a_batch_but_not_their_codes() {
        let batch = json!([{"code": 200, "body": "{\"count\":5}"}, null]);
        assert_eq!(
            spoiled(FaultKind::WrongType, &batch),
            json!([{"code": 200, "body": "{\"count\":\"5\"}"}, null])
        );
    }

    #[test]
    fn a_truncated_body_no_longer_parses() {
        let mut body = json!({"data": [1, 2, 3]}).to_string().into_bytes();
        spoil(FaultKind::Truncated, &mut body);
        assert!(!body.is_empty());
        assert!(serde_json::from_slice::<Value>(&body).is_err());
    }

    #[test]
    fn server_errors_come_with_and_without_a_page() {
        let answers: Vec<Answer> = (0..4).map(server_error).collect();
        assert!(answers.iter().all(|answer| answer.status >= 500));
        assert!(answers.iter().any(|answer| answer.body.is_empty()));
        assert!(answers.iter().any(|answer| !answer.body.is_empty()));
    }
}
