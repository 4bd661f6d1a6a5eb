//! What goes wrong between this program and a platform, sorted once into what to do about it.
//!
//! Whoever calls a platform decides by [`PlatformError::advice`] and shows the detail; nobody looks
//! into the detail to decide. A detail is safe to log and to store: it is cut, and it holds no
//! token, no secret and no query of an address.

use std::time::Duration;

/// The longest detail that is kept, in characters.
const DETAIL_CHARS: usize = 300;

/// The shortest text that is taken for a credential because of its looks alone.
const CREDENTIAL_CHARS: usize = 24;

/// What is shown in the place of a credential.
const HIDDEN: &str = "[redacted]";

/// Why a platform gave no answer about a post. It never stands for a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// Too many requests; the platform asks to wait.
    #[error("rate limited: {detail}")]
    RateLimited {
        /// How long the platform asks to wait, where it says so.
        retry_after: Option<Duration>,
        /// Whose calls are too many.
        limit: Limit,
        /// What happened, at most 300 characters.
        detail: String,
    },
    /// No usable answer: network, time-out, server error, or an answer that cannot be read.
    #[error("unreachable: {detail}")]
    Unreachable {
        /// How long the platform asks not to be asked again, where it says so: at most a day.
        retry_after: Option<Duration>,
        /// What happened, at most 300 characters.
        detail: String,
    },
    /// The platform refuses the credentials, also after one fresh token where one can be had.
    #[error("not authorised: {detail}")]
    Unauthorised {
        /// What happened, at most 300 characters.
        detail: String,
        /// Whether the platform says that their time is over. Many do not say why they refuse them.
        expired: bool,
    },
    /// The platform understood and refuses: no permission, or a request it never takes.
    #[error("refused: {detail}")]
    Refused {
        /// What happened, at most 300 characters.
        detail: String,
    },
}

/// Whose limit of calls there is: who else has to wait where it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// That of the credential which was asked with. Others may be asked with.
    Credential,
    /// That of the registration which the credential is of, whatever it is asked with: this program's for its own, perhaps
    /// another one for an affiliate's.
    Application,
    /// None of the platform's, which was not asked: this program holds its own calls back.
    Program,
}

/// What the caller does about a [`PlatformError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Try again, with the caller's own back-off and not before [`PlatformError::retry_after`]; the
    /// attempt counts.
    Retry,
    /// Wait without losing an attempt; as long as the platform asked, where it said so.
    Snooze(Option<Duration>),
    /// The same request will be refused again: end this check.
    GiveUp,
}

impl PlatformError {
    /// What to do about it.
    pub const fn advice(&self) -> Advice {
        match self {
            Self::RateLimited { retry_after, .. } => Advice::Snooze(*retry_after),
            Self::Unreachable { .. } => Advice::Retry,
            Self::Unauthorised { .. } | Self::Refused { .. } => Advice::GiveUp,
        }
    }

    /// How long the platform asks to wait, where it says so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } | Self::Unreachable { retry_after, .. } => {
                *retry_after
            }
            Self::Unauthorised { .. } | Self::Refused { .. } => None,
        }
    }

    /// Whose limit was reached; none where it is about something else.
    pub const fn limit(&self) -> Option<Limit> {
        match self {
            Self::RateLimited { limit, .. } => Some(*limit),
            Self::Unreachable { .. } | Self::Unauthorised { .. } | Self::Refused { .. } => None,
        }
    }

    /// What happened, without the class that [`std::fmt::Display`] puts before it.
    pub fn detail(&self) -> &str {
        match self {
            Self::RateLimited { detail, .. }
            | Self::Unreachable { detail, .. }
            | Self::Unauthorised { detail, .. }
            | Self::Refused { detail } => detail,
        }
    }

    /// A limit of the credential; see [`PlatformError::with_limit`] for another.
    pub(super) fn rate_limited(retry_after: Option<Duration>, detail: &str) -> Self {
        Self::RateLimited {
            retry_after,
            limit: Limit::Credential,
            detail: clean(detail),
        }
    }

    /// This program makes no further call for so long. The platform was not asked.
    pub(super) fn held_back(wait: Duration) -> Self {
        Self::rate_limited(Some(wait), "no further call may be made at present")
            .with_limit(Limit::Program)
    }

    /// The same error; where it is about a limit, about this one.
    pub(super) fn with_limit(self, limit: Limit) -> Self {
        match self {
            Self::RateLimited {
                retry_after,
                detail,
                ..
            } => Self::RateLimited {
                retry_after,
                limit,
                detail,
            },
            error => error,
        }
    }

    /// The same error; where it asks to wait and does not say how long, for so long.
    pub(super) fn or_wait(self, wait: Option<Duration>) -> Self {
        match self {
            Self::RateLimited {
                retry_after,
                limit,
                detail,
            } => Self::RateLimited {
                retry_after: retry_after.or(wait),
                limit,
                detail,
            },
            error => error,
        }
    }

    pub(super) fn unreachable(detail: &str) -> Self {
        Self::unreachable_for(None, detail)
    }

    /// No usable answer; with how long the platform asks to wait, if it does.
    pub(super) fn unreachable_for(retry_after: Option<Duration>, detail: &str) -> Self {
        Self::Unreachable {
            retry_after,
            detail: clean(detail),
        }
    }

    pub(super) fn unauthorised(detail: &str) -> Self {
        Self::Unauthorised {
            detail: clean(detail),
            expired: false,
        }
    }

    /// Credentials whose time is over, as the platform says.
    pub(super) fn expired(detail: &str) -> Self {
        Self::Unauthorised {
            detail: clean(detail),
            expired: true,
        }
    }

    pub(super) fn refused(detail: &str) -> Self {
        Self::Refused {
            detail: clean(detail),
        }
    }
}

/// Takes known credentials out of a text. Call it before [`clean`], which may cut a credential in
/// two.
pub(super) fn hide(text: &str, secrets: &[&str]) -> String {
    let mut shown = text.to_owned();
    for secret in secrets {
        // A text of one or two characters is no credential, and hiding it would make every message
        // unreadable.
        if secret.len() >= 4 {
            shown = shown.replace(*secret, HIDDEN);
        }
    }
    shown
}

/// Makes a platform's text fit to log and to store: one line, no query of an address, nothing that
/// looks like a credential, at most 300 characters.
pub(super) fn clean(text: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    let mut hide_next = false;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        let shown = if hide_next || looks_secret(word) {
            HIDDEN
        } else {
            without_query(word)
        };
        hide_next = word.eq_ignore_ascii_case("bearer");
        words.push(shown);
    }
    cut(&words.join(" "))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= DETAIL_CHARS {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(DETAIL_CHARS - 1).collect();
    short.push('…');
    short
}

/// An address without what follows its question mark; other words as they are.
fn without_query(word: &str) -> &str {
    match word.split_once('?') {
        Some((address, _)) if address.contains('/') => address,
        _ => word,
    }
}

fn looks_secret(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    // An address is shown without its query, so that a parameter with a telling name does not hide
    // its host.
    let named = without_query(&lower);
    if ["token=", "secret=", "proof=", "password="]
        .iter()
        .any(|name| named.contains(name))
    {
        return true;
    }
    let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    core.len() >= CREDENTIAL_CHARS
        && core
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '|'))
        && core.chars().any(|c| c.is_ascii_digit())
        && core.chars().any(|c| c.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_its_advice() {
        let wait = Some(Duration::from_secs(4));
        assert_eq!(
            PlatformError::rate_limited(wait, "x").advice(),
            Advice::Snooze(wait)
        );
        assert_eq!(
            PlatformError::rate_limited(None, "x").advice(),
            Advice::Snooze(None)
        );
        assert_eq!(PlatformError::unreachable("x").advice(), Advice::Retry);
        assert_eq!(PlatformError::unreachable("x").retry_after(), None);
        let failing = PlatformError::unreachable_for(wait, "x");
        assert_eq!(
            (failing.advice(), failing.retry_after()),
            (Advice::Retry, wait)
        );
        assert_eq!(PlatformError::unauthorised("x").advice(), Advice::GiveUp);
        assert_eq!(PlatformError::expired("x").advice(), Advice::GiveUp);
        assert_eq!(PlatformError::refused("x").advice(), Advice::GiveUp);
    }

    #[test]
    fn a_detail_names_no_credential_and_no_query() {
        let token = "EAABwzLixnjYBAKq0ZCb1ZAZBZCZCk2ZBvZC9ZA";
        for text in [
            format!("Malformed access token {token}"),
            format!("\"{token}\","),
            format!("see https://graph.facebook.com/v26.0/1/media?access_token={token}&limit=2"),
            format!("/v26.0/1/media?limit=2&access_token={token}"),
            format!("access_token={token}"),
            "sent with Bearer abc".to_owned(),
        ] {
            let shown = clean(&text);
            assert!(!shown.contains(token), "{shown}");
            assert!(!shown.contains("abc"), "{shown}");
            assert!(!shown.contains('?'), "{shown}");
        }
    }

    #[test]
    fn what_is_not_secret_stays_readable() {
        let text = "(#10) This endpoint requires the 'pages_read_engagement' permission, see \
                    https://developers.facebook.com/docs/apps/review (post \
                    175154750010052_424924701699721)";
        assert_eq!(clean(text), text);
        assert_eq!(clean("is it there? no"), "is it there? no");
    }

    #[test]
    fn a_detail_is_one_line_of_at_most_300_characters() {
        let shown = clean(&"é\n\u{1b}[31m word ".repeat(100));
        assert!(shown.chars().count() <= 300);
        assert!(shown.ends_with('…'));
        assert!(!shown.contains('\n') && !shown.contains('\u{1b}'));
    }

    #[test]
    fn known_secrets_are_hidden_whatever_they_look_like() {
        assert_eq!(
            hide("bad token: short-one!", &["short-one"]),
            "bad token: [redacted]!"
        );
        assert_eq!(hide("a cat", &["a", ""]), "a cat");
    }
}
