//! What the commands print, and how they refuse.

use countersign::db::{Pool, migrate};
use serde_json::json;

use super::{Node, Place, free_port, program, run};
use crate::support::{Client, Database};

#[tokio::test(flavor = "multi_thread")]
async fn create_key_prints_the_key_of_an_operator_alone() {
    let place = Place::start().await;
    let (status, printed, log) =
        run(place.command(&["admin", "create-key", "--role", "operator"])).await;
    assert!(status.success(), "{log}");
    let key = printed.strip_suffix('\n').unwrap();
    assert!(!key.is_empty() && !key.contains(char::is_whitespace));
    assert!(!log.contains(key), "the log has the key");
    let operator = Client::sign_in(&place.app.url, key).await;
    let viewer = operator.ok("{ viewer { role } }", json!({})).await;
    assert_eq!(viewer["viewer"]["role"], "OPERATOR");
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_an_unknown_role_is_refused_and_none_is_printed() {
    let (status, printed, said) = run(program(&["admin", "create-key", "--role", "king"])).await;
    assert!(!status.success());
    assert_eq!(printed, "");
    assert!(said.contains("king") && said.contains("operator"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_prints_the_schema_that_is_in_the_repository_and_needs_no_database() {
    let (status, printed, said) = run(program(&["schema"])).await;
    assert!(status.success(), "{said}");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let file = std::fs::read_to_string(path).unwrap();
    assert!(printed == file, "it is another one");
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_brings_a_bare_database_up_to_date() {
    let database = Database::bare().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(&["migrate"]);
    command
        .env("DATABASE_URL", &database.url)
        .env("COUNTERSIGN_DATA_DIR", folder.path());
    let (status, printed, log) = run(command).await;
    assert!(status.success(), "{log}");
    assert_eq!(printed, "");
    let pool = Pool::new(&database.url, 1).unwrap();
    assert!(migrate::is_current(&pool).await.unwrap());
    database.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn healthcheck_succeeds_only_where_a_server_answers() {
    let place = Place::start().await;
    let (status, _, said) = run(program(&["healthcheck", "--url", &place.app.url])).await;
    assert!(status.success(), "{said}");
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let (status, _, said) = run(program(&["healthcheck", "--url", &nowhere])).await;
    assert!(!status.success());
    assert!(said.contains(&nowhere), "{said}");
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_named_and_its_holder_is_left_alone() {
    let place = Place::start().await;
    let node = Node::start(&place).await;
    let (status, _, said) = run(place.command(&["serve", "--listen", &place.address])).await;
    assert_eq!(status.code(), Some(1));
    assert!(said.contains(&place.address), "{said}");
    assert!(said.contains("in use"), "{said}");
    let (status, _, said) = run(program(&["healthcheck", "--url", &node.url])).await;
    assert!(status.success(), "{said}");
    node.stop().await;
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_cannot_be_used_is_named() {
    let place = Place::start().await;
    for (variable, value) in [
        ("COUNTERSIGN_TOKEN_ACCESS_SECONDS", "soon"),
        ("COUNTERSIGN_TOKEN_REFRESH_DAYS", "0"),
        ("COUNTERSIGN_DATABASE_CONNECTIONS", "1000000"),
        ("COUNTERSIGN_PLATFORM_META_BASE_URL", "ftp://127.0.0.1/"),
        ("COUNTERSIGN_PLATFORM_REDDIT_WEB_URL", "reddit"),
        ("COUNTERSIGN_TOKEN_PRIVATE_KEY", "not a key"),
    ] {
        let mut command = place.command(&["serve"]);
        command
            .env("COUNTERSIGN_LISTEN", &place.address)
            .env(variable, value);
        let (status, _, said) = run(command).await;
        assert!(!status.success(), "{variable}");
        assert!(said.contains(variable), "{variable} is not named: {said}");
    }
    place.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_shows_no_secret_of_the_environment() {
    let place = Place::start().await;
    let mut command = place.command(&["serve", "--listen", &place.address]);
    command
        .env("COUNTERSIGN_TOKEN_PRIVATE_KEY", "hunter2-private")
        .env(
            "COUNTERSIGN_PLATFORM_REDDIT_CLIENT_SECRET",
            "hunter2-reddit",
        )
        .env(
            "DATABASE_URL",
            "postgresql://me:hunter2-database@127.0.0.1:1/x",
        );
    let (status, printed, said) = run(command).await;
    assert!(!status.success());
    assert!(
        !said.contains("hunter2") && !printed.contains("hunter2"),
        "{said}"
    );
    place.finish().await;
}
