//! What can go wrong between the model and the service.

use percent_encoding::percent_decode_str;

use crate::client;

/// A read or write that did not do what it was made for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("{what}: the service accepted it and did not apply it: {problem}")]
    NotApplied { what: String, problem: String },
    #[error("{request}: the answer cannot be right: {problem}")]
    Contradiction { request: String, problem: String },
}

impl Error {
    /// An answer that is whole, and still cannot be what the request asked for.
    pub(super) fn contradiction(method: &str, path: &str, problem: impl Into<String>) -> Self {
        // As the client names requests: names in the path read as they are written elsewhere.
        let path = percent_decode_str(path).decode_utf8_lossy();
        Self::Contradiction { request: format!("{method} {path}"), problem: problem.into() }
    }

    /// A stable name for reports: the service's code, or one of ours.
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::NotApplied { .. } => "not-applied",
            Self::Contradiction { .. } => "answer-contradicts-itself",
        }
    }

    /// Whether what was to be made is there already.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_conflict())
    }

    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Client(error) => error.request_id(),
            Self::NotApplied { .. } | Self::Contradiction { .. } => None,
        }
    }
}
