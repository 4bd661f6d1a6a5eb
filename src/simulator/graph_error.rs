//! The errors of the Graph API: one shape, told apart by `code` rather than by status.

use super::answer::Answer;
use super::faults::Blow;
use super::json::Json;
use super::platform::Platform;

/// An error body with the status that it comes under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GraphError {
    pub(super) status: u16,
    pub(super) code: u64,
    pub(super) subcode: Option<u64>,
    kind: &'static str,
    message: String,
    transient: bool,
    /// A title and a text for people.
    for_people: Option<(&'static str, String)>,
}

impl GraphError {
    fn new(code: u64, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: 400,
            code,
            subcode: None,
            kind,
            message: message.into(),
            transient: false,
            for_people: None,
        }
    }

    /// Code 100: a parameter, a metric or a field that cannot be.
    pub(super) fn parameter(message: impl Into<String>) -> Self {
        Self::new(100, "OAuthException", message)
    }

    /// Code 100 of Instagram's insights: a metric that this kind of media does not have.
    pub(super) fn unsupported_metric(metric: &str) -> Self {
        let message = format!(
            "The Media Insights API does not support the {metric} metric for this media product \
             type."
        );
        Self::new(100, "IGApiException", message)
    }

    /// Code 100, subcode 33: no such object, or not for this caller.
    pub(super) fn missing(id: &str) -> Self {
        let message = format!(
            "Unsupported get request. Object with ID '{id}' does not exist, cannot be loaded due \
             to missing permissions, or does not support this operation. Please read the Graph API \
             documentation at https://developers.facebook.com/docs/graph-api"
        );
        let mut error = Self::new(100, "GraphMethodException", message);
        error.subcode = Some(33);
        error
    }

    /// Code 10: the token's owner may not see this.
    pub(super) fn permission(needed: &str) -> Self {
        Self::new(
            10,
            "OAuthException",
            format!("(#10) This endpoint requires the '{needed}' permission."),
        )
    }

    /// Code 2500: the path or the list of fields cannot be read.
    pub(super) fn query(message: impl Into<String>) -> Self {
        Self::new(2500, "OAuthException", message)
    }

    /// Code 2500 of Instagram: nothing is under this path.
    pub(super) fn unknown_path(path: &[&str]) -> Self {
        let path = path.join("/");
        Self::new(
            2500,
            "IGApiException",
            format!("Unknown path components: /{path}"),
        )
    }

    /// Code 803: one of several ids that were asked for together is none.
    pub(super) fn unknown_alias(id: &str) -> Self {
        let message = format!("(#803) Some of the aliases you requested do not exist: {id}");
        Self::new(803, "OAuthException", message)
    }

    /// Code 3001: insights without a metric.
    pub(super) fn no_metric() -> Self {
        let mut error = Self::new(3001, "OAuthException", "(#3001) Invalid query");
        error.subcode = Some(1_504_028);
        error.for_people = Some((
            "No Metric Specified",
            "No metric was specified to be fetched. Please specify one or more metrics.".to_owned(),
        ));
        error
    }

    /// Code 104: no token at all.
    pub(super) fn no_token() -> Self {
        Self::new(
            104,
            "OAuthException",
            "An access token is required to request this resource.",
        )
    }

    /// Code 190: a token that nobody issued, or one that is over.
    pub(super) fn token(expired: bool) -> Self {
        let message = if expired {
            "Error validating access token: Session has expired."
        } else {
            "Invalid OAuth access token - Cannot parse access token"
        };
        let mut error = Self::new(190, "OAuthException", message);
        error.subcode = expired.then_some(463);
        error
    }

    /// Code 110: no Instagram account of this name that can be discovered.
    pub(super) fn unknown_username(username: &str) -> Self {
        let mut error = Self::new(110, "OAuthException", "Invalid user id");
        error.subcode = Some(2_207_013);
        let text = format!("The user with username: {username} cannot be found.");
        error.for_people = Some(("Cannot find User", text));
        error
    }

    /// More than fifty requests in a batch.
    pub(super) fn batch_too_large() -> Self {
        Self::new(
            100,
            "GraphBatchException",
            "Too many requests in batch message. Maximum batch size is 50",
        )
    }

    /// A throttle: code 4 of the app under 403, or that of the account under 400, in turn.
    pub(super) fn throttled(platform: Platform, nth: u64) -> Self {
        let of_the_account = match platform {
            Platform::Instagram => Some((80_002, "Instagram account")),
            Platform::Meta => Some((80_001, "Page account")),
            _ => None,
        };
        let mut error = match of_the_account {
            Some((code, name)) if nth % 2 == 1 => Self::new(
                code,
                "OAuthException",
                format!(
                    "(#{code}) There have been too many calls to this {name}. Wait a bit and try \
                     again. For more info, please refer to \
                     https://developers.facebook.com/docs/graph-api/overview/rate-limiting."
                ),
            ),
            _ => {
                let mut error = Self::new(
                    4,
                    "OAuthException",
                    "(#4) Application request limit reached",
                );
                error.status = 403;
                error.transient = true;
                error
            }
        };
        if error.code == 4 && platform == Platform::Instagram {
            error.subcode = Some(1_504_022);
        }
        error
    }

    /// The body; `trace` becomes its `fbtrace_id`.
    pub(super) fn body(&self, trace: &str) -> Vec<u8> {
        let mut json = Json::with_capacity(384);
        json.object();
        json.key("error");
        json.object();
        json.string_field("message", &self.message);
        json.string_field("type", self.kind);
        json.number_field("code", self.code);
        if let Some(subcode) = self.subcode {
            json.number_field("error_subcode", subcode);
        }
        if self.transient {
            json.raw_field("is_transient", "true");
        }
        if let Some((title, text)) = &self.for_people {
            json.string_field("error_user_title", title);
            json.string_field("error_user_msg", text);
        }
        json.string_field("fbtrace_id", trace);
        json.end_object();
        json.end_object();
        json.finish()
    }

    /// The whole answer.
    pub(super) fn answer(&self, trace: &str) -> Answer {
        let realm = format!(
            "OAuth \"Facebook Platform\" \"{}\" \"{}\"",
            if self.code == 190 {
                "invalid_token"
            } else {
                "invalid_request"
            },
            self.message.replace('"', "'"),
        );
        Answer::json(self.status, self.body(trace)).with_header("www-authenticate", realm)
    }
}

/// The answer of a rate limit that was asked for: a throttle with the usage headers.
pub(super) fn throttle(platform: Platform, blow: Blow, account: u64, trace: &str) -> Answer {
    let minutes = blow.retry_after_s.div_ceil(60);
    let kind = if platform == Platform::Instagram {
        "instagram"
    } else {
        "pages"
    };
    let usage = format!(
        "{{\"{account}\":[{{\"type\":\"{kind}\",\"call_count\":100,\"total_cputime\":25,\
         \"total_time\":25,\"estimated_time_to_regain_access\":{minutes}}}]}}"
    );
    GraphError::throttled(platform, blow.nth)
        .answer(trace)
        .with_header(
            "x-app-usage",
            "{\"call_count\":100,\"total_cputime\":25,\"total_time\":25}",
        )
        .with_header("x-business-use-case-usage", usage)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::faults::FaultKind;
    use super::super::testing::{fixture, keys};
    use super::*;

    fn body(error: &GraphError) -> Value {
        serde_json::from_slice(&error.body("Atrace")).unwrap()
    }

    #[test]
    fn an_error_has_the_keys_of_the_recorded_ones() {
        let ours = body(&GraphError::unsupported_metric("impressions"));
        for name in [
            "instagram/restfb__restfb__ig_login_exception.json",
            "meta/sns-sdks__python-facebook__error.json",
            "meta/sns-sdks__python-facebook__base_error_data.json",
        ] {
            if let Some(recorded) = fixture(name) {
                assert_eq!(keys(&ours), keys(&recorded));
                assert_eq!(keys(&ours["error"]), keys(&recorded["error"]));
            }
        }
        assert_eq!(ours["error"]["code"], 100);
        assert_eq!(ours["error"]["type"], "IGApiException");
    }

    #[test]
    fn a_wrong_token_is_190_and_an_expired_one_says_so() {
        assert_eq!(body(&GraphError::token(false))["error"]["code"], 190);
        assert_eq!(
            body(&GraphError::token(true))["error"]["error_subcode"],
            463
        );
    }

    #[test]
    fn throttles_take_turns_and_say_in_minutes_when_to_come_back() {
        let blow = |nth| Blow {
            kind: FaultKind::RateLimited,
            retry_after_s: 61,
            nth,
        };
        let app = throttle(Platform::Instagram, blow(0), 42, "A");
        let account = throttle(Platform::Instagram, blow(1), 42, "A");
        assert_eq!((app.status, account.status), (403, 400));
        for (answer, code) in [(app, 4), (account, 80_002)] {
            let value: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(value["error"]["code"], code);
            let usage = answer
                .headers
                .iter()
                .find(|(name, _)| *name == "x-business-use-case-usage");
            let usage: Value = serde_json::from_str(&usage.unwrap().1).unwrap();
            assert_eq!(usage["42"][0]["estimated_time_to_regain_access"], 2);
            assert_eq!(usage["42"][0]["type"], "instagram");
        }
    }
}
