//! `node` and `nodes`: one line for each type of object, and for each kind of alert that not everybody sees.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::matrix::lines;
use super::tenants::Tenants;
use crate::scene::global_id;
use crate::support::Client;

/// Who sees an object of Acme's program by its id. Ann is its affiliate and Acme its advertiser, Bob and Borg are others.
const TABLE: &str = "
type                      Ann     Bob     Acme    Borg    operator
Advertiser                shown   hidden  shown   hidden  shown
Affiliate                 shown   hidden  shown   hidden  shown
AffiliateReport           shown   hidden  shown   hidden  shown
Alert                     shown   hidden  shown   hidden  shown
Alert: TRUST_DROP         shown   hidden  hidden  hidden  shown
Alert: PLATFORM_DEGRADED  hidden  hidden  hidden  hidden  shown
AlertChannel              hidden  hidden  shown   hidden  shown
AlertDelivery             hidden  hidden  shown   hidden  shown
Application               shown   hidden  shown   hidden  shown
Campaign                  shown   hidden  shown   hidden  shown
Order                     shown   hidden  shown   hidden  shown
PlatformReport            shown   hidden  shown   hidden  shown
Post                      shown   hidden  shown   hidden  shown
Reconciliation            shown   hidden  shown   hidden  shown
ReconciliationRun         shown   hidden  shown   hidden  shown
";

async fn by_id(client: &Client, id: &str) -> Value {
    let query = "query($id: ID!, $ids: [ID!]!) { node(id: $id) { id __typename } nodes(ids: $ids) { id __typename } }";
    client.ok(query, json!({ "id": id, "ids": [id] })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_with_a_global_id_has_a_line_here() {
    let tenants = Tenants::create().await;
    let data = tenants
        .app
        .operator
        .ok(
            "{ __type(name: \"Node\") { possibleTypes { name } } }",
            json!({}),
        )
        .await;
    let types = data["__type"]["possibleTypes"].as_array().unwrap();
    let served: BTreeSet<&str> = types
        .iter()
        .map(|kind| kind["name"].as_str().unwrap())
        .collect();
    let (_, rows) = lines(TABLE);
    let here: BTreeSet<&str> = rows
        .iter()
        .map(|cells| cells[0].split(':').next().unwrap())
        .collect();
    assert_eq!(here, served);
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_sees_by_id_what_the_table_says() {
    let tenants = Tenants::create().await;
    let degraded = tenants.platform_degraded().await;
    let (heading, rows) = lines(TABLE);
    let names = tenants.callers().map(|(name, _)| name);
    assert_eq!(heading[1..], names);
    let mut wrong = Vec::new();
    for cells in &rows {
        let (kind, id) = match cells[0] {
            "Alert: TRUST_DROP" => ("Alert", tenants.acme.trust_drop.as_str()),
            "Alert: PLATFORM_DEGRADED" => ("Alert", degraded.as_str()),
            kind => (kind, tenants.acme.id(kind)),
        };
        for ((name, client), expected) in tenants.callers().into_iter().zip(&cells[1..]) {
            let data = by_id(client, id).await;
            let object = match *expected {
                "shown" => json!({ "id": id, "__typename": kind }),
                _ => Value::Null,
            };
            if data != json!({ "node": object, "nodes": [object] }) {
                wrong.push(format!("{} for {name}: {data}", cells[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_anything_by_id_without_signing_in() {
    let tenants = Tenants::create().await;
    let anonymous = Client::anonymous(&tenants.app.url);
    for (query, variables) in [
        (
            "query($id: ID!) { node(id: $id) { id } }",
            json!({ "id": tenants.acme.post }),
        ),
        (
            "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
            json!({ "ids": [tenants.acme.post, global_id("Post", 4_000_000)] }),
        ),
    ] {
        let answer = anonymous.post(query, variables).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAUTHENTICATED", "{answer}");
        assert!(!answer.to_string().contains(&tenants.acme.post), "{answer}");
    }
    tenants.app.finish().await;
}
