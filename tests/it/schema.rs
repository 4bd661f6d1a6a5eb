//! What is generated equals what it is generated from, every name in the API is described, and no name that clients rely
//! on is lost.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod tables;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
};

/// Names of the contract that later stages bring: a type with all that is in it, a field with its arguments, an argument
/// or a value. What is there comes off this list.
const NOT_YET: &[&str] = &[];

/// Types that differ from those of the contract, and why README says so.
const DEPARTURES: &[(&str, &str)] = &[
    ("DashboardTotals.money", "[MoneyTotals!]"),
    ("DashboardTotals.orders", "Int"),
];

/// One name in a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// The kind of a type, the type of a field, an argument or an input field, or `value`.
    what: String,
    default: Option<String>,
    described: bool,
    /// An argument or an input field that cannot be left out.
    required: bool,
}

/// The names in a schema: `Type`, `Type implements Interface`, `Type.field`, `Type.field(argument)`, `Type.VALUE`.
type Entries = BTreeMap<String, Entry>;

fn entry(what: &str, described: bool) -> Entry {
    Entry {
        what: what.to_owned(),
        default: None,
        described,
        required: false,
    }
}

fn read(sdl: &str) -> Entries {
    let mut entries = Entries::new();
    for definition in parse_schema(sdl).unwrap().definitions {
        if let TypeSystemDefinition::Type(definition) = definition {
            add_type(&mut entries, &definition.node);
        }
    }
    entries
}

fn add_type(entries: &mut Entries, definition: &TypeDefinition) {
    let name = definition.name.node.as_str();
    let kind = match &definition.kind {
        TypeKind::Scalar => "scalar",
        TypeKind::Object(object) => {
            add_fields(entries, name, &object.fields);
            for interface in &object.implements {
                let path = format!("{name} implements {}", interface.node);
                entries.insert(path, entry("implemented", true));
            }
            "object"
        }
        TypeKind::Interface(interface) => {
            add_fields(entries, name, &interface.fields);
            "interface"
        }
        TypeKind::Union(_) => "union",
        TypeKind::Enum(set) => {
            for value in &set.values {
                let path = format!("{name}.{}", value.node.value.node);
                entries.insert(path, entry("value", value.node.description.is_some()));
            }
            "enum"
        }
        TypeKind::InputObject(input) => {
            for field in &input.fields {
                let path = format!("{name}.{}", field.node.name.node);
                entries.insert(path, given(&field.node));
            }
            "input"
        }
    };
    entries.insert(
        name.to_owned(),
        entry(kind, definition.description.is_some()),
    );
}

fn add_fields(entries: &mut Entries, name: &str, fields: &[Positioned<FieldDefinition>]) {
    for field in fields {
        let path = format!("{name}.{}", field.node.name.node);
        for argument in &field.node.arguments {
            let path = format!("{path}({})", argument.node.name.node);
            entries.insert(path, given(&argument.node));
        }
        let what = field.node.ty.node.to_string();
        entries.insert(path, entry(&what, field.node.description.is_some()));
    }
}

/// What a caller gives: an argument or a field of an input.
fn given(value: &InputValueDefinition) -> Entry {
    Entry {
        what: value.ty.node.to_string(),
        default: value
            .default_value
            .as_ref()
            .map(|default| default.node.to_string()),
        described: value.description.is_some(),
        required: !value.ty.node.nullable && value.default_value.is_none(),
    }
}

/// The names that a name lies in, and itself: of `Query.posts(first)` also `Query.posts` and `Query`.
fn around(path: &str) -> impl Iterator<Item = &str> {
    let field = path.split('(').next().unwrap_or(path);
    let of_type = field.split(['.', ' ']).next().unwrap_or(field);
    [of_type, field, path].into_iter()
}

/// The field that an argument belongs to, the type that a field belongs to.
fn parent(path: &str) -> Option<&str> {
    path.rsplit_once(['(', '.']).map(|(parent, _)| parent)
}

/// What a client of the contract would find broken in a schema, of which some is not there yet.
fn broken(contract: &Entries, ours: &Entries, not_yet: &[&str]) -> Vec<String> {
    let mut wrong = Vec::new();
    for (path, promised) in contract {
        match ours.get(path) {
            None if around(path).any(|name| not_yet.contains(&name)) => {}
            None => wrong.push(format!("{path} is not there")),
            Some(entry) => {
                let departs = DEPARTURES.contains(&(path.as_str(), entry.what.as_str()));
                if entry.what != promised.what && !departs {
                    wrong.push(format!("{path} is {}, not {}", entry.what, promised.what));
                }
                if promised.default.is_some() && entry.default != promised.default {
                    wrong.push(format!("{path} has the default {:?}", entry.default));
                }
            }
        }
    }
    // Whoever wrote a query by the contract does not know what was added since.
    for (path, entry) in ours {
        let known = |path: &str| contract.contains_key(path);
        if entry.required && parent(path).is_some_and(known) && !known(path) {
            wrong.push(format!("{path} was added and cannot be left out"));
        }
    }
    for name in not_yet {
        if ours.contains_key(*name) {
            wrong.push(format!("{name} is there: take it off the list"));
        }
        if !contract.contains_key(*name) {
            wrong.push(format!("{name} is on the list and not in the contract"));
        }
    }
    wrong
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_printed_schema_is_that_of_the_code() {
    let file = fs::read_to_string(repository().join("schema.graphql")).unwrap();
    assert!(
        file == countersign::graphql::sdl(),
        "schema.graphql is not what the code says: `make schema` writes it"
    );
}

#[test]
fn every_name_in_the_api_is_described() {
    let entries = read(&countersign::graphql::sdl());
    assert!(entries.len() > 400, "{} names", entries.len());
    let bare: Vec<&String> = entries
        .iter()
        .filter(|(_, entry)| !entry.described)
        .map(|(path, _)| path)
        .collect();
    assert!(bare.is_empty(), "without a description: {bare:?}");
}

#[test]
fn no_name_that_clients_rely_on_is_lost_or_changed() {
    let file = repository().join("../shared/design/contract.graphql");
    let Ok(contract) = fs::read_to_string(&file) else {
        eprintln!("skipped: {} is not there", file.display());
        return;
    };
    let wrong = broken(
        &read(&contract),
        &read(&countersign::graphql::sdl()),
        NOT_YET,
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_broken_contract_is_found() {
    let contract = read(
        "type Query { a(x: Int = 1): A! b: Int } type A implements N { v: E } interface N { v: E } \
         enum E { P Q } input I { f: Int } scalar S",
    );
    let same = "type Query { a(x: Int = 1, y: Int): A! b: Int } type A implements N { v: E } interface N { v: E } \
         enum E { P Q R } input I { f: Int g: Int! = 2 } scalar S";
    assert_eq!(broken(&contract, &read(same), &[]), Vec::<String>::new());
    for (from, to) in [
        ("b: Int", ""),
        ("b: Int", "b: Int!"),
        ("A!", "A"),
        ("x: Int = 1", "z: Int"),
        ("x: Int = 1", "x: Int = 2"),
        ("y: Int", "y: Int!"),
        ("g: Int! = 2", "g: Int!"),
        ("f: Int", "f: [Int]"),
        ("P Q", "P"),
        ("scalar S", "enum S { T }"),
        ("A implements N", "A"),
    ] {
        let changed = read(&same.replacen(from, to, 1));
        assert_eq!(broken(&contract, &changed, &[]).len(), 1, "{from}, {to}");
    }
    let without = read(&same.replacen("b: Int", "", 1));
    assert!(broken(&contract, &without, &["Query.b"]).is_empty());
    assert_eq!(broken(&contract, &read(same), &["Query.b"]).len(), 1);
}
