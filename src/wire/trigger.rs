//! Triggers, as lists have them.

use serde::{Deserialize, Serialize};

use super::lenient::null_as_default;

/// What invokes a function by itself; lists of them are bare arrays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRecord {
    #[serde(default, deserialize_with = "null_as_default")]
    pub trigger_id: String,
    /// `TIMER`, `APIG` and others.
    pub trigger_type_code: String,
}
