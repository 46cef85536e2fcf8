//! What the service answers to a request that it does not accept: an error code of the service, and a sentence.
//!
//! The core refuses; only `routes` turns a code into an HTTP status.

/// A request that is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// Such as `FSS.1051`.
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// A bad parameter that has no code of its own.
pub(crate) const BAD_PARAMETER: &str = "FSS.0400";
pub(crate) const TOO_LARGE: &str = "FSS.0413";
pub(crate) const TOO_MANY_REQUESTS: &str = "FSS.0429";
pub(crate) const FUNCTION_MISSING: &str = "FSS.1051";
/// As [`FUNCTION_MISSING`], in the answers of calls that run functions.
pub(crate) const CALLED_FUNCTION_MISSING: &str = "FSS.0404";

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}
