//! Relay connections over lists that are paged by key, newest first.

use async_graphql::connection::{
    Connection, DefaultConnectionName, DefaultEdgeName, Edge, EmptyFields,
};
use async_graphql::{Context, InputObject, OutputType, SimpleObject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::{Keyset, Slice};
use crate::error::Error;

/// Rows of a page where the caller does not say how many.
const DEFAULT_SIZE: i32 = 20;
/// Most rows of a page.
const MAX_SIZE: i32 = 100;

/// The length of a list.
#[derive(Debug, Clone, SimpleObject)]
pub struct Total {
    /// How long the whole list is. It costs a count: ask for it only where you show it.
    total_count: Option<i64>,
}

/// A connection with `totalCount`.
pub type Page<T> =
    Connection<String, T, Total, EmptyFields, DefaultConnectionName, DefaultEdgeName>;

/// The paging arguments that every connection takes.
#[derive(Debug, Clone, Default)]
pub struct Paging {
    /// Rows from the beginning.
    pub first: Option<i32>,
    /// Only rows after this cursor.
    pub after: Option<String>,
    /// Rows from the end.
    pub last: Option<i32>,
    /// Only rows before this cursor.
    pub before: Option<String>,
}

impl Paging {
    /// The page to read.
    ///
    /// # Errors
    /// A number is out of its range, a cursor is none of this list, or both ends are asked for.
    pub fn keyset(&self, ctx: &Context<'_>) -> Result<Keyset, Error> {
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
            return Err(Error::BadInput(format!(
                "{name}: must be from 0 to {MAX_SIZE}"
            )));
        }
        Ok(Keyset {
            after: self
                .after
                .as_deref()
                .map(|cursor| parse_cursor("after", cursor))
                .transpose()?,
            before: self
                .before
                .as_deref()
                .map(|cursor| parse_cursor("before", cursor))
                .transpose()?,
            limit: size.into(),
            from_end,
            total: ctx.look_ahead().field("totalCount").exists(),
        })
    }
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
        .ok_or_else(|| Error::BadInput(format!("{argument}: this is not a cursor of this server")))
}

/// A page of rows as a connection of objects.
pub fn page<R, T: OutputType>(
    keyset: Keyset,
    slice: Slice<R>,
    id: impl Fn(&R) -> i64,
    object: impl Fn(R) -> T,
) -> Page<T> {
    let (before, after) = if keyset.from_end {
        (slice.more, keyset.before.is_some())
    } else {
        (keyset.after.is_some(), slice.more)
    };
    let total = Total {
        total_count: slice.total,
    };
    let mut connection = Connection::with_additional_fields(before, after, total);
    connection.edges.extend(
        slice
            .rows
            .into_iter()
            .map(|row| Edge::new(cursor(id(&row)), object(row))),
    );
    connection
}

/// From inclusive, to exclusive.
#[derive(Debug, Clone, Copy, Default, InputObject)]
pub struct TimeRange {
    /// At or after.
    pub from: Option<super::scalars::DateTime>,
    /// Before.
    pub to: Option<super::scalars::DateTime>,
}

/// How dear a page is: its rows times what one row costs.
#[must_use]
pub fn cost(first: Option<i32>, last: Option<i32>, child: usize) -> usize {
    let rows = usize::try_from(first.or(last).unwrap_or(DEFAULT_SIZE)).unwrap_or(0);
    1 + rows
        .min(usize::try_from(MAX_SIZE).unwrap_or(0))
        .saturating_mul(child.max(1))
}
