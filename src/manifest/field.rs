//! The fields that the table describes: their schema, and their values in a function or in `defaults`. The schema
//! checks the values. They are converted to their types once it is known which value applies.

use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::model::field::Field;
use crate::model::row::{DefaultValue, Row, Typed};
use crate::model::table;

use super::notation::{Setting, nullable};

/// The settings of an entry. A field without a setting is inherited.
#[derive(Debug, Default)]
pub(super) struct FieldSettings(BTreeMap<Field, Setting<Value>>);

impl FieldSettings {
    /// Removes the fields of the table from an entry and returns their settings.
    pub(super) fn take_from(entry: &mut Map<String, Value>) -> Self {
        let mut settings = BTreeMap::new();
        for row in typed_rows().map(|(row, _)| row) {
            let written = match row.group() {
                None => entry.remove(row.key),
                Some(group) => match entry.get_mut(group) {
                    // Null clears all of a group's defaults.
                    Some(Value::Null) => Some(Value::Null),
                    Some(members) => members.as_object_mut().and_then(|members| members.remove(row.name())),
                    None => None,
                },
            };
            match written {
                None => None,
                Some(Value::Null) => settings.insert(row.field, Setting::Cleared),
                Some(value) => settings.insert(row.field, Setting::Set(value)),
            };
        }
        entry.retain(|name, _| !table::GROUPS.iter().any(|(group, _)| group == name));
        Self(settings)
    }

    pub(super) fn get(&self, field: Field) -> &Setting<Value> {
        self.0.get(&field).unwrap_or(&Setting::Inherited)
    }
}

/// Adds the fields to a mapping's schema.
pub(super) fn describe(properties: &mut Map<String, Value>, generator: &mut SchemaGenerator) {
    for (group, doc) in table::GROUPS {
        let group_schema = json!({
            "type": ["object", "null"],
            "description": doc,
            "properties": {},
            "additionalProperties": false,
        });
        properties.insert((*group).to_owned(), group_schema);
    }
    for (row, typed) in typed_rows() {
        let schema = schema(row, &typed, generator);
        let members = match row.group() {
            None => Some(&mut *properties),
            Some(group) => properties.get_mut(group).and_then(|group| group.get_mut("properties")?.as_object_mut()),
        };
        if let Some(members) = members {
            members.insert(row.name().to_owned(), schema.into());
        }
    }
}

fn typed_rows() -> impl Iterator<Item = (&'static Row, Typed)> {
    table::ROWS.iter().filter_map(|row| Some((row, row.typed?)))
}

fn schema(row: &Row, typed: &Typed, generator: &mut SchemaGenerator) -> Schema {
    let mut schema = nullable((typed.schema)(generator));
    schema.insert("description".into(), typed.doc.into());
    if row.default != DefaultValue::Nothing {
        schema.insert("default".into(), row.default.value());
    }
    if !typed.examples.is_empty() {
        schema.insert("examples".into(), typed.examples.into());
    }
    schema
}
