//! The JSON Schema of overlays: that of manifests, with nothing required, and with null wherever an overlay can remove
//! something.

use serde_json::{Map, Value, json};

use super::super::json_schema;

/// The schema for editors.
pub fn published() -> Value {
    let mut schema = json_schema::published();
    let Value::Object(root) = &mut schema else { return schema };
    for section in ["defaults", "targets", "policies", "functions"] {
        if let Some(section) = root.get_mut("properties").and_then(|properties| properties.get_mut(section)) {
            loosen(section);
        }
    }
    root.insert("title".into(), "fgctl overlay".into());
    root.insert("description".into(), DESCRIPTION.into());
    root.insert("required".into(), json!([super::MARK]));
    if let Some(Value::Object(properties)) = root.get_mut("properties") {
        let description = "Marks an overlay: a file that changes what the manifests before it declare.";
        properties.insert(super::MARK.into(), json!({ "description": description, "const": true }));
    }
    schema
}

const DESCRIPTION: &str = "An fgctl overlay: changes to the manifests before it. Mappings are merged by key; other values are \
                           replaced; null removes an entry.";

/// What a change of an entry need not have: fields that are required, or required with others.
const WHOLE: [&str; 7] = ["required", "dependencies", "oneOf", "not", "if", "then", "else"];

fn loosen(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    for keyword in WHOLE {
        // A rule for text stays.
        if node.get("type").is_none_or(|kind| !is_scalar(kind)) {
            node.remove(keyword);
        }
    }
    for keyword in ["properties", "additionalProperties"] {
        match (keyword, node.get_mut(keyword)) {
            ("properties", Some(Value::Object(fields))) => fields.values_mut().for_each(loosen),
            (_, Some(entry)) => loosen(entry),
            (_, None) => {}
        }
    }
    allow_null(node);
}

fn is_scalar(kind: &Value) -> bool {
    let names = |name: &str| kind == name || kind.as_array().is_some_and(|kinds| kinds.iter().any(|kind| kind == name));
    !names("object") && !names("array")
}

fn allow_null(node: &mut Map<String, Value>) {
    if let Some(Value::Array(branches)) = node.get_mut("anyOf") {
        branches.push(json!({ "type": "null" }));
        return;
    }
    let Some(kind) = node.remove("type") else { return };
    let mut kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind]);
    if !kinds.iter().any(|kind| kind == "null") {
        kinds.push("null".into());
    }
    node.insert("type".into(), kinds.into());
    if let Some(Value::Array(values)) =
        node.get_mut("enum").filter(|values| values.as_array().is_some_and(|values| !values.contains(&Value::Null)))
    {
        values.push(Value::Null);
    }
}
