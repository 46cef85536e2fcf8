//! The format as a JSON Schema, derived from the types that read it. The strict form checks values after variables are
//! substituted. The published form, for editors, also allows `${var.x}` for each scalar with a type or a rule.

use jsonschema::{Keyword, PatternOptions, ValidationError, ValidationOptions, Validator};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

use crate::model::text::MAX_BYTES;

use super::file::File;

/// Matches text that contains a variable.
const VARIABLE: &str = r"\$\{var\.";

/// Draft 7, the newest that common YAML editors support.
static STRICT: LazyLock<Value> = LazyLock::new(|| {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    settings.into_generator().into_root_schema_for::<File>().into()
});

#[expect(clippy::expect_used, reason = "the schema is derived from constants, and every test uses it")]
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| options().build(&STRICT).expect("our schema is valid"));

fn options() -> ValidationOptions<'static> {
    let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
    options.with_keyword(MAX_BYTES, |_, most, _| Ok(Box::new(MaxBytes(most.as_u64().unwrap_or_default()))))
}

/// Whether one node of the schema allows a value.
pub(super) fn accepts(node: &Value, value: &Value) -> bool {
    options().build(node).is_ok_and(|validator| validator.is_valid(value))
}

/// The keyword that limits a text's length in bytes.
struct MaxBytes(u64);

impl<'i> Keyword<'i> for MaxBytes {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("it has too many bytes")) }
    }

    fn is_valid(&self, instance: &Value) -> bool {
        instance.as_str().is_none_or(|text| text.len() as u64 <= self.0)
    }
}

/// The schema that checks values.
pub(super) fn strict() -> &'static Value {
    &STRICT
}

pub(super) fn validator() -> &'static Validator {
    &VALIDATOR
}

/// The schema for editors and for the `$schema` comment.
pub fn published() -> Value {
    let mut schema = STRICT.clone();
    if let Value::Object(root) = &mut schema {
        for (name, section) in root.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten() {
            if name != "variables" {
                allow_variables(section);
            }
        }
    }
    schema
}

/// Rules that text with a variable violates before the variable is substituted.
const RULES: [&str; 11] = [
    "type",
    "pattern",
    "minLength",
    "maxLength",
    MAX_BYTES,
    "enum",
    "minimum",
    "maximum",
    "not",
    "errorMessage",
    "const",
];

fn allow_variables(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    for keyword in ["properties", "additionalProperties", "items"] {
        match (keyword, node.get_mut(keyword)) {
            ("properties", Some(Value::Object(properties))) => properties.values_mut().for_each(allow_variables),
            (_, Some(subschema)) => allow_variables(subschema),
            (_, None) => {}
        }
    }
    let types = node.get("type").map(|kinds| kinds.as_array().cloned().unwrap_or_else(|| vec![kinds.clone()]));
    let types = types.unwrap_or_default();
    let has = |kind: &str| types.iter().any(|known| known == kind);
    let scalar = ["string", "integer", "number", "boolean"].into_iter().any(has);
    if has("string") && has("object") {
        // Only the text can be a variable.
        if let Some(Value::String(pattern)) = node.get_mut("pattern") {
            *pattern = format!("{pattern}|{VARIABLE}");
        }
        return;
    }
    let free = has("string") && RULES[1..].iter().all(|rule| !node.contains_key(*rule));
    if !scalar || free || has("object") {
        return;
    }
    let mut rules = Map::new();
    for rule in RULES {
        if let Some(value) = node.remove(rule) {
            rules.insert(rule.to_owned(), value);
        }
    }
    node.insert("anyOf".into(), json!([rules, { "type": "string", "pattern": VARIABLE }]));
}
