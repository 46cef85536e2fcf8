//! The description of a managed field. Everything that handles fields follows it: the manifest and its schema, the
//! comparison, marks, requests, answers and exports.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::field::Field;
use super::mark;

/// One field of [`super::table::ROWS`].
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub field: Field,
    /// The name in the manifest. A member of a group has the group as a prefix: `vpc.subnet`.
    pub key: &'static str,
    pub facet: Facet,
    pub since: Since,
    pub default: DefaultValue,
    pub ignore: Ignore,
    /// `None` if the manifest handles the field separately. A field with a type is also allowed in `defaults`.
    pub typed: Option<Typed>,
    /// `None` if the service has no such field, or separate calls for it.
    pub wire: Option<Wire>,
    /// `None` if the field applies to every runtime.
    pub suits: Option<Suits>,
    /// Whether functions of the old type v1 lack the field.
    pub is_of_v2: bool,
}

/// The runtimes to which a field applies.
#[derive(Debug, Clone, Copy)]
pub struct Suits {
    /// Completes "`field` is for …".
    pub words: &'static str,
    pub runtime: fn(&str) -> bool,
}

/// The parts of a function. For each part, a mark records what was applied last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    Config,
    Secrets,
    Code,
    Async,
    Protection,
    Triggers,
}

/// The release that added a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The first release. If omitted, the field has its default.
    First,
    /// A later release. The field is managed only once a manifest declares it, so an upgrade plans nothing. Marks
    /// record this number, so numbers are unique and never change.
    Later(u8),
}

/// The value of an omitted field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultValue {
    Nothing,
    Text(&'static str),
    Number(i64),
    Flag(bool),
}

/// Whether a manifest can ignore a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignore {
    Never,
    Whole,
    /// The field is a map, and single entries can be ignored too.
    Entries,
}

/// A field's type: the values that a manifest can give, and their schema.
#[derive(Debug, Clone, Copy)]
pub struct Typed {
    /// The description in the schema: unit, range, default, and scope.
    pub doc: &'static str,
    pub examples: &'static [&'static str],
    /// Returns the value in the form used for comparison, or an error.
    pub parse: fn(Value) -> Result<Value, Wrong>,
    pub schema: fn(&mut SchemaGenerator) -> Schema,
}

/// Why a type refuses a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The invalid member, if the value has members.
    pub member: Option<&'static str>,
    /// Completes "`field` …".
    pub message: String,
}

impl Wrong {
    /// Refuses a list or a mapping that is too long.
    pub fn unless_at_most(most: usize, count: usize) -> Result<(), Self> {
        let message = || format!("has {count} items; at most {most} are allowed");
        if count <= most { Ok(()) } else { Err(Self { member: None, message: message() }) }
    }
}

/// A type of fields. Its schema describes most of what it accepts.
pub trait FieldType: DeserializeOwned + Serialize + JsonSchema {
    /// Checks what the schema cannot express.
    fn check(&self) -> Result<(), Wrong> {
        Ok(())
    }
}

/// How the service represents a field.
#[derive(Debug, Clone, Copy)]
pub struct Wire {
    pub form: Form,
    /// The calls that write the field.
    pub calls: &'static [Call],
}

/// The names and format of a field in the service. A dot separates the parts of a path: `func_vpc.vpc_id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text. The empty text means no value, and clears it.
    Text(&'static str),
    /// Text. Omitting it clears it.
    Omitted(&'static str),
    /// Text that requests and answers call by different names.
    Renamed { written: &'static str, shown: &'static str },
    /// A number or boolean. Omitting it clears it.
    Plain(&'static str),
    /// A number that the service has as text.
    NumberText(&'static str),
    /// Texts by name.
    Entries(&'static str),
    /// A handler, which the empty text clears, and its timeout.
    Hook { handler: &'static str, timeout: &'static str },
    /// A list of objects that consist of an id.
    Ids { list: &'static str, id: &'static str },
    /// A list of objects, with the members' names in the manifest and in the service.
    Objects { list: &'static str, members: &'static [(&'static str, &'static str)] },
    /// A list, as JSON inside a string.
    JsonText(&'static str),
    /// The ids of dependency versions. Answers may describe each one instead.
    Dependencies(&'static str),
    /// A value that another call returns. It is added to answers under this name, in the manifest's form; null means none.
    Separate(&'static str),
    /// Texts by name: a JSON object inside a string.
    Variables(&'static str),
    /// Like `Variables`, but answers contain only the names.
    Secrets(&'static str),
}

/// A call that writes fields of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// POST functions.
    Create,
    /// PUT config.
    Configuration,
    /// PUT code.
    Code,
    /// PUT config-max-instance.
    MaxInstances,
    /// PUT reservedinstances.
    Reserved,
}

impl Form {
    /// The names of the service's fields.
    pub fn names(&self) -> Vec<&'static str> {
        match *self {
            Self::Text(name)
            | Self::Omitted(name)
            | Self::Plain(name)
            | Self::NumberText(name)
            | Self::Entries(name)
            | Self::Ids { list: name, .. }
            | Self::Objects { list: name, .. }
            | Self::JsonText(name)
            | Self::Separate(name)
            | Self::Variables(name)
            | Self::Secrets(name) => vec![name],
            Self::Hook { handler, timeout } => vec![handler, timeout],
            Self::Renamed { written, shown } => vec![written, shown],
            Self::Dependencies(name) => vec![name, "dependencies"],
        }
    }
}

impl Row {
    pub(super) const fn new(field: Field, key: &'static str, facet: Facet) -> Self {
        Self {
            field,
            key,
            facet,
            since: Since::First,
            default: DefaultValue::Nothing,
            ignore: Ignore::Whole,
            typed: None,
            wire: None,
            suits: None,
            is_of_v2: false,
        }
    }

    pub(super) const fn later(self, number: u8) -> Self {
        Self { since: Since::Later(number), ..self }
    }

    pub(super) const fn default(self, default: DefaultValue) -> Self {
        Self { default, ..self }
    }

    pub(super) const fn ignore(self, ignore: Ignore) -> Self {
        Self { ignore, ..self }
    }

    pub(super) const fn typed<T: FieldType>(self, doc: &'static str) -> Self {
        Self { typed: Some(Typed { doc, examples: &[], parse: parse::<T>, schema: T::json_schema }), ..self }
    }

    pub(super) const fn examples(self, examples: &'static [&'static str]) -> Self {
        match self.typed {
            Some(typed) => Self { typed: Some(Typed { examples, ..typed }), ..self },
            None => self,
        }
    }

    pub(super) const fn wire(self, form: Form, calls: &'static [Call]) -> Self {
        Self { wire: Some(Wire { form, calls }), ..self }
    }

    pub(super) const fn only_for(self, words: &'static str, runtime: fn(&str) -> bool) -> Self {
        Self { suits: Some(Suits { words, runtime }), ..self }
    }

    pub(super) const fn of_v2(self) -> Self {
        Self { is_of_v2: true, ..self }
    }

    /// The group that the field belongs to, if any.
    pub fn group(&self) -> Option<&'static str> {
        self.key.split_once('.').map(|(group, _)| group)
    }

    /// The last part of its name in the manifest.
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    /// Whether a call of its own returns the field, instead of lists and GET config.
    pub fn is_separate(&self) -> bool {
        self.wire.is_some_and(|wire| matches!(wire.form, Form::Separate(_)))
    }

    /// Whether this call writes the field.
    pub fn is_written_by(&self, call: Call) -> bool {
        self.wire.is_some_and(|wire| wire.calls.contains(&call))
    }
}

impl Facet {
    /// The facet that a tag belongs to; `None` for the tag that names the owner.
    pub fn of_tag(key: &str) -> Option<Self> {
        match key {
            mark::STACK | mark::POLICY | mark::RELEASED => None,
            mark::SECRETS => Some(Self::Secrets),
            mark::CODE => Some(Self::Code),
            mark::PROTECT => Some(Self::Protection),
            mark::ASYNC => Some(Self::Async),
            mark::TRIGGERS => Some(Self::Triggers),
            // The configuration's mark, and all other tags, because tags are part of the configuration.
            _ => Some(Self::Config),
        }
    }

    /// The tag that records what was applied last.
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Config => mark::CONFIG,
            Self::Secrets => mark::SECRETS,
            Self::Code => mark::CODE,
            Self::Async => mark::ASYNC,
            Self::Protection => mark::PROTECT,
            Self::Triggers => mark::TRIGGERS,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "configuration",
            Self::Secrets => "secrets",
            Self::Code => "code",
            Self::Async => "policy",
            Self::Protection => "protection",
            Self::Triggers => "trigger",
        }
    }
}

fn parse<T: FieldType>(value: Value) -> Result<Value, Wrong> {
    let wrong = |error: serde_json::Error| Wrong { member: None, message: error.to_string() };
    let typed: T = serde_json::from_value(value).map_err(wrong)?;
    typed.check()?;
    serde_json::to_value(typed).map_err(wrong)
}

impl DefaultValue {
    pub fn value(self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
        }
    }
}
