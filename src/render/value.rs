//! One value on one line, safe to print whatever it holds.

use serde_json::{Map, Value};

use crate::plan::change::Shown;

pub(super) fn shown(value: &Shown) -> String {
    match value {
        Shown::Sensitive => "(sensitive)".into(),
        Shown::Value(value) => one_line(value),
    }
}

/// Both sides of a change. Values that are not shown are called by their sides, so that a change of them is seen.
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
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// `{"obs":{"bucket":"b","expires":7}}` reads `obs bucket=b expires=7`, and `{"function":"f"}` reads `function f`.
fn pairs(object: &Map<String, Value>) -> String {
    let pair = |(key, value): (&String, &Value)| {
        let separator = if value.is_object() || object.len() == 1 { ' ' } else { '=' };
        format!("{key}{separator}{}", one_line(value))
    };
    object.iter().map(pair).collect::<Vec<_>>().join(" ")
}

/// Control characters would reach the terminal as commands, and those of direction would show text in another order than
/// it has: they are shown as escapes.
pub(super) fn printable(text: &str) -> String {
    let is_direction =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let escape =
        |c: char| if c.is_control() || is_direction(c) { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect()
}
