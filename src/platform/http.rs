//! One careful HTTP client for every platform.
//!
//! It follows no redirect, uses no proxy of the environment, gives up after ten seconds and after 8
//! MiB, and asks no private address that the operator has not set. What it returns is the status,
//! the headers and the bytes: whoever reads them looks at the status before the body, because
//! platforms answer errors in HTML, in nothing, and in JSON of other shapes. It fails with
//! [`PlatformError`] whose detail never has the address that was asked.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Request, RequestBuilder, Response};
use serde_json::Value;
use url::Url;

use super::call;
use super::config::PlatformConfig;
use super::error::PlatformError;
use super::guard::Guard;
use super::registry::PlatformSetupError;
use crate::model::{PlatformKind, Secret};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest body that is read, after decompression, so that a small answer cannot unpack to fill
/// the memory.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// The longest wait that a platform can ask for. Longer ones are taken for mistakes, and the next check comes anyway.
pub(super) const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The client of one platform.
#[derive(Debug, Clone)]
pub(super) struct Http {
    /// The platform whose usage its answers tell, where it is one.
    kind: Option<PlatformKind>,
    client: Client,
    guard: Guard,
}

/// What came back, read to its end.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body, decompressed.
    pub(super) body: Vec<u8>,
}

impl Http {
    /// Makes the client of one platform.
    pub(super) fn new(
        kind: PlatformKind,
        config: &PlatformConfig,
    ) -> Result<Self, PlatformSetupError> {
        for url in [&config.base_url, &config.web_url] {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(PlatformSetupError::NotAWebAddress { kind });
            }
        }
        let plain = config.base_url.scheme() == "http" && config.web_url.scheme() == "http";
        let guard = Guard::new(kind, config);
        let http = Self::guarded(guard, &user_agent(config.client_id.as_deref()), plain)
            .map_err(|detail| PlatformSetupError::Client { kind, detail })?;
        Ok(Self {
            kind: Some(kind),
            ..http
        })
    }

    /// Makes a client that asks what its guard lets through; `plain` where nothing is asked over
    /// TLS. Fails with what is wrong.
    pub(super) fn guarded(guard: Guard, user_agent: &str, plain: bool) -> Result<Self, String> {
        let mut builder = careful(&guard, user_agent.to_owned());
        if plain {
            // No certificate is ever checked, so a machine without any installed can do without.
            builder = builder.tls_certs_only(std::iter::empty());
        }
        let client = builder.build().map_err(|error| root_cause(&error))?;
        Ok(Self {
            kind: None,
            client,
            guard,
        })
    }

    /// Starts a GET.
    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.client.get(url)
    }

    /// Starts a POST.
    pub(super) fn post(&self, url: Url) -> RequestBuilder {
        self.client.post(url)
    }

    /// Starts a request with another method.
    pub(super) fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends a request to the API and reads the whole answer, whatever its status. What it tells of
    /// the usage goes to whoever measures the call, and where that is not the first request of the
    /// call, its gate is asked before.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Answer, PlatformError> {
        let request = self.checked(request)?;
        if self.kind.is_some() {
            call::pass().await?;
            call::count();
        }
        self.execute(request).await
    }

    /// Sends a request that takes nothing of what the API allows: one that opens a link at the
    /// platform's web site, or that asks for a token. No gate is asked.
    pub(super) async fn send_beside(
        &self,
        request: RequestBuilder,
    ) -> Result<Answer, PlatformError> {
        let request = self.checked(request)?;
        self.execute(request).await
    }

    fn checked(&self, request: RequestBuilder) -> Result<Request, PlatformError> {
        let request = request.build().map_err(network)?;
        self.guard.check(request.url())?;
        Ok(request)
    }

    async fn execute(&self, request: Request) -> Result<Answer, PlatformError> {
        let response = self.client.execute(request).await.map_err(network)?;
        if let Some(kind) = self.kind {
            call::note(kind, response.headers());
        }
        read(response).await
    }
}

/// A client that asks only what the guard lets it, follows no redirect, uses no proxy of the environment and gives up after
/// ten seconds.
pub(super) fn careful(guard: &Guard, user_agent: String) -> ClientBuilder {
    Client::builder()
        .user_agent(user_agent)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(Policy::none())
        .referer(false)
        .no_proxy()
        .dns_resolver(guard.clone())
}

async fn read(mut response: Response) -> Result<Answer, PlatformError> {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(network)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(PlatformError::unreachable(
                "the answer is longer than 8 MiB",
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        headers,
        body,
    })
}

/// `server:countersign:<version> (by /u/<name>)`, the form that Reddit asks for.
fn user_agent(client_id: Option<&str>) -> String {
    let name: String = client_id
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_graphic)
        .collect();
    let name = if name.is_empty() {
        "countersign"
    } else {
        &name
    };
    format!(
        "server:countersign:{} (by /u/{name})",
        env!("CARGO_PKG_VERSION")
    )
}

/// What there is to say of a request without an answer; never the address that was asked.
pub(super) fn network(error: reqwest::Error) -> PlatformError {
    let what = if error.is_timeout() {
        "no whole answer in time"
    } else if error.is_connect() {
        "no connection"
    } else if error.is_decode() || error.is_body() {
        "the answer broke off or cannot be decoded"
    } else {
        "the request failed"
    };
    PlatformError::unreachable(&format!("{what}: {}", root_cause(&error.without_url())))
}

/// The innermost cause, which alone says what happened; those around it repeat the address.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let Some(mut cause) = error.source() else {
        return "no further cause is given".to_owned();
    };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// A credential as the value of a header, which does not print it.
///
/// [`PlatformError::Unauthorised`] where no header can hold it: nobody gives out such a thing.
pub(super) fn credential(text: &str) -> Result<HeaderValue, PlatformError> {
    let mut value = HeaderValue::try_from(text).map_err(|_| {
        PlatformError::unauthorised("this access has characters that no header can hold")
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// A token as the value of an `Authorization` header. Fails as [`credential`].
pub(super) fn bearer(token: &Secret) -> Result<HeaderValue, PlatformError> {
    credential(&format!("Bearer {}", token.expose()))
}

/// One header as text.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A header that holds seconds, fractions allowed.
pub(super) fn header_seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    seconds(header(headers, name)?)
}

fn seconds(text: &str) -> Option<Duration> {
    let text = text.trim();
    // `f64` would also read "inf", "nan" and "-0".
    if !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    Some(Duration::try_from_secs_f64(seconds).map_or(LONGEST_WAIT, |wait| wait.min(LONGEST_WAIT)))
}

/// How long `Retry-After` asks to wait, in seconds or as an HTTP date. A date is held against the
/// answer's own `Date`, so that a clock that is wrong here makes no difference; a date that is past
/// asks for no wait.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = header(headers, "retry-after")?;
    if let Some(wait) = seconds(text) {
        return Some(wait);
    }
    let until = http_date(text)?;
    let now = header(headers, "date")
        .and_then(http_date)
        .unwrap_or_else(machine_now);
    Some(
        (until - now)
            .to_std()
            .map_or(Duration::ZERO, |wait| wait.min(LONGEST_WAIT)),
    )
}

#[allow(
    clippy::disallowed_methods,
    reason = "only where an answer has no date of its own, and only for how long to wait"
)]
pub(super) fn machine_now() -> DateTime<Utc> {
    Utc::now()
}

/// A time as headers write it.
pub(super) fn http_date(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    // The dates of HTTP are a form of those of e-mail, to which "UTC", as X writes it, is no zone.
    let date = match text.strip_suffix(" UTC") {
        Some(time) => DateTime::parse_from_rfc2822(&format!("{time} GMT")),
        None => DateTime::parse_from_rfc2822(text),
    };
    Some(date.ok()?.with_timezone(&Utc))
}

/// What a status outside 2xx means, whatever the body says; `None` for 2xx. `said` is the
/// platform's text, if any.
pub(super) fn status_error(status: u16, headers: &HeaderMap, said: &str) -> Option<PlatformError> {
    if (200..300).contains(&status) {
        return None;
    }
    let detail = if said.is_empty() {
        format!("HTTP {status}")
    } else {
        format!("HTTP {status}: {said}")
    };
    // 408 is a time-out at the other side, 425 a request that came too early. What is left beside
    // them are server errors, and redirects where none belongs.
    let refused = (400..500).contains(&status) && !matches!(status, 408 | 425);
    let error = if status == 401 {
        PlatformError::unauthorised(&detail)
    } else if status == 429 {
        PlatformError::rate_limited(retry_after(headers), &detail)
    } else if refused {
        PlatformError::refused(&detail)
    } else {
        PlatformError::unreachable_for(retry_after(headers), &detail)
    };
    Some(error)
}

/// Reads a body as JSON. HTML, an empty body and a truncated one are
/// [`PlatformError::Unreachable`].
pub(super) fn json(body: &[u8]) -> Result<Value, PlatformError> {
    serde_json::from_slice(body)
        .map_err(|error| PlatformError::unreachable(&format!("the answer is not JSON: {error}")))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;
    use crate::platform::Advice;

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

    #[test]
    fn retry_after_is_read_in_seconds() {
        for (text, expected) in [
            ("4", Some(Duration::from_secs(4))),
            (" 0 ", Some(Duration::ZERO)),
            ("1.5", Some(Duration::from_millis(1500))),
            ("99999999999999999999", Some(LONGEST_WAIT)),
            ("soon", None),
            ("-3", None),
            ("inf", None),
            ("", None),
        ] {
            assert_eq!(
                retry_after(&headers(&[("retry-after", text)])),
                expected,
                "{text:?}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn retry_after_is_read_as_a_date_against_the_date_of_the_answer() {
        let date = ("date", "Wed, 21 Oct 2015 07:28:00 GMT");
        for (text, expected) in [
            ("Wed, 21 Oct 2015 07:30:30 GMT", Duration::from_secs(150)),
            ("Wed, 21 Oct 2015 07:00:00 GMT", Duration::ZERO),
            ("Thu, 21 Oct 2027 07:28:00 GMT", LONGEST_WAIT),
        ] {
            let headers = headers(&[date, ("retry-after", text)]);
            assert_eq!(retry_after(&headers), Some(expected), "{text}");
        }
    }

    #[test]
    fn a_date_ends_in_gmt_or_as_x_writes_it_in_utc() {
        let expected = DateTime::from_timestamp(1_665_182_597, 0);
        for text in [
            "Fri, 07 Oct 2022 22:43:17 GMT",
            "Fri, 07 Oct 2022 22:43:17 UTC",
            " Fri, 07 Oct 2022 22:43:17 UTC ",
        ] {
            assert_eq!(http_date(text), expected, "{text}");
        }
        for text in ["UTC", " UTC", "today UTC", ""] {
            assert_eq!(http_date(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_server_that_fails_says_how_long_to_wait_as_one_that_limits_does() {
        for status in [500, 502, 503, 504, 522] {
            for (text, expected) in [
                ("120", Some(Duration::from_mins(2))),
                ("99999999", Some(LONGEST_WAIT)),
                ("soon", None),
            ] {
                let told = headers(&[("retry-after", text)]);
                let error = status_error(status, &told, "").unwrap();
                assert_eq!(error.advice(), Advice::Retry, "{status} {text}");
                assert_eq!(error.retry_after(), expected, "{status} {text}");
            }
        }
    }

    #[test]
    fn a_status_is_sorted_without_looking_at_the_body() {
        let none = HeaderMap::new();
        let advice = |status| status_error(status, &none, "").map(|error| error.advice());
        assert_eq!(advice(200), None);
        assert_eq!(advice(429), Some(Advice::Snooze(None)));
        for status in [400, 401, 403, 404, 410, 451] {
            assert_eq!(advice(status), Some(Advice::GiveUp), "{status}");
        }
        for status in [301, 408, 425, 500, 502, 503, 504, 520, 522] {
            assert_eq!(advice(status), Some(Advice::Retry), "{status}");
        }
        let error = status_error(401, &none, "Unauthorized").unwrap();
        assert_eq!(error.to_string(), "not authorised: HTTP 401: Unauthorized");
    }

    #[test]
    fn what_is_not_json_is_an_unreachable_platform() {
        for body in ["", "<html>whoa there, pardner!</html>", r#"{"data": [1, 2"#] {
            let error = json(body.as_bytes()).unwrap_err();
            assert_eq!(error.advice(), Advice::Retry, "{body}");
        }
    }

    #[test]
    fn a_token_is_not_printed_and_one_that_no_header_can_hold_is_unauthorised() {
        let value = bearer(&Secret::new("a-token")).unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer a-token");
        assert!(!format!("{value:?}").contains("a-token"));
        for token in ["a\ntoken", "a-tökèn\u{7f}"] {
            let error = bearer(&Secret::new(token)).unwrap_err();
            assert!(
                matches!(error, PlatformError::Unauthorised { .. }),
                "{error}"
            );
            assert!(!error.to_string().contains(token), "{error}");
        }
    }

    #[test]
    fn the_user_agent_names_this_program_and_its_registration() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            user_agent(None),
            format!("server:countersign:{version} (by /u/countersign)")
        );
        assert_eq!(
            user_agent(Some("an\nid")),
            format!("server:countersign:{version} (by /u/anid)")
        );
    }
}
