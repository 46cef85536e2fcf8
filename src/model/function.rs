//! A function: its configuration as it should be, and as it is.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Spot;

use super::address::FunctionAddress;
use super::async_policy::{AsyncPolicy, PolicySpots};
use super::field::{Field, Fields, FieldsBuilder, Path};
use super::number::{InitializerTimeout, Memory, Timeout};
use super::secret::Secrets;
use super::text::{AgencyName, Description, Handler, Runtime, TagKey, TagValue, VariableName};

/// A declared function, with everything but its code.
#[derive(Debug, Clone)]
pub struct Function {
    /// The local name in the manifest.
    pub key: String,
    /// The key under `functions`.
    pub spot: Spot,
    pub address: FunctionAddress,
    pub configuration: Configuration,
    pub secrets: Secrets,
    /// `None`: there should be no policy.
    pub policy: Option<(AsyncPolicy, PolicySpots)>,
    /// Whether a plan that would delete it fails, where the manifest says so.
    pub protect: Option<bool>,
    /// Fields that are neither compared nor written.
    pub ignore: BTreeSet<Field>,
    /// Single entries of maps that are left to others: a write sends them as they are live.
    pub ignored_entries: BTreeSet<Path>,
}

/// The configuration that a function should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    pub runtime: Runtime,
    pub handler: Handler,
    pub memory: Memory,
    pub timeout: Timeout,
    pub description: Description,
    pub agency: Option<AgencyName>,
    pub initializer: Option<Initializer>,
    pub environment: BTreeMap<VariableName, String>,
    pub tags: BTreeMap<TagKey, TagValue>,
}

/// What runs once per instance, before its first invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initializer {
    pub handler: Handler,
    pub timeout: InitializerTimeout,
}

/// A configuration as the service has it; values may break rules that hold today.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveConfiguration {
    pub runtime: String,
    pub handler: String,
    /// MB.
    pub memory: u32,
    /// Seconds.
    pub timeout: u32,
    pub description: String,
    pub agency: Option<String>,
    /// Handler, and timeout in seconds.
    pub initializer: Option<(String, u32)>,
    pub environment: BTreeMap<String, String>,
    /// Tags that are not fgctl's marks.
    pub tags: BTreeMap<String, String>,
}

impl Function {
    /// The fields of a configuration that this function does not leave to others.
    pub fn managed(&self, configuration: &LiveConfiguration) -> Fields {
        let mut fields = configuration.fields(&self.ignore);
        fields.retain(|path, _| !self.ignored_entries.contains(path));
        fields
    }

    /// What the environment should be, where it is `live` now.
    pub fn environment_over(&self, live: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let is_ignored = |name: &String| self.ignored_entries.contains(&Path::entry(Field::Environment, name.as_str()));
        let mut environment = LiveConfiguration::from(&self.configuration).environment;
        environment.retain(|name, _| !is_ignored(name));
        environment.extend(live.iter().filter(|(name, _)| is_ignored(name)).map(|(k, v)| (k.clone(), v.clone())));
        environment
    }

    /// The fields that a read did not return and that this function does not declare. Their values are unknown, so an update
    /// sends the live values of its own time.
    pub fn left_alone(&self, unseen: &BTreeSet<Field>) -> BTreeSet<Field> {
        let declared = LiveConfiguration::from(&self.configuration).fields(&BTreeSet::new());
        let is_declared = |field: Field| match field {
            Field::Secrets => !self.secrets.is_empty(),
            field => declared.keys().any(|path| path.field == field),
        };
        unseen.iter().copied().filter(|field| !is_declared(*field)).collect()
    }

    pub fn is_protected(&self) -> bool {
        self.protect == Some(true)
    }
}

impl From<&Configuration> for LiveConfiguration {
    fn from(configuration: &Configuration) -> Self {
        let Configuration { runtime, handler, memory, timeout, description, agency, initializer, environment, tags } =
            configuration;
        Self {
            runtime: runtime.to_string(),
            handler: handler.to_string(),
            memory: memory.get(),
            timeout: timeout.get(),
            description: description.to_string(),
            agency: agency.as_ref().map(ToString::to_string),
            initializer: initializer
                .as_ref()
                .map(|Initializer { handler, timeout }| (handler.to_string(), timeout.get())),
            environment: environment.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
            tags: tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
        }
    }
}

impl LiveConfiguration {
    /// The fields that differ from their defaults and are not ignored.
    pub fn fields(&self, ignore: &BTreeSet<Field>) -> Fields {
        let Self { runtime, handler, memory, timeout, description, agency, initializer, environment, tags } = self;
        let mut fields = FieldsBuilder::default()
            .set(Field::Runtime, runtime.as_str())
            .set(Field::Handler, handler.as_str())
            .set(Field::Memory, *memory)
            .set(Field::Timeout, *timeout)
            .set(Field::Description, description.as_str())
            .set(Field::Agency, agency.as_deref())
            .set(
                Field::Initializer,
                initializer
                    .as_ref()
                    .map_or(Value::Null, |(handler, timeout)| json!({ "handler": handler, "timeout": timeout })),
            )
            .entries(Field::Environment, environment)
            .entries(Field::Tags, tags)
            .build();
        fields.retain(|path, _| !ignore.contains(&path.field));
        fields
    }
}
