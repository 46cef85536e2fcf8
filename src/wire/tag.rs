//! Tags of functions, and the list of a project's functions with their tags.

use serde::{Deserialize, Serialize};

use super::lenient::{null_as_default, number};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    pub key: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub value: String,
}

/// The body of tags/create and tags/delete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagsRequest {
    #[serde(default, deserialize_with = "null_as_default")]
    pub tags: Vec<Tag>,
}

/// The answer to GET tags of one function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagList {
    #[serde(deserialize_with = "null_as_default")]
    pub tags: Vec<Tag>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub sys_tags: Vec<Tag>,
}

/// One function in the list of resource instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceInstance {
    /// The function's URN.
    pub resource_id: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub resource_name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub resource_detail: serde_json::Value,
    #[serde(deserialize_with = "null_as_default")]
    pub tags: Vec<Tag>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub sys_tags: Vec<Tag>,
}

/// One page of resource instances.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceInstances {
    #[serde(deserialize_with = "null_as_default")]
    pub resources: Vec<ResourceInstance>,
    #[serde(deserialize_with = "number")]
    pub total_count: u64,
}

/// The body of resource-instances/filter that selects every function. Numbers are sent as strings, which all sources
/// accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilterResourceInstances {
    pub offset: String,
    pub limit: String,
}

/// The tags of all functions of a project, with each key once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectTags {
    #[serde(deserialize_with = "null_as_default")]
    pub tags: Vec<TagValues>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub sys_tags: Vec<TagValues>,
}

/// A key with its values. As a filter, it matches any of the values, or every value if the list is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagValues {
    pub key: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub values: Vec<String>,
}
