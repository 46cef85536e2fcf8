//! Instances that are kept ready. The embedded server has none, but clients read these lists with every function.

use serde::{Deserialize, Serialize};

use super::async_policy::PageInfo;

/// The answer to GET reservedinstanceconfigs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstanceConfigs {
    #[serde(default)]
    pub reserved_instances: Vec<serde_json::Value>,
    #[serde(default)]
    pub page_info: PageInfo,
    #[serde(default)]
    pub count: u64,
}

/// The answer to GET reservedinstances, which spells its list without the underscore.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReservedInstances {
    #[serde(default)]
    pub reservedinstances: Vec<serde_json::Value>,
    #[serde(default)]
    pub page_info: PageInfo,
    #[serde(default)]
    pub count: u64,
}
