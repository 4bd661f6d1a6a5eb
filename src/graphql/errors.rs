//! Errors as callers see them: what they can fix in `userErrors`, everything else at the top with `extensions.code`.

use async_graphql::{Enum, ErrorExtensions as _, SimpleObject, Value};

use crate::error::{Error, Refusal, RefusalCode};

/// What is wrong with an input, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "RefusalCode")]
pub enum UserErrorCode {
    /// Not a value for this field.
    Invalid,
    /// What the field names does not exist, or not for the caller.
    NotFound,
    /// Taken by another, or the post turned out to be a duplicate of another.
    Conflict,
    /// Longer than the field may be.
    TooLong,
    /// More elements than the field may have.
    TooMany,
    /// Smaller or larger than the field may be.
    OutOfRange,
    /// The caller has submitted this post to this campaign before; the answer carries that post.
    PostAlreadySubmitted,
    /// The link does not lead to a post on a known platform.
    UrlNotAPost,
    /// The campaign takes no posts on this platform.
    PlatformNotInCampaign,
    /// This server cannot check posts on this platform at present.
    PlatformNotAvailable,
    /// The campaign takes no posts now.
    CampaignNotActive,
    /// The caller needs an approved application at the campaign's advertiser.
    ApplicationRequired,
    /// The caller is not eligible for the advertiser.
    NotEligible,
    /// The caller has an application there that is pending or approved.
    AlreadyApplied,
    /// Somebody has decided before; the first decision stands.
    AlreadyDecided,
    /// The affiliate's account is not active.
    AffiliateInactive,
    /// Not one number is claimed.
    NothingClaimed,
    /// The key was used before with another input.
    IdempotencyKeyReused,
    /// The key, password or token is not valid.
    CredentialsRejected,
    /// Notes are needed.
    NotesRequired,
    /// The alert is resolved already.
    AlreadyResolved,
    /// Too much was asked for now.
    TryAgainLater,
    /// The advertiser rejected the caller too recently; `message` says when to apply again.
    ReapplyLater,
    /// What is to be ended has not begun, or has ended already.
    NotInForce,
    /// The platform did not answer, or refused this server's access.
    PlatformUnreachable,
}

/// Something about an input that its sender can fix. Nothing was written.
#[derive(Debug, Clone, SimpleObject)]
pub struct UserError {
    /// What is wrong, for programs.
    code: UserErrorCode,
    /// What is wrong, for people.
    message: String,
    /// The path of the input field; null where it is the input as a whole.
    field: Option<Vec<String>>,
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        Self {
            code: refusal.code.into(),
            message: refusal.message,
            field: (!refusal.field.is_empty()).then_some(
                refusal
                    .field
                    .iter()
                    .flat_map(|part| part.split('.'))
                    .map(ToOwned::to_owned)
                    .collect(),
            ),
        }
    }
}

/// An error for the top of the answer. What is wrong inside goes to the log with the request id, not to the caller.
#[must_use]
#[allow(clippy::needless_pass_by_value, reason = "the end of an error")]
pub fn top_level(error: Error) -> async_graphql::Error {
    let code = match &error {
        Error::Refused(_) | Error::BadInput(_) | Error::BadArgument { .. } => "BAD_USER_INPUT",
        Error::Unauthenticated => "UNAUTHENTICATED",
        Error::Forbidden(_) => "FORBIDDEN",
        Error::RateLimited => "RATE_LIMITED",
        Error::Unavailable(_) => "UNAVAILABLE",
        Error::Internal(_) => {
            // The transport puts the text into the log with the request id, and leaves the code.
            return async_graphql::Error::new(error.with_causes())
                .extend_with(|_, extensions| extensions.set("code", "INTERNAL"));
        }
    };
    if let Error::Unavailable(cause) = &error {
        tracing::warn!(%cause, "the database is not available");
    }
    let message = match &error {
        Error::Refused(refusals) => refusals
            .iter()
            .map(|refusal| refusal.message.as_str())
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    };
    async_graphql::Error::new(message).extend_with(|_, extensions| {
        extensions.set("code", code);
        // As of a value that validation refuses: see `http::graphql_error`.
        if let Error::BadArgument { field, .. } = &error {
            let path: Vec<Value> = field.split('.').map(Value::from).collect();
            extensions.set("field", Value::List(path));
        }
    })
}

/// Parts what a caller can fix from what goes to the top of the answer.
///
/// # Errors
/// Every error but a refusal.
pub fn outcome<T>(result: Result<T, Error>) -> async_graphql::Result<Result<T, Vec<UserError>>> {
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Refused(refusals)) => {
            Ok(Err(refusals.into_iter().map(UserError::from).collect()))
        }
        Err(error) => Err(top_level(error)),
    }
}

/// Puts a domain error at the top of the answer.
pub trait ToTop<T> {
    /// The value, or the error for the top of the answer.
    ///
    /// # Errors
    /// The domain's.
    fn top(self) -> async_graphql::Result<T>;
}

impl<T> ToTop<T> for Result<T, Error> {
    fn top(self) -> async_graphql::Result<T> {
        self.map_err(top_level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_that_is_wrong_is_named_by_its_path() {
        let error = top_level(Error::bad_argument("filter.campaignId", "no id"));
        assert_eq!(error.message, "filter.campaignId: no id");
        let extensions = error.extensions.unwrap();
        assert_eq!(extensions.get("code"), Some(&Value::from("BAD_USER_INPUT")));
        let path = ["filter", "campaignId"].map(Value::from);
        assert_eq!(extensions.get("field"), Some(&Value::List(path.to_vec())));
        let whole = top_level(Error::BadInput("give one of them".to_owned()));
        assert_eq!(whole.extensions.unwrap().get("field"), None);
    }
}
