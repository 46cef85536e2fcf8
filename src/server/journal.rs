//! The log for the server's operator: requests, attempts, and warnings.
//!
//! Entries contain no bodies, headers or messages of functions, because those may be secret.

use std::sync::Arc;
use std::time::Duration;

/// An event.
#[derive(Debug, Clone)]
pub enum Entry {
    Request(RequestEntry),
    Attempt(AttemptEntry),
    /// A problem that the operator may have to solve.
    Warning(String),
}

/// A request to the API that was answered.
#[derive(Debug, Clone)]
pub struct RequestEntry {
    pub request_id: String,
    pub method: String,
    /// The path as sent, without the query.
    pub path: String,
    pub status: u16,
    /// The service's code, if the request was refused.
    pub error_code: Option<&'static str>,
    pub duration: Duration,
}

/// A run of a function that ended.
#[derive(Debug, Clone)]
pub struct AttemptEntry {
    /// The id of the invocation.
    pub request_id: String,
    /// The function's URN.
    pub function: String,
    /// Counted from 1; `None` for a synchronous run.
    pub attempt: Option<u32>,
    /// The engine's result code; 0 is success.
    pub result_code: i32,
    pub duration: Duration,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Warnings,
    Everything,
}

/// The destination of entries. By default, they are dropped.
#[derive(Clone, Default)]
pub struct Journal(Option<(Detail, Sink)>);

type Sink = Arc<dyn Fn(Entry) + Send + Sync>;

impl Journal {
    /// A journal with this `sink`, which must not block.
    pub fn new(detail: Detail, sink: impl Fn(Entry) + Send + Sync + 'static) -> Self {
        Self(Some((detail, Arc::new(sink))))
    }

    /// Logs a frequent event. The entry is created only if it is logged.
    pub(crate) fn note(&self, entry: impl FnOnce() -> Entry) {
        if let Some((Detail::Everything, sink)) = &self.0 {
            sink(entry());
        }
    }

    pub(crate) fn warn(&self, message: impl FnOnce() -> String) {
        if let Some((_, sink)) = &self.0 {
            sink(Entry::Warning(message()));
        }
    }
}
