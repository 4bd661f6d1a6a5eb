//! Walking a list page by page.
//!
//! The server's `next` holds the token and could name any host, so it is never followed: what it
//! says about the place in the list is taken out of it, and the address is built anew.

use serde_json::Value;
use url::Url;

use crate::platform::error::PlatformError;
use crate::platform::lenient::text;

/// Where in a list the next page begins, as parameters of the request.
pub(in crate::platform) type Cursor = Vec<(String, String)>;

/// The parameters of `next` that say where in the list it is. Its others repeat the request.
const PLACE: [&str; 4] = ["after", "offset", "until", "__paging_token"];

/// Where the next page begins; `None` at the end. The last page still has cursors, only `next` is
/// missing there.
///
/// [`PlatformError::Unreachable`] where there is a next page but nothing says where.
pub(in crate::platform) fn next(page: &Value) -> Result<Option<Cursor>, PlatformError> {
    let Some(address) = text(page.pointer("/paging/next")) else {
        return Ok(None);
    };
    if let Some(after) = text(page.pointer("/paging/cursors/after")) {
        return Ok(Some(vec![("after".to_owned(), after)]));
    }
    let unknown = || PlatformError::unreachable("a list has a next page, and nothing says where");
    let address = Url::parse(&address).map_err(|_| unknown())?;
    let cursor: Cursor = address
        .query_pairs()
        .filter(|(name, value)| PLACE.contains(&name.as_ref()) && !value.is_empty())
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    if cursor.is_empty() {
        Err(unknown())
    } else {
        Ok(Some(cursor))
    }
}

/// The rows of a page.
pub(in crate::platform) fn rows(page: &Value) -> Result<&[Value], PlatformError> {
    page.get("data")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .ok_or_else(|| PlatformError::unreachable("a page of a list has no rows"))
}
