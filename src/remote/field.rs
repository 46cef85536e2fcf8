//! Converts values of fields between the manifest and the service, in the form that each row names.
//!
//! Neither compares nor sends.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::model::field::{Field, FieldSet};
use crate::model::function::LiveConfiguration;
use crate::model::row::{Call, DefaultValue, Form, Row};
use crate::model::table::ROWS;
use crate::rules::number;

type Fields = Map<String, Value>;

/// The fields by their names in answers; for a member of an object, by the object's name.
static BY_NAME: LazyLock<HashMap<&'static str, FieldSet>> = LazyLock::new(|| {
    let mut fields = HashMap::<_, FieldSet>::new();
    for (row, wire) in ROWS.iter().filter_map(|row| Some((row, row.wire?))) {
        for name in wire.form.names() {
            fields.entry(name.split('.').next().unwrap_or(name)).or_default().insert(row.field);
        }
    }
    fields
});

/// The configuration in a record, and the fields that the record lacks, which are neither set nor empty. Does not
/// include tags. Contains only the names of secrets.
pub(super) fn read(record: &Fields) -> (LiveConfiguration, FieldSet) {
    let (mut configuration, mut unseen) = (LiveConfiguration::default(), FieldSet::default());
    // Functions of the old type have these fields without a meaning.
    let is_old = record.get("type").is_some_and(|kind| kind == "v1");
    let has_meaning = |row: &Row| !is_old || !row.is_of_v2;
    let image = record.get("custom_image").and_then(|image| image.get("enabled"));
    let is_without_image = image == Some(&Value::Bool(false));
    // A record has names of only some fields.
    let named = record.keys().filter_map(|name| BY_NAME.get(name.as_str()));
    let named = named.fold(FieldSet::EMPTY, |named, fields| named.union(*fields));
    for row in ROWS {
        let Some(wire) = row.wire else { continue };
        if is_without_image && row.group() == Some("image") {
            continue;
        }
        let is_meant = named.contains(row.field) && has_meaning(row);
        let found = is_meant.then(|| found(wire.form, record)).filter(|found| found.is_seen);
        let Some(found) = found else {
            unseen.insert(row.field);
            continue;
        };
        match (wire.form, found.value) {
            (Form::Secrets(_), _) | (_, None) => {}
            (Form::Variables(name), Some(_)) => configuration.set_entries(row.field, entries(record.get(name))),
            (_, Some(value)) => configuration.set(row.field, comparable(row, value)),
        }
    }
    (configuration, unseen)
}

/// The value in the form in which it is compared.
fn comparable(row: &Row, value: Value) -> Value {
    match (&value, row.typed) {
        // What the service keeps in no order is sorted by its type.
        (Value::Array(_) | Value::Object(_), Some(typed)) => (typed.parse)(value.clone()).unwrap_or(value),
        (Value::Number(number), _) if is_none(row, number.as_i64()) => Value::Null,
        // The service treats less than one request as one.
        (Value::Number(number), _) if row.field == Field::Concurrency && number.as_i64() < Some(1) => {
            row.default.value()
        }
        _ => value,
    }
}

/// Whether a number means that the function has none. A number in a text is meant: without one, the text is empty.
fn is_none(row: &Row, number: Option<i64>) -> bool {
    let is_text = matches!(row.wire.map(|wire| wire.form), Some(Form::NumberText(_)));
    row.default == DefaultValue::Nothing && number == Some(0) && !is_text
}

/// The fields that a record shows only in part: a handler without its timeout, which counts as the default.
pub(super) fn half_shown(record: &Fields) -> FieldSet {
    let is_half_shown = |row: &&Row| match row.wire.map(|wire| wire.form) {
        Some(Form::Hook { handler, timeout }) => {
            let handler = at(record, handler).and_then(Value::as_str);
            handler.is_some_and(|handler| !handler.is_empty()) && at(record, timeout).and_then(plain).is_none()
        }
        _ => false,
    };
    ROWS.iter().filter(is_half_shown).map(|row| row.field).collect()
}

/// One field in a record.
struct Found {
    /// `None` means the default.
    value: Option<Value>,
    /// Whether the record has it, even if it is empty.
    is_seen: bool,
}

fn found(form: Form, record: &Fields) -> Found {
    let text = |name| at(record, name).and_then(Value::as_str);
    let non_empty = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Value::from);
    match form {
        Form::Text(name)
        | Form::Omitted(name)
        | Form::Renamed { shown: name, .. }
        | Form::Variables(name)
        | Form::Secrets(name) => {
            let text = text(name);
            Found { value: non_empty(text), is_seen: text.is_some() }
        }
        Form::Plain(name) => {
            let value = at(record, name).and_then(plain);
            Found { is_seen: value.is_some(), value }
        }
        Form::NumberText(name) => {
            let value = at(record, name);
            let is_empty = value.and_then(Value::as_str).is_some_and(str::is_empty);
            let number = value.and_then(plain);
            let is_seen = is_empty || number.is_some();
            Found { value: number, is_seen }
        }
        Form::Entries(name) => {
            let value = at(record, name).cloned();
            Found { is_seen: value.is_some(), value }
        }
        Form::Hook { handler, timeout } => hook(text(handler), at(record, timeout).and_then(plain)),
        Form::Ids { list, id } => list_of(record, list, |item| item.get(id).cloned()),
        Form::Objects { list, members } => list_of(record, list, |item| {
            let member = |(ours, theirs): &(&str, &str)| Some(((*ours).to_owned(), item.get(*theirs)?.clone()));
            Some(members.iter().filter_map(member).collect::<Fields>().into())
        }),
        Form::JsonText(name) => {
            let value = at(record, name);
            let parsed = value.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
            let list = || value.filter(|value| value.is_array()).cloned();
            Found { value: parsed.or_else(list), is_seen: value.is_some() }
        }
        Form::Separate(name) => {
            let value = record.get(name);
            Found { value: value.filter(|value| !value.is_null()).cloned(), is_seen: value.is_some() }
        }
        Form::Dependencies(name) => {
            let ids = dependencies(record, name);
            Found { is_seen: ids.is_some(), value: ids.map(Value::from) }
        }
    }
}

fn hook(handler: Option<&str>, timeout: Option<Value>) -> Found {
    let is_seen = handler.is_some();
    let handler = handler.filter(|handler| !handler.is_empty());
    let timeout = timeout.unwrap_or_else(|| number::DEFAULT_HOOK_SECONDS.into());
    Found { value: handler.map(|handler| json!({ "handler": handler, "timeout": timeout })), is_seen }
}

fn list_of(record: &Fields, list: &str, item: impl Fn(&Value) -> Option<Value>) -> Found {
    let items = at(record, list).and_then(Value::as_array);
    let value = items.map(|items| items.iter().filter_map(item).collect::<Vec<_>>().into());
    Found { value, is_seen: items.is_some() }
}

/// The ids of a function's dependency versions; `None` if they are not returned.
pub(super) fn dependencies(record: &Fields, name: &str) -> Option<Vec<String>> {
    let list = |name: &str| record.get(name).and_then(Value::as_array);
    let text = |id: &Value| id.as_str().map(str::to_owned);
    let ids = list(name).map(|ids| ids.iter().filter_map(text).collect());
    // The service also describes each one, with the same id.
    ids.or_else(|| Some(list("dependencies")?.iter().filter_map(|one| text(one.get("id")?)).collect()))
}

/// A number, which some answers contain as text, or a boolean.
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) | Value::Bool(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse::<i64>().ok().map(Value::from),
        _ => None,
    }
}

/// A JSON object inside a string, with texts as values. Anything else counts as empty.
pub(super) fn entries(text: Option<&Value>) -> BTreeMap<String, String> {
    let Some(Ok(Value::Object(object))) = text.and_then(Value::as_str).map(serde_json::from_str) else {
        return BTreeMap::new();
    };
    let as_text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    object.into_iter().map(|(key, value)| (key, as_text(value))).collect()
}

/// The fields of the configuration that a create sends: all that are not empty.
pub(super) fn created(configuration: &LiveConfiguration) -> Fields {
    let mut body = Fields::new();
    for row in ROWS.iter().filter(|row| row.is_written_by(Call::Create)) {
        let value = if row.field == Field::Environment {
            let variables: BTreeMap<&str, &str> = configuration.entries(Field::Environment).collect();
            if variables.is_empty() { Value::Null } else { json!(variables) }
        } else if row.field.is_first() {
            configuration.value(row.field)
        } else {
            configuration.get(row.field).cloned().unwrap_or_default()
        };
        if !value.is_null() && value != json!("") {
            write(&mut body, row, &value);
        }
    }
    complete_objects(&mut body, &Fields::new());
    body
}

/// Adds numbers and flags with their defaults to the objects that a body changes: the service may need the whole object.
pub(super) fn complete_objects(body: &mut Fields, shown: &Fields) {
    for row in ROWS.iter().filter(|row| row.is_written_by(Call::Create) && row.default != DefaultValue::Nothing) {
        let Some(Form::Plain(path)) = row.wire.map(|wire| wire.form) else { continue };
        let Some((object, _)) = path.rsplit_once('.') else { continue };
        let is_changed = at(body, object).is_some() && at(body, object) != at(shown, object);
        if is_changed && at(body, path).is_none() {
            write(body, row, &row.default.value());
        }
    }
}

/// Sets a field in a body. Null clears it.
pub(super) fn write(body: &mut Fields, row: &Row, value: &Value) {
    let Some(wire) = row.wire else { return };
    let some = || Some(value.clone()).filter(|value| !value.is_null());
    let items = |item: &dyn Fn(&Value) -> Value| Some(value.as_array()?.iter().map(item).collect::<Vec<_>>().into());
    match wire.form {
        Form::Text(name) => set(body, name, Some(value.as_str().unwrap_or_default().into())),
        Form::Omitted(name) | Form::Renamed { written: name, .. } | Form::Plain(name) | Form::Entries(name) => {
            set(body, name, some());
        }
        Form::NumberText(name) => set(body, name, some().map(|number| number.to_string().into())),
        Form::Hook { handler, timeout } => {
            set(body, handler, Some(value.get("handler").cloned().unwrap_or_else(|| "".into())));
            set(body, timeout, value.get("timeout").cloned());
        }
        Form::Ids { list, id } => {
            let ids = items(&|one| Fields::from_iter([(id.to_owned(), one.clone())]).into());
            set(body, list, Some(ids.unwrap_or_else(|| json!([]))));
        }
        Form::Objects { list, members } => {
            let member =
                |one: &Value, (ours, theirs): &(&str, &str)| Some(((*theirs).to_owned(), one.get(*ours)?.clone()));
            set(
                body,
                list,
                items(&|one| members.iter().filter_map(|names| member(one, names)).collect::<Fields>().into()),
            );
        }
        Form::JsonText(name) => set(body, name, some().map(|list| list.to_string().into())),
        Form::Dependencies(name) => set(body, name, Some(some().unwrap_or_else(|| json!([])))),
        Form::Variables(name) => set(body, name, Some(value.to_string().into())),
        // The values of secrets are not part of a configuration, and other fields have calls of their own.
        Form::Secrets(_) | Form::Separate(_) => {}
    }
}

/// The value at a path, whose parts are separated by dots. Null counts as no value.
fn at<'a>(record: &'a Fields, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let first = record.get(names.next()?)?;
    names.try_fold(first, |value, name| value.get(name)).filter(|value| !value.is_null())
}

fn set(body: &mut Fields, path: &str, value: Option<Value>) {
    let Some((object, rest)) = path.split_once('.') else {
        match value {
            Some(value) => drop(body.insert(path.to_owned(), value)),
            None => drop(body.remove(path)),
        }
        return;
    };
    let members = body.entry(object).or_insert_with(|| json!({}));
    if let Some(members) = members.as_object_mut() {
        set(members, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Fields {
        serde_json::from_value(value).expect("an object")
    }

    /// Every form there and back.
    #[test]
    fn what_is_written_is_read_as_the_same_value() {
        let record = fields(json!({
            "runtime": "Custom Image", "handler": "-", "memory_size": "256", "timeout": 30, "xrole": "a",
            "initializer_handler": "index.start", "initializer_timeout": 9,
            "custom_image": { "enabled": true, "image": "swr.a/b:1", "uid": "1000", "working_dir": "/" },
            "strategy_config": { "concurrency": 7, "concurrent_num": 5 },
            "depend_version_list": ["b", "a"], "func_vpc": { "vpc_id": "v", "subnet_id": "s", "cidr": "c" },
            "network_controller": { "disable_public_network": true, "trigger_access_vpcs": [{ "vpc_id": "w", "vpc_name": "n" }] },
            "domain_names": r#"[{"id":"z","domain_name":"x."}]"#, "lts_custom_tag": { "team": "a" },
            "mount_config": { "mount_user": { "user_id": "1001", "user_group_id": -1 }, "func_mounts": [
                { "mount_type": "sfs", "mount_resource": "r", "mount_share_path": "/s", "local_mount_path": "/l", "status": "active" }] },
        }));
        let (configuration, _) = read(&record);
        let expected = [
            (Field::Memory, json!(256)),
            (Field::Initializer, json!({ "handler": "index.start", "timeout": 9 })),
            (Field::ImageUrl, json!("swr.a/b:1")),
            (Field::ImageUser, json!(1000)),
            (Field::ImageWorkingDirectory, json!("/")),
            (Field::MaxInstances, json!(7)),
            (Field::Concurrency, json!(5)),
            (Field::Dependencies, json!(["a", "b"])),
            (Field::VpcSubnet, json!("s")),
            (Field::DisablePublicNetwork, json!(true)),
            (Field::TriggerAccessVpcs, json!(["w"])),
            (Field::DomainNames, json!([{ "id": "z", "domain_name": "x." }])),
            (Field::LogTags, json!({ "team": "a" })),
            (Field::MountUser, json!(1001)),
            (Field::MountGroup, json!(-1)),
            (Field::Mounts, json!([{ "local_path": "/l", "type": "sfs", "resource": "r", "share_path": "/s" }])),
        ];
        for (field, value) in expected {
            assert_eq!(configuration.value(field), value, "{field:?}");
        }
        let mut written = Fields::new();
        for row in ROWS.iter().filter(|row| !matches!(row.field, Field::Environment | Field::Secrets)) {
            write(&mut written, row, &configuration.value(row.field));
        }
        let (again, _) = read(&written);
        assert_eq!(again, configuration);
        assert_eq!(written["domain_names"], r#"[{"domain_name":"x.","id":"z"}]"#);
        assert_eq!(written["custom_image"], json!({ "image": "swr.a/b:1", "uid": "1000", "working_dir": "/" }));
    }

    /// The service needs a user and a group.
    #[test]
    fn a_create_sends_whole_objects() {
        let mut configuration = LiveConfiguration::default();
        assert_eq!(created(&configuration).get("mount_config"), None);
        configuration.set(Field::MountUser, 1003);
        let whole = json!({ "mount_user": { "user_id": 1003, "user_group_id": -1 } });
        assert_eq!(created(&configuration)["mount_config"], whole);
    }

    #[test]
    fn what_a_record_lacks_is_unseen_and_what_is_empty_is_the_default() {
        let record = fields(json!({
            "description": "", "gpu_memory": 0, "strategy_config": { "concurrency": 400, "concurrent_num": -1 },
            "custom_image": { "image": "", "uid": "", "command": "" }, "depend_version_list": [], "domain_names": "",
            "enterprise_project_id": "0", "enable_dynamic_memory": false, "func_vpc": null,
        }));
        let (configuration, unseen) = read(&record);
        assert_eq!(configuration, LiveConfiguration::default());
        for field in [Field::Description, Field::GpuMemory, Field::Concurrency, Field::ImageUser, Field::Dependencies] {
            assert!(!unseen.contains(field), "{field:?}");
        }
        for field in [Field::VpcId, Field::Mounts, Field::EphemeralStorage, Field::ImageGroup, Field::Agency] {
            assert!(unseen.contains(field), "{field:?}");
        }
    }

    #[test]
    fn numbers_of_instances_mean_nothing_on_functions_of_the_old_type() {
        let record = fields(json!({ "type": "v1", "strategy_config": { "concurrency": 0, "concurrent_num": 0 } }));
        let (configuration, unseen) = read(&record);
        assert_eq!(configuration, LiveConfiguration::default());
        assert!(unseen.contains(Field::MaxInstances) && unseen.contains(Field::Concurrency));
    }
}
