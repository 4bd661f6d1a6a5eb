//! Asking with an affiliate's own access.

use super::*;
use crate::model::Secret;

/// The account of the first owner, which has `LATER` and, on its second page, `ALBUM`.
const FIRST: &str = "101";

fn owner(token: &str, id: Option<&str>) -> Owner {
    Owner {
        token: Secret::new(token),
        account: Account {
            id: id.map(str::to_owned),
            handle: Some("first.owner".to_owned()),
        },
    }
}

fn has_token(asked: &Asked, token: &str) -> bool {
    let header = format!("authorization: bearer {token}");
    asked.head.lines().any(|line| line == header)
}

fn error(code: i64, message: &str) -> String {
    json!({"error": {"code": code, "type": "OAuthException", "message": message}}).to_string()
}

/// The token `first-token` reads the account 101, and `second-token` one that has `PEACH`; other
/// tokens are of nobody.
fn two_accounts(asked: &Asked) -> Reply {
    let is_first = has_token(asked, "first-token");
    if !is_first && !has_token(asked, "second-token") {
        return Reply::new(400, error(190, "Cannot parse access token"));
    }
    if asked.line.starts_with("POST") {
        let requests: Vec<Value> = serde_json::from_str(&asked.form("batch").unwrap()).unwrap();
        let items: Vec<Value> = requests
            .iter()
            .map(|request| insights(request["relative_url"].as_str().unwrap(), is_first))
            .collect();
        return Reply::new(200, Value::Array(items).to_string());
    }
    let (path, _) = asked.line.split_once('?').unwrap();
    match path.strip_prefix("GET /api/v26.0/").unwrap() {
        "101/media" | "me/media" if is_first => first_list(asked),
        "me/media" => {
            let rows = [row(22, PEACH, "2021-06-09T09:47:29+0000")];
            Reply::new(200, json!({"data": rows}).to_string())
        }
        "101/media" => Reply::new(403, error(10, "(#10) Requires instagram_basic")),
        other => panic!("{other}"),
    }
}

fn first_list(asked: &Asked) -> Reply {
    let body = match asked.query("after").as_deref() {
        None => json!({
            "data": [row(10, LATER, "2021-08-13T08:25:28+0000")],
            "paging": {
                "cursors": {"after": "p2"},
                "next": "https://evil.example/v26.0/101/media?access_token=first-token&after=x",
            },
        }),
        Some("p2") => json!({
            "data": [row(11, ALBUM, "2021-07-26T10:45:20+0000")],
            "paging": {"cursors": {"after": "p3"}},
        }),
        Some(other) => panic!("{other}"),
    };
    Reply::new(200, body.to_string())
}

fn insights(address: &str, is_first: bool) -> Value {
    let views = match address {
        "v26.0/11/insights?metric=views" if is_first => 9,
        "v26.0/22/insights?metric=views" if !is_first => 8,
        other => panic!("{other}"),
    };
    let row = json!({"name": "views", "period": "lifetime", "values": [{"value": views}]});
    json!({"code": 200, "body": json!({"data": [row]}).to_string()})
}

fn adapter(stub: &Stub) -> Instagram {
    Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap()
}

fn views(result: &Result<Fetched, PlatformError>) -> Observed {
    found(result.clone().unwrap()).metrics.views
}

#[tokio::test]
async fn the_posts_of_an_owner_are_asked_for_with_that_token_and_no_other() {
    let stub = Stub::start(two_accounts).await;
    let adapter = adapter(&stub);
    let posts = [reference(ALBUM, None), reference(PEACH, Some("friend"))];
    let owner = owner("first-token", Some(FIRST));
    let results = adapter.fetch(&posts, Some(&owner)).await;

    assert_eq!(
        views(&results[0]),
        Observed::Reported {
            value: 9,
            definition: "instagram.views".to_owned(),
            grade: EvidenceGrade::OwnerToken,
        }
    );
    let sighting = found(results[0].clone().unwrap());
    assert_eq!(sighting.author, Some(owner.account.clone()));
    assert_eq!(sighting.published_at, Some(time("2021-07-26T10:45:20Z")));
    // What another account has is not looked for there.
    match views(&results[1]) {
        Observed::Unavailable { reason } => assert!(
            reason.contains("is not among the posts of the linked account"),
            "{reason}"
        ),
        other => panic!("{other:?}"),
    }
    assert_eq!(found(results[1].clone().unwrap()).author, None);

    let asked = stub.asked();
    assert_eq!(asked.len(), 3, "two pages and a batch");
    for request in &asked {
        assert!(has_token(request, "first-token"));
        assert!(!request.head.contains("the-access-token"));
        for text in [&request.line, &request.body] {
            assert!(!text.contains("-token"), "{text}");
        }
    }
    assert!(!format!("{results:?} {adapter:?}").contains("first-token"));
}

#[tokio::test]
async fn what_was_found_for_one_owner_is_neither_anothers_nor_the_programs_own() {
    let stub = Stub::start(two_accounts).await;
    let adapter = adapter(&stub);
    let posts = [reference(ALBUM, None)];
    let calls = || stub.asked().len();
    for id in [Some(FIRST), None] {
        let first = owner("first-token", id);
        let before = calls();
        let results = adapter.fetch(&posts, Some(&first)).await;
        assert_eq!(views(&results[0]).value(), Some(9));
        assert_eq!(calls(), before + 3);
        // What was found once is not looked for again, and its author and time are known.
        let again = adapter.fetch(&posts, Some(&first)).await;
        assert_eq!(calls(), before + 4);
        let (once, again) = (results[0].clone().unwrap(), again[0].clone().unwrap());
        let (once, again) = (found(once), found(again));
        assert_eq!(again.author, once.author);
        assert_eq!(again.published_at, once.published_at);
        assert!(again.published_at.is_some());
    }

    // Another token lists anew, whoever it says that it is.
    let results = adapter
        .fetch(&posts, Some(&owner("second-token", Some(FIRST))))
        .await;
    assert!(matches!(results[0], Err(PlatformError::Refused { .. })));
    let results = adapter
        .fetch(&posts, Some(&owner("second-token", None)))
        .await;
    assert_eq!(views(&results[0]).availability(), Availability::Unavailable);
    let last = stub.asked().pop().unwrap();
    assert!(last.line.starts_with("GET /api/v26.0/me/media?"));

    // So does the configured one.
    let results = adapter.fetch(&posts, None).await;
    assert!(matches!(
        results[0],
        Err(PlatformError::Unauthorised { .. })
    ));
    let last = stub.asked().pop().unwrap();
    assert!(has_token(&last, "the-access-token"));
    assert!(last.line.starts_with("GET "));
}

#[tokio::test]
async fn a_revoked_token_is_unauthorised_and_nothing_is_asked_in_its_place() {
    let stub = Stub::start(|_| {
        Reply::new(
            400,
            error(190, "Error validating access token: revoked-token"),
        )
    })
    .await;
    let adapter = adapter(&stub);
    let mut gone = reference(PEACH, Some("friend"));
    gone.seen_as_own = true;
    let posts = [reference(ALBUM, None), gone];
    let owner = owner("revoked-token", Some(FIRST));
    for result in adapter.fetch(&posts, Some(&owner)).await {
        match result {
            Err(error @ PlatformError::Unauthorised { .. }) => {
                assert!(!error.to_string().contains("revoked-token"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    assert!(has_token(&asked[0], "revoked-token"));
}

#[tokio::test]
async fn a_post_that_was_the_owners_and_is_not_listed_any_more_is_gone() {
    let stub = Stub::start(two_accounts).await;
    let mut post = reference(PEACH, None);
    post.seen_as_own = true;
    let owner = owner("first-token", None);
    let results = adapter(&stub).fetch(&[post], Some(&owner)).await;
    match results[0].as_ref().unwrap() {
        Fetched::Gone { reason, .. } => assert!(reason.contains("linked account"), "{reason}"),
        Fetched::Found(sighting) => panic!("{sighting:?}"),
    }
}

#[tokio::test]
async fn nothing_but_an_id_goes_into_the_address() {
    let stub = Stub::start(two_accounts).await;
    let posts = [reference(ALBUM, None)];
    for id in ["101/media/..", "../oauth", "me", "first.owner"] {
        let owner = owner("first-token", Some(id));
        let results = adapter(&stub).fetch(&posts, Some(&owner)).await;
        assert!(
            matches!(results[0], Err(PlatformError::Refused { .. })),
            "{id}"
        );
    }
    assert!(stub.asked().is_empty());
    // A blank one is none.
    let owner = owner("first-token", Some(" "));
    let results = adapter(&stub).fetch(&posts, Some(&owner)).await;
    assert_eq!(views(&results[0]).value(), Some(9));
}

#[tokio::test]
async fn author_and_time_are_read_from_a_recorded_list() {
    let Some(first) = recorded("instagram/sns-sdks__python-facebook__ig_users_medias_p1.json")
    else {
        return;
    };
    let last = recorded("instagram/sns-sdks__python-facebook__ig_users_medias_p2.json").unwrap();
    let insights =
        recorded("instagram/sns-sdks__python-facebook__ig_medias_insights_new.json").unwrap();
    let stub = Stub::start(move |asked| {
        if asked.line.starts_with("POST") {
            let item = json!({"code": 200, "body": insights});
            return Reply::new(200, json!([item]).to_string());
        }
        match asked.query("after").as_deref() {
            None => Reply::new(200, first.clone()),
            Some("after") => Reply::new(200, last.clone()),
            Some(other) => panic!("{other}"),
        }
    })
    .await;
    let owner = owner("first-token", Some("17841406338772941"));
    let results = adapter(&stub)
        .fetch(&[reference(PEACH, None)], Some(&owner))
        .await;
    let sighting = found(results[0].clone().unwrap());
    assert_eq!(sighting.author, Some(owner.account));
    assert_eq!(sighting.published_at, Some(time("2021-06-09T09:47:29Z")));
    assert_eq!(sighting.raw["media"]["id"], "17893085207160254");
    // The recording has other insights than views.
    assert_eq!(
        sighting.metrics.views.availability(),
        Availability::Unavailable
    );
}
