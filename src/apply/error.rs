//! Why a change failed.

use crate::model::address::FunctionAddress;
use crate::remote;

/// Why code cannot be packed. The module that reads code has its own errors.
pub type CodeError = Box<dyn std::error::Error + Send + Sync>;

/// A change that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Remote(#[from] remote::Error),
    #[error("the plan is out of date: {what}")]
    Moved { what: String },
    #[error(
        "function {function} has a secret {name} that is newer than the plan, and writing the configuration may lose it"
    )]
    UnseenSecret { name: String, function: FunctionAddress },
    #[error("the code changed since the plan")]
    CodeMoved,
    #[error("the code cannot be read: {0}")]
    Code(CodeError),
}

impl Error {
    /// A stable name for reports: the service's code or one of ours.
    pub fn code(&self) -> &str {
        match self {
            Self::Remote(error) => error.code(),
            Self::Moved { .. } => "moved",
            Self::UnseenSecret { .. } => "unseen-secret",
            Self::CodeMoved => "code-moved",
            Self::Code(_) => "code-unreadable",
        }
    }

    /// What to do about it, if known.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Remote(error) => error.help(),
            Self::Moved { .. } | Self::CodeMoved => Some("plan again".to_owned()),
            Self::UnseenSecret { .. } => {
                Some("declare it and plan again, or allow the loss with --allow-secret-loss".to_owned())
            }
            Self::Code(_) => None,
        }
    }

    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Remote(error) => error.request_id(),
            Self::Moved { .. } | Self::UnseenSecret { .. } | Self::CodeMoved | Self::Code(_) => None,
        }
    }
}
