//! The query parameters of an export, read as the filter that the list takes in the API.

use std::collections::BTreeMap;

use async_graphql::{InputType, Name, Value};

use super::list::List;
use crate::error::Error;

/// Query parameters as the input object that a list of the API takes.
pub(super) fn object(list: List, parameters: &[(String, String)]) -> Result<Value, Error> {
    let mut fields: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    let mut ranges: BTreeMap<&str, Vec<(Name, Value)>> = BTreeMap::new();
    for (key, text) in parameters {
        if !list.filters().contains(&key.as_str()) {
            return Err(Error::BadInput(format!(
                "{key}: {} takes {}",
                list.name(),
                list.filters().join(", ")
            )));
        }
        if let Some((range, end)) = key.split_once('.') {
            let entry = (Name::new(end), Value::from(text.as_str()));
            ranges.entry(range).or_default().push(entry);
            continue;
        }
        let is_switch = matches!(key.as_str(), "isActive" | "isReconciled");
        for part in parts(key, text) {
            let value = match part {
                "true" if is_switch => Value::from(true),
                "false" if is_switch => Value::from(false),
                part => Value::from(part),
            };
            fields.entry(key).or_default().push(value);
        }
    }
    let mut object: Vec<(Name, Value)> = ranges
        .into_iter()
        .map(|(range, ends)| (Name::new(range), Value::Object(ends.into_iter().collect())))
        .collect();
    for (key, mut values) in fields {
        let value = match values.pop() {
            Some(value) if values.is_empty() => value,
            Some(value) => {
                values.push(value);
                Value::List(values)
            }
            None => continue,
        };
        object.push((Name::new(key), value));
    }
    Ok(Value::Object(object.into_iter().collect()))
}

/// The values of a parameter: names may be several, separated by commas.
fn parts<'a>(key: &str, text: &'a str) -> Vec<&'a str> {
    match key {
        "kind" | "level" | "status" => text.split(',').map(str::trim).collect(),
        _ => vec![text],
    }
}

/// The filter of a list, or the name of the parameter that is none.
pub(super) fn parsed<T: InputType>(
    list: List,
    parameters: &[(String, String)],
) -> Result<T, Error> {
    match T::parse(Some(object(list, parameters)?)) {
        Ok(filter) => Ok(filter),
        Err(error) => {
            // The library does not say which; alone, each of them is a filter or is not.
            let wrong = parameters.iter().find(|(key, _)| {
                let alone: Vec<_> = parameters
                    .iter()
                    .filter(|(other, _)| other == key)
                    .cloned()
                    .collect();
                object(list, &alone).is_ok_and(|value| T::parse(Some(value)).is_err())
            });
            let name = wrong.map_or("", |(key, _)| key.as_str());
            let message = error
                .into_server_error(async_graphql::Pos::default())
                .message;
            Err(Error::BadInput(format!("{name}: {message}")))
        }
    }
}
