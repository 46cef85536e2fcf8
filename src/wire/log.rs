//! The log stream of a function.

use serde::{Deserialize, Serialize};

use super::lenient::null_as_default;

/// The answer to GET lts-log-detail. All fields are empty if a function has no log stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogDetail {
    #[serde(deserialize_with = "null_as_default")]
    pub group_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub group_name: String,
    #[serde(deserialize_with = "null_as_default")]
    pub stream_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub stream_name: String,
}
