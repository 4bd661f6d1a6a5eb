//! What a channel is told, in the form of its kind. A body is made once and kept, so that each attempt sends the same bytes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::db::affiliate::Affiliate;
use crate::db::alert::{Alert, AlertEvent};
use crate::db::alert_channel::AlertChannel;
use crate::db::campaign::Campaign;
use crate::db::post::Post;
use crate::db::reconciliation::Reconciliation;
use crate::domain::plain::{bracketed, cut, is_unruly, unbroken};
use crate::model::{
    AlertChannelDisabledReason, AlertChannelKind, DiscrepancyLevel, Finality, IdKind,
};

/// Most UTF-16 units of a message to Discord, whose limit is 2,000 characters.
const DISCORD_LENGTH: usize = 2000;
/// Most UTF-16 units of a message to Slack, which cuts what is much longer.
const SLACK_LENGTH: usize = 4000;
/// The flag of a message to Discord whose links show no preview.
const SUPPRESS_EMBEDS: u32 = 4;

/// Something that happened to an alert, with what its advertiser may see around it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Happening<'a> {
    pub(super) event: &'a AlertEvent,
    pub(super) alert: &'a Alert,
    pub(super) campaign: &'a Campaign,
    pub(super) post: Option<&'a Post>,
    pub(super) affiliate: Option<&'a Affiliate>,
    pub(super) verdict: Option<&'a Reconciliation>,
}

/// The body that tells a channel of something that happened to an alert.
pub(super) fn of_event(kind: AlertChannelKind, happening: &Happening<'_>) -> String {
    match kind {
        AlertChannelKind::Webhook => {
            let name = format!("alert.{}", happening.event.kind.as_str().to_lowercase());
            envelope(&name, happening.event.occurred_at, &data(happening))
        }
        AlertChannelKind::Discord => discord(&sentences(
            happening,
            discord_text,
            discord_words,
            discord_link,
        )),
        AlertChannelKind::Slack => slack(&sentences(happening, slack_text, slack_text, slack_link)),
    }
}

/// The body of a test.
pub(super) fn of_test(channel: &AlertChannel, now: DateTime<Utc>) -> String {
    let message = "This is a test: alerts of Countersign arrive here.";
    match channel.kind {
        AlertChannelKind::Webhook => {
            let data =
                json!({ "channel": named(IdKind::AlertChannel, channel.id), "message": message });
            envelope("channel.test", now, &data)
        }
        AlertChannelKind::Discord => discord(message),
        AlertChannelKind::Slack => slack(message),
    }
}

/// The body that tells a channel of a kind that another one was disabled.
pub(super) fn of_disabled(
    kind: AlertChannelKind,
    other: &AlertChannel,
    reason: AlertChannelDisabledReason,
    now: DateTime<Utc>,
) -> String {
    let why = match reason {
        AlertChannelDisabledReason::Gone => "its receiver answered that it is gone",
        AlertChannelDisabledReason::Failing => "nothing has arrived there for five days",
        AlertChannelDisabledReason::Requested => "somebody asked for it",
    };
    let message = |url: &str| {
        format!(
            "Alerts of Countersign are not sent to {url} any more: {why}. Enable that channel again when it works."
        )
    };
    match kind {
        AlertChannelKind::Webhook => {
            let data = json!({
                "channel": {
                    "id": IdKind::AlertChannel.encode(other.id),
                    "kind": other.kind.as_str(),
                    "url": other.shown_url,
                    "disabledReason": reason.as_str(),
                },
                "message": message(&other.shown_url),
            });
            envelope("channel.disabled", now, &data)
        }
        AlertChannelKind::Discord => discord(&message(&other.shown_url)),
        AlertChannelKind::Slack => slack(&message(&slack_text(&other.shown_url))),
    }
}

/// As Standard Webhooks have it: what it is, when it happened, and the rest.
fn envelope(name: &str, at: DateTime<Utc>, data: &Value) -> String {
    json!({ "type": name, "timestamp": time(at), "data": data }).to_string()
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn named(kind: IdKind, row: i64) -> Value {
    json!({ "id": kind.encode(row) })
}

fn data(happening: &Happening<'_>) -> Value {
    let alert = happening.alert;
    json!({
        "event": happening.event.kind.as_str(),
        "alert": {
            "id": IdKind::Alert.encode(alert.id),
            "kind": alert.kind.as_str(),
            "level": alert.level.map(DiscrepancyLevel::as_str),
            "finality": alert.finality.map(Finality::as_str),
            "status": alert.status.as_str(),
            "message": alert.message,
            "occurrences": alert.occurrences,
            "createdAt": time(alert.created_at),
            "acknowledgedAt": alert.acknowledged_at.map(time),
            "resolvedAt": alert.resolved_at.map(time),
            "resolvedBy": alert.resolved_by,
            "resolutionNotes": alert.resolution_notes,
        },
        "campaign": {
            "id": IdKind::Campaign.encode(happening.campaign.id),
            "name": happening.campaign.name,
        },
        "post": happening.post.map(|post| json!({
            "id": IdKind::Post.encode(post.id),
            "platform": post.platform.as_str(),
            "url": post.url,
            "status": post.status.as_str(),
        })),
        "affiliate": happening.affiliate.map(|affiliate| json!({
            "id": IdKind::Affiliate.encode(affiliate.id),
            "name": affiliate.name,
        })),
        "reconciliation": happening.verdict.map(|verdict| json!({
            "id": IdKind::Reconciliation.encode(verdict.id),
            "status": verdict.status.as_str(),
            "level": verdict.discrepancy_level.map(DiscrepancyLevel::as_str),
            "finality": verdict.finality.as_str(),
            "explanation": verdict.explanation,
        })),
    })
}

/// The same for people: what happened, the alert's sentence, and where. What others typed passes through `text`, the alert's
/// sentence through `words`, the post's link through `link`.
fn sentences(
    happening: &Happening<'_>,
    text: fn(&str) -> String,
    words: fn(&str) -> String,
    link: fn(&str) -> String,
) -> String {
    let alert = happening.alert;
    let level = alert
        .level
        .map(|level| format!(" ({level})"))
        .unwrap_or_default();
    let mut lines = format!(
        "{} {}{level}: {}\nCampaign: {}",
        text(alert.kind.as_str()),
        happening.event.kind.as_str().to_lowercase(),
        words(&alert.message),
        text(&happening.campaign.name),
    );
    if let Some(affiliate) = happening.affiliate {
        lines.push_str("\nAffiliate: ");
        lines.push_str(&text(&affiliate.name));
    }
    if let Some(post) = happening.post {
        lines.push_str("\nPost: ");
        lines.push_str(&link(&post.url));
    }
    lines
}

/// A text in which nothing is formatted by Discord.
fn discord_text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(
            character,
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '#' | '[' | ']' | '(' | ')' | '<' | '@'
        ) {
            escaped.push('\\');
        }
        escaped.push(if is_unruly(character) { ' ' } else { character });
    }
    escaped
}

/// A text in which nothing is formatted by Discord, and the words that are links are links.
fn discord_words(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(discord_word)
        .collect()
}

/// A word with the white space after it. What ends a sentence or a bracket behind a link is not of the link.
fn discord_word(word: &str) -> String {
    let is_link = ["https://", "http://"]
        .iter()
        .any(|scheme| word.starts_with(scheme));
    if !is_link {
        return discord_text(word);
    }
    let has_bracket = word.contains('(');
    let link = word.trim_end_matches(|character: char| match character {
        '.' | ',' | ':' | ';' | '!' | '?' | '"' | '\'' | '…' => true,
        ')' => !has_bracket,
        _ => character.is_whitespace(),
    });
    let rest = word.get(link.len()..).unwrap_or_default();
    discord_link(link) + &discord_text(rest)
}

/// A post's link as it was given, as one for Discord; a text where it cannot be one.
fn discord_link(link: &str) -> String {
    bracketed(link).unwrap_or_else(|| discord_text(link))
}

/// A text in which nothing is a link or a mention for Slack.
fn slack_text(text: &str) -> String {
    text.replace(is_unruly, " ")
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// A post's link, which Slack finds in the text by itself, as one link.
fn slack_link(link: &str) -> String {
    slack_text(&unbroken(link))
}

fn discord(content: &str) -> String {
    // Nobody is called by what others typed, and nothing that they link to is shown.
    json!({
        "content": cut(content, DISCORD_LENGTH),
        "allowed_mentions": { "parse": [] },
        "flags": SUPPRESS_EMBEDS,
    })
    .to_string()
}

fn slack(text: &str) -> String {
    json!({
        "text": cut(text, SLACK_LENGTH),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_typed_formats_and_calls_nobody() {
        assert_eq!(
            slack_text("<!channel> & <http://x|y>\nz"),
            "&lt;!channel&gt; &amp; &lt;http://x|y&gt; z"
        );
        assert_eq!(
            discord_text("@everyone **a** [b](http://x)\n# c"),
            r"\@everyone \*\*a\*\* \[b\]\(http://x\) \# c"
        );
        let body: Value = serde_json::from_str(&discord("@everyone")).unwrap();
        assert_eq!(
            body,
            json!({ "content": "@everyone", "allowed_mentions": { "parse": [] }, "flags": 4 })
        );
        let body: Value = serde_json::from_str(&slack("a")).unwrap();
        assert_eq!(
            body,
            json!({ "text": "a", "mrkdwn": false, "unfurl_links": false, "unfurl_media": false })
        );
        assert_eq!(
            slack_link("https://redd.it/1?x=<https://evil.example/login>\u{202e}&y"),
            "https://redd.it/1?x=%3Chttps://evil.example/login%3E%E2%80%AE&amp;y"
        );
        let turned = "a\u{202e}b\u{2069}c\u{2028}d\u{9b}e\0f";
        assert_eq!(slack_text(turned), "a b c d e f");
        assert_eq!(discord_text(turned), "a b c d e f");
    }

    #[test]
    fn a_link_in_a_sentence_is_one_for_discord_and_ends_before_the_sentence_does() {
        for (said, shown) in [
            (
                "The post https://www.instagram.com/reel/a_b_c/ is *gone*.",
                r"The post <https://www.instagram.com/reel/a_b_c/> is \*gone\*.",
            ),
            (
                "See https://redd.it/a_b, or http://redd.it/c_d: both.",
                "See <https://redd.it/a_b>, or <http://redd.it/c_d>: both.",
            ),
            ("At https://redd.it/a_b.", "At <https://redd.it/a_b>."),
            (
                "(at https://redd.it/a_b?c=d).",
                r"\(at <https://redd.it/a_b?c=d>\).",
            ),
            (
                "https://example.com/a_(b)\nhttps://redd.it/1",
                "<https://example.com/a_(b)> <https://redd.it/1>",
            ),
            (
                "[a https://redd.it/1](http://x) <https://redd.it/2>@here",
                r"\[a <https://redd.it/1](http://x)> \<https://redd.it/2\>\@here",
            ),
            (
                "https://redd.it/1>@here\u{202e}",
                "<https://redd.it/1%3E@here%E2%80%AE>",
            ),
        ] {
            assert_eq!(discord_words(said), shown, "{said}");
        }
    }

    #[test]
    fn a_message_is_cut_to_what_the_receiver_takes() {
        let body: Value = serde_json::from_str(&discord(&"😀".repeat(3000))).unwrap();
        let content = body["content"].as_str().unwrap();
        assert!(content.encode_utf16().count() <= 2000 && content.ends_with('…'));
    }
}
