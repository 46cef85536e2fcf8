//! The values of a trigger's fields: as manifests write them, and as the service has them.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

use crate::rules::trigger::{Choice, ChoiceValue, Shape, TriggerField};

use super::{EventData, member};

/// The member that says which kind of schedule a timer has.
pub const SCHEDULE_TYPE: &str = "schedule_type";
/// The member that has the unit of `polling_interval`.
pub const POLLING_UNIT: &str = "polling_unit";
const POLLING_INTERVAL: &str = "polling_interval";
const MILLISECONDS: &str = "ms";
const SECONDS: &str = "s";

/// Adds a field to `event_data`. The value is as a manifest writes it, and follows the field's rule.
pub fn put(data: &mut EventData, field: &TriggerField, written: &Value) {
    let Some(value) = to_wire(&field.shape, written) else { return };
    match field.shape {
        Shape::Schedule(kind) => drop(data.insert(SCHEDULE_TYPE.to_owned(), kind.wire().into())),
        Shape::Milliseconds(_) => drop(data.insert(POLLING_UNIT.to_owned(), MILLISECONDS.into())),
        _ => {}
    }
    insert(data, field.wire, value);
}

/// Sets a member; a dot in the name separates the members of an object.
pub fn insert(data: &mut EventData, wire: &str, value: Value) {
    match wire.split_once('.') {
        None => drop(data.insert(wire.to_owned(), value)),
        Some((object, rest)) => {
            let object = data.entry(object).or_insert_with(|| Map::new().into());
            if !object.is_object() {
                *object = Map::new().into();
            }
            if let Value::Object(object) = object {
                insert(object, rest, value);
            }
        }
    }
}

/// A default as a manifest would write it.
pub fn default_value(shape: &Shape, text: &str) -> Value {
    match shape {
        Shape::Number(_) => text.parse::<u32>().map_or_else(|_| text.into(), Value::from),
        Shape::Flag | Shape::FlagText => (text == "true").into(),
        _ => text.into(),
    }
}

/// A live field as a manifest writes it; `None` if the trigger does not have the field or the format cannot express it.
pub fn written(data: &EventData, field: &TriggerField) -> Option<Value> {
    let live = member(data, field.wire)?;
    match field.shape {
        Shape::Schedule(kind) if data.get(SCHEDULE_TYPE).and_then(Value::as_str) != Some(kind.wire()) => None,
        Shape::Milliseconds(range) => {
            let interval = live.as_u64()?;
            let is_allowed = i64::try_from(interval).is_ok_and(|interval| range.contains(interval));
            is_allowed.then(|| duration(interval).into())
        }
        _ => from_wire(&field.shape, live),
    }
}

/// The service's value; `None` if the written one does not have the right type.
fn to_wire(shape: &Shape, written: &Value) -> Option<Value> {
    let choice = |choices: &[Choice], written: &Value| {
        let chosen = choices.iter().find(|known| Some(known.key) == written.as_str())?;
        Some(wire_of(chosen))
    };
    Some(match shape {
        Shape::Text(_) | Shape::Number(_) | Shape::Flag | Shape::Texts { .. } | Shape::Schedule(_) => written.clone(),
        Shape::Choice(choices) => choice(choices, written)?,
        Shape::Choices(choices) => written.as_array()?.iter().map(|one| choice(choices, one)).collect::<Option<_>>()?,
        Shape::FlagText => written.as_bool()?.to_string().into(),
        Shape::Milliseconds(_) => milliseconds(written.as_str()?)?.into(),
        Shape::Secret => return None,
    })
}

fn from_wire(shape: &Shape, live: &Value) -> Option<Value> {
    let choice = |choices: &'static [Choice], live: &Value| {
        let is_same = |known: &&Choice| scalar(&wire_of(known)) == scalar(live);
        choices.iter().find(is_same).map(|known| Value::from(known.key))
    };
    match shape {
        Shape::Text(rule) => live.as_str().filter(|text| rule.accepts(text)).map(Value::from),
        Shape::Schedule(kind) => live.as_str().filter(|text| kind.rule().accepts(text)).map(Value::from),
        Shape::Choice(choices) => choice(choices, live),
        Shape::Choices(choices) => {
            let chosen: Option<Vec<Value>> = live.as_array()?.iter().map(|one| choice(choices, one)).collect();
            chosen.filter(|chosen| is_list(chosen)).map(Value::from)
        }
        Shape::Number(range) => {
            let number = scalar(live)?.parse::<i64>().ok()?;
            range.contains(number).then(|| number.into())
        }
        Shape::Flag | Shape::FlagText => scalar(live)?.parse::<bool>().ok().map(Value::from),
        Shape::Texts { item, most } => {
            let texts: Option<Vec<&str>> = live.as_array()?.iter().map(Value::as_str).collect();
            let fits = |texts: &Vec<&str>| {
                is_list(texts) && texts.len() <= *most && texts.iter().all(|text| item.accepts(text))
            };
            texts.filter(fits).map(Value::from)
        }
        Shape::Milliseconds(_) | Shape::Secret => None,
    }
}

/// Whether a manifest can contain a list: it has an item, and none twice.
fn is_list<T: PartialEq>(items: &[T]) -> bool {
    !items.is_empty() && items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
}

fn wire_of(choice: &Choice) -> Value {
    match choice.wire {
        ChoiceValue::Text(text) => text.into(),
        ChoiceValue::Number(number) => number.into(),
    }
}

/// Text such as `500ms`, `30s` or `1m`, in milliseconds. Digits that do not fit exceed any limit.
pub fn milliseconds(text: &str) -> Option<u64> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return None,
    };
    (!digits.is_empty()).then(|| digits.parse().unwrap_or(u64::MAX).saturating_mul(unit))
}

/// Milliseconds as a manifest writes them.
pub fn duration(milliseconds: u64) -> String {
    match milliseconds {
        whole if whole >= 1_000 && whole % 1_000 == 0 => format!("{}s", whole / 1_000),
        other => format!("{other}ms"),
    }
}

/// The members with values, those of objects by their path: `func_info.timeout`.
pub fn members(data: &EventData) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for (name, value) in data {
        match value {
            Value::Object(below) => {
                all.extend(members(below).into_iter().map(|(rest, value)| (format!("{name}.{rest}"), value)));
            }
            value if value.is_null() || value.as_str() == Some("") => {}
            value => drop(all.insert(name.clone(), value.clone())),
        }
    }
    all
}

/// `event_data` with its interval in milliseconds, so that two of them can be compared.
pub fn in_milliseconds(mut data: EventData) -> EventData {
    let is_seconds = data.get(POLLING_UNIT).and_then(Value::as_str) == Some(SECONDS);
    let interval = data.get(POLLING_INTERVAL).and_then(scalar).and_then(|text| text.parse::<u64>().ok());
    if let Some(interval) = interval {
        let factor = if is_seconds { 1_000 } else { 1 };
        data.insert(POLLING_INTERVAL.to_owned(), json!(interval.saturating_mul(factor)));
        if is_seconds {
            data.insert(POLLING_UNIT.to_owned(), MILLISECONDS.into());
        }
    }
    data
}

/// Whether two values are the same to the service: it may return a number or a flag as text, and lists in another order.
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(ones), Value::Array(others)) => {
            let sorted = |items: &[Value]| {
                let mut texts: Vec<Option<String>> = items.iter().map(scalar).collect();
                texts.sort();
                texts
            };
            let (ones_sorted, others_sorted) = (sorted(ones), sorted(others));
            if ones_sorted.iter().chain(&others_sorted).any(Option::is_none) {
                return ones == others;
            }
            ones_sorted == others_sorted
        }
        // Members that the service adds do not count.
        (Value::Object(ones), Value::Object(others)) => {
            ones.iter().all(|(name, one)| others.get(name).is_none_or(|other| is_same(one, other)))
        }
        _ => match (scalar(one), scalar(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        },
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::trigger::{Need, TYPES};

    #[test]
    fn every_default_of_the_table_can_be_sent_and_read_back() {
        for known in TYPES {
            for field in known.fields {
                let (Need::Default(text) | Need::Fixed(text)) = field.need else { continue };
                let value = default_value(&field.shape, text);
                let mut data = EventData::new();
                put(&mut data, field, &value);
                assert!(!data.is_empty(), "{} {}", known.code, field.key);
                assert_eq!(written(&data, field), Some(value), "{} {}", known.code, field.key);
            }
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, expected) in [("500ms", Some(500)), ("30s", Some(30_000)), ("1m", Some(60_000))] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
        for text in ["", "5", "s", "5h", "-1s"] {
            assert_eq!(milliseconds(text), None, "{text}");
        }
        assert_eq!((duration(30_000), duration(1_500)), ("30s".to_owned(), "1500ms".to_owned()));
    }

    #[test]
    fn an_interval_in_seconds_is_the_same_in_milliseconds() {
        let data = |value: Value| value.as_object().cloned().unwrap_or_default();
        let seconds = data(json!({ "polling_interval": 30, "polling_unit": "s" }));
        assert_eq!(in_milliseconds(seconds), data(json!({ "polling_interval": 30_000, "polling_unit": "ms" })));
    }

    #[test]
    fn values_are_compared_as_the_service_means_them() {
        for (one, other, expected) in [
            (json!("true"), json!(true), true),
            (json!(5), json!("5"), true),
            (json!(["a", "b"]), json!(["b", "a"]), true),
            (json!(["a"]), json!(["a", "b"]), false),
            (json!({ "timeout": 5 }), json!({ "timeout": 5, "function_urn": "x" }), true),
            (json!({ "timeout": 5 }), json!({ "timeout": 6 }), false),
            (json!("a"), json!("b"), false),
        ] {
            assert_eq!(is_same(&one, &other), expected, "{one} {other}");
        }
    }
}
