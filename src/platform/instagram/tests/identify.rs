//! Whose account a token reads.

use super::*;
use crate::model::Secret;

fn owner(token: &str, id: Option<&str>) -> Owner {
    Owner {
        token: Secret::new(token),
        account: Account {
            id: id.map(str::to_owned),
            handle: Some("a.claim".to_owned()),
        },
    }
}

fn adapter(stub: &Stub) -> Instagram {
    Instagram::new(&stub.config(PlatformKind::Instagram))
        .unwrap()
        .unwrap()
}

fn account(id: &str, handle: &str) -> Account {
    Account {
        id: Some(id.to_owned()),
        handle: Some(handle.to_owned()),
    }
}

/// The path of a request, and the fields that it asks for.
fn what(asked: &Asked) -> (String, String) {
    let (path, _) = asked.line.split_once('?').unwrap();
    let path = path.strip_prefix("GET /api/v26.0/").unwrap();
    (path.to_owned(), asked.query("fields").unwrap())
}

/// A page of a person, with the account that is connected to it.
fn connected(page: u64, id: Option<&str>) -> Value {
    let mut row = json!({"id": page.to_string()});
    if let Some(id) = id {
        row["instagram_business_account"] = json!({"id": id, "username": format!("Owner_{id}")});
    }
    row
}

/// What comes of a token of Facebook Login without an account, whose person has these pages.
async fn of_pages(rows: &[Value]) -> Result<Account, PlatformError> {
    let body = json!({"data": rows}).to_string();
    let stub = Stub::start(move |_| Reply::new(200, body.clone())).await;
    let found = adapter(&stub).identify(&owner("EAAtoken", None)).await;
    let asked = stub.asked();
    assert_eq!(asked.len(), 1);
    let (path, fields) = what(&asked[0]);
    assert_eq!(path, "me/accounts");
    assert_eq!(fields, "instagram_business_account{id,username}");
    found
}

#[tokio::test]
async fn a_token_of_instagram_login_is_of_the_account_that_it_says() {
    for (body, expected) in [
        (
            json!({"user_id": "101", "id": "9001", "username": "First.Owner"}),
            account("101", "first.owner"),
        ),
        // The form of the documentation, and an id that is a number.
        (
            json!({"data": [{"user_id": 17_841_400_000_042_001_u64, "username": "first.owner"}]}),
            account("17841400000042001", "first.owner"),
        ),
        (
            json!({"id": "101", "username": "first.owner"}),
            account("101", "first.owner"),
        ),
    ] {
        for claimed in [None, Some("202")] {
            let text = body.to_string();
            let stub = Stub::start(move |_| Reply::new(200, text.clone())).await;
            let owner = owner("IGAAtoken", claimed);
            let found = adapter(&stub).identify(&owner).await.unwrap();
            assert_eq!(found, expected, "{body}");

            let asked = stub.asked();
            assert_eq!(asked.len(), 1);
            let (path, fields) = what(&asked[0]);
            assert_eq!(path, "me");
            assert_eq!(fields, "user_id,username");
            assert!(!asked[0].line.contains("IGAAtoken"));
            // The stub keeps headers in lower case.
            let bearer = "authorization: bearer igaatoken";
            assert!(asked[0].head.contains(bearer), "{}", asked[0].head);
        }
    }
}

#[tokio::test]
async fn a_token_of_facebook_login_is_shown_the_named_account_or_refused() {
    let stub = Stub::start(|asked| match what(asked).0.as_str() {
        "101" => Reply::new(
            200,
            json!({"id": "101", "username": "First.Owner", "media_count": 3}).to_string(),
        ),
        "202" => Reply::new(
            400,
            json!({"error": {"code": 100, "error_subcode": 33, "message": "Unsupported"}})
                .to_string(),
        ),
        // A page, which has an id and a name for everybody and no media.
        "500" => Reply::new(
            400,
            json!({"error": {"code": 100, "message": "(#100) Tried accessing nonexisting field"}})
                .to_string(),
        ),
        other => panic!("{other}"),
    })
    .await;
    let adapter = adapter(&stub);
    let own = adapter.identify(&owner("EAAtoken", Some("101"))).await;
    assert_eq!(own, Ok(account("101", "first.owner")));
    for other in ["202", "500"] {
        let owner = owner("EAAtoken", Some(other));
        let error = adapter.identify(&owner).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
    }
    for asked in stub.asked() {
        assert_eq!(what(&asked).1, "id,username,media_count");
    }
}

#[tokio::test]
async fn without_a_named_account_there_must_be_exactly_one() {
    let one = [
        connected(1, None),
        connected(2, Some("101")),
        connected(3, None),
    ];
    assert_eq!(of_pages(&one).await, Ok(account("101", "owner_101")));
    let mut null = connected(4, None);
    null["instagram_business_account"] = json!(null);
    for rows in [
        Vec::new(),
        vec![connected(1, None), null],
        vec![connected(1, Some("101")), connected(2, Some("202"))],
    ] {
        let error = of_pages(&rows).await.unwrap_err();
        assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        assert!(error.detail().contains("give the accountId"), "{error}");
    }
    let mut odd = connected(1, None);
    odd["instagram_business_account"] = json!({"username": "somebody"});
    let error = of_pages(&[odd]).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
}

/// A part of the list of pages after which another one comes.
fn part(row: &Value, after: &str) -> Reply {
    let body = json!({"data": [row], "paging": {
        "cursors": {"after": after},
        "next": "https://evil.example/v26.0/me/accounts?access_token=EAAtoken",
    }});
    Reply::new(200, body.to_string())
}

#[tokio::test]
async fn an_account_on_a_later_part_of_the_list_counts_too() {
    for (last, is_one) in [(None, true), (Some("202"), false)] {
        let stub = Stub::start(move |asked| match asked.query("after").as_deref() {
            None => part(&connected(1, Some("101")), "p2"),
            Some("p2") => Reply::new(200, json!({"data": [connected(2, last)]}).to_string()),
            Some(other) => panic!("{other}"),
        })
        .await;
        let found = adapter(&stub).identify(&owner("EAAtoken", None)).await;
        assert_eq!(found.is_ok(), is_one, "{found:?}");
        assert_eq!(stub.asked().len(), 2);
    }
    let endless = Stub::start(|_| part(&connected(1, Some("101")), "same")).await;
    let owner = owner("EAAtoken", None);
    let error = adapter(&endless).identify(&owner).await.unwrap_err();
    assert_eq!(error.advice(), Advice::Retry);
    assert_eq!(endless.asked().len(), 2);
}

#[tokio::test]
async fn what_is_no_id_of_instagram_is_not_asked_for() {
    let stub = Stub::start(|_| Reply::new(500, "")).await;
    for token in ["EAAtoken", "IGAAtoken"] {
        for id in ["101/media", "somebody", "1?fields=id"] {
            let owner = owner(token, Some(id));
            let error = adapter(&stub).identify(&owner).await.unwrap_err();
            assert!(matches!(error, PlatformError::Refused { .. }), "{error}");
        }
    }
    assert!(stub.asked().is_empty());
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_told_from_one_without_the_permission() {
    for (token, id) in [
        ("IGAAtoken", None),
        ("EAAtoken", None),
        ("EAAtoken", Some("101")),
    ] {
        for (code, expected) in [
            (190, "not authorised"),
            (10, "refused"),
            (200, "refused"),
            (80_002, "rate limited"),
            (2, "unreachable"),
        ] {
            let message = format!("Malformed access token {token}");
            let body = json!({"error": {"code": code, "message": message}}).to_string();
            let stub = Stub::start(move |_| Reply::new(400, body.clone())).await;
            let owner = owner(token, id);
            let error = adapter(&stub).identify(&owner).await.unwrap_err();
            assert!(error.to_string().starts_with(expected), "{error}");
            assert!(!format!("{error:?}").contains(token), "{error}");
        }
        let stub = Stub::start(|_| Reply::new(200, "{}")).await;
        let owner = owner(token, id);
        let error = adapter(&stub).identify(&owner).await.unwrap_err();
        assert_eq!(error.advice(), Advice::Retry, "{token}");
    }
}
