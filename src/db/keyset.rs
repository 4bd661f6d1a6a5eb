//! Paging by key: a page begins after the last row that was seen, so rows that arrive meanwhile move nothing.

/// One page of a list that is ordered newest first by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keyset {
    /// Only rows that come after the one with this id.
    pub after: Option<i64>,
    /// Only rows that come before the one with this id.
    pub before: Option<i64>,
    /// At most this many rows.
    pub limit: i64,
    /// Whether the rows nearest to the end of the list are wanted, not those nearest to its beginning.
    pub from_end: bool,
    /// Whether the length of the whole list is wanted too. It costs a count.
    pub total: bool,
}

/// Loads one page of a list and, where it is wanted, the length of the whole. `$filter` narrows a boxed query to the list.
macro_rules! load_page {
    ($connection:expr, $table:ident, $row:ty, $page:expr, $filter:ident($($argument:expr),*)) => {{
        let page: $crate::db::Keyset = $page;
        let total = if page.total {
            let all = $filter($table::table.select(diesel::dsl::count_star()).into_boxed() $(, $argument)*);
            Some(all.get_result($connection).await?)
        } else {
            None
        };
        let query = $filter($table::table.select(<$row>::as_select()).into_boxed() $(, $argument)*);
        let rows = $crate::db::keyset::paged!(query, $table::id, page).load($connection).await?;
        Ok($crate::db::keyset::in_order(rows, total, page))
    }};
}
pub(crate) use load_page;

/// Narrows a boxed query to one page by the given id column, one row more than asked for so that the caller sees whether
/// there is a further page. With `from_end` the rows come in reverse and are put in order by [`in_order`].
macro_rules! paged {
    ($query:expr, $id:expr, $page:expr) => {{
        let page: $crate::db::Keyset = $page;
        let mut query = $query;
        if let Some(after) = page.after {
            query = query.filter($id.lt(after));
        }
        if let Some(before) = page.before {
            query = query.filter($id.gt(before));
        }
        if page.from_end {
            query.order($id.asc()).limit(page.limit + 1)
        } else {
            query.order($id.desc()).limit(page.limit + 1)
        }
    }};
}
pub(crate) use paged;

/// A page of rows in the order of the list, and whether there are more beyond its far end.
#[derive(Debug, Clone)]
pub struct Slice<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// Whether there are further rows in the direction of paging.
    pub more: bool,
    /// The length of the whole list, where it was wanted.
    pub total: Option<i64>,
}

/// Cuts the surplus row off and puts the page in the order of the list.
#[must_use]
pub fn in_order<T>(mut rows: Vec<T>, total: Option<i64>, page: Keyset) -> Slice<T> {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    if page.from_end {
        rows.reverse();
    }
    Slice { rows, more, total }
}
