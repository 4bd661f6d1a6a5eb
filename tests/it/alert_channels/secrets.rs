//! What webhooks are signed with is changed without a gap, and outlives the rotation of the encryption key.

use countersign::domain::platform;
use countersign::vault::Vault;
use serde_json::json;

use super::signature::is_signed;
use super::{mutate, registered, send_test, webhook};
use crate::scene::{refusals, text, time};
use crate::support::{Receiver, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn for_a_day_deliveries_are_signed_with_the_secret_before_as_well() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    let receiver = Receiver::start().await;
    let (id, first) = webhook(&acme.client, &receiver).await;
    let rotate = async || {
        let answer = "signingSecret previousValidUntil";
        mutate(
            &acme.client,
            "rotateAlertChannelSecret",
            answer,
            json!({ "channelId": id }),
        )
        .await
    };
    let rotated = rotate().await;
    let second = text(&rotated["signingSecret"]);
    let left = time(&rotated["previousValidUntil"]) - app.app.clock.now();
    assert!((23..=24).contains(&left.num_hours()), "{left}");
    send_test(&acme.client, &id).await;
    let got = receiver.wait_for(1).await.remove(0);
    assert!(
        is_signed(&got, &first) && is_signed(&got, &second),
        "{got:?}"
    );
    app.settled().await;

    // Of three, the oldest is used no more.
    let third = text(&rotate().await["signingSecret"]);
    send_test(&acme.client, &id).await;
    let got = receiver.wait_for(2).await.remove(1);
    assert!(!is_signed(&got, &first), "{got:?}");
    assert!(
        is_signed(&got, &second) && is_signed(&got, &third),
        "{got:?}"
    );
    app.settled().await;

    app.move_clock(25).await;
    send_test(&acme.client, &id).await;
    let got = receiver.wait_for(3).await.remove(2);
    assert!(
        !is_signed(&got, &second) && is_signed(&got, &third),
        "{got:?}"
    );

    let (slack, _) = registered(
        &acme.client,
        "SLACK",
        &format!("{}/services/T0/B0/x", receiver.url),
    )
    .await;
    let input = json!({ "channelId": slack });
    let refused = mutate(
        &acme.client,
        "rotateAlertChannelSecret",
        "signingSecret",
        input,
    )
    .await;
    assert_eq!(refusals(&refused), ["INVALID channelId"]);
    app.settled().await;
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_and_secrets_are_brought_under_a_new_encryption_key() {
    let app = TestApp::with_local_channels().await;
    let acme = app.advertiser("Acme").await;
    let receiver = Receiver::start().await;
    webhook(&acme.client, &receiver).await;
    let old = std::fs::read_to_string(app.data_dir.join("encryption-key")).unwrap();
    let new_key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [7; 32]);
    let keys = format!("new:{new_key},{}", old.trim()).into();
    let mut rotated = app.app.clone();
    rotated.vault = Vault::parse(&keys).unwrap().into();
    // The address and the secret of the channel, and the secret that the advertiser signs its orders with.
    assert_eq!(platform::reencrypt(&rotated).await.unwrap(), 3);
    let ids = app
        .database
        .text(
            "SELECT string_agg(DISTINCT id, ',') FROM (SELECT url_key_id AS id FROM alert_channels \
             UNION ALL SELECT key_id FROM alert_channel_secrets) all_ids",
        )
        .await;
    assert_eq!(ids, "new");
    rotated.vault = Vault::parse(&format!("new:{new_key}").into())
        .unwrap()
        .into();
    assert_eq!(
        platform::reencrypt(&rotated).await.unwrap(),
        0,
        "nothing is left to do"
    );
    app.finish().await;
}
