//! `src/db/schema.rs`, written from the migrated database. Diesel's own command does nearly the same; this one needs no
//! tool to be installed. With `UPDATE_SCHEMA=1` in the environment the test writes the file instead of comparing it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use tokio_postgres::Client;

use super::repository;
use crate::support::Database;

const HEADER: &str = "// @generated from the migrated database. Do not edit: `make schema` writes it, and a test compares it.\n";

/// A foreign key of one column between two tables.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    child: String,
    parent: String,
    column: String,
}

/// The name of a PostgreSQL type in diesel.
fn diesel_type(name: &str) -> String {
    let known = match name {
        "bigint" => "Int8",
        "integer" => "Int4",
        "smallint" => "Int2",
        "text" => "Text",
        "boolean" => "Bool",
        "timestamp with time zone" => "Timestamptz",
        "jsonb" => "Jsonb",
        "bytea" => "Bytea",
        "uuid" => "Uuid",
        "numeric" => "Numeric",
        "interval" => "Interval",
        "double precision" => "Float8",
        _ => {
            let Some(element) = name.strip_suffix("[]") else {
                panic!("no type of diesel is known here for {name}");
            };
            return format!("Array<{}>", diesel_type(element));
        }
    };
    known.to_owned()
}

/// The columns of each table with their types, in the order of the table.
async fn columns(client: &Client) -> BTreeMap<String, Vec<(String, String)>> {
    let rows = client
        .query(
            "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, NULL), a.attnotnull \
             FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
             WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped \
             AND c.relname <> '__diesel_schema_migrations' ORDER BY a.attnum",
            &[],
        )
        .await
        .unwrap();
    let mut tables: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for row in rows {
        let kind = diesel_type(row.get(2));
        let kind = if row.get(3) {
            kind
        } else {
            format!("Nullable<{kind}>")
        };
        tables
            .entry(row.get(0))
            .or_default()
            .push((row.get(1), kind));
    }
    tables
}

/// The columns of each table's primary key.
async fn primary_keys(client: &Client) -> BTreeMap<String, String> {
    let rows = client
        .query(
            "SELECT c.relname::text, string_agg(a.attname, ', ' ORDER BY k.nth) \
             FROM pg_constraint p JOIN pg_class c ON c.oid = p.conrelid \
             CROSS JOIN unnest(p.conkey) WITH ORDINALITY AS k (number, nth) \
             JOIN pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = k.number \
             WHERE p.contype = 'p' AND p.connamespace = 'public'::regnamespace GROUP BY c.relname",
            &[],
        )
        .await
        .unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// The references by which diesel can join two tables without being told how: those that are the only one between them.
async fn joinable(client: &Client) -> Vec<Reference> {
    let rows = client
        .query(
            "SELECT c.relname::text, p.relname::text, a.attname::text FROM pg_constraint f \
             JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid \
             JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = f.conkey[1] \
             WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace \
             AND cardinality(f.conkey) = 1 AND f.conrelid <> f.confrelid",
            &[],
        )
        .await
        .unwrap();
    let references: Vec<Reference> = rows
        .iter()
        .map(|row| Reference {
            child: row.get(0),
            parent: row.get(1),
            column: row.get(2),
        })
        .collect();
    let between = |one: &Reference| {
        references
            .iter()
            .filter(|other| {
                (&other.child, &other.parent) == (&one.child, &one.parent)
                    || (&other.child, &other.parent) == (&one.parent, &one.child)
            })
            .count()
    };
    let only: Vec<bool> = references.iter().map(|one| between(one) == 1).collect();
    let mut joinable: Vec<Reference> = references
        .into_iter()
        .zip(only)
        .filter_map(|(reference, only)| only.then_some(reference))
        .collect();
    joinable.sort_unstable();
    joinable
}

/// The whole file.
async fn generated(client: &Client) -> String {
    // Diesel knows no table without a key; such a one is written and read by SQL of our own alone.
    let mut tables = columns(client).await;
    let keys = primary_keys(client).await;
    let mut file = HEADER.to_owned();
    tables.retain(|table, _| keys.contains_key(table));
    for (table, columns) in &tables {
        let key = &keys[table];
        write!(file, "\ndiesel::table! {{\n    {table} ({key}) {{\n").unwrap();
        for (column, kind) in columns {
            writeln!(file, "        {column} -> {kind},").unwrap();
        }
        file.push_str("    }\n}\n");
    }
    file.push('\n');
    for Reference {
        child,
        parent,
        column,
    } in joinable(client).await
    {
        writeln!(file, "diesel::joinable!({child} -> {parent} ({column}));").unwrap();
    }
    file.push_str("\ndiesel::allow_tables_to_appear_in_same_query!(\n");
    for table in tables.keys() {
        writeln!(file, "    {table},").unwrap();
    }
    file.push_str(");\n");
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_in_the_code_are_those_of_the_migrated_database() {
    let database = Database::create().await;
    let generated = generated(&database.connect().await).await;
    database.drop_it().await;
    let path = repository().join("src/db/schema.rs");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, generated).unwrap();
        return;
    }
    let file = fs::read_to_string(&path).unwrap();
    assert!(
        file == generated,
        "src/db/schema.rs is not what the database says: `make schema` writes it\n{}",
        difference(&file, &generated)
    );
}

/// The first line that differs, and what it should be.
fn difference(file: &str, generated: &str) -> String {
    let pairs = file.lines().zip(generated.lines());
    pairs
        .enumerate()
        .find(|(_, (is, should_be))| is != should_be)
        .map_or_else(
            || "one of them ends earlier".to_owned(),
            |(line, (is, should_be))| {
                format!("line {} is\n{is}\nand should be\n{should_be}", line + 1)
            },
        )
}
