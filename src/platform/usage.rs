//! What platforms tell, beside their answers, of how much may still be asked.
//!
//! Each says it in headers of its own and in units of its own; here they become a [`Usage`], which
//! says as well whether it is about the credential or about the whole application. Whoever made the
//! call is given it, see [`super::call`].

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::error::Limit;
use super::http::{LONGEST_WAIT, header, header_seconds, http_date, machine_now};
use super::lenient::integer;
use crate::model::PlatformKind;

/// The fields of the Graph API's usage headers that are times and no percentages.
const REGAIN_MINUTES: &str = "estimated_time_to_regain_access";
const RESET_SECONDS: &str = "reset_time_duration";

/// How much may still be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Calls left until the window ends, where the platform counts them.
    pub remaining: Option<u64>,
    /// The part of what is allowed that is used up, in whole percent, rounded down; more than all of
    /// it is 100. Where the platform tells several, the largest.
    pub used_percent: Option<u8>,
    /// How long until there is more, at most a day.
    pub resets_in: Option<Duration>,
    /// Whose it is.
    pub limit: Limit,
}

/// What the headers of an answer tell, if anything.
pub(super) fn read(kind: PlatformKind, headers: &HeaderMap) -> Option<Usage> {
    match kind {
        // Reddit counts by registration, which is this program's own credential there: no other one is
        // ever asked with.
        PlatformKind::Reddit => Some(Usage {
            remaining: Some(whole(header(headers, "x-ratelimit-remaining")?)?),
            used_percent: None,
            resets_in: header_seconds(headers, "x-ratelimit-reset"),
            limit: Limit::Credential,
        }),
        // X counts the calls of each user's token, and those of a registration's bearer token by
        // themselves.
        PlatformKind::X => Some(Usage {
            remaining: Some(whole(header(headers, "x-rate-limit-remaining")?)?),
            used_percent: None,
            resets_in: until_reset(headers),
            limit: Limit::Credential,
        }),
        PlatformKind::Instagram | PlatformKind::Meta => graph(headers),
        // These two tell nothing.
        PlatformKind::YouTube | PlatformKind::TikTok => None,
    }
}

/// A number of calls. Reddit writes it with a fraction, of which nobody can make a call.
fn whole(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    whole.parse().ok()
}

/// How long until X's window of calls ends, by the answer's own clock; zero where it has ended. Where
/// the answer has no readable date this machine's clock has to do, by which a window that seems to
/// have ended says nothing.
pub(super) fn until_reset(headers: &HeaderMap) -> Option<Duration> {
    let reset: i64 = header(headers, "x-rate-limit-reset")?.trim().parse().ok()?;
    let told = header(headers, "date").and_then(http_date);
    let now = told.unwrap_or_else(machine_now);
    match u64::try_from(reset.saturating_sub(now.timestamp())) {
        Ok(seconds) => Some(Duration::from_secs(seconds).min(LONGEST_WAIT)),
        Err(_) => told.map(|_| Duration::ZERO),
    }
}

/// The usage headers of the Graph API. Their names and the names of their fields differ from host to
/// host, so every number in them is taken for a percentage, but for the two that are times.
/// `X-App-Usage` is the application's; the others are of what it does with one account. So are the times, which say nothing of
/// when the application may ask again.
fn graph(headers: &HeaderMap) -> Option<Usage> {
    let object = |name: &str| -> Option<Value> {
        header(headers, name).and_then(|text| serde_json::from_str(text).ok())
    };
    let application = object("x-app-usage");
    let mut objects: Vec<Value> = ["x-ad-account-usage", "x-fb-ads-insights-throttle"]
        .into_iter()
        .filter_map(object)
        .collect();
    let resets_in = objects
        .iter()
        .filter_map(|object| integer(object.get(RESET_SECONDS)))
        .max()
        .and_then(|seconds| u64::try_from(seconds).ok())
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds).min(LONGEST_WAIT));
    objects.extend(business_usage(headers));
    let of_application = application.as_ref().and_then(percent);
    let of_account = objects.iter().filter_map(percent).max();
    let used_percent = of_application.max(of_account)?;
    let (limit, resets_in) = if of_application >= of_account {
        (Limit::Application, None)
    } else {
        let told = time_to_regain_access(headers).or(resets_in);
        (Limit::Credential, told)
    };
    Some(Usage {
        remaining: None,
        used_percent: Some(used_percent),
        resets_in,
        limit,
    })
}

/// The largest percentage in an object.
fn percent(object: &Value) -> Option<u8> {
    object
        .as_object()?
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), REGAIN_MINUTES | RESET_SECONDS))
        .filter_map(|(_, value)| value.as_f64())
        .map(|used| {
            (0..=100_u8)
                .rev()
                .find(|percent| f64::from(*percent) <= used)
                .unwrap_or(0)
        })
        .max()
}

/// How long a throttled caller of the Graph API has to wait: the longest
/// `estimated_time_to_regain_access` (minutes) of `X-Business-Use-Case-Usage`. Zero there means that
/// no time is known.
pub(super) fn time_to_regain_access(headers: &HeaderMap) -> Option<Duration> {
    let minutes = business_usage(headers)
        .iter()
        .filter_map(|entry| integer(entry.get(REGAIN_MINUTES)))
        .max()?;
    let minutes = u64::try_from(minutes).ok().filter(|minutes| *minutes > 0)?;
    Some(Duration::from_mins(minutes.min(24 * 60)))
}

/// The entries of `X-Business-Use-Case-Usage`; none where there is no such header, or none that can
/// be read.
fn business_usage(headers: &HeaderMap) -> Vec<Value> {
    let entries: Option<Entries> = header(headers, "x-business-use-case-usage")
        .and_then(|text| serde_json::from_str(text).ok());
    entries.map(|entries| entries.0).unwrap_or_default()
}

/// The entries of `{"<id>": [entry, …], …}` in one list. A map would drop some, because ids may
/// repeat.
struct Entries(Vec<Value>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;

        impl<'de> Visitor<'de> for Lists {
            type Value = Vec<Value>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of lists")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Vec<Value>, M::Error> {
                let mut entries = Vec::new();
                while let Some((_, value)) = map.next_entry::<String, Value>()? {
                    match value {
                        Value::Array(list) => entries.extend(list),
                        other => entries.push(other),
                    }
                }
                Ok(entries)
            }
        }

        deserializer.deserialize_map(Lists).map(Entries)
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|&(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_str(value).unwrap(),
                )
            })
            .collect()
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "it is compared with what may be nothing"
    )]
    fn counted(remaining: u64, seconds: Option<u64>) -> Option<Usage> {
        Some(Usage {
            remaining: Some(remaining),
            used_percent: None,
            resets_in: seconds.map(Duration::from_secs),
            limit: Limit::Credential,
        })
    }

    #[allow(
        clippy::unnecessary_wraps,
        reason = "it is compared with what may be nothing"
    )]
    fn used(percent: u8, seconds: Option<u64>, limit: Limit) -> Option<Usage> {
        Some(Usage {
            remaining: None,
            used_percent: Some(percent),
            resets_in: seconds.map(Duration::from_secs),
            limit,
        })
    }

    #[test]
    fn reddit_counts_in_floats_and_seconds() {
        for (remaining, reset, expected) in [
            ("997.0", "421", counted(997, Some(421))),
            ("0.0", "1", counted(0, Some(1))),
            ("3.9", "10", counted(3, Some(10))),
            ("9322", "soon", counted(9322, None)),
            ("-1.0", "10", None),
            ("nan", "10", None),
            (".5", "10", None),
            ("", "10", None),
        ] {
            let told = headers(&[
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ]);
            let usage = read(PlatformKind::Reddit, &told);
            assert_eq!(usage, expected, "{remaining} {reset}");
        }
        let silent = headers(&[("x-ratelimit-reset", "421")]);
        assert_eq!(read(PlatformKind::Reddit, &silent), None);
    }

    #[test]
    fn x_tells_the_unix_time_at_which_its_window_ends() {
        let told = |reset: &str, date: &str| {
            let told = headers(&[
                ("x-rate-limit-remaining", "3499"),
                ("x-rate-limit-reset", reset),
                ("date", date),
            ]);
            read(PlatformKind::X, &told)
        };
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(told("1445412780", date), counted(3499, Some(300)));
        assert_eq!(told("1445412000", date), counted(3499, Some(0)));
        assert_eq!(told("1945412000", date), counted(3499, Some(86_400)));
        assert_eq!(told("1445412780", "today"), counted(3499, None));
        // As it was recorded.
        let recorded = told("1665183228", "Fri, 07 Oct 2022 22:43:17 UTC");
        assert_eq!(recorded, counted(3499, Some(631)));
    }

    #[test]
    fn without_a_readable_date_the_end_of_xs_window_is_told_by_this_machines_clock() {
        let reset = (machine_now().timestamp() + 900).to_string();
        for date in [None, Some("today")] {
            let mut pairs = vec![("x-rate-limit-reset", reset.as_str())];
            pairs.extend(date.map(|date| ("date", date)));
            let wait = until_reset(&headers(&pairs)).unwrap().as_secs();
            assert!((600..=900).contains(&wait), "{wait} s");
        }
        let far = headers(&[("x-rate-limit-reset", "99999999999")]);
        assert_eq!(until_reset(&far), Some(LONGEST_WAIT));
        // One that is over by a clock that may be ahead is not known to be.
        let past = headers(&[("x-rate-limit-reset", "1445412780")]);
        assert_eq!(until_reset(&past), None);
    }

    #[test]
    fn the_graph_api_tells_percentages_under_names_that_differ() {
        for (name, value, expected) in [
            (
                "x-app-usage",
                r#"{"call_count":28,"total_cputime":25,"total_time":29}"#,
                used(29, None, Limit::Application),
            ),
            (
                "x-app-usage",
                r#"{"call_volume":0,"cpu_time":0}"#,
                used(0, None, Limit::Application),
            ),
            (
                "x-app-usage",
                r#"{"call_count":131}"#,
                used(100, None, Limit::Application),
            ),
            (
                "x-ad-account-usage",
                r#"{"acc_id_util_pct":9.67,"reset_time_duration":100,"ads_api_access_tier":"standard_access"}"#,
                used(9, Some(100), Limit::Credential),
            ),
            (
                "x-business-use-case-usage",
                r#"{"1":[{"type":"pages","call_count":4,"estimated_time_to_regain_access":0}],
                    "1":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":7}],"2":[]}"#,
                used(100, Some(420), Limit::Credential),
            ),
            ("x-app-usage", "{}", None),
            ("x-app-usage", "28", None),
            ("x-app-usage", "<html>", None),
        ] {
            // A header is one line.
            let value = value.replace('\n', " ");
            let told = headers(&[(name, value.as_str())]);
            for kind in [PlatformKind::Instagram, PlatformKind::Meta] {
                assert_eq!(read(kind, &told), expected, "{value}");
            }
        }
        let both = headers(&[
            ("x-app-usage", r#"{"call_count":12}"#),
            ("x-business-use-case-usage", r#"{"1":[{"call_count":40}]}"#),
        ]);
        let expected = used(40, None, Limit::Credential);
        assert_eq!(read(PlatformKind::Meta, &both), expected);
        // Where both are used up, it is all credentials that have to wait, but not for as long as the one account has to.
        let account = r#"{"1":[{"call_count":100,"estimated_time_to_regain_access":7}]}"#;
        let both = headers(&[
            ("x-app-usage", r#"{"call_count":100}"#),
            ("x-business-use-case-usage", account),
        ]);
        let expected = used(100, None, Limit::Application);
        assert_eq!(read(PlatformKind::Instagram, &both), expected);
    }

    #[test]
    fn no_header_means_nothing_where_it_is_another_platforms() {
        let told = headers(&[
            ("x-ratelimit-remaining", "1.0"),
            ("x-rate-limit-remaining", "1"),
            ("x-app-usage", r#"{"call_count":12}"#),
        ]);
        for kind in [PlatformKind::YouTube, PlatformKind::TikTok] {
            assert_eq!(read(kind, &told), None);
        }
    }
}
