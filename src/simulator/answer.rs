//! One HTTP answer as plain data, so that a platform's side can be tested without a server.

use poem::Response;
use poem::http::StatusCode;
use poem::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};

/// The content type of every JSON body here, as the platforms write it.
pub(super) const JSON: &str = "application/json; charset=UTF-8";
/// The content type of error pages.
pub(super) const HTML: &str = "text/html; charset=UTF-8";

/// What goes back over the wire, and how long it waits before it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    /// Names are lower-case.
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    pub(super) delay_ms: u64,
}

impl Answer {
    fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            headers: Vec::new(),
            body,
            delay_ms: 0,
        }
    }

    /// A JSON body.
    pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, JSON, body.into())
    }

    /// An HTML page.
    pub(super) fn html(status: u16, page: &str) -> Self {
        Self::new(status, HTML, page.as_bytes().to_vec())
    }

    /// A status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self::new(status, HTML, Vec::new())
    }

    /// A redirect. `location` must be a URL without quotes, as all of the simulator's are.
    pub(super) fn redirect(status: u16, location: String) -> Self {
        let escaped = location.replace('&', "&amp;");
        let page = format!("<a href=\"{escaped}\">Moved Permanently</a>.\n\n");
        Self::html(status, &page).with_header("location", location)
    }

    /// Adds a header; `name` is lower-case.
    pub(super) fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer as the server sends it. The delay is left to the server.
    pub(super) fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = Response::builder().status(status).body(self.body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        for (name, value) in self.headers {
            // The simulator writes these itself; one that is no header value is left out.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_names_its_target_in_header_and_page() {
        let answer = Answer::redirect(301, "https://www.reddit.com/x/?a=1&b=2".to_owned());
        assert_eq!(answer.headers[0].1, "https://www.reddit.com/x/?a=1&b=2");
        let page = String::from_utf8(answer.body.clone()).unwrap();
        assert!(page.contains("?a=1&amp;b=2"), "{page}");
        let response = answer.into_response();
        assert_eq!(response.status(), 301);
        assert_eq!(
            response.header("location"),
            Some("https://www.reddit.com/x/?a=1&b=2")
        );
    }
}
