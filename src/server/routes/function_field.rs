//! The fields of a function's configuration: their rules, and the calls that use them.
//!
//! A table, so that fields without an effect here are still stored and returned.

use std::fmt;

use serde_json::{Map, Value};

use crate::rules::number::{self, Range};
use crate::rules::quota;
use crate::rules::text::{self, Text, TextRule};

use super::super::failure::{Failure, Outcome};
use super::super::store::function::FunctionSettings;
use super::function_object;

type Rule = fn(&Value) -> Result<(), Violation>;

/// What is wrong with a value. Its text completes "`field` …".
pub(super) enum Violation {
    Text(TextRule),
    Other(&'static str),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(rule) => write!(f, "is not a valid {}: {}", rule.noun, rule.sentence()),
            Self::Other(words) => f.write_str(words),
        }
    }
}

struct Field {
    name: &'static str,
    rule: Rule,
    /// The service's error code for the field.
    code: &'static str,
    taken: Taken,
    shown: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Required by create and update.
    Required,
    Always,
    Create,
    Update,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// In GET and lists.
    Listed,
    /// Only in GET.
    Alone,
    /// Never returned.
    Never,
}

/// The call that contains the fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    Update,
    /// A partial update, which does not need the required fields.
    Part,
}

/// A field that create and update take, and that all answers contain.
const fn field(name: &'static str, rule: Rule, code: &'static str) -> Field {
    Field { name, rule, code, taken: Always, shown: Listed }
}

impl Field {
    const fn taken(self, taken: Taken) -> Self {
        Self { taken, ..self }
    }

    const fn shown(self, shown: Shown) -> Self {
        Self { shown, ..self }
    }
}

use Shown::{Alone, Listed, Never};
use Taken::{Always, Create, Required, Update};

const FIELDS: &[Field] = &[
    field("runtime", |value| obeys(value, &text::RUNTIME), "FSS.1005").taken(Required),
    field("timeout", |value| integer(value, number::TIMEOUT_SECONDS), "FSS.1008").taken(Required),
    field("handler", |value| obeys(value, &text::HANDLER), "FSS.1003").taken(Required),
    field("memory_size", memory, "FSS.1007").taken(Required),
    field("type", |value| one_of(value, &["v1", "v2"]), "FSS.0400").taken(Create),
    field("description", |value| obeys(value, &text::DESCRIPTION), "FSS.1019"),
    field("user_data", variables, "FSS.1009"),
    field("encrypted_user_data", variables, "FSS.1009"),
    field("xrole", |value| obeys(value, &text::AGENCY), "FSS.0400"),
    field("app_xrole", |value| obeys(value, &text::AGENCY), "FSS.0400"),
    field("initializer_handler", |value| obeys(value, &text::HANDLER), "FSS.1404"),
    field("initializer_timeout", |value| integer(value, number::INITIALIZER_SECONDS), "FSS.1405"),
    field("pre_stop_handler", short_text, "FSS.0400"),
    field("pre_stop_timeout", |value| integer(value, number::PRE_STOP_SECONDS), "FSS.0400"),
    field("enterprise_project_id", short_text, "FSS.0400"),
    field("gpu_memory", gpu_memory, "FSS.0400"),
    field("gpu_type", short_text, "FSS.0400").shown(Alone),
    field("strategy_config", strategy, "FSS.1026").taken(Update),
    field("extend_config", any_text, "FSS.0400").taken(Update),
    field("func_vpc", function_object::network, "FSS.1036").shown(Alone),
    field("mount_config", function_object::mounts, "FSS.1075").shown(Alone),
    field("custom_image", function_object::image, "FSS.1034").shown(Alone),
    field("network_controller", function_object::network_controller, "FSS.0400").shown(Alone),
    field("domain_names", function_object::domain_names, "FSS.0400").shown(Alone),
    field("lts_custom_tag", function_object::log_tags, "FSS.0400").shown(Alone),
    field("log_config", object, "FSS.0400").shown(Never),
    field("enable_lts_log", flag, "FSS.0400").shown(Alone),
    field("enable_dynamic_memory", flag, "FSS.0400").shown(Alone),
    field("is_stateful_function", flag, "FSS.0400").shown(Alone),
    field("user_data_encrypt_kms_key_id", short_text, "FSS.0400").shown(Alone),
    field("code_encrypt_kms_key_id", short_text, "FSS.0400").taken(Create).shown(Alone),
    field("ephemeral_storage", storage, "FSS.0400").taken(Update).shown(Alone),
    field("enable_auth_in_header", flag, "FSS.0400").taken(Update).shown(Alone),
    field("enable_class_isolation", flag, "FSS.0400").taken(Update).shown(Alone),
    field("heartbeat_handler", function_object::heartbeat, "FSS.0400").taken(Update).shown(Alone),
    field("peering_cidr", function_object::peering, "FSS.0400").taken(Update).shown(Alone),
    field("restore_hook_handler", short_text, "FSS.0400").taken(Update).shown(Alone),
    field("restore_hook_timeout", |value| integer(value, number::RESTORE_HOOK_SECONDS), "FSS.0400")
        .taken(Update)
        .shown(Alone),
];

/// Fields that an update keeps if the body leaves them out: the number of instances, and logs.
const KEPT: [&str; 3] = ["strategy_config", "enable_lts_log", "log_config"];

/// Applies the fields of a body. An update replaces the configuration: fields that its body leaves out or empties are
/// cleared, with a few exceptions. Unknown fields are dropped.
pub(super) fn take(settings: &mut FunctionSettings, body: &Map<String, Value>, call: Call) -> Outcome<()> {
    if call == Call::Update && turns_logs_off(settings, body) {
        settings.remove("log_config");
        settings.insert("enable_lts_log".to_owned(), false.into());
    }
    let other_call = if call == Call::Create { Update } else { Create };
    for Field { name, rule, code, taken, .. } in FIELDS.iter().filter(|field| field.taken != other_call) {
        match body.get(*name).filter(|value| !value.is_null()) {
            None if *taken == Required && call != Call::Part => {
                return Err(Failure::refused(code, format!("{name} is required")));
            }
            None if call == Call::Update && !KEPT.contains(name) => {
                settings.remove(*name);
            }
            None => {}
            Some(value) if *taken != Required && is_empty(value) => {
                settings.remove(*name);
            }
            Some(value) => {
                rule(value).map_err(|reason| Failure::refused(code, format!("{name} {reason}")))?;
                let value = if *name == "strategy_config" { merged(settings.get(*name), value) } else { value.clone() };
                settings.insert((*name).to_owned(), value);
            }
        }
    }
    for name in ["user_data", "encrypted_user_data"] {
        bounded(name, settings.get(name))?;
    }
    function_object::agree(settings)
}

/// An update that removes the agency and does not mention logs disables them.
fn turns_logs_off(settings: &FunctionSettings, body: &Map<String, Value>) -> bool {
    let says = |name: &str| body.get(name).is_some_and(|value| !value.is_null() && !is_empty(value));
    let about_logs = ["enable_lts_log", "log_config", "lts_custom_tag"];
    settings.contains_key("xrole") && !says("xrole") && !about_logs.into_iter().any(says)
}

/// The members of an object in a body, merged over the current ones.
fn merged(current: Option<&Value>, value: &Value) -> Value {
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut all = members(current);
    all.extend(members(Some(value)).into_iter().filter(|(_, member)| !member.is_null()));
    all.into()
}

/// The fields in answers, with secrets blanked.
pub(super) fn shown(settings: &FunctionSettings, in_list: bool) -> Map<String, Value> {
    let is_shown = |name: &str| {
        FIELDS.iter().find(|field| field.name == name).is_some_and(|field| match field.shown {
            Listed => true,
            Alone => !in_list,
            Never => false,
        })
    };
    let value = |(name, value): (&String, &Value)| {
        (name.clone(), if name == "encrypted_user_data" { blanked(value) } else { value.clone() })
    };
    settings.iter().filter(|(name, _)| is_shown(name)).map(value).collect()
}

/// Some clients cannot leave a field out, so they send it empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Null | Value::Bool(_) | Value::Array(_) => false,
    }
}

fn blanked(value: &Value) -> Value {
    let keys = parse_variables(value).unwrap_or_default().into_iter().map(|(key, _)| (key, Value::from("")));
    Value::from(Value::Object(keys.collect()).to_string())
}

fn parse_variables(value: &Value) -> Option<Map<String, Value>> {
    serde_json::from_str(value.as_str()?).ok()
}

/// Refuses too many entries, and too many bytes of keys and values together.
fn bounded(name: &str, value: Option<&Value>) -> Outcome<()> {
    let variables = value.and_then(parse_variables).unwrap_or_default();
    if variables.len() > quota::ENVIRONMENT_ENTRIES {
        return Err(Failure::refused(
            "FSS.1017",
            format!("{name} has {} entries; {} are allowed", variables.len(), quota::ENVIRONMENT_ENTRIES),
        ));
    }
    let length = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
    let bytes: usize = variables.iter().map(|(key, value)| key.len() + length(value)).sum();
    if bytes > quota::ENVIRONMENT_BYTES {
        return Err(Failure::refused(
            "FSS.1018",
            format!("{name} has {bytes} bytes; {} are allowed", quota::ENVIRONMENT_BYTES),
        ));
    }
    Ok(())
}

pub(super) fn require(holds: bool, otherwise: &'static str) -> Result<(), Violation> {
    if holds { Ok(()) } else { Err(Violation::Other(otherwise)) }
}

fn integer(value: &Value, range: Range) -> Result<(), Violation> {
    require(value.as_i64().is_some_and(|number| range.contains(number)), "is out of range or not an integer")
}

fn is_size(value: &Value, sizes: &[u32]) -> bool {
    sizes.iter().any(|size| value.as_u64() == Some(u64::from(*size)))
}

fn memory(value: &Value) -> Result<(), Violation> {
    require(is_size(value, &number::MEMORY_MB), "is not one of the sizes, such as 128, 256 or 512")
}

fn gpu_memory(value: &Value) -> Result<(), Violation> {
    integer(value, number::GPU_MEMORY_MB)?;
    let step = i64::from(number::GPU_MEMORY_STEP_MB);
    require(value.as_i64().is_some_and(|size| size % step == 0), "is not a multiple of 1024")
}

fn storage(value: &Value) -> Result<(), Violation> {
    require(is_size(value, &number::EPHEMERAL_STORAGE_MB), "must be 512 or 10240")
}

fn one_of(value: &Value, allowed: &[&str]) -> Result<(), Violation> {
    require(value.as_str().is_some_and(|text| allowed.contains(&text)), "is not an allowed value")
}

fn any_text(value: &Value) -> Result<(), Violation> {
    require(value.is_string(), "must be text")
}

fn short_text(value: &Value) -> Result<(), Violation> {
    let short = |text: &str| text.chars().count() <= 256 && !text.contains(char::is_control);
    require(value.as_str().is_some_and(short), "must be text of at most 256 characters")
}

pub(super) fn obeys(value: &Value, text: &Text) -> Result<(), Violation> {
    let accepted = value.as_str().is_some_and(|value| text.accepts(value));
    if accepted { Ok(()) } else { Err(Violation::Text(text.rule)) }
}

fn variables(value: &Value) -> Result<(), Violation> {
    let variables = parse_variables(value).ok_or(Violation::Other("must be a JSON object inside a string"))?;
    require(
        variables.keys().all(|name| text::VARIABLE_NAME.accepts(name)),
        "has a name that is not a letter followed by letters, digits, _, - or ., or that the runtime sets itself",
    )?;
    let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    require(variables.values().all(scalar), "has a value that is not text")?;
    let mut texts = variables.values().filter_map(Value::as_str);
    // The total length has a check of its own.
    require(texts.all(|text| !text.contains('\0')), "has a value with a NUL character")
}

fn strategy(value: &Value) -> Result<(), Violation> {
    object(value)?;
    let within = |name: &str, allowed: fn(i64) -> bool| {
        let number = value.get(name).filter(|number| !number.is_null());
        number.is_none_or(|number| number.as_i64().is_some_and(allowed))
    };
    let instances = |number| {
        matches!(number, number::UNLIMITED_INSTANCES | number::DISABLED_INSTANCES) || number::INSTANCES.contains(number)
    };
    let requests = |number| number::REQUESTS_PER_INSTANCE.contains(number);
    require(
        within("concurrency", instances) && within("concurrent_num", requests),
        "is out of range: -1 to 1000 instances, 0 to 1000 requests",
    )
}

pub(super) fn object(value: &Value) -> Result<(), Violation> {
    require(value.is_object(), "must be an object")
}

fn flag(value: &Value) -> Result<(), Violation> {
    require(value.is_boolean(), "must be true or false")
}
