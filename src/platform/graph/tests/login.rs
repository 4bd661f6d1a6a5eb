//! Tokens of Instagram Login, and the host that takes them one thing at a time.

use super::*;

fn plain_http() -> Http {
    // Plain addresses need no certificates on the machine that runs the test.
    let mut config = PlatformConfig::defaults(PlatformKind::Instagram);
    config.base_url.set_scheme("http").unwrap();
    config.web_url.set_scheme("http").unwrap();
    Http::new(PlatformKind::Instagram, &config).unwrap()
}

#[test]
fn a_token_of_instagram_login_is_asked_at_its_host_unless_the_operator_set_another() {
    let usual = "https://graph.facebook.com/";
    let played = "http://127.0.0.1:9/instagram";
    for (base, token, asked) in [
        (usual, "IGAAtoken", "https://graph.instagram.com/"),
        (usual, "EAAtoken", usual),
        (usual, "aIGtoken", usual),
        (played, "IGAAtoken", played),
        (played, "EAAtoken", played),
    ] {
        let mut config = PlatformConfig::defaults(PlatformKind::Instagram);
        config.base_url = Url::parse(base).unwrap();
        config.client_secret = Some(Secret::new("the-client-secret"));
        let token_of_owner = Secret::new(token);
        let graph =
            Graph::of_instagram_owner(plain_http(), &config, token_of_owner, &Arc::default());
        assert_eq!(graph.base.as_str(), asked, "{base} {token}");
        // The secret of an app of Facebook Login proves nothing there.
        let moved = asked != base;
        assert_eq!(graph.proof().is_none(), moved, "{base} {token}");
        assert_eq!(graph.takes_batches, !moved, "{base} {token}");
    }
}

/// What came of four requests, one after another, and how many were made.
async fn four(second: &'static str) -> (Vec<Result<Value, Fault>>, usize) {
    let stub = Stub::start(move |asked| {
        assert_eq!(asked.query("metric").as_deref(), Some("views"));
        let (path, _) = asked.line.split_once('?').unwrap();
        match path {
            "GET /api/v26.0/2/insights" => Reply::new(400, second),
            path => Reply::new(200, json!({"path": path}).to_string()),
        }
    })
    .await;
    let config = stub.config(PlatformKind::Instagram);
    let http = Http::new(PlatformKind::Instagram, &config).unwrap();
    let mut graph = Graph::new(http, &config, Secret::new("IGAAtoken"));
    graph.takes_batches = false;
    let paths: Vec<String> = (1..=4)
        .map(|id| format!("{id}/insights?metric=views"))
        .collect();
    let results = graph.batch(&paths).await;
    (results, stub.asked().len())
}

#[tokio::test]
async fn where_no_batch_is_taken_each_thing_has_a_call_of_its_own() {
    let gone = r#"{"error": {"code": 100, "error_subcode": 33, "message": "x"}}"#;
    let (results, asked) = four(gone).await;
    assert_eq!(asked, 4);
    assert_eq!(results[1].as_ref().unwrap_err().kind, FaultKind::Missing);
    for index in [0, 2, 3] {
        let path = format!("GET /api/v26.0/{}/insights", index + 1);
        assert_eq!(results[index].as_ref().unwrap()["path"], path);
    }
}

#[tokio::test]
async fn what_would_befall_the_other_calls_too_spares_them() {
    for (second, kind) in [
        (
            r#"{"error": {"code": 190, "message": "x"}}"#,
            FaultKind::Token,
        ),
        (
            r#"{"error": {"code": 4, "message": "x"}}"#,
            FaultKind::Throttled,
        ),
        ("<html>", FaultKind::Temporary),
    ] {
        let (results, asked) = four(second).await;
        assert_eq!(asked, 2, "{second}");
        assert_eq!(results.len(), 4);
        assert!(results[0].is_ok());
        for result in &results[1..] {
            assert_eq!(result.as_ref().unwrap_err().kind, kind, "{second}");
        }
    }
}
