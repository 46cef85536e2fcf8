//! The fields of a trigger before and after a change, by their names in the manifest.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::field::{Field, Path};
use crate::model::trigger::{Entry, LiveTrigger, Trigger, compare, value};
use crate::rules::trigger::{by_code, is_secret};

use super::super::change::{FieldChange, Shown};

/// The name of the type in reports.
const TYPE: &str = "type";

/// Both sides of a change. A side that is missing did not exist or goes.
#[derive(Default)]
pub(super) struct Sides<'s> {
    pub(super) before: Option<&'s LiveTrigger>,
    /// With everything that it takes over.
    pub(super) after: Option<&'s Trigger>,
    /// Whether the identity changes.
    pub(super) is_another: bool,
    /// The wire names of optional members that were applied and go.
    pub(super) removed: BTreeSet<&'s str>,
    /// The wire names of secrets that are sent because live may have other values.
    pub(super) unsent: BTreeSet<&'s str>,
    /// What was applied before.
    pub(super) entry: Option<&'s Entry>,
}

/// A declared field that live lacks is not compared.
pub(super) fn fields(sides: &Sides<'_>) -> Vec<FieldChange> {
    let Sides { before, after, .. } = sides;
    let (old, new) = (before.map(|found| of_live(found, *after)), after.map(of_declared));
    let (mut old, mut new) = (old.unwrap_or_default(), new.unwrap_or_default());
    if let (Some(found), Some(trigger)) = (before, after)
        && found.code != trigger.code.as_str()
    {
        old.insert(TYPE.to_owned(), json!(type_name(&found.code)));
        new.insert(TYPE.to_owned(), json!(type_name(trigger.code.as_str())));
    }
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&&String| match (old.get(**name), new.get(**name)) {
        (Some(one), Some(other)) => !value::is_same(one, other),
        _ => true,
    };
    let value = |all: &BTreeMap<String, Value>, name: &str| Shown::Value(all.get(name).cloned().unwrap_or_default());
    let is_compared = |name: &&&String| sides.compares(name, [&old, &new]);
    let of_data = names.iter().filter(is_compared).filter(differs).map(|name| FieldChange {
        path: Path::entry(Field::Triggers, name.as_str()),
        before: value(&old, name),
        after: value(&new, name),
    });
    let mut fields: Vec<FieldChange> = of_data.chain(sides.secrets()).collect();
    fields.sort_by(|one, other| one.path.cmp(&other.path));
    fields
}

impl Sides<'_> {
    /// The service's own members are no news.
    fn compares(&self, name: &str, sides: [&BTreeMap<String, Value>; 2]) -> bool {
        let (Some(found), Some(_)) = (self.before, self.after) else { return true };
        let is_schedule = ["rate", "cron"].contains(&name);
        let is_removed = || self.removed.iter().any(|wire| name_of(&found.code, wire) == name);
        self.is_another || is_schedule || sides.iter().all(|side| side.contains_key(name)) || is_removed()
    }

    fn secrets(&self) -> Vec<FieldChange> {
        let was_applied = |found: &LiveTrigger, wire: &str| {
            self.entry.is_some_and(|entry| entry.optional(&found.code).any(|it| it == wire))
        };
        let had = |wire: &str| self.before.is_some_and(|it| it.secrets.contains(wire) || was_applied(it, wire));
        let shown = |is_there: bool| if is_there { Shown::Sensitive } else { Shown::Value(Value::Null) };
        let change = |wire: &str, before: bool, after: bool| {
            let code = self.after.map_or("", |after| after.code.as_str());
            let path = Path::entry(Field::Triggers, name_of(code, wire));
            FieldChange { path, before: shown(before), after: shown(after) }
        };
        let sent = self.unsent.iter().map(|wire| change(wire, had(wire), true));
        sent.chain(self.removed.iter().filter(|wire| is_secret(wire)).map(|wire| change(wire, true, false))).collect()
    }
}

fn of_live(found: &LiveTrigger, after: Option<&Trigger>) -> BTreeMap<String, Value> {
    let mut shown = compare::shown(&found.code, &value::in_milliseconds(found.writable_data()));
    shown.extend(status(found.is_active, after.is_none_or(|after| after.enabled.is_some())));
    shown.extend(found.qualifier.as_ref().map(|of| ("version".to_owned(), json!(of.to_string()))));
    shown
}

fn of_declared(trigger: &Trigger) -> BTreeMap<String, Value> {
    let mut shown = compare::shown(trigger.code.as_str(), &trigger.data);
    shown.extend(status(trigger.enabled, true));
    shown.extend(trigger.qualifier.as_ref().map(|of| ("version".to_owned(), json!(of.to_string()))));
    shown
}

fn status(is_active: Option<bool>, is_shown: bool) -> Option<(String, Value)> {
    is_active.filter(|_| is_shown).map(|enabled| ("enabled".to_owned(), json!(enabled)))
}

/// The name of a member in the manifest.
pub(super) fn name_of<'n>(code: &str, wire: &'n str) -> &'n str {
    by_code(code).and_then(|known| known.field(wire)).map_or(wire, |field| field.key)
}

/// A type as manifests name it.
fn type_name(code: &str) -> &str {
    by_code(code).map_or(code, |known| known.key)
}
