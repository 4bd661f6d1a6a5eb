//! What a struck answer looks like, before and after the right one was made.

use serde_json::Value;

use super::answer::Answer;
use super::calls::Call;
use super::faults::{Blow, FaultKind};
use super::platform::Platform;
use super::world::World;

/// A page such as a gateway sends in the platform's place.
pub(super) const ERROR_PAGE: &str = "<!DOCTYPE html><html><head><title>Error</title></head>\
    <body><h1>Something went wrong</h1><p>Please try again later.</p></body></html>\n";

/// Counts a call, then answers it rightly or as the faults in force demand. `refusal` is what the
/// platform says to a rate limit or a refused token.
pub(super) fn struck(
    world: &World,
    platform: Platform,
    call: Call,
    refusal: impl FnOnce(Blow) -> Answer,
    right: impl FnOnce() -> Answer,
) -> Answer {
    world.count(call, 1);
    let strike = world.strike(platform, call, false);
    let mut answer = match strike.blow {
        None => right(),
        Some(blow) => match blow.kind {
            FaultKind::RateLimited | FaultKind::TokenRefused => refusal(blow),
            FaultKind::ServerError => server_error(blow.nth),
            FaultKind::Garbage => garbage(),
            FaultKind::Truncated | FaultKind::Latency | FaultKind::WrongType | FaultKind::Empty => {
                right()
            }
        },
    };
    if let Some(blow) = strike.blow {
        spoil(blow.kind, &mut answer.body);
    }
    answer.delay_ms = strike.delay_ms;
    answer
}

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
        FaultKind::WrongType => rewrite(body, &with_wrong_types),
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

/// Writes numbers as strings. The counts of YouTube, which are strings, become numbers.
fn with_wrong_types(value: &mut Value) {
    match value {
        Value::Number(number) => *value = Value::String(number.to_string()),
        Value::Array(entries) => entries.iter_mut().for_each(with_wrong_types),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                let count = field.as_str().and_then(|text| text.parse::<u64>().ok());
                match count {
                    Some(count) if name.ends_with("Count") => *field = Value::from(count),
                    _ => with_wrong_types(field),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Names of the lists that carry results.
const LISTS: [&str; 5] = ["children", "data", "items", "users", "videos"];
/// Names of the counts that Reddit and YouTube keep of them.
const LENGTHS: [&str; 3] = ["dist", "resultsPerPage", "totalResults"];

/// Empties the lists that carry results, and sets the counts of them to zero.
fn without_entries(value: &mut Value) {
    match value {
        Value::Array(entries) => entries.iter_mut().for_each(without_entries),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                match field {
                    Value::Array(entries) if LISTS.contains(&name.as_str()) => entries.clear(),
                    Value::Number(_) if LENGTHS.contains(&name.as_str()) => {
                        *field = Value::from(0);
                    }
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
    fn the_wrong_type_of_a_count_that_is_a_string_is_a_number() {
        let video = json!({"id": "12345678901", "statistics": {"viewCount": "12"}, "page": 1});
        assert_eq!(
            spoiled(FaultKind::WrongType, &video),
            json!({"id": "12345678901", "statistics": {"viewCount": 12}, "page": "1"})
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
