//! What the commands print, and how they refuse.

use countersign::db::{Pool, migrate};
use serde_json::json;

use super::{Node, Place, free_port, program, run};
use crate::discord::played::Played;
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

#[tokio::test(flavor = "multi_thread")]
async fn discord_register_registers_both_commands_and_says_what_it_lacks() {
    let discord = Played::start().await;
    let arguments = [
        "admin",
        "discord",
        "register",
        "--guild",
        "290926798626357999",
    ];
    let mut bare = program(&arguments);
    bare.env("COUNTERSIGN_DISCORD_BASE_URL", &discord.url);
    let (status, printed, said) = run(bare).await;
    assert!(!status.success());
    assert_eq!(printed, "");
    for variable in [
        "COUNTERSIGN_DISCORD_APPLICATION_ID",
        "COUNTERSIGN_DISCORD_BOT_TOKEN",
    ] {
        assert!(said.contains(variable), "{said}");
    }
    let set_up = |arguments: &[&str]| {
        let mut command = program(arguments);
        command
            .env("COUNTERSIGN_DISCORD_BASE_URL", &discord.url)
            .env("COUNTERSIGN_DISCORD_APPLICATION_ID", "771825006014889984")
            .env("COUNTERSIGN_DISCORD_BOT_TOKEN", "the-bot-token");
        command
    };
    discord.answer_next(200, json!([{ "name": "submit" }, { "name": "status" }]));
    let (status, printed, said) = run(set_up(&arguments)).await;
    assert!(status.success(), "{said}");
    assert_eq!(
        printed,
        "registered for the server 290926798626357999: /submit, /status\n"
    );
    let told = discord.told().remove(0);
    assert_eq!(
        told.line,
        "PUT /api/v10/applications/771825006014889984/guilds/290926798626357999/commands"
    );
    assert_eq!(told.authorization.as_deref(), Some("Bot the-bot-token"));
    let submit = &told.body[0];
    assert_eq!(submit["name"], "submit");
    let options: Vec<(&str, u64, bool)> = submit["options"]
        .as_array()
        .unwrap()
        .iter()
        .map(|option| {
            (
                option["name"].as_str().unwrap(),
                option["type"].as_u64().unwrap(),
                option["required"].as_bool().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        options,
        [
            ("url", 3, true),
            ("campaign", 3, true),
            ("views", 4, false),
            ("clicks", 4, false),
            ("conversions", 4, false),
            ("handle", 3, false),
        ]
    );
    assert_eq!(submit["options"][2]["min_value"], 0);
    assert_eq!(submit["options"][2]["max_value"], 9_007_199_254_740_991_u64);
    assert_eq!(told.body[1]["name"], "status");

    discord.answer_next(401, json!({ "message": "401: Unauthorized the-bot-token" }));
    let (status, printed, said) = run(set_up(&["admin", "discord", "register"])).await;
    assert!(!status.success());
    assert_eq!(printed, "");
    assert!(said.contains("HTTP 401"), "{said}");
    assert!(!said.contains("the-bot-token"), "{said}");
}
