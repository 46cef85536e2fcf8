//! Lenient parsing of body fields for which sources differ.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Treats null like a missing field.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Treats a value of another type like a missing field.
pub(crate) fn other_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Reads text, or a number as text. Everything else is treated like a missing field.
pub(crate) fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => String::new(),
    })
}

/// Treats null and an empty object as `None`.
pub(crate) fn empty_as_none<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::Object(fields)) if fields.is_empty() => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(serde::de::Error::custom),
    }
}

/// Reads a number, or a number in a string. Null and an empty string are 0.
pub(crate) fn number_or_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + TryFrom<i64>,
{
    match Option::deserialize(deserializer)? {
        None => Ok(T::default()),
        Some(Number::Number(number)) => convert(number),
        Some(Number::Text(text)) if text.trim().is_empty() => Ok(T::default()),
        Some(Number::Text(text)) => text.trim().parse().ok().map_or_else(|| unusable(&text), convert),
    }
}

/// Reads a number, or a number in a string. The number is required.
pub(crate) fn number<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<i64>,
{
    match Number::deserialize(deserializer)? {
        Number::Number(number) => convert(number),
        Number::Text(text) => text.trim().parse().ok().map_or_else(|| unusable(&text), convert),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

fn convert<T: TryFrom<i64>, E: serde::de::Error>(number: i64) -> Result<T, E> {
    T::try_from(number).or_else(|_| unusable(number))
}

fn unusable<T, E: serde::de::Error>(value: impl std::fmt::Display) -> Result<T, E> {
    Err(E::custom(format_args!("{value} is not a number that fits here")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Page {
        #[serde(default, deserialize_with = "number_or_text")]
        count: u32,
    }

    #[derive(Deserialize)]
    struct Size {
        #[serde(deserialize_with = "number")]
        memory_size: u32,
    }

    #[test]
    fn a_required_number_cannot_be_missing_or_empty() {
        let size = |json: &str| serde_json::from_str::<Size>(json).map(|size| size.memory_size).ok();
        assert_eq!(size(r#"{"memory_size": 128}"#), Some(128));
        assert_eq!(size(r#"{"memory_size": "128"}"#), Some(128));
        for json in ["{}", r#"{"memory_size": null}"#, r#"{"memory_size": ""}"#, r#"{"memory_size": true}"#] {
            assert_eq!(size(json), None, "{json}");
        }
    }

    #[test]
    fn a_number_is_read_in_every_documented_form() {
        let count = |json: &str| serde_json::from_str::<Page>(json).map(|page| page.count).ok();
        assert_eq!(count(r#"{"count": 7}"#), Some(7));
        assert_eq!(count(r#"{"count": "7"}"#), Some(7));
        assert_eq!(count(r#"{"count": ""}"#), Some(0));
        assert_eq!(count(r#"{"count": null}"#), Some(0));
        assert_eq!(count("{}"), Some(0));
        assert_eq!(count(r#"{"count": "seven"}"#), None);
        assert_eq!(count(r#"{"count": -7}"#), None);
    }
}
