//! Tokens of other apps than the one whose secret is configured.

use super::*;
use crate::platform::stub::Asked;

const WRONG: &str = "Invalid appsecret_proof provided in the API argument";

/// Answers to a call without a proof; one with a proof is refused, as a whole or in each answer.
fn of_another_app(asked: &Asked, as_a_whole: bool) -> Reply {
    let wrong = error(100, None, WRONG).to_string();
    let Some(batch) = asked.form("batch") else {
        return match asked.query("appsecret_proof") {
            Some(_) => Reply::new(400, wrong),
            None => Reply::new(200, json!({"id": "1"}).to_string()),
        };
    };
    let has_proof = asked.form("appsecret_proof").is_some();
    if has_proof && as_a_whole {
        return Reply::new(400, wrong);
    }
    let requests: Vec<Value> = serde_json::from_str(&batch).unwrap();
    let item = if has_proof {
        json!({"code": 400, "body": wrong})
    } else {
        json!({"code": 200, "body": r#"{"id": "1"}"#})
    };
    Reply::new(200, Value::Array(vec![item; requests.len()]).to_string())
}

fn graph(stub: &Stub, token: &str, proofless: &Arc<Proofless>) -> Graph {
    let config = stub.config(PlatformKind::Meta);
    let http = Http::new(PlatformKind::Meta, &config).unwrap();
    Graph::of_owner(http, &config, Secret::new(token), proofless)
}

/// Which of the calls so far brought a proof.
fn proofs(stub: &Stub) -> Vec<bool> {
    let asked = stub.asked();
    let has_proof = |asked: &Asked| {
        let proof = asked.query("appsecret_proof");
        proof.or_else(|| asked.form("appsecret_proof")).is_some()
    };
    asked.iter().map(has_proof).collect()
}

#[tokio::test]
async fn a_token_of_another_app_is_asked_again_without_the_proof_and_remembered() {
    let stub = Stub::start(|asked| of_another_app(asked, true)).await;
    let proofless = Arc::default();
    for _ in 0..2 {
        // Each fetch makes its own; the memory is what they share.
        let graph = graph(&stub, "anothers-token", &proofless);
        graph.get("me", &[("fields", "id")]).await.unwrap();
    }
    assert_eq!(proofs(&stub), [true, false, false]);
    let last = stub.asked().pop().unwrap();
    assert_eq!(last.query("fields").as_deref(), Some("id"));
    // What is known of one token is not known of another.
    let graph = graph(&stub, "a-third-token", &proofless);
    graph.get("me", &[]).await.unwrap();
    assert_eq!(proofs(&stub)[3..], [true, false]);
    assert!(!format!("{proofless:?}").contains("token"));
}

#[tokio::test]
async fn a_batch_is_asked_again_without_the_proof_wherever_it_is_refused() {
    for as_a_whole in [true, false] {
        let stub = Stub::start(move |asked| of_another_app(asked, as_a_whole)).await;
        let graph = graph(&stub, "anothers-token", &Arc::default());
        let paths: Vec<String> = (0..60).map(|id| format!("{id}/insights")).collect();
        let results = graph.batch(&paths).await;
        assert_eq!(results.len(), 60);
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!(proofs(&stub), [true, false, false]);
    }
}

#[tokio::test]
async fn this_programs_own_token_and_an_app_that_requires_a_proof_are_refused() {
    let stub = Stub::start(|asked| of_another_app(asked, true)).await;
    let config = stub.config(PlatformKind::Meta);
    let http = Http::new(PlatformKind::Meta, &config).unwrap();
    let own = Graph::new(http, &config, Secret::new("the-access-token"));
    let refused = own.get("me", &[]).await.unwrap_err();
    assert!(refused.is_about_proof());
    assert_eq!(refused.kind, FaultKind::Token);
    assert_eq!(proofs(&stub), [true]);

    let stub = Stub::start(|asked| {
        let said = match asked.query("appsecret_proof") {
            Some(_) => WRONG,
            None => "API calls from the server require an appsecret_proof argument",
        };
        Reply::new(400, error(100, None, said).to_string())
    })
    .await;
    let proofless = Arc::default();
    for _ in 0..2 {
        let strict = graph(&stub, "a-token", &proofless);
        let refused = strict.get("me", &[]).await.unwrap_err();
        assert!(refused.is_about_proof());
        assert_eq!(refused.kind, FaultKind::Parameter);
    }
    assert_eq!(proofs(&stub), [true, false, true, false]);
}

#[tokio::test]
async fn a_wrong_secret_makes_this_programs_own_token_unauthorised_in_a_batch_too() {
    for as_a_whole in [true, false] {
        let stub = Stub::start(move |asked| of_another_app(asked, as_a_whole)).await;
        let config = stub.config(PlatformKind::Meta);
        let http = Http::new(PlatformKind::Meta, &config).unwrap();
        let own = Graph::new(http, &config, Secret::new("the-access-token"));
        let paths = ["1/insights".to_owned(), "2/insights".to_owned()];
        for result in own.batch(&paths).await {
            let error = PlatformError::from(result.unwrap_err());
            let is_unauthorised =
                matches!(error, PlatformError::Unauthorised { expired: false, .. });
            assert!(is_unauthorised, "{as_a_whole}: {error:?}");
        }
        assert_eq!(proofs(&stub), [true]);
    }
}
