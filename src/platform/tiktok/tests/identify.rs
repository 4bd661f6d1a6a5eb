//! Whose account a token is of.

use super::*;
use crate::platform::stub::{Asked, Reply, Stub};

const WITH_NAME: &str = "GET /api/v2/user/info/?fields=open_id,username";
const WITHOUT_NAME: &str = "GET /api/v2/user/info/?fields=open_id";

fn owner() -> Owner {
    Owner {
        token: Secret::new(TOKEN),
        account: account(),
    }
}

fn adapter(stub: &Stub) -> TikTok {
    TikTok::new(&stub.config(PlatformKind::TikTok))
        .unwrap()
        .unwrap()
}

async fn identified(status: u16, body: String) -> Result<Account, PlatformError> {
    let stub = Stub::start(move |_| Reply::new(status, body.clone())).await;
    adapter(&stub).identify(&owner()).await
}

fn lines(stub: &Stub) -> Vec<String> {
    stub.asked().into_iter().map(|asked| asked.line).collect()
}

/// A token that reads the name only if `profile`.
fn named(asked: &Asked, profile: bool) -> Reply {
    match asked.line.as_str() {
        WITH_NAME if profile => Reply::new(
            200,
            user(&json!({"open_id": "723f24d7-e717", "username": "Some.One"})),
        ),
        WITH_NAME => Reply::new(401, failure("scope_not_authorized", "user.info.profile")),
        WITHOUT_NAME => Reply::new(200, user(&json!({"open_id": "723f24d7-e717"}))),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_user_is_the_one_that_tiktok_names() {
    let stub = Stub::start(|asked| named(asked, true)).await;
    let account = adapter(&stub).identify(&owner()).await.unwrap();
    assert_eq!(account.id.as_deref(), Some("723f24d7-e717"));
    assert_eq!(account.handle.as_deref(), Some("some.one"));
    assert_eq!(lines(&stub), [WITH_NAME]);
    let bearer = format!("authorization: bearer {TOKEN}");
    assert!(stub.asked()[0].head.contains(&bearer));
}

#[tokio::test]
async fn a_token_that_may_not_tell_the_name_is_asked_for_the_id_alone() {
    let stub = Stub::start(|asked| named(asked, false)).await;
    let account = adapter(&stub).identify(&owner()).await.unwrap();
    assert_eq!(account.id.as_deref(), Some("723f24d7-e717"));
    // What the affiliate said is not taken for what TikTok says.
    assert_eq!(account.handle, None);
    assert_eq!(lines(&stub), [WITH_NAME, WITHOUT_NAME]);
}

#[tokio::test]
async fn a_token_without_any_scope_of_the_user_is_refused() {
    for code in ["scope_not_authorized", "scope_permission_missed"] {
        let stub = Stub::start(move |_| Reply::new(401, failure(code, "Some words."))).await;
        let error = adapter(&stub).identify(&owner()).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        let lacking = "the access lacks the permission to tell whose it is";
        assert!(error.detail().starts_with(lacking), "{error}");
        assert!(error.detail().contains(code), "{error}");
        assert_eq!(lines(&stub), [WITH_NAME, WITHOUT_NAME]);
    }
}

#[tokio::test]
async fn other_refusals_are_not_asked_again() {
    for (status, code, advice) in [
        (401, "access_token_invalid", Advice::GiveUp),
        (
            429,
            "rate_limit_exceeded",
            Advice::Snooze(Some(Duration::from_mins(1))),
        ),
        (400, "invalid_params", Advice::GiveUp),
        (500, "internal_error", Advice::Retry),
    ] {
        let words = format!("not a token: {TOKEN}");
        let stub = Stub::start(move |_| Reply::new(status, failure(code, &words))).await;
        let error = adapter(&stub).identify(&owner()).await.unwrap_err();
        assert_eq!(error.advice(), advice, "{error}");
        let is_unauthorised = matches!(error, PlatformError::Unauthorised { .. });
        assert_eq!(is_unauthorised, status == 401, "{error}");
        assert!(!format!("{error:?}").contains(TOKEN), "{error}");
        assert_eq!(lines(&stub), [WITH_NAME]);
    }
}

#[tokio::test]
async fn an_answer_that_names_no_user_is_unreachable() {
    for body in [
        user(&json!({"username": "Some.One"})),
        user(&json!({"open_id": ""})),
        user(&json!(null)),
        json!({"data": {"user": {"open_id": "723f24d7-e717"}}}).to_string(),
        "<html>".to_owned(),
    ] {
        let error = identified(200, body.clone()).await.unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{body}");
    }
    let error = identified(502, String::new()).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
}
