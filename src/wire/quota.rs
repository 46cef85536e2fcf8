//! Quotas of a project.

use serde::{Deserialize, Serialize};

/// The answer to GET quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotaList {
    #[serde(default)]
    pub quotas: Quotas,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    #[serde(default)]
    pub resources: Vec<Quota>,
}

/// How much of one thing may be used, and is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    #[serde(rename = "type", default)]
    pub kind: String,
    #[serde(default)]
    pub used: i64,
    #[serde(default)]
    pub quota: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}
