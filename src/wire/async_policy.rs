//! A function's asynchronous configuration in requests and answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient::{null_as_default, number, number_or_text};

/// The body of a PUT, which replaces the whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutAsyncConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_async_event_age_in_seconds: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_async_retry_attempts: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_config: Option<DestinationConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_async_status_log: Option<bool>,
    /// Unknown fields.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The answer to GET and PUT.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncConfig {
    /// Absent inside a version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub func_urn: String,
    #[serde(deserialize_with = "number")]
    pub max_async_event_age_in_seconds: i64,
    #[serde(deserialize_with = "number")]
    pub max_async_retry_attempts: i64,
    #[serde(deserialize_with = "null_as_default")]
    pub destination_config: Option<DestinationConfig>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_time: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_async_status_log: Option<bool>,
    /// Unknown fields.
    #[serde(flatten)]
    pub others: Map<String, Value>,
}

/// The targets to notify. A side that is missing, null or empty has no target.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_success: Option<Destination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<Destination>,
}

/// A service and one of its resources. `param` is JSON inside a string, and the service returns it byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    #[serde(default, deserialize_with = "null_as_default")]
    pub destination: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub param: String,
}

/// The values of `destination`.
pub mod service {
    pub const FUNCTION_GRAPH: &str = "FunctionGraph";
    pub const OBS: &str = "OBS";
    pub const DIS: &str = "DIS";
    pub const SMN: &str = "SMN";
}

/// `param` for FunctionGraph.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionParam {
    pub func_urn: String,
}

/// `param` for OBS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObsParam {
    pub bucket: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub prefix: String,
    /// Days; 0 means that objects never expire.
    #[serde(default, deserialize_with = "number_or_text")]
    pub expires: u32,
}

/// `param` for DIS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisParam {
    pub stream_name: String,
}

/// `param` for SMN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmnParam {
    pub topic_urn: String,
}

/// One page of the configurations of a function's versions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsyncConfigList {
    #[serde(deserialize_with = "null_as_default")]
    pub async_invoke_configs: Vec<AsyncConfig>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub count: u64,
    #[serde(default, deserialize_with = "null_as_default")]
    pub page_info: PageInfo,
}

/// The position of a page; markers are offsets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageInfo {
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub previous_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub current_count: u64,
}

impl DestinationConfig {
    /// The destination of one side, if it has one.
    pub fn side(side: Option<&Destination>) -> Option<&Destination> {
        side.filter(|destination| !destination.destination.is_empty())
    }
}
