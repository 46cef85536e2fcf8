//! `functions` and `defaults`: what is written, and the function that it makes.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use std::borrow::Cow;

use crate::model::field::{Field, Path};
use crate::model::number::Memory;
use crate::model::text::{
    AgencyName, Description, FunctionName, Handler, PackageName, Runtime, TagKey, TagValue, VariableName, VariableValue,
};
use crate::rules::number;
use crate::rules::runtime;

use super::code::CodeEntry;
use super::form::{Entries, Period, Reference, Scalar, Setting};
use super::policy::PolicyEntry;

/// A function.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FunctionEntry {
    /// The function's name in the service: 1 to 60 letters, digits, '_' or '-'. Default: the key.
    pub(super) name: Option<FunctionName>,
    /// The app group: 1 to 60 letters, digits, '_' or '-'. Another package is another function. Default: `default`.
    #[serde(default)]
    #[schemars(extend("default" = "default"))]
    pub(super) package: Setting<PackageName>,
    /// The runtime, as the service spells it; it cannot change later. Required here or in `defaults`. Example:
    /// `Python3.9`.
    #[serde(default)]
    #[schemars(extend("examples" = runtime::RUNTIMES))]
    pub(super) runtime: Setting<Runtime>,
    /// What is called: file and function in Python, Node.js and PHP. Required here or in `defaults`. Example:
    /// `index.handler`.
    #[serde(default)]
    pub(super) handler: Setting<Handler>,
    /// Where the code comes from: exactly one of dir, zip, inline and obs.
    #[schemars(required)]
    pub(super) code: Option<CodeEntry>,
    /// Memory in MB: 128, 256, 512 and so on to 10240. Default: 128.
    #[serde(default)]
    #[schemars(extend("default" = number::DEFAULT_MEMORY_MB))]
    pub(super) memory: Setting<Memory>,
    /// How long one run may take: 3 to 259,200 seconds, or text such as `30s`, `15m` or `1h`. Default: 3.
    #[serde(default)]
    #[schemars(extend("default" = number::DEFAULT_TIMEOUT_SECONDS))]
    pub(super) timeout: Setting<TimeoutPeriod>,
    /// For people, at most 512 characters. Default: empty.
    #[serde(default)]
    #[schemars(extend("default" = ""))]
    pub(super) description: Setting<Description>,
    /// The IAM agency that lets the function reach other services, targets included. Default: none. Example:
    /// `fgs-notify`.
    #[serde(default)]
    pub(super) agency: Setting<AgencyName>,
    /// What runs once in each new instance, before its first invocation. Default: nothing.
    #[serde(default)]
    pub(super) initializer: Setting<InitializerEntry>,
    /// Environment variables, merged with those of `defaults`: at most 20, and 4,096 bytes of names and values.
    #[serde(default)]
    pub(super) environment: Setting<Texts>,
    /// Encrypted environment variables, merged with those of `defaults`: at most 20. Their values come from the
    /// environment of fgctl, and are never shown.
    #[serde(default)]
    pub(super) secrets: Setting<SecretEntries>,
    /// Tags, merged with those of `defaults`. A function has at most 20, of which fgctl needs 4 to 6.
    #[serde(default)]
    pub(super) tags: Setting<Tags>,
    /// How the function runs asynchronously: a name under `policies`, or a policy written out here. Default: no policy,
    /// so that a live one is deleted.
    #[serde(default)]
    pub(super) r#async: Setting<Reference<PolicyEntry>>,
    /// Whether a plan that would delete this function fails. Default: false.
    #[schemars(extend("default" = false))]
    pub(super) protect: Option<bool>,
    /// Fields that are left to others: neither compared nor changed. `environment.LEVEL` and `tags.team` name one entry.
    /// Replaces that of `defaults`. Example: `[description, environment.LEVEL]`.
    #[serde(default)]
    pub(super) ignore: Setting<Vec<Ignored>>,
}

/// What every function has unless it says otherwise. Maps are merged by key, all else is replaced; null in a function
/// takes the default away.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultsEntry {
    /// The app group: 1 to 60 letters, digits, '_' or '-'. Default: `default`.
    #[serde(default)]
    #[schemars(extend("default" = "default"))]
    pub(super) package: Setting<PackageName>,
    /// The runtime, as the service spells it. Example: `Python3.9`.
    #[serde(default)]
    #[schemars(extend("examples" = runtime::RUNTIMES))]
    pub(super) runtime: Setting<Runtime>,
    /// What is called: file and function in Python, Node.js and PHP. Example: `index.handler`.
    #[serde(default)]
    pub(super) handler: Setting<Handler>,
    /// Memory in MB: 128, 256, 512 and so on to 10240. Default: 128.
    #[serde(default)]
    #[schemars(extend("default" = number::DEFAULT_MEMORY_MB))]
    pub(super) memory: Setting<Memory>,
    /// How long one run may take: 3 to 259,200 seconds, or text such as `30s`, `15m` or `1h`. Default: 3.
    #[serde(default)]
    #[schemars(extend("default" = number::DEFAULT_TIMEOUT_SECONDS))]
    pub(super) timeout: Setting<TimeoutPeriod>,
    /// For people, at most 512 characters. Default: empty.
    #[serde(default)]
    #[schemars(extend("default" = ""))]
    pub(super) description: Setting<Description>,
    /// The IAM agency that lets functions reach other services, targets included. Default: none. Example:
    /// `fgs-notify`.
    #[serde(default)]
    pub(super) agency: Setting<AgencyName>,
    /// What runs once in each new instance, before its first invocation. Default: nothing.
    #[serde(default)]
    pub(super) initializer: Setting<InitializerEntry>,
    /// Environment variables of every function: at most 20, and 4,096 bytes of names and values.
    #[serde(default)]
    pub(super) environment: Setting<Texts>,
    /// Encrypted environment variables of every function: at most 20.
    #[serde(default)]
    pub(super) secrets: Setting<SecretEntries>,
    /// Tags of every function. A function has at most 20, of which fgctl needs 4 to 6.
    #[serde(default)]
    pub(super) tags: Setting<Tags>,
    /// Fields that are left to others: neither compared nor changed. `environment.LEVEL` and `tags.team` name one entry.
    /// Example: `[description, environment.LEVEL]`.
    #[serde(default)]
    pub(super) ignore: Setting<Vec<Ignored>>,
}

pub(super) type TimeoutPeriod =
    Period<{ number::TIMEOUT_SECONDS.least }, { number::TIMEOUT_SECONDS.most }, { number::DEFAULT_TIMEOUT_SECONDS }>;
pub(super) type InitializerPeriod = Period<
    { number::INITIALIZER_SECONDS.least },
    { number::INITIALIZER_SECONDS.most },
    { number::DEFAULT_INITIALIZER_SECONDS },
>;
pub(super) type Texts = Entries<VariableName, Scalar<VariableValue>>;
pub(super) type SecretEntries = Entries<VariableName, SecretEntry>;
pub(super) type Tags = Entries<TagKey, Scalar<TagValue>>;

/// What runs once in each new instance.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct InitializerEntry {
    /// What is called, in the same file as the handler. Example: `index.initializer`.
    pub(super) handler: Handler,
    /// How long it may take: 1 to 300 seconds, or text such as `30s` or `5m`. Default: 3.
    #[schemars(extend("default" = number::DEFAULT_INITIALIZER_SECONDS))]
    pub(super) timeout: Option<InitializerPeriod>,
}

/// Where a secret's value comes from.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("errorMessage" = "it must name the variable that has its value, such as { env: DB_PASSWORD }"))]
pub(super) struct SecretEntry {
    /// The variable of fgctl's own environment that has the value. Example: `DB_PASSWORD`.
    #[schemars(length(min = 1))]
    pub(super) env: String,
}

/// A field that can be left to others, or one entry of `environment` or `tags`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Ignored(pub(super) Path);

/// What can be ignored, for messages.
fn expectation() -> String {
    let fields: Vec<&str> = Field::IGNORABLE.iter().map(|field| field.key()).collect();
    format!("it must be one of {}, or one entry, such as environment.LEVEL or tags.team", fields.join(", "))
}

impl TryFrom<String> for Ignored {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (field, key) = text.split_once('.').map_or((text.as_str(), None), |(field, key)| (field, Some(key)));
        let field = Field::IGNORABLE.into_iter().find(|known| known.key() == field).ok_or_else(expectation)?;
        match key {
            None => Ok(Self(Path::of(field))),
            Some(key) if Field::PARTLY_IGNORABLE.contains(&field) && !key.is_empty() && !key.contains('\n') => {
                Ok(Self(Path::entry(field, key)))
            }
            Some(_) => Err(expectation()),
        }
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
        let names = |fields: &[Field]| fields.iter().map(|field| field.key()).collect::<Vec<_>>().join("|");
        let (fields, maps) = (names(&Field::IGNORABLE), names(&Field::PARTLY_IGNORABLE));
        let pattern = format!("^({fields})$|^({maps})[.].+$");
        json_schema!({ "type": "string", "pattern": pattern, "errorMessage": expectation() })
    }
}
