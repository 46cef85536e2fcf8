//! The words of the service about asynchronous invocations.

use serde::{Deserialize, Serialize};

/// The state of an asynchronous invocation, with the service's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Wait,
    Running,
    Success,
    Fail,
    /// The message expired before an attempt could start.
    Discard,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// The engine's result code.
    pub code: i64,
    pub message: String,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Wait, Self::Running, Self::Success, Self::Fail, Self::Discard];

    /// The service's name of the status.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "WAIT",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Fail => "FAIL",
            Self::Discard => "DISCARD",
        }
    }

    pub const fn is_final(self) -> bool {
        match self {
            Self::Wait | Self::Running => false,
            Self::Success | Self::Fail | Self::Discard => true,
        }
    }
}
