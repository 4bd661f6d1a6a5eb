//! What the running server says of its schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::Client;

/// A field of a type, with its arguments; or a field of an input object.
#[derive(Debug)]
pub struct Field {
    pub name: String,
    /// Its type, without what wraps it.
    pub kind: String,
    /// Each argument with its type.
    pub arguments: Vec<(String, String)>,
}

/// The types of a schema, without those of introspection.
pub struct Types {
    /// The fields of objects and interfaces.
    pub objects: BTreeMap<String, Vec<Field>>,
    /// The fields of input objects.
    pub inputs: BTreeMap<String, Vec<Field>>,
}

impl Types {
    /// Asks the server.
    pub async fn of(client: &Client) -> Self {
        let wrapped = "type { name ofType { name ofType { name ofType { name } } } }";
        let query = format!(
            "{{ __schema {{ types {{ name fields {{ name args {{ name {wrapped} }} {wrapped} }} \
             inputFields {{ name {wrapped} }} }} }} }}"
        );
        let data = client.ok(&query, json!({})).await;
        let mut this = Self {
            objects: BTreeMap::new(),
            inputs: BTreeMap::new(),
        };
        for kind in list(&data["__schema"]["types"]) {
            let name = kind["name"].as_str().unwrap().to_owned();
            if name.starts_with("__") {
                continue;
            }
            if kind["fields"].is_array() {
                this.objects.insert(name.clone(), fields(&kind["fields"]));
            }
            if kind["inputFields"].is_array() {
                this.inputs.insert(name, fields(&kind["inputFields"]));
            }
        }
        this
    }

    /// Whether the objects of a type have global ids.
    pub fn is_node(&self, name: &str) -> bool {
        let fields = self.objects.get(name);
        fields.is_some_and(|fields| fields.iter().any(|field| field.name == "id"))
    }

    /// The names of a type's fields.
    pub fn names(&self, name: &str) -> Vec<&str> {
        let fields = self.objects[name].iter();
        fields.map(|field| field.name.as_str()).collect()
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> Vec<Field> {
    let name = |value: &Value| value["name"].as_str().unwrap().to_owned();
    list(value)
        .map(|field| Field {
            name: name(field),
            kind: unwrapped(&field["type"]),
            arguments: list(&field["args"])
                .map(|argument| (name(argument), unwrapped(&argument["type"])))
                .collect(),
        })
        .collect()
}

fn unwrapped(kind: &Value) -> String {
    match kind["name"].as_str() {
        Some(name) => name.to_owned(),
        None => unwrapped(&kind["ofType"]),
    }
}
