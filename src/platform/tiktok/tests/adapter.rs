//! The adapter against a server that plays TikTok.

use std::collections::BTreeSet;

use super::*;
use crate::platform::stub::{Asked, Reply, Stub};

fn reference(id: &str) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://www.tiktok.com/@_/video/{id}"),
        account_handle: None,
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

fn owner() -> Owner {
    Owner {
        token: Secret::new("the-owners-token"),
        account: account(),
    }
}

fn adapter(stub: &Stub) -> TikTok {
    TikTok::new(&stub.config(PlatformKind::TikTok))
        .unwrap()
        .unwrap()
}

/// The ids that a request asks for; there is nothing else in its body.
fn wanted(asked: &Asked) -> Vec<String> {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let ids = body["filters"]["video_ids"].clone();
    assert_eq!(body, json!({"filters": {"video_ids": ids}}));
    serde_json::from_value(ids).unwrap()
}

/// Whether a request is for videos, and not for whose they are.
fn is_query(asked: &Asked) -> bool {
    asked.line.starts_with("POST ")
}

/// An account that has every video but one; it lists them in an order of its own.
fn all_but(asked: &Asked, missing: &str) -> Reply {
    if !is_query(asked) {
        return Reply::new(200, user(&json!({"open_id": "an-open-id"})));
    }
    let listed: Vec<Value> = wanted(asked)
        .iter()
        .rev()
        .filter(|id| id.as_str() != missing)
        .map(|id| video(id))
        .collect();
    Reply::new(200, videos(&listed))
}

fn nth(n: usize) -> String {
    format!("71065943122924{n:05}")
}

#[tokio::test]
async fn videos_are_asked_for_in_twenties_and_answered_in_order() {
    let stub = Stub::start(|asked| all_but(asked, &nth(7))).await;
    let tiktok = adapter(&stub);
    let mut posts: Vec<PostRef> = (0..45).rev().map(|n| reference(&nth(n))).collect();
    posts.push(reference(&nth(5)));
    posts.push(reference("not/an/id"));
    // The same post submitted twice, and only once seen before.
    let mut seen = reference(&nth(7));
    seen.seen_as_own = true;
    posts.push(seen);
    // One more than fits 63 bits.
    posts.push(reference("9223372036854775808"));
    let results = tiktok.fetch(&posts, None).await;

    assert_eq!(results.len(), 49);
    for (result, n) in results.iter().zip((0..45).rev()) {
        match result.as_ref().unwrap() {
            Fetched::Gone { .. } => assert_eq!(n, 7),
            Fetched::Found(sighting) => assert_eq!(sighting.raw["id"], nth(n)),
        }
    }
    assert_eq!(results[45], results[39]);
    assert!(matches!(results[46], Err(PlatformError::Refused { .. })));
    assert!(is_gone(results[47].as_ref().unwrap()));
    assert!(matches!(results[48], Err(PlatformError::Refused { .. })));

    let asked: Vec<Asked> = stub.asked().into_iter().filter(is_query).collect();
    let sizes: Vec<usize> = asked.iter().map(|asked| wanted(asked).len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    let distinct: BTreeSet<String> = asked.iter().flat_map(wanted).collect();
    assert_eq!(distinct.len(), 45);
    for request in &asked {
        assert_eq!(
            request.line,
            "POST /api/v2/video/query/?fields=id,create_time,share_url,view_count,like_count,\
             comment_count,share_count"
        );
        let head = &request.head;
        assert!(head.contains("authorization: bearer the-access-token"));
        assert!(head.contains("content-type: application/json"));
    }
}

#[tokio::test]
async fn an_owner_is_asked_with_the_owners_token_and_nothing_else() {
    let stub = Stub::start(|asked| {
        if asked.head.contains("bearer the-owners-token") {
            return all_but(asked, B);
        }
        Reply::new(500, "")
    })
    .await;
    let tiktok = adapter(&stub);
    let owner = owner();
    let posts = [reference(A), reference(B)];
    let results = tiktok.fetch(&posts, Some(&owner)).await;
    let sighting = found(results[0].clone().unwrap());
    assert_eq!(sighting.metrics.views.value(), Some(20_441));
    assert!(reason(&results[1]).contains("linked TikTok account"));
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn an_owners_token_that_is_refused_is_not_replaced_by_another() {
    let stub = Stub::start(|asked| {
        let body = failure("access_token_invalid", &asked.head);
        Reply::new(401, body)
    })
    .await;
    let tiktok = adapter(&stub);
    let owner = owner();
    let results = tiktok.fetch(&[reference(A)], Some(&owner)).await;
    let error = results[0].as_ref().unwrap_err();
    assert!(matches!(error, PlatformError::Unauthorised { .. }));
    assert!(!error.to_string().contains("the-owners-token"), "{error}");
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn a_token_may_end_in_a_line_break_and_one_that_no_header_can_hold_is_unauthorised() {
    let stub = Stub::start(|asked| all_but(asked, "")).await;
    let mut config = stub.config(PlatformKind::TikTok);
    config.access_token = Some(Secret::new("a\ntoken"));
    let broken = TikTok::new(&config).unwrap().unwrap();
    let owner = Owner {
        token: Secret::new("a\ntoken"),
        account: account(),
    };
    for owner in [None, Some(&owner)] {
        let results = broken.fetch(&[reference(A)], owner).await;
        let matches = matches!(results[0], Err(PlatformError::Unauthorised { .. }));
        assert!(matches, "{results:?}");
    }
    assert!(stub.asked().is_empty());

    config.access_token = Some(Secret::new(" the-access-token\n"));
    let tiktok = TikTok::new(&config).unwrap().unwrap();
    assert!(tiktok.fetch(&[reference(A)], None).await[0].is_ok());
    let bearer = "authorization: bearer the-access-token";
    assert!(stub.asked()[0].head.lines().any(|line| line == bearer));
}

#[tokio::test]
async fn without_a_token_nothing_is_asked() {
    let stub = Stub::start(|asked| all_but(asked, "")).await;
    let mut config = stub.config(PlatformKind::TikTok);
    config.access_token = None;
    let tiktok = TikTok::new(&config).unwrap().unwrap();
    let mut seen = reference(B);
    seen.seen_as_own = true;
    let posts = [reference(A), seen, reference("not/an/id")];
    let results = tiktok.fetch(&posts, None).await;
    for result in &results[..2] {
        assert!(reason(result).contains("to its owner only: link your TikTok account"));
        let metrics = found(result.clone().unwrap()).metrics;
        assert_eq!(metrics.clicks.availability(), Availability::Unsupported);
    }
    assert!(matches!(results[2], Err(PlatformError::Refused { .. })));
    assert!(stub.asked().is_empty());

    let owner = owner();
    assert!(tiktok.fetch(&posts[..1], Some(&owner)).await[0].is_ok());
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn only_the_posts_of_a_call_that_fails_get_its_error() {
    let stub = Stub::start(|asked| {
        if is_query(asked) && wanted(asked).contains(&nth(20)) {
            return Reply::new(429, failure("rate_limit_exceeded", "")).header("Retry-After", "9");
        }
        all_but(asked, "")
    })
    .await;
    let tiktok = adapter(&stub);
    // Asked in the order of their numbers, so that the last of these is alone in the second call.
    let posts: Vec<PostRef> = (0..21).map(|n| reference(&nth(n))).collect();
    let results = tiktok.fetch(&posts, None).await;
    assert!(results[..20].iter().all(Result::is_ok));
    let wait = Some(Duration::from_secs(9));
    assert_eq!(
        results[20].as_ref().unwrap_err().advice(),
        Advice::Snooze(wait)
    );
}

#[test]
fn there_is_an_adapter_with_a_token_or_a_whole_registration() {
    for (id, secret, token, expected) in [
        (None, None, Some("t0ken-text"), true),
        (Some("id"), Some("s3cret-text"), None, true),
        (Some("id"), Some("s3cret-text"), Some("t0ken-text"), true),
        (Some("id"), None, None, false),
        (None, Some("s3cret-text"), None, false),
        (Some(" "), Some("s3cret-text"), Some(" "), false),
        (None, None, None, false),
    ] {
        let mut config = PlatformConfig::defaults(PlatformKind::TikTok);
        // Plain addresses need no certificates on the machine that runs the test.
        config.base_url.set_scheme("http").unwrap();
        config.web_url.set_scheme("http").unwrap();
        config.client_id = id.map(str::to_owned);
        config.client_secret = secret.map(Secret::new);
        config.access_token = token.map(Secret::new);
        let made = TikTok::new(&config).unwrap();
        assert_eq!(made.is_some(), expected, "{id:?} {secret:?} {token:?}");
        let printed = format!("{made:?}");
        assert!(!printed.contains("s3cret-text") && !printed.contains("t0ken-text"));
    }
}

#[tokio::test]
async fn short_links_are_followed_without_a_token() {
    let stub = Stub::start(|asked| {
        let location = match asked.line.as_str() {
            "GET /web/ZMabc123" => format!("https://www.tiktok.com/@Some.One/video/{A}?_t=x&_r=1"),
            "GET /web/ZSabc123" => format!("https://m.tiktok.com/@some.one/photo/{B}"),
            "GET /web/t/ZTabc123" => "https://vm.tiktok.com/ZMabc123/".to_owned(),
            "GET /web/ZMprofile" => "https://www.tiktok.com/@some.one".to_owned(),
            _ => return Reply::new(404, ""),
        };
        Reply::new(301, "").header("Location", location)
    })
    .await;
    let tiktok = adapter(&stub);
    for (address, expected) in [
        ("https://vm.tiktok.com/ZMabc123/", A),
        ("https://vt.tiktok.com/ZSabc123/", B),
        ("https://www.tiktok.com/t/ZTabc123/", A),
        (
            "https://www.tiktok.com/@some.one/photo/7106594312292453677",
            C,
        ),
    ] {
        let link = PostLink::parse(address).unwrap();
        match tiktok.resolve(&link, None).await.unwrap() {
            Resolved::Post(found) => {
                assert_eq!(found.native_id(), Some(expected), "{address}");
                assert_eq!(found.account.as_deref(), Some("some.one"), "{address}");
            }
            other => panic!("{other:?}"),
        }
    }
    let link = PostLink::parse("https://vm.tiktok.com/ZMprofile").unwrap();
    let resolved = tiktok.resolve(&link, None).await.unwrap();
    assert!(matches!(resolved, Resolved::NotAPost { .. }));
    let link = PostLink::parse("https://vm.tiktok.com/ZMnothing").unwrap();
    let resolved = tiktok.resolve(&link, None).await.unwrap();
    assert!(matches!(resolved, Resolved::Gone { .. }));

    let asked = stub.asked();
    assert_eq!(asked.len(), 6);
    assert!(asked.iter().all(|asked| {
        !asked.head.contains("authorization") && !asked.head.contains("the-access-token")
    }));
}
