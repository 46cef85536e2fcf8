//! The notations that fields can have, each with its schema. None is a schema union: if several types and their rules stand
//! side by side, an error says exactly what is wrong, whereas a union only says that no branch matches.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A field that `defaults` can provide: missing, null (which also removes the default), or a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Setting<T> {
    #[default]
    Inherited,
    Cleared,
    Set(T),
}

/// Adds a type to those that a schema allows. A union of target kinds, which describes objects, gets another branch.
fn allow(schema: &mut Schema, kind: &str) {
    let types = match schema.remove("type") {
        Some(Value::Array(types)) => types.into_iter().chain([json!(kind)]).collect(),
        Some(known) => vec![known, json!(kind)],
        None => return,
    };
    schema.insert("type".into(), types.into());
    if let Some(Value::Array(branches)) = schema.get_mut("oneOf") {
        branches.push(json!({ "type": kind }));
    }
}

/// Extends a schema so that null is valid too.
pub(super) fn nullable(mut schema: Schema) -> Schema {
    allow(&mut schema, "null");
    if let Some(Value::Array(values)) = schema.get_mut("enum") {
        values.push(Value::Null);
    }
    schema
}

/// Which of two settings the value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Own,
    Default,
}

impl<T> Setting<T> {
    /// The function's own value.
    pub(super) fn value(&self) -> Option<&T> {
        self.or(&Self::Inherited).map(|(value, _)| value)
    }

    /// The effective value, if any, and where it comes from.
    pub(super) fn or<'a>(&'a self, default: &'a Self) -> Option<(&'a T, Origin)> {
        match (self, default) {
            (Self::Set(value), _) => Some((value, Origin::Own)),
            (Self::Inherited, Self::Set(value)) => Some((value, Origin::Default)),
            (Self::Cleared | Self::Inherited, _) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::Cleared, Self::Set))
    }
}

impl<T: JsonSchema> JsonSchema for Setting<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Setting_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        nullable(T::json_schema(generator))
    }
}

/// The name of a declaration, or the declaration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reference<T> {
    Name(String),
    Inline(Box<T>),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Reference<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrMapping<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for NameOrMapping<T> {
            type Value = Reference<T>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name or a mapping")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Reference<T>, E> {
                Ok(Reference::Name(name.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Reference<T>, A::Error> {
                Ok(Reference::Inline(Box::new(T::deserialize(MapAccessDeserializer::new(map))?)))
            }
        }

        deserializer.deserialize_any(NameOrMapping(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Reference<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Reference_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        allow(&mut schema, "string");
        schema
    }
}

/// Text that can also be written as a number, true or false. It keeps its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scalar<T>(pub(super) T);

impl<'de, T: TryFrom<String, Error: fmt::Display>> Deserialize<'de> for Scalar<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Value::deserialize(deserializer)? {
            Value::String(text) => text,
            other @ (Value::Bool(_) | Value::Number(_)) => other.to_string(),
            _ => return Err(de::Error::custom("it must be text, a number, or true or false")),
        };
        T::try_from(text).map(Self).map_err(de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Scalar<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Scalar_{}", T::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert("type".into(), json!(["string", "integer", "number", "boolean"]));
        schema
    }
}

/// Entries by name; the schema includes the rule for names.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent, bound(deserialize = "K: Ord + Deserialize<'de>, V: Deserialize<'de>"))]
pub(super) struct Entries<K, V>(pub(super) BTreeMap<K, V>);

impl<K, V> Default for Entries<K, V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: JsonSchema, V: JsonSchema> JsonSchema for Entries<K, V> {
    fn schema_name() -> Cow<'static, str> {
        format!("Entries_{}_{}", K::schema_name(), V::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (names, values) = (K::json_schema(generator), generator.subschema_for::<V>());
        json_schema!({ "type": "object", "propertyNames": names, "additionalProperties": values })
    }
}

/// The entries of `defaults`, then the function's own, which take precedence. Null in the function removes the
/// defaults.
pub(super) fn merged<'a, K, V>(
    own: &'a Setting<Entries<K, V>>,
    default: &'a Setting<Entries<K, V>>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    let default = if matches!(own, Setting::Cleared) { None } else { default.value() };
    default.into_iter().chain(own.value()).flat_map(|entries| &entries.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cleared_setting_hides_the_default() {
        let default = Setting::Set(1);
        assert_eq!(Setting::Inherited.or(&default), Some((&1, Origin::Default)));
        assert_eq!(Setting::Set(2).or(&default), Some((&2, Origin::Own)));
        assert_eq!(Setting::Cleared.or(&default), None);
    }
}
