//! What is reached through what somebody sees: no more than what it may see.

use std::collections::BTreeSet;

use countersign::simulator::Platform;
use serde_json::{Value, json};

use super::introspection::Types;
use super::reach::{Reached, reach};
use super::rights::Rights;
use super::tenants::{Tenants, affiliate};
use crate::scene::{self, row, submitted, text};
use crate::support::{Client, Party};

/// Two programs that touch: Ann works for both, Carl for Acme only. Dora may apply to Acme and Eve was turned down.
struct Crossing {
    tenants: Tenants,
    carl: Party,
    dora: Party,
    eve: Party,
    types: Types,
}

impl Crossing {
    async fn create() -> Self {
        let mut tenants = Tenants::create().await;
        tenants.app.start_worker();
        let app = &tenants.app;
        let (acme, borg) = (&tenants.acme, &tenants.borg);
        let ann = &acme.affiliate;
        let carl = affiliate(app, "Carl Cobbold", "carl@cobbold.example", "1003").await;
        let dora = affiliate(app, "Dora Dunmore", "dora@dunmore.example", "1004").await;
        let eve = affiliate(app, "Eve Elphick", "eve@elphick.example", "1005").await;
        app.approve(&borg.advertiser, ann).await;
        app.approve(&acme.advertiser, &carl).await;
        app.make_eligible(&acme.advertiser, &dora).await;
        app.make_eligible(&acme.advertiser, &eve).await;
        let paused = scene::campaign(
            &acme.advertiser,
            json!({ "name": "Paused", "platforms": ["INSTAGRAM"], "policy": { "lagWindowHours": 0 } }),
        )
        .await;
        let samples = scene::samples(app, Platform::Instagram, 5, |figures| figures.views >= 1000);
        for (submitter, campaign, sample) in [
            (ann, &borg.campaign, &samples[2]),
            (&carl, &acme.campaign, &samples[3]),
            (ann, &paused, &samples[4]),
        ] {
            let claim = json!({ "claimedViews": sample.figures.views * 3 });
            submitted(&submitter.client, campaign, &sample.url, claim).await;
        }
        app.settled().await;
        scene::campaign(
            &acme.advertiser,
            json!({ "name": "Draft", "status": "DRAFT" }),
        )
        .await;
        let (paused, acme_row) = (row(&paused), row(&acme.advertiser.id));
        app.database
            .execute(&format!(
                "UPDATE campaigns SET status = 'PAUSED' WHERE id = {paused}; \
                 INSERT INTO applications (advertiser_id, affiliate_id, status, decided_at) \
                 VALUES ({acme_row}, {}, 'REJECTED', now())",
                row(&eve.id)
            ))
            .await;
        tenants.platform_degraded().await;
        tenants.app.stop_worker().await;
        let types = Types::of(&tenants.app.operator).await;
        Self {
            tenants,
            carl,
            dora,
            eve,
            types,
        }
    }

    async fn reach(&self, client: &Client) -> Reached {
        reach(client, &self.types).await
    }
}

/// Every value under a name anywhere in an answer.
fn values<'a>(answer: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match answer {
        Value::Array(items) => items.iter().for_each(|item| values(item, name, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                if key == name {
                    found.push(value);
                }
                values(value, name, found);
            }
        }
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reaches_what_is_theirs_to_see_and_nothing_else() {
    let crossing = Crossing::create().await;
    let (acme, borg) = (&crossing.tenants.acme, &crossing.tenants.borg);
    let affiliate = |party: &Party| Rights::of_affiliate(row(&party.id));
    let advertiser = |party: &Party| Rights::of_advertiser(row(&party.id));
    let database = &crossing.tenants.app.database;
    for (name, client, rights) in [
        ("Ann", &acme.affiliate.client, affiliate(&acme.affiliate)),
        ("Bob", &borg.affiliate.client, affiliate(&borg.affiliate)),
        ("Carl", &crossing.carl.client, affiliate(&crossing.carl)),
        ("Dora", &crossing.dora.client, affiliate(&crossing.dora)),
        ("Eve", &crossing.eve.client, affiliate(&crossing.eve)),
        (
            "Acme",
            &acme.advertiser.client,
            advertiser(&acme.advertiser),
        ),
        (
            "Borg",
            &borg.advertiser.client,
            advertiser(&borg.advertiser),
        ),
        (
            "operator",
            &crossing.tenants.app.operator,
            Rights::of_operators(),
        ),
    ] {
        let reached = crossing.reach(client).await;
        let own = rights.objects(database).await;
        let others: BTreeSet<_> = reached.objects.difference(&own).collect();
        assert!(others.is_empty(), "{name} reaches {others:?}");
        let missing: BTreeSet<_> = own.difference(&reached.objects).collect();
        assert!(missing.is_empty(), "{name} does not reach {missing:?}");
        assert!(reached.denied.is_empty(), "{name}: {:?}", reached.denied);
    }
    crossing.tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_somebody_reads_names_a_stranger() {
    let crossing = Crossing::create().await;
    let (acme, borg) = (&crossing.tenants.acme, &crossing.tenants.borg);
    let addresses = [
        "@ashdown",
        "@brockhurst",
        "@cobbold",
        "@dunmore",
        "@elphick",
    ];
    let others_of_ann = ["Brockhurst", "Cobbold", "Dunmore", "Elphick", "brockhurst"];
    let others_of_bob = [
        "Ashdown", "Cobbold", "Dunmore", "Elphick", "ashdown", "Acme",
    ];
    for (name, client, strangers) in [
        ("Ann", &acme.affiliate.client, others_of_ann.as_slice()),
        ("Bob", &borg.affiliate.client, others_of_bob.as_slice()),
        (
            "Acme",
            &acme.advertiser.client,
            ["Brockhurst", "Dunmore", "Borg"].as_slice(),
        ),
        (
            "Borg",
            &borg.advertiser.client,
            ["Cobbold", "Dunmore", "Acme"].as_slice(),
        ),
        ("Acme", &acme.advertiser.client, addresses.as_slice()),
        ("Borg", &borg.advertiser.client, addresses.as_slice()),
    ] {
        let reached = crossing.reach(client).await;
        for (object, answer) in &reached.answers {
            let answer = answer.to_string();
            for stranger in strangers {
                assert!(
                    !answer.contains(stranger),
                    "{name} reads {stranger} of {object}: {answer}"
                );
            }
        }
    }
    crossing.tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_affiliates_address_is_shown_to_itself_and_operators_on_every_way_to_it() {
    let tenants = Tenants::create().await;
    let query = "query($affiliate: ID!, $campaign: ID!) { \
        affiliate(id: $affiliate) { email discordUserId } affiliates { nodes { email discordUserId } } \
        posts { nodes { affiliate { email discordUserId } } } \
        applications { nodes { affiliate { email discordUserId } } } \
        alerts { nodes { affiliate { email discordUserId } post { affiliate { email discordUserId } } } } \
        campaign(id: $campaign) { posts { nodes { affiliate { email discordUserId } } } } }";
    let variables =
        json!({ "affiliate": tenants.acme.affiliate.id, "campaign": tenants.acme.campaign });
    for (name, client) in tenants.callers() {
        let answer = client.ok(query, variables.clone()).await;
        let (mut emails, mut members) = (Vec::new(), Vec::new());
        values(&answer, "email", &mut emails);
        values(&answer, "discordUserId", &mut members);
        assert!(emails.len() >= 3, "{name} sees affiliates: {answer}");
        let shown = |found: &[&Value]| found.iter().all(|value| value.is_string());
        let hidden = |found: &[&Value]| found.iter().all(|value| value.is_null());
        if matches!(name, "Acme" | "Borg") {
            assert!(hidden(&emails) && hidden(&members), "{name}: {answer}");
        } else {
            assert!(shown(&emails) && shown(&members), "{name}: {answer}");
        }
    }
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertisers_rules_and_totals_are_hidden_from_affiliates_on_every_way_to_them() {
    let tenants = Tenants::create().await;
    let query = "query($advertiser: ID!, $campaign: ID!) { \
        advertiser(id: $advertiser) { applicationRule minimumTrust campaigns { nodes { dashboard { totals { posts } } } } } \
        campaign(id: $campaign) { dashboard { totals { posts } } advertiser { applicationRule minimumTrust } } \
        applications { nodes { advertiser { applicationRule minimumTrust } } } \
        posts { nodes { campaign { dashboard { totals { posts } } advertiser { applicationRule minimumTrust } } } } \
        alerts { nodes { campaign { dashboard { totals { posts } } } } } }";
    let variables =
        json!({ "advertiser": tenants.acme.advertiser.id, "campaign": tenants.acme.campaign });
    for (client, is_shown) in [
        (&tenants.acme.affiliate.client, false),
        (&tenants.acme.advertiser.client, true),
        (&tenants.app.operator, true),
    ] {
        let answer = client.ok(query, variables.clone()).await;
        for name in ["applicationRule", "minimumTrust", "dashboard"] {
            let mut found = Vec::new();
            values(&answer, name, &mut found);
            assert!(found.len() >= 3, "{name}: {answer}");
            let all = found.iter().all(|value| value.is_null() != is_shown);
            assert!(all, "{name}: {answer}");
        }
    }
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_inside_of_an_object_holds_the_callers_share_of_it() {
    let crossing = Crossing::create().await;
    let (acme, borg) = (&crossing.tenants.acme, &crossing.tenants.borg);
    let query = "query($affiliate: ID!, $campaign: ID!) { \
        affiliate(id: $affiliate) { posts { totalCount } } \
        campaign(id: $campaign) { posts { totalCount } alerts { totalCount } advertiser { campaigns { totalCount } } } }";
    let variables = json!({ "affiliate": acme.affiliate.id, "campaign": acme.campaign });
    // Ann has two posts at Acme, one of them in the campaign, and one at Borg. Carl has another one in the campaign. Acme
    // has a campaign that is a draft, which Ann does not see, and a paused one, in which she posted.
    for (client, posts_of_ann, in_campaign, campaigns) in [
        (&acme.affiliate.client, 3, 1, 2),
        (&acme.advertiser.client, 2, 2, 3),
        (&crossing.tenants.app.operator, 3, 2, 3),
    ] {
        let answer = client.ok(query, variables.clone()).await;
        let expected = json!({
            "affiliate": { "posts": { "totalCount": posts_of_ann } },
            "campaign": {
                "posts": { "totalCount": in_campaign },
                "alerts": { "totalCount": in_campaign },
                "advertiser": { "campaigns": { "totalCount": campaigns } },
            },
        });
        assert_eq!(answer, expected);
    }
    let answer = borg.advertiser.client.ok(query, variables).await;
    let share = json!({ "affiliate": { "posts": { "totalCount": 1 } }, "campaign": null });
    assert_eq!(answer, share, "Borg knows Ann, and nothing of Acme");
    crossing.tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_viewing_affiliate_has_an_eligibility_and_an_application_at_an_advertiser() {
    let tenants = Tenants::create().await;
    let query =
        "query($id: ID!) { node(id: $id) { ... on Advertiser { eligible application { id } } } }";
    let variables = json!({ "id": tenants.acme.advertiser.id });
    let affiliate = &tenants.acme.affiliate.client;
    let answer = affiliate.ok(query, variables.clone()).await;
    let own = json!({ "eligible": true, "application": { "id": tenants.acme.application } });
    assert_eq!(answer["node"], own);
    for client in [&tenants.acme.advertiser.client, &tenants.app.operator] {
        let answer = client.ok(query, variables.clone()).await;
        let none = json!({ "eligible": null, "application": null });
        assert_eq!(answer["node"], none);
    }
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resolved_an_alert_is_no_business_of_the_affiliate() {
    let tenants = Tenants::create().await;
    for (client, alert) in [
        (&tenants.acme.advertiser.client, &tenants.acme.overclaim),
        (&tenants.app.operator, &tenants.acme.trust_drop),
    ] {
        let resolve = "mutation($input: ResolveAlertInput!) { resolveAlert(input: $input) { \
            alert { resolvedBy } userErrors { message } } }";
        let input = json!({ "alertId": alert, "notes": "Talked." });
        let data = client.ok(resolve, json!({ "input": input })).await;
        text(&data["resolveAlert"]["alert"]["resolvedBy"]);
    }
    let affiliate = &tenants.acme.affiliate.client;
    let data = affiliate
        .ok("{ alerts { nodes { status resolvedBy } } }", json!({}))
        .await;
    let resolved = json!({ "status": "RESOLVED", "resolvedBy": null });
    assert_eq!(data["alerts"]["nodes"], json!([resolved, resolved]));
    tenants.app.finish().await;
}
