//! Quotas of a project.

use serde::{Deserialize, Serialize};

/// The answer to GET quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaList {
    pub quotas: Quotas,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    pub resources: Vec<Quota>,
}

/// The limit for one kind of resource, and how much of it is in use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    #[serde(rename = "type")]
    pub kind: String,
    pub used: i64,
    pub quota: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}
