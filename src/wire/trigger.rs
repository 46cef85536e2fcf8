//! Triggers in lists.

use serde::{Deserialize, Serialize};

use super::lenient::null_as_default;

/// An event source that invokes a function. A list of triggers is a bare array.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRecord {
    #[serde(default, deserialize_with = "null_as_default")]
    pub trigger_id: String,
    /// `TIMER`, `APIG` and others.
    pub trigger_type_code: String,
}
