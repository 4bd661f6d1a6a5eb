//! Follows every link from everything that somebody sees, as far as it goes.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::introspection::Types;
use crate::support::Client;

/// The lists that everybody may begin with.
const LISTS: &str = "{ viewer { affiliate { id } advertiser { id } } \
    advertisers(first: 100) { nodes { id } } affiliates(first: 100) { nodes { id } } \
    applications(first: 100) { nodes { id } } campaigns(first: 100) { nodes { id } } \
    posts(first: 100) { nodes { id } } alerts(first: 100) { nodes { id } } \
    orders(first: 100) { nodes { id } } discrepancies(first: 100) { nodes { id } } }";

/// What a caller reaches.
pub struct Reached {
    /// The objects, such as `Post:7`.
    pub objects: BTreeSet<String>,
    /// Those among them that a link leads to and `node` denies.
    pub denied: BTreeSet<String>,
    /// What each object said of itself.
    pub answers: BTreeMap<String, Value>,
}

/// Reads the lists, then each object that was named so far with all its fields, until nothing new is named.
pub async fn reach(client: &Client, types: &Types) -> Reached {
    let mut reached = Reached {
        objects: BTreeSet::new(),
        denied: BTreeSet::new(),
        answers: BTreeMap::new(),
    };
    let mut waiting = Vec::new();
    find_ids(&client.ok(LISTS, json!({})).await, &mut waiting);
    while let Some((object, id)) = waiting.pop() {
        if !reached.objects.insert(object.clone()) {
            continue;
        }
        let kind = object.split(':').next().unwrap();
        let fields = selection(types, kind);
        let query =
            format!("query($id: ID!) {{ node(id: $id) {{ ... on {kind} {{ {fields} }} }} }}");
        let mut data = client.ok(&query, json!({ "id": id })).await;
        if data["node"].is_null() {
            reached.denied.insert(object);
            continue;
        }
        find_ids(&data, &mut waiting);
        reached.answers.insert(object, data["node"].take());
    }
    reached
}

/// All fields of a type: of an object with a global id its id, of a list the ids in it, of another object all its fields.
fn selection(types: &Types, name: &str) -> String {
    let mut text = String::new();
    for field in &types.objects[name] {
        text.push_str(&field.name);
        if field.arguments.iter().any(|(name, _)| name == "interval") {
            text.push_str("(interval: DAY)");
        }
        let row = field.kind.strip_suffix("Connection");
        if types.is_node(&field.kind) {
            text.push_str(" { id }");
        } else if let Some(row) = row {
            let inner = if types.is_node(row) {
                "id".to_owned()
            } else {
                selection(types, row)
            };
            text.push_str(&format!("(first: 50) {{ nodes {{ {inner} }} totalCount }}"));
        } else if types.objects.contains_key(&field.kind) {
            text.push_str(&format!(" {{ {} }}", selection(types, &field.kind)));
        }
        text.push(' ');
    }
    text
}

/// Every global id in an answer, as what it names and as it is written.
fn find_ids(value: &Value, found: &mut Vec<(String, String)>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| find_ids(item, found)),
        Value::Object(entries) => {
            for (name, value) in entries {
                match value.as_str() {
                    Some(id) if name == "id" => found.extend(named(id)),
                    _ => find_ids(value, found),
                }
            }
        }
        _ => {}
    }
}

/// What a global id names. What a platform calls `id` in its own data is none.
fn named(id: &str) -> Option<(String, String)> {
    let object = String::from_utf8(URL_SAFE_NO_PAD.decode(id).ok()?).ok()?;
    let (_, row) = object.split_once(':')?;
    row.parse::<i64>().ok()?;
    Some((object, id.to_owned()))
}
