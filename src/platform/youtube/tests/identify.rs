//! Whose channel a token is of.

use super::*;

/// The owner's token, with the channel that the affiliate named, which is another.
fn affiliate() -> Owner {
    owner(Some("UC-another"))
}

fn channels(items: &Value) -> Value {
    json!({
        "kind": "youtube#channelListResponse", "etag": "an-etag", "items": items,
        "pageInfo": {"totalResults": 1, "resultsPerPage": 5},
    })
}

fn channel(snippet: &Value) -> Value {
    json!({"kind": "youtube#channel", "etag": "an-etag", "id": CHANNEL, "snippet": snippet})
}

async fn identified(status: u16, body: String) -> Result<Account, PlatformError> {
    let stub = Stub::start(move |_| Reply::new(status, body.clone())).await;
    adapter(&stub).identify(&affiliate()).await
}

async fn refused(status: u16, reason: &str) -> PlatformError {
    let body = json!({"error": {
        "code": status, "message": "Some words.", "errors": [{"reason": reason}],
    }});
    identified(status, body.to_string()).await.unwrap_err()
}

#[tokio::test]
async fn the_channel_is_the_one_that_youtube_names() {
    let stub = Stub::start(|_| {
        let item = channel(&json!({"title": "A Channel", "customUrl": "@A.Channel"}));
        Reply::new(200, channels(&json!([item])).to_string())
    })
    .await;
    let account = adapter(&stub).identify(&affiliate()).await.unwrap();
    assert_eq!(account.id.as_deref(), Some(CHANNEL));
    assert_eq!(account.handle.as_deref(), Some("a.channel"));

    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].line,
        "GET /api/youtube/v3/channels?part=snippet&mine=true"
    );
    let bearer = "authorization: bearer the-owner-token";
    assert!(asked[0].head.contains(bearer), "{}", asked[0].head);
    // With the key of this program the answer would be about nobody.
    assert!(!asked[0].head.contains("x-goog-api-key"));
}

#[tokio::test]
async fn a_channel_without_a_custom_address_has_no_handle() {
    for snippet in [json!({"title": "A Channel"}), json!(null)] {
        let body = channels(&json!([channel(&snippet)]));
        let account = identified(200, body.to_string()).await.unwrap();
        assert_eq!(account.id.as_deref(), Some(CHANNEL), "{snippet}");
        assert_eq!(account.handle, None, "{snippet}");
    }
}

#[tokio::test]
async fn an_account_without_a_channel_is_refused() {
    let mut absent = channels(&json!([]));
    absent.as_object_mut().unwrap().remove("items");
    for body in [channels(&json!([])), absent] {
        let error = identified(200, body.to_string()).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        assert!(error.detail().contains("no channel"), "{error}");
    }
    let error = refused(401, "youtubeSignupRequired").await;
    assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_that_names_no_channel_is_unreachable() {
    for body in [
        json!({}),
        json!({"items": {}}),
        channels(&json!([{"kind": "youtube#channel"}])),
        channels(&json!(null)),
    ] {
        let error = identified(200, body.to_string()).await.unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{body}");
    }
    let error = identified(200, "<html>".to_owned()).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_told_from_one_without_the_scope() {
    let invalid = refused(401, "authError").await;
    let is_unauthorised = matches!(invalid, PlatformError::Unauthorised { .. });
    assert!(is_unauthorised, "{invalid}");
    for reason in [
        "insufficientPermissions",
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "forbidden",
    ] {
        let error = refused(403, reason).await;
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        assert!(error.detail().contains(reason), "{error}");
    }
    let spent = refused(403, "quotaExceeded").await;
    assert_eq!(spent.advice(), Advice::Snooze(None));
    let broken = refused(500, "backendError").await;
    assert_eq!(broken.advice(), Advice::Retry);
}

#[tokio::test]
async fn the_token_stands_in_no_error_of_whose_it_is() {
    for (status, reason) in [
        (401, "authError"),
        (403, "insufficientPermissions"),
        (403, "quotaExceeded"),
        (500, "backendError"),
    ] {
        let body = json!({"error": {
            "code": status, "message": "not a token: the-owner-token",
            "errors": [{"reason": reason}],
        }});
        let error = identified(status, body.to_string()).await.unwrap_err();
        assert!(!format!("{error:?}").contains("the-owner-token"), "{error}");
        assert!(error.detail().contains("[redacted]"), "{error}");
    }
}
