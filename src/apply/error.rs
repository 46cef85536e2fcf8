//! Why a change could not be made.

use crate::remote;

/// A change that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Remote(#[from] remote::Error),
    #[error("live is no longer what the plan saw: {what}; plan again")]
    Moved { what: String },
    #[error("the code changed since the plan was made; plan again")]
    CodeMoved,
    #[error("the code cannot be read: {0}")]
    Code(String),
}

impl Error {
    /// A stable name for reports: the service's code, or one of ours.
    pub fn code(&self) -> &str {
        match self {
            Self::Remote(error) => error.code(),
            Self::Moved { .. } => "moved",
            Self::CodeMoved => "code-moved",
            Self::Code(_) => "code-unreadable",
        }
    }

    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Remote(error) => error.request_id(),
            Self::Moved { .. } | Self::CodeMoved | Self::Code(_) => None,
        }
    }
}
