//! The address of a channel: what may be registered, and what of it may be shown.

use url::Url;

use crate::app::App;
use crate::error::{Refusal, RefusalCode};
use crate::model::{AlertChannelKind, Secret};

/// Most bytes of an address.
const MAX_LENGTH: usize = 2048;
/// The host of Discord's webhooks.
const DISCORD: &str = "discord.com";
/// The host of Slack's webhooks.
const SLACK: &str = "hooks.slack.com";
/// What Discord's was called before.
const FORMER_DISCORD: &str = "discordapp.com";

/// An address that may be asked.
#[derive(Debug)]
pub(super) struct Address {
    /// The whole of it.
    pub(super) url: Secret,
    /// What of it may be shown: where it is. What comes after may let anybody write there, also where it is not of Discord or
    /// Slack.
    pub(super) shown: String,
}

/// Reads an address that an advertiser gives. Looks its host up, where that is not one of ours to know.
///
/// # Errors
/// It is not an address, not one of this kind of channel, or one that this server does not ask.
pub(super) async fn read(
    app: &App,
    kind: AlertChannelKind,
    text: &str,
) -> Result<Address, Refusal> {
    let refused = |message: String| Refusal::field(RefusalCode::Invalid, "url", message);
    let text = text.trim();
    let too_long = || {
        let message = format!("url must have at most {MAX_LENGTH} bytes");
        Refusal::field(RefusalCode::TooLong, "url", message)
    };
    if text.len() > MAX_LENGTH {
        return Err(too_long());
    }
    let free = app.callbacks.allows_private();
    let mut url = parse(text, free).map_err(|problem| refused(format!("url {problem}")))?;
    if url.as_str().len() > MAX_LENGTH {
        return Err(too_long());
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    if !free && !is_of_kind(kind, &url) {
        return Err(refused(format!("url must be {}", form(kind))));
    }
    let url = as_asked(kind, url);
    if let Err(error) = app.callbacks.check(&url) {
        return Err(refused(format!("url cannot be used: {}", error.detail())));
    }
    // Whether a name is unknown or private is not for strangers to learn.
    if kind == AlertChannelKind::Webhook && !app.callbacks.finds(&url).await {
        return Err(refused(
            "url has a host without a public address".to_owned(),
        ));
    }
    Ok(Address {
        shown: shown(&url),
        url: Secret::new(url.as_str()),
    })
}

/// An address as it is asked: the former name of Discord leads to the present one by a redirect, which is not followed.
fn as_asked(kind: AlertChannelKind, mut url: Url) -> Url {
    // An address of https takes any name for its host, so this does not fail.
    if kind == AlertChannelKind::Discord
        && url.host_str() == Some(FORMER_DISCORD)
        && let Err(error) = url.set_host(Some(DISCORD))
    {
        tracing::warn!(%error, "an address of Discord keeps its former name");
    }
    url
}

fn parse(text: &str, free: bool) -> Result<Url, &'static str> {
    if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err("must not contain white space");
    }
    let url = Url::parse(text).map_err(|_| "must be a web address")?;
    let known = url.scheme() == "https" || (free && url.scheme() == "http");
    if !known || !url.has_host() {
        return Err("must be an https address");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment");
    }
    Ok(url)
}

/// What an address of a kind looks like.
const fn form(kind: AlertChannelKind) -> &'static str {
    match kind {
        AlertChannelKind::Webhook => {
            "an https address that is not of Discord or Slack: choose the kind DISCORD or SLACK for it"
        }
        AlertChannelKind::Discord => {
            "the address of a Discord webhook, https://discord.com/api/webhooks/<id>/<token>"
        }
        AlertChannelKind::Slack => {
            "the address of a Slack webhook, https://hooks.slack.com/services/<…>/<…>/<…>"
        }
    }
}

fn is_of_kind(kind: AlertChannelKind, url: &Url) -> bool {
    let parts: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    let host = url.host_str().unwrap_or_default();
    match (kind, host) {
        // These take messages of their own form alone.
        (AlertChannelKind::Webhook, _) => {
            !matches!(host.trim_end_matches('.'), DISCORD | FORMER_DISCORD | SLACK)
        }
        (AlertChannelKind::Discord, DISCORD | FORMER_DISCORD) => match parts.as_slice() {
            ["api", "webhooks", id, token] => {
                !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && !token.is_empty()
            }
            _ => false,
        },
        (AlertChannelKind::Slack, SLACK) => match parts.as_slice() {
            ["services", rest @ ..] => rest.len() == 3 && rest.iter().all(|part| !part.is_empty()),
            _ => false,
        },
        _ => false,
    }
}

fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_path("");
    format!("{}/…", shown.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        parse(text, false).unwrap()
    }

    #[test]
    fn an_address_of_discord_or_slack_is_one_of_a_webhook_there() {
        use AlertChannelKind::{Discord, Slack, Webhook};
        for (kind, text, fits) in [
            (Webhook, "https://example.com/anything?at=all", true),
            (
                Webhook,
                "https://discord.com/api/webhooks/17/a-token",
                false,
            ),
            (
                Webhook,
                "https://discordapp.com/api/webhooks/17/a-token",
                false,
            ),
            (Webhook, "https://discord.com./api/webhooks/17/a", false),
            (Webhook, "https://HOOKS.slack.com/services/T0/B0/xyz", false),
            (Webhook, "https://hooks.slack.com.example.com/T0", true),
            (Discord, "https://discord.com/api/webhooks/17/a-token", true),
            (
                Discord,
                "https://discordapp.com/api/webhooks/17/a-token?thread_id=4",
                true,
            ),
            (
                Discord,
                "https://discord.com/api/webhooks/17/a-token/slack",
                false,
            ),
            (Discord, "https://discord.com/api/webhooks/17/", false),
            (Discord, "https://discord.com/api/webhooks/x/a-token", false),
            (Discord, "https://discord.com/api/users/17/a-token", false),
            (
                Discord,
                "https://discord.com.example.com/api/webhooks/17/a-token",
                false,
            ),
            (Discord, "https://hooks.slack.com/services/T0/B0/xyz", false),
            (Slack, "https://hooks.slack.com/services/T0/B0/xyz", true),
            (Slack, "https://hooks.slack.com/services/T0/B0", false),
            (Slack, "https://hooks.slack.com/services/T0/B0/", false),
            (Slack, "https://hooks.slack.com/workflows/T0/B0/xyz", false),
            (Slack, "https://slack.com/services/T0/B0/xyz", false),
        ] {
            assert_eq!(is_of_kind(kind, &url(text)), fits, "{kind} {text}");
        }
    }

    #[test]
    fn the_former_name_of_discord_is_not_asked() {
        let asked = |kind, text: &str| as_asked(kind, url(text)).to_string();
        let former = "https://discordapp.com/api/webhooks/17/a-token?thread_id=4";
        assert_eq!(
            asked(AlertChannelKind::Discord, former),
            "https://discord.com/api/webhooks/17/a-token?thread_id=4"
        );
        let slack = "https://hooks.slack.com/services/T0/B0/xyz";
        assert_eq!(asked(AlertChannelKind::Slack, slack), slack);
    }

    #[test]
    fn what_lets_somebody_write_to_the_channel_is_not_shown() {
        for (text, expected) in [
            (
                "https://discord.com/api/webhooks/17/a-token?thread_id=4",
                "https://discord.com/…",
            ),
            (
                "https://hooks.slack.com/services/T0/B0/xyz",
                "https://hooks.slack.com/…",
            ),
            ("https://127.0.0.1/", "https://127.0.0.1/…"),
            (
                "https://example.com/alerts/a-t0ken?key=s3cret",
                "https://example.com/…",
            ),
            ("https://example.com", "https://example.com/…"),
        ] {
            assert_eq!(shown(&url(text)), expected);
        }
    }

    #[test]
    fn what_is_no_address_of_a_receiver_is_refused() {
        for text in [
            "",
            "example.com/hook",
            "ftp://example.com/hook",
            "http://example.com/hook",
            "https://",
            "https://me:pw@example.com/hook",
            "https://example.com/hook#part",
            "https://example.com/a hook",
            "https://example.com/\0",
        ] {
            assert!(parse(text, false).is_err(), "{text:?}");
        }
        assert!(parse("http://127.0.0.1:9/hook", true).is_ok());
        assert!(parse("ftp://127.0.0.1:9/hook", true).is_err());
    }
}
