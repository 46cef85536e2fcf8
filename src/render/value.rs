//! One value on one line, escaped for printing.

use serde_json::{Map, Value};

use crate::plan::change::Shown;

use super::style::printable;

pub(super) fn shown(value: &Shown) -> String {
    match value {
        Shown::Sensitive => "(sensitive)".into(),
        Shown::Value(value) => one_line(value),
    }
}

/// Both sides of a change. Hidden values are shown as `before` and `after`, so that a change of them is visible.
pub(super) fn change(before: &Shown, after: &Shown) -> String {
    match (before, after) {
        (Shown::Sensitive, Shown::Sensitive) => "(before) → (after)".into(),
        _ => format!("{} → {}", shown(before), shown(after)),
    }
}

fn one_line(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(text) if text.is_empty() => "\"\"".into(),
        Value::String(text) => printable(text),
        Value::Object(object) => pairs(object),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => printable(&value.to_string()),
    }
}

/// `{"obs":{"bucket":"b","expires":7}}` reads `obs bucket=b expires=7`, and `{"function":"f"}` reads `function f`.
fn pairs(object: &Map<String, Value>) -> String {
    let pair = |(key, value): (&String, &Value)| {
        let separator = if value.is_object() || object.len() == 1 { ' ' } else { '=' };
        format!("{}{separator}{}", printable(key), one_line(value))
    };
    object.iter().map(pair).collect::<Vec<_>>().join(" ")
}
