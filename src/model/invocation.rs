//! An invocation and the invocations that it started. The wire's types of the same names are flat messages: their times
//! are text, and a delivery names the invocation that it started, which it contains here.

use jiff::Timestamp;
use serde::Serialize;

pub use crate::rules::invocation::{RunError, Status};

/// An asynchronous invocation. The service reports less about it than the local server does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Invocation {
    pub request_id: String,
    /// The service's name of the function, with its version or alias.
    pub function: String,
    pub status: Status,
    pub accepted: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    /// When the next attempt is due, if the invocation waits for one.
    pub next_attempt: Option<Timestamp>,
    pub attempts: Vec<Attempt>,
    pub error: Option<RunError>,
    pub notification: Option<Delivery>,
}

/// One run of the function for this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub started: Timestamp,
    /// `None` while it runs.
    pub ended: Option<Timestamp>,
    pub error: Option<RunError>,
}

/// The delivery of a notification to its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// OBS, DIS, SMN or `FunctionGraph`.
    pub destination: String,
    pub target: String,
    pub state: DeliveryState,
    /// How many deliveries were tried.
    pub tries: u32,
    pub last_error: Option<String>,
    /// Where the notification was stored: an object or a file.
    pub location: Option<String>,
    /// The invocation that it started, if the target is a function.
    pub invocation: Option<Box<Invocation>>,
    /// The triggers that it raised.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub triggered: Vec<Triggered>,
}

/// A trigger that the delivery of a notification raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Triggered {
    /// The service's name of the trigger's type: OBS, SMN or DIS.
    pub trigger: String,
    /// The service's name of the function, with its version or alias.
    pub function: String,
    /// Why it started no invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The invocation that it started.
    pub invocation: Option<Invocation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// The server has stopped trying.
    GivenUp,
}

/// The result of a synchronous invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    pub request_id: Option<String>,
    pub result: Result<String, Failure>,
    /// The end of the function's log.
    pub log: String,
}

/// The error of a function that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The engine's result code, if the service returned one.
    pub code: Option<i64>,
    /// `{"errorMessage", "errorType", "stackTrace"}` from the runtime.
    pub payload: String,
}

/// A line of a function's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    pub request_id: String,
    pub time: Option<Timestamp>,
    pub text: String,
}

impl Invocation {
    /// Whether the invocation succeeded, its notification, if any, was delivered, and the triggers that it raised
    /// started their functions.
    pub fn has_succeeded(&self) -> bool {
        let is_delivered = |delivery: &Delivery| {
            delivery.state == DeliveryState::Delivered && delivery.triggered.iter().all(|one| one.error.is_none())
        };
        self.status == Status::Success && self.notification.as_ref().is_none_or(is_delivered)
    }

    /// Whether it and all invocations that it started have ended.
    pub fn is_quiet(&self) -> bool {
        let is_pending = |delivery: &Delivery| delivery.state == DeliveryState::Pending;
        let is_told = self.notification.as_ref().is_none_or(|delivery| !is_pending(delivery));
        self.status.is_final() && is_told && self.started().all(Self::is_quiet)
    }

    /// The invocations that its notification started.
    pub fn started(&self) -> impl Iterator<Item = &Self> {
        let direct = self.notification.iter().filter_map(|delivery| delivery.invocation.as_deref());
        let triggered = self.notification.iter().flat_map(|delivery| &delivery.triggered);
        direct.chain(triggered.filter_map(|one| one.invocation.as_ref()))
    }
}
