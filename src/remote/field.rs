//! Converts values of fields between the manifest and the service, in the form that each row names.
//!
//! Neither compares nor sends.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::model::field::{Field, FieldSet};
use crate::model::function::LiveConfiguration;
use crate::model::row::{Call, Form, Row};
use crate::model::table::ROWS;
use crate::rules::number;

type Fields = Map<String, Value>;

/// The configuration in a record, and the fields that the record lacks, which are neither set nor empty. Does not
/// include tags. Contains only the names of secrets.
pub(super) fn read(record: &Fields) -> (LiveConfiguration, FieldSet) {
    let (mut configuration, mut unseen) = (LiveConfiguration::default(), FieldSet::default());
    for row in ROWS {
        let Some(wire) = row.wire else { continue };
        let Found { value, is_seen, is_whole: _ } = found(wire.form, record);
        if !is_seen {
            unseen.insert(row.field);
        }
        match (wire.form, value) {
            (Form::Secrets(_), _) | (_, None) => {}
            (Form::Variables(_), Some(_)) => configuration.set_entries(row.field, entries(record.get("user_data"))),
            (_, Some(value)) => configuration.set(row.field, value),
        }
    }
    (configuration, unseen)
}

/// The fields that a record shows only in part. The other part counts as the default.
pub(super) fn half_shown(record: &Fields) -> FieldSet {
    let is_half_shown = |row: &&Row| {
        let found = row.wire.map(|wire| found(wire.form, record));
        found.is_some_and(|found| found.is_seen && !found.is_whole)
    };
    ROWS.iter().filter(is_half_shown).map(|row| row.field).collect()
}

/// One field in a record.
struct Found {
    /// `None` means the default.
    value: Option<Value>,
    /// Whether the record has it, even if it is empty.
    is_seen: bool,
    /// Whether the record has all parts of it.
    is_whole: bool,
}

impl Found {
    const fn one(value: Option<Value>, is_seen: bool) -> Self {
        Self { value, is_seen, is_whole: is_seen }
    }
}

fn found(form: Form, record: &Fields) -> Found {
    match form {
        Form::Text(name) | Form::Variables(name) | Form::Secrets(name) => {
            let text = at(record, name).and_then(Value::as_str);
            let value = text.filter(|text| !text.is_empty()).map(Value::from);
            Found::one(value, text.is_some())
        }
        Form::Plain(name) => {
            let value = at(record, name).and_then(plain);
            let is_seen = value.is_some();
            Found::one(value, is_seen)
        }
        Form::Hook { handler, timeout } => {
            let handler = at(record, handler).and_then(Value::as_str);
            let timeout = at(record, timeout).and_then(plain);
            let (is_seen, is_whole) = (handler.is_some(), handler.is_none_or(str::is_empty) || timeout.is_some());
            let handler = handler.filter(|handler| !handler.is_empty());
            let timeout = timeout.unwrap_or_else(|| number::DEFAULT_INITIALIZER_SECONDS.into());
            Found { value: handler.map(|handler| json!({ "handler": handler, "timeout": timeout })), is_seen, is_whole }
        }
    }
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
        let value = if row.field.is_first() { configuration.value(row.field) } else { declared(configuration, row) };
        let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if row.field == Field::Environment {
            let variables: BTreeMap<&str, &str> = configuration.entries(Field::Environment).collect();
            if !variables.is_empty() {
                write(&mut body, row, &json!(variables));
            }
        } else if !is_empty {
            write(&mut body, row, &value);
        }
    }
    body
}

fn declared(configuration: &LiveConfiguration, row: &Row) -> Value {
    configuration.get(row.field).cloned().unwrap_or_default()
}

/// Sets a field in a body. Null clears it.
pub(super) fn write(body: &mut Fields, row: &Row, value: &Value) {
    let Some(wire) = row.wire else { return };
    match wire.form {
        Form::Text(name) => set(body, name, Some(value.as_str().unwrap_or_default().into())),
        Form::Plain(name) => set(body, name, Some(value.clone()).filter(|value| !value.is_null())),
        Form::Hook { handler, timeout } => {
            let member = |name: &str| value.get(name).cloned();
            set(body, handler, Some(member("handler").unwrap_or_else(|| "".into())));
            set(body, timeout, member("timeout"));
        }
        Form::Variables(name) => set(body, name, Some(value.to_string().into())),
        // The values of secrets are not part of a configuration.
        Form::Secrets(_) => {}
    }
}

/// The value at a path, whose parts are separated by dots. Null counts as no value.
fn at<'a>(record: &'a Fields, path: &str) -> Option<&'a Value> {
    let found = match path.split_once('.') {
        None => record.get(path),
        Some((object, member)) => record.get(object)?.get(member),
    };
    found.filter(|value| !value.is_null())
}

fn set(body: &mut Fields, path: &str, value: Option<Value>) {
    let (members, name) = match path.split_once('.') {
        None => (body, path),
        Some((object, member)) => {
            let object = body.entry(object).or_insert_with(|| json!({}));
            let Some(members) = object.as_object_mut() else { return };
            (members, member)
        }
    };
    match value {
        Some(value) => drop(members.insert(name.to_owned(), value)),
        None => drop(members.remove(name)),
    }
}
