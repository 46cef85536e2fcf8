//! The `functions` and `defaults` sections of a manifest.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::ops::Deref;

use crate::model::field::{Field, Path};
use crate::model::row::Ignore;
use crate::model::text::{FunctionName, PackageName, TagKey, TagValue, VariableName, VariableValue};

use super::code::CodeEntry;
use super::field::{self, FieldSettings};
use super::notation::{Entries, Reference, Scalar, Setting};
use super::policy::PolicyEntry;
use super::shared::{self, Take};
use super::trigger::TriggerEntries;

/// A function: its own fields, and the fields that `defaults` can set too.
#[derive(Debug, Default)]
pub(super) struct FunctionEntry {
    pub(super) own: OwnEntry,
    pub(super) settings: DefaultsEntry,
}

/// Fields that only a function can set.
#[derive(Debug, Default, JsonSchema)]
pub(super) struct OwnEntry {
    /// The function's name in the service: 1 to 60 letters, digits, '_' or '-'. Default: the key.
    pub(super) name: Option<FunctionName>,
    /// Where the code comes from: exactly one of dir, zip, jar, inline and obs.
    #[schemars(required)]
    pub(super) code: Option<CodeEntry>,
    /// If true, a plan that would delete this function or one of its triggers fails. Default: false.
    #[schemars(extend("default" = false))]
    pub(super) protect: Option<bool>,
    /// What starts the function, by names that the manifest chooses: timers, buckets, topics, streams and others. fgctl leaves triggers alone
    /// that neither the manifest nor an earlier one declared. Default: none.
    pub(super) triggers: Option<TriggerEntries>,
}

/// Defaults for all functions: the fields of [`FormsEntry`] and the fields of the table.
#[derive(Debug, Default)]
pub(super) struct DefaultsEntry {
    pub(super) forms: FormsEntry,
    pub(super) fields: FieldSettings,
}

/// Fields that both functions and `defaults` can set, and that the table does not describe.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FormsEntry {
    /// The package, which the console calls app: 1 to 60 letters, digits, '_' or '-'. A function's package is part of its identity: another
    /// package means another function. Default: `default`.
    #[serde(default)]
    #[schemars(extend("default" = "default"))]
    pub(super) package: Setting<PackageName>,
    /// Environment variables, merged with those in `defaults`: at most 20 variables, and 4,096 bytes of names and
    /// values.
    #[serde(default)]
    pub(super) environment: Setting<Texts>,
    /// Encrypted environment variables, merged with those in `defaults`: at most 20. fgctl reads their values from its
    /// own environment and never shows them.
    #[serde(default)]
    pub(super) secrets: Setting<SecretEntries>,
    /// Tags, merged with those in `defaults`. A function has at most 20, and fgctl needs 4 to 7 of them.
    #[serde(default)]
    pub(super) tags: Setting<Tags>,
    /// How the function runs asynchronously: a name under `policies`, or a policy written out here. Default: no policy;
    /// a live policy is deleted.
    #[serde(default)]
    pub(super) r#async: Setting<Reference<PolicyEntry>>,
    /// Fields that fgctl neither compares nor changes. `environment.LEVEL` and `tags.team` name a single entry.
    /// Replaces the list in `defaults`. Example: `[description, environment.LEVEL]`.
    #[serde(default)]
    pub(super) ignore: Setting<Vec<Ignored>>,
}

pub(super) type Texts = Entries<VariableName, Scalar<VariableValue>>;
pub(super) type SecretEntries = Entries<VariableName, SecretEntry>;
pub(super) type Tags = Entries<TagKey, Scalar<TagValue>>;

impl Deref for DefaultsEntry {
    type Target = FormsEntry;

    fn deref(&self) -> &FormsEntry {
        &self.forms
    }
}

impl Take for OwnEntry {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "name" => self.name = map.next_value()?,
            "code" => self.code = map.next_value()?,
            "protect" => self.protect = map.next_value()?,
            "triggers" => self.triggers = map.next_value()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'de> Deserialize<'de> for DefaultsEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = FieldSettings::default();
        let forms = shared::others(&mut fields, deserializer)?;
        Ok(Self { forms, fields })
    }
}

impl JsonSchema for FunctionEntry {
    fn schema_name() -> Cow<'static, str> {
        "FunctionEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = OwnEntry::json_schema(generator);
        schema.insert("description".into(), "A function.".into());
        schema.insert("additionalProperties".into(), false.into());
        let mut settings = DefaultsEntry::json_schema(generator);
        let settings = settings.get_mut("properties").and_then(Value::as_object_mut);
        if let (Some(properties), Some(settings)) = (properties(&mut schema), settings) {
            properties.append(settings);
        }
        schema
    }
}

impl JsonSchema for DefaultsEntry {
    fn schema_name() -> Cow<'static, str> {
        "DefaultsEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = FormsEntry::json_schema(generator);
        if let Some(properties) = properties(&mut schema) {
            field::describe(properties, generator);
        }
        schema
    }
}

fn properties(schema: &mut Schema) -> Option<&mut Map<String, Value>> {
    schema.get_mut("properties").and_then(Value::as_object_mut)
}

/// What the name of an environment variable is. Not every system accepts fewer characters.
const VARIABLE_NAME: &str = "it must be the name of an environment variable, without spaces, `=` and `$`";

/// The source of a secret's value.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("errorMessage" = "it must name the variable that holds its value, such as { env: DB_PASSWORD }"))]
pub(super) struct SecretEntry {
    /// The variable in fgctl's own environment that holds the value. Example: `DB_PASSWORD`.
    #[schemars(regex(pattern = r"^[^\s=$]+$"), extend("errorMessage" = VARIABLE_NAME))]
    pub(super) env: String,
}

/// Fields that can be ignored, or one entry of `environment` or `tags`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ignored(pub(super) Vec<Path>);

/// The names that `ignore` accepts: each field's own name, and the names of groups.
pub(super) fn ignorable() -> Vec<(&'static str, Vec<Field>)> {
    let mut names: Vec<(&'static str, Vec<Field>)> = Vec::new();
    for field in Field::all().filter(|field| field.row().ignore != Ignore::Never) {
        if let Some(group) = field.row().group() {
            match names.iter_mut().find(|(name, _)| *name == group) {
                Some((_, members)) => members.push(field),
                None => names.push((group, vec![field])),
            }
        }
        names.push((field.key(), vec![field]));
    }
    names
}

fn is_partly_ignorable(field: Field) -> bool {
    field.row().ignore == Ignore::Entries
}

/// What `ignore` accepts, for messages.
const EXPECTATION: &str = "it must be a field that can be ignored, such as memory or logs.tags, or one entry, such as environment.LEVEL or \
                           tags.team";

/// A text that does not name a field that can be ignored.
#[derive(Debug, thiserror::Error)]
#[error("{EXPECTATION}")]
pub(super) struct NotIgnorable;

impl TryFrom<String> for Ignored {
    type Error = NotIgnorable;

    fn try_from(text: String) -> Result<Self, NotIgnorable> {
        if let Some((_, fields)) = ignorable().into_iter().find(|(name, _)| *name == text) {
            return Ok(Self(fields.into_iter().map(Path::of).collect()));
        }
        let entry = text.split_once('.').filter(|(_, key)| !key.is_empty() && !key.contains('\n'));
        let (name, key) = entry.ok_or(NotIgnorable)?;
        let field = Field::all().find(|field| is_partly_ignorable(*field) && field.key() == name);
        Ok(Self(vec![Path::entry(field.ok_or(NotIgnorable)?, key)]))
    }
}

impl JsonSchema for Ignored {
    fn schema_name() -> Cow<'static, str> {
        "Ignored".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let fields: Vec<String> = ignorable().into_iter().map(|(name, _)| name.replace('.', "[.]")).collect();
        let maps: Vec<&str> = Field::all().filter(|field| is_partly_ignorable(*field)).map(Field::key).collect();
        let pattern = format!("^({})$|^({})[.].+$", fields.join("|"), maps.join("|"));
        json_schema!({ "type": "string", "pattern": pattern, "errorMessage": EXPECTATION })
    }
}
