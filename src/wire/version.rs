//! Published versions of a function.

use serde::{Deserialize, Serialize};

use super::async_policy::AsyncConfig;
use super::function::FunctionRecord;
use super::lenient::{empty_as_none, null_as_default, number_or_text};

/// All versions of a function, including `latest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionList {
    #[serde(deserialize_with = "null_as_default")]
    pub versions: Vec<VersionRecord>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub count: u64,
}

/// A version in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    #[serde(flatten)]
    pub function: FunctionRecord,
    /// Without the URN.
    #[serde(default, deserialize_with = "empty_as_none", skip_serializing_if = "Option::is_none")]
    pub function_async_config: Option<AsyncConfig>,
}

/// The body that publishes the current state of `latest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishVersion {
    /// If it is missing, the service generates one, such as `v20260131-120000`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The digest of the code to publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}
