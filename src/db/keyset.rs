//! Paging by key: a page begins after the last row that was seen, so rows that arrive meanwhile move nothing.
//!
//! Pages of many lists (the posts of each of a hundred campaigns) are read in one statement, a part of a UNION for each, so
//! that the number of statements behind an answer does not grow with its rows.

use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};

/// One page of a list that is ordered newest first by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// Loads a page of each of several lists and, where it is wanted, the length of the whole: one statement, or two. The last
/// argument narrows a boxed query to one of the lists.
macro_rules! load_pages {
    ($connection:expr, $table:ident, $row:ty, $lists:expr, |$query:ident, $filter:ident| $narrowed:expr) => {{
        use diesel::IntoSql as _;
        use $crate::db::keyset::{UnionAll, in_order, paged, place};
        let lists: &[(_, $crate::db::Keyset)] = $lists;
        let mut counts = Vec::new();
        let mut pages = Vec::new();
        for (number, ($filter, page)) in lists.iter().enumerate() {
            if page.total {
                let $query = $table::table
                    .select((
                        place(number).into_sql::<diesel::sql_types::Integer>(),
                        diesel::dsl::count_star(),
                    ))
                    .into_boxed();
                counts.push($narrowed);
            }
            let $query = $table::table
                .select((
                    place(number).into_sql::<diesel::sql_types::Integer>(),
                    <$row>::as_select(),
                ))
                .into_boxed();
            pages.push(paged!($narrowed, $table::id, *page));
        }
        let counts: Vec<(i32, i64)> = if counts.is_empty() {
            Vec::new()
        } else {
            UnionAll(counts).load($connection).await?
        };
        let rows: Vec<(i32, $row)> = if pages.is_empty() {
            Vec::new()
        } else {
            UnionAll(pages).load($connection).await?
        };
        let pages: Vec<$crate::db::Keyset> = lists.iter().map(|(_, page)| *page).collect();
        Ok(in_order(rows, &counts, &pages, |row: &$row| row.id))
    }};
}
pub(crate) use load_pages;

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

/// Queries of one shape as one statement. Their rows say by themselves which query they are of.
#[derive(Debug)]
pub struct UnionAll<Q>(pub Vec<Q>);

impl<Q: Query> Query for UnionAll<Q> {
    type SqlType = Q::SqlType;
}

impl<Q> QueryId for UnionAll<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for UnionAll<Q> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        // As many texts as there are numbers of lists: not worth a place among the prepared statements.
        out.unsafe_to_cache_prepared();
        for (number, query) in self.0.iter().enumerate() {
            out.push_sql(if number == 0 { "(" } else { " UNION ALL (" });
            query.walk_ast(out.reborrow())?;
            out.push_sql(")");
        }
        Ok(())
    }
}

/// The place of a list among several, as its rows carry it.
#[must_use]
pub fn place(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

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

impl<T> Slice<T> {
    /// A page of these rows, of which there may be one more than asked for.
    #[must_use]
    pub fn cut(mut rows: Vec<T>, total: Option<i64>, limit: i64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        Self { rows, more, total }
    }
}

/// Parts the rows of several lists, cuts the surplus row of each off and puts each page in the order of its list.
#[must_use]
pub fn in_order<T>(
    rows: Vec<(i32, T)>,
    counts: &[(i32, i64)],
    pages: &[Keyset],
    id: impl Fn(&T) -> i64,
) -> Vec<Slice<T>> {
    let mut parts: Vec<Vec<T>> = pages.iter().map(|_| Vec::new()).collect();
    for (number, row) in rows {
        if let Some(part) = usize::try_from(number)
            .ok()
            .and_then(|number| parts.get_mut(number))
        {
            part.push(row);
        }
    }
    parts
        .into_iter()
        .zip(pages)
        .enumerate()
        .map(|(number, (mut rows, page))| {
            let total = counts
                .iter()
                .find(|(of, _)| *of == place(number))
                .map(|(_, count)| *count);
            if page.from_end {
                rows.sort_unstable_by_key(&id);
            } else {
                rows.sort_unstable_by_key(|row| std::cmp::Reverse(id(row)));
            }
            let mut slice = Slice::cut(rows, total, page.limit);
            if page.from_end {
                slice.rows.reverse();
            }
            slice
        })
        .collect()
}

/// A pattern for ILIKE that finds a text anywhere, whatever characters are in it.
#[must_use]
pub fn containing(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}
