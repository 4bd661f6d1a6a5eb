//! Reading insights: rows that are found by name, because their order is the server's, and that are
//! left out where nothing is known.

use serde_json::{Value, json};

use crate::platform::error::PlatformError;
use crate::platform::lenient::{Reading, pick, reading, text};

/// The count of one metric over the life of a post, from `{"data": [row, …]}` or the same under
/// `insights`.
///
/// [`Reading::Absent`] where there is no row or no value: that is not zero.
/// [`PlatformError::Unreachable`] where the answer has no rows at all.
pub(in crate::platform) fn lifetime(
    answer: &Value,
    metric: &str,
) -> Result<Reading, PlatformError> {
    let rows = rows(answer)?;
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

fn rows(answer: &Value) -> Result<&Vec<Value>, PlatformError> {
    answer
        .get("data")
        .or_else(|| answer.pointer("/insights/data"))
        .and_then(Value::as_array)
        .ok_or_else(|| PlatformError::unreachable("the answer has no list of insights"))
}
