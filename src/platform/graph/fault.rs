//! The errors of the Graph API.
//!
//! The status says little (throttling comes as 400 or 403), so the `code` decides; its message is
//! for people. One thing is only in the message: that a metric does not exist for this post.

use std::fmt;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::platform::error::{Limit, PlatformError, clean, hide};
use crate::platform::http::{retry_after, status_error};
use crate::platform::lenient::{flag, integer, text};
use crate::platform::usage::time_to_regain_access;

/// The subcode of an object that does not exist, or that this token may not see.
const NO_SUCH_OBJECT: i64 = 33;

/// The subcode of a token whose time is over.
const EXPIRED: i64 = 463;

/// What an error of the Graph API is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::platform) enum FaultKind {
    /// The object does not exist, or this token may not see it; the API does not tell these apart.
    Missing,
    /// The token lacks a permission for this.
    Permission,
    /// The metric does not exist for this object.
    BadMetric,
    /// Another parameter or field that does not fit the object.
    Parameter,
    /// Too many calls.
    Throttled,
    /// Try again: a temporary error, or no answer that can be read.
    Temporary,
    /// The token is expired, revoked or malformed.
    Token,
    /// Anything else that will be refused again.
    Refused,
}

/// One error of the Graph API. Its message is as the server sent it, until it becomes a
/// [`PlatformError`] or evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::platform) struct Fault {
    /// What it is about.
    pub(in crate::platform) kind: FaultKind,
    code: Option<i64>,
    subcode: Option<i64>,
    class: Option<String>,
    message: String,
    retry_after: Option<Duration>,
    /// Whose calls are too many, where it is a throttle.
    limit: Limit,
}

impl Fault {
    /// The error in a body, if it has one: `{"error": {…}}`, or `error` as a bare code or word.
    pub(super) fn from_body(body: &Value, headers: &HeaderMap) -> Option<Self> {
        let error = body.get("error").filter(|error| !error.is_null())?;
        let field = |name: &str| error.get(name);
        let code = integer(field("code")).or_else(|| integer(Some(error)));
        let subcode = integer(field("error_subcode"));
        let class = text(field("type"));
        let message = text(field("message"))
            .or_else(|| text(body.get("error_description")))
            .or_else(|| text(Some(error)))
            .unwrap_or_default();
        let kind = match sort(code, subcode, &message) {
            FaultKind::Parameter | FaultKind::Refused
                if flag(field("is_transient")) == Some(true) =>
            {
                FaultKind::Temporary
            }
            kind => kind,
        };
        let limit = limit_of(code);
        let retry_after = match kind {
            // The time is that of one account, which says nothing of when the application may ask again.
            FaultKind::Throttled if limit == Limit::Credential => {
                retry_after(headers).or_else(|| time_to_regain_access(headers))
            }
            FaultKind::Throttled | FaultKind::Temporary => retry_after(headers),
            _ => None,
        };
        Some(Self {
            kind,
            code,
            subcode,
            class,
            message,
            retry_after,
            limit,
        })
    }

    /// An error status whose body is none of the API's: a proxy or an overloaded edge speaks, not
    /// the API, so it is worth another try unless the status itself is clear.
    pub(super) fn from_status(status: u16, headers: &HeaderMap) -> Self {
        match status_error(status, headers, "") {
            Some(PlatformError::Refused { detail }) if status != 405 => {
                PlatformError::unreachable(&detail).into()
            }
            Some(error) => error.into(),
            None => PlatformError::unreachable("an answer without content").into(),
        }
    }

    /// The same error of a call for many things: about the call, not about one of them.
    pub(super) fn of_the_call(mut self) -> Self {
        if matches!(
            self.kind,
            FaultKind::Missing
                | FaultKind::Permission
                | FaultKind::BadMetric
                | FaultKind::Parameter
        ) {
            self.kind = FaultKind::Refused;
        }
        self
    }

    /// The same error, which is about the token that it was asked with, whatever its code says.
    pub(super) fn of_the_token(mut self) -> Self {
        self.kind = FaultKind::Token;
        self
    }

    /// Takes credentials out of the message.
    pub(super) fn without(mut self, secrets: &[&str]) -> Self {
        self.message = hide(&self.message, secrets);
        self
    }

    /// Whether it refuses the proof that a call comes from the token's app, which has the code of any
    /// bad parameter.
    pub(in crate::platform) fn is_about_proof(&self) -> bool {
        self.code == Some(100)
            && self
                .message
                .to_ascii_lowercase()
                .contains("appsecret_proof")
    }

    /// Whether it says that the token's time is over: by the subcode, or, where there is none, in
    /// words ("Error validating access token: Session has expired on …").
    fn is_expiry(&self) -> bool {
        match self.subcode {
            Some(subcode) => subcode == EXPIRED,
            None => self.message.to_ascii_lowercase().contains("has expired"),
        }
    }

    /// The code, where the server gave one.
    pub(in crate::platform) fn code(&self) -> Option<i64> {
        self.code
    }

    /// What the server said, fit to show.
    pub(in crate::platform) fn said(&self) -> String {
        clean(&self.message)
    }

    /// The error as evidence, fit to store.
    pub(in crate::platform) fn raw(&self) -> Value {
        json!({"error": {
            "code": self.code,
            "error_subcode": self.subcode,
            "type": self.class,
            "message": self.said(),
        }})
    }
}

/// Sorts an error by its code.
fn sort(code: Option<i64>, subcode: Option<i64>, message: &str) -> FaultKind {
    let Some(code) = code else {
        return FaultKind::Temporary;
    };
    match code {
        // Instagram has two of its own: -1 of its server, -2 of what took it too long.
        -2 | -1 | 1 | 2 => FaultKind::Temporary,
        // The last two stop the application and the account for a while, which says nothing of any
        // post.
        4 | 17 | 32 | 613 | 80_000..=80_999 | 341 | 368 => FaultKind::Throttled,
        10 | 200..=299 => FaultKind::Permission,
        100 if subcode == Some(NO_SUCH_OBJECT) => FaultKind::Missing,
        100 if names_bad_metric(message) => FaultKind::BadMetric,
        100 => FaultKind::Parameter,
        102 | 190 => FaultKind::Token,
        _ => FaultKind::Refused,
    }
}

/// Whose limit a throttle is about: 4 and 341 are the application's. All others are of whoever the
/// token stands for: 17 of a user, 32 of a page, those from 80000 of an application's use of one
/// account, 613 of one kind of call, 368 of an account that is blocked.
fn limit_of(code: Option<i64>) -> Limit {
    match code {
        Some(4 | 341) => Limit::Application,
        _ => Limit::Credential,
    }
}

/// "(#100) The value must be a valid insights metric", "The Media Insights API does not support the
/// impressions metric for this media product type." No code tells these from other bad parameters.
fn names_bad_metric(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("valid insights metric")
        || (message.contains("does not support the") && message.contains("metric"))
}

impl From<PlatformError> for Fault {
    fn from(error: PlatformError) -> Self {
        let message = error.detail().to_owned();
        let (kind, retry_after, limit) = match error {
            PlatformError::RateLimited {
                retry_after, limit, ..
            } => (FaultKind::Throttled, retry_after, limit),
            PlatformError::Unreachable { retry_after, .. } => {
                (FaultKind::Temporary, retry_after, Limit::Credential)
            }
            PlatformError::Unauthorised { .. } => (FaultKind::Token, None, Limit::Credential),
            PlatformError::Refused { .. } => (FaultKind::Refused, None, Limit::Credential),
        };
        Self {
            kind,
            code: None,
            subcode: None,
            class: None,
            message,
            retry_after,
            limit,
        }
    }
}

impl From<Fault> for PlatformError {
    fn from(fault: Fault) -> Self {
        let detail = fault.to_string();
        match fault.kind {
            FaultKind::Throttled => {
                Self::rate_limited(fault.retry_after, &detail).with_limit(fault.limit)
            }
            FaultKind::Temporary => Self::unreachable_for(fault.retry_after, &detail),
            FaultKind::Token if fault.is_expiry() => Self::expired(&detail),
            FaultKind::Token => Self::unauthorised(&detail),
            FaultKind::Missing
            | FaultKind::Permission
            | FaultKind::BadMetric
            | FaultKind::Parameter
            | FaultKind::Refused => Self::refused(&detail),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.subcode) {
            (Some(code), Some(subcode)) => write!(f, "error {code}/{subcode}: ")?,
            (Some(code), None) => write!(f, "error {code}: ")?,
            (None, _) => {}
        }
        f.write_str(&self.said())
    }
}
