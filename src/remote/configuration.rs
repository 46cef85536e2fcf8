//! The body of a configuration write. PUT config replaces, so its body contains everything that GET config returned,
//! each field in its writable form, overlaid with the managed fields.
//!
//! This module compares and converts; it sends nothing.

use serde_json::{Map, Value, json};

use crate::model::field::{Field, IN_LISTS};
use crate::model::function::LiveConfiguration;
use crate::model::row::Call;
use crate::model::table::ROWS;
use crate::wire::log::LogDetail;

use super::field;
use super::update::ConfigurationUpdate;
use super::value::{is_empty, is_kept, is_meant, is_set, is_unset};

/// How PUT config accepts a field that GET config returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In the same form.
    Same,
    /// In the same form, if it has this member. Without it, the object is empty.
    With(&'static str),
    /// Without the state that the service adds to each mount.
    Mounts,
    /// As JSON in a string, whatever form GET returns.
    JsonText,
    /// The id of a log. `log_config` accepts it together with the names.
    Log,
    /// Returned without values, so only the manifest's values can be sent.
    Secrets,
    /// Never written: only the service sets it, or another call writes it.
    Never,
}

use Form::{JsonText, Log, Mounts, Never, Same, Secrets, With};

/// All fields that GET config is known to return. Other fields are sent back unchanged.
const FORMS: &[(&str, Form)] = &[
    ("func_name", Same),
    ("package", Same),
    ("runtime", Same),
    ("timeout", Same),
    ("handler", Same),
    ("memory_size", Same),
    ("description", Same),
    ("user_data", Same),
    ("xrole", Same),
    ("app_xrole", Same),
    ("initializer_handler", Same),
    ("initializer_timeout", Same),
    ("pre_stop_handler", Same),
    ("pre_stop_timeout", Same),
    ("heartbeat_handler", Same),
    ("restore_hook_handler", Same),
    ("restore_hook_timeout", Same),
    ("enterprise_project_id", Same),
    ("strategy_config", Same),
    ("extend_config", Same),
    ("ephemeral_storage", Same),
    ("gpu_memory", Same),
    ("gpu_type", Same),
    ("network_controller", Same),
    ("peering_cidr", Same),
    ("enable_auth_in_header", Same),
    ("enable_class_isolation", Same),
    ("enable_dynamic_memory", Same),
    ("is_stateful_function", Same),
    ("user_data_encrypt_kms_key_id", Same),
    (LOGS, Same),
    ("lts_custom_tag", Same),
    ("func_vpc", With("vpc_id")),
    ("custom_image", With("image")),
    ("mount_config", Mounts),
    ("domain_names", JsonText),
    (LOG_GROUP, Log),
    (LOG_STREAM, Log),
    // Only added here, with names that another call returns.
    (LOG_CONFIG, Never),
    ("encrypted_user_data", Secrets),
    // Written by POST functions and PUT code.
    ("type", Never),
    ("code_type", Never),
    ("code_url", Never),
    ("code_filename", Never),
    ("code_encrypt_kms_key_id", Never),
    ("depend_version_list", Never),
    ("func_code", Never),
    ("tags", Never),
    // Set by the service.
    ("allow_ephemeral_storage", Never),
    ("apig_route_enable", Never),
    ("bind_bridge_funcUrns", Never),
    ("code_size", Never),
    ("concurrency", Never),
    ("concurrent_num", Never),
    ("cpu", Never),
    ("depend_list", Never),
    ("dependencies", Never),
    ("digest", Never),
    ("domain_id", Never),
    ("enable_cloud_debug", Never),
    ("fail_count", Never),
    ("func_id", Never),
    ("func_urn", Never),
    ("func_vpc_id", Never),
    ("function_async_config", Never),
    ("image_name", Never),
    ("is_bridge_function", Never),
    ("is_return_stream", Never),
    ("last_modified", Never),
    ("last_modified_utc", Never),
    ("long_time", Never),
    ("namespace", Never),
    ("project_name", Never),
    ("reserved_instance_count", Never),
    ("reserved_instance_idle_mode", Never),
    ("resource_id", Never),
    ("version", Never),
    ("version_description", Never),
];

const LOGS: &str = "enable_lts_log";
const LOG_GROUP: &str = "log_group_id";
const LOG_STREAM: &str = "log_stream_id";
const LOG_CONFIG: &str = "log_config";

type Fields = Map<String, Value>;

/// Whether a field of a version is a setting with a value of its own.
pub(super) fn is_own_setting(name: &str, value: &Value) -> bool {
    // Fields of the first release are compared separately.
    let first = ROWS.iter().filter(|row| row.field.is_first()).filter_map(|row| row.wire);
    let is_first = || first.into_iter().any(|wire| wire.form.names().contains(&name));
    let is_in_lists = IN_LISTS.iter().any(|(known, _)| *known == name);
    let is_setting = is_in_lists || form(name).is_some_and(|form| form != Never) && !is_first();
    is_setting && !is_unset(value)
}

fn form(name: &str) -> Option<Form> {
    FORMS.iter().find(|(known, _)| *known == name).map(|(_, form)| *form)
}

/// Whether the names of a function's log must be read before its configuration is written.
pub(super) fn has_log(shown: &Fields) -> bool {
    is_set(shown.get(LOG_GROUP)) || has_logs_on(shown)
}

fn has_logs_on(fields: &Fields) -> bool {
    fields.get(LOGS) == Some(&Value::Bool(true))
}

/// Everything that GET config returned, in the form that PUT config accepts, without secrets.
pub(super) fn as_written(shown: &Fields, log: Option<&LogDetail>) -> Fields {
    let written = |(name, value): (&String, &Value)| Some((name.clone(), written(form(name), value)?));
    let mut body: Fields = shown.iter().filter_map(written).collect();
    if let Some(log) = log {
        let config = log_config(shown, log);
        if is_set(config.get("group_id")) {
            body.insert(LOG_CONFIG.to_owned(), config);
        }
    }
    body
}

fn written(form: Option<Form>, value: &Value) -> Option<Value> {
    match form {
        // An unknown field is sent back, whatever its meaning.
        None => (!value.is_null()).then(|| value.clone()),
        Some(Log | Secrets | Never) => None,
        // A field that is left out is cleared, and this one is empty.
        Some(_) if is_empty(value) => None,
        Some(Same) => Some(value.clone()),
        Some(With(member)) => is_set(value.get(member)).then(|| value.clone()),
        Some(Mounts) => {
            let has = |member| value.get(member).is_some_and(is_meant);
            (has("func_mounts") || has("mount_user")).then(|| without_states(value))
        }
        Some(JsonText) => Some(value.as_str().map_or_else(|| value.to_string().into(), Value::from)),
    }
}

/// Removes the state that the service returns for each mount.
fn without_states(mounts: &Value) -> Value {
    let mut mounts = mounts.clone();
    for mount in mounts.get_mut("func_mounts").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(mount) = mount.as_object_mut() {
            mount.remove("status");
        }
    }
    mounts
}

/// The returned ids, with the names if they could be read.
fn log_config(shown: &Fields, log: &LogDetail) -> Value {
    let LogDetail { group_id, group_name, stream_id, stream_name } = log;
    let id = |read: &str, shown_as: &str| match shown.get(shown_as).and_then(Value::as_str) {
        Some(shown) if read.is_empty() => shown.to_owned(),
        _ => read.to_owned(),
    };
    let members = [
        ("group_id", id(group_id, LOG_GROUP)),
        ("group_name", group_name.clone()),
        ("stream_id", id(stream_id, LOG_STREAM)),
        ("stream_name", stream_name.clone()),
    ];
    let members = members.into_iter().filter(|(_, text)| !text.is_empty());
    members.map(|(name, text)| (name.to_owned(), Value::from(text))).collect::<Fields>().into()
}

/// Adds the names of a log to what GET config returned.
pub(super) fn add_log_names(shown: &mut Fields, log: &LogDetail) {
    shown.insert(LOG_CONFIG.to_owned(), log_config(shown, log));
}

/// Overlays the managed fields on a body; null or an empty text clears a field. Ignored fields and fields that are left alone
/// keep their live value.
pub(super) fn overlay(body: &mut Fields, update: &ConfigurationUpdate<'_>, live: &LiveConfiguration) {
    let ConfigurationUpdate { function, seen, returned, with_new_secrets: _ } = update;
    let left_alone = function.left_alone(seen.unseen, *returned);
    let shown = body.clone();
    for row in ROWS.iter().filter(|row| row.is_written_by(Call::Configuration)) {
        // The runtime never changes. A later field that is as it should be is sent as the service returned it, with
        // everything that the service added.
        // A field that returns to its default may be one that `live` lacks, such as the name of a log.
        let may_be_same = !row.field.is_first() && !returned.contains(row.field);
        let is_same = may_be_same && live.value(row.field) == function.configuration.value(row.field);
        if row.field == Field::Runtime || left_alone.contains(row.field) || is_same {
            continue;
        }
        let value = match row.field {
            Field::Environment => json!(function.environment_over(live)),
            field => function.configuration.value(field),
        };
        field::write(body, row, &value);
    }
    for object in &OBJECTS {
        object.tidy(body, &shown);
    }
    field::complete_objects(body, &shown);
    if has_logs_on(&shown) && !has_logs_on(body) {
        // A function whose logs are off has no group and no stream.
        body.remove(LOG_CONFIG);
    }
}

/// An object that several fields share.
struct Object {
    name: &'static str,
    /// Without all of these members, the object is empty.
    essential: &'static [&'static str],
    /// If one of these members changes, the others that follow from it are out of date.
    identity: &'static [&'static str],
    derived: &'static [&'static str],
}

const OBJECTS: [Object; 5] = [
    Object {
        name: "func_vpc",
        essential: &["vpc_id"],
        identity: &["vpc_id", "subnet_id"],
        derived: &["vpc_name", "subnet_name", "cidr", "gateway", "security_groups", "namespace", "domain_id"],
    },
    Object { name: "custom_image", essential: &["image"], identity: &[], derived: &["enabled"] },
    Object { name: "mount_config", essential: &["func_mounts", "mount_user"], identity: &[], derived: &[] },
    Object { name: LOG_CONFIG, essential: &["group_id"], identity: &["group_id"], derived: &["group_name"] },
    Object { name: LOG_CONFIG, essential: &["group_id"], identity: &["stream_id"], derived: &["stream_name"] },
];

/// Whether a member follows from other members of its object. `path` is `object.member`.
pub(super) fn is_derived(path: &str) -> bool {
    let is_in = |object: &Object, (name, member): (&str, &str)| object.name == name && object.derived.contains(&member);
    path.split_once('.').is_some_and(|names| OBJECTS.iter().any(|object| is_in(object, names)))
}

impl Object {
    fn tidy(&self, body: &mut Fields, shown: &Fields) {
        let Self { name, essential, identity, derived } = self;
        let Some(members) = body.get_mut(*name).and_then(Value::as_object_mut) else { return };
        if !essential.iter().any(|member| members.get(*member).is_some_and(is_meant)) {
            body.remove(*name);
            return;
        }
        let before = |member: &str| shown.get(*name).and_then(|object| object.get(member));
        if identity.iter().any(|member| before(member) != members.get(*member)) {
            // What was just declared is new.
            members.retain(|member, value| !derived.contains(&member.as_str()) || before(member) != Some(value));
        }
        if *name == "custom_image" {
            members.entry("enabled").or_insert(true.into());
        }
    }
}

/// The first field of a body that GET config does not return as it was sent. An unknown field only has to be present,
/// because the service may change it.
pub(super) fn unapplied(body: &Fields, shown: &Fields) -> Option<String> {
    let is_applied = |(name, sent): (&String, &Value)| match form(name) {
        _ if name == LOG_CONFIG => {
            [("group_id", LOG_GROUP), ("stream_id", LOG_STREAM)].into_iter().all(|(written, shown_as)| {
                let sent = sent.get(written).unwrap_or(&Value::Null);
                is_empty(sent) || shown.get(shown_as) == Some(sent)
            })
        }
        None => is_unset(sent) || !shown.get(name).is_none_or(is_unset),
        Some(_) => is_kept(sent, shown.get(name).unwrap_or(&Value::Null)),
    };
    body.iter().find(|field| !is_applied(*field)).map(|(name, _)| name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(value: Value) -> Fields {
        serde_json::from_value(value).expect("an object")
    }

    #[test]
    fn fields_are_sent_in_their_writable_form() {
        let shown = fields(json!({
            "func_urn": "urn", "digest": "d", "runtime": "http", "description": "", "gpu_memory": 0,
            "enable_dynamic_memory": false, "strategy_config": { "concurrency": 0, "concurrent_num": 1 },
            "func_vpc": { "vpc_id": "", "namespace": "n" }, "custom_image": { "image": "swr.i", "uid": "" },
            "mount_config": { "mount_user": { "user_id": -1 }, "func_mounts": [{ "mount_type": "sfs", "status": "active" }] },
            "domain_names": [{ "id": "zone" }], "encrypted_user_data": "{\"DB\":\"\"}",
            "enable_lts_log": true, "log_group_id": "g", "log_stream_id": "s",
            "new_field": { "of": ["the service", null, ""] }, "new_flag": false, "new_nothing": null,
        }));
        let log = LogDetail { group_name: "group".into(), stream_name: "stream".into(), ..LogDetail::default() };
        assert!(has_log(&shown));
        let expected = json!({
            "runtime": "http", "enable_dynamic_memory": false, "strategy_config": { "concurrency": 0, "concurrent_num": 1 },
            "custom_image": { "image": "swr.i", "uid": "" },
            "mount_config": { "mount_user": { "user_id": -1 }, "func_mounts": [{ "mount_type": "sfs" }] },
            "domain_names": r#"[{"id":"zone"}]"#, "enable_lts_log": true,
            "log_config": { "group_id": "g", "group_name": "group", "stream_id": "s", "stream_name": "stream" },
            "new_field": { "of": ["the service", null, ""] }, "new_flag": false,
        });
        assert_eq!(Value::from(as_written(&shown, Some(&log))), expected);
    }

    #[test]
    fn dropped_fields_are_reported_and_added_or_reordered_ones_are_not() {
        let lost = |sent: Value, found: Value| unapplied(&fields(sent), &fields(found));
        let network = json!({ "func_vpc": { "vpc_id": "v", "security_groups": ["a", "b"] } });
        let filled = json!({ "func_vpc": { "vpc_id": "v", "cidr": "c", "security_groups": ["b", "a"] } });
        assert_eq!(lost(network.clone(), filled), None);
        assert_eq!(lost(network, json!({})), Some("func_vpc".into()));
        let names = |text: &str| json!({ "domain_names": text });
        assert_eq!(lost(names(r#"[{"id":"z"}]"#), names(r#"[ {"id": "z"} ]"#)), None);
        assert_eq!(lost(names(r#"[{"id":"z"}]"#), names("[]")), Some("domain_names".into()));
        assert_eq!(lost(json!({ "description": "" }), json!({})), None);
        assert_eq!(
            lost(json!({ "is_stateful_function": true }), json!({ "is_stateful_function": false })).as_deref(),
            Some("is_stateful_function")
        );
        let log = json!({ "log_config": { "group_id": "g", "stream_id": "s" } });
        assert_eq!(lost(log.clone(), json!({ "log_group_id": "g", "log_stream_id": "s" })), None);
        assert_eq!(lost(log, json!({ "log_group_id": "", "log_stream_id": "" })), Some("log_config".into()));
        assert_eq!(lost(json!({ "new": 1 }), json!({ "new": 2 })), None);
        assert_eq!(lost(json!({ "new": 1 }), json!({})), Some("new".into()));
        assert_eq!(lost(json!({ "new": false }), json!({})), None);
    }
}
