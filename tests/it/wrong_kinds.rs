//! A value of another kind than its field takes is refused with the field's name, in every argument and input field of the
//! schema, before anything of the request runs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::scene::{global_id, text};
use crate::support::TestApp;

/// The schema, as introspection shows it.
struct Schema {
    types: HashMap<String, Value>,
}

/// An argument that is given a wrong value.
#[derive(Clone)]
struct Case {
    document: String,
    variables: Value,
    field: Vec<String>,
}

impl Schema {
    /// A value that a type takes.
    fn right(&self, kind: &Value) -> Value {
        match kind["kind"].as_str().unwrap() {
            "NON_NULL" => self.right(&kind["ofType"]),
            "LIST" => json!([]),
            "ENUM" => self.types[&text(&kind["name"])]["enumValues"][0]["name"].clone(),
            "INPUT_OBJECT" => self.required(&text(&kind["name"])),
            _ => match kind["name"].as_str().unwrap() {
                "Int" | "Count" => json!(1),
                "Boolean" => json!(true),
                "Decimal" => json!("1"),
                "DateTime" => json!("2026-11-25T00:00:00Z"),
                "ID" => json!(global_id("Campaign", 1)),
                _ => json!("https://example.com/"),
            },
        }
    }

    /// An input object with nothing but what it must have.
    fn required(&self, name: &str) -> Value {
        self.inputs(name)
            .iter()
            .filter(|field| field["type"]["kind"] == "NON_NULL")
            .map(|field| (text(&field["name"]), self.right(&field["type"])))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn inputs(&self, name: &str) -> Vec<Value> {
        self.types[name]["inputFields"].as_array().unwrap().clone()
    }

    /// Each place below an argument where a single value stands, with the argument's value once that is wrong.
    fn wrong(&self, kind: &Value, path: &[String]) -> Vec<(Vec<String>, Value)> {
        match kind["kind"].as_str().unwrap() {
            "NON_NULL" => self.wrong(&kind["ofType"], path),
            "LIST" => {
                let path = [path, &["0".to_owned()]].concat();
                let inner = self.wrong(&kind["ofType"], &path);
                inner
                    .into_iter()
                    .map(|(path, value)| (path, json!([value])))
                    .collect()
            }
            "INPUT_OBJECT" => {
                let name = text(&kind["name"]);
                let mut cases = Vec::new();
                for field in self.inputs(&name) {
                    let field_name = text(&field["name"]);
                    let path = [path, &[field_name.clone()]].concat();
                    for (path, value) in self.wrong(&field["type"], &path) {
                        let mut object = self.required(&name);
                        object[&field_name] = value;
                        cases.push((path, object));
                    }
                }
                cases
            }
            _ => {
                let value = match kind["name"].as_str().unwrap() {
                    "JSON" => return Vec::new(),
                    "Int" | "Count" => json!("5"),
                    "Decimal" => json!(0.1),
                    "DateTime" => json!("yesterday"),
                    "Boolean" => json!("true"),
                    "String" | "URL" => json!(5),
                    "ID" => json!(true),
                    _ => json!("NOT_ONE_OF_THEM"),
                };
                vec![(path.to_vec(), value)]
            }
        }
    }

    fn cases(&self, root: &str) -> Vec<Case> {
        let mut cases = Vec::new();
        for field in self.types[root]["fields"].as_array().unwrap() {
            for argument in field["args"].as_array().unwrap() {
                let name = text(&argument["name"]);
                for (path, value) in self.wrong(&argument["type"], std::slice::from_ref(&name)) {
                    cases.push(Self::case(
                        root, field, argument, &name, &path, &value, self,
                    ));
                }
            }
        }
        cases
    }

    fn case(
        root: &str,
        field: &Value,
        argument: &Value,
        name: &str,
        path: &[String],
        value: &Value,
        schema: &Self,
    ) -> Case {
        let mut declared = vec![format!("${name}: {}", written(&argument["type"]))];
        let mut passed = vec![format!("{name}: ${name}")];
        let mut variables = json!({ name: value });
        for other in field["args"].as_array().unwrap() {
            let other_name = text(&other["name"]);
            if other_name != name && other["type"]["kind"] == "NON_NULL" {
                declared.push(format!("${other_name}: {}", written(&other["type"])));
                passed.push(format!("{other_name}: ${other_name}"));
                variables[&other_name] = schema.right(&other["type"]);
            }
        }
        let selection = if is_flat(&field["type"]) {
            ""
        } else {
            "{ __typename }"
        };
        let document = format!(
            "{}({}) {{ {}({}) {selection} }}",
            root.to_ascii_lowercase(),
            declared.join(", "),
            text(&field["name"]),
            passed.join(", ")
        );
        let skip = usize::from(path[0] == "input");
        Case {
            document,
            variables,
            field: path[skip..].to_vec(),
        }
    }
}

/// A type as a document writes it.
fn written(kind: &Value) -> String {
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" => format!("{}!", written(&kind["ofType"])),
        "LIST" => format!("[{}]", written(&kind["ofType"])),
        _ => text(&kind["name"]),
    }
}

fn is_flat(kind: &Value) -> bool {
    match kind["kind"].as_str().unwrap() {
        "NON_NULL" | "LIST" => is_flat(&kind["ofType"]),
        inner => matches!(inner, "SCALAR" | "ENUM"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_another_kind_is_refused_by_the_name_of_its_field() {
    let app = TestApp::start().await;
    let data = app
        .operator
        .ok(
            "{ __schema { types { kind name fields { name args { name type { ...T } } type { ...T } } \
             inputFields { name type { ...T } } enumValues { name } } } } \
             fragment T on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }",
            json!({}),
        )
        .await;
    let types = data["__schema"]["types"].as_array().unwrap();
    let schema = Schema {
        types: types
            .iter()
            .map(|one| (text(&one["name"]), one.clone()))
            .collect(),
    };
    let mut unnamed = Vec::new();
    let cases = [schema.cases("Query"), schema.cases("Mutation")].concat();
    assert!(cases.len() > 150, "{} cases", cases.len());
    for case in &cases {
        let answer = app
            .operator
            .post(&case.document, case.variables.clone())
            .await;
        let extensions = &answer["errors"][0]["extensions"];
        if extensions["code"] != "BAD_USER_INPUT"
            || extensions["field"] != json!(case.field)
            || !answer["data"].is_null()
        {
            unnamed.push(format!("{} {}: {answer}", case.document, case.variables));
        }
    }
    assert!(
        unnamed.is_empty(),
        "{} of {}:\n{}",
        unnamed.len(),
        cases.len(),
        unnamed.join("\n")
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_none_or_of_another_kind_is_refused_by_the_name_of_its_field() {
    let app = TestApp::start().await;
    let (post, affiliate) = (global_id("Post", 1), global_id("Affiliate", 1));
    let advertiser = global_id("Advertiser", 1);
    let eligible = format!(
        "mutation($v: ID!) {{ setEligibility(input: {{ advertiserId: \"{advertiser}\", affiliateIds: \
         [\"{affiliate}\", $v], eligible: true }}) {{ userErrors {{ code }} }} }}"
    );
    let nodes = format!("query($v: ID!) {{ nodes(ids: [\"{post}\", $v]) {{ id }} }}");
    for (document, path, takes_any) in [
        ("query($v: ID!) { post(id: $v) { id } }", "id", false),
        (
            "query($v: ID) { alerts(filter: { campaignId: $v }) { totalCount } }",
            "filter.campaignId",
            false,
        ),
        (
            "mutation($v: ID!) { updateCampaign(input: { campaignId: $v }) { userErrors { code } } }",
            "campaignId",
            false,
        ),
        (
            "mutation($v: ID) { runReconciliation(input: { postId: $v }) { userErrors { code } } }",
            "postId",
            false,
        ),
        (
            "mutation($v: ID!) { retryJob(input: { jobId: $v }) { done } }",
            "jobId",
            false,
        ),
        (eligible.as_str(), "affiliateIds.1", false),
        ("query($v: ID!) { node(id: $v) { id } }", "id", true),
        (nodes.as_str(), "ids.1", true),
    ] {
        let path: Vec<&str> = path.split('.').collect();
        let other = global_id("Order", 1);
        for id in ["", "7", "not an id", other.as_str()] {
            if takes_any && id == other {
                continue;
            }
            let answer = app.operator.post(document, json!({ "v": id })).await;
            let extensions = &answer["errors"][0]["extensions"];
            assert_eq!(extensions["code"], "BAD_USER_INPUT", "{document}: {answer}");
            assert_eq!(extensions["field"], json!(path), "{document}: {answer}");
        }
    }
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_past_32_bits_and_a_variable_that_is_left_out_are_no_faults() {
    let app = TestApp::start().await;
    let answer = app
        .operator
        .post("{ posts(first: 5000000000) { totalCount } }", json!({}))
        .await;
    let error = &answer["errors"][0];
    assert_eq!(error["extensions"]["code"], "BAD_USER_INPUT", "{answer}");
    assert!(text(&error["message"]).starts_with("first: "), "{answer}");

    let acme = app.advertiser("Acme").await;
    let update = "mutation($input: UpdateAdvertiserInput!) { updateAdvertiser(input: $input) { userErrors { code field } } }";
    let input = json!({ "input": { "reapplyAfterDays": 1_000_000_000_000_i64 } });
    let data = acme.client.ok(update, input).await;
    assert_eq!(
        data["updateAdvertiser"]["userErrors"][0]["field"],
        json!(["reapplyAfterDays"]),
        "{data}"
    );

    for query in [
        "query($id: ID!) { post(id: $id) { id } }",
        "query($kind: PlatformKind!) { platform(kind: $kind) { kind } }",
        "mutation($input: SubmitPostInput!) { submitPost(input: $input) { post { id } } }",
    ] {
        let answer = acme.client.post(query, json!({})).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(
            code == "BAD_USER_INPUT" || code == "FORBIDDEN",
            "{query}: {answer}"
        );
    }
    app.abandon().await;
}
