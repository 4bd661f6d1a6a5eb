//! Orders arrive by a signed webhook: once, whatever is delivered how often, and from nobody who does not know the secret.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use countersign::crypto::hmac_hex;
use serde_json::{Value, json};

use crate::scene::{deliver, post_order, row, text, webhook_secret};
use crate::support::{Client, Party, TestApp};

/// An advertiser with its secret and an affiliate.
struct Shop {
    app: TestApp,
    acme: Party,
    ann: Party,
    campaign: String,
    secret: String,
}

impl Shop {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (acme, ann, campaign) = app.program(&["REDDIT"]).await;
        let secret = webhook_secret(&acme.client, json!({})).await;
        Self {
            app,
            acme,
            ann,
            campaign,
            secret,
        }
    }

    /// A body with some of its fields replaced, or left out where they are null.
    fn body(&self, changes: &Value) -> String {
        let mut body = json!({
            "order_id": "A-1", "advertiser_id": self.acme.id, "user_id": self.ann.id,
            "amount": "12.50", "commission": "1.25",
        });
        for (name, value) in changes.as_object().unwrap() {
            if value.is_null() {
                body.as_object_mut().unwrap().remove(name);
            } else {
                body[name] = value.clone();
            }
        }
        body.to_string()
    }

    async fn deliver(&self, changes: Value) -> (u16, Value) {
        deliver(&self.app, &self.secret, &self.body(&changes)).await
    }

    async fn orders(&self, client: &Client) -> Vec<Value> {
        let data = client
            .ok(
                "{ orders { nodes { id orderId amount commission currency status revisions affiliate { name } \
                 advertiser { name } campaign { id } } } }",
                json!({}),
            )
            .await;
        data["orders"]["nodes"].as_array().unwrap().clone()
    }

    async fn revisions(&self) -> i64 {
        let count = "SELECT count(*)::text FROM order_revisions";
        self.app.database.text(count).await.parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_order_is_kept_once_and_shown_to_both_sides() {
    let shop = Shop::open().await;
    let (status, answer) = shop.deliver(json!({ "campaign_id": shop.campaign })).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"], "created");
    let (status, again) = shop
        .deliver(json!({ "campaign_id": shop.campaign, "amount": 12.5 }))
        .await;
    assert_eq!((status, &again["result"]), (200, &json!("unchanged")));
    assert_eq!(again["id"], answer["id"]);
    assert_eq!(shop.revisions().await, 1);
    let expected = json!({
        "id": answer["id"], "orderId": "A-1", "amount": "12.50", "commission": "1.25", "currency": "USD",
        "status": "ACCEPTED", "revisions": 1, "affiliate": { "name": "Ann" }, "advertiser": { "name": "Acme" },
        "campaign": { "id": shop.campaign },
    });
    for client in [&shop.acme.client, &shop.ann.client, &shop.app.operator] {
        assert_eq!(shop.orders(client).await, [expected.clone()]);
    }
    let (bob, borg) = (
        shop.app.affiliate("Bob").await,
        shop.app.advertiser("Borg").await,
    );
    for stranger in [&bob.client, &borg.client] {
        assert_eq!(shop.orders(stranger).await, [] as [Value; 0]);
    }
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_is_a_revision_and_what_cannot_change_is_a_conflict() {
    let shop = Shop::open().await;
    let bob = shop.app.affiliate("Bob").await;
    shop.deliver(json!({})).await;
    for (changes, result, revisions) in [
        (json!({ "amount": "13.00" }), "revised", 2),
        (json!({ "amount": "13.00", "commission": 2 }), "revised", 3),
        (
            json!({ "amount": "13.00", "commission": 2, "status": "reversed" }),
            "revised",
            4,
        ),
        (
            json!({ "amount": 13, "commission": "2.0", "status": "reversed" }),
            "unchanged",
            4,
        ),
        (
            json!({ "amount": 13, "commission": 2, "status": "reversed", "campaign_id": shop.campaign }),
            "revised",
            5,
        ),
        (
            json!({ "amount": 13, "commission": 2, "status": "reversed" }),
            "unchanged",
            5,
        ),
        (
            json!({ "amount": 13, "commission": 2, "status": "accepted" }),
            "revised",
            6,
        ),
    ] {
        let (status, answer) = shop.deliver(changes.clone()).await;
        assert_eq!(status, 200, "{changes}: {answer}");
        assert_eq!(
            (&answer["result"], &answer["revisions"]),
            (&json!(result), &json!(revisions)),
            "{changes}"
        );
    }
    let other = shop.app.campaign(&shop.acme, &["REDDIT"], json!({})).await;
    let before = shop.orders(&shop.acme.client).await;
    for (changes, field) in [
        (json!({ "user_id": bob.id }), "user_id"),
        (json!({ "currency": "EUR" }), "currency"),
        (json!({ "campaign_id": other }), "campaign_id"),
    ] {
        let (status, answer) = shop.deliver(changes).await;
        assert_eq!(status, 409, "{answer}");
        assert_eq!(answer["error"]["code"], "CONFLICT");
        assert_eq!(answer["error"]["fields"][0]["field"], field);
    }
    assert_eq!(shop.orders(&shop.acme.client).await, before);
    assert_eq!(shop.revisions().await, 6);
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_deliveries_of_one_order_at_once_are_one_order() {
    let shop = Shop::open().await;
    let body = shop.body(&json!({}));
    let all = (0..50).map(|_| deliver(&shop.app, &shop.secret, &body));
    let answers = futures_util::future::join_all(all).await;
    let created = answers
        .iter()
        .filter(|(_, answer)| answer["result"] == "created");
    assert_eq!(created.count(), 1);
    let ids: std::collections::BTreeSet<String> = answers
        .iter()
        .map(|(status, answer)| {
            assert_eq!(*status, 200, "{answer}");
            text(&answer["id"])
        })
        .collect();
    assert_eq!(ids.len(), 1);
    assert_eq!(shop.revisions().await, 1);
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_gets_one_answer_and_leaves_nothing() {
    let shop = Shop::open().await;
    let body = shop.body(&json!({}));
    let signature = hmac_hex(&shop.secret.clone().into(), body.as_bytes());
    let wrong = hmac_hex(&"another secret".to_owned().into(), body.as_bytes());
    let stranger = shop.body(&json!({ "advertiser_id": 4_000_000 }));
    let of_stranger = hmac_hex(&shop.secret.clone().into(), stranger.as_bytes());
    let nameless = shop.body(&json!({ "advertiser_id": null }));
    let of_nameless = hmac_hex(&shop.secret.clone().into(), nameless.as_bytes());
    let altered = body.replace("12.50", "92.50");
    let base64ed = "A".repeat(44);
    let now = shop.app.app.clock.now().timestamp().to_string();
    let mut messages = Vec::new();
    for (body, headers) in [
        (&body, vec![]),
        (&body, vec![("x-partner-signature", "")]),
        (&body, vec![("x-partner-signature", wrong.as_str())]),
        (&body, vec![("x-partner-signature", &signature[..62])]),
        (&body, vec![("x-partner-signature", base64ed.as_str())]),
        (&altered, vec![("x-partner-signature", signature.as_str())]),
        (
            &stranger,
            vec![("x-partner-signature", of_stranger.as_str())],
        ),
        (
            &nameless,
            vec![("x-partner-signature", of_nameless.as_str())],
        ),
        // A signature of the body is none of the body and a time.
        (
            &body,
            vec![
                ("x-partner-signature", signature.as_str()),
                ("x-partner-timestamp", now.as_str()),
            ],
        ),
        (
            &body,
            vec![
                ("x-partner-signature", signature.as_str()),
                ("x-partner-signature", signature.as_str()),
            ],
        ),
    ] {
        let (status, mut answer) = post_order(&shop.app, body, &headers).await;
        assert_eq!(status, 401, "{headers:?}: {answer}");
        answer["error"]["requestId"].take();
        messages.push(answer);
    }
    for message in &messages {
        assert_eq!(message, &messages[0]);
    }
    for body in ["", "{", "[]", "null", "\u{0}"] {
        let (status, _) = deliver(&shop.app, &shop.secret, body).await;
        assert_eq!(status, 401, "{body:?}");
    }
    assert_eq!(shop.revisions().await, 0);
    // The same signature in capitals holds.
    let capitals = signature.to_uppercase();
    let (status, _) = post_order(&shop.app, &body, &[("X-Partner-Signature", &capitals)]).await;
    assert_eq!(status, 200);
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_is_signed_must_be_near_and_can_be_required() {
    let shop = Shop::open().await;
    let now = shop.app.app.clock.now().timestamp();
    let timed = async |order: &str, at: String| {
        let body = shop.body(&json!({ "order_id": order }));
        let message = format!("{at}.{body}");
        let signature = hmac_hex(&shop.secret.clone().into(), message.as_bytes());
        let headers = [
            ("x-partner-signature", signature.as_str()),
            ("x-partner-timestamp", at.as_str()),
        ];
        post_order(&shop.app, &body, &headers).await.0
    };
    for (order, at, expected) in [
        ("now", now.to_string(), 200),
        ("early", (now - 290).to_string(), 200),
        ("late", (now + 290).to_string(), 200),
        ("too early", (now - 310).to_string(), 401),
        ("too late", (now + 310).to_string(), 401),
        ("millis", (now * 1000).to_string(), 401),
        ("text", "now".to_owned(), 401),
        ("signed", format!("+{now}"), 401),
        ("empty", String::new(), 401),
    ] {
        assert_eq!(timed(order, at).await, expected, "{order}");
    }
    assert_eq!(shop.deliver(json!({ "order_id": "untimed" })).await.0, 200);
    shop.acme
        .client
        .ok("mutation { updateAdvertiser(input: { requireTimestamp: true }) { userErrors { code } } }", json!({}))
        .await;
    assert_eq!(
        shop.deliver(json!({ "order_id": "untimed again" })).await.0,
        401
    );
    assert_eq!(timed("required", now.to_string()).await, 200);
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_signed_earlier_takes_nothing_back() {
    let shop = Shop::open().await;
    let now = shop.app.app.clock.now().timestamp();
    let signed = async |at: i64, status: &str| {
        let body = shop.body(&json!({ "status": status }));
        let signature = hmac_hex(
            &shop.secret.clone().into(),
            format!("{at}.{body}").as_bytes(),
        );
        let at = at.to_string();
        let headers = [
            ("x-partner-signature", signature.as_str()),
            ("x-partner-timestamp", at.as_str()),
        ];
        text(&post_order(&shop.app, &body, &headers).await.1["result"])
    };
    assert_eq!(signed(now - 60, "accepted").await, "created");
    assert_eq!(signed(now, "reversed").await, "revised");
    assert_eq!(signed(now - 60, "accepted").await, "outdated");
    assert_eq!(
        shop.orders(&shop.acme.client).await[0]["status"],
        "REVERSED"
    );
    assert_eq!(signed(now + 60, "accepted").await, "revised");
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_hold_while_one_takes_the_place_of_the_other() {
    let mut shop = Shop::open().await;
    let first = shop.secret.clone();
    let second = webhook_secret(&shop.acme.client, json!({ "overlapHours": 2 })).await;
    for (order, secret) in [("1", &first), ("2", &second)] {
        shop.secret.clone_from(secret);
        assert_eq!(shop.deliver(json!({ "order_id": order })).await.0, 200);
    }
    // A third one ends the first.
    let third = webhook_secret(&shop.acme.client, json!({ "overlapHours": 2 })).await;
    for (secret, expected) in [(&first, 401), (&second, 200), (&third, 200)] {
        shop.secret.clone_from(secret);
        assert_eq!(shop.deliver(json!({ "order_id": "3" })).await.0, expected);
    }
    shop.app.move_clock(3).await;
    for (secret, expected) in [(&second, 401), (&third, 200)] {
        shop.secret.clone_from(secret);
        assert_eq!(shop.deliver(json!({ "order_id": "4" })).await.0, expected);
    }
    let data = shop
        .acme
        .client
        .ok(
            "mutation { rotateWebhookSecret(input: { overlapHours: 721 }) { webhookSecret userErrors { code field } } }",
            json!({}),
        )
        .await;
    let refused = json!([{ "code": "OUT_OF_RANGE", "field": ["overlapHours"] }]);
    assert_eq!(data["rotateWebhookSecret"]["userErrors"], refused);
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_signed_and_wrong_is_told_field_by_field() {
    let shop = Shop::open().await;
    let borg = shop.app.advertiser("Borg").await;
    let foreign = shop.app.campaign(&borg, &["REDDIT"], json!({})).await;
    for (changes, fields) in [
        (json!({ "order_id": "" }), vec!["order_id"]),
        (
            json!({ "order_id": null, "amount": null, "commission": "-1" }),
            vec!["order_id", "amount", "commission"],
        ),
        (json!({ "order_id": "a".repeat(201) }), vec!["order_id"]),
        (json!({ "user_id": 4_000_000 }), vec!["user_id"]),
        (json!({ "user_id": shop.acme.id }), vec!["user_id"]),
        (json!({ "amount": "1e3" }), vec!["amount"]),
        (json!({ "currency": "dollars" }), vec!["currency"]),
        (json!({ "status": "sent" }), vec!["status"]),
        (json!({ "campaign_id": foreign }), vec!["campaign_id"]),
        (json!({ "campaign_id": 4_000_000 }), vec!["campaign_id"]),
    ] {
        let (status, answer) = shop.deliver(changes.clone()).await;
        assert_eq!(status, 400, "{changes}: {answer}");
        let named: Vec<&str> = answer["error"]["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        assert_eq!(named, fields, "{changes}");
    }
    let (status, answer) = shop.deliver(json!({ "note": "x".repeat(70_000) })).await;
    assert_eq!(status, 413, "{answer}");
    assert_eq!(shop.revisions().await, 0);
    // Numeric ids and other spellings are taken.
    let (status, answer) = shop
        .deliver(json!({
            "advertiser_id": row(&shop.acme.id), "user_id": row(&shop.ann.id).to_string(), "order_id": 17,
            "campaign_id": row(&shop.campaign), "currency": "eur", "status": "REVERSED", "amount": "0.000001",
        }))
        .await;
    assert_eq!(status, 200, "{answer}");
    let order = shop.orders(&shop.acme.client).await.remove(0);
    assert_eq!(
        (&order["orderId"], &order["currency"]),
        (&json!("17"), &json!("EUR"))
    );
    assert_eq!(
        (&order["amount"], &order["status"]),
        (&json!("0.000001"), &json!("REVERSED"))
    );
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertiser_does_not_read_an_affiliate_that_it_does_not_know() {
    let shop = Shop::open().await;
    let bob = shop.app.affiliate("Bob").await;
    let (status, _) = shop.deliver(json!({ "user_id": bob.id })).await;
    assert_eq!(status, 200);
    assert_eq!(
        shop.orders(&shop.acme.client).await[0]["affiliate"],
        Value::Null
    );
    assert_eq!(
        shop.orders(&bob.client).await[0]["affiliate"]["name"],
        "Bob"
    );
    shop.app.abandon().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_advertisers_first_secret_comes_with_it_and_lies_nowhere_in_the_clear() {
    let app = TestApp::start().await;
    let data = app
        .operator
        .ok(
            "mutation { createAdvertiser(input: { name: \"Acme\" }) { advertiser { id } webhookSecret } }",
            json!({}),
        )
        .await;
    let created = &data["createAdvertiser"];
    let secret = text(&created["webhookSecret"]);
    let ann = app.affiliate("Ann").await;
    let body = json!({
        "order_id": "1", "advertiser_id": created["advertiser"]["id"], "user_id": ann.id, "amount": 1, "commission": 0 });
    let (status, answer) = deliver(&app, &secret, &body.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    let kept = crate::authorization::everything(&app.database).await;
    assert!(!kept.contains(&secret) && !kept.contains(&hex::encode(&secret)));
    app.finish().await;
}
