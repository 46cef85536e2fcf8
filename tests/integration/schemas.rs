//! Documents that match the JSON Schemas of the repository.

use jsonschema::Validator;
use serde_json::Value;
use std::path::Path;

/// The schema `schemas/<name>.schema.json`.
pub(crate) fn schema(name: &str) -> Validator {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"));
    let text = std::fs::read_to_string(path).expect("the schema");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
}

pub(crate) fn assert_valid(schema: &Validator, document: &Value) {
    let errors: Vec<String> =
        schema.iter_errors(document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}
