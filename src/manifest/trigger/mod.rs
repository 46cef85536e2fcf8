//! `triggers` of a function: what is written, and the triggers that it makes. Each type's fields follow from the table of
//! types.

mod schema;
pub(super) mod together;

use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Spot};
use crate::model::address::Qualifier;
use crate::model::credential;
use crate::model::secret::Secret;
use crate::model::text::{AliasName, TriggerKey, TriggerTypeCode, VersionName};
use crate::model::trigger::{EventData, Trigger, Triggers, value};
use crate::rules::number::Range;
use crate::rules::trigger::other::{other, status_of};
use crate::rules::trigger::schedule::{self, Schedule, ScheduleError};
use crate::rules::trigger::{Need, Shape, StatusRule, TriggerField, TriggerType, by_code, by_key, is_secret, overlap};

use super::hint;
use super::nearest::{nearest, quoted};
use super::notation::Entries;
use super::resolve::Context;

const TYPE: &str = "type";
const EVENT_DATA: &str = "event_data";
const ENABLED: &str = "enabled";

/// A trigger as it is written. The schema checks everything but what only this module's findings say.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct TriggerEntry(Map<String, Value>);

pub(super) type TriggerEntries = Entries<TriggerKey, TriggerEntry>;

/// The triggers of a function. Those with an invalid type are left out, because a diagnostic reports them.
pub(super) fn triggers(
    entries: Option<&TriggerEntries>,
    context: &Context<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Triggers {
    let mut triggers = Triggers::new();
    let Some(entries) = entries else { return triggers };
    let section = context.spot.child("triggers");
    for (key, TriggerEntry(entry)) in &entries.0 {
        let mut resolving = Resolving { key, entry, spot: section.child(key.as_str()), context, diagnostics };
        if let Some(trigger) = resolving.trigger() {
            triggers.insert(key.clone(), trigger);
        }
    }
    together::check(&triggers, &section, context.sources, diagnostics);
    triggers
}

/// A trigger that is being resolved.
struct Resolving<'a> {
    key: &'a TriggerKey,
    entry: &'a Map<String, Value>,
    spot: Spot,
    context: &'a Context<'a>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// `event_data`, and the secrets in it.
type Content = (EventData, BTreeMap<String, Secret>);

impl Resolving<'_> {
    fn trigger(&mut self) -> Option<Trigger> {
        let (code, (data, secrets)) = match self.entry.keys().find_map(|name| by_key(name)) {
            Some(known) => (TriggerTypeCode::new(known.code).ok()?, self.typed(known)?),
            None => {
                let code: TriggerTypeCode = self.read(TYPE)?;
                let content = self.untyped(&code)?;
                (code, content)
            }
        };
        let enabled = self.enabled(&code);
        let version = self.read::<VersionName>("version").map(Qualifier::Version);
        let qualifier = version.or_else(|| self.read::<AliasName>("alias").map(Qualifier::Alias));
        let (key, spot) = (self.key.clone(), self.spot.clone().of_key());
        Some(Trigger { key, spot, code, qualifier, data, secrets, sealed: None, enabled })
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        T::deserialize(self.entry.get(name)?).ok()
    }

    fn refuse(&mut self, code: &'static str, message: String, spot: Spot) {
        self.diagnostics.push(Diagnostic::error(code, message).at(spot));
    }

    /// The status that the trigger should have. A type that starts disabled keeps its status if the manifest is silent.
    fn enabled(&mut self, code: &TriggerTypeCode) -> Option<bool> {
        let (declared, rule) = (self.read::<bool>(ENABLED), status_of(code.as_str()));
        if declared.is_some() && rule == Some(StatusRule::AlwaysActive) {
            let message = format!("a trigger of type {code} cannot be disabled, so it has no `{ENABLED}`");
            let finding = Diagnostic::error("not-switchable", message).at(self.spot.child(ENABLED).of_key());
            self.diagnostics.push(finding.help("remove `enabled`; to stop the events, remove the trigger"));
            return None;
        }
        declared.or((rule == Some(StatusRule::StartsActive)).then_some(true))
    }

    fn typed(&mut self, known: &'static TriggerType) -> Option<Content> {
        let written = self.entry.get(known.key)?.as_object()?;
        let spot = self.spot.child(known.key);
        let (mut data, mut secrets) = Content::default();
        for field in known.fields {
            let declared = written.get(field.key).filter(|value| !value.is_null());
            if let (Shape::Secret, Some(declared)) = (field.shape, declared) {
                let secret = self.secret(declared, &spot.child(field.key));
                secrets.extend(secret.map(|secret| (field.wire.to_owned(), secret)));
                continue;
            }
            let value = match (declared, field.need) {
                (Some(declared), _) => {
                    self.check(field, declared, &spot);
                    Some(declared.clone())
                }
                (None, Need::KeyOfTrigger) => self.key_as(field),
                (None, Need::Default(text) | Need::Fixed(text)) => Some(value::default_value(&field.shape, text)),
                (None, Need::Required | Need::OneOf | Need::Optional) => None,
            };
            if let Some(value) = value {
                value::put(&mut data, field, &value);
            }
        }
        Some((data, secrets))
    }

    /// What the schema cannot check.
    fn check(&mut self, field: &TriggerField, declared: &Value, spot: &Spot) {
        if let Some((code, problem)) = problem(field, declared) {
            self.refuse(code, format!("`{}` {problem}", field.key), spot.child(field.key));
        }
    }

    /// The key as the trigger's name in the service, which may have a stricter rule.
    fn key_as(&mut self, field: &TriggerField) -> Option<Value> {
        let key = self.key.as_str();
        match field.shape {
            Shape::Text(rule) if !rule.accepts(key) => {
                let message = format!("the key `{key}` cannot be the trigger's name: {}", rule.rule.sentence());
                let finding = Diagnostic::error("invalid-name", message).at(self.spot.clone().of_key());
                self.diagnostics.push(finding.help(format!("choose another key, or set `{}`", field.key)));
                None
            }
            _ => Some(key.into()),
        }
    }

    /// A type without fields of its own.
    fn untyped(&mut self, code: &TriggerTypeCode) -> Option<Content> {
        if let Some(known) = by_code(code.as_str()) {
            let message = format!("the type {code} has a field of its own");
            let finding = Diagnostic::error("invalid-value", message).at(self.spot.child(TYPE));
            self.diagnostics.push(finding.help(format!("write `{}: {{ … }}` instead of `{TYPE}`", known.key)));
            return None;
        }
        let written = self.entry.get(EVENT_DATA)?.as_object()?;
        self.check_members(code, written);
        let (mut data, mut secrets) = Content::default();
        for (member, written) in written.iter().filter(|(_, written)| !written.is_null()) {
            let spot = self.spot.child(EVENT_DATA).child(member);
            if names_variable(written) {
                secrets.extend(self.secret(written, &spot).map(|secret| (member.clone(), secret)));
            } else if is_secret(member) {
                let message = format!("`{member}` is a secret, so the manifest cannot contain its value");
                let help =
                    format!("write `{member}: {{ env: VARIABLE }}`, and give the value in that environment variable");
                self.diagnostics.push(Diagnostic::error("secret-in-manifest", message).at(spot).help(help));
            } else {
                data.insert(member.clone(), written.clone());
            }
        }
        Some((data, secrets))
    }

    /// Compares the members with those that the vendor describes for the type, if it does.
    fn check_members(&mut self, code: &TriggerTypeCode, written: &Map<String, Value>) {
        let Some(known) = other(code.as_str()) else { return };
        let spot = self.spot.child(EVENT_DATA);
        let mut members: Vec<&str> = known.members().collect();
        members.dedup();
        for unknown in written.keys().filter(|member| !members.contains(&member.as_str())) {
            let message = format!("a trigger of type {code} has no member `{unknown}`");
            let meant = nearest(unknown, members.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
            let help = meant.unwrap_or_else(|| format!("the members are {}", quoted(&members)));
            let finding = Diagnostic::error("unknown-field", message).at(spot.child(unknown).of_key());
            self.diagnostics.push(finding.help(help));
        }
        let missing = known.required.iter().filter(|member| written.get(**member).is_none_or(Value::is_null));
        let missing: Vec<&str> = missing.copied().collect();
        if !missing.is_empty() {
            let message = format!("a trigger of type {code} needs {}", quoted(&missing));
            self.refuse("missing-field", message, spot.of_key());
        }
    }

    fn secret(&mut self, written: &Value, spot: &Spot) -> Option<Secret> {
        let spot = spot.child("env");
        let Some(variable) = written.get("env").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
            self.refuse("invalid-value", "`env` must name the variable that holds the value".to_owned(), spot);
            return None;
        };
        if credential::is_for_credentials(variable) {
            self.diagnostics.push(hint::credential_as_secret("this secret", spot.clone()));
        }
        let value = Secret::value_in(self.context.environment, variable);
        Some(Secret { variable: variable.to_owned(), value, spot })
    }
}

/// Whether a member of `event_data` takes its value from a variable.
pub(super) fn names_variable(written: &Value) -> bool {
    written.as_object().is_some_and(|secret| secret.len() == 1 && secret.contains_key("env"))
}

/// What is wrong with a value besides what the schema checks: a code, and what the value is.
pub(super) fn problem(field: &TriggerField, declared: &Value) -> Option<(&'static str, String)> {
    let text = declared.as_str().unwrap_or_default();
    match field.shape {
        Shape::Milliseconds(range) => interval_problem(range, text).map(|problem| ("out-of-range", problem)),
        Shape::Schedule(kind) => schedule_problem(kind, text).map(|problem| ("invalid-value", problem)),
        Shape::Choices(_) => events_problem(declared).map(|problem| ("invalid-value", problem)),
        _ => None,
    }
}

fn interval_problem(range: Range, text: &str) -> Option<String> {
    let interval = value::milliseconds(text).and_then(|interval| i64::try_from(interval).ok());
    let [least, most] = [range.least, range.most].map(|limit| value::duration(limit.into()));
    let is_in_range = interval.is_some_and(|interval| range.contains(interval));
    (!is_in_range).then(|| format!("is {text}, but it must be {least} to {most}"))
}

/// The schema checks the form. Which time zones exist depends on the machine, so the service decides that.
fn schedule_problem(kind: schedule::Kind, text: &str) -> Option<String> {
    match Schedule::without_zone(kind, text) {
        Ok(_) | Err(ScheduleError::Form) => None,
        Err(error) => Some(error.to_string()),
    }
}

fn events_problem(declared: &Value) -> Option<String> {
    let events: Vec<&str> = declared.as_array()?.iter().filter_map(Value::as_str).collect();
    let (whole, part) = overlap(&events)?;
    Some(format!("contains both `{whole}` and `{part}`, which is part of it"))
}
