//! The forms that fields can take, each with its schema. None is a schema union: if several types and their rules stand
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
        let mut schema = T::json_schema(generator);
        allow(&mut schema, "null");
        if let Some(Value::Array(values)) = schema.get_mut("enum") {
            values.push(Value::Null);
        }
        schema
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
            _ => return Err(de::Error::custom("it must be text, a number, true or false")),
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

/// A duration from `MIN` to `MAX` seconds, by default `DEFAULT`: a number of seconds, or text such as `90s`, `15m`,
/// `24h`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Period<const MIN: u32, const MAX: u32, const DEFAULT: u32> {
    Seconds(u64),
    Text(String),
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> Period<MIN, MAX, DEFAULT> {
    /// The number of seconds, even outside the range; the schema cannot check the range of text.
    pub(super) fn seconds(&self) -> u64 {
        match self {
            Self::Seconds(seconds) => *seconds,
            Self::Text(text) => {
                let (digits, unit) = text.split_at(text.len().saturating_sub(1));
                let unit = match unit {
                    "h" => 3600,
                    "m" => 60,
                    _ => 1,
                };
                // Digits that do not fit exceed any limit.
                digits.parse().unwrap_or(u64::MAX).saturating_mul(unit)
            }
        }
    }

    pub(super) fn expectation() -> String {
        format!("it must be {MIN} to {} seconds: a whole number, or text such as 90s, 15m or 24h", grouped(MAX.into()))
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> fmt::Display for Period<MIN, MAX, DEFAULT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seconds(seconds) => write!(f, "{seconds}"),
            Self::Text(text) if text.ends_with('s') => f.write_str(text),
            Self::Text(text) => write!(f, "{text} ({} seconds)", grouped(self.seconds())),
        }
    }
}

impl<'de, const MIN: u32, const MAX: u32, const DEFAULT: u32> Deserialize<'de> for Period<MIN, MAX, DEFAULT> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => number.as_u64().map(Self::Seconds).ok_or_else(|| de::Error::custom(number)),
            _ => Err(de::Error::custom(Self::expectation())),
        }
    }
}

impl<const MIN: u32, const MAX: u32, const DEFAULT: u32> JsonSchema for Period<MIN, MAX, DEFAULT> {
    fn schema_name() -> Cow<'static, str> {
        format!("Period{MIN}To{MAX}").into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["integer", "string"],
            "minimum": MIN,
            "maximum": MAX,
            "pattern": "^[0-9]+[smh]$",
            "errorMessage": Self::expectation(),
        })
    }
}

/// Formats `86400` as `86,400`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_in_every_unit() {
        for (text, seconds) in
            [("90s", 90), ("15m", 900), ("24h", 86_400), ("0s", 0), ("99999999999999999999h", u64::MAX)]
        {
            assert_eq!(Period::<1, 86_400, 1>::Text(text.into()).seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn large_numbers_are_grouped() {
        assert_eq!([1, 999, 1000, 1_234_567].map(grouped), ["1", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn a_cleared_setting_hides_the_default() {
        let default = Setting::Set(1);
        assert_eq!(Setting::Inherited.or(&default), Some((&1, Origin::Default)));
        assert_eq!(Setting::Set(2).or(&default), Some((&2, Origin::Own)));
        assert_eq!(Setting::Cleared.or(&default), None);
    }
}
