//! Invocations: requests, answers and records, the notification of an end, and what the local server tells besides.

use serde::{Deserialize, Serialize};

use super::lenient::{null_as_default, number_or_text};

/// Asks for the tail of the log with the answer of a synchronous invocation: `tail`.
pub const LOG_TYPE_HEADER: &str = "x-cff-log-type";
/// The form of a synchronous answer: [`VERSION_TEXT`] or [`VERSION_JSON`].
pub const VERSION_HEADER: &str = "x-cff-request-version";
/// The result alone; what is answered where nothing is asked for.
pub const VERSION_TEXT: &str = "v0";
/// The result inside an [`Envelope`].
pub const VERSION_JSON: &str = "v1";
/// The id of a synchronous invocation, in its answer.
pub const INVOCATION_ID_HEADER: &str = "x-cff-request-id";
/// A [`Summary`] as JSON.
pub const SUMMARY_HEADER: &str = "x-cff-invoke-summary";
/// The tail of the log in base64.
pub const LOG_HEADER: &str = "x-cff-function-log";
/// An engine's result code; 0 is success.
pub const ERROR_CODE_HEADER: &str = "x-func-err-code";

/// What a synchronous run took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Summary {
    /// Milliseconds.
    pub duration: f64,
    /// Milliseconds, rounded up.
    pub billing_duration: u64,
    /// MB.
    pub memory_size: u64,
    /// MB.
    pub memory_used: f64,
}

/// The answer in the form [`VERSION_JSON`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    #[serde(default, deserialize_with = "null_as_default")]
    pub request_id: String,
    /// The function's return value as text, whatever its type.
    #[serde(deserialize_with = "null_as_default")]
    pub result: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub log: String,
    #[serde(default, deserialize_with = "number_or_text")]
    pub status: u16,
}

/// What a function's failure is answered with, and what its notification carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailureObject {
    pub error_message: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub error_type: String,
}

/// The answer to an asynchronous invocation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    pub request_id: String,
}

/// Where an asynchronous invocation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Wait,
    Running,
    Success,
    Fail,
    /// Dropped: its message expired before an attempt could start.
    Discard,
}

/// One asynchronous invocation in a list. Times are UTC without a zone: `2026-01-31T12:00:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub request_id: String,
    pub status: Status,
    /// 0 is success, and what has not ended yet.
    #[serde(default, deserialize_with = "number_or_text")]
    pub error_code: i64,
    #[serde(default, deserialize_with = "null_as_default")]
    pub error_message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_time: Option<String>,
}

/// One page of asynchronous invocations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordList {
    #[serde(deserialize_with = "null_as_default")]
    pub invocations: Vec<Record>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub count: i64,
    /// An offset; 0 where nothing follows.
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: i64,
}

/// The body of a cancellation; `force` is the one kind that works today.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    #[serde(default, deserialize_with = "null_as_default")]
    pub request_id: String,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What a target is told of an invocation's end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// When the invocation started: RFC 3339 with nine fractional digits and a numeric offset.
    pub timestamp: String,
    pub request_context: RequestContext,
    /// The body of the invocation as text, JSON or not.
    pub request_payload: String,
    pub response_context: ResponseContext,
    /// The return value as text, or the failure object as text; null for a return value that is too large.
    pub response_payload: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    pub request_id: String,
    /// With its version or alias.
    pub function_urn: String,
    /// Empty on success.
    pub condition: String,
    /// 0 without a retry, else the number of attempts.
    pub approximate_invoke_count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseContext {
    pub status_code: u16,
    pub function_error: String,
}

/// All that the local server knows of an asynchronous invocation; the service has no such thing. Times are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub request_id: String,
    /// With its version or alias.
    pub function_urn: String,
    pub status: Status,
    pub accepted: String,
    /// No attempt starts later.
    pub expires: String,
    pub attempts: Vec<Attempt>,
    /// When the next attempt is due, while one is waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Why it ended without success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// What its end owed to a target, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Delivery>,
}

/// One attempt at running the function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub started: String,
    /// None while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunError {
    /// An engine's result code.
    pub code: i64,
    pub message: String,
}

/// A notification on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// As [`super::async_policy::service`] names it.
    pub destination: String,
    /// The function's URN, `bucket/prefix`, the stream or the topic.
    pub target: String,
    pub delivered: bool,
    /// It will not be tried again.
    #[serde(default)]
    pub given_up: bool,
    /// How often it was tried.
    pub tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Where it is now: an object, a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The invocation that it became, where the target is a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Lines of a function's log after a cursor, from the local server; the service keeps logs elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Where the next page begins.
    pub cursor: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    pub request_id: String,
    /// RFC 3339.
    pub time: String,
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_texts() {
        let page = r#"{"invocations":[{"request_id":"r","status":"FAIL","error_code":"4002"}],"next_marker":"1"}"#;
        let page: RecordList = serde_json::from_str(page).unwrap();
        assert_eq!((page.invocations[0].error_code, page.next_marker, page.count), (4002, 1, 0));
    }
}
