//! `functions`: each entry is a function that fgctl deploys, or one that something else deploys.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

use crate::model::text::{FunctionName, PackageName};

use super::existing::{self, ExistingEntry};
use super::function::FunctionEntry;
use super::notation::Setting;

/// The field that tells the two apart.
const EXISTING: &str = "existing";

/// An entry under `functions`.
#[derive(Debug)]
pub(super) enum Entry {
    Whole(Box<FunctionEntry>),
    Existing(ExistingEntry),
}

impl Entry {
    /// What says which function it is.
    pub(super) const fn name(&self) -> (Option<&FunctionName>, &Setting<PackageName>) {
        match self {
            Self::Whole(entry) => (entry.own.name.as_ref(), &entry.settings.forms.package),
            Self::Existing(entry) => (entry.name.as_ref(), &entry.package),
        }
    }
}

/// Whether an entry says that something else deploys the function.
pub(super) fn is_existing(entry: &Map<String, Value>) -> bool {
    entry.get(EXISTING) == Some(&Value::Bool(true))
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut entry = Map::deserialize(deserializer)?;
        if is_existing(&entry) {
            return ExistingEntry::deserialize(Value::from(entry)).map(Self::Existing).map_err(D::Error::custom);
        }
        entry.remove(EXISTING);
        FunctionEntry::try_from(entry).map(|entry| Self::Whole(Box::new(entry))).map_err(D::Error::custom)
    }
}

/// One mapping, not a union of two: so editors describe every field, and messages name the field that is wrong.
impl JsonSchema for Entry {
    fn schema_name() -> Cow<'static, str> {
        "FunctionEntry".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = FunctionEntry::json_schema(generator);
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.insert(EXISTING.into(), json!({
                "type": "boolean",
                "default": false,
                "description": "True if another tool deploys this function, such as Terraform, a CI job or the console. The function must exist. fgctl manages only its policy and triggers: it never creates the function, changes its configuration or code, or deletes it. So such an entry can have only `name`, `package`, `existing`, `async` and `triggers`. \
                                Without `async` here and in `defaults`, a policy that others applied stays as it is. Null declares that there is no policy. Default: false.",
            }));
        }
        let required = schema.remove("required").unwrap_or_else(|| json!([]));
        schema.insert("if".into(), json!({ "properties": { EXISTING: { "const": true } }, "required": [EXISTING] }));
        schema.insert("then".into(), json!({ "propertyNames": { "enum": existing::FIELDS } }));
        schema.insert("else".into(), json!({ "required": required }));
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_existing_entry_takes_its_five_fields_and_no_other() {
        let whole = json!({ "name": "a", "package": "p", "existing": true, "async": {}, "triggers": {} });
        assert_eq!(whole.as_object().map(Map::len), Some(existing::FIELDS.len()));
        assert!(matches!(serde_json::from_value(whole.clone()), Ok(Entry::Existing(_))));
        let properties = SchemaGenerator::default().root_schema_for::<Entry>();
        let properties = properties.get("properties").and_then(Value::as_object).expect("properties");
        for field in properties.keys().filter(|field| !existing::FIELDS.contains(&field.as_str())) {
            let mut entry = whole.clone();
            entry[field] = Value::Null;
            assert!(serde_json::from_value::<Entry>(entry).is_err(), "{field}");
        }
    }

    #[test]
    fn what_does_not_exist_elsewhere_is_a_whole_function() {
        for entry in [json!({}), json!({ "existing": false })] {
            assert!(matches!(serde_json::from_value(entry), Ok(Entry::Whole(_))));
        }
    }
}
