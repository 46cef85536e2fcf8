//! `functions`: each entry is a function that fgctl deploys, or one that something else deploys.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error as _, MapAccess};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

use crate::model::text::{FunctionName, PackageName};

use super::existing::{self, ExistingEntry};
use super::field::FieldSettings;
use super::function::{DefaultsEntry, FormsEntry, FunctionEntry, OwnEntry};
use super::notation::Setting;
use super::shared::{self, Take};

/// The field that tells the two apart.
pub(super) const EXISTING: &str = "existing";

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

    pub(super) fn inherits_package(&self) -> bool {
        matches!(self.name().1, Setting::Inherited)
    }
}

/// Whether an entry says that something else deploys the function.
pub(super) fn is_existing(entry: &Map<String, Value>) -> bool {
    entry.get(EXISTING) == Some(&Value::Bool(true))
}

/// The names of an entry besides those of [`FormsEntry`].
#[derive(Default)]
struct Names {
    own: OwnEntry,
    fields: FieldSettings,
    is_existing: bool,
    /// Whether there are fields that an existing function cannot have.
    has_others: bool,
}

impl Take for Names {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        self.has_others |= !existing::FIELDS.contains(&name);
        if name == EXISTING {
            self.is_existing = map.next_value::<Value>()? == true;
            return Ok(true);
        }
        Ok(self.own.take(name, map)? || self.fields.take(name, map)?)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut names = Names::default();
        let forms: FormsEntry = shared::others(&mut names, deserializer)?;
        let Names { own, fields, is_existing, has_others } = names;
        if !is_existing {
            return Ok(Self::Whole(Box::new(FunctionEntry { own, settings: DefaultsEntry { forms, fields } })));
        }
        if has_others {
            return Err(D::Error::custom(format_args!(
                "an existing function has only {}",
                existing::FIELDS.join(", ")
            )));
        }
        let (OwnEntry { name, triggers, .. }, FormsEntry { package, r#async, .. }) = (own, forms);
        Ok(Self::Existing(ExistingEntry { name, package, r#async, triggers }))
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

    /// The types that share an entry name their fields one by one.
    #[test]
    fn an_entry_has_the_fields_of_its_schema_and_no_others() {
        let properties = SchemaGenerator::default().root_schema_for::<Entry>();
        let properties = properties.get("properties").and_then(Value::as_object).expect("properties");
        for field in properties.keys() {
            let entry = serde_json::from_value::<Entry>(json!({ field: null }));
            assert!(matches!(entry, Ok(Entry::Whole(_))), "{field}: {entry:?}");
        }
        assert!(serde_json::from_value::<Entry>(json!({ "nothing": null })).is_err());
    }

    #[test]
    fn what_does_not_exist_elsewhere_is_a_whole_function() {
        for entry in [json!({}), json!({ "existing": false })] {
            assert!(matches!(serde_json::from_value(entry), Ok(Entry::Whole(_))));
        }
    }
}
