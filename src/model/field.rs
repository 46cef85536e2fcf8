//! The names of managed fields, and the flat map of values that comparison, marks and reports share. [`super::table`]
//! describes each field.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

use crate::diagnostic::{escaped, unescaped};

use super::row::{Row, Since};
use super::table;

/// The managed fields of a function and its asynchronous policy, in the order of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    Runtime,
    Handler,
    Memory,
    Timeout,
    Description,
    Agency,
    ExecutionAgency,
    Initializer,
    PreStop,
    Heartbeat,
    RestoreHook,
    ImageUrl,
    ImageCommand,
    ImageArguments,
    ImageWorkingDirectory,
    ImageUser,
    ImageGroup,
    MaxInstances,
    Concurrency,
    Reserved,
    LogsEnabled,
    LogGroupId,
    LogGroupName,
    LogStreamId,
    LogStreamName,
    LogTags,
    Dependencies,
    VpcId,
    VpcSubnet,
    DisablePublicNetwork,
    TriggerAccessVpcs,
    PeeringCidr,
    DomainNames,
    Mounts,
    MountUser,
    MountGroup,
    EphemeralStorage,
    GpuMemory,
    GpuType,
    DynamicMemory,
    ClassIsolation,
    AuthInHeader,
    Stateful,
    EnterpriseProject,
    EnvironmentKey,
    CodeKey,
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
    Triggers,
}

/// Settings that have other names in the service's lists of versions.
pub const IN_LISTS: [(&str, Field); 3] =
    [("func_vpc_id", Field::VpcId), ("concurrency", Field::MaxInstances), ("concurrent_num", Field::Concurrency)];

/// A field, or one entry of a field that is a map.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Path {
    pub field: Field,
    pub key: Option<String>,
}

/// A text that is not the path of a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a field of this format")]
pub struct InvalidPath(String);

/// Field values that differ from their defaults. A path without a value has its default.
pub type Fields = BTreeMap<Path, Value>;

/// A set of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FieldSet(u128);

impl Field {
    pub fn all() -> impl Iterator<Item = Self> {
        table::ROWS.iter().map(|row| row.field)
    }

    /// The field's row in the table.
    pub fn row(self) -> &'static Row {
        &table::ROWS[self as usize]
    }

    /// The field that a field of the service contains, or the first one.
    pub fn in_service(name: &str) -> Option<Self> {
        let is_in = |own: &str| own.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let has_name = |row: &&Row| row.wire.is_some_and(|wire| wire.form.names().into_iter().any(is_in));
        let listed = IN_LISTS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        listed.or_else(|| table::ROWS.iter().find(has_name).map(|row| row.field))
    }

    /// The name in the manifest, with the group as a prefix if it has one.
    pub fn key(self) -> &'static str {
        self.row().key
    }

    /// The value of an omitted field; null if it has none.
    pub fn default_value(self) -> Value {
        self.row().default.value()
    }

    /// Whether the first release had the field. Later fields are managed only once a manifest declares them.
    pub fn is_first(self) -> bool {
        self.row().since == Since::First
    }
}

impl FieldSet {
    pub const EMPTY: Self = Self(0);

    pub const fn contains(self, field: Field) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    pub const fn insert(&mut self, field: Field) {
        self.0 |= 1 << field as u8;
    }

    pub const fn remove(&mut self, field: Field) {
        self.0 &= !(1 << field as u8);
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn iter(self) -> impl Iterator<Item = Field> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let row = table::ROWS.get(rest.trailing_zeros() as usize)?;
            // Removes the lowest bit.
            rest &= rest - 1;
            Some(row.field)
        })
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::default(), |mut set, field| {
            set.insert(field);
            set
        })
    }
}

impl Path {
    pub const fn of(field: Field) -> Self {
        Self { field, key: None }
    }

    pub fn entry(field: Field, key: impl Into<String>) -> Self {
        Self { field, key: Some(key.into()) }
    }

    /// The value of an omitted path; null for an entry of a map.
    pub fn default_value(&self) -> Value {
        if self.key.is_some() { Value::Null } else { self.field.default_value() }
    }
}

/// A JSON pointer with the names of the manifest.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.field.key().split('.').try_for_each(|segment| write!(f, "/{segment}"))?;
        self.key.iter().try_for_each(|key| write!(f, "/{}", escaped(key)))
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
        let parsed = |field: Field| {
            let rest = text.strip_prefix(&Self::of(field).to_string())?;
            let key = rest.strip_prefix('/').map(|key| unescaped(key).into_owned());
            (rest.is_empty() || key.is_some()).then_some(Self { field, key })
        };
        Field::all().find_map(parsed).ok_or_else(|| InvalidPath(text.clone()))
    }
}

/// The first path where the two sides differ.
pub fn first_difference<'a>(one: &'a Fields, other: &'a Fields) -> Option<&'a Path> {
    one.keys().chain(other.keys()).find(|path| one.get(path) != other.get(path))
}

/// Builds [`Fields`]. Omits values that equal their defaults.
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

    pub fn build(self) -> Fields {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_printing_and_parsing() {
        let paths = Field::all().flat_map(|field| [Path::of(field), Path::entry(field, "a/b~c")]);
        for path in paths {
            assert_eq!(Path::try_from(path.to_string()), Ok(path));
        }
        for wrong in ["", "memory", "/nothing", "/memorys"] {
            assert_eq!(Path::try_from(wrong.to_owned()), Err(InvalidPath(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn a_set_contains_what_was_inserted() {
        let set: FieldSet = [Field::Memory, Field::StatusLog].into_iter().collect();
        assert_eq!(set.iter().collect::<Vec<_>>(), [Field::Memory, Field::StatusLog]);
        assert!(!set.is_empty() && FieldSet::default().is_empty());
    }
}
