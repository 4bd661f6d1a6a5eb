//! Whose videos this program's own token lists.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::platform::stub::{Asked, Reply, Stub};

const OWN: &str = "an-open-id";
const OTHER: &str = "another-open-id";

fn adapter(stub: &Stub) -> TikTok {
    TikTok::new(&stub.config(PlatformKind::TikTok))
        .unwrap()
        .unwrap()
}

/// A post that was told to the own access before, and who posted it, as it was last told.
fn seen(id: &str, author: Option<&str>) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://www.tiktok.com/@_/video/{id}"),
        account_handle: None,
        seen_as_own: true,
        published_is_known: true,
        seen_publicly: false,
        author_id: author.map(str::to_owned),
    }
}

/// An account that lists this one video.
fn lists(id: &str) -> Reply {
    Reply::new(200, videos(&[video(id)]))
}

fn is_for_user(asked: &Asked) -> bool {
    asked.line.starts_with("GET /api/v2/user/info/")
}

fn named() -> Reply {
    Reply::new(200, user(&json!({"open_id": OWN, "username": "Some.One"})))
}

fn user_requests(stub: &Stub) -> usize {
    stub.asked()
        .iter()
        .filter(|asked| is_for_user(asked))
        .count()
}

fn author(result: &Result<Fetched, PlatformError>) -> Option<Account> {
    found(result.clone().unwrap()).author
}

#[tokio::test]
async fn the_account_of_the_own_token_is_asked_for_once_and_posted_what_it_lists() {
    let stub = Stub::start(|asked| {
        if is_for_user(asked) {
            return named();
        }
        lists(A)
    })
    .await;
    let tiktok = adapter(&stub);
    for _ in 0..2 {
        let results = tiktok.fetch(&[seen(A, None)], None).await;
        let expected = Account {
            id: Some(OWN.to_owned()),
            handle: Some("some.one".to_owned()),
        };
        assert_eq!(author(&results[0]), Some(expected));
    }
    assert_eq!(user_requests(&stub), 1);
    let asked = stub.asked();
    assert!(is_for_user(&asked[1]), "after the first videos");
    assert!(asked[1].head.contains("bearer the-access-token"));
}

#[tokio::test]
async fn what_another_account_posted_is_not_gone_because_the_own_token_does_not_list_it() {
    let stub = Stub::start(|asked| {
        if is_for_user(asked) {
            return named();
        }
        Reply::new(200, videos(&[]))
    })
    .await;
    let posts = [seen(A, Some(OTHER)), seen(B, Some(OWN)), seen(C, None)];
    let results = adapter(&stub).fetch(&posts, None).await;
    assert!(reason(&results[0]).contains("of another TikTok account than the connected one"));
    assert!(is_gone(results[1].as_ref().unwrap()));
    assert!(is_gone(results[2].as_ref().unwrap()));
}

#[tokio::test]
async fn a_token_that_may_not_tell_whose_it_is_is_asked_once_and_taken_for_what_it_was() {
    let stub = Stub::start(|asked| {
        if is_for_user(asked) {
            return Reply::new(401, failure("scope_not_authorized", "user.info.basic"));
        }
        lists(A)
    })
    .await;
    let tiktok = adapter(&stub);
    for _ in 0..2 {
        let posts = [seen(A, None), seen(B, Some(OTHER))];
        let results = tiktok.fetch(&posts, None).await;
        let handle = Some("some.one".to_owned());
        assert_eq!(author(&results[0]), Some(Account { id: None, handle }));
        assert!(is_gone(results[1].as_ref().unwrap()));
    }
    // With the name and without it.
    assert_eq!(user_requests(&stub), 2);
}

#[tokio::test]
async fn where_tiktok_did_not_say_whose_the_own_token_is_nothing_fails_and_it_is_asked_again() {
    let fails = AtomicBool::new(true);
    let stub = Stub::start(move |asked| {
        if !is_for_user(asked) {
            return lists(A);
        }
        if fails.swap(false, Ordering::Relaxed) {
            return Reply::new(429, failure("rate_limit_exceeded", ""));
        }
        named()
    })
    .await;
    let tiktok = adapter(&stub);
    let posts = [seen(A, Some(OWN)), seen(B, Some(OWN)), seen(C, None)];
    let results = tiktok.fetch(&posts, None).await;
    let views = found(results[0].clone().unwrap()).metrics.views;
    assert_eq!(views.value(), Some(20_441));
    assert!(reason(&results[1]).contains("did not say whose account is connected"));
    assert!(is_gone(results[2].as_ref().unwrap()));
    assert_eq!(user_requests(&stub), 1);

    let results = tiktok.fetch(&posts, None).await;
    assert!(is_gone(results[1].as_ref().unwrap()));
    assert_eq!(user_requests(&stub), 2);
}

#[tokio::test]
async fn a_token_that_lists_nothing_is_not_asked_whose_it_is() {
    let stub = Stub::start(|_| Reply::new(500, failure("internal_error", ""))).await;
    let results = adapter(&stub).fetch(&[seen(A, None)], None).await;
    assert_eq!(results[0].as_ref().unwrap_err().advice(), Advice::Retry);
    assert_eq!(user_requests(&stub), 0);
}

#[tokio::test]
async fn what_another_account_posted_is_not_gone_because_a_linked_one_does_not_list_it() {
    let stub = Stub::start(|_| Reply::new(200, videos(&[]))).await;
    let owner = Owner {
        token: Secret::new(TOKEN),
        account: account(),
    };
    let posts = [seen(A, Some(OTHER)), seen(B, Some(OWN)), seen(C, None)];
    let results = adapter(&stub).fetch(&posts, Some(&owner)).await;
    assert!(reason(&results[0]).contains("The videos of the linked TikTok account"));
    assert!(is_gone(results[1].as_ref().unwrap()));
    assert!(is_gone(results[2].as_ref().unwrap()));
    assert_eq!(user_requests(&stub), 0);
}
