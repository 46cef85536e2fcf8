//! What can go wrong between the model and the service.

use crate::client;

/// A read or write that did not do what it was made for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("{what}: the service accepted it and did not apply it: {problem}")]
    NotApplied { what: String, problem: String },
}

impl Error {
    /// A stable name for reports: the service's code, or one of ours.
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::NotApplied { .. } => "not-applied",
        }
    }

    /// Whether what was to be made is there already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_conflict())
    }

    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Client(error) => error.request_id(),
            Self::NotApplied { .. } => None,
        }
    }
}
