//! Invocations: requests, answers and records, the notification at the end, and what the local server reports in
//! addition.

use serde::{Deserialize, Serialize};

pub use crate::rules::invocation::{RunError, Status};

use super::lenient::{null_as_default, number_or_text};

/// Requests the end of the log in the answer to a synchronous invocation: `tail`.
pub const LOG_TYPE_HEADER: &str = "x-cff-log-type";
/// The format of a synchronous answer: [`VERSION_TEXT`] or [`VERSION_JSON`].
pub const VERSION_HEADER: &str = "x-cff-request-version";
/// Only the result. The default.
pub const VERSION_TEXT: &str = "v0";
/// The result inside an [`Envelope`].
pub const VERSION_JSON: &str = "v1";
/// The id of a synchronous invocation, sent with its answer.
pub const INVOCATION_ID_HEADER: &str = "x-cff-request-id";
/// A [`Summary`] as JSON.
pub const SUMMARY_HEADER: &str = "x-cff-invoke-summary";
/// The end of the log in base64.
pub const LOG_HEADER: &str = "x-cff-function-log";
/// The engine's result code; 0 is success.
pub const ERROR_CODE_HEADER: &str = "x-func-err-code";

/// The time and memory that a synchronous run took.
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

/// The answer in format [`VERSION_JSON`].
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

/// The answer when a function fails; its notification contains the same object.
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

/// One asynchronous invocation in a list. Times are UTC without a zone: `2026-01-31T12:00:00`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub request_id: String,
    pub status: Status,
    /// 0 means success, or that the invocation has not ended.
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
    /// An offset; 0 on the last page.
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: i64,
}

/// The body of a cancellation. Today the service accepts only `force`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    #[serde(default, deserialize_with = "null_as_default")]
    pub request_id: String,
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// The notification of an invocation's end that a target receives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// When the invocation started: RFC 3339 with nine fractional digits and a numeric offset.
    pub timestamp: String,
    pub request_context: RequestContext,
    /// The body of the invocation as text; not necessarily JSON.
    pub request_payload: String,
    pub response_context: ResponseContext,
    /// The return value or the failure object as text; null if the return value is too large.
    pub response_payload: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestContext {
    pub request_id: String,
    /// With its version or alias.
    pub function_urn: String,
    /// Empty on success.
    pub condition: String,
    /// 0 if there was no retry, otherwise the number of attempts.
    pub approximate_invoke_count: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseContext {
    pub status_code: u16,
    pub function_error: String,
}

/// Everything that the local server records about an asynchronous invocation; the service does not offer this. Times
/// are RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    pub request_id: String,
    /// With its version or alias.
    pub function_urn: String,
    pub status: Status,
    pub accepted: String,
    /// No attempt starts after this time.
    pub expires: String,
    pub attempts: Vec<Attempt>,
    /// When the next attempt is due, while the invocation waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Why the invocation ended without success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
    /// The notification of its end, if a target is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Delivery>,
}

/// One run of the function for this request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub started: String,
    /// `None` while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<RunError>,
}

/// The delivery of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The service's name, as in [`super::async_policy::service`].
    pub destination: String,
    /// The function's URN, `bucket/prefix`, the stream or the topic.
    pub target: String,
    pub delivered: bool,
    /// Whether the server has stopped trying to deliver it.
    #[serde(default)]
    pub given_up: bool,
    /// How many deliveries were tried.
    pub tries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Where the notification was stored: an object or a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The invocation that the notification started, if the target is a function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The triggers that it raised.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggered: Vec<Triggered>,
}

/// A trigger that the delivery of a notification raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triggered {
    /// The trigger's type: `OBS`.
    pub trigger_type_code: String,
    /// With its version or alias.
    pub function_urn: String,
    /// The invocation that it started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Why it started none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Lines of a function's log after a cursor, from the local server. The service keeps logs elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    pub lines: Vec<LogLine>,
    /// Where the next page starts.
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
    fn numbers_may_be_strings() {
        let page = r#"{"invocations":[{"request_id":"r","status":"FAIL","error_code":"4002"}],"next_marker":"1"}"#;
        let page: RecordList = serde_json::from_str(page).unwrap();
        assert_eq!((page.invocations[0].error_code, page.next_marker, page.count), (4002, 1, 0));
    }
}
