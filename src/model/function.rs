//! A function's configuration: desired and live.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use crate::diagnostic::Spot;

use super::address::FunctionAddress;
use super::async_policy::{AsyncPolicy, PolicySpots};
use super::field::{Field, FieldSet, Fields, Path};
use super::row::{Facet, Wrong};
use super::secret::Secrets;
use super::text::{TagKey, TagValue, VariableName};
use super::trigger::Triggers;

/// A declared function, without its code.
#[derive(Debug, Clone)]
pub struct Function {
    /// The local name in the manifest.
    pub key: String,
    /// The key under `functions`.
    pub spot: Spot,
    pub address: FunctionAddress,
    pub configuration: Configuration,
    /// The declared fields that are newer than the first release, and their locations. Only these later fields are
    /// managed.
    pub later: BTreeMap<Field, Spot>,
    pub secrets: Secrets,
    /// `None` means that the function should have no policy.
    pub policy: Option<(AsyncPolicy, PolicySpots)>,
    pub triggers: Triggers,
    /// Whether a plan that would delete the function fails; `None` if the manifest does not say.
    pub protect: Option<bool>,
    /// Fields that are neither compared nor written.
    pub ignore: BTreeSet<Field>,
    /// Ignored entries of maps. A write sends their live values.
    pub ignored_entries: BTreeSet<Path>,
}

/// A configuration in the manifest's terms, with the service's values, which may break today's rules. Values that equal
/// their defaults are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveConfiguration(Fields);

/// The desired configuration of a function. Each value is valid for the type of its field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration(LiveConfiguration);

impl Function {
    /// Whether a field of the configuration is compared and written. `applied` are the later fields that this stack
    /// applied before. If they are no longer declared, they return to their defaults.
    pub fn manages(&self, field: Field, applied: FieldSet) -> bool {
        let is_managed = field.is_first() || self.later.contains_key(&field) || applied.contains(field);
        is_managed && !self.ignore.contains(&field)
    }

    /// The managed fields of a configuration that belong to its own facet.
    pub fn managed_configuration(&self, configuration: &LiveConfiguration, applied: FieldSet) -> Fields {
        let mut fields = self.managed(configuration, applied);
        fields.retain(|path, _| path.field.row().facet == Facet::Config);
        fields
    }

    /// The managed fields of a configuration.
    pub fn managed(&self, configuration: &LiveConfiguration, applied: FieldSet) -> Fields {
        let is_managed = |path: &Path| self.manages(path.field, applied) && !self.ignored_entries.contains(path);
        let managed = configuration.0.iter().filter(|(path, _)| is_managed(path));
        managed.map(|(path, value)| (path.clone(), value.clone())).collect()
    }

    /// The later fields that an apply writes. The mark records them.
    pub fn later_managed(&self) -> FieldSet {
        self.later.keys().copied().filter(|field| !self.ignore.contains(field)).collect()
    }

    /// Whether a plan needs the live value of a field: the field is declared, or has to return to its default.
    pub fn needs(&self, field: Field, applied: FieldSet) -> bool {
        let is_declared = match field {
            Field::Secrets => !self.secrets.is_empty(),
            field if field.is_first() => self.configuration.has(field),
            field => self.later.contains_key(&field) || applied.contains(field),
        };
        is_declared && !self.ignore.contains(&field)
    }

    /// The fields whose live values an update sends: unmanaged fields, and fields that a read did not return and that this
    /// function does not declare.
    pub fn left_alone(&self, unseen: FieldSet, returned: FieldSet) -> FieldSet {
        let is_left_alone =
            |field: &Field| !self.manages(*field, returned) || unseen.contains(*field) && !self.needs(*field, returned);
        Field::all().filter(is_left_alone).collect()
    }

    /// The desired environment, given the live one.
    pub fn environment_over(&self, live: &LiveConfiguration) -> BTreeMap<String, String> {
        let is_ignored = |name: &str| self.ignored_entries.contains(&Path::entry(Field::Environment, name));
        let own = self.configuration.entries(Field::Environment).filter(|(name, _)| !is_ignored(name));
        let others = live.entries(Field::Environment).filter(|(name, _)| is_ignored(name));
        own.chain(others).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Whether the policy is not left to others.
    pub fn manages_policy(&self) -> bool {
        !self.ignore.contains(&Field::Async)
    }

    pub fn is_protected(&self) -> bool {
        self.protect == Some(true)
    }
}

impl Configuration {
    /// Sets a field after checking the value against the field's type.
    pub fn declare(&mut self, field: Field, value: Value) -> Result<(), Wrong> {
        let Some(typed) = field.row().typed else {
            return Err(Wrong { member: None, message: "has a form of its own".to_owned() });
        };
        self.0.set(field, (typed.parse)(value)?);
        Ok(())
    }

    /// Sets a field to its default.
    pub fn clear(&mut self, field: Field) {
        self.0.0.remove(&Path::of(field));
    }

    /// Replaces texts of dependencies.
    pub fn replace_dependencies(&mut self, replaced: impl Fn(&str) -> Option<String>) {
        let texts = self.0.texts(Field::Dependencies);
        let texts: BTreeSet<String> =
            texts.into_iter().map(|text| replaced(text).unwrap_or_else(|| text.to_owned())).collect();
        self.0.set(Field::Dependencies, texts.into_iter().collect::<Vec<_>>());
    }

    pub fn set_environment(&mut self, environment: BTreeMap<VariableName, String>) {
        self.0.set_entries(Field::Environment, environment.into_iter().map(|(name, value)| (name.into(), value)));
    }

    pub fn set_tags(&mut self, tags: BTreeMap<TagKey, TagValue>) {
        self.0.set_entries(Field::Tags, tags.into_iter().map(|(key, value)| (key.into(), value.into())));
    }
}

impl Deref for Configuration {
    type Target = LiveConfiguration;

    fn deref(&self) -> &LiveConfiguration {
        &self.0
    }
}

impl LiveConfiguration {
    pub fn set(&mut self, field: Field, value: impl Into<Value>) {
        let (path, value) = (Path::of(field), value.into());
        // An empty list or mapping is the same as none.
        let is_empty = value.as_array().is_some_and(Vec::is_empty) || value.as_object().is_some_and(Map::is_empty);
        if is_empty || value == field.default_value() {
            self.0.remove(&path);
        } else {
            self.0.insert(path, value);
        }
    }

    /// Replaces all entries of a field that is a map.
    pub fn set_entries(&mut self, field: Field, entries: impl IntoIterator<Item = (String, String)>) {
        self.0.retain(|path, _| path.field != field);
        self.0.extend(entries.into_iter().map(|(key, value)| (Path::entry(field, key), value.into())));
    }

    pub fn set_entry(&mut self, field: Field, key: &str, value: &str) {
        self.0.insert(Path::entry(field, key), value.into());
    }

    pub fn remove_entry(&mut self, field: Field, key: &str) {
        self.0.remove(&Path::entry(field, key));
    }

    /// The value of a field, or its default.
    pub fn value(&self, field: Field) -> Value {
        self.get(field).cloned().unwrap_or_else(|| field.default_value())
    }

    /// The value of a field if it is not the default.
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.0.get(&Path::of(field))
    }

    /// The texts of a field that is a list of them.
    pub fn texts(&self, field: Field) -> Vec<&str> {
        self.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The text of a field; empty if it has none.
    pub fn text(&self, field: Field) -> &str {
        self.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// The id of the log stream that each run writes to, if it is set.
    pub fn log_stream(&self) -> Option<&str> {
        self.get(Field::LogStreamId)?.as_str()
    }

    /// The entries of a field that is a map.
    pub fn entries(&self, field: Field) -> impl Iterator<Item = (&str, &str)> {
        let of_field = self.0.range(Path::of(field)..).take_while(move |(path, _)| path.field == field);
        of_field.filter_map(|(path, value)| Some((path.key.as_deref()?, value.as_str()?)))
    }

    /// The fields that are not their defaults, or have entries.
    pub fn present(&self) -> FieldSet {
        self.0.keys().map(|path| path.field).collect()
    }

    /// Whether a field is not its default, or has entries.
    pub fn has(&self, field: Field) -> bool {
        self.0.range(Path::of(field)..).next().is_some_and(|(path, _)| path.field == field)
    }

    /// The fields that differ from their defaults and are not ignored.
    pub fn fields(&self, ignore: &BTreeSet<Field>) -> Fields {
        let kept = self.0.iter().filter(|(path, _)| !ignore.contains(&path.field));
        kept.map(|(path, value)| (path.clone(), value.clone())).collect()
    }

    /// The fields of the first release.
    pub fn first_fields(&self) -> Fields {
        let first = self.0.iter().filter(|(path, _)| path.field.is_first());
        first.map(|(path, value)| (path.clone(), value.clone())).collect()
    }
}
