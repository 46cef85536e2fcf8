//! Aliases: names for versions. An alias can send some of the requests to another version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::lenient::null_as_default;

/// An alias in an answer. A list of aliases is a bare array.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRecord {
    pub name: String,
    pub version: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub description: String,
    /// RFC 3339 with an offset.
    #[serde(default, deserialize_with = "null_as_default")]
    pub last_modified: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub alias_urn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_version_weights: Option<Weights>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_version_strategy: Option<Strategies>,
}

/// The body of POST aliases. PUT takes the same body without the name and replaces everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "null_as_default")]
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_version_weights: Option<Weights>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_version_strategy: Option<Strategies>,
}

/// Percentage of requests, 0 to 100, for each additional version.
pub type Weights = BTreeMap<String, i64>;
/// Which requests go to each additional version.
pub type Strategies = BTreeMap<String, Strategy>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strategy {
    /// `and` or `or`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub combine_type: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub rules: Vec<Rule>,
}

/// A condition on a header or a cookie of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `header` or `cookie`, in any case: the definitions and their own examples differ.
    #[serde(default, deserialize_with = "null_as_default")]
    pub rule_type: String,
    /// The header's or cookie's name.
    #[serde(default, deserialize_with = "null_as_default")]
    pub param: String,
    /// `in` or `=`.
    #[serde(default, deserialize_with = "null_as_default")]
    pub op: String,
    #[serde(default, deserialize_with = "null_as_default")]
    pub value: String,
}
