//! Dependency packages, which functions share.

use serde::{Deserialize, Serialize};

use super::lenient::{null_as_default, number_or_text};

/// The body of POST dependencies/version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateDependencyVersion {
    pub name: String,
    pub runtime: String,
    /// `zip` with a file, or `obs` with a link.
    pub depend_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depend_link: Option<String>,
    /// The zip in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depend_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A version of a dependency. In the list of dependencies, `id` is the dependency, and the version is its newest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyVersion {
    /// What functions name.
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dep_id: Option<String>,
    #[serde(default)]
    pub version: i64,
    pub name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub runtime: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub link: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub etag: String,
    #[serde(default)]
    pub size: i64,
    #[serde(default, deserialize_with = "null_as_default")]
    pub owner: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<i64>,
}

/// The answer to GET dependencies and to GET the versions of one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyList {
    #[serde(default)]
    pub dependencies: Vec<DependencyVersion>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub count: u64,
}
