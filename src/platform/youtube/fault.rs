//! The errors of the Data API.
//!
//! The status says little: a spent quota comes as 403, a bad key as 400. So the reasons decide. An
//! error has one for each of its `errors`, and newer ones also in `details`, which then say more:
//! `badRequest` in the one is `API_KEY_INVALID` in the other.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::platform::error::{Limit, PlatformError, hide};
use crate::platform::http::{Answer, header, http_date, json, retry_after, status_error};
use crate::platform::lenient::{integer, text};

/// Reasons that say that the calls of the day are used up.
const SPENT: [&str; 2] = ["quotaExceeded", "dailyLimitExceeded"];

/// Reasons that say that calls come too fast.
const TOO_FAST: [&str; 3] = [
    "rateLimitExceeded",
    "userRateLimitExceeded",
    "RATE_LIMIT_EXCEEDED",
];

/// Reasons that are about the key or the token, and would be the same for any video. Those that
/// begin with [`ABOUT_THE_KEY`] are, too.
const CREDENTIALS: [&str; 9] = [
    "keyInvalid",
    "keyExpired",
    "accessNotConfigured",
    "ipRefererBlocked",
    "authError",
    "SERVICE_DISABLED",
    "BILLING_DISABLED",
    "CONSUMER_INVALID",
    "CONSUMER_SUSPENDED",
];

/// The status of an error that says that the call is not permitted.
const DENIED: &str = "PERMISSION_DENIED";

/// What such an error says of a call whose key did not arrive. It has no reason of its own.
const WITHOUT_KEY: &str = "unregistered callers";

/// The reason that says that the time of a token is over (`google/api/error_reason.proto`).
const EXPIRED: &str = "ACCESS_TOKEN_EXPIRED";

/// Reasons that say that a token holds, and that what is missing is a scope of it or a channel of its
/// account.
const PERMISSION: [&str; 3] = [
    "insufficientPermissions",
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
    "youtubeSignupRequired",
];

/// How reasons about a key begin, such as `API_KEY_INVALID` and `API_KEY_SERVICE_BLOCKED`.
const ABOUT_THE_KEY: &str = "API_KEY_";

/// Reasons that say that the server failed, whatever the status.
const TEMPORARY: [&str; 2] = ["backendError", "internalError"];

const DAY_SECONDS: i64 = 24 * 3600;

/// When a day's calls are counted anew, in seconds after midnight UTC. It is midnight in
/// California, which is at 7:00 UTC in summer and at 8:00 in winter: the later holds for both. A
/// minute more, because whoever comes too early waits another day.
const RESET_SECONDS: i64 = 8 * 3600 + 60;

/// The body of an answer, or the error that the answer is.
pub(super) fn read(answer: &Answer, secrets: &[&str]) -> Result<Value, PlatformError> {
    let body = match json(&answer.body) {
        Ok(body) => body,
        Err(unreadable) => return Err(of_status(answer).unwrap_or(unreadable)),
    };
    if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
        return Err(sorted(error, answer, secrets));
    }
    match of_status(answer) {
        Some(error) => Err(error),
        None => Ok(body),
    }
}

/// What a status outside 2xx means whose body is none of the API's errors: a proxy or an overloaded
/// edge speaks, so that it refuses says nothing about a video.
fn of_status(answer: &Answer) -> Option<PlatformError> {
    match status_error(answer.status, &answer.headers, "")? {
        PlatformError::Refused { detail } => Some(PlatformError::unreachable_for(
            retry_after(&answer.headers),
            &detail,
        )),
        error => Some(error),
    }
}

/// Sorts an error by its reasons, and by its status where they say nothing.
fn sorted(error: &Value, answer: &Answer, secrets: &[&str]) -> PlatformError {
    let reasons = reasons(error);
    let said = said(error, &reasons, secrets);
    let has = |known: &[&str]| {
        reasons
            .iter()
            .any(|reason| known.contains(&reason.as_str()))
    };
    let about_the_key = || {
        reasons
            .iter()
            .any(|reason| reason.starts_with(ABOUT_THE_KEY))
    };
    if has(&SPENT) || is_of_a_day(error) {
        // The calls of a day are the project's, whoever's token they are made with.
        PlatformError::rate_limited(until_reset(&answer.headers), &said)
            .with_limit(Limit::Application)
    } else if has(&TOO_FAST) {
        PlatformError::rate_limited(retry_after(&answer.headers), &said)
    } else if has(&PERMISSION) {
        PlatformError::refused(&said)
    } else if has(&[EXPIRED]) {
        PlatformError::expired(&said)
    } else if has(&CREDENTIALS) || about_the_key() || is_without_key(error) {
        PlatformError::unauthorised(&said)
    } else if has(&TEMPORARY) {
        PlatformError::unreachable_for(retry_after(&answer.headers), &said)
    } else {
        status_of(error, answer)
            .and_then(|status| status_error(status, &answer.headers, &said))
            .unwrap_or_else(|| PlatformError::unreachable(&said))
    }
}

/// Whether an error is about a quota of a day. Newer ones give the reason of calls that come too fast for it, and
/// tell which quota it is in the metadata of their details.
fn is_of_a_day(error: &Value) -> bool {
    let details = error.get("details").and_then(Value::as_array);
    details.into_iter().flatten().any(|detail| {
        let metadata = |pointer: &str| text(detail.pointer(pointer)).unwrap_or_default();
        metadata("/metadata/quota_unit").starts_with("1/d")
            || metadata("/metadata/quota_limit").contains("PerDay")
    })
}

/// Whether an error says that nobody known has called.
fn is_without_key(error: &Value) -> bool {
    text(error.get("status")).as_deref() == Some(DENIED)
        && text(error.get("message")).is_some_and(|message| message.contains(WITHOUT_KEY))
}

/// The status of an error: the answer's, or the error's own where the answer says that all is well.
fn status_of(error: &Value, answer: &Answer) -> Option<u16> {
    if (200..300).contains(&answer.status) {
        u16::try_from(integer(error.get("code"))?).ok()
    } else {
        Some(answer.status)
    }
}

fn reasons(error: &Value) -> Vec<String> {
    ["errors", "details"]
        .into_iter()
        .filter_map(|list| error.get(list)?.as_array())
        .flatten()
        .filter_map(|entry| text(entry.get("reason")))
        .collect()
}

/// The platform's words about an error. The details beside their reasons are left out: they name
/// the key's project.
fn said(error: &Value, reasons: &[String], secrets: &[&str]) -> String {
    let message = text(error.get("message"))
        .or_else(|| text(Some(error)))
        .unwrap_or_else(|| "an error without a message".to_owned());
    let said = if reasons.is_empty() {
        message
    } else {
        format!("{}: {message}", reasons.join(", "))
    };
    hide(&said, secrets)
}

/// How long it is until a day's calls are counted anew, by the answer's own clock: more than
/// nothing and at most a day. Nothing is known where the answer has no date.
fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let now = http_date(header(headers, "date")?)?;
    let since = (now.timestamp() - RESET_SECONDS).rem_euclid(DAY_SECONDS);
    u64::try_from(DAY_SECONDS - since)
        .ok()
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;
    use crate::platform::Advice;
    use crate::platform::stub::recorded;

    fn fault(status: u16, body: &str, headers: &[(&'static str, &'static str)]) -> PlatformError {
        let headers = headers
            .iter()
            .map(|&(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect();
        let answer = Answer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        };
        read(&answer, &["the-key"]).unwrap_err()
    }

    fn error(code: u16, reason: &str) -> String {
        json!({"error": {
            "code": code,
            "message": "Some words.",
            "errors": [{"message": "Some words.", "domain": "some.domain", "reason": reason}],
        }})
        .to_string()
    }

    fn class(error: &PlatformError) -> &'static str {
        match error {
            PlatformError::RateLimited { .. } => "rate limited",
            PlatformError::Unreachable { .. } => "unreachable",
            PlatformError::Unauthorised { expired: true, .. } => "expired",
            PlatformError::Unauthorised { .. } => "unauthorised",
            PlatformError::Refused { .. } => "refused",
        }
    }

    #[test]
    fn the_reason_of_an_error_decides() {
        for (status, reason, expected) in [
            (403, "quotaExceeded", "rate limited"),
            (403, "dailyLimitExceeded", "rate limited"),
            (403, "rateLimitExceeded", "rate limited"),
            (403, "userRateLimitExceeded", "rate limited"),
            (429, "rateLimitExceeded", "rate limited"),
            (429, "somethingNew", "rate limited"),
            (400, "keyInvalid", "unauthorised"),
            (400, "keyExpired", "unauthorised"),
            (403, "accessNotConfigured", "unauthorised"),
            (403, "ipRefererBlocked", "unauthorised"),
            (403, "insufficientPermissions", "refused"),
            (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "refused"),
            (401, "youtubeSignupRequired", "refused"),
            (401, "authError", "unauthorised"),
            (401, "somethingNew", "unauthorised"),
            (403, "forbidden", "refused"),
            (403, "somethingNew", "refused"),
            (400, "badRequest", "refused"),
            (400, "unknownPart", "refused"),
            (404, "notFound", "refused"),
            (400, "backendError", "unreachable"),
            (403, "internalError", "unreachable"),
            (500, "somethingNew", "unreachable"),
            (503, "backendError", "unreachable"),
        ] {
            let answered = fault(status, &error(status, reason), &[]);
            assert_eq!(class(&answered), expected, "{status} {reason}");
            assert!(answered.detail().contains(reason), "{answered}");
            assert!(answered.detail().contains("Some words."), "{answered}");
        }
    }

    #[test]
    fn an_error_with_status_200_is_sorted_by_its_own_code() {
        for (code, reason, expected) in [
            (403, "forbidden", "refused"),
            (403, "quotaExceeded", "rate limited"),
            (401, "somethingNew", "unauthorised"),
            (500, "somethingNew", "unreachable"),
            (0, "somethingNew", "unreachable"),
        ] {
            let answered = fault(200, &error(code, reason), &[]);
            assert_eq!(class(&answered), expected, "{code} {reason}");
        }
        for body in [
            r#"{"error": "words"}"#,
            r#"{"error": {}}"#,
            r#"{"error": []}"#,
        ] {
            assert_eq!(class(&fault(200, body, &[])), "unreachable", "{body}");
        }
    }

    #[test]
    fn a_reason_in_the_details_says_more_than_the_one_in_the_errors() {
        for (status, first, second, expected) in [
            (400, "badRequest", "API_KEY_INVALID", "unauthorised"),
            (403, "forbidden", "API_KEY_SERVICE_BLOCKED", "unauthorised"),
            (403, "forbidden", "SERVICE_DISABLED", "unauthorised"),
            (403, "forbidden", "BILLING_DISABLED", "unauthorised"),
            (403, "forbidden", "CONSUMER_INVALID", "unauthorised"),
            (403, "forbidden", "CONSUMER_SUSPENDED", "unauthorised"),
            (401, "authError", "ACCESS_TOKEN_EXPIRED", "expired"),
            (
                403,
                "forbidden",
                "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
                "refused",
            ),
            (403, "forbidden", "RATE_LIMIT_EXCEEDED", "rate limited"),
            (403, "forbidden", "SOMETHING_NEW", "refused"),
        ] {
            let body = json!({"error": {
                "code": status,
                "message": "Some words.",
                "errors": [{"domain": "global", "reason": first}],
                "status": "SOME_STATUS",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.Help"},
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": second,
                     "metadata": {"consumer": "projects/12345"}},
                ],
            }});
            let answered = fault(status, &body.to_string(), &[]);
            assert_eq!(class(&answered), expected, "{first} {second}");
            assert!(!answered.detail().contains("12345"), "{answered}");
        }
    }

    #[test]
    fn a_call_without_a_key_is_refused_for_every_video() {
        let words = "Method doesn't allow unregistered callers (callers without established \
                     identity). Please use API Key or other form of API consumer identity.";
        for (message, state, expected) in [
            (words, "PERMISSION_DENIED", "unauthorised"),
            (words, "", "refused"),
            ("The caller may not.", "PERMISSION_DENIED", "refused"),
        ] {
            let body = json!({"error": {
                "code": 403, "message": message, "status": state,
                "errors": [{"message": message, "domain": "global", "reason": "forbidden"}],
            }});
            let answered = fault(403, &body.to_string(), &[]);
            assert_eq!(class(&answered), expected, "{message} {state}");
        }
    }

    #[test]
    fn a_server_that_fails_and_says_when_to_come_back_is_believed() {
        for body in [error(503, "backendError"), "<html>".to_owned()] {
            let answered = fault(503, &body, &[("retry-after", "120")]);
            assert_eq!(class(&answered), "unreachable", "{body}");
            assert_eq!(answered.retry_after(), Some(Duration::from_mins(2)));
        }
    }

    #[test]
    fn a_spent_quota_waits_until_the_later_midnight_in_california() {
        for (date, expected) in [
            ("Wed, 21 Oct 2015 00:00:00 GMT", 8 * 3600 + 60),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 33 * 60),
            ("Wed, 21 Oct 2015 08:00:00 GMT", 60),
            ("Wed, 21 Oct 2015 08:01:00 GMT", 24 * 3600),
            ("Wed, 21 Oct 2015 08:01:01 GMT", 24 * 3600 - 1),
            ("Thu, 31 Dec 2015 23:01:00 GMT", 9 * 3600),
        ] {
            for reason in SPENT {
                let headers = [("date", date), ("retry-after", "5")];
                let answered = fault(403, &error(403, reason), &headers);
                let wait = Duration::from_secs(expected);
                assert_eq!(answered.advice(), Advice::Snooze(Some(wait)), "{date}");
                assert_eq!(answered.limit(), Some(Limit::Application), "{reason}");
            }
        }
        let undated: [&[(&'static str, &'static str)]; 2] = [&[], &[("date", "some day")]];
        for headers in undated {
            let answered = fault(403, &error(403, "quotaExceeded"), headers);
            assert_eq!(answered.advice(), Advice::Snooze(None), "{headers:?}");
        }
    }

    #[test]
    fn a_quota_of_a_day_is_told_from_calls_that_come_too_fast_by_its_details() {
        let day = Advice::Snooze(Some(Duration::from_mins(33)));
        let seven = Advice::Snooze(Some(Duration::from_secs(7)));
        for (metadata, expected, limit) in [
            (
                json!({"quota_limit": "defaultPerDayPerProject", "quota_unit": "1/d/{project}"}),
                day,
                Limit::Application,
            ),
            (json!({"quota_unit": "1/d"}), day, Limit::Application),
            (
                json!({"quota_limit": "QueriesPerDay"}),
                day,
                Limit::Application,
            ),
            (
                json!({"quota_limit": "defaultPerMinutePerProject", "quota_unit": "1/min/{project}"}),
                seven,
                Limit::Credential,
            ),
            (json!({}), seven, Limit::Credential),
        ] {
            let words = "Quota exceeded for quota metric 'Queries' and limit 'Queries per day' of service \
                         'youtube.googleapis.com' for consumer 'project_number:1'.";
            let body = json!({"error": {
                "code": 429,
                "message": words,
                "errors": [{"message": words, "domain": "global", "reason": "rateLimitExceeded"}],
                "status": "RESOURCE_EXHAUSTED",
                "details": [
                    {"@type": "type.googleapis.com/google.rpc.Help"},
                    {"@type": "type.googleapis.com/google.rpc.ErrorInfo",
                     "reason": "RATE_LIMIT_EXCEEDED", "domain": "googleapis.com", "metadata": metadata},
                ],
            }});
            let headers = [
                ("retry-after", "7"),
                ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ];
            let answered = fault(429, &body.to_string(), &headers);
            assert_eq!(answered.advice(), expected, "{body}");
            assert_eq!(answered.limit(), Some(limit), "{body}");
        }
    }

    #[test]
    fn calls_that_come_too_fast_wait_as_long_as_they_are_told() {
        let told = [
            ("retry-after", "7"),
            ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ];
        let seven = Advice::Snooze(Some(Duration::from_secs(7)));
        for (status, body) in [
            (403, error(403, "rateLimitExceeded")),
            (403, error(403, "userRateLimitExceeded")),
            (429, error(429, "somethingNew")),
            (429, "<html>".to_owned()),
            (429, String::new()),
        ] {
            assert_eq!(
                fault(status, &body, &told).advice(),
                seven,
                "{status} {body}"
            );
            let untold = fault(status, &body, &[]).advice();
            assert_eq!(untold, Advice::Snooze(None), "{status} {body}");
            let limit = fault(status, &body, &told).limit();
            assert_eq!(limit, Some(Limit::Credential), "{status} {body}");
        }
    }

    #[test]
    fn what_is_no_answer_of_the_api_is_unreachable() {
        for (status, body) in [
            (200, ""),
            (200, "<html>"),
            (200, r#"{"kind": "youtube#videoListRes"#),
            (302, ""),
            (400, "<html>"),
            (403, "<html>blocked</html>"),
            (404, ""),
            (404, r#"{"message": "no such page"}"#),
            (500, ""),
            (502, "<html>"),
            (503, r#"{"error": null}"#),
        ] {
            let answered = fault(status, body, &[]);
            assert_eq!(class(&answered), "unreachable", "{status} {body}");
        }
        assert_eq!(class(&fault(401, "", &[])), "unauthorised");
    }

    #[test]
    fn an_error_shows_no_secret_that_the_server_quotes() {
        for reason in ["keyInvalid", "quotaExceeded", "backendError", "the-key"] {
            let body = json!({"error": {
                "code": 400,
                "message": "not a key: the-key, see https://example.com/x?key=the-key",
                "errors": [{"reason": reason, "message": "the-key"}],
            }});
            let answered = fault(400, &body.to_string(), &[]);
            assert!(!answered.to_string().contains("the-key"), "{answered}");
        }
    }

    #[test]
    fn recorded_errors_are_sorted() {
        for (file, status, expected) in [
            ("error_response", 400, "unauthorised"),
            ("error_permission_resp", 403, "refused"),
        ] {
            let path = format!("youtube/sns-sdks__python-youtube__{file}.json");
            let Some(body) = recorded(&path) else {
                return;
            };
            assert_eq!(class(&fault(status, &body, &[])), expected, "{file}");
        }
    }
}
