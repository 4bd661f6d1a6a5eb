//! Relay connections over lists that are paged by key, newest first.

use std::borrow::Cow;
use std::hash::Hash;

use async_graphql::connection::PageInfo;
use async_graphql::dataloader::Loader;
use async_graphql::{Context, InputObject, Object, OutputType, TypeName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Utc;

use super::errors::{ToTop as _, top_level};
use super::loader::{Made, Shared, load};
use crate::domain::{Keyset, Slice};
use crate::error::Error;

/// Rows of a page where the caller does not say how many.
const DEFAULT_SIZE: i64 = 20;
/// Most rows of a page.
const MAX_SIZE: i64 = 100;

/// A page of a list.
pub struct Page<T: OutputType> {
    edges: Vec<Edge<T>>,
    info: PageInfo,
    total_count: Option<i64>,
}

impl<T: OutputType> TypeName for Page<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

/// A page of a list, newest first.
#[Object(name_type)]
impl<T: OutputType> Page<T> {
    /// The rows with their cursors.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }
    /// The rows alone.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }
    /// Where the page lies in the list.
    async fn page_info(&self) -> &PageInfo {
        &self.info
    }
    /// How long the whole list is. It costs a count: ask for it only where you show it.
    async fn total_count(&self) -> Option<i64> {
        self.total_count
    }
}

/// A row of a page.
pub struct Edge<T: OutputType> {
    cursor: String,
    node: T,
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// A row of a page, with its place in the list.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// Its place: `after` or `before` for another page.
    async fn cursor(&self) -> &str {
        &self.cursor
    }
    /// The row.
    async fn node(&self) -> &T {
        &self.node
    }
}

/// The paging arguments that every connection takes.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// Rows from the beginning.
    pub first: Option<i64>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// Rows from the end.
    pub last: Option<i64>,
    /// Only rows before this cursor.
    pub before: Option<String>,
}

impl Paging {
    /// The page to read.
    ///
    /// # Errors
    /// A number is out of its range, a cursor is none of this list, or both ends are asked for.
    pub fn keyset(&self, ctx: &Context<'_>) -> Result<Keyset, Error> {
        let (limit, from_end) = self.size()?;
        let id = |argument: &str, text: &Option<String>| {
            text.as_deref()
                .map(|cursor| parse_cursor(argument, cursor))
                .transpose()
        };
        Ok(Keyset {
            after: id("after", &self.after)?,
            before: id("before", &self.before)?,
            limit,
            from_end,
            total: wants_total(ctx),
        })
    }

    /// How many rows, and whether from the end of the list.
    ///
    /// # Errors
    /// A number is out of its range, or both ends are asked for.
    pub fn size(&self) -> Result<(i64, bool), Error> {
        let (size, from_end) = match (self.first, self.last) {
            (Some(_), Some(_)) => {
                return Err(Error::BadInput(
                    "first, last: give one of them, not both".into(),
                ));
            }
            (first, None) => (("first", first.unwrap_or(DEFAULT_SIZE)), false),
            (None, Some(last)) => (("last", last), true),
        };
        let (name, size) = size;
        if !(0..=MAX_SIZE).contains(&size) {
            let message = format!("must be from 0 to {MAX_SIZE}");
            return Err(Error::bad_argument(name, message));
        }
        Ok((size, from_end))
    }
}

/// Whether the length of the list is asked for.
pub fn wants_total(ctx: &Context<'_>) -> bool {
    ctx.look_ahead().field("totalCount").exists()
}

/// The cursor of a row.
#[must_use]
pub fn cursor(row: i64) -> String {
    URL_SAFE_NO_PAD.encode(format!("after:{row}"))
}

/// The row of a cursor.
///
/// # Errors
/// It is no cursor of this server.
pub fn parse_cursor(argument: &str, text: &str) -> Result<i64, Error> {
    URL_SAFE_NO_PAD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .and_then(|text| text.strip_prefix("after:")?.parse().ok())
        .ok_or_else(|| Error::bad_argument(argument, "this is not a cursor of this server"))
}

/// A page of a list by its loader, as a connection of objects.
///
/// # Errors
/// The paging arguments are not what they must be, or the database failed.
pub async fn connection<L, F, R, T>(
    ctx: &Context<'_>,
    filter: F,
    paging: &Paging,
    id: impl Fn(&R) -> i64,
    object: impl Fn(R) -> T,
) -> async_graphql::Result<Page<T>>
where
    L: Loader<(F, Keyset), Value = Slice<R>, Error = Shared> + Made,
    F: Send + Sync + Hash + Eq + Clone + 'static,
    R: Send + Sync + Clone + 'static,
    T: OutputType,
{
    let keyset = paging.keyset(ctx).top()?;
    let slice = load::<L, _>(ctx, (filter, keyset))
        .await?
        .ok_or_else(|| top_level(Error::internal("a page was not loaded")))?;
    let place = Place {
        from_end: keyset.from_end,
        is_after: keyset.after.is_some(),
        is_before: keyset.before.is_some(),
    };
    Ok(page(place, slice, |row| cursor(id(row)), object))
}

/// Where a page was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// From the end of the list.
    pub from_end: bool,
    /// After a row.
    pub is_after: bool,
    /// Before a row.
    pub is_before: bool,
}

/// A page of rows as a connection of objects.
pub fn page<R, T: OutputType>(
    place: Place,
    slice: Slice<R>,
    cursor: impl Fn(&R) -> String,
    object: impl Fn(R) -> T,
) -> Page<T> {
    let (before, after) = if place.from_end {
        (slice.more, place.is_before)
    } else {
        (place.is_after, slice.more)
    };
    let edges: Vec<Edge<T>> = slice
        .rows
        .into_iter()
        .map(|row| Edge {
            cursor: cursor(&row),
            node: object(row),
        })
        .collect();
    let info = PageInfo {
        has_previous_page: before,
        has_next_page: after,
        start_cursor: edges.first().map(|edge| edge.cursor.clone()),
        end_cursor: edges.last().map(|edge| edge.cursor.clone()),
    };
    Page {
        edges,
        info,
        total_count: slice.total,
    }
}

/// A cursor with more in it than an id.
#[must_use]
pub fn opaque_cursor(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// What is in a cursor that [`opaque_cursor`] made.
///
/// # Errors
/// It is no cursor of this server.
pub fn read_cursor(argument: &str, cursor: &str) -> Result<String, Error> {
    URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| bad_cursor(argument))
}

/// What there is to say of a cursor that is none of this list.
pub fn bad_cursor(argument: &str) -> Error {
    Error::bad_argument(argument, "this is not a cursor of this list")
}

/// From inclusive, to exclusive.
#[derive(Debug, Clone, Copy, Default, InputObject)]
pub struct TimeRange {
    /// At or after.
    pub from: Option<super::scalars::DateTime>,
    /// Before.
    pub to: Option<super::scalars::DateTime>,
}

/// The two ends of a range, either of which may be open.
type Ends = (Option<chrono::DateTime<Utc>>, Option<chrono::DateTime<Utc>>);

impl TimeRange {
    /// Its ends.
    ///
    /// # Errors
    /// It ends before it begins. `field` is what the caller gave it as.
    pub fn ends(this: Option<Self>, field: &str) -> Result<Ends, Error> {
        let range = this.unwrap_or_default();
        let (from, to) = (range.from.map(|at| at.0), range.to.map(|at| at.0));
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let message = format!("{field}.to must not be before {field}.from");
            return Err(Error::BadInput(message));
        }
        Ok((from, to))
    }
}

/// How dear a page is: its rows times what one row costs.
#[must_use]
pub fn cost(first: Option<i64>, last: Option<i64>, child: usize) -> usize {
    let rows = usize::try_from(first.or(last).unwrap_or(DEFAULT_SIZE)).unwrap_or(0);
    times(1, rows.min(usize::try_from(MAX_SIZE).unwrap_or(0)), child)
}

/// What so many objects cost that cost so much each, with what they cost together. The library adds such numbers without a
/// look at their size: none is large enough for a sum of them to overflow.
#[must_use]
pub fn times(together: usize, count: usize, child: usize) -> usize {
    let all = count.saturating_mul(child.max(1)).saturating_add(together);
    all.min(crate::graphql::MAX_COMPLEXITY + 1)
}
