//! Two advertisers that know nothing of each other, each with an affiliate and a claim that did not hold.

use countersign::simulator::Platform;
use serde_json::{Value, json};

use crate::scene::{self, Sample, submitted, text};
use crate::support::{Client, Party, TestApp};

/// One program, and an object of every kind in it.
pub struct Tenant {
    pub advertiser: Party,
    pub affiliate: Party,
    pub application: String,
    pub campaign: String,
    pub post: String,
    pub report: String,
    pub observation: String,
    pub verdict: String,
    pub order: String,
    /// A run of the post.
    pub run: String,
    /// The alert that the claim raised in the campaign.
    pub overclaim: String,
    /// The alert on the affiliate's trust, which is in no campaign.
    pub trust_drop: String,
    /// A channel of the advertiser, which is disabled.
    pub channel: String,
    /// What the channel was told of the alert.
    pub delivery: String,
}

impl Tenant {
    async fn create(app: &TestApp, advertiser: Party, affiliate: Party, sample: &Sample) -> Self {
        app.approve(&advertiser, &affiliate).await;
        let policy = json!({ "lagWindowHours": 0 });
        let campaign = app.campaign(&advertiser, &["INSTAGRAM"], policy).await;
        let claim = json!({ "claimedViews": sample.figures.views * 2 });
        let ids = submitted(&affiliate.client, &campaign, &sample.url, claim).await;
        app.settled().await;
        let order = scene::delivered(app, &advertiser, &affiliate, Some(&campaign)).await;
        let run = scene::run(&advertiser.client, json!({ "postId": ids.post })).await;
        app.settled().await;
        let data = affiliate
            .client
            .ok(
                "query($post: ID!) { post(id: $post) { latestPlatformReport { id } latestReconciliation { id } } \
                 applications { nodes { id } } overclaims: alerts(filter: { kind: [OVERCLAIM] }) { nodes { id } } \
                 drops: alerts(filter: { kind: [TRUST_DROP] }) { nodes { id } } }",
                json!({ "post": ids.post }),
            )
            .await;
        let only = |list: &Value| {
            assert_eq!(list["nodes"].as_array().unwrap().len(), 1, "{data}");
            text(&list["nodes"][0]["id"])
        };
        let overclaim = only(&data["overclaims"]);
        let (channel, delivery) = told(app, &advertiser, &overclaim).await;
        Self {
            advertiser,
            affiliate,
            application: only(&data["applications"]),
            campaign,
            post: ids.post,
            report: ids.report,
            observation: text(&data["post"]["latestPlatformReport"]["id"]),
            verdict: text(&data["post"]["latestReconciliation"]["id"]),
            order,
            run,
            overclaim,
            trust_drop: only(&data["drops"]),
            channel,
            delivery,
        }
    }

    /// The id of the program's object of this type.
    pub fn id(&self, kind: &str) -> &str {
        match kind {
            "Advertiser" => &self.advertiser.id,
            "Affiliate" => &self.affiliate.id,
            "AffiliateReport" => &self.report,
            "Alert" => &self.overclaim,
            "AlertChannel" => &self.channel,
            "AlertDelivery" => &self.delivery,
            "Application" => &self.application,
            "Campaign" => &self.campaign,
            "Order" => &self.order,
            "PlatformReport" => &self.observation,
            "Post" => &self.post,
            "Reconciliation" => &self.verdict,
            "ReconciliationRun" => &self.run,
            _ => panic!("there is no {kind} in a program: add one"),
        }
    }
}

/// A channel of an advertiser's, disabled so that nothing is ever sent, and what it was told of an alert before.
async fn told(app: &TestApp, advertiser: &Party, alert: &str) -> (String, String) {
    let create = "mutation { createAlertChannel(input: { kind: WEBHOOK, url: \"https://8.8.8.8/hook\" }) { \
        alertChannel { id } } }";
    let data = advertiser.client.ok(create, json!({})).await;
    let channel = text(&data["createAlertChannel"]["alertChannel"]["id"]);
    let disable = "mutation($id: ID!) { updateAlertChannel(input: { channelId: $id, enabled: false }) { \
        userErrors { code } } }";
    advertiser
        .client
        .ok(disable, json!({ "id": channel }))
        .await;
    let insert = format!(
        "INSERT INTO alert_deliveries (channel_id, kind, event_id, body, status, attempts, last_status_code, \
         delivered_at) SELECT {}, 'ALERT', min(id), '{{}}', 'DELIVERED', 1, 200, countersign_now() \
         FROM alert_events WHERE alert_id = {} RETURNING id",
        scene::row(&channel),
        scene::row(alert)
    );
    let made = app.database.connect().await.query_one(&insert, &[]).await;
    let delivery = scene::global_id("AlertDelivery", made.unwrap().get(0));
    (channel, delivery)
}

/// Two programs in one server, whose worker has stopped.
pub struct Tenants {
    pub app: TestApp,
    /// Acme, with Ann.
    pub acme: Tenant,
    /// Borg, with Bob.
    pub borg: Tenant,
}

impl Tenants {
    pub async fn create() -> Self {
        let mut app = TestApp::working().await;
        let samples = scene::samples(&app, Platform::Instagram, 2, |figures| {
            figures.views >= 1000
        });
        let (advertiser, affiliate) = (
            app.advertiser("Acme Shoes").await,
            self::affiliate(&app, "Ann Ashdown", "ann@ashdown.example", "1001").await,
        );
        let acme = Tenant::create(&app, advertiser, affiliate, &samples[0]).await;
        let (advertiser, affiliate) = (
            app.advertiser("Borg Boats").await,
            self::affiliate(&app, "Bob Brockhurst", "bob@brockhurst.example", "1002").await,
        );
        let borg = Tenant::create(&app, advertiser, affiliate, &samples[1]).await;
        app.stop_worker().await;
        Self { app, acme, borg }
    }

    /// Everybody who is signed in, by the names that the tables have.
    pub fn callers(&self) -> [(&'static str, &Client); 5] {
        [
            ("Ann", &self.acme.affiliate.client),
            ("Bob", &self.borg.affiliate.client),
            ("Acme", &self.acme.advertiser.client),
            ("Borg", &self.borg.advertiser.client),
            ("operator", &self.app.operator),
        ]
    }

    /// A token of Ann's whose sign-in was ended.
    pub async fn revoked(&self) -> String {
        let anonymous = Client::anonymous(&self.app.url);
        let data = anonymous
            .ok(
                "mutation($key: String) { issueToken(input: { apiKey: $key }) { accessToken refreshToken } }",
                json!({ "key": self.acme.affiliate.api_key }),
            )
            .await;
        let tokens = &data["issueToken"];
        anonymous
            .ok(
                "mutation($token: String!) { revokeToken(input: { refreshToken: $token }) { revoked } }",
                json!({ "token": tokens["refreshToken"] }),
            )
            .await;
        text(&tokens["accessToken"])
    }

    /// Raises an alert on a platform, as its circuit does, and gives the id.
    pub async fn platform_degraded(&self) -> String {
        let row = self
            .app
            .database
            .connect()
            .await
            .query_one(
                "WITH raised AS (INSERT INTO alerts (kind, dedupe_key, message, created_at) \
                 VALUES ('PLATFORM_DEGRADED', 'PLATFORM_DEGRADED:REDDIT', 'Reddit fails.', countersign_now()) \
                 RETURNING id), \
                 told AS (INSERT INTO alert_events (alert_id, kind, occurred_at) \
                 SELECT id, 'RAISED', countersign_now() FROM raised) SELECT id FROM raised",
                &[],
            )
            .await
            .unwrap();
        scene::global_id("Alert", row.get(0))
    }
}

/// An affiliate with an address and a Discord account, which are nobody else's business.
pub async fn affiliate(app: &TestApp, name: &str, email: &str, discord: &str) -> Party {
    let input = json!({ "name": name, "email": email, "discordUserId": discord });
    let data = app
        .operator
        .ok(
            "mutation($input: CreateAffiliateInput!) { createAffiliate(input: $input) \
             { affiliate { id } apiKey } }",
            json!({ "input": input }),
        )
        .await;
    let payload = &data["createAffiliate"];
    let api_key = text(&payload["apiKey"]);
    Party {
        id: text(&payload["affiliate"]["id"]),
        name: name.to_owned(),
        client: Client::sign_in(&app.url, &api_key).await,
        api_key,
    }
}
