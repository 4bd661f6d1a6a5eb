//! Every root field, with arguments of every kind that the schema allows and nobody expects, as each role: the answer is an
//! answer or a refusal, and never a fault of the server.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::authorization::tenants::Tenants;
use crate::scene::{global_id, text};
use crate::support::Client;

/// How often each root field is asked by each role.
const ROUNDS: usize = 6;
/// How deep answers are asked for.
const DEPTH: usize = 3;

const STRINGS: &[&str] = &[
    "",
    " ",
    "a",
    "Acme Shoes",
    "夏 ☀",
    "a\\u0000b",
    "%_\\\\",
    "' OR 1=1 --",
    "\\u202e",
    "null",
    "YWZ0ZXI6MA",
    "a@example.com",
];
const INTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "5",
    "100",
    "101",
    "2147483647",
    "-2147483648",
];
const COUNTS: &[&str] = &[
    "0",
    "1",
    "-1",
    "9007199254740991",
    "9007199254740992",
    "1e300",
    "1.5",
    "18446744073709551615",
];
const DECIMALS: &[&str] = &[
    "\"0\"",
    "\"1\"",
    "\"5\"",
    "\"0.1\"",
    "\"-1\"",
    "\"0.0000001\"",
    "\"99999999999999999999999999\"",
    "\"\"",
    "\"1e5\"",
    "\"NaN\"",
    "5",
];
const TIMES: &[&str] = &[
    "2026-11-25T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "1970-01-01T00:00:00Z",
    "2016-12-31T23:59:60Z",
    "+20000-01-01T00:00:00Z",
    "+262000-01-01T00:00:00Z",
    "-5000-01-01T00:00:00Z",
    "-262000-01-01T00:00:00Z",
    "yesterday",
];
const URLS: &[&str] = &[
    "https://www.reddit.com/comments/1b00001",
    "https://redd.it/1b2c3d",
    "https://www.instagram.com/p/DfLW-Pji_gA/",
    "http://",
    "javascript:alert(1)",
    "https://www.reddit.com/r/a/s/AbCdEf",
    "https://example.com/\\u0000",
    "",
];
const JSONS: &[&str] = &[
    "{}",
    "[]",
    "{a: [1, 2.5, null]}",
    "\"\\u0000\"",
    "{a: \"\\u0000\"}",
    "null",
    "1e300",
    "true",
];
const KINDS: &[&str] = &[
    "Advertiser",
    "Affiliate",
    "AffiliateReport",
    "Alert",
    "AlertChannel",
    "AlertDelivery",
    "Application",
    "Campaign",
    "Order",
    "PlatformReport",
    "Post",
    "Reconciliation",
    "ReconciliationRun",
    "Job",
];

/// Numbers that are the same in each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let end = u64::try_from(end).unwrap();
        usize::try_from((mixed ^ (mixed >> 31)) % end).unwrap()
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// Writes operations that fit the schema.
struct Writer {
    types: HashMap<String, Value>,
    ids: Vec<String>,
    dice: Dice,
}

impl Writer {
    async fn new(client: &Client, ids: Vec<String>, seed: u64) -> Self {
        let data = client
            .ok(
                "{ __schema { types { kind name fields { name args { name type { ...T } } type { ...T } } \
                 inputFields { name type { ...T } } enumValues { name } } } } \
                 fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
                json!({}),
            )
            .await;
        let types = data["__schema"]["types"].as_array().unwrap();
        Self {
            types: types
                .iter()
                .map(|one| (text(&one["name"]), one.clone()))
                .collect(),
            ids,
            dice: Dice(seed),
        }
    }

    fn fields(&self, name: &str) -> Vec<Value> {
        self.types[name]["fields"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// A value of a type, as a literal; none where it is left out.
    fn value(&mut self, kind: &Value, depth: usize) -> Option<String> {
        if kind["kind"] == "NON_NULL" {
            return Some(self.present(&kind["ofType"], depth));
        }
        match self.dice.below(8) {
            0..3 => None,
            3 => Some("null".to_owned()),
            _ => Some(self.present(kind, depth)),
        }
    }

    fn present(&mut self, kind: &Value, depth: usize) -> String {
        let name = kind["name"].as_str().unwrap_or_default().to_owned();
        match kind["kind"].as_str().unwrap() {
            "LIST" => {
                let count = self.dice.below(4);
                let items: Vec<String> = (0..count)
                    .filter_map(|_| self.value(&kind["ofType"], depth))
                    .collect();
                format!("[{}]", items.join(", "))
            }
            "ENUM" => {
                let values = self.types[&name]["enumValues"].as_array().unwrap();
                text(&values[self.dice.below(values.len())]["name"])
            }
            "INPUT_OBJECT" => {
                let fields = self.types[&name]["inputFields"].as_array().unwrap().clone();
                let written: Vec<String> = fields
                    .iter()
                    // Who is switched off could ask for nothing more.
                    .filter(|field| name != "UpdateAffiliateInput" || field["name"] != "isActive")
                    .filter_map(|field| {
                        let value = self.value(&field["type"], depth + 1)?;
                        Some(format!("{}: {value}", text(&field["name"])))
                    })
                    .collect();
                format!("{{{}}}", written.join(", "))
            }
            _ => self.scalar(&name),
        }
    }

    fn scalar(&mut self, name: &str) -> String {
        match name {
            "ID" => {
                let id = match self.dice.below(10) {
                    0 => self.dice.one_of(STRINGS).to_owned(),
                    1 => {
                        let rows = [0, -1, 999_999, i64::MAX, i64::MIN];
                        let row = rows[self.dice.below(rows.len())];
                        global_id(self.dice.one_of(KINDS), row)
                    }
                    _ => self.ids[self.dice.below(self.ids.len())].clone(),
                };
                format!("\"{id}\"")
            }
            "Int" => self.dice.one_of(INTS).to_owned(),
            "Count" => self.dice.one_of(COUNTS).to_owned(),
            "Boolean" => self.dice.one_of(&["true", "false"]).to_owned(),
            "Decimal" => self.dice.one_of(DECIMALS).to_owned(),
            "DateTime" => format!("\"{}\"", self.dice.one_of(TIMES)),
            "URL" => format!("\"{}\"", self.dice.one_of(URLS)),
            "JSON" => self.dice.one_of(JSONS).to_owned(),
            // Longer in lower case.
            "String" if self.dice.below(20) == 0 => format!("\"{}@a.bc\"", "\u{130}".repeat(95)),
            "String" if self.dice.below(12) == 0 => format!("\"{}\"", "x".repeat(3000)),
            "String" => format!("\"{}\"", self.dice.one_of(STRINGS)),
            other => panic!("a scalar that this test does not know: {other}"),
        }
    }

    fn arguments(&mut self, field: &Value) -> String {
        let written: Vec<String> = field["args"]
            .as_array()
            .unwrap()
            .clone()
            .iter()
            .filter_map(|argument| {
                let name = text(&argument["name"]);
                // Two ends of a page at once are refused before anything is read.
                if matches!(name.as_str(), "last" | "before") && self.dice.below(6) > 0 {
                    return None;
                }
                let value = self.value(&argument["type"], 0)?;
                Some(format!("{name}: {value}"))
            })
            .collect();
        if written.is_empty() {
            String::new()
        } else {
            format!("({})", written.join(", "))
        }
    }

    /// What is asked for of an object: what is flat, and some of what is not.
    fn selection(&mut self, kind: &Value, depth: usize) -> String {
        let mut inner = kind;
        while inner["ofType"].is_object() {
            inner = &inner["ofType"];
        }
        let name = text(&inner["name"]);
        match inner["kind"].as_str().unwrap() {
            "INTERFACE" | "UNION" => "{ __typename id }".to_owned(),
            "OBJECT" => {
                let mut written = vec!["__typename".to_owned()];
                for field in self.fields(&name) {
                    let selection = if Self::is_flat(&field["type"]) {
                        String::new()
                    } else if depth == 0 || (name.ends_with("Edge") || self.dice.below(3) > 0) {
                        continue;
                    } else {
                        self.selection(&field["type"], depth - 1)
                    };
                    let arguments = self.arguments(&field);
                    written.push(format!("{}{arguments} {selection}", text(&field["name"])));
                }
                format!("{{ {} }}", written.join(" "))
            }
            _ => String::new(),
        }
    }

    fn is_flat(kind: &Value) -> bool {
        let mut inner = kind;
        while inner["ofType"].is_object() {
            inner = &inner["ofType"];
        }
        matches!(inner["kind"].as_str(), Some("SCALAR" | "ENUM"))
    }

    fn operation(&mut self, root: &str, field: &Value) -> String {
        let keyword = root.to_ascii_lowercase();
        let arguments = self.arguments(field);
        let selection = self.selection(&field["type"], DEPTH);
        format!(
            "{keyword} {{ {}{arguments} {selection} }}",
            text(&field["name"])
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_the_schema_allows_is_a_fault_of_the_server() {
    let tenants = Tenants::create().await;
    let ids: Vec<String> = [&tenants.acme, &tenants.borg]
        .iter()
        .flat_map(|tenant| {
            KINDS[..KINDS.len() - 1]
                .iter()
                .map(|kind| tenant.id(kind).to_owned())
        })
        .collect();
    let mut writer = Writer::new(&tenants.app.operator, ids, 3).await;
    let mut faults = Vec::new();
    let mut answered = 0;
    for root in ["Query", "Mutation"] {
        for field in writer.fields(root) {
            // Passwords are slow on purpose, and a refresh token is no guess.
            let rounds = if text(&field["name"]).starts_with("create") {
                2
            } else {
                ROUNDS
            };
            for (name, client) in tenants.callers() {
                for _ in 0..rounds {
                    let operation = writer.operation(root, &field);
                    let answer = client.post(&operation, json!({})).await;
                    answered += usize::from(answer.get("errors").is_none());
                    let codes: Vec<&str> = answer["errors"]
                        .as_array()
                        .into_iter()
                        .flatten()
                        .map(|error| error["extensions"]["code"].as_str().unwrap_or("no code"))
                        .collect();
                    let is_fault = codes.iter().any(|code| {
                        matches!(
                            *code,
                            "INTERNAL"
                                | "TIMEOUT"
                                | "UNAVAILABLE"
                                | "GRAPHQL_PARSE_FAILED"
                                | "no code"
                        )
                    });
                    if is_fault {
                        faults.push(format!("{name}: {operation}\n{}", answer["errors"]));
                    }
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "{} faults:\n{}",
        faults.len(),
        faults[..faults.len().min(8)].join("\n\n")
    );
    assert!(
        answered > 200,
        "too few operations were answered for this to say anything: {answered}"
    );
    tenants.app.abandon().await;
}
