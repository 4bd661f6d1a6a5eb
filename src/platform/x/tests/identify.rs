//! Whose account a token is of.

use super::*;

async fn identified(status: u16, body: String) -> Result<Account, PlatformError> {
    let stub = Stub::start(move |_| Reply::new(status, body.clone())).await;
    adapter(&stub).identify(&owner()).await
}

async fn refused(status: u16, body: &Value) -> PlatformError {
    identified(status, body.to_string()).await.unwrap_err()
}

#[tokio::test]
async fn the_user_is_the_one_that_x_names() {
    let stub = Stub::start(|_| {
        let user = json!({"id": "2244994945", "name": "X Dev", "username": "XDevelopers"});
        Reply::new(200, json!({"data": user}).to_string())
    })
    .await;
    let account = adapter(&stub).identify(&owner()).await.unwrap();
    assert_eq!(account.id.as_deref(), Some("2244994945"));
    assert_eq!(account.handle.as_deref(), Some("xdevelopers"));

    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "GET /api/2/users/me");
    let bearer = "authorization: bearer the-owner-token";
    assert!(asked[0].head.contains(bearer), "{}", asked[0].head);
}

#[tokio::test]
async fn a_user_without_a_name_still_has_an_id() {
    let body = json!({"data": {"id": 2_244_994_945_u64}}).to_string();
    let account = identified(200, body).await.unwrap();
    assert_eq!(account.id.as_deref(), Some("2244994945"));
    assert_eq!(account.handle, None);
}

#[tokio::test]
async fn a_user_that_x_does_not_show_is_refused_and_an_answer_without_one_is_unreachable() {
    for kind in ["resource-not-found", "not-authorized-for-resource"] {
        let error = refused(200, &json!({"errors": [problem("6", kind)]})).await;
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        assert!(error.detail().contains("Words about [6]."), "{error}");
    }
    for body in [
        json!({}),
        json!({"data": {"username": "XDevelopers"}}),
        json!({"data": []}),
        json!({"errors": [problem("6", "resource-unavailable")]}),
    ] {
        let error = refused(200, &body).await;
        assert_eq!(error.advice(), Advice::Retry, "{body}");
    }
    let error = identified(200, "<html>".to_owned()).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_told_from_one_without_the_scope() {
    let about_blank = |status: u16, title: &str| json!({"title": title, "detail": title, "type": "about:blank", "status": status});
    let invalid = refused(401, &about_blank(401, "Unauthorized")).await;
    let is_unauthorised = matches!(invalid, PlatformError::Unauthorised { .. });
    assert!(is_unauthorised, "{invalid}");
    // The token of an app, which is nobody's.
    let mut app = about_blank(403, "Unsupported Authentication");
    app["type"] = json!(format!("{PROBLEMS}/unsupported-authentication"));
    let app = refused(403, &app).await;
    assert!(matches!(app, PlatformError::Refused { .. }), "{app}");

    let scope = refused(403, &about_blank(403, "Forbidden")).await;
    assert!(matches!(scope, PlatformError::Refused { .. }), "{scope}");
    let limited = refused(429, &about_blank(429, "Too Many Requests")).await;
    assert_eq!(limited.advice(), Advice::Snooze(None));
    let broken = refused(503, &about_blank(503, "Service Unavailable")).await;
    assert_eq!(broken.advice(), Advice::Retry);
}

#[tokio::test]
async fn the_token_stands_in_no_error_of_whose_it_is() {
    for status in [200, 400, 401, 403, 429, 500] {
        let mut unseen = problem("6", "resource-not-found");
        unseen["detail"] = json!("No: (the-owner-token)!");
        let words = "not a token: the-owner-token";
        let body = json!({"title": words, "detail": words, "errors": [unseen]});
        let error = refused(status, &body).await;
        assert!(!format!("{error:?}").contains("the-owner-token"), "{error}");
        assert!(error.detail().contains("[redacted]"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_unauthorised_without_a_call() {
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    let owner = Owner {
        token: Secret::new("a\ntoken"),
        account: Account::default(),
    };
    let error = adapter(&stub).identify(&owner).await.unwrap_err();
    let is_unauthorised = matches!(error, PlatformError::Unauthorised { .. });
    assert!(is_unauthorised, "{error}");
    assert!(stub.asked().is_empty());
}
