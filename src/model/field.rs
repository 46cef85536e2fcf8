//! The managed fields, as one flat map that comparison, marks and reports share.

use serde::de::{IntoDeserializer, value};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

use crate::rules::number;

/// Every field that the format manages, of a function and of its asynchronous policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    Runtime,
    Handler,
    Memory,
    Timeout,
    Description,
    Agency,
    Initializer,
    Environment,
    Secrets,
    Tags,
    Code,
    Protect,
    Async,
    MaxRetries,
    MaxValidityPeriod,
    OnSuccess,
    OnFailure,
    StatusLog,
}

/// A field, or one entry of a field that is a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Path {
    pub field: Field,
    pub key: Option<String>,
}

/// A text that is no path of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is no field of this format")]
pub struct InvalidPath(String);

/// Field values that differ from their defaults; a path that is not there has its default.
pub type Fields = BTreeMap<Path, Value>;

impl Field {
    /// Fields that a function can leave to others. The runtime is not among them: it never changes.
    pub const IGNORABLE: [Self; 11] = [
        Self::Handler,
        Self::Memory,
        Self::Timeout,
        Self::Description,
        Self::Agency,
        Self::Initializer,
        Self::Environment,
        Self::Secrets,
        Self::Tags,
        Self::Code,
        Self::Async,
    ];

    /// Maps of which a function can leave single entries to others. Secrets are not among them: a write replaces all of
    /// them, and those of others cannot be sent back.
    pub const PARTLY_IGNORABLE: [Self; 2] = [Self::Environment, Self::Tags];

    /// The name in the manifest.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Runtime => "runtime",
            Self::Handler => "handler",
            Self::Memory => "memory",
            Self::Timeout => "timeout",
            Self::Description => "description",
            Self::Agency => "agency",
            Self::Initializer => "initializer",
            Self::Environment => "environment",
            Self::Secrets => "secrets",
            Self::Tags => "tags",
            Self::Code => "code",
            Self::Protect => "protect",
            Self::Async => "async",
            Self::MaxRetries => "max_retries",
            Self::MaxValidityPeriod => "max_validity_period",
            Self::OnSuccess => "on_success",
            Self::OnFailure => "on_failure",
            Self::StatusLog => "status_log",
        }
    }

    /// What a field that is left out has; null where that is nothing at all.
    pub fn default_value(self) -> Value {
        match self {
            Self::Memory => json!(number::DEFAULT_MEMORY_MB),
            Self::Timeout => json!(number::DEFAULT_TIMEOUT_SECONDS),
            Self::Description => json!(""),
            Self::MaxRetries => json!(number::DEFAULT_MAX_RETRIES),
            Self::MaxValidityPeriod => json!(number::DEFAULT_VALIDITY_SECONDS),
            Self::Protect | Self::StatusLog => json!(false),
            Self::Runtime
            | Self::Handler
            | Self::Agency
            | Self::Initializer
            | Self::Environment
            | Self::Secrets
            | Self::Tags
            | Self::Code
            | Self::Async
            | Self::OnSuccess
            | Self::OnFailure => Value::Null,
        }
    }
}

impl Path {
    pub const fn of(field: Field) -> Self {
        Self { field, key: None }
    }

    pub fn entry(field: Field, key: impl Into<String>) -> Self {
        Self { field, key: Some(key.into()) }
    }

    /// What this path has where nothing is said; an entry of a map is then not there.
    pub fn default_value(&self) -> Value {
        if self.key.is_some() { Value::Null } else { self.field.default_value() }
    }
}

/// A JSON pointer in the manifest's terms.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.field.key())?;
        let Some(key) = &self.key else { return Ok(()) };
        f.write_char('/')?;
        key.chars().try_for_each(|character| match character {
            '~' => f.write_str("~0"),
            '/' => f.write_str("~1"),
            other => f.write_char(other),
        })
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for Path {
    type Error = InvalidPath;

    fn try_from(text: String) -> Result<Self, InvalidPath> {
        let parsed = || {
            let pointer = text.strip_prefix('/')?;
            let (field, key) = pointer.split_once('/').map_or((pointer, None), |(field, key)| (field, Some(key)));
            let field = Field::deserialize(field.into_deserializer()).map_err(|_: value::Error| ()).ok()?;
            Some(Self { field, key: key.map(|key| key.replace("~1", "/").replace("~0", "~")) })
        };
        parsed().ok_or_else(|| InvalidPath(text.clone()))
    }
}

/// The first path at which two sides differ.
pub fn first_difference<'a>(one: &'a Fields, other: &'a Fields) -> Option<&'a Path> {
    one.keys().chain(other.keys()).find(|path| one.get(path) != other.get(path))
}

/// Builds [`Fields`]: whatever equals its default is left out.
#[derive(Debug, Default)]
pub struct FieldsBuilder(Fields);

impl FieldsBuilder {
    pub fn set(mut self, field: Field, value: impl Into<Value>) -> Self {
        let value = value.into();
        if value != field.default_value() {
            self.0.insert(Path::of(field), value);
        }
        self
    }

    pub fn entries<'a>(mut self, field: Field, entries: impl IntoIterator<Item = (&'a String, &'a String)>) -> Self {
        self.0.extend(entries.into_iter().map(|(key, value)| (Path::entry(field, key), Value::from(value.as_str()))));
        self
    }

    pub fn build(self) -> Fields {
        self.0
    }
}
