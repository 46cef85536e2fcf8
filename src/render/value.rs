//! One value on one line, escaped for printing and written as the manifest writes it: text in quotes, so that `"1"` and `1`
//! differ, and times with a unit.

use serde_json::{Map, Value};

use crate::model::field::{Field, Path};
use crate::model::number;
use crate::plan::change::{FieldChange, OTHER_CODE, Shown};

use super::style::printable;

/// The value of a field after the change.
pub(super) fn after(change: &FieldChange) -> String {
    shown(&change.path, &change.after)
}

/// Both sides of a change.
pub(super) fn change(change: &FieldChange) -> String {
    let FieldChange { path, before, after } = change;
    match (before, after) {
        // Hidden values are shown by side, so that a change is visible.
        (Shown::Sensitive, Shown::Sensitive) => "(before) → (after)".to_owned(),
        (Shown::Value(Value::String(text)), after) if path.field == Field::Code && text == OTHER_CODE => {
            format!("changed: {}", shown(path, after))
        }
        _ => format!("{} → {}", shown(path, before), shown(path, after)),
    }
}

/// One side of a change.
pub(super) fn shown(Path { field, key }: &Path, value: &Shown) -> String {
    // A field of a policy may be an entry of `async`.
    let name = key.as_deref().filter(|_| *field == Field::Async).unwrap_or(field.key());
    match value {
        Shown::Sensitive => "(sensitive)".to_owned(),
        // A description of the code, unless it is an object's URL.
        Shown::Value(Value::String(text)) if *field == Field::Code && !text.starts_with("https://") => printable(text),
        Shown::Value(value) => one_line(name, value),
    }
}

/// Text in quotes. A quote or a backslash in it is escaped, as are line breaks and control characters.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", printable(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// The value of a key. The key determines the unit of a number.
fn one_line(key: &str, value: &Value) -> String {
    let is_period = [Field::Timeout, Field::MaxValidityPeriod].iter().any(|field| field.key() == key);
    match value {
        Value::Null => "(none)".to_owned(),
        Value::String(text) => quoted(text),
        Value::Number(seconds) if is_period => seconds.as_u64().map_or_else(|| seconds.to_string(), number::period),
        Value::Object(object) => pairs(object),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| one_line(key, item)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// `{"obs":{"bucket":"b","expires":7}}` reads `obs bucket="b" expires=7`, and `{"function":"f"}` reads `function "f"`.
fn pairs(object: &Map<String, Value>) -> String {
    let pair = |(key, value): (&String, &Value)| {
        let separator = if value.is_object() || object.len() == 1 { ' ' } else { '=' };
        format!("{}{separator}{}", printable(key), one_line(key, value))
    };
    object.iter().map(pair).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(path: Path, before: Value, after: Value) -> String {
        change(&FieldChange { path, before: Shown::Value(before), after: Shown::Value(after) })
    }

    #[test]
    fn text_number_empty_and_absent_differ() {
        let path = || Path::entry(Field::Environment, "A");
        assert_eq!(line(path(), json!("1"), json!(1)), "\"1\" → 1");
        assert_eq!(line(path(), json!(""), Value::Null), "\"\" → (none)");
        assert_eq!(line(path(), json!("(none)"), json!("a \"b\" \\ c\nd")), r#""(none)" → "a \"b\" \\ c\nd""#);
    }

    #[test]
    fn times_have_the_unit_that_a_manifest_gives_them() {
        assert_eq!(line(Path::of(Field::Timeout), json!(3), json!(7200)), "3s → 2h");
        assert_eq!(line(Path::of(Field::MaxValidityPeriod), json!(3600), json!(5400)), "1h → 90m");
        assert_eq!(line(Path::entry(Field::Async, "max_validity_period"), Value::Null, json!(3600)), "(none) → 1h");
        assert_eq!(
            line(Path::of(Field::Initializer), Value::Null, json!({ "handler": "index.init", "timeout": 30 })),
            "(none) → handler=\"index.init\" timeout=30s"
        );
    }

    #[test]
    fn targets_read_as_a_manifest_writes_them() {
        let function = json!({ "function": "default/second" });
        let bucket = json!({ "obs": { "bucket": "b", "expires": 7, "prefix": "" } });
        assert_eq!(
            line(Path::of(Field::OnSuccess), function, bucket),
            "function \"default/second\" → obs bucket=\"b\" expires=7 prefix=\"\""
        );
    }

    #[test]
    fn code_is_described_or_an_object() {
        let url = "https://b.obs.eu-de.otc.t-systems.com/a.zip";
        let code = |before: &str, after: &str| line(Path::of(Field::Code), json!(before), json!(after));
        assert_eq!(code(OTHER_CODE, "1 file, 37 B (index.py)"), "changed: 1 file, 37 B (index.py)");
        assert_eq!(code(url, "1 file, 37 B (index.py)"), format!("\"{url}\" → 1 file, 37 B (index.py)"));
        assert_eq!(code(OTHER_CODE, url), format!("changed: \"{url}\""));
    }
}
