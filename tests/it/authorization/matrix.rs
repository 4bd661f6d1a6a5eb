//! Each root field, found by introspection, by each caller. A new field needs a line in `TABLE` and one in `OPERATIONS`.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::domain::access;
use serde_json::{Value, json};

use super::contents::contents;
use super::introspection::Types;
use super::tenants::Tenants;
use crate::access::forge;
use crate::access::socket::Socket;
use crate::scene::{row, text};
use crate::support::{Client, Party};

/// What everybody gets who asks for something of Acme's program: Ann is its affiliate and Acme its advertiser, Bob and
/// Borg are others. A bad token is one that was altered, one that has expired, and
/// one whose sign-in was ended.
///
/// - `sign in`, `forbidden`: the answer is the error UNAUTHENTICATED, FORBIDDEN.
/// - `not found`, `not eligible`: the answer names that code, as it would for what does not exist.
/// - `shown`: the answer holds what was asked for. `hidden`: it holds null, or a list without it.
/// - `done`: something was written. In every other cell nothing was.
const TABLE: &str = "
field                    nobody   Ann        Bob           Acme       Borg       operator   bad token
node                     sign in  shown      hidden        shown      hidden     shown      sign in
nodes                    sign in  shown      hidden        shown      hidden     shown      sign in
viewer                   sign in  shown      shown         shown      shown      shown      sign in
advertisers              sign in  shown      hidden        shown      hidden     shown      sign in
advertiser               sign in  shown      forbidden     shown      hidden     shown      sign in
campaigns                sign in  shown      hidden        shown      hidden     shown      sign in
campaign                 sign in  shown      hidden        shown      hidden     shown      sign in
posts                    sign in  shown      hidden        shown      hidden     shown      sign in
post                     sign in  shown      hidden        shown      hidden     shown      sign in
affiliates               sign in  shown      hidden        shown      hidden     shown      sign in
affiliate                sign in  shown      hidden        shown      hidden     shown      sign in
applications             sign in  shown      hidden        shown      hidden     shown      sign in
orders                   sign in  shown      hidden        shown      hidden     shown      sign in
reconciliation           sign in  shown      hidden        shown      hidden     shown      sign in
reconciliationRun        sign in  shown      hidden        shown      hidden     shown      sign in
discrepancies            sign in  shown      hidden        shown      hidden     shown      sign in
verifyAuditTrail         sign in  shown      not found     shown      not found  shown      sign in
simulatePolicy           sign in  forbidden  forbidden     shown      not found  shown      sign in
queue                    sign in  forbidden  forbidden     forbidden  forbidden  shown      sign in
alerts                   sign in  shown      hidden        shown      hidden     shown      sign in
platforms                sign in  shown      shown         shown      shown      shown      sign in
platform                 sign in  shown      shown         shown      shown      shown      sign in

issueToken               done     done       done          done       done       done       sign in
refreshToken             done     done       done          done       done       done       sign in
revokeToken              done     done       done          done       done       done       sign in
createApiKey             sign in  done       forbidden     forbidden  forbidden  done       sign in
revokeApiKey             sign in  done       not found     not found  not found  done       sign in
createAdvertiser         sign in  forbidden  forbidden     forbidden  forbidden  done       sign in
updateAdvertiser         sign in  forbidden  forbidden     done       not found  done       sign in
rotateWebhookSecret      sign in  forbidden  forbidden     done       not found  done       sign in
updateAffiliate          sign in  done       not found     forbidden  forbidden  done       sign in
createAffiliate          sign in  forbidden  forbidden     forbidden  forbidden  done       sign in
setEligibility           sign in  forbidden  forbidden     done       not found  done       sign in
applyToAdvertiser        sign in  done       not eligible  forbidden  forbidden  forbidden  sign in
decideApplication        sign in  forbidden  forbidden     done       not found  done       sign in
withdrawApplication      sign in  done       not found     forbidden  forbidden  forbidden  sign in
endApplication           sign in  done       not found     done       not found  done       sign in
updateCampaign           sign in  forbidden  forbidden     done       not found  done       sign in
createCampaign           sign in  forbidden  forbidden     done       forbidden  done       sign in
updateCampaignPlatforms  sign in  forbidden  forbidden     done       not found  done       sign in
submitPost               sign in  done       not found     forbidden  forbidden  forbidden  sign in
submitPosts              sign in  done       not found     forbidden  forbidden  forbidden  sign in
submitReport             sign in  done       not found     forbidden  forbidden  forbidden  sign in
linkPlatformCredential   sign in  done       done          forbidden  forbidden  forbidden  sign in
unlinkPlatformCredential  sign in  done      done          forbidden  forbidden  forbidden  sign in
runReconciliation        sign in  forbidden  forbidden     done       not found  done       sign in
fetchPlatformMetrics     sign in  forbidden  forbidden     done       not found  done       sign in
updatePlatformConfig     sign in  forbidden  forbidden     forbidden  forbidden  done       sign in
retryJob                 sign in  forbidden  forbidden     forbidden  forbidden  done       sign in
discardJob               sign in  forbidden  forbidden     forbidden  forbidden  done       sign in
acknowledgeAlert         sign in  forbidden  forbidden     done       not found  done       sign in
resolveAlert             sign in  forbidden  forbidden     done       not found  done       sign in
createAlertChannel       sign in  forbidden  forbidden     done       not found  done       sign in
updateAlertChannel       sign in  forbidden  forbidden     done       not found  done       sign in
rotateAlertChannelSecret  sign in  forbidden  forbidden  done       not found  done       sign in
deleteAlertChannel       sign in  forbidden  forbidden     done       not found  done       sign in
sendTestAlert            sign in  forbidden  forbidden     done       not found  done       sign in
retryAlertDelivery       sign in  forbidden  forbidden     done       not found  done       sign in

alertRaised              sign in  shown      not found     shown      not found  shown      sign in
reportReconciled         sign in  shown      not found     shown      not found  shown      sign in
";

/// How each field is asked for, and what its answer holds where it is shown. `Stage::fill` puts ids into the places.
const OPERATIONS: &[(&str, &str, &str)] = &[
    ("node", r#"{ node(id: "<campaign>") { id } }"#, "<campaign>"),
    (
        "nodes",
        r#"{ nodes(ids: ["<campaign>"]) { id } }"#,
        "<campaign>",
    ),
    ("viewer", "{ viewer { role } }", "role"),
    (
        "advertisers",
        "{ advertisers { nodes { id } } }",
        "<advertiser>",
    ),
    (
        "advertiser",
        r#"{ advertiser(id: "<advertiser>") { id } }"#,
        "<advertiser>",
    ),
    ("campaigns", "{ campaigns { nodes { id } } }", "<campaign>"),
    (
        "campaign",
        r#"{ campaign(id: "<campaign>") { id } }"#,
        "<campaign>",
    ),
    ("posts", "{ posts { nodes { id } } }", "<post>"),
    ("post", r#"{ post(id: "<post>") { id } }"#, "<post>"),
    (
        "affiliates",
        "{ affiliates { nodes { id } } }",
        "<affiliate>",
    ),
    (
        "affiliate",
        r#"{ affiliate(id: "<affiliate>") { id } }"#,
        "<affiliate>",
    ),
    (
        "applications",
        "{ applications { nodes { id } } }",
        "<application>",
    ),
    (
        "reconciliation",
        r#"{ reconciliation(id: "<verdict>") { id } }"#,
        "<verdict>",
    ),
    ("alerts", "{ alerts { nodes { id } } }", "<alert>"),
    ("platforms", "{ platforms { kind enabled } }", "INSTAGRAM"),
    (
        "platform",
        "{ platform(kind: INSTAGRAM) { kind available } }",
        "INSTAGRAM",
    ),
    (
        "issueToken",
        r#"mutation { issueToken(input: { apiKey: "<key>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "refreshToken",
        r#"mutation { refreshToken(input: { refreshToken: "<refresh>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "revokeToken",
        r#"mutation { revokeToken(input: { refreshToken: "<refresh>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "createApiKey",
        r#"mutation { createApiKey(input: { affiliateId: "<affiliate>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "createAdvertiser",
        r#"mutation { createAdvertiser(input: { name: "Advertiser <new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "createAffiliate",
        r#"mutation { createAffiliate(input: { name: "Affiliate <new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "setEligibility",
        r#"mutation { setEligibility(input: {
            advertiserId: "<advertiser>", affiliateIds: ["<newcomer>"], eligible: true }) { userErrors { code } } }"#,
        "",
    ),
    (
        "applyToAdvertiser",
        r#"mutation { applyToAdvertiser(input: { advertiserId: "<prospect>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "decideApplication",
        r#"mutation { decideApplication(input: { applicationId: "<pending>", approve: true }) { userErrors { code } } }"#,
        "",
    ),
    (
        "createCampaign",
        r#"mutation { createCampaign(input: {
            advertiserId: "<advertiser>", name: "Spring", platforms: [REDDIT] }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updateCampaignPlatforms",
        r#"mutation { updateCampaignPlatforms(input: {
            campaignId: "<campaign>", platforms: [INSTAGRAM, REDDIT] }) { userErrors { code } } }"#,
        "",
    ),
    (
        "submitPost",
        r#"mutation { submitPost(input: { campaignId: "<campaign>", claimedViews: 1,
            url: "https://www.instagram.com/p/C<new>/" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "submitReport",
        r#"mutation { submitReport(input: { postId: "<post>", claimedViews: 1 }) { userErrors { code } } }"#,
        "",
    ),
    (
        "acknowledgeAlert",
        r#"mutation { acknowledgeAlert(input: { alertId: "<alert>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "resolveAlert",
        r#"mutation { resolveAlert(input: { alertId: "<alert>", notes: "Talked." }) { userErrors { code } } }"#,
        "",
    ),
    (
        "createAlertChannel",
        r#"mutation { createAlertChannel(input: { advertiserId: "<advertiser>", kind: WEBHOOK,
            url: "https://8.8.8.8/<new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updateAlertChannel",
        r#"mutation { updateAlertChannel(input: { channelId: "<channel>", url: "https://8.8.8.8/<new>" }) {
            userErrors { code } } }"#,
        "",
    ),
    (
        "rotateAlertChannelSecret",
        r#"mutation { rotateAlertChannelSecret(input: { channelId: "<channel>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "deleteAlertChannel",
        r#"mutation { deleteAlertChannel(input: { channelId: "<spare>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "sendTestAlert",
        r#"mutation { sendTestAlert(input: { channelId: "<channel>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "retryAlertDelivery",
        r#"mutation { retryAlertDelivery(input: { deliveryId: "<delivery>" }) { userErrors { code } } }"#,
        "",
    ),
    ("orders", "{ orders { nodes { id } } }", "<order>"),
    (
        "reconciliationRun",
        r#"{ reconciliationRun(id: "<run>") { id } }"#,
        "<run>",
    ),
    (
        "discrepancies",
        "{ discrepancies { nodes { id } } }",
        "<verdict>",
    ),
    (
        "verifyAuditTrail",
        r#"{ verifyAuditTrail(affiliateId: "<affiliate>") { intact } }"#,
        "true",
    ),
    (
        "simulatePolicy",
        r#"{ simulatePolicy(campaignId: "<campaign>", policy: {}) { claims } }"#,
        "claims",
    ),
    ("queue", "{ queue { ready } }", "ready"),
    (
        "revokeApiKey",
        r#"mutation { revokeApiKey(input: { prefix: "<prefix>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updateAdvertiser",
        r#"mutation { updateAdvertiser(input: { advertiserId: "<advertiser>", category: "Shoes <new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "rotateWebhookSecret",
        r#"mutation { rotateWebhookSecret(input: { advertiserId: "<advertiser>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updateAffiliate",
        r#"mutation { updateAffiliate(input: { affiliateId: "<affiliate>", name: "Ann <new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "withdrawApplication",
        r#"mutation { withdrawApplication(input: { applicationId: "<own pending>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "endApplication",
        r#"mutation { endApplication(input: { applicationId: "<application>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updateCampaign",
        r#"mutation { updateCampaign(input: { campaignId: "<campaign>", name: "Autumn <new>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "submitPosts",
        r#"mutation { submitPosts(input: { campaignId: "<campaign>", posts: [{ claimedViews: 1, url: "https://www.instagram.com/p/D<new>/" }] }) { results { userErrors { code } } } }"#,
        "",
    ),
    (
        "linkPlatformCredential",
        r#"mutation { linkPlatformCredential(input: { platform: X, accessToken: "a token" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "unlinkPlatformCredential",
        "mutation { unlinkPlatformCredential(input: { platform: X }) { userErrors { code } } }",
        "",
    ),
    (
        "runReconciliation",
        r#"mutation { runReconciliation(input: { campaignId: "<campaign>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "fetchPlatformMetrics",
        r#"mutation { fetchPlatformMetrics(input: { postId: "<post>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "updatePlatformConfig",
        "mutation { updatePlatformConfig(input: { kind: YOUTUBE, enabled: true }) { userErrors { code } } }",
        "",
    ),
    (
        "retryJob",
        r#"mutation { retryJob(input: { jobId: "<job>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "discardJob",
        r#"mutation { discardJob(input: { jobId: "<job>" }) { userErrors { code } } }"#,
        "",
    ),
    (
        "reportReconciled",
        r#"subscription { reportReconciled(postId: "<post>", after: "YWZ0ZXI6MA") { reconciliation { id } } }"#,
        "<verdict>",
    ),
    // With the cursor of the beginning, so that the first event is there already.
    (
        "alertRaised",
        r#"subscription { alertRaised(campaignId: "<campaign>", after: "YWZ0ZXI6MA") { alert { id } } }"#,
        "<alert>",
    ),
];

/// The columns of a line, which have two spaces or more between them.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .collect()
}

/// The lines of a table without the empty ones: the heading, and the others.
pub fn lines(table: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let mut lines = table.lines().map(cells).filter(|cells| !cells.is_empty());
    (lines.next().unwrap(), lines.collect())
}

/// Two programs, and what the mutations of the table are about.
struct Stage {
    tenants: Tenants,
    /// An advertiser that Ann may apply to, and Bob may not.
    prospect: Party,
    /// An affiliate with an application at Acme that nobody decides by itself.
    newcomer: Party,
    pending: String,
    /// An application of Ann's that nobody decides by itself.
    own_pending: String,
}

/// A channel of Acme's that can be removed.
const SPARE: i64 = 1_000_000;
/// A job that was given up.
const JOB: &str = "5f0c1a52-0000-4000-8000-000000000001";

impl Stage {
    async fn create() -> Self {
        let tenants = Tenants::create().await;
        let app = &tenants.app;
        let prospect = app.advertiser("Cosmos").await;
        app.make_eligible(&prospect, &tenants.acme.affiliate).await;
        let newcomer = app.affiliate("Nina").await;
        let insert = format!(
            "INSERT INTO applications (advertiser_id, affiliate_id) VALUES ({}, {}) RETURNING id",
            row(&tenants.acme.advertiser.id),
            row(&newcomer.id)
        );
        let made = app.database.connect().await.query_one(&insert, &[]).await;
        let pending = crate::scene::global_id("Application", made.unwrap().get(0));
        let delta = app.advertiser("Delta").await;
        let insert = format!(
            "INSERT INTO applications (advertiser_id, affiliate_id) VALUES ({}, {}) RETURNING id",
            row(&delta.id),
            row(&tenants.acme.affiliate.id)
        );
        let made = app.database.connect().await.query_one(&insert, &[]).await;
        let own_pending = crate::scene::global_id("Application", made.unwrap().get(0));
        Self {
            tenants,
            prospect,
            newcomer,
            pending,
            own_pending,
        }
    }

    /// Puts everything that a mutation of the table is about back, so that the next caller can do it as well.
    async fn reset(&self) {
        let (pending, prospect) = (row(&self.pending), row(&self.prospect.id));
        let (newcomer, campaign) = (row(&self.newcomer.id), row(&self.tenants.acme.campaign));
        let (own_pending, application) =
            (row(&self.own_pending), row(&self.tenants.acme.application));
        let acme = &self.tenants.acme;
        let (channel, delivery) = (row(&acme.channel), row(&acme.delivery));
        let advertiser = row(&acme.advertiser.id);
        self.tenants
            .app
            .database
            .execute(&format!(
                "UPDATE alerts SET status = 'OPEN', acknowledged_at = NULL, resolved_at = NULL, resolved_by = NULL, \
                 resolution_notes = NULL; \
                 UPDATE applications SET status = 'PENDING', decided_at = NULL, reason = NULL \
                 WHERE id IN ({pending}, {own_pending}); \
                 UPDATE applications SET status = 'APPROVED', reason = NULL WHERE id = {application}; \
                 DELETE FROM mq_msgs WHERE id = '{JOB}'; \
                 INSERT INTO dead_jobs (id, channel_name, name, created_at, last_error) \
                 VALUES ('{JOB}', 'nowhere', 'nothing', now(), 'none') ON CONFLICT DO NOTHING; \
                 UPDATE applications SET status = 'WITHDRAWN', decided_at = now() WHERE advertiser_id = {prospect}; \
                 DELETE FROM eligibility WHERE affiliate_id = {newcomer}; \
                 UPDATE alert_channels SET state = 'ACTIVE', disabled_reason = NULL, disabled_at = NULL \
                 WHERE id = {channel}; \
                 UPDATE alert_deliveries SET status = 'FAILED', next_attempt_at = NULL, delivered_at = NULL \
                 WHERE id = {delivery}; \
                 INSERT INTO alert_channels (id, advertiser_id, kind, shown_url, url_sealed, url_key_id, from_event_id) \
                 VALUES ({SPARE}, {advertiser}, 'WEBHOOK', 'https://8.8.8.8/', 'none', 'none', 0) \
                 ON CONFLICT DO NOTHING; \
                 DELETE FROM campaign_platforms WHERE campaign_id = {campaign} AND platform = 'REDDIT'"
            ))
            .await;
    }

    /// Puts ids in the places of an operation. `unused` is a number that no other operation has.
    async fn fill(&self, operation: &str, unused: usize) -> String {
        let acme = &self.tenants.acme;
        let mut filled = operation.to_owned();
        for (place, value) in [
            ("<advertiser>", &acme.advertiser.id),
            ("<affiliate>", &acme.affiliate.id),
            ("<application>", &acme.application),
            ("<campaign>", &acme.campaign),
            ("<post>", &acme.post),
            ("<verdict>", &acme.verdict),
            ("<alert>", &acme.overclaim),
            ("<key>", &acme.affiliate.api_key),
            ("<prospect>", &self.prospect.id),
            ("<newcomer>", &self.newcomer.id),
            ("<pending>", &self.pending),
            ("<own pending>", &self.own_pending),
            ("<order>", &acme.order),
            ("<run>", &acme.run),
            ("<channel>", &acme.channel),
            ("<delivery>", &acme.delivery),
            ("<spare>", &crate::scene::global_id("AlertChannel", SPARE)),
            ("<job>", &URL_SAFE_NO_PAD.encode(format!("Job:{JOB}"))),
            ("<new>", &format!("{unused:010}")),
        ] {
            filled = filled.replace(place, value);
        }
        if filled.contains("<refresh>") {
            filled = filled.replace("<refresh>", &self.refresh_token().await);
        }
        if filled.contains("<prefix>") {
            filled = filled.replace("<prefix>", &self.prefix().await);
        }
        assert!(!filled.contains('<'), "a place without a value: {filled}");
        filled
    }

    /// The prefix of a further key of Ann's.
    async fn prefix(&self) -> String {
        let data = self
            .tenants
            .app
            .operator
            .ok(
                "mutation($id: ID) { createApiKey(input: { affiliateId: $id }) { prefix } }",
                json!({ "id": self.tenants.acme.affiliate.id }),
            )
            .await;
        text(&data["createApiKey"]["prefix"])
    }

    async fn refresh_token(&self) -> String {
        let data = Client::anonymous(&self.tenants.app.url)
            .ok(
                "mutation($key: String) { issueToken(input: { apiKey: $key }) { refreshToken } }",
                json!({ "key": self.tenants.acme.affiliate.api_key }),
            )
            .await;
        text(&data["issueToken"]["refreshToken"])
    }

    /// Every column of the table with its callers.
    async fn columns(&self) -> Vec<(&'static str, Vec<Client>)> {
        let app = &self.tenants.app;
        let token = app.operator.token.as_ref().unwrap();
        let mut columns = vec![("nobody", vec![Client::anonymous(&app.url)])];
        for (name, client) in self.tenants.callers() {
            columns.push((name, vec![client.clone()]));
        }
        let bad = [
            forge::altered(token),
            forge::expired(app, token),
            self.tenants.revoked().await,
        ];
        let bad = bad.iter().map(|token| app.operator.with_token(token));
        columns.push(("bad token", bad.collect()));
        columns
    }
}

/// Hours by which the clock was moved before: each call is an hour after the one before it.
fn unused_hours(unused: usize) -> u16 {
    u16::try_from(unused).unwrap()
}

/// The answer to an operation; of a subscription, the first one.
pub async fn ask(client: &Client, operation: &str) -> Value {
    if !operation.starts_with("subscription") {
        return client.post(operation, json!({})).await;
    }
    let authorization = client.token.as_ref().map(|token| format!("Bearer {token}"));
    let payload = json!({ "authorization": authorization });
    let mut socket = Socket::open(&client.url, &payload).await;
    match socket.next().await {
        Ok(message) => assert_eq!(message["type"], "connection_ack"),
        Err((code, reason)) => {
            // What HTTP answers with UNAUTHENTICATED, a socket says by closing.
            assert_eq!((code, reason.as_str()), (4403, "Forbidden"));
            return json!({ "errors": [{ "extensions": { "code": "UNAUTHENTICATED" } }] });
        }
    }
    socket.start(operation).await;
    let mut message = socket.next().await.unwrap();
    match message["type"].as_str() {
        Some("error") => json!({ "errors": message["payload"].take() }),
        _ => message["payload"].take(),
    }
}

/// The word of the table for an answer.
fn outcome(answer: &Value, field: &str, held: &str) -> String {
    let code = |error: &Value| error["extensions"]["code"].as_str().map(str::to_owned);
    // Of many posts, what became of the first.
    let payload = match &answer["data"][field]["results"][0] {
        Value::Null => &answer["data"][field],
        first => first,
    };
    let refused = match code(&answer["errors"][0]) {
        Some(code) => Some(code),
        None => payload["userErrors"][0]["code"].as_str().map(str::to_owned),
    };
    match refused.as_deref() {
        Some("UNAUTHENTICATED") => "sign in".to_owned(),
        Some("FORBIDDEN") => "forbidden".to_owned(),
        Some("NOT_FOUND") => "not found".to_owned(),
        Some("NOT_ELIGIBLE") => "not eligible".to_owned(),
        Some(other) => other.to_owned(),
        None if payload["userErrors"].is_array() => "done".to_owned(),
        None if answer["data"][field].to_string().contains(held) => "shown".to_owned(),
        None => "hidden".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_root_field_has_a_line_here_and_in_the_table_of_rights() {
    let tenants = Tenants::create().await;
    let types = Types::of(&tenants.app.operator).await;
    let served: Vec<&str> = ["Query", "Mutation", "Subscription"]
        .iter()
        .flat_map(|root| types.names(root))
        .collect();
    let served: BTreeSet<&str> = served.into_iter().collect();
    let (_, rows) = lines(TABLE);
    let here: BTreeSet<&str> = rows.iter().map(|cells| cells[0]).collect();
    let operations: BTreeSet<&str> = OPERATIONS.iter().map(|(field, ..)| *field).collect();
    let rights: BTreeSet<&str> = access::TABLE.iter().map(|(field, _)| *field).collect();
    assert_eq!(here, served, "the table of this test");
    assert_eq!(operations, served, "the operations of this test");
    assert_eq!(rights, served, "access::TABLE");
    assert_eq!(rights.len(), access::TABLE.len(), "a field has one row");
    tenants.app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_gets_at_every_root_field_what_the_table_says() {
    let stage = Stage::create().await;
    let (heading, rows) = lines(TABLE);
    let columns = stage.columns().await;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    assert_eq!(heading[1..], names);
    let database = &stage.tenants.app.database;
    let mut unused = 0;
    let mut wrong = Vec::new();
    for cells in &rows {
        let field = cells[0];
        assert_eq!(cells.len(), heading.len(), "{cells:?}");
        let (_, operation, held) = OPERATIONS
            .iter()
            .find(|(name, ..)| *name == field)
            .unwrap_or_else(|| panic!("{field} has no operation"));
        let callers = columns.iter().zip(&cells[1..]);
        for ((name, clients), expected) in callers {
            for client in clients {
                unused += 1;
                let operation = stage.fill(operation, unused).await;
                let held = stage.fill(held, unused).await;
                stage.reset().await;
                if field == "fetchPlatformMetrics" {
                    // What was observed within the last minute is given as it is.
                    stage
                        .tenants
                        .app
                        .move_clock(i64::from(unused_hours(unused)))
                        .await;
                }
                let before = contents(database).await;
                let answer = ask(client, &operation).await;
                let got = outcome(&answer, field, &held);
                if got != *expected {
                    wrong.push(format!(
                        "{field} for {name}: {got}, not {expected}: {answer}"
                    ));
                }
                let changed = contents(database).await != before;
                if changed != (got == "done") {
                    wrong.push(format!("{field} for {name}: {got}, and written: {changed}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The claims that were made on the way wait for a worker.
    stage.tenants.app.abandon().await;
}
