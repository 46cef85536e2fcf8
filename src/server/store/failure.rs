//! Errors of the store. A request that the service would refuse is not a store failure.

/// Why the store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoreFailure {
    /// One row is damaged or too large. The rest of the store is not affected.
    #[error("{0}")]
    Unreadable(String),
    /// The database or its disk failed, or the store has been closed.
    #[error("the local server failed: {0}")]
    Failed(String),
}

pub(crate) type Stored<T> = Result<T, StoreFailure>;

impl StoreFailure {
    pub(crate) fn failed(cause: impl std::fmt::Display) -> Self {
        Self::Failed(cause.to_string())
    }

    pub(crate) fn unreadable(cause: impl std::fmt::Display) -> Self {
        Self::Unreadable(format!("a row of the local server's store cannot be used: {cause}"))
    }

    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable(_))
    }

    /// Adds the row to a failure about one.
    pub(crate) fn about(self, row: impl std::fmt::Display) -> Self {
        match self {
            Self::Unreadable(message) => Self::Unreadable(format!("{row}: {message}")),
            failed @ Self::Failed(_) => failed,
        }
    }
}

impl From<rusqlite::Error> for StoreFailure {
    fn from(error: rusqlite::Error) -> Self {
        if is_about_a_row(&error) { Self::unreadable(error) } else { Self::failed(error) }
    }
}

/// Whether the value of a column caused the error, not the database or the disk.
fn is_about_a_row(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::Utf8Error(..)
        | Error::InvalidColumnType(..) => true,
        // Requests that would violate a constraint are refused earlier, so a violation means that rows are
        // inconsistent.
        Error::SqliteFailure(cause, _) => {
            matches!(cause.code, ErrorCode::TooBig | ErrorCode::TypeMismatch | ErrorCode::ConstraintViolation)
        }
        _ => false,
    }
}
