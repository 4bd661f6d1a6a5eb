//! Whose page a token is of.

use super::*;
use crate::model::Secret;

fn owner(page: Option<&str>) -> Owner {
    Owner {
        token: Secret::new("page-token"),
        account: Account {
            id: page.map(str::to_owned),
            handle: Some("a.handle".to_owned()),
        },
    }
}

fn adapter(stub: &Stub) -> Meta {
    Meta::new(&stub.config(PlatformKind::Meta))
        .unwrap()
        .unwrap()
}

async fn refused(status: u16, body: String) -> PlatformError {
    let stub = Stub::start(move |_| Reply::new(status, body.clone())).await;
    adapter(&stub).identify(&owner(None)).await.unwrap_err()
}

#[tokio::test]
async fn the_page_is_the_tokens_whatever_page_the_affiliate_names() {
    for claimed in [None, Some("500"), Some("600")] {
        let stub = Stub::start(|asked| match asked.line.split_once('?') {
            Some(("GET /api/v26.0/me", _)) => {
                let page = json!({"id": "500", "name": "A Page", "category": "Shopping & retail"});
                Reply::new(200, page.to_string())
            }
            _ => panic!("{}", asked.line),
        })
        .await;
        let account = adapter(&stub).identify(&owner(claimed)).await.unwrap();
        assert_eq!(account, page("500"));

        let asked = stub.asked();
        assert_eq!(asked.len(), 1);
        let fields = asked[0].query("fields");
        assert_eq!(fields.as_deref(), Some("id,name,category"));
        assert!(asked[0].query("appsecret_proof").is_some());
        assert!(!asked[0].line.contains("page-token"));
        let bearer = "authorization: bearer page-token";
        assert!(asked[0].head.contains(bearer), "{}", asked[0].head);
    }
}

#[tokio::test]
async fn a_token_that_does_not_hold_is_told_from_one_without_the_permission() {
    let said = "Malformed access token page-token";
    for (code, subcode, expected) in [
        (190, Some(463), "not authorised"),
        (10, None, "refused"),
        (200, None, "refused"),
        (100, Some(33), "refused"),
        (4, None, "rate limited"),
        (2, None, "unreachable"),
    ] {
        let body = error(code, subcode, said).to_string();
        let refusal = refused(400, body).await;
        assert!(refusal.to_string().starts_with(expected), "{refusal}");
        assert!(!format!("{refusal:?}").contains("page-token"), "{refusal}");
    }
    for (status, body) in [(200, r#"{"name": "A Page"}"#), (200, "<html>"), (503, "")] {
        let refusal = refused(status, body.to_owned()).await;
        assert_eq!(refusal.advice(), Advice::Retry, "{refusal}");
    }
}

#[tokio::test]
async fn a_token_of_a_person_is_of_no_page() {
    let person = "(#100) Tried accessing nonexisting field (category) on node type (User)";
    let refusal = refused(400, error(100, None, person).to_string()).await;
    let is_refused = matches!(refusal, PlatformError::Refused { .. });
    assert!(is_refused, "{refusal}");
    let said = refusal.detail();
    assert!(said.contains("give the access token of the page"), "{said}");
    // An app that requires a proof says nothing of whose token it is.
    let proof = "API calls from the server require an appsecret_proof argument";
    let refusal = refused(400, error(100, None, proof).to_string()).await;
    assert!(refusal.detail().contains(proof), "{refusal}");
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
