//! An id of a stranger's object answers, wherever an id can be given, as one does that names nothing.
//!
//! Introspection finds every argument and input field that takes an id, so that a new one needs a line in `CASES`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::contents::contents;
use super::introspection::Types;
use super::matrix::ask;
use super::tenants::{Tenant, Tenants};
use crate::scene::global_id;

/// Every type that has a global id.
const KINDS: [&str; 13] = [
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
];

/// Where an id can be given, of which type, and in what operation. `<id>` is the stranger's, what is written as `<Campaign>`
/// is the caller's own.
const CASES: &[(&str, &str, &str)] = &[
    (
        "Query.node.id",
        "",
        r#"{ node(id: "<id>") { id __typename } }"#,
    ),
    (
        "Query.nodes.ids",
        "",
        r#"{ nodes(ids: ["<id>", "<Post>"]) { id } }"#,
    ),
    (
        "Query.advertiser.id",
        "Advertiser",
        r#"{ advertiser(id: "<id>") { id name } }"#,
    ),
    (
        "Query.advertiser.eligibleFor",
        "Affiliate",
        r#"{ advertiser(id: "<Advertiser>", eligibleFor: "<id>") { id } }"#,
    ),
    (
        "Query.advertisers.eligibleFor",
        "Affiliate",
        r#"{ advertisers(eligibleFor: "<id>") { totalCount nodes { id } } }"#,
    ),
    (
        "Query.affiliate.id",
        "Affiliate",
        r#"{ affiliate(id: "<id>") { id name trustScore } }"#,
    ),
    (
        "Query.alerts.filter.affiliateId",
        "Affiliate",
        r#"{ alerts(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.alerts.filter.campaignId",
        "Campaign",
        r#"{ alerts(filter: { campaignId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.applications.filter.advertiserId",
        "Advertiser",
        r#"{ applications(filter: { advertiserId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.applications.filter.affiliateId",
        "Affiliate",
        r#"{ applications(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.campaign.id",
        "Campaign",
        r#"{ campaign(id: "<id>") { id name policy { version } } }"#,
    ),
    (
        "Query.campaigns.filter.advertiserId",
        "Advertiser",
        r#"{ campaigns(filter: { advertiserId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.post.id",
        "Post",
        r#"{ post(id: "<id>") { id url } }"#,
    ),
    (
        "Query.posts.filter.affiliateId",
        "Affiliate",
        r#"{ posts(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.posts.filter.campaignId",
        "Campaign",
        r#"{ posts(filter: { campaignId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.reconciliation.id",
        "Reconciliation",
        r#"{ reconciliation(id: "<id>") { id explanation } }"#,
    ),
    (
        "Affiliate.posts.filter.affiliateId",
        "Affiliate",
        r#"{ affiliate(id: "<Affiliate>") { posts(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Affiliate.posts.filter.campaignId",
        "Campaign",
        r#"{ affiliate(id: "<Affiliate>") { posts(filter: { campaignId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Campaign.alerts.filter.affiliateId",
        "Affiliate",
        r#"{ campaign(id: "<Campaign>") { alerts(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Campaign.alerts.filter.campaignId",
        "Campaign",
        r#"{ campaign(id: "<Campaign>") { alerts(filter: { campaignId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Campaign.posts.filter.affiliateId",
        "Affiliate",
        r#"{ campaign(id: "<Campaign>") { posts(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Campaign.posts.filter.campaignId",
        "Campaign",
        r#"{ campaign(id: "<Campaign>") { posts(filter: { campaignId: "<id>" }) { totalCount nodes { id } } } }"#,
    ),
    (
        "Mutation.acknowledgeAlert.input.alertId",
        "Alert",
        r#"mutation { acknowledgeAlert(input: { alertId: "<id>" }) { alert { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.applyToAdvertiser.input.advertiserId",
        "Advertiser",
        r#"mutation { applyToAdvertiser(input: { advertiserId: "<id>" }) {
            application { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.createApiKey.input.advertiserId",
        "Advertiser",
        r#"mutation { createApiKey(input: { advertiserId: "<id>" }) { apiKey userErrors { code message } } }"#,
    ),
    (
        "Mutation.createApiKey.input.affiliateId",
        "Affiliate",
        r#"mutation { createApiKey(input: { affiliateId: "<id>" }) { apiKey userErrors { code message } } }"#,
    ),
    (
        "Mutation.createCampaign.input.advertiserId",
        "Advertiser",
        r#"mutation { createCampaign(input: { advertiserId: "<id>", name: "Spring", platforms: [REDDIT] }) {
            campaign { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.decideApplication.input.applicationId",
        "Application",
        r#"mutation { decideApplication(input: { applicationId: "<id>", approve: false }) {
            application { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.resolveAlert.input.alertId",
        "Alert",
        r#"mutation { resolveAlert(input: { alertId: "<id>", notes: "Talked." }) {
            alert { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.setEligibility.input.advertiserId",
        "Advertiser",
        r#"mutation { setEligibility(input: { advertiserId: "<id>", affiliateIds: ["<Affiliate>"], eligible: false }) {
            advertiser { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.setEligibility.input.affiliateIds",
        "Affiliate",
        r#"mutation { setEligibility(input: { advertiserId: "<Advertiser>", affiliateIds: ["<id>"], eligible: false }) {
            advertiser { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.submitPost.input.campaignId",
        "Campaign",
        r#"mutation { submitPost(input: {
            campaignId: "<id>", url: "https://www.instagram.com/p/C0000000000/", claimedViews: 1 }) {
            post { id } report { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.submitReport.input.postId",
        "Post",
        r#"mutation { submitReport(input: { postId: "<id>", claimedViews: 1 }) {
            report { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.updateCampaignPlatforms.input.campaignId",
        "Campaign",
        r#"mutation { updateCampaignPlatforms(input: { campaignId: "<id>", platforms: [REDDIT] }) {
            campaign { id } userErrors { code message } } }"#,
    ),
    (
        "Query.affiliates.filter.campaignId",
        "Campaign",
        r#"{ affiliates(filter: { campaignId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.discrepancies.filter.affiliateId",
        "Affiliate",
        r#"{ discrepancies(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.discrepancies.filter.campaignId",
        "Campaign",
        r#"{ discrepancies(filter: { campaignId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.orders.filter.advertiserId",
        "Advertiser",
        r#"{ orders(filter: { advertiserId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.orders.filter.affiliateId",
        "Affiliate",
        r#"{ orders(filter: { affiliateId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.orders.filter.campaignId",
        "Campaign",
        r#"{ orders(filter: { campaignId: "<id>" }) { totalCount nodes { id } } }"#,
    ),
    (
        "Query.reconciliationRun.id",
        "ReconciliationRun",
        r#"{ reconciliationRun(id: "<id>") { id total completed } }"#,
    ),
    (
        "Query.simulatePolicy.campaignId",
        "Campaign",
        r#"{ simulatePolicy(campaignId: "<id>", policy: {}) { claims changed } }"#,
    ),
    (
        "Query.verifyAuditTrail.affiliateId",
        "Affiliate",
        r#"{ verifyAuditTrail(affiliateId: "<id>") { checked intact head } }"#,
    ),
    (
        "Affiliate.performance.campaignId",
        "Campaign",
        r#"{ affiliate(id: "<Affiliate>") { performance(campaignId: "<id>") { posts reports orders claimed { views { value } } } } }"#,
    ),
    (
        "Mutation.endApplication.input.applicationId",
        "Application",
        r#"mutation { endApplication(input: { applicationId: "<id>" }) { application { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.fetchPlatformMetrics.input.postId",
        "Post",
        r#"mutation { fetchPlatformMetrics(input: { postId: "<id>" }) { platformReport { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.rotateWebhookSecret.input.advertiserId",
        "Advertiser",
        r#"mutation { rotateWebhookSecret(input: { advertiserId: "<id>" }) { webhookSecret userErrors { code message } } }"#,
    ),
    (
        "Mutation.runReconciliation.input.campaignId",
        "Campaign",
        r#"mutation { runReconciliation(input: { campaignId: "<id>" }) { run { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.runReconciliation.input.postId",
        "Post",
        r#"mutation { runReconciliation(input: { postId: "<id>" }) { run { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.submitPosts.input.campaignId",
        "Campaign",
        r#"mutation { submitPosts(input: { campaignId: "<id>", posts: [{ url: "https://www.instagram.com/p/C0000000000/", claimedViews: 1 }] }) { results { post { id } userErrors { code message } } userErrors { code } } }"#,
    ),
    (
        "Mutation.updateAdvertiser.input.advertiserId",
        "Advertiser",
        r#"mutation { updateAdvertiser(input: { advertiserId: "<id>", category: "Hats" }) { advertiser { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.updateAffiliate.input.affiliateId",
        "Affiliate",
        r#"mutation { updateAffiliate(input: { affiliateId: "<id>", name: "Somebody" }) { affiliate { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.updateCampaign.input.campaignId",
        "Campaign",
        r#"mutation { updateCampaign(input: { campaignId: "<id>", name: "Spring" }) { campaign { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.withdrawApplication.input.applicationId",
        "Application",
        r#"mutation { withdrawApplication(input: { applicationId: "<id>" }) { application { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.createAlertChannel.input.advertiserId",
        "Advertiser",
        r#"mutation { createAlertChannel(input: { advertiserId: "<id>", kind: WEBHOOK, url: "https://8.8.8.8/hook" }) {
            alertChannel { id } signingSecret userErrors { code message } } }"#,
    ),
    (
        "Mutation.updateAlertChannel.input.channelId",
        "AlertChannel",
        r#"mutation { updateAlertChannel(input: { channelId: "<id>", enabled: true }) {
            alertChannel { id url } userErrors { code message } } }"#,
    ),
    (
        "Mutation.rotateAlertChannelSecret.input.channelId",
        "AlertChannel",
        r#"mutation { rotateAlertChannelSecret(input: { channelId: "<id>" }) {
            signingSecret userErrors { code message } } }"#,
    ),
    (
        "Mutation.deleteAlertChannel.input.channelId",
        "AlertChannel",
        r#"mutation { deleteAlertChannel(input: { channelId: "<id>" }) { deletedId userErrors { code message } } }"#,
    ),
    (
        "Mutation.sendTestAlert.input.channelId",
        "AlertChannel",
        r#"mutation { sendTestAlert(input: { channelId: "<id>" }) { alertDelivery { id } userErrors { code message } } }"#,
    ),
    (
        "Mutation.retryAlertDelivery.input.deliveryId",
        "AlertDelivery",
        r#"mutation { retryAlertDelivery(input: { deliveryId: "<id>" }) {
            alertDelivery { id } userErrors { code message } } }"#,
    ),
    (
        "Subscription.reportReconciled.postId",
        "Post",
        r#"subscription { reportReconciled(postId: "<id>", after: "YWZ0ZXI6MA") { reconciliation { id } } }"#,
    ),
    (
        "Subscription.alertRaised.campaignId",
        "Campaign",
        r#"subscription { alertRaised(campaignId: "<id>", after: "YWZ0ZXI6MA") { alert { id } } }"#,
    ),
];

/// Every place in the schema that takes an id, such as `Mutation.submitPost.input.campaignId`.
fn places(types: &Types) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (object, fields) in &types.objects {
        for field in fields {
            for (name, kind) in &field.arguments {
                let place = format!("{object}.{}.{name}", field.name);
                find_places(types, place, kind, &mut found);
            }
        }
    }
    found
}

fn find_places(types: &Types, place: String, kind: &str, found: &mut BTreeSet<String>) {
    for field in types.inputs.get(kind).into_iter().flatten() {
        let place = format!("{place}.{}", field.name);
        find_places(types, place, &field.kind, found);
    }
    if kind == "ID" {
        found.insert(place);
    }
}

/// An answer without what differs between any two.
fn without_request_id(mut answer: Value) -> Value {
    let errors = answer.get_mut("errors").and_then(Value::as_array_mut);
    for error in errors.into_iter().flatten() {
        if let Some(extensions) = error["extensions"].as_object_mut() {
            extensions.remove("requestId");
        }
    }
    answer
}

/// An operation on an id, with the caller's own objects around it.
fn fill(operation: &str, own: &Tenant, id: &str) -> String {
    let mut filled = operation.replace("<id>", id);
    for kind in KINDS {
        filled = filled.replace(&format!("<{kind}>"), own.id(kind));
    }
    filled
}

#[tokio::test(flavor = "multi_thread")]
async fn every_place_that_takes_an_id_has_a_case_here() {
    let tenants = Tenants::create().await;
    let types = Types::of(&tenants.app.operator).await;
    let cases: BTreeSet<String> = CASES
        .iter()
        .map(|(place, ..)| (*place).to_owned())
        .collect();
    // The id of a job is an operator's.
    let jobs = ["discardJob", "retryJob"].map(|field| format!("Mutation.{field}.input.jobId"));
    let mut places = places(&types);
    places.retain(|place| !jobs.contains(place));
    assert_eq!(cases, places);
    let names = types.objects.keys().map(String::as_str);
    let nodes: BTreeSet<&str> = names
        .filter(|name| !matches!(*name, "Node" | "DeadJob") && types.is_node(name))
        .collect();
    assert_eq!(nodes, BTreeSet::from(KINDS));
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_id_answers_like_one_that_names_nothing_and_changes_nothing() {
    let tenants = Tenants::create().await;
    let own = &tenants.acme;
    let before = contents(&tenants.app.database).await;
    let mut wrong = Vec::new();
    for (place, kind, operation) in CASES {
        let kinds = match *kind {
            "" => KINDS.to_vec(),
            kind => vec![kind],
        };
        for kind in kinds {
            let mut strangers = vec![tenants.borg.id(kind)];
            if kind == "Alert" {
                strangers.push(&tenants.borg.trust_drop);
            }
            let nothing = fill(operation, own, &global_id(kind, 4_000_000_000));
            for (name, client) in [
                ("Ann", &own.affiliate.client),
                ("Acme", &own.advertiser.client),
            ] {
                let like = without_request_id(ask(client, &nothing).await);
                for stranger in &strangers {
                    let operation = fill(operation, own, stranger);
                    let answer = without_request_id(ask(client, &operation).await);
                    if answer != like {
                        wrong.push(format!(
                            "{place} of {kind} for {name}: {answer}, not {like}"
                        ));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(contents(&tenants.app.database).await, before);
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_type_is_said_to_be_one() {
    let tenants = Tenants::create().await;
    let own = &tenants.acme;
    for (place, kind, operation) in CASES.iter().filter(|(_, kind, _)| !kind.is_empty()) {
        let other = if *kind == "Post" { "Campaign" } else { "Post" };
        // An operator may call every field but what affiliates do for themselves.
        let client = if ["submit", "applyTo", "withdraw"]
            .iter()
            .any(|own| operation.contains(own))
        {
            &own.affiliate.client
        } else {
            &tenants.app.operator
        };
        let answer = ask(client, &fill(operation, own, own.id(other))).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "BAD_USER_INPUT", "{place}: {answer}");
    }
    tenants.app.finish().await;
}
