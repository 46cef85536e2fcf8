//! What is deleted together with a function.

use std::fmt;

use super::field::Field;

/// A part of a function that is not compared unless a plan deletes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attached {
    Version(String),
    Alias(String),
    /// A setting, as lists of the service call it.
    Setting(String),
}

impl Attached {
    /// The field that reports name for it. Versions and aliases belong to the code, and so do settings that no manifest
    /// declares.
    pub fn field(&self) -> Field {
        match self {
            Self::Version(_) | Self::Alias(_) => Field::Code,
            Self::Setting(name) => Field::in_service(name).unwrap_or(Field::Code),
        }
    }
}

impl fmt::Display for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(name) => write!(f, "version {name}"),
            Self::Alias(name) => write!(f, "alias {name}"),
            Self::Setting(name) => write!(f, "the field {name}"),
        }
    }
}
