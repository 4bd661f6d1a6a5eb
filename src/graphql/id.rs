//! Global ids as the API takes and gives them.

use async_graphql::ID;

use crate::error::Error;
pub use crate::model::IdKind as Kind;

/// The number that no row has: nothing matches a filter by it.
pub const NO_ROW: i64 = 0;

impl Kind {
    /// The global id of a row.
    #[must_use]
    pub fn id(self, row: i64) -> ID {
        ID(self.encode(row))
    }

    /// The row that a global id of this kind names. `argument` is the path of the id, with dots.
    ///
    /// # Errors
    /// It is not an id, or one of another kind.
    pub fn row(self, argument: &str, id: &ID) -> Result<i64, Error> {
        match parse(id) {
            Some((kind, row)) if kind == self => Ok(row),
            Some((kind, _)) => Err(Error::bad_argument(
                argument,
                format!(
                    "this is the id of {}, not of {}",
                    kind.described(),
                    self.described()
                ),
            )),
            None => Err(no_id(argument)),
        }
    }

    /// As [`Kind::row`], for an argument that may be missing.
    ///
    /// # Errors
    /// As [`Kind::row`].
    pub fn optional_row(self, argument: &str, id: Option<&ID>) -> Result<Option<i64>, Error> {
        id.map(|id| self.row(argument, id)).transpose()
    }
}

/// What there is to say of an argument that is no global id. `argument` is its path, with dots.
#[must_use]
pub fn no_id(argument: &str) -> Error {
    Error::bad_argument(argument, "this is not an id of this server")
}

/// What a global id names, if it is one.
#[must_use]
pub fn parse(id: &ID) -> Option<(Kind, i64)> {
    Kind::decode(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_names_one_row_of_one_kind() {
        let id = Kind::Post.id(7);
        assert_eq!(parse(&id), Some((Kind::Post, 7)));
        assert_eq!(Kind::Post.row("postId", &id).unwrap(), 7);
        let error = Kind::Campaign
            .row("campaignId", &id)
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "campaignId: this is the id of a Post, not of a Campaign"
        );
        let named = matches!(
            Kind::Campaign.row("filter.campaignId", &id),
            Err(Error::BadArgument { field, .. }) if field == "filter.campaignId"
        );
        assert!(named);
        for text in ["", "7", "UG9zdDo", "UG9zdDowMDc", "UG9zdDorNw", "ä"] {
            assert!(
                Kind::Post.row("postId", &ID(text.into())).is_err(),
                "{text}"
            );
        }
    }
}
