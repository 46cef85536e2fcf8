//! Published versions and aliases, as lists have them.

use serde::{Deserialize, Serialize};

use super::function::FunctionRecord;
use super::lenient::{null_as_default, number_or_text};

/// All versions of a function, `latest` among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionList {
    #[serde(default, deserialize_with = "null_as_default")]
    pub versions: Vec<FunctionRecord>,
    #[serde(default, deserialize_with = "number_or_text")]
    pub next_marker: u64,
    #[serde(default, deserialize_with = "number_or_text")]
    pub count: u64,
}

/// An alias; lists of them are bare arrays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRecord {
    pub name: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub version: String,
}
