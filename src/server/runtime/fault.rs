//! Failures of runs: the engine's codes, and the failure object for callers and targets.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Fault;

/// The code of this runtime, or its entry point, is missing or cannot be loaded.
pub(super) const NOT_LOADED: i32 = 4001;
/// The function failed: it raised an error, or its event was not JSON.
pub(super) const FAILED: i32 = 4002;
pub(super) const TOO_LARGE: i32 = 4004;
pub(super) const INITIALIZER_FAILED: i32 = 4009;
pub(super) const TIMED_OUT: i32 = 4010;
/// The process ended or disconnected before the run ended.
pub(super) const DIED: i32 = 4014;
/// No process of the function became ready.
pub(super) const NOT_STARTED: i32 = 4201;
/// The disk failed.
pub(super) const DISK: i32 = 4203;
pub(super) const CANCELED: i32 = 4208;
/// The machine has no resources for another process; the engine's code for "no more instances".
const NO_ROOM: i32 = 150_429;
pub(super) const INITIALIZER_TIMED_OUT: i32 = 4211;

/// The failure object for a caller. The order of the fields is the service's.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Failure {
    error_message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stack_trace: Option<Vec<String>>,
}

impl Fault {
    /// A fault that the server detected; `kind` is its `errorType`.
    pub(crate) fn new(code: i32, kind: &str, message: impl Into<String>) -> Self {
        let error_type = Some(kind.to_owned());
        Self::from_failure(code, &Failure { error_message: message.into(), error_type, stack_trace: None })
    }

    /// A fault that a function's process reported, as a failure object or as text.
    pub(super) fn reported(code: i32, failure: &[u8]) -> Self {
        match serde_json::from_slice::<Failure>(failure) {
            Ok(failure) if !failure.error_message.is_empty() => Self::from_failure(code, &failure),
            _ => {
                let payload = String::from_utf8_lossy(failure).into_owned();
                Self { code, message: one_line(&payload), payload }
            }
        }
    }

    pub(super) fn not_json(error: impl std::fmt::Display) -> Self {
        Self::new(FAILED, "EventError", format!("the event is not JSON, so the handler was not called: {error}"))
    }

    pub(crate) fn died(message: impl Into<String>) -> Self {
        Self::new(DIED, "FunctionExitError", message)
    }

    /// A process of the function cannot be started.
    pub(crate) fn cannot_start(error: &io::Error) -> Self {
        let message = format!("the function's process cannot be started: {error}");
        if is_shortage(error) { Self::no_room(message) } else { Self::not_started(message) }
    }

    /// The server could not do `what`, which a run needs before it starts anything of the function.
    pub(super) fn prevented(what: &str, error: &io::Error) -> Self {
        let message = format!("{what}: {error}");
        if is_shortage(error) { Self::no_room(message) } else { Self::disk(message) }
    }

    /// The store is temporarily unavailable, so the function has not run.
    pub(crate) fn not_now(message: &str) -> Self {
        Self::no_room(message)
    }

    pub(super) fn not_started(message: impl Into<String>) -> Self {
        Self::new(NOT_STARTED, "FunctionStartError", message)
    }

    /// The runtime or the code is not on this machine.
    pub(super) fn not_here(message: impl Into<String>) -> Self {
        Self::new(NOT_LOADED, "RuntimeNotAvailable", message)
    }

    /// The machine temporarily lacks descriptors, processes, memory or disk space. The function has not run.
    fn no_room(cause: impl std::fmt::Display) -> Self {
        let message = format!("the function could not be started for now, which does not count as an attempt: {cause}");
        Self::new(NO_ROOM, "ResourcesExhausted", message)
    }

    /// Whether the function has not run and a later try may succeed.
    pub(crate) fn is_not_started(&self) -> bool {
        self.code == NO_ROOM
    }

    /// The code changed since the run started.
    pub(super) fn replaced() -> Self {
        Self::disk("the code was replaced again and again while the function was starting")
    }

    pub(crate) fn disk(message: impl Into<String>) -> Self {
        Self::new(DISK, "DiskError", message)
    }

    pub(crate) fn canceled() -> Self {
        Self::new(CANCELED, "FunctionCanceledError", "function invocation canceled")
    }

    pub(super) fn too_large(size: usize, limit: usize) -> Self {
        let message = format!("response body size {size} exceeds the limit of {limit}");
        Self::new(TOO_LARGE, "ResponseTooLargeError", message)
    }

    /// `what` exceeded its limit and was killed.
    pub(super) fn timed_out(code: i32, what: &str, limit: Duration) -> Self {
        let message = format!("{what} timed out after {} s and was killed", limit.as_secs_f64());
        Self::new(code, "FunctionTimeoutError", message)
    }

    fn from_failure(code: i32, failure: &Failure) -> Self {
        let payload = serde_json::to_string_pretty(failure).unwrap_or_default();
        Self { code, message: one_line(&failure.error_message), payload }
    }
}

/// Whether the machine lacks a resource that may be available later.
#[cfg(unix)]
pub(super) fn is_shortage(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let descriptors = [Errno::MFILE, Errno::NFILE];
    let processes_and_memory = [Errno::AGAIN, Errno::NOMEM, Errno::NOBUFS, Errno::USERS];
    // Kernels also return NOSPC if no more namespaces or mounts are allowed.
    let disk = [Errno::NOSPC, Errno::DQUOT];
    let mut shortages = descriptors.iter().chain(&processes_and_memory).chain(&disk);
    os_error(error).is_some_and(|code| shortages.any(|shortage| shortage.raw_os_error() == code))
}

#[cfg(not(unix))]
pub(super) fn is_shortage(_: &io::Error) -> bool {
    false
}

/// The operating system's code of an error, which may be wrapped in other errors.
pub(super) fn os_error(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let as_io = error.downcast_ref::<io::Error>();
    if let Some(code) = as_io.and_then(io::Error::raw_os_error) {
        return Some(code);
    }
    // An I/O error returns the error that it wraps here, but skips it in its sources.
    let wrapped = as_io.and_then(|error| error.get_ref()).map(|inner| inner as &(dyn std::error::Error + 'static));
    os_error(wrapped.or_else(|| error.source())?)
}

/// The longest message in characters.
const LONGEST: usize = 1000;

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_object_keeps_its_fields_and_their_order() {
        let told = br#"{"stackTrace":["a","b"],"errorType":"KeyError","errorMessage":"two\nlines"}"#;
        let Fault { code, message, payload } = Fault::reported(FAILED, told);
        assert_eq!((code, message.as_str()), (4002, "two lines"));
        insta::assert_snapshot!(payload, @r#"
        {
          "errorMessage": "two\nlines",
          "errorType": "KeyError",
          "stackTrace": [
            "a",
            "b"
          ]
        }
        "#);
    }

    #[cfg(unix)]
    #[test]
    fn a_shortage_on_the_machine_is_not_the_functions_failure() {
        use rustix::io::Errno;
        let fault = |errno: Errno| Fault::cannot_start(&errno.into());
        let shortages = [Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM, Errno::NOSPC, Errno::DQUOT];
        for errno in shortages {
            assert!(fault(errno).is_not_started(), "{errno}");
            let wrapped = io::Error::other(io::Error::other(io::Error::from(errno)));
            assert!(Fault::prevented("the code cannot be unpacked", &wrapped).is_not_started(), "{errno}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::IO, Errno::ROFS] {
            assert!(!fault(errno).is_not_started(), "{errno}");
            assert_eq!(Fault::prevented("the code cannot be unpacked", &errno.into()).code, DISK, "{errno}");
        }
    }

    /// As for a folder whose entries cannot be opened.
    #[cfg(unix)]
    #[test]
    fn the_cause_is_found_inside_library_errors() {
        let error = walkdir::WalkDir::new("/nowhere").into_iter().find_map(Result::err).expect("an error");
        let error = io::Error::from(error);
        assert_eq!(error.raw_os_error(), None);
        assert_eq!(os_error(&error), Some(rustix::io::Errno::NOENT.raw_os_error()));
        assert_eq!(os_error(&io::Error::other("words")), None);
    }

    #[test]
    fn text_that_is_not_a_failure_object_is_kept() {
        for text in ["just words", "{\"code\":7}", "[1]"] {
            let fault = Fault::reported(FAILED, text.as_bytes());
            assert_eq!((fault.message.as_str(), fault.payload.as_str()), (text, text));
        }
    }
}
