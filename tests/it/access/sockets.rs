//! WebSockets: who is behind one is said once, in `connection_init`.

use serde_json::{Value, json};

use super::forge;
use super::socket::Socket;
use crate::support::TestApp;

/// What a query for the viewer answers over a socket that was opened with this payload.
async fn viewer(app: &TestApp, payload: &Value) -> Result<Value, (u16, String)> {
    let mut socket = Socket::open(&app.url, payload).await;
    assert_eq!(socket.next().await?["type"], "connection_ack");
    socket.start("{ viewer { role } }").await;
    Ok(socket.next().await?["payload"].take())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_is_signed_in_by_connection_init_in_any_letter_case() {
    let app = TestApp::start().await;
    let ann = app.affiliate("Ann").await;
    let token = ann.client.token.unwrap();
    for name in [
        "authorization",
        "Authorization",
        "AUTHORIZATION",
        "aUTHORIZATIOn",
    ] {
        for scheme in ["Bearer", "bearer"] {
            let payload = json!({ name: format!("{scheme} {token}") });
            let answer = viewer(&app, &payload).await.unwrap();
            assert_eq!(answer["data"]["viewer"]["role"], "AFFILIATE", "{payload}");
        }
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_with_a_token_that_does_not_hold_is_closed_with_4403() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    for authorization in [
        json!(format!("Bearer {}", forge::altered(&token))),
        json!(format!("Bearer {}", forge::expired(&app, &token))),
        json!(format!("Basic {token}")),
        json!(token),
        json!("Bearer"),
        json!(""),
        json!(7),
        json!([format!("Bearer {token}")]),
    ] {
        let refused = viewer(&app, &json!({ "authorization": authorization })).await;
        let (code, reason) = refused.unwrap_err();
        assert_eq!(
            (code, reason.as_str()),
            (4403, "Forbidden"),
            "{authorization}"
        );
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_without_a_token_is_nobodys() {
    let app = TestApp::start().await;
    for payload in [json!(null), json!({}), json!({ "authorization": null })] {
        let answer = viewer(&app, &payload).await.unwrap();
        let code = &answer["errors"][0]["extensions"]["code"];
        assert_eq!(code, "UNAUTHENTICATED", "{payload}: {answer}");
    }
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_ends_when_its_token_does() {
    let app = TestApp::start().await;
    let token = app.operator.token.clone().unwrap();
    let claims = forge::claims(&token);
    let soon = countersign::clock::machine_now().timestamp() + 2;
    let claims = forge::with(&claims, "exp", json!(soon));
    let token = forge::sign(&forge::header(&token), &claims, &forge::server_key(&app));
    let payload = json!({ "authorization": format!("Bearer {token}") });

    let mut socket = Socket::open(&app.url, &payload).await;
    assert_eq!(socket.next().await.unwrap()["type"], "connection_ack");
    socket
        .start("subscription { alertRaised { cursor } }")
        .await;
    let (code, reason) = socket.next().await.unwrap_err();
    assert_eq!((code, reason.as_str()), (4403, "Token expired"));
    assert!(countersign::clock::machine_now().timestamp() >= soon);
    app.finish().await;
}
