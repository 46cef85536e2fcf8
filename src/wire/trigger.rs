//! Triggers: what starts a function.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::lenient::{null_as_default, number_or_text, other_as_default};
use crate::rules::trigger::is_secret;

pub const ACTIVE: &str = "ACTIVE";
pub const DISABLED: &str = "DISABLED";

/// A trigger, as every call returns it. The list of one function is a bare array of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerRecord {
    #[serde(default, deserialize_with = "null_as_default")]
    pub trigger_id: String,
    /// `TIMER`, `APIG` and others.
    pub trigger_type_code: String,
    /// `ACTIVE` or `DISABLED`; empty where the service leaves it out.
    #[serde(default, deserialize_with = "null_as_default")]
    pub trigger_status: String,
    #[serde(default, deserialize_with = "other_as_default")]
    pub event_data: Map<String, Value>,
    /// Text in several formats; some triggers have none.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub created_time: String,
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub last_updated_time: String,
    /// Only in the list of a project.
    #[serde(default, deserialize_with = "null_as_default", skip_serializing_if = "String::is_empty")]
    pub func_urn: String,
}

/// The body of a create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateTrigger {
    pub trigger_type_code: String,
    /// Where it is left out, the type decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_status: Option<String>,
    pub event_data: Map<String, Value>,
}

/// The body of an update: the complete `event_data` and the status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateTrigger {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger_status: Option<String>,
    /// An object, or an array of one; the two descriptions of the service differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_data: Option<Value>,
}

/// The secrets in `event_data`, which no message may show.
pub fn secrets(data: &Map<String, Value>) -> impl Iterator<Item = &str> {
    data.iter().filter(|(wire, _)| is_secret(wire)).filter_map(|(_, value)| value.as_str())
}

/// A page of a project's triggers. The definitions lack this call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TriggerPage {
    #[serde(default, deserialize_with = "null_as_default")]
    pub triggers: Vec<TriggerRecord>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub total_count: u64,
}
