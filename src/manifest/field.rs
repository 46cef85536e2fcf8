//! The fields that the table describes: their schema, and their values in a function or in `defaults`. The schema
//! checks the values. They are converted to their types once it is known which value applies.

use schemars::{Schema, SchemaGenerator};
use serde::de::MapAccess;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::field::Field;
use crate::model::row::{DefaultValue, Row, Typed};
use crate::model::table;

use super::notation::{Setting, nullable};
use super::shared::Take;

/// What a name in an entry stands for.
enum Name {
    Field(Field),
    /// The fields of a group by their names in it.
    Group(BTreeMap<&'static str, Field>),
}

static NAMES: LazyLock<BTreeMap<&'static str, Name>> = LazyLock::new(|| {
    let mut names = BTreeMap::new();
    for row in typed_rows().map(|(row, _)| row) {
        match row.group() {
            None => drop(names.insert(row.key, Name::Field(row.field))),
            Some(group) => {
                if let Name::Group(members) = names.entry(group).or_insert_with(|| Name::Group(BTreeMap::new())) {
                    members.insert(row.name(), row.field);
                }
            }
        }
    }
    names
});

/// The settings of an entry. A field without a setting is inherited.
#[derive(Debug, Default)]
pub(super) struct FieldSettings(BTreeMap<Field, Setting<Value>>);

impl Take for FieldSettings {
    fn take<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match NAMES.get(name) {
            None => return Ok(false),
            Some(Name::Field(field)) => self.add(*field, map.next_value()?),
            Some(Name::Group(members)) => self.add_group(members, map.next_value()?),
        }
        Ok(true)
    }
}

impl FieldSettings {
    fn add_group(&mut self, members: &BTreeMap<&'static str, Field>, value: Value) {
        match value {
            Value::Object(written) => {
                let known = written.into_iter().filter_map(|(name, value)| Some((members.get(&*name)?, value)));
                known.for_each(|(field, value)| self.add(*field, value));
            }
            // This clears all of the group's defaults.
            Value::Null => members.values().for_each(|field| self.add(*field, Value::Null)),
            // The schema refuses anything else.
            _ => {}
        }
    }

    fn add(&mut self, field: Field, value: Value) {
        let setting = if value.is_null() { Setting::Cleared } else { Setting::Set(value) };
        self.0.insert(field, setting);
    }

    pub(super) fn get(&self, field: Field) -> &Setting<Value> {
        self.0.get(&field).unwrap_or(&Setting::Inherited)
    }

    /// The fields that are not inherited.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Field, &Setting<Value>)> {
        self.0.iter().map(|(field, setting)| (*field, setting))
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
