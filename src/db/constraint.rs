//! Which constraint a statement violated. The names are given in the migrations and are as much an interface as a column.

use diesel::result::{DatabaseErrorKind, Error};

/// The name of the unique constraint or index that the statement violated, where that is why it failed.
#[must_use]
pub fn unique_violation(error: &Error) -> Option<&str> {
    match error {
        Error::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => info.constraint_name(),
        _ => None,
    }
}

/// Whether the database could not be reached or gave up, as against having refused the statement.
#[must_use]
pub fn is_unavailable(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, _)
        | Error::BrokenTransactionManager => true,
        Error::DatabaseError(DatabaseErrorKind::Unknown, info) => {
            // diesel has no kind for these; the server's own words are all there is.
            let message = info.message();
            [
                "terminating connection",
                "shutting down",
                "starting up",
                "connection closed",
                "statement timeout",
            ]
            .iter()
            .any(|words| message.contains(words))
        }
        _ => false,
    }
}

/// Whether the statement may succeed when it is tried again as it is: a deadlock or a serialisation failure.
#[must_use]
pub fn is_transient(error: &Error) -> bool {
    match error {
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _) => true,
        Error::DatabaseError(_, info) => info.message().contains("deadlock detected"),
        _ => is_unavailable(error),
    }
}
