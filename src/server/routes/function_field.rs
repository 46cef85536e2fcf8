//! The fields of a function's configuration: what each may hold, and in which calls it takes part.
//!
//! A table, so that a field which we do nothing with is still kept and comes back as it was sent.

use serde_json::{Map, Value};

use super::super::failure::{Failure, Outcome};
use super::super::rules;
use super::super::store::function::Settings;

/// A rule: what is wrong with a value, completing "`field` …".
type Rule = fn(&Value) -> Result<(), &'static str>;

struct Field {
    name: &'static str,
    rule: Rule,
    /// The service's error code for it.
    code: &'static str,
    taken: Taken,
    shown: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// By create and update, and neither goes without.
    Required,
    Always,
    Create,
    Update,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// Alone and in lists.
    Listed,
    /// Alone only.
    Alone,
    /// Only asked for.
    Never,
}

/// Which call brings the fields.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Create,
    Update,
    /// An update of few fields, which goes without those that are required.
    Part,
}

const fn field(name: &'static str, rule: Rule, code: &'static str, taken: Taken, shown: Shown) -> Field {
    Field { name, rule, code, taken, shown }
}

use Shown::{Alone, Listed, Never};
use Taken::{Always, Create, Required, Update};

const FIELDS: &[Field] = &[
    field("runtime", runtime, "FSS.1005", Required, Listed),
    field("timeout", |value| integer(value, 3, 259_200), "FSS.1008", Required, Listed),
    field("handler", handler, "FSS.1003", Required, Listed),
    field("memory_size", memory, "FSS.1007", Required, Listed),
    field("type", |value| one_of(value, &["v1", "v2"]), "FSS.0400", Create, Listed),
    field("description", description, "FSS.1019", Always, Listed),
    field("user_data", variables, "FSS.1009", Always, Listed),
    field("encrypted_user_data", variables, "FSS.1009", Always, Listed),
    field("xrole", short_text, "FSS.0400", Always, Listed),
    field("app_xrole", short_text, "FSS.0400", Always, Listed),
    field("initializer_handler", short_text, "FSS.1404", Always, Listed),
    field("initializer_timeout", |value| integer(value, 1, 300), "FSS.1405", Always, Listed),
    field("pre_stop_handler", short_text, "FSS.0400", Always, Listed),
    field("pre_stop_timeout", |value| integer(value, 1, 90), "FSS.0400", Always, Listed),
    field("enterprise_project_id", short_text, "FSS.0400", Always, Listed),
    field("gpu_memory", gpu_memory, "FSS.0400", Always, Listed),
    field("gpu_type", short_text, "FSS.0400", Always, Alone),
    field("strategy_config", strategy, "FSS.1026", Update, Listed),
    field("extend_config", text, "FSS.0400", Update, Listed),
    field("func_vpc", object, "FSS.0400", Always, Alone),
    field("mount_config", object, "FSS.0400", Always, Alone),
    field("custom_image", object, "FSS.1034", Always, Alone),
    field("network_controller", object, "FSS.0400", Always, Alone),
    field("domain_names", text, "FSS.0400", Always, Alone),
    field("lts_custom_tag", object, "FSS.0400", Always, Alone),
    field("log_config", object, "FSS.0400", Always, Never),
    field("enable_lts_log", flag, "FSS.0400", Always, Alone),
    field("enable_dynamic_memory", flag, "FSS.0400", Always, Alone),
    field("is_stateful_function", flag, "FSS.0400", Always, Alone),
    field("user_data_encrypt_kms_key_id", short_text, "FSS.0400", Always, Alone),
    field("code_encrypt_kms_key_id", short_text, "FSS.0400", Create, Alone),
    field("ephemeral_storage", storage, "FSS.0400", Update, Alone),
    field("enable_auth_in_header", flag, "FSS.0400", Update, Alone),
    field("enable_class_isolation", flag, "FSS.0400", Update, Alone),
    field("heartbeat_handler", short_text, "FSS.0400", Update, Alone),
    field("peering_cidr", text, "FSS.0400", Update, Alone),
    field("restore_hook_handler", short_text, "FSS.0400", Update, Alone),
    field("restore_hook_timeout", |value| integer(value, 1, 300), "FSS.0400", Update, Alone),
];

/// What an update keeps although the body leaves it out: number of instances, and logs.
const KEPT: [&str; 3] = ["strategy_config", "enable_lts_log", "log_config"];

/// Takes over what a body says. An update replaces the configuration: what its body leaves out or empties is cleared,
/// with a few exceptions. A field that we do not know is dropped.
pub(super) fn take(settings: &mut Settings, body: &Map<String, Value>, call: Call) -> Outcome<()> {
    if call == Call::Update && turns_logs_off(settings, body) {
        settings.remove("log_config");
        settings.insert("enable_lts_log".to_owned(), false.into());
    }
    let other_call = if call == Call::Create { Update } else { Create };
    for Field { name, rule, code, taken, .. } in FIELDS.iter().filter(|field| field.taken != other_call) {
        match body.get(*name).filter(|value| !value.is_null()) {
            None if *taken == Required && call != Call::Part => {
                return Err(Failure::invalid(code, format!("{name} is required")));
            }
            None if call == Call::Update && !KEPT.contains(name) => {
                settings.remove(*name);
            }
            None => {}
            Some(value) if *taken != Required && is_empty(value) => {
                settings.remove(*name);
            }
            Some(value) => {
                rule(value).map_err(|reason| Failure::invalid(code, format!("{name} {reason}")))?;
                let value = if *name == "strategy_config" { merged(settings.get(*name), value) } else { value.clone() };
                settings.insert((*name).to_owned(), value);
            }
        }
    }
    for name in ["user_data", "encrypted_user_data"] {
        bounded(name, settings.get(name))?;
    }
    Ok(())
}

/// An update that takes the agency away and says nothing about logs turns them off.
fn turns_logs_off(settings: &Settings, body: &Map<String, Value>) -> bool {
    let says = |name: &str| body.get(name).is_some_and(|value| !value.is_null() && !is_empty(value));
    let about_logs = ["enable_lts_log", "log_config", "lts_custom_tag"];
    settings.contains_key("xrole") && !says("xrole") && !about_logs.into_iter().any(says)
}

/// The members of an object that a body names, over those that are there.
fn merged(current: Option<&Value>, value: &Value) -> Value {
    let members = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
    let mut all = members(current);
    all.extend(members(Some(value)).into_iter().filter(|(_, member)| !member.is_null()));
    all.into()
}

/// The fields that answers have, secrets blanked.
pub(super) fn shown(settings: &Settings, in_list: bool) -> Map<String, Value> {
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

/// A client that has no way to leave a field out sends it empty.
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

/// At most 20 entries, and 4,096 bytes of keys and values together.
fn bounded(name: &str, value: Option<&Value>) -> Outcome<()> {
    let variables = value.and_then(parse_variables).unwrap_or_default();
    if variables.len() > 20 {
        return Err(Failure::invalid("FSS.1017", format!("{name} has {} entries; 20 are allowed", variables.len())));
    }
    let length = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
    let bytes: usize = variables.iter().map(|(key, value)| key.len() + length(value)).sum();
    if bytes > 4096 {
        return Err(Failure::invalid("FSS.1018", format!("{name} has {bytes} bytes; 4096 are allowed")));
    }
    Ok(())
}

fn expect(holds: bool, otherwise: &'static str) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(otherwise) }
}

fn integer(value: &Value, least: i64, most: i64) -> Result<(), &'static str> {
    expect(value.as_i64().is_some_and(|number| (least..=most).contains(&number)), "is out of range or no integer")
}

fn memory(value: &Value) -> Result<(), &'static str> {
    const SIZES: [i64; 15] = [128, 256, 512, 768, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 8192, 10_240];
    expect(value.as_i64().is_some_and(|size| SIZES.contains(&size)), "is not one of the sizes, such as 128, 256 or 512")
}

fn gpu_memory(value: &Value) -> Result<(), &'static str> {
    integer(value, 1024, 16_384)?;
    expect(value.as_i64().is_some_and(|size| size % 1024 == 0), "is not a multiple of 1024")
}

fn storage(value: &Value) -> Result<(), &'static str> {
    expect(matches!(value.as_i64(), Some(512 | 10_240)), "must be 512 or 10240")
}

fn one_of(value: &Value, allowed: &[&str]) -> Result<(), &'static str> {
    expect(value.as_str().is_some_and(|text| allowed.contains(&text)), "is not one of the values that there are")
}

fn text(value: &Value) -> Result<(), &'static str> {
    expect(value.is_string(), "must be text")
}

fn short_text(value: &Value) -> Result<(), &'static str> {
    let short = |text: &str| text.chars().count() <= 256 && !text.contains(char::is_control);
    expect(value.as_str().is_some_and(short), "must be text of at most 256 characters")
}

fn description(value: &Value) -> Result<(), &'static str> {
    expect(value.as_str().is_some_and(rules::is_description), "must be text of at most 512 characters")
}

fn runtime(value: &Value) -> Result<(), &'static str> {
    let named = |text: &str| (1..=64).contains(&text.len()) && !text.contains(char::is_control);
    expect(value.as_str().is_some_and(named), "must be the name of a runtime, such as Python3.9")
}

/// What a handler names differs by runtime; never a place outside the code, since a file is named after it.
fn handler(value: &Value) -> Result<(), &'static str> {
    let inside =
        |text: &str| !text.starts_with('/') && !text.split('/').any(|part| part == "..") && !text.contains('\\');
    let plain =
        |text: &str| (1..=128).contains(&text.chars().count()) && !text.contains(|c: char| c.is_control() || c == ' ');
    expect(
        value.as_str().is_some_and(|text| plain(text) && inside(text)),
        "must be 1 to 128 characters that name a place in the code, such as index.handler",
    )
}

fn variables(value: &Value) -> Result<(), &'static str> {
    let variables = parse_variables(value).ok_or("must be a JSON object inside a string")?;
    let named = |key: &String| {
        key.starts_with(|first: char| first.is_ascii_alphabetic())
            && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    expect(variables.keys().all(named), "has a name that is not a letter followed by letters, digits and _")?;
    let scalar = |value: &Value| value.is_string() || value.is_number() || value.is_boolean();
    expect(variables.values().all(scalar), "has a value that is not text")
}

fn strategy(value: &Value) -> Result<(), &'static str> {
    object(value)?;
    let within = |name: &str, least: i64| {
        let number = value.get(name).filter(|number| !number.is_null());
        number.is_none_or(|number| number.as_i64().is_some_and(|number| (least..=1000).contains(&number)))
    };
    expect(
        within("concurrency", -1) && within("concurrent_num", 0),
        "is out of range: -1 to 1000 instances, 1 to 1000 requests",
    )
}

fn object(value: &Value) -> Result<(), &'static str> {
    expect(value.is_object(), "must be an object")
}

fn flag(value: &Value) -> Result<(), &'static str> {
    expect(value.is_boolean(), "must be true or false")
}
