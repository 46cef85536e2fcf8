//! Why a request does not succeed: it is refused, or the server fails.

use super::refusal::{BAD_PARAMETER, Refusal};
use super::store::StoreFailure;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The request is wrong.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreFailure),
    /// Another part of the server failed.
    #[error("the local server failed: {0}")]
    Internal(String),
}

pub(crate) type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// Refuses a request with a code of the service.
    pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> Self {
        Refusal::new(code, message).into()
    }

    /// Refuses a request because of a parameter that has no code of its own.
    pub(crate) fn parameter(message: impl Into<String>) -> Self {
        Self::refused(BAD_PARAMETER, message)
    }

    pub(crate) fn internal(cause: impl std::fmt::Display) -> Self {
        Self::Internal(cause.to_string())
    }
}
