//! What Discord checks is checked again, and what is wrong is said at once, in words.

use serde_json::{Value, json};

use super::{Stage, option};

/// A message for the member alone that pings nobody, and its text.
fn message(answer: &Value) -> String {
    assert_eq!(answer["type"], 4, "{answer}");
    assert_eq!(answer["data"]["flags"], 64);
    assert_eq!(answer["data"]["allowed_mentions"], json!({ "parse": [] }));
    answer["data"]["content"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_command_is_answered_with_those_that_there_are() {
    let stage = Stage::open().await;
    let answer = stage.command(1, "ban", &json!([])).await;
    assert_eq!(
        message(&answer),
        "There is no command /ban here. Countersign takes the commands /submit and /status."
    );
    let long = message(
        &stage
            .command(2, &"@everyone ".repeat(400), &json!([]))
            .await,
    );
    assert!(!long.contains("@everyone"), "{long}");
    assert!(long.encode_utf16().count() <= 2000);
    let (status, answer) = stage
        .deliver(r#"{"type":3,"data":{"custom_id":"x"}}"#)
        .await;
    assert_eq!(status, 200);
    assert_eq!(
        message(&answer),
        "Countersign takes the commands /submit and /status."
    );
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_a_wrong_kind_are_named_all_at_once_and_nothing_is_kept() {
    let stage = Stage::open().await;
    let count = "must be a whole number from 0 to 9,007,199,254,740,991.";
    for (options, expected) in [
        (
            json!([]),
            "The option url is missing.\nThe option campaign is missing.".to_owned(),
        ),
        (
            json!([option("url", 7), option("campaign", " "), option("views", "many")]),
            format!(
                "The option url must be a text of 1 to 2048 characters.\n\
                 The option campaign must be a text of 1 to 200 characters.\nThe option views {count}"
            ),
        ),
        (
            json!([option("url", "x"), option("campaign", "x"), option("views", -1),
                option("clicks", 1.5), option("conversions", 9_007_199_254_740_992_u64)]),
            format!(
                "The option views {count}\nThe option clicks {count}\nThe option conversions {count}"
            ),
        ),
        (
            json!([option("url", "x\u{0}"), option("campaign", "x"), option("note_", "x")]),
            "The option url must be a text of 1 to 2048 characters.\n/submit has no option note\\_."
                .to_owned(),
        ),
    ] {
        let answer = stage.command(1, "submit", &options).await;
        assert_eq!(message(&answer), expected, "{options}");
    }
    let answer = stage
        .command(2, "status", &json!([option("post", true)]))
        .await;
    assert_eq!(
        message(&answer),
        "The option post must be a text of 1 to 200 characters."
    );
    assert_eq!(stage.count("discord_interactions").await, 0);
    stage.finish().await;
}
