//! Which media type an answer has, and whether a request's body has the one that is read.
//!
//! GraphQL over HTTP knows two kinds of answer: `application/graphql-response+json`, whose status
//! code tells what happened, and `application/json`, where a request that was understood is
//! answered with 200 even if the document is wrong. The client chooses by its `Accept` header.
//!
//! A body must be declared as `application/json`. This is also what keeps other sites out: a web
//! page can send the undeclared, form and text types anywhere without asking, but not this one.

use poem::http::header::{self, HeaderMap, HeaderValue};

/// The media type of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MediaType {
    /// `application/graphql-response+json`
    GraphqlResponse,
    /// `application/json`
    Json,
}

impl MediaType {
    /// The value of the `Content-Type` header.
    pub(super) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::GraphqlResponse => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        })
    }

    const fn subtype(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "graphql-response+json",
            Self::Json => "json",
        }
    }

    /// How much the client wants this type, in thousandths, and how exactly it named it. The most
    /// exact range decides: `*/*, application/json;q=0` wants anything but JSON.
    fn preference(self, ranges: &[Range<'_>]) -> (u16, u8) {
        ranges
            .iter()
            .filter_map(|range| Some((range.quality, range.exactness(self)?)))
            .max_by_key(|(_, exactness)| *exactness)
            .unwrap_or((0, 0))
    }
}

/// The media type that the `Accept` header asks for; `application/json` where it leaves the choice.
/// None if it wants neither.
pub(super) fn negotiate(headers: &HeaderMap) -> Option<MediaType> {
    let accepted: Vec<&str> = headers
        .get_all(header::ACCEPT)
        .iter()
        .map(|value| value.to_str().unwrap_or_default())
        .flat_map(|text| text.split(','))
        .filter(|range| !range.trim().is_empty())
        .collect();
    if accepted.is_empty() {
        return Some(MediaType::Json);
    }
    let ranges: Vec<Range<'_>> = accepted.into_iter().filter_map(Range::parse).collect();
    let new = MediaType::GraphqlResponse.preference(&ranges);
    let old = MediaType::Json.preference(&ranges);
    match (new.0, old.0) {
        (0, 0) => None,
        // Both are wanted alike: the newer one only if it was named.
        _ if new == old => Some(if new.1 == EXACT {
            MediaType::GraphqlResponse
        } else {
            MediaType::Json
        }),
        _ => Some(if new > old {
            MediaType::GraphqlResponse
        } else {
            MediaType::Json
        }),
    }
}

/// Whether a `Content-Type` header declares a body as JSON in UTF-8.
pub(super) fn is_json(content_type: Option<&str>) -> bool {
    content_type.and_then(Range::parse).is_some_and(|declared| {
        declared.kind.eq_ignore_ascii_case("application")
            && declared.subtype.eq_ignore_ascii_case("json")
    })
}

const EXACT: u8 = 2;

/// One media range of an `Accept` header.
struct Range<'a> {
    kind: &'a str,
    subtype: &'a str,
    /// In thousandths, 0 to 1,000.
    quality: u16,
}

impl<'a> Range<'a> {
    /// None if it is malformed, or asks for a character set that is not UTF-8.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let mut quality = 1_000;
        for parameter in parts {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            if name.trim().eq_ignore_ascii_case("q") {
                quality = thousandths(value)?;
            } else if name.trim().eq_ignore_ascii_case("charset")
                && !value.eq_ignore_ascii_case("utf-8")
                && !value.eq_ignore_ascii_case("utf8")
            {
                return None;
            }
        }
        Some(Self {
            kind: kind.trim(),
            subtype: subtype.trim(),
            quality,
        })
    }

    /// 2 for the type itself, 1 for `application/*`, 0 for `*/*`, None for another type.
    fn exactness(&self, media_type: MediaType) -> Option<u8> {
        match (self.kind, self.subtype) {
            ("*", "*") => Some(0),
            (kind, _) if !kind.eq_ignore_ascii_case("application") => None,
            (_, "*") => Some(1),
            (_, subtype) if subtype.eq_ignore_ascii_case(media_type.subtype()) => Some(EXACT),
            _ => None,
        }
    }
}

/// Reads a quality value: `0` to `1` with up to three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let decimals = format!("{decimals:0<3}").parse::<u16>().ok()?;
    match whole {
        "0" => Some(decimals),
        "1" if decimals == 0 => Some(1_000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiated(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        negotiate(&headers)
    }

    #[test]
    fn json_is_the_answer_where_the_client_leaves_the_choice() {
        assert_eq!(negotiate(&HeaderMap::new()), Some(MediaType::Json));
        for accept in ["", " , ", "*/*", "application/*", "text/html, */*;q=0.8"] {
            assert_eq!(negotiated(accept), Some(MediaType::Json), "for {accept:?}");
        }
    }

    #[test]
    fn the_type_with_the_higher_quality_is_the_answer() {
        let cases = [
            (
                "application/graphql-response+json",
                MediaType::GraphqlResponse,
            ),
            ("APPLICATION/JSON;charset=UTF-8", MediaType::Json),
            (
                "application/graphql-response+json, application/json;q=0.9",
                MediaType::GraphqlResponse,
            ),
            (
                "application/graphql-response+json;q=0.5, application/json;q=0.6",
                MediaType::Json,
            ),
            (
                "application/json, application/graphql-response+json",
                MediaType::GraphqlResponse,
            ),
            (
                "*/*, application/graphql-response+json",
                MediaType::GraphqlResponse,
            ),
            ("*/*, application/json;q=0", MediaType::GraphqlResponse),
            (
                "application/json;q=0.001, application/graphql-response+json;q=0",
                MediaType::Json,
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(negotiated(accept), Some(expected), "for {accept:?}");
        }
    }

    #[test]
    fn a_client_that_wants_neither_type_gets_none() {
        for accept in [
            "text/html",
            "application/xml, text/*",
            "application/json;q=0",
            "application/json;q=2",
            "application/json;charset=utf-16",
            "json",
        ] {
            assert_eq!(negotiated(accept), None, "for {accept:?}");
        }
    }

    #[test]
    fn several_accept_headers_count_as_one() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, HeaderValue::from_static("text/html"));
        headers.append(
            header::ACCEPT,
            HeaderValue::from_static("application/graphql-response+json"),
        );
        assert_eq!(negotiate(&headers), Some(MediaType::GraphqlResponse));
    }

    #[test]
    fn only_json_in_utf_8_is_read() {
        for content_type in ["application/json", "application/json; charset=UTF-8"] {
            assert!(is_json(Some(content_type)), "for {content_type:?}");
        }
        for content_type in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/graphql",
            "application/*",
            "application/json; charset=latin1",
            "",
        ] {
            assert!(!is_json(Some(content_type)), "for {content_type:?}");
        }
        assert!(!is_json(None));
    }
}
