//! Checks a file of environments against the schema, which is derived from the types that read it.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use schemars::generate::SchemaSettings;
use serde_json::Value;
use std::sync::LazyLock;

use crate::diagnostic::{Diagnostic, Spot, unescaped};

use super::super::explain::{shown, words};
use super::super::nearest::suggestion;
use super::File;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<File>().into()
});

#[expect(clippy::expect_used, reason = "the schema is derived from constants, and tests use it")]
static VALIDATOR: LazyLock<Validator> =
    LazyLock::new(|| jsonschema::validator_for(&SCHEMA).expect("our schema is valid"));

/// The schema for editors.
pub fn published() -> Value {
    SCHEMA.clone()
}

const BEGIN: &str = "begin the file with `version: 1`, and declare each environment under `environments`";

/// What the schema refuses. The file is the only source.
pub(super) fn findings(value: &Value) -> Vec<Diagnostic> {
    if value.is_null() {
        return vec![Diagnostic::error("empty", "the environments file is empty").at(Spot::value(0, "")).help(BEGIN)];
    }
    VALIDATOR.iter_errors(value).flat_map(|error| explained(&error)).collect()
}

fn explained(error: &ValidationError) -> Vec<Diagnostic> {
    let pointer = error.instance_path().to_string();
    let node = node(error);
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => {
            let known = node.get("properties").and_then(Value::as_object);
            let known: Vec<&str> = known.into_iter().flat_map(|known| known.keys().map(String::as_str)).collect();
            let unknown = |name: &String| {
                let message = format!("{} has no field `{name}`", subject(&pointer));
                let spot = Spot::key(0, &pointer).child(name);
                Diagnostic::error("unknown-field", message).at(spot).help(suggestion(
                    name,
                    "fields",
                    known.iter().copied(),
                ))
            };
            unexpected.iter().map(unknown).collect()
        }
        ValidationErrorKind::Required { property } => {
            let message = format!("{} has no `{}`", subject(&pointer), property.as_str().unwrap_or_default());
            vec![Diagnostic::error("missing-field", message).at(Spot::key(0, pointer)).help(BEGIN)]
        }
        ValidationErrorKind::Type { .. } => {
            let types = node.get("type").map(words).unwrap_or_default();
            let message =
                format!("{} is {}, but it must be {types}", subject(&pointer), shown(error.instance(), &pointer));
            vec![Diagnostic::error("wrong-type", message).at(Spot::value(0, pointer))]
        }
        _ => {
            let rule = node.get("errorMessage").and_then(Value::as_str);
            let rule = rule.map_or_else(|| format!(": {error}"), |rule| format!(", but {rule}"));
            let message = format!("{} is {}{rule}", subject(&pointer), shown(error.instance(), &pointer));
            vec![Diagnostic::error("invalid-value", message).at(Spot::value(0, pointer))]
        }
    }
}

/// The schema node that an error is about.
fn node(error: &ValidationError) -> &'static Value {
    let path = error.schema_path().to_string();
    let node = path.rsplit_once('/').and_then(|(node, _)| SCHEMA.pointer(node));
    node.unwrap_or(&Value::Null)
}

fn subject(pointer: &str) -> String {
    match pointer.rsplit_once('/') {
        None => "the environments file".to_owned(),
        Some((list, item))
            if item.parse::<usize>().is_ok() && list.rsplit('/').next().is_some_and(|list| list.ends_with("files")) =>
        {
            format!("an item of `{}`", list.rsplit('/').next().unwrap_or_default())
        }
        Some((_, field)) => format!("`{}`", unescaped(field)),
    }
}
