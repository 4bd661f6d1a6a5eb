//! Programs: who finds which advertisers, what decides an application, and how a relation ends.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{apply, decide};
use crate::scene::{self, refusals, text};
use crate::support::{Client, Party, TestApp};

async fn call(client: &Client, field: &str, input_type: &str, input: Value) -> Value {
    let query = format!(
        "mutation($input: {input_type}!) {{ {field}(input: $input) {{ application {{ id status reason decidedAt }} \
         userErrors {{ code field message }} }} }}"
    );
    client.ok(&query, json!({ "input": input })).await[field].clone()
}

async fn end(client: &Client, field: &str, application: &Value) -> Value {
    end_because(client, field, application, "over").await
}

async fn end_because(client: &Client, field: &str, application: &Value, reason: &str) -> Value {
    let input = json!({ "applicationId": application, "reason": reason });
    call(client, field, "ApplicationIdInput", input).await
}

async fn set(client: &Client, input: Value) {
    let data = client
        .ok(
            "mutation($input: UpdateAdvertiserInput!) { updateAdvertiser(input: $input) { userErrors { code message } } }",
            json!({ "input": input }),
        )
        .await;
    assert_eq!(data["updateAdvertiser"]["userErrors"], json!([]), "{data}");
}

/// An advertiser that decides by hand, and an eligible affiliate.
async fn pair(app: &TestApp) -> (Party, Party) {
    let (acme, ann) = (app.advertiser("Acme").await, app.affiliate("Ann").await);
    app.make_eligible(&acme, &ann).await;
    set(&acme.client, json!({ "applicationRule": "MANUAL" })).await;
    (acme, ann)
}

/// The names of advertisers that a list holds.
async fn found(client: &Client, arguments: &str) -> Vec<String> {
    let data = client
        .ok(
            &format!("{{ advertisers{arguments} {{ nodes {{ name }} }} }}"),
            json!({}),
        )
        .await;
    let nodes = data["advertisers"]["nodes"].as_array().unwrap();
    let mut names: Vec<String> = nodes.iter().map(|node| text(&node["name"])).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn advertisers_are_found_by_category_text_and_eligibility() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    for (name, category) in [
        ("Acme Shoes", "Shoes"),
        ("Borg Boots", "Shoes"),
        ("Cosmos 100%", "Space"),
    ] {
        let party = app.advertiser(name).await;
        set(&party.client, json!({ "category": category })).await;
        if name != "Borg Boots" {
            app.make_eligible(&party, &ann).await;
        }
    }
    let of = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&app.operator, "").await,
        of(&["Acme Shoes", "Borg Boots", "Cosmos 100%"])
    );
    assert_eq!(
        found(&app.operator, "(category: \"Shoes\")").await,
        of(&["Acme Shoes", "Borg Boots"])
    );
    assert_eq!(
        found(&app.operator, "(category: \"Shoes\", search: \"boot\")").await,
        of(&["Borg Boots"])
    );
    assert_eq!(
        found(&app.operator, "(search: \"100%\")").await,
        of(&["Cosmos 100%"]),
        "% is a character"
    );
    assert_eq!(found(&app.operator, "(search: \"_\")").await, of(&[]));
    assert_eq!(
        found(&ann.client, "").await,
        of(&["Acme Shoes", "Cosmos 100%"])
    );
    assert_eq!(
        found(&ann.client, "(eligibleOnly: true, category: \"Shoes\")").await,
        of(&["Acme Shoes"])
    );
    let for_ann = format!("(eligibleFor: \"{}\")", ann.id);
    assert_eq!(
        found(&app.operator, &for_ann).await,
        of(&["Acme Shoes", "Cosmos 100%"])
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_rejected_may_apply_again_when_the_advertisers_time_is_over() {
    let app = TestApp::start().await;
    let (acme, ann) = pair(&app).await;
    set(&acme.client, json!({ "reapplyAfterDays": 30 })).await;
    let first = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    assert_eq!(
        decide(&acme.client, &text(&first), false, Value::Null).await["application"]["status"],
        "REJECTED"
    );
    let refused = apply(&ann, &acme.id, Value::Null).await;
    assert_eq!(
        refusals(&refused),
        ["REAPPLY_LATER advertiserId"],
        "{refused}"
    );
    app.move_clock(24 * 30 - 1).await;
    assert_eq!(
        refusals(&apply(&ann, &acme.id, Value::Null).await),
        ["REAPPLY_LATER advertiserId"]
    );
    app.move_clock(24 * 30 + 1).await;
    let again = apply(&ann, &acme.id, Value::Null).await;
    assert_eq!(again["application"]["status"], "PENDING", "{again}");
    assert_ne!(
        again["application"]["id"], first,
        "the first decision stands"
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_withdrawn_before_it_is_decided_and_not_after() {
    let mut app = TestApp::start().await;
    let (acme, ann) = pair(&app).await;
    let first = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    let withdrawn = end(&ann.client, "withdrawApplication", &first).await;
    assert_eq!(
        withdrawn["application"]["status"], "WITHDRAWN",
        "{withdrawn}"
    );
    assert!(withdrawn["application"]["decidedAt"].is_string());
    for late in [
        decide(&acme.client, &text(&first), true, Value::Null).await,
        end(&ann.client, "withdrawApplication", &first).await,
    ] {
        assert_eq!(refusals(&late), ["ALREADY_DECIDED applicationId"], "{late}");
    }
    // The queued decision comes later and changes nothing.
    set(&acme.client, json!({ "applicationRule": "AUTOMATIC" })).await;
    app.start_worker();
    app.settled().await;
    let status = app.database.text("SELECT status FROM applications").await;
    assert_eq!(status, "WITHDRAWN");
    let second = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    app.settled().await;
    assert_eq!(
        refusals(&end(&ann.client, "withdrawApplication", &second).await),
        ["ALREADY_DECIDED applicationId"]
    );
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_for_withdrawing_or_ending_has_1900_characters_at_most() {
    let app = TestApp::start().await;
    let (acme, ann) = pair(&app).await;
    let application = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    let (longest, too_long) = ("x".repeat(1900), "x".repeat(1901));
    for field in ["withdrawApplication", "endApplication"] {
        let refused = end_because(&ann.client, field, &application, &too_long).await;
        assert_eq!(refusals(&refused), ["TOO_LONG reason"], "{refused}");
    }
    let withdrawn = end_because(&ann.client, "withdrawApplication", &application, &longest).await;
    assert_eq!(withdrawn["application"]["reason"], longest.as_str());
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_side_ends_an_approved_relation_and_no_posts_come_after() {
    let app = TestApp::start().await;
    let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
    let samples = scene::samples(&app, countersign::simulator::Platform::Reddit, 2, |_| true);
    let made = scene::submitted(
        &ann.client,
        &campaign,
        &samples[0].url,
        json!({ "claimedViews": 1 }),
    )
    .await;
    let data = ann
        .client
        .ok("{ applications { nodes { id } } }", json!({}))
        .await;
    let application = &data["applications"]["nodes"][0]["id"];
    let ended = end(&acme.client, "endApplication", application).await;
    assert_eq!(
        (
            &ended["application"]["status"],
            &ended["application"]["reason"]
        ),
        (&json!("ENDED"), &json!("Ended by the advertiser: over"))
    );
    let payload = ann
        .client
        .submit(&campaign, &samples[1].url, json!({ "claimedViews": 1 }))
        .await;
    assert_eq!(
        refusals(&payload),
        ["APPLICATION_REQUIRED campaignId"],
        "{payload}"
    );
    let refused = end(&ann.client, "endApplication", application).await;
    assert_eq!(refusals(&refused), ["NOT_IN_FORCE applicationId"]);
    // What is there stays there for both.
    for client in [&ann.client, &acme.client] {
        let data = client
            .ok(
                "query($id: ID!) { post(id: $id) { id } }",
                json!({ "id": made.post }),
            )
            .await;
        assert_eq!(data["post"]["id"], made.post);
    }
    // It may apply again.
    assert_eq!(
        apply(&ann, &acme.id, Value::Null).await["application"]["status"],
        "PENDING"
    );
    app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_decisions_withdrawals_and_the_job_at_once_one_wins() {
    let mut app = TestApp::start().await;
    let (acme, ann) = pair(&app).await;
    let application = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    set(&acme.client, json!({ "applicationRule": "AUTOMATIC" })).await;
    app.start_worker();
    let answers = join_all((0..9).map(async |nth| match nth % 3 {
        0 => decide(&acme.client, &text(&application), true, Value::Null).await,
        1 => decide(&app.operator, &text(&application), false, Value::Null).await,
        _ => end(&ann.client, "withdrawApplication", &application).await,
    }))
    .await;
    app.settled().await;
    let won = answers
        .iter()
        .filter(|answer| answer["userErrors"] == json!([]))
        .count();
    assert!(won <= 1, "{answers:?}");
    let decided = app.database.text("SELECT status FROM applications").await;
    match answers
        .iter()
        .find(|answer| answer["userErrors"] == json!([]))
    {
        Some(answer) => assert_eq!(answer["application"]["status"], decided.as_str()),
        None => assert_eq!(decided, "APPROVED", "the job was first"),
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_are_listed_to_each_side_with_filters() {
    let app = TestApp::start().await;
    let (acme, ann) = pair(&app).await;
    let borg = app.advertiser("Borg").await;
    set(&borg.client, json!({ "applicationRule": "MANUAL" })).await;
    app.make_eligible(&borg, &ann).await;
    let bob = app.affiliate("Bob").await;
    app.make_eligible(&acme, &bob).await;
    let first = apply(&ann, &acme.id, Value::Null).await["application"]["id"].clone();
    apply(&ann, &borg.id, Value::Null).await;
    apply(&bob, &acme.id, Value::Null).await;
    decide(&acme.client, &text(&first), true, Value::Null).await;
    let count = async |client: &Client, filter: Value| {
        let data = client
            .ok(
                "query($filter: ApplicationFilter) { applications(filter: $filter) { totalCount nodes { id } } }",
                json!({ "filter": filter }),
            )
            .await;
        let nodes = data["applications"]["nodes"].as_array().unwrap().len();
        assert_eq!(data["applications"]["totalCount"], nodes);
        nodes
    };
    for (client, filter, expected) in [
        (&ann.client, json!({}), 2),
        (&ann.client, json!({ "advertiserId": acme.id }), 1),
        (&ann.client, json!({ "status": "PENDING" }), 1),
        (&acme.client, json!({}), 2),
        (&acme.client, json!({ "affiliateId": bob.id }), 1),
        (&acme.client, json!({ "status": "APPROVED" }), 1),
        (&borg.client, json!({ "affiliateId": bob.id }), 0),
        (&app.operator, json!({}), 3),
    ] {
        assert_eq!(count(client, filter.clone()).await, expected, "{filter}");
    }
    app.abandon().await;
}
