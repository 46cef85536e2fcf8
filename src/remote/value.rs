//! What JSON values mean to the service: which ones say the same, and which ones say nothing.

use serde_json::Value;

use crate::rules::number;

/// Whether everything that was sent is found. The service may add members to objects and reorder lists.
pub(super) fn is_kept(sent: &Value, found: &Value) -> bool {
    match (sent, found) {
        (sent, found) if sent == found || (is_unset(sent) && is_unset(found)) => true,
        (Value::Object(sent), Value::Object(found)) => {
            sent.iter().all(|(name, sent)| is_kept(sent, found.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(sent), Value::Array(found)) => {
            sent.len() == found.len() && sent.iter().all(|sent| found.iter().any(|found| is_kept(sent, found)))
        }
        (Value::String(sent), Value::String(found)) => match (structure(sent), structure(found)) {
            (Some(sent), Some(found)) => is_kept(&sent, &found) && is_kept(&found, &sent),
            _ => false,
        },
        // Some answers return ids as numbers, others as strings.
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            number.to_string() == *text
        }
        _ => false,
    }
}

/// The object or list in a string.
fn structure(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())
}

/// Whether a value means the same as a missing field.
pub(super) fn is_unset(value: &Value) -> bool {
    match value {
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty() || structure(text).is_some_and(|inner| is_empty(&inner)),
        other => is_empty(other),
    }
}

/// Whether a member of an object says more than its absence. An owner of -1 is the service's choice.
pub(super) fn is_meant(value: &Value) -> bool {
    let is_open = |member: &Value| is_kept(&number::DEFAULT_MOUNT_OWNER.into(), member) || is_unset(member);
    !is_unset(value) && !value.as_object().is_some_and(|members| members.values().all(is_open))
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(_) => false,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
    }
}

pub(super) fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !is_empty(value))
}
