//! Instances that are kept ready for a version or an alias of a function.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::async_policy::PageInfo;

/// The body of a PUT, and its answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UpdateReservedInstances {
    /// 0 removes the reservation.
    pub count: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_mode: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tactics_config: Option<Value>,
}

/// The answer to GET reservedinstanceconfigs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstanceConfigs {
    #[serde(default)]
    pub reserved_instances: Vec<ReservedInstanceConfig>,
    #[serde(default)]
    pub page_info: PageInfo,
    #[serde(default)]
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstanceConfig {
    pub function_urn: String,
    /// `version` or `alias`.
    pub qualifier_type: String,
    pub qualifier_name: String,
    pub min_count: i64,
    pub idle_mode: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tactics_config: Option<Value>,
}

/// The answer to GET reservedinstances. Its list's name has no underscore.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstances {
    #[serde(default)]
    pub reservedinstances: Vec<ReservedInstance>,
    #[serde(default)]
    pub page_info: PageInfo,
    #[serde(default)]
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstance {
    pub func_urn: String,
    pub count: i64,
}
