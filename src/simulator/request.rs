//! One HTTP request as plain data, and its parameters.

use std::borrow::Cow;

use poem::http::{HeaderMap, Method};
use url::form_urlencoded;

/// What a platform's side reads of a request.
pub(super) struct Incoming<'a> {
    pub(super) method: &'a Method,
    /// The path after the platform's prefix, without empty segments.
    pub(super) segments: &'a [&'a str],
    /// What follows the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

impl<'a> Incoming<'a> {
    /// A header's value, where it is text.
    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The credential of an `Authorization` header of this scheme, which is read without its case.
    pub(super) fn credential(&self, scheme: &str) -> Option<&'a str> {
        let (found, credential) = self.header("authorization")?.split_once(' ')?;
        found
            .eq_ignore_ascii_case(scheme)
            .then(|| credential.trim())
    }

    /// The parameters of the query and of a body that is a form or a JSON object.
    pub(super) fn parameters(&self) -> Parameters<'a> {
        let mut parameters = Parameters::parse(self.query.as_bytes());
        let json = self
            .header("content-type")
            .is_some_and(|kind| kind.contains("json"));
        if json {
            parameters.add_json(self.body);
        } else {
            parameters.0.extend(form_urlencoded::parse(self.body));
        }
        parameters
    }
}

/// Names with values, in order.
pub(super) struct Parameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Parameters<'a> {
    /// Reads a query string or a form.
    pub(super) fn parse(text: &'a [u8]) -> Self {
        Self(form_urlencoded::parse(text).collect())
    }

    fn add_json(&mut self, body: &[u8]) {
        let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(body) else {
            return;
        };
        for (name, value) in fields {
            let text = match value {
                serde_json::Value::String(text) => text,
                other => other.to_string(),
            };
            self.0.push((Cow::Owned(name), Cow::Owned(text)));
        }
    }

    /// The first value under a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_ref())
    }

    /// All values under a name, each split at its commas, without empty ones.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        self.0
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(str::trim)
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// The first value under a name, as a number.
    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;

    use super::*;

    #[test]
    fn parameters_come_from_the_query_and_from_a_form_or_a_json_body() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_static("bearer abc"));
        let form = Incoming {
            method: &Method::POST,
            segments: &[],
            query: "a=1%2C2&b=x",
            headers: &headers,
            body: b"batch=%5B%5D&b=y",
        };
        assert_eq!(form.credential("Bearer"), Some("abc"));
        assert_eq!(form.credential("Basic"), None);
        let parameters = form.parameters();
        assert_eq!(parameters.get("a"), Some("1,2"));
        assert_eq!(parameters.list("b"), ["x", "y"]);
        assert_eq!(parameters.list("a"), ["1", "2"]);
        assert!(parameters.list("c").is_empty());
        assert_eq!(parameters.get("b"), Some("x"));
        assert_eq!(parameters.get("batch"), Some("[]"));

        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let json = Incoming {
            method: &Method::POST,
            segments: &[],
            query: "",
            headers: &headers,
            body: b"{\"batch\":[{}],\"n\":5}",
        };
        assert_eq!(json.parameters().get("batch"), Some("[{}]"));
        assert_eq!(json.parameters().number::<u32>("n"), Some(5));
    }
}
