//! What a server tells its operator while it runs: each request, each attempt, and what goes wrong besides.
//!
//! Entries hold no bodies, no headers and no messages of functions: those may be secret.

use std::sync::Arc;
use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Entry {
    Request(RequestEntry),
    Attempt(AttemptEntry),
    /// Something that the operator may have to do something about.
    Warning(String),
}

/// A request to the API that was answered.
#[derive(Debug, Clone)]
pub struct RequestEntry {
    pub request_id: String,
    pub method: String,
    /// As it was sent, without the query.
    pub path: String,
    pub status: u16,
    /// The service's code, where it was refused.
    pub error_code: Option<&'static str>,
    pub duration: Duration,
}

/// A run of a function that ended.
#[derive(Debug, Clone)]
pub struct AttemptEntry {
    /// Of the invocation.
    pub request_id: String,
    /// The function's URN.
    pub function: String,
    /// Counted from 1; none for a synchronous run.
    pub attempt: Option<u32>,
    /// An engine's result code; 0 is success.
    pub result_code: i32,
    pub duration: Duration,
}

/// How much a journal is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    Warnings,
    Everything,
}

/// Where entries go. By default, nowhere.
#[derive(Clone, Default)]
pub struct Journal(Option<(Detail, Sink)>);

type Sink = Arc<dyn Fn(Entry) + Send + Sync>;

impl Journal {
    /// A journal whose `sink` does not block.
    pub fn new(detail: Detail, sink: impl Fn(Entry) + Send + Sync + 'static) -> Self {
        Self(Some((detail, Arc::new(sink))))
    }

    /// Notes something that happens often. What is not wanted is not even made.
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
