//! What a delivery is read as, and that what comes from outside formats nothing and names nobody.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};

use super::command::{Command, Status, Submit, definitions};
use super::interaction::{Interaction, parse};
use super::talk::pause;
use super::words::{MOST, acting_as, escaped, refused};
use super::{job, queued};
use crate::domain::plain::cut;
use crate::domain::task;
use crate::error::{Refusal, RefusalCode};
use crate::model::MAX_COUNT;
use crate::platform::DiscordPace;

/// The command that Discord delivers with these options.
fn read(name: &str, options: &Value) -> Result<Command, String> {
    let body = json!({
        "type": 2, "id": "786008729715212338", "token": "awQabcabc", "user": { "id": "317209107000066050" },
        "data": { "name": name, "options": options },
    });
    match parse(body.to_string().as_bytes()) {
        Ok(Interaction::Command(invocation)) => {
            assert_eq!(invocation.id, "786008729715212338");
            assert_eq!(invocation.discord_user_id, "317209107000066050");
            assert_eq!(invocation.application_id, None);
            invocation.command
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_command_is_read_with_every_count_exact_and_none_where_none_is_given() {
    let options = json!([
        { "name": "url", "type": 3, "value": " https://redd.it/1skjxta " },
        { "name": "campaign", "type": 3, "value": "Autumn" },
        { "name": "views", "type": 4, "value": MAX_COUNT },
        { "name": "clicks", "type": 4, "value": 0 },
    ]);
    let command = read("submit", &options).unwrap();
    assert_eq!(
        command,
        Command::Submit(Submit {
            url: "https://redd.it/1skjxta".to_owned(),
            campaign: "Autumn".to_owned(),
            views: Some(MAX_COUNT),
            clicks: Some(0),
            conversions: None,
            handle: None,
        })
    );
    // It is kept as JSON until it is done.
    let kept = serde_json::to_value(&command).unwrap();
    assert_eq!(serde_json::from_value::<Command>(kept).unwrap(), command);
    for options in [Value::Null, json!([])] {
        let command = read("status", &options).unwrap();
        assert_eq!(command, Command::Status(Status::default()));
    }
}

#[test]
fn the_commands_fit_what_discord_takes() {
    let commands = definitions();
    for command in commands.as_array().unwrap() {
        let mut required = true;
        for option in command["options"].as_array().unwrap() {
            let description = option["description"].as_str().unwrap();
            assert!((1..=100).contains(&description.chars().count()));
            // Those that must be given come first.
            let is_required = option["required"].as_bool().unwrap();
            assert!(required || !is_required, "{option}");
            required = is_required;
        }
        let description = command["description"].as_str().unwrap();
        assert!((1..=100).contains(&description.chars().count()));
    }
}

#[test]
fn what_comes_from_outside_formats_nothing_and_names_nobody() {
    assert_eq!(
        escaped("**a** <@1> @here\n[x](y) _z_"),
        "\\*\\*a\\*\\* \\<@\u{200b}1\\> @\u{200b}here \\[x\\](y) \\_z\\_"
    );
    assert_eq!(
        escaped("4,016 views: 100.00 % above."),
        "4,016 views: 100.00 % above."
    );
}

#[test]
fn a_text_is_cut_to_what_a_message_holds_however_it_is_counted() {
    assert_eq!(cut("short", 5), "short");
    assert_eq!(cut("longer", 5), "long…");
    let faces = cut(&"😀".repeat(1500), MOST);
    assert!(faces.encode_utf16().count() <= MOST && faces.ends_with('…'));
}

#[test]
fn refusals_are_told_by_the_names_of_the_options() {
    let refusals = [
        Refusal::field(
            RefusalCode::OutOfRange,
            "claimedViews",
            "claimedViews must be from 0 to 9",
        ),
        Refusal::whole(RefusalCode::AffiliateInactive, "your account is not active"),
    ];
    assert_eq!(
        refused(&refusals),
        "Not submitted. Views must be from 0 to 9. Your account is not active."
    );
}

#[test]
fn a_message_says_as_whom_the_member_acts_and_stays_short_enough() {
    assert_eq!(acting_as("Ann", "Submitted."), "As Ann: Submitted.");
    assert_eq!(
        acting_as("*Ann*\u{202e}@here", "x"),
        "As \\*Ann\\* @\u{200b}here: x"
    );
    let rest = "x".repeat(MOST - 120);
    let long = acting_as(&"*".repeat(200), &rest);
    assert!(long.ends_with(&format!("…: {rest}")), "{long}");
    assert!(long.encode_utf16().count() <= MOST);
    let cut = acting_as("Ann", &"x".repeat(MOST));
    assert!(cut.encode_utf16().count() <= MOST && cut.ends_with('…'));
}

#[test]
fn the_longer_something_takes_the_longer_are_the_pauses() {
    let after = |seconds| pause(DiscordPace::default(), TimeDelta::seconds(seconds));
    let pauses = [-3, 0, 1, 10, 60, 600].map(after);
    let expected = [1.0, 1.0, 1.0, 5.0, 30.0, 60.0];
    assert!(
        pauses
            .iter()
            .zip(expected)
            .all(|(pause, expected)| (pause - expected).abs() < 1e-9),
        "{pauses:?}"
    );
    let still = DiscordPace {
        longest_pause: Duration::ZERO,
        ..DiscordPace::default()
    };
    assert!((pause(still, TimeDelta::minutes(1)) - 1.0).abs() < 1e-9);
}

#[test]
fn a_job_begins_with_the_interaction_that_it_is_about() {
    let asked = job(task::TELL_VERDICT, "7", DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(asked.payload_json, r#"{"interaction_id":"7"}"#);
    let payload = task::Interaction {
        interaction_id: "7".to_owned(),
        has_failed: true,
    };
    let telling = queued(task::ANSWER_INTERACTION, &payload, DateTime::UNIX_EPOCH).unwrap();
    assert_eq!(
        telling.payload_json,
        r#"{"interaction_id":"7","has_failed":true}"#
    );
}
