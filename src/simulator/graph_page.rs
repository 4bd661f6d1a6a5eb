//! Cursor paging as the Graph API does it: cursors on every page, `next` only where more follows.
//!
//! Cursors are the position of an entry, not an offset, so a list that grows while it is read
//! neither repeats nor skips an entry.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::form_urlencoded::Serializer;

use super::graph_error::GraphError;
use super::graph_fields::Field;
use super::json::Json;
use super::request::Parameters;

const DEFAULT_LIMIT: usize = 25;
/// The most entries on a page, whatever is asked for.
const LARGEST_LIMIT: usize = 100;
const CURSOR_START: &str = "QVFI";

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PageRequest {
    pub(super) limit: usize,
    after: Option<u64>,
    before: Option<u64>,
}

/// A page, newest first, and whether others lie on either side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page<T> {
    pub(super) entries: Vec<T>,
    pub(super) has_older: bool,
    pub(super) has_newer: bool,
}

impl PageRequest {
    /// The page that the parameters of a request name.
    pub(super) fn of_parameters(parameters: &Parameters<'_>) -> Result<Self, GraphError> {
        let limit = parameters.number("limit");
        Self::new(limit, parameters.get("after"), parameters.get("before"))
    }

    /// The page that the modifiers of a field name.
    pub(super) fn of_field(field: &Field<'_>) -> Result<Self, GraphError> {
        Self::new(
            field.number("limit"),
            field.modifier("after"),
            field.modifier("before"),
        )
    }

    fn new(
        limit: Option<usize>,
        after: Option<&str>,
        before: Option<&str>,
    ) -> Result<Self, GraphError> {
        Ok(Self {
            limit: limit.unwrap_or(DEFAULT_LIMIT).clamp(1, LARGEST_LIMIT),
            after: after
                .filter(|text| !text.is_empty())
                .map(position)
                .transpose()?,
            before: before
                .filter(|text| !text.is_empty())
                .map(position)
                .transpose()?,
        })
    }

    /// Reads the page. `older` gives at most so many entries before a position, `newer` those
    /// nearest after one; both newest first.
    pub(super) fn read<T>(
        self,
        older: impl Fn(u64, usize) -> Vec<T>,
        newer: impl Fn(u64, usize) -> Vec<T>,
    ) -> Page<T> {
        if let Some(position) = self.before {
            let mut entries = newer(position, self.limit + 1);
            let has_newer = entries.len() > self.limit;
            if has_newer {
                entries.remove(0);
            }
            return Page {
                entries,
                has_older: true,
                has_newer,
            };
        }
        let mut entries = older(self.after.unwrap_or(u64::MAX), self.limit + 1);
        let has_older = entries.len() > self.limit;
        entries.truncate(self.limit);
        Page {
            entries,
            has_older,
            has_newer: self.after.is_some(),
        }
    }
}

/// The cursor of a position.
pub(super) fn cursor(position: u64) -> String {
    format!(
        "{CURSOR_START}{}",
        URL_SAFE_NO_PAD.encode(position.to_be_bytes())
    )
}

fn position(cursor: &str) -> Result<u64, GraphError> {
    cursor
        .strip_prefix(CURSOR_START)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
        .map(u64::from_be_bytes)
        .ok_or_else(|| GraphError::parameter("(#100) Invalid cursors values."))
}

/// Where a list is found, for the links to its other pages.
pub(super) struct ListAddress<'a> {
    pub(super) version: &'a str,
    /// `<object id>/<edge>`.
    pub(super) path: &'a str,
    pub(super) token: &'a str,
    pub(super) fields: &'a str,
    pub(super) limit: usize,
}

impl ListAddress<'_> {
    /// The address of another page. It carries the token, and the platform's own host, as on the
    /// platform: whoever follows it blindly leaks the one to the other.
    fn link(&self, side: &str, cursor: &str) -> String {
        let mut query = Serializer::new(String::new());
        query
            .append_pair("access_token", self.token)
            .append_pair("pretty", "0");
        if !self.fields.is_empty() {
            query.append_pair("fields", self.fields);
        }
        query
            .append_pair("limit", &self.limit.to_string())
            .append_pair(side, cursor);
        format!(
            "https://graph.facebook.com/{}/{}?{}",
            self.version,
            self.path,
            query.finish()
        )
    }
}

/// Writes `paging` with both cursors and the links that there are. Nothing for an empty page.
pub(super) fn write_paging<T>(
    json: &mut Json,
    page: &Page<T>,
    position: impl Fn(&T) -> u64,
    address: &ListAddress<'_>,
) {
    let (Some(first), Some(last)) = (page.entries.first(), page.entries.last()) else {
        return;
    };
    let (before, after) = (cursor(position(first)), cursor(position(last)));
    json.key("paging");
    json.object();
    json.key("cursors");
    json.object();
    json.string_field("before", &before);
    json.string_field("after", &after);
    json.end_object();
    if page.has_older {
        json.string_field("next", &address.link("after", &after));
    }
    if page.has_newer {
        json.string_field("previous", &address.link("before", &before));
    }
    json.end_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn older(before: u64, most: usize) -> Vec<u64> {
        (1..=10)
            .rev()
            .filter(|entry| *entry < before)
            .take(most)
            .collect()
    }

    fn newer(after: u64, most: usize) -> Vec<u64> {
        let mut found: Vec<u64> = (1..=10).filter(|entry| *entry > after).take(most).collect();
        found.reverse();
        found
    }

    fn page(query: &str) -> Page<u64> {
        let parameters = Parameters::parse(query.as_bytes());
        PageRequest::of_parameters(&parameters)
            .unwrap()
            .read(older, newer)
    }

    #[test]
    fn pages_follow_each_other_and_the_last_one_has_no_next() {
        let first = page("limit=4");
        assert_eq!(
            (&first.entries[..], first.has_older),
            (&[10, 9, 8, 7][..], true)
        );
        let second = page(&format!("limit=4&after={}", cursor(7)));
        assert_eq!(second.entries, [6, 5, 4, 3]);
        assert!(second.has_newer);
        let last = page(&format!("limit=4&after={}", cursor(3)));
        assert_eq!((&last.entries[..], last.has_older), (&[2, 1][..], false));
        let back = page(&format!("limit=4&before={}", cursor(6)));
        assert_eq!(
            (&back.entries[..], back.has_newer),
            (&[10, 9, 8, 7][..], false)
        );
    }

    #[test]
    fn an_invented_cursor_is_refused() {
        let parameters = Parameters::parse(b"after=12");
        assert_eq!(
            PageRequest::of_parameters(&parameters).unwrap_err().code,
            100
        );
    }

    #[test]
    fn a_link_carries_the_token_and_the_platforms_host() {
        let address = ListAddress {
            version: "v26.0",
            path: "42/media",
            token: "secret",
            fields: "id,permalink",
            limit: 2,
        };
        assert_eq!(
            address.link("after", "QVFIx"),
            "https://graph.facebook.com/v26.0/42/media?access_token=secret&pretty=0\
             &fields=id%2Cpermalink&limit=2&after=QVFIx"
        );
    }
}
