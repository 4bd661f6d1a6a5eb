//! The adapter against a server that plays the Data API, and in `answers` what it reads out of its
//! answers.

mod answers;
mod identify;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::model::{EvidenceGrade, Observed};
use crate::platform::link::LinkTarget;
use crate::platform::stub::{Reply, Stub};
use crate::platform::{Account, Advice, Sighting};

const CHANNEL: &str = "UC_x5XG1OV2P6uZZ5FSM9Ttw";

fn video(id: &str) -> Value {
    json!({
        "kind": "youtube#video", "etag": "an-etag", "id": id,
        "snippet": {
            "publishedAt": "2019-03-21T20:37:49.000Z", "channelId": CHANNEL,
            "title": "A title", "description": "A long text.", "channelTitle": "A Channel",
            "liveBroadcastContent": "none",
        },
        "status": {"uploadStatus": "processed", "privacyStatus": "public", "embeddable": true},
        "statistics": {
            "viewCount": "794755", "likeCount": "7796", "favoriteCount": "0",
            "commentCount": "157",
        },
    })
}

fn list(videos: &[Value]) -> Value {
    json!({
        "kind": "youtube#videoListResponse", "etag": "an-etag", "items": videos,
        "pageInfo": {"totalResults": videos.len(), "resultsPerPage": videos.len()},
    })
}

fn owner(channel: Option<&str>) -> Owner {
    Owner {
        token: Secret::new("the-owner-token"),
        account: Account {
            id: channel.map(str::to_owned),
            handle: None,
        },
    }
}

fn found(fetched: Fetched) -> Sighting {
    match fetched {
        Fetched::Found(sighting) => sighting,
        Fetched::Gone { reason, .. } => panic!("gone: {reason}"),
    }
}

fn is_gone(fetched: &Fetched) -> bool {
    matches!(fetched, Fetched::Gone { .. })
}

fn reference(id: &str) -> PostRef {
    PostRef {
        native_id: id.to_owned(),
        canonical_url: format!("https://www.youtube.com/watch?v={id}"),
        account_handle: None,
        seen_as_own: false,
        published_is_known: true,
        seen_publicly: false,
        author_id: None,
    }
}

fn adapter(stub: &Stub) -> YouTube {
    YouTube::new(&stub.config(PlatformKind::YouTube))
        .unwrap()
        .unwrap()
}

#[test]
fn without_a_key_there_is_no_adapter() {
    for key in [None, Some(Secret::new("")), Some(Secret::new(" \n"))] {
        let mut config = PlatformConfig::defaults(PlatformKind::YouTube);
        config.access_token = key;
        assert!(YouTube::new(&config).unwrap().is_none());
    }
}

#[tokio::test]
async fn without_a_key_only_owners_are_asked_for() {
    let stub = Stub::start(|asked| {
        let ids = asked.query("id").unwrap();
        let videos: Vec<Value> = ids.split(',').map(video).collect();
        Reply::new(200, list(&videos).to_string())
    })
    .await;
    let youtube = YouTube::of_owners(&stub.config(PlatformKind::YouTube)).unwrap();
    let posts = [reference("aaaaaaaaaaa")];
    let results = youtube.fetch(&posts, None).await;
    assert!(matches!(results[0], Err(PlatformError::Refused { .. })));
    assert!(stub.asked().is_empty());
    let owner = owner(Some(CHANNEL));
    let results = youtube.fetch(&posts, Some(&owner)).await;
    assert!(results[0].is_ok(), "{results:?}");
    let asked = stub.asked();
    assert!(!asked[0].head.contains("x-goog-api-key"));
}

#[tokio::test]
async fn videos_are_asked_for_in_fifties_with_the_key_in_a_header_and_answered_in_order() {
    let stub = Stub::start(|asked| {
        let ids = asked.query("id").unwrap();
        let videos: Vec<Value> = ids
            .split(',')
            .filter(|id| *id != "video-00007")
            .map(video)
            .rev()
            .collect();
        Reply::new(200, list(&videos).to_string())
    })
    .await;
    let youtube = adapter(&stub);
    assert_eq!(youtube.batch_limit(), 50);
    let mut posts: Vec<PostRef> = (0..120)
        .rev()
        .map(|n| reference(&format!("video-{n:05}")))
        .collect();
    posts.push(reference(" video-00005 "));
    posts.push(reference("too-short"));
    posts.push(reference("with,comma!"));
    let results = youtube.fetch(&posts, None).await;

    assert_eq!(results.len(), 123);
    for (result, n) in results.iter().zip((0..120).rev()) {
        match result.as_ref().unwrap() {
            Fetched::Gone { .. } => assert_eq!(n, 7),
            Fetched::Found(sighting) => assert_eq!(sighting.raw["id"], format!("video-{n:05}")),
        }
    }
    assert_eq!(results[120], results[114]);
    for result in &results[121..] {
        assert!(matches!(result, Err(PlatformError::Refused { .. })));
    }

    let asked = stub.asked();
    assert_eq!(asked.len(), 3);
    for request in &asked {
        let start = "GET /api/youtube/v3/videos?part=statistics,snippet,status&id=video-";
        assert!(request.line.starts_with(start), "{}", request.line);
        assert!(!request.line.contains("key"), "{}", request.line);
        assert!(request.query("id").unwrap().split(',').count() <= 50);
        assert!(request.head.contains("x-goog-api-key: the-access-token"));
        assert!(!request.head.contains("authorization"));
    }
}

#[tokio::test]
async fn the_version_is_the_configured_one() {
    let stub = Stub::start(|_| Reply::new(200, list(&[]).to_string())).await;
    let mut config = stub.config(PlatformKind::YouTube);
    config.api_version = "v4".to_owned();
    let youtube = YouTube::new(&config).unwrap().unwrap();
    let results = youtube.fetch(&[reference("aaaaaaaaaaa")], None).await;
    assert!(is_gone(results[0].as_ref().unwrap()));
    assert!(
        stub.asked()[0]
            .line
            .starts_with("GET /api/youtube/v4/videos?")
    );
}

#[tokio::test]
async fn an_owner_is_asked_for_with_the_owners_token_and_nothing_else() {
    let stub = Stub::start(|_| Reply::new(200, list(&[video("aaaaaaaaaaa")]).to_string())).await;
    let owner = owner(Some(CHANNEL));
    let posts = [reference("aaaaaaaaaaa")];
    let mut results = adapter(&stub).fetch(&posts, Some(&owner)).await;
    match found(results.remove(0).unwrap()).metrics.views {
        Observed::Reported { value, grade, .. } => {
            assert_eq!(value, 794_755);
            assert_eq!(grade, EvidenceGrade::OwnerToken);
        }
        other => panic!("{other:?}"),
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0]
            .head
            .contains("authorization: bearer the-owner-token")
    );
    assert!(!asked[0].head.contains("the-access-token"));
    assert!(!asked[0].head.contains("x-goog-api-key"));
}

#[tokio::test]
async fn an_owners_token_that_does_not_hold_is_unauthorised_and_the_key_is_not_used_instead() {
    let stub = Stub::start(|_| {
        let body = json!({"error": {
            "code": 401, "message": "Invalid Credentials", "status": "UNAUTHENTICATED",
            "errors": [{"domain": "global", "reason": "authError"}],
        }});
        Reply::new(401, body.to_string())
    })
    .await;
    let owner = owner(Some(CHANNEL));
    let posts = [reference("aaaaaaaaaaa")];
    let results = adapter(&stub).fetch(&posts, Some(&owner)).await;
    assert!(matches!(
        results[0],
        Err(PlatformError::Unauthorised { .. })
    ));
    assert_eq!(stub.asked().len(), 1);
}

#[tokio::test]
async fn only_the_videos_of_a_call_that_fails_get_its_error() {
    let stub = Stub::start(|asked| {
        let ids = asked.query("id").unwrap();
        if ids.contains("video-00050") {
            let body = json!({"error": {
                "code": 403, "message": "Spent.", "errors": [{"reason": "quotaExceeded"}],
            }});
            return Reply::new(403, body.to_string())
                .header("Date", "Wed, 21 Oct 2015 08:00:51 GMT");
        }
        let videos: Vec<Value> = ids.split(',').map(video).collect();
        Reply::new(200, list(&videos).to_string())
    })
    .await;
    // Asked in the order of their text, so that the last of these is alone in the second call.
    let posts: Vec<PostRef> = (0..51)
        .map(|n| reference(&format!("video-{n:05}")))
        .collect();
    let results = adapter(&stub).fetch(&posts, None).await;
    assert!(results[..50].iter().all(Result::is_ok));
    let wait = Some(Duration::from_secs(9));
    assert_eq!(
        results[50].as_ref().unwrap_err().advice(),
        Advice::Snooze(wait)
    );
}

#[tokio::test]
async fn the_key_and_the_token_stand_in_no_error_and_no_evidence() {
    for status in [200, 302, 400, 401, 403, 429, 500] {
        let stub = Stub::start(move |_| {
            let words = "the-access-token the-owner-token";
            let mut body = list(&[video("aaaaaaaaaaa")]);
            body["etag"] = json!(words);
            body["items"][0]["etag"] = json!(words);
            if status != 200 {
                body = json!({"error": {
                    "code": status, "message": words,
                    "errors": [{"reason": words, "message": words}],
                }});
            }
            Reply::new(status, body.to_string())
        })
        .await;
        let owner = owner(Some(CHANNEL));
        let posts = [reference("aaaaaaaaaaa"), reference("bbbbbbbbbbb")];
        let by_key = adapter(&stub).fetch(&posts, None).await;
        assert_eq!(by_key[0].is_ok(), status == 200, "{status}");
        let said = format!("{by_key:?}");
        assert!(!said.contains("the-access-token"), "{said}");
        let by_owner = adapter(&stub).fetch(&posts, Some(&owner)).await;
        assert_eq!(by_owner[0].is_ok(), status == 200, "{status}");
        let said = format!("{by_owner:?}");
        assert!(!said.contains("the-owner-token"), "{said}");
    }
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    let printed = format!("{:?}", adapter(&stub));
    assert!(!printed.contains("the-access-token"), "{printed}");
}

#[tokio::test]
async fn a_key_that_no_header_can_hold_is_unauthorised_without_a_call() {
    let stub = Stub::start(|_| Reply::new(200, list(&[]).to_string())).await;
    let mut config = stub.config(PlatformKind::YouTube);
    config.access_token = Some(Secret::new("a\nkey"));
    let youtube = YouTube::new(&config).unwrap().unwrap();
    let results = youtube.fetch(&[reference("aaaaaaaaaaa")], None).await;
    assert!(matches!(
        results[0],
        Err(PlatformError::Unauthorised { .. })
    ));
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_link_that_has_the_id_is_answered_without_asking() {
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    let youtube = adapter(&stub);
    let link = PostLink::parse("https://youtu.be/O0aSwKeusZM").unwrap();
    match youtube.resolve(&link, None).await.unwrap() {
        Resolved::Post(found) => assert_eq!(found.native_id(), Some("O0aSwKeusZM")),
        other => panic!("{other:?}"),
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_redirect_is_followed_to_the_video_it_names_without_the_key() {
    let stub = Stub::start(|asked| match asked.line.as_str() {
        "GET /web/short" => Reply::new(302, "").header(
            "Location",
            "https://www.youtube.com/watch?v=O0aSwKeusZM&si=x",
        ),
        "GET /web/away" => Reply::new(302, "").header("Location", "https://example.com/"),
        _ => Reply::new(404, ""),
    })
    .await;
    let youtube = adapter(&stub);
    let redirect = |path: &str| PostLink {
        platform: PlatformKind::YouTube,
        canonical_url: format!("https://www.youtube.com/{path}"),
        target: LinkTarget::Redirect,
        account: None,
    };
    match youtube.resolve(&redirect("short"), None).await.unwrap() {
        Resolved::Post(found) => assert_eq!(found.native_id(), Some("O0aSwKeusZM")),
        other => panic!("{other:?}"),
    }
    let away = youtube.resolve(&redirect("away"), None).await.unwrap();
    assert!(matches!(away, Resolved::NotAPost { .. }), "{away:?}");
    let gone = youtube.resolve(&redirect("gone"), None).await.unwrap();
    assert!(matches!(gone, Resolved::Gone { .. }), "{gone:?}");
    for asked in stub.asked() {
        assert!(!asked.head.contains("the-access-token"), "{}", asked.head);
    }
}
