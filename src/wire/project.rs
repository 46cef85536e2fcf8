//! Projects, as IAM lists them.

use serde::{Deserialize, Serialize};

use super::lenient::null_as_default;

/// The answer to GET projects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectList {
    #[serde(deserialize_with = "null_as_default")]
    pub projects: Vec<Project>,
}

/// A project. A region's main project has the region's name; its subprojects are called `<region>_<suffix>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Project {
    pub id: String,
    pub name: String,
}
