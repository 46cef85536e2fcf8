//! Errors between the model and the service.

use crate::client;

/// A read or write that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error("{what}: the service accepted it but did not apply it: {problem}")]
    NotApplied { what: String, problem: String },
    #[error("{request}: the answer is inconsistent: {problem}")]
    Contradiction { request: String, problem: String },
}

impl Error {
    /// A complete answer that cannot be the answer to the request.
    pub(super) fn contradiction(request: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Contradiction { request: request.into(), problem: problem.into() }
    }

    /// A stable name for reports: the service's code or one of ours.
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => error.code(),
            Self::NotApplied { .. } => "not-applied",
            Self::Contradiction { .. } => "answer-contradicts-itself",
        }
    }

    /// What the error means and what to do, if known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.help(),
            Self::NotApplied { .. } => {
                Some("plan again; if the service keeps refusing the change, ask its support".to_owned())
            }
            Self::Contradiction { .. } => {
                Some("try again later; if the error persists, ask the service's support".to_owned())
            }
        }
    }

    /// What the service refused or did not apply.
    pub fn refusal(&self) -> Option<String> {
        match self {
            Self::Client(error) => error.refusal(),
            Self::NotApplied { .. } => Some(self.to_string()),
            Self::Contradiction { .. } => None,
        }
    }

    /// Whether the resource already exists.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_conflict())
    }

    /// Whether the request certainly had no effect.
    pub fn is_refused(&self) -> bool {
        matches!(self, Self::Client(error) if !error.is_unclear())
    }

    /// Whether the service says that the resource does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_not_found())
    }

    /// Whether the service answered with this code. Some gateways spell it differently.
    pub fn has_code(&self, code: &str) -> bool {
        matches!(self, Self::Client(error) if error.has_code(code))
    }

    /// Whether the service forbids it to this user.
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_forbidden())
    }

    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Client(error) => error.request_id(),
            Self::NotApplied { .. } | Self::Contradiction { .. } => None,
        }
    }
}
