//! Reading insights: rows that are found by name, because their order is the server's, and that are
//! left out where nothing is known. They say of which object they are, so figures that landed under
//! another are not taken for its own.

use serde_json::{Value, json};

use crate::platform::error::PlatformError;
use crate::platform::lenient::{Reading, pick, reading, text};

/// The count of one metric over the life of the object `id`, from `{"data": [row, …]}` or the same
/// under `insights`.
///
/// [`Reading::Absent`] where there is no row or no value: that is not zero.
/// [`PlatformError::Unreachable`] where the answer has no rows at all or one of another object.
pub(in crate::platform) fn lifetime(
    answer: &Value,
    id: &str,
    metric: &str,
) -> Result<Reading, PlatformError> {
    let rows = rows(answer)?;
    if rows.iter().any(|row| is_of_another(row, id)) {
        return Err(PlatformError::unreachable(
            "the insights are those of another object than was asked for",
        ));
    }
    let named = || {
        rows.iter()
            .filter(move |row| text(row.get("name")).as_deref() == Some(metric))
    };
    // The same metric can come again for a day. A row without a period is taken for the whole life,
    // which is the default.
    let row = named()
        .find(|row| text(row.get("period")).as_deref() == Some("lifetime"))
        .or_else(|| named().find(|row| text(row.get("period")).is_none()));
    let Some(row) = row else {
        return Ok(Reading::Absent);
    };
    Ok(match reading(row.pointer("/values/0/value")) {
        Reading::Absent => reading(row.pointer("/total_value/value")),
        told => told,
    })
}

/// The rows as evidence: what was counted and how much, without descriptions and addresses.
pub(in crate::platform) fn evidence(answer: &Value) -> Value {
    let rows = rows(answer).map(Vec::as_slice).unwrap_or_default();
    let kept: Vec<Value> = rows
        .iter()
        .map(|row| pick(row, &["id", "name", "period", "values", "total_value"]))
        .collect();
    json!(kept)
}

/// Whether a row says that it is of another object: its own id is `{object}/insights/{metric}/…`.
/// What stands there in the place of an object's id says nothing.
fn is_of_another(row: &Value, id: &str) -> bool {
    text(row.get("id")).is_some_and(|path| {
        let object = path.split('/').next().unwrap_or_default();
        is_object_id(object) && object != id
    })
}

/// Whether a text is the id of a media or of a page's post: digits, or digits twice.
fn is_object_id(text: &str) -> bool {
    let (first, second) = text.split_once('_').unwrap_or((text, text));
    [first, second]
        .into_iter()
        .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn rows(answer: &Value) -> Result<&Vec<Value>, PlatformError> {
    answer
        .get("data")
        .or_else(|| answer.pointer("/insights/data"))
        .and_then(Value::as_array)
        .ok_or_else(|| PlatformError::unreachable("the answer has no list of insights"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(ids: &[&str]) -> Value {
        let rows: Vec<Value> = ids
            .iter()
            .zip(["views", "reach"])
            .map(|(id, name)| json!({"name": name, "values": [{"value": 7}], "id": id}))
            .collect();
        json!({ "data": rows })
    }

    #[test]
    fn figures_of_another_object_are_no_answer() {
        for (id, other) in [
            (
                "17891000000001111",
                "17899999999999999/insights/views/lifetime",
            ),
            ("1001_2", "1001_999/insights/views/lifetime"),
            ("1001_2", "2002_2/insights/views/lifetime"),
            ("1001_2", "2/insights/views/lifetime"),
        ] {
            let error = lifetime(&answer(&[other]), id, "views").unwrap_err();
            assert!(
                matches!(error, PlatformError::Unreachable { .. }),
                "{other}"
            );
            // One row of another object leaves the whole answer in doubt.
            let own = format!("{id}/insights/views/lifetime");
            assert!(lifetime(&answer(&[&own, other]), id, "views").is_err());
        }
    }

    #[test]
    fn figures_of_the_object_itself_and_those_that_do_not_say_whose_they_are_count() {
        for (id, own) in [
            (
                "17891000000001111",
                "17891000000001111/insights/views/lifetime",
            ),
            ("1001_2", "1001_2/insights/views/lifetime"),
            ("1001_2", "media_id/insights/views/lifetime"),
            ("1001_2", "1001_x/insights/views/lifetime"),
            ("1001_2", ""),
        ] {
            assert_eq!(
                lifetime(&answer(&[own]), id, "views").unwrap(),
                Reading::Count(7),
                "{own}"
            );
        }
        let nameless = json!({"data": [{"name": "views", "values": [{"value": 7}]}]});
        let views = lifetime(&nameless, "1001_2", "views").unwrap();
        assert_eq!(views, Reading::Count(7));
    }
}
