//! The `event_data` of triggers: its checks, what the service adds, and what an update can change.

use serde_json::{Map, Value, json};

use crate::rules::trigger::schedule::{Kind, Schedule};
use crate::rules::trigger::{
    self, ChoiceValue, EventData, Need, Shape, TriggerField, TriggerType, is_secret, member, overlap,
};

use super::super::failure::{Failure, Outcome};
use super::super::store::trigger::Trigger;

/// The parts of a new trigger that the service puts into its `event_data`.
pub(super) struct Owner<'a> {
    pub(super) code: &'a str,
    pub(super) id: &'a str,
    /// The function's URN without a version.
    pub(super) urn: &'a str,
    pub(super) qualifier: &'a str,
}

/// Checks the members of a type that the table describes. Other members are accepted.
pub(super) fn check(known: &TriggerType, data: &EventData) -> Outcome<()> {
    for field in known.fields {
        let Some(value) = member(data, field.wire) else {
            if matches!(field.need, Need::Required | Need::OneOf | Need::KeyOfTrigger) {
                return Err(invalid(known.code, format!("event_data.{} is required", field.wire)));
            }
            continue;
        };
        // Both kinds of schedules have one name on the wire.
        let mut same = known.fields.iter().filter(|other| other.wire == field.wire);
        if !same.any(|other| accepts(other.shape, value, data)) {
            return Err(invalid(known.code, fault(field, value, data)));
        }
    }
    Ok(())
}

fn accepts(shape: Shape, value: &Value, data: &EventData) -> bool {
    let text = value.as_str();
    match shape {
        Shape::Text(rule) => text.is_some_and(|text| rule.accepts(text)),
        Shape::Secret => text.is_some(),
        Shape::Choice(choices) => choices.iter().any(|choice| is_chosen(choice.wire, value)),
        Shape::Choices(choices) => value.as_array().is_some_and(|chosen| {
            let is_one = |value: &Value| choices.iter().any(|choice| is_chosen(choice.wire, value));
            let events: Vec<&str> = chosen.iter().filter_map(Value::as_str).collect();
            !chosen.is_empty() && chosen.iter().all(is_one) && overlap(&events).is_none()
        }),
        Shape::Number(range) => value.as_i64().is_some_and(|number| range.contains(number)),
        Shape::Flag => value.is_boolean(),
        Shape::FlagText => value.is_boolean() || matches!(text, Some("true" | "false")),
        Shape::Texts { item, most } => value.as_array().is_some_and(|texts| {
            let is_text = |text: &Value| text.as_str().is_some_and(|text| item.accepts(text));
            (1..=most).contains(&texts.len()) && texts.iter().all(is_text)
        }),
        Shape::Schedule(kind) => {
            kind_of(data) == Some(kind) && text.is_some_and(|text| Schedule::parse(kind, text).is_ok())
        }
        Shape::Milliseconds(range) => {
            let unit = match member(data, "polling_unit").and_then(Value::as_str) {
                Some("ms") => 1,
                Some("s") => 1000,
                _ => return false,
            };
            value.as_i64().and_then(|number| number.checked_mul(unit)).is_some_and(|number| range.contains(number))
        }
    }
}

fn is_chosen(choice: ChoiceValue, value: &Value) -> bool {
    match choice {
        ChoiceValue::Text(text) => value.as_str() == Some(text),
        ChoiceValue::Number(number) => value.as_u64() == Some(number.into()),
    }
}

/// What `schedule_type` says.
fn kind_of(data: &EventData) -> Option<Kind> {
    member(data, "schedule_type").and_then(Value::as_str).and_then(Kind::of_wire)
}

/// What is wrong with the value of a member that is not accepted.
fn fault(field: &TriggerField, value: &Value, data: &EventData) -> String {
    let wire = field.wire;
    match (field.shape, value.as_str()) {
        (Shape::Text(rule), _) => format!("event_data.{wire} is invalid: it {}", rule.rule.expectation),
        (Shape::Schedule(_), Some(text)) => match kind_of(data).map(|kind| Schedule::parse(kind, text)) {
            Some(Err(error)) => format!("event_data.{wire} {error}"),
            _ => "event_data.schedule_type must be Rate or Cron".to_owned(),
        },
        _ => format!("event_data.{wire} is invalid"),
    }
}

/// The members as answers show them: with those that the service adds, and without secrets.
pub(super) fn stored(mut data: EventData, owner: &Owner<'_>) -> EventData {
    let Owner { code, id, urn, qualifier } = owner;
    let name = data.get("name").cloned();
    let mut add = |wire: &str, value: Value| {
        data.insert(wire.to_owned(), value);
    };
    match *code {
        "OBS" if name.is_none() => add("name", json!(id)),
        "SMN" => add("subscription_status", json!("Confirmed")),
        "APIG" | "APIC" | "DEDICATEDGATEWAY" => {
            add("triggerid", json!(id));
            add("api_id", json!(id.replace('-', "")));
            if let Some(name) = name {
                add("api_name", name);
            }
            if let Some(info) = data.entry("func_info").or_insert_with(|| Map::new().into()).as_object_mut() {
                info.insert("function_urn".to_owned(), json!(urn));
                info.insert("version".to_owned(), json!(qualifier));
            }
        }
        _ => {}
    }
    for (_, value) in data.iter_mut().filter(|(wire, _)| is_secret(wire)) {
        *value = json!("");
    }
    data
}

/// The members after an update. It repeats the others, as an object, or has only those that change, as an array of one.
pub(super) fn changed(before: &Trigger, sent: Option<&Value>) -> Outcome<EventData> {
    let parts: Vec<&Value> = match sent {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(parts)) => parts.iter().collect(),
        Some(part) => vec![part],
    };
    let known = trigger::by_code(&before.code);
    let mut data = before.data.clone();
    for part in parts {
        let part =
            part.as_object().ok_or_else(|| Failure::parameter("event_data must be an object or an array of one"))?;
        for (wire, value) in part {
            change(&mut data, known, (wire, value))?;
        }
    }
    if let Some(known) = known {
        check(known, &data)?;
    }
    Ok(data)
}

fn change(data: &mut EventData, known: Option<&TriggerType>, member: (&String, &Value)) -> Outcome<()> {
    let (wire, value) = member;
    let is_blank = value.is_null() || value.as_str() == Some("");
    let is_same = data.get(wire).map_or(is_blank, |before| is_within(value, before));
    if is_same || is_secret(wire) {
        return Ok(());
    }
    let Some(known) = known else {
        data.insert(wire.clone(), value.clone());
        return Ok(());
    };
    // The unit belongs to the interval.
    let named = if wire == "polling_unit" { "polling_interval" } else { wire };
    let Some(field) = known.field(named).filter(|field| field.can_change) else {
        let message = format!("event_data.{wire} cannot be changed: delete the trigger, and create it again");
        return Err(invalid(known.code, message));
    };
    // Creates take a text, updates a flag.
    let is_flag = matches!(field.shape, Shape::FlagText) && value.is_boolean();
    data.insert(wire.clone(), if is_flag { json!(value.to_string()) } else { value.clone() });
    Ok(())
}

/// Whether each member that was sent has its value already.
fn is_within(sent: &Value, before: &Value) -> bool {
    match (sent, before) {
        (Value::Object(sent), Value::Object(before)) => {
            sent.iter().all(|(name, value)| before.get(name).is_some_and(|before| is_within(value, before)))
        }
        _ => sent == before,
    }
}

/// Refuses members with the code of the trigger's type.
fn invalid(code: &str, message: String) -> Failure {
    let code = match code {
        "SMN" => "FSS.1102",
        "OBS" => "FSS.1106",
        "APIG" => "FSS.1107",
        "TIMER" => "FSS.1109",
        "KAFKA" => "FSS.1112",
        "CTS" => "FSS.1314",
        "DEDICATEDGATEWAY" => "FSS.1417",
        _ => return Failure::parameter(message),
    };
    Failure::refused(code, message)
}

/// The code that refuses a second trigger of the same kind.
pub(super) fn second_code(code: &str) -> &'static str {
    match code {
        "SMN" => "FSS.1141",
        "OBS" => "FSS.1145",
        "APIG" | "DEDICATEDGATEWAY" => "FSS.1147",
        "TIMER" => "FSS.1148",
        "KAFKA" => "FSS.1150",
        "CTS" => "FSS.1307",
        _ => "FSS.0409",
    }
}

/// The code that refuses a trigger because another function has it.
pub(super) fn elsewhere_code(code: &str) -> &'static str {
    if code == "OBS" { "FSS.1108" } else { second_code(code) }
}
