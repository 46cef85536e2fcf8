//! Invocations as users follow them: what became of a request, and of whatever it set off.

use jiff::Timestamp;
use serde::Serialize;

/// Where an asynchronous invocation is; the names are the service's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Wait,
    Running,
    Success,
    Fail,
    /// Its message expired before an attempt could start.
    Discard,
}

/// An asynchronous invocation, with all that is known of it; the service tells less than the local server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invocation {
    pub request_id: String,
    /// As the service names it, with the version or alias.
    pub function: String,
    pub status: Status,
    pub accepted: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// When the next attempt is due, while one is waited for.
    pub next_attempt: Option<Timestamp>,
    pub attempts: Vec<Attempt>,
    pub error: Option<RunError>,
    pub notification: Option<Delivery>,
}

/// One attempt at running a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub started: Timestamp,
    /// `None` while it runs.
    pub ended: Option<Timestamp>,
    pub error: Option<RunError>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunError {
    /// An engine's result code.
    pub code: i64,
    pub message: String,
}

/// A notification on its way to its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// OBS, DIS, SMN or `FunctionGraph`.
    pub destination: String,
    pub target: String,
    pub state: DeliveryState,
    /// How often it was tried.
    pub tries: u32,
    pub last_error: Option<String>,
    /// Where it is now: an object, a file.
    pub location: Option<String>,
    /// What it set off, where the target is a function.
    pub invocation: Option<Box<Invocation>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// It will not be tried again.
    GivenUp,
}

/// What a synchronous invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub request_id: Option<String>,
    pub result: Result<String, Failure>,
    /// The end of the function's log.
    pub log: String,
}

/// A function that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// An engine's result code, where the service names it.
    pub code: Option<i64>,
    /// `{"errorMessage", "errorType", "stackTrace"}`, as the runtime made it.
    pub payload: String,
}

/// A line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    pub request_id: String,
    pub time: Option<Timestamp>,
    pub text: String,
}

impl Status {
    pub const ALL: [Self; 5] = [Self::Wait, Self::Running, Self::Success, Self::Fail, Self::Discard];

    /// As the service names it.
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

impl Invocation {
    /// Whether it did what it should, and whoever is to know of it was told.
    pub fn has_succeeded(&self) -> bool {
        let is_told = |delivery: &Delivery| delivery.state == DeliveryState::Delivered;
        self.status == Status::Success && self.notification.as_ref().is_none_or(is_told)
    }

    /// Whether nothing that it set off is still under way.
    pub fn is_quiet(&self) -> bool {
        let told = |delivery: &Delivery| {
            delivery.state != DeliveryState::Pending && delivery.invocation.as_ref().is_none_or(|next| next.is_quiet())
        };
        self.status.is_final() && self.notification.as_ref().is_none_or(told)
    }
}
