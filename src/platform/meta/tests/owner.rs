//! Asking with the token of a page that an affiliate linked.

use super::*;
use crate::model::Secret;

fn owner(page: Option<&str>) -> Owner {
    Owner {
        token: Secret::new("page-token"),
        account: Account {
            id: page.map(str::to_owned),
            handle: None,
        },
    }
}

fn has_token(asked: &Asked, token: &str) -> bool {
    let header = format!("authorization: bearer {token}");
    asked.head.lines().any(|line| line == header)
}

fn adapter(stub: &Stub) -> Meta {
    Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap()
}

fn missing() -> Value {
    answered(400, &error(100, Some(33), "Unsupported get request."))
}

fn forbidden() -> Value {
    answered(
        403,
        &error(10, None, "(#10) Requires pages_read_engagement"),
    )
}

/// The page 500 has the post 1 and lists its posts; the post 1 of the page 600 is told all the same.
fn linked(address: &str) -> Value {
    match address.strip_prefix("v26.0/").unwrap() {
        "500_1/insights?metric=post_media_view,post_clicks"
        | "600_1/insights?metric=post_media_view,post_clicks" => answered(
            200,
            &json!({"data": [
                row(VIEWS, "lifetime", &json!(70)), row(CLICKS, "lifetime", &json!(4)),
            ]}),
        ),
        "500_2/insights?metric=post_media_view,post_clicks"
        | "600_2/insights?metric=post_media_view,post_clicks"
        | "500_2?fields=id"
        | "600_2?fields=id" => missing(),
        "500_3/insights?metric=post_media_view,post_clicks"
        | "600_3/insights?metric=post_media_view,post_clicks" => forbidden(),
        "500/published_posts?fields=id&limit=1" => {
            answered(200, &json!({"data": [{"id": "500_1"}]}))
        }
        "600/published_posts?fields=id&limit=1" => forbidden(),
        other => panic!("{other}"),
    }
}

fn batch(asked: &Asked, item: impl Fn(&str) -> Value) -> Reply {
    let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
    let items: Vec<Value> = requests
        .iter()
        .map(|request| item(request["relative_url"].as_str().unwrap()))
        .collect();
    Reply::new(200, Value::Array(items).to_string())
}

fn reason(result: &Result<Fetched, PlatformError>) -> String {
    match &found(result.as_ref().unwrap()).metrics.views {
        Observed::Unavailable { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_posts_of_a_linked_page_are_asked_for_with_its_token_and_no_other() {
    let stub = Stub::start(|asked| batch(asked, linked)).await;
    let adapter = adapter(&stub);
    let posts = ["500_1", "500_2", "500_3", "600_1", "600_2", "600_3"].map(reference);
    let results = adapter.fetch(&posts, Some(&owner(Some("500")))).await;

    let own = found(results[0].as_ref().unwrap());
    assert_eq!(
        own.metrics.views,
        Observed::Reported {
            value: 70,
            definition: "meta.post_media_view".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    assert_eq!(own.metrics.clicks.value(), Some(4));
    assert_eq!(own.author, Some(page("500")));
    assert!(
        matches!(results[1], Ok(Fetched::Gone { .. })),
        "its page can be read"
    );
    assert!(reason(&results[2]).contains("not to this access"));
    // The answer decides whether a post of another page is told.
    let other = found(results[3].as_ref().unwrap());
    assert_eq!(other.metrics.views.value(), Some(70));
    assert_eq!(other.author, Some(page("600")));
    for result in &results[4..] {
        let reason = reason(result);
        assert!(
            reason.contains("is not among the posts of the linked page"),
            "{reason}"
        );
        assert_eq!(found(result.as_ref().unwrap()).author, None);
    }

    let asked = stub.asked();
    assert_eq!(
        asked.len(),
        2,
        "the insights, and whether the page is there"
    );
    let pages = asked[1].form("batch").unwrap();
    assert!(!pages.contains("600"), "{pages}");
    for request in &asked {
        assert!(has_token(request, "page-token"));
        for text in [&request.line, &request.body] {
            assert!(!text.contains("-token"), "{text}");
        }
    }
    assert!(!format!("{results:?} {adapter:?}").contains("page-token"));
}

#[tokio::test]
async fn a_missing_post_is_gone_only_where_the_page_can_be_read() {
    let stub = Stub::start(|asked| batch(asked, linked)).await;
    let adapter = adapter(&stub);
    // Linked as the page 600, which this token does not read.
    let lost = owner(Some("600"));
    let results = adapter.fetch(&[reference("600_2")], Some(&lost)).await;
    assert!(reason(&results[0]).contains("not to this access"));
    let own = owner(Some("500"));
    let results = adapter.fetch(&[reference("500_2")], Some(&own)).await;
    assert!(matches!(results[0], Ok(Fetched::Gone { .. })));
    // Where it is not known which page the token is of, it is not known of which posts it is told.
    let posts = [reference("500_2"), reference("600_2")];
    for result in adapter.fetch(&posts, Some(&owner(None))).await {
        assert!(reason(&result).contains("not to this access"));
    }
}

#[tokio::test]
async fn a_revoked_token_is_unauthorised_and_nothing_is_asked_in_its_place() {
    let revoked = error(190, Some(460), "Error validating access token page-token");
    let whole = revoked.clone();
    for stub in [
        Stub::start(move |_| Reply::new(400, whole.to_string())).await,
        Stub::start(move |asked| batch(asked, |_| answered(400, &revoked))).await,
    ] {
        let posts = [reference("500_1"), reference("500_2")];
        let results = adapter(&stub)
            .fetch(&posts, Some(&owner(Some("500"))))
            .await;
        for result in results {
            match result {
                Err(error @ PlatformError::Unauthorised { .. }) => {
                    assert!(!error.to_string().contains("page-token"), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
        let asked = stub.asked();
        assert_eq!(asked.len(), 1);
        assert!(has_token(&asked[0], "page-token"));
    }
}

#[tokio::test]
async fn two_pages_on_one_adapter_are_each_asked_with_their_own_token() {
    let stub = Stub::start(|asked| {
        let views = if has_token(asked, "page-token") {
            1
        } else if has_token(asked, "other-token") {
            2
        } else {
            3
        };
        let answer = json!({"data": [row(VIEWS, "lifetime", &json!(views))]});
        batch(asked, |_| answered(200, &answer))
    })
    .await;
    let adapter = adapter(&stub);
    let posts = [reference("500_1")];
    let mut other = owner(Some("500"));
    other.token = Secret::new("other-token");
    for (owner, expected) in [
        (Some(owner(Some("500"))), 1),
        (Some(other), 2),
        (None, 3),
        (Some(owner(Some("500"))), 1),
    ] {
        let results = adapter.fetch(&posts, owner.as_ref()).await;
        let views = found(results[0].as_ref().unwrap()).metrics.views.value();
        assert_eq!(views, Some(expected));
    }
    assert_eq!(stub.asked().len(), 4);
}

#[tokio::test]
async fn a_permalink_of_a_linked_page_is_found_with_its_token_and_no_other() {
    let stub = Stub::start(|asked| {
        if !has_token(asked, "page-token") {
            let refused = error(10, None, "(#10) Requires pages_read_engagement");
            return Reply::new(403, refused.to_string());
        }
        let line = &asked.line;
        assert!(
            line.starts_with("GET /api/v26.0/500/published_posts?"),
            "{line}"
        );
        let post = json!({
            "id": "500_7", "permalink_url": "https://www.facebook.com/500/posts/pfbid07",
        });
        Reply::new(200, json!({"data": [post]}).to_string())
    })
    .await;
    let without_own = Meta::of_owners(&stub.config(PlatformKind::Meta)).unwrap();
    let owner = owner(Some("500"));
    for adapter in [adapter(&stub), without_own] {
        for address in [
            "https://www.facebook.com/permalink.php?story_fbid=pfbid07&id=500",
            "https://www.facebook.com/some.page/posts/pfbid07",
        ] {
            let link = PostLink::parse(address).unwrap();
            match adapter.resolve(&link, Some(&owner)).await.unwrap() {
                Resolved::Post(found) => assert_eq!(found.native_id(), Some("500_7")),
                other => panic!("{other:?}"),
            }
            let error = adapter.resolve(&link, None).await.unwrap_err();
            assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        }
        // It says nothing of other pages.
        let before = stub.asked().len();
        let link = "https://www.facebook.com/permalink.php?story_fbid=pfbid07&id=600";
        let link = PostLink::parse(link).unwrap();
        let error = adapter.resolve(&link, Some(&owner)).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        assert_eq!(stub.asked().len(), before);
    }
}

#[tokio::test]
async fn without_access_of_its_own_only_owners_are_asked_for() {
    let stub = Stub::start(|asked| batch(asked, linked)).await;
    let adapter = Meta::of_owners(&stub.config(PlatformKind::Meta)).unwrap();
    let posts = ["500_1", "500_3"].map(reference);
    for result in adapter.fetch(&posts, None).await {
        assert!(matches!(result, Err(PlatformError::Refused { .. })));
    }
    assert!(stub.asked().is_empty());
    let results = adapter.fetch(&posts, Some(&owner(Some("500")))).await;
    let told = found(results[0].as_ref().unwrap());
    assert_eq!(told.metrics.views.value(), Some(70));
    assert!(has_token(&stub.asked()[0], "page-token"));
}

#[tokio::test]
async fn only_what_a_token_may_not_read_of_its_own_page_shows_that_it_lacks_a_permission() {
    let stub = Stub::start(|asked| batch(asked, linked)).await;
    let adapter = adapter(&stub);
    let lacks = async |page: &str, post: &str| {
        let results = adapter
            .fetch(&[reference(post)], Some(&owner(Some(page))))
            .await;
        found(results[0].as_ref().unwrap()).lacks_permission
    };
    assert!(lacks("500", "500_3").await);
    assert!(lacks("600", "600_2").await, "its page cannot be listed");
    assert!(!lacks("500", "500_1").await);
    assert!(!lacks("500", "600_3").await);
    assert!(!lacks("500", "600_2").await);
}
