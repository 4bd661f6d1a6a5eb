//! Why the domain did not do what it was asked.
//!
//! One closed set, with one text for the caller and, where something broke, another for the log. What a caller can mend
//! is a [`Refusal`]: it names the field.

use crate::db;

/// The code of a refusal; clients rely on these names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum RefusalCode {
    Invalid,
    NotFound,
    Conflict,
    TooLong,
    TooMany,
    OutOfRange,
    PostAlreadySubmitted,
    UrlNotAPost,
    PlatformNotInCampaign,
    PlatformNotAvailable,
    CampaignNotActive,
    ApplicationRequired,
    NotEligible,
    AlreadyApplied,
    AlreadyDecided,
    AffiliateInactive,
    NothingClaimed,
    IdempotencyKeyReused,
    CredentialsRejected,
    NotesRequired,
    AlreadyResolved,
    TryAgainLater,
    ReapplyLater,
    NotInForce,
    PlatformUnreachable,
}

/// Something that the caller can mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, for programs.
    pub code: RefusalCode,
    /// What is wrong, for people.
    pub message: String,
    /// The path of the input field that is wrong; empty where it is the whole.
    pub field: Vec<String>,
}

impl Refusal {
    /// A refusal of one input field.
    #[must_use]
    pub fn field(code: RefusalCode, field: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: vec![field.to_owned()],
        }
    }

    /// A refusal of the input as a whole.
    #[must_use]
    pub fn whole(code: RefusalCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: Vec::new(),
        }
    }
}

/// Why the domain did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller can mend it. Nothing was written.
    #[error("{}", sentences(.0))]
    Refused(Vec<Refusal>),
    /// Nobody is signed in, or the sign-in does not hold.
    #[error("sign in first: send an Authorization header with a Bearer token")]
    Unauthenticated,
    /// The caller's role may not do this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// An argument is not what it must be.
    #[error("{0}")]
    BadInput(String),
    /// One argument, or a field in one, is not what it must be.
    #[error("{field}: {message}")]
    BadArgument {
        /// The path of what is wrong, with dots.
        field: String,
        /// What is wrong with it.
        message: String,
    },
    /// Too much was asked in too short a time.
    #[error("too many requests: try again later")]
    RateLimited,
    /// The database cannot be reached now.
    #[error("the service is not available now: try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something is broken here.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

fn sentences(refusals: &[Refusal]) -> String {
    let sentences: Vec<&str> = refusals
        .iter()
        .map(|refusal| refusal.message.as_str())
        .collect();
    sentences.join("; ")
}

impl Error {
    /// An argument, or a field in one, is not what it must be. `field` is its path, with dots, in the form of [`Refusal::field`].
    #[must_use]
    pub fn bad_argument(field: &str, message: impl Into<String>) -> Self {
        Self::BadArgument {
            field: field.to_owned(),
            message: message.into(),
        }
    }

    /// What it says and what caused it, for the log. Callers never see the causes.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            text.push_str(": ");
            text.push_str(&inner.to_string());
            cause = inner.source();
        }
        text
    }

    /// Something that must not happen did.
    #[must_use]
    pub fn internal(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(what.into())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

impl From<diesel::result::Error> for Error {
    fn from(error: diesel::result::Error) -> Self {
        if db::constraint::is_unavailable(&error) {
            Self::Unavailable(error.into())
        } else {
            Self::Internal(error.into())
        }
    }
}

impl From<db::PoolError> for Error {
    fn from(error: db::PoolError) -> Self {
        Self::Unavailable(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_each_of_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("the connection ended")]
        struct Ended(#[source] std::io::Error);

        let error = Error::internal(Ended(std::io::Error::other("the socket closed")));
        assert_eq!(error.to_string(), "internal error");
        assert_eq!(
            error.with_causes(),
            "internal error: the connection ended: the socket closed"
        );
        let alone = Error::RateLimited;
        assert_eq!(alone.with_causes(), alone.to_string());
    }
}
