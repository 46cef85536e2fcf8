//! Where a function's log goes.

use serde::{Deserialize, Serialize};

/// The answer to GET lts-log-detail; all empty where a function has no log stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogDetail {
    pub group_id: String,
    pub group_name: String,
    pub stream_id: String,
    pub stream_name: String,
}
