//! The service's answer to a request that it refuses: an error code and a sentence.
//!
//! The core refuses; only `routes` maps codes to HTTP statuses.

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// A code such as `FSS.1051`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// An invalid parameter that has no code of its own.
pub(crate) const BAD_PARAMETER: &str = "FSS.0400";
pub(crate) const TOO_LARGE: &str = "FSS.0413";
pub(crate) const TOO_MANY_REQUESTS: &str = "FSS.0429";
pub(crate) const FUNCTION_MISSING: &str = "FSS.1051";
/// Like [`FUNCTION_MISSING`], for calls that run functions.
pub(crate) const CALLED_FUNCTION_MISSING: &str = "FSS.0404";

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
