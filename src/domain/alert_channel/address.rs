//! The address of a channel: what may be registered, and what of it may be shown.

use url::Url;

use crate::app::App;
use crate::error::{Refusal, RefusalCode};
use crate::model::{AlertChannelKind, Secret};

/// Most bytes of an address.
const MAX_LENGTH: usize = 2048;
/// The host of Discord's webhooks.
const DISCORD: &str = "discord.com";
/// Other hosts of the same webhooks: what Discord's was called before, and those that its clients for trying out copy.
const OTHERS_OF_DISCORD: [&str; 5] = [
    "discordapp.com",
    "ptb.discord.com",
    "canary.discord.com",
    "ptb.discordapp.com",
    "canary.discordapp.com",
];
/// The host of Slack's webhooks.
const SLACK: &str = "hooks.slack.com";
/// The version of Discord's API that webhooks are asked by. An address without one is of version 6, whose `Retry-After` is in
/// milliseconds; from version 8 on it is in seconds.
const DISCORD_VERSION: &str = "v10";

/// An address that may be asked.
#[derive(Debug)]
pub(super) struct Address {
    /// The whole of it, as it was given.
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

/// An address as it is asked, which may not be as it was given and is kept: the former name of Discord leads to the present one
/// by a redirect, which is not followed, so that all its names are asked as one, and a webhook of Discord is asked by one version
/// of the API, whichever its address has.
pub(crate) fn as_asked(kind: AlertChannelKind, mut url: Url) -> Url {
    if kind != AlertChannelKind::Discord {
        return url;
    }
    // An address of https takes any name for its host, so this does not fail.
    if url
        .host_str()
        .is_some_and(|host| OTHERS_OF_DISCORD.contains(&host))
        && let Err(error) = url.set_host(Some(DISCORD))
    {
        tracing::warn!(%error, "an address of Discord keeps its other name");
    }
    let path = discord_webhook(&url)
        .map(|(id, token)| format!("/api/{DISCORD_VERSION}/webhooks/{id}/{token}"));
    if let Some(path) = path {
        url.set_path(&path);
    }
    url
}

/// The id and the token in the address of a webhook of Discord, by whichever version of the API; none where it is not one.
fn discord_webhook(url: &Url) -> Option<(&str, &str)> {
    let parts: Vec<&str> = url.path_segments()?.collect();
    let (id, token) = match parts.as_slice() {
        ["api", "webhooks", id, token] => (*id, *token),
        ["api", version, "webhooks", id, token]
            if version.strip_prefix('v').is_some_and(is_number) =>
        {
            (*id, *token)
        }
        _ => return None,
    };
    (is_number(id) && !token.is_empty()).then_some((id, token))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
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
    let host = url.host_str().unwrap_or_default();
    match kind {
        // Those of the others take messages of their own form alone.
        AlertChannelKind::Webhook => {
            let host = host.trim_end_matches('.');
            !is_discord(host) && host != SLACK
        }
        AlertChannelKind::Discord => is_discord(host) && discord_webhook(url).is_some(),
        AlertChannelKind::Slack => host == SLACK && is_slack_webhook(url),
    }
}

fn is_discord(host: &str) -> bool {
    host == DISCORD || OTHERS_OF_DISCORD.contains(&host)
}

fn is_slack_webhook(url: &Url) -> bool {
    let parts: Vec<&str> = url.path_segments().into_iter().flatten().collect();
    match parts.as_slice() {
        ["services", rest @ ..] => rest.len() == 3 && rest.iter().all(|part| !part.is_empty()),
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
            (Webhook, "https://ptb.discord.com/api/webhooks/17/a", false),
            (
                Webhook,
                "https://canary.discordapp.com./api/webhooks/17/a",
                false,
            ),
            (Webhook, "https://other.discord.com/hook", true),
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
                "https://discord.com/api/v9/webhooks/17/a-token",
                true,
            ),
            (Discord, "https://ptb.discord.com/api/webhooks/17/a", true),
            (
                Discord,
                "https://canary.discord.com/api/webhooks/17/a",
                true,
            ),
            (
                Discord,
                "https://ptb.discordapp.com/api/webhooks/17/a",
                true,
            ),
            (
                Discord,
                "https://canary.discordapp.com/api/webhooks/17/a",
                true,
            ),
            (Discord, "https://canary.discord.com/api/users/17/a", false),
            (
                Discord,
                "https://other.discord.com/api/webhooks/17/a",
                false,
            ),
            (
                Discord,
                "https://discord.com/api/webhooks/17/a-token/slack",
                false,
            ),
            (
                Discord,
                "https://discord.com/api/v10/webhooks/17/a-token/github",
                false,
            ),
            (
                Discord,
                "https://discord.com/api/vx/webhooks/17/a-token",
                false,
            ),
            (Discord, "https://discord.com/api/v/webhooks/17/a", false),
            (Discord, "https://discord.com/api/9/webhooks/17/a", false),
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
    fn a_webhook_of_discord_is_asked_by_one_version_at_one_name() {
        for (given, asked) in [
            (
                "https://discordapp.com/api/webhooks/17/a-token?thread_id=4",
                "https://discord.com/api/v10/webhooks/17/a-token?thread_id=4",
            ),
            (
                "https://discord.com/api/webhooks/17/a_t%2Foken",
                "https://discord.com/api/v10/webhooks/17/a_t%2Foken",
            ),
            (
                "https://discord.com/api/v6/webhooks/17/a-token?wait=true&thread_id=4",
                "https://discord.com/api/v10/webhooks/17/a-token?wait=true&thread_id=4",
            ),
            (
                "https://discord.com/api/v10/webhooks/17/a-token",
                "https://discord.com/api/v10/webhooks/17/a-token",
            ),
            (
                "https://ptb.discord.com/api/webhooks/17/a-token",
                "https://discord.com/api/v10/webhooks/17/a-token",
            ),
            (
                "https://canary.discordapp.com/api/v9/webhooks/17/a-token?thread_id=4",
                "https://discord.com/api/v10/webhooks/17/a-token?thread_id=4",
            ),
            // Of no form that is known, where private addresses may be registered.
            (
                "https://discord.com/hook?a=b",
                "https://discord.com/hook?a=b",
            ),
        ] {
            assert_eq!(
                as_asked(AlertChannelKind::Discord, url(given)).as_str(),
                asked,
                "{given}"
            );
        }
        for kind in [AlertChannelKind::Webhook, AlertChannelKind::Slack] {
            let other = "https://example.com/api/webhooks/17/a-token";
            assert_eq!(as_asked(kind, url(other)).as_str(), other);
        }
    }

    #[test]
    fn what_lets_somebody_write_to_the_channel_is_not_shown() {
        for (text, expected) in [
            (
                "https://discord.com/api/webhooks/17/a-token?thread_id=4",
                "https://discord.com/…",
            ),
            (
                "https://canary.discord.com/api/webhooks/17/a-token",
                "https://canary.discord.com/…",
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
