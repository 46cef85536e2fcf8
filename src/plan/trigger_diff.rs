//! Compares the declared triggers of a function with the live ones and with the tag that records what was applied.
//!
//! A live trigger that is neither declared nor recorded belongs to others, and stays as it is.

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::field::{Field, Path};
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, Ownership};
use crate::model::text::TriggerKey;
use crate::model::trigger::key::free_key;
use crate::model::trigger::mark::identity;
use crate::model::trigger::{Difference, LiveTrigger, Trigger, TriggerMark, Triggers, compare, value};
use crate::model::urn::{FunctionUrn, Scope};
use crate::rules::quota;
use crate::rules::trigger::by_code;

use super::Permissions;
use super::change::{Action, Cause, Change, Facet, FieldChange, Reason, Shown, Step};
use super::trigger_step::{MarkEdit, TriggerStep, TriggerWrite};

/// What is lost while a trigger of a type without a field of its own is replaced.
const MISSED: &str = "events between the two requests start nothing";

/// The triggers of one function: declared, live and recorded.
pub(super) struct Case<'a> {
    address: &'a FunctionAddress,
    declared: &'a Triggers,
    live: Option<&'a LiveFunction>,
    /// A mark of this stack without entries; `None` if no tag records what was applied.
    own: Option<TriggerMark>,
    /// What the tag says, if this stack wrote it.
    marked: Option<TriggerMark>,
    /// Whether the tag is another stack's.
    is_others: bool,
    ownership: Ownership,
    permissions: Permissions,
    /// Why the triggers change if the function is new, or if everything goes.
    reason: Option<Reason>,
}

/// A function, its declared triggers, and the live function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) address: &'a FunctionAddress,
    pub(super) declared: &'a Triggers,
    pub(super) live: Option<&'a LiveFunction>,
}

type Refused = Box<Diagnostic>;

impl<'a> Case<'a> {
    pub(super) fn new(desired: &'a DesiredState, of: Of<'a>, scope: &Scope, permissions: Permissions) -> Self {
        let Of { address, declared, live } = of;
        let ownership = desired.ownership;
        let own = TriggerMark::new(&desired.stack, &FunctionUrn::new(scope, address, None).to_string());
        let tag = live.and_then(|live| live.marks.get(mark::TRIGGERS)).filter(|_| ownership == Ownership::Tags);
        let found = tag.and_then(TriggerMark::parse);
        let is_others = found.as_ref().is_some_and(|found| !found.has_owner_of(&own));
        let marked = found.filter(|found| found.has_owner_of(&own));
        let has_room = live.is_none_or(|live| {
            let keys = live.tag_keys().filter(|key| *key != mark::TRIGGERS).count();
            keys < quota::TAGS || desired.functions.contains_key(address)
        });
        let own = Some(own).filter(|_| ownership == Ownership::Tags && has_room);
        let reason = permissions.destroy.then_some(Reason::Destroyed);
        Self { address, declared, live, own, marked, is_others, ownership, permissions, reason }
    }

    pub(super) fn created_with(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn live_triggers(&self) -> &'a [LiveTrigger] {
        self.live.and_then(|live| live.triggers.as_deref()).unwrap_or_default()
    }

    /// The changes that make the triggers as declared.
    pub(super) fn changes(&self) -> Result<Vec<Change<'a>>, Refused> {
        if self.is_others && !self.declared.is_empty() && !self.permissions.take_over {
            return Err(self.of_another_stack());
        }
        let (mut missing, mut changes) = (Vec::new(), Vec::new());
        for trigger in self.declared.values() {
            match self.live_triggers().iter().find(|live| trigger.is(live)) {
                Some(found) => changes.extend(self.compared(trigger, found)?),
                None => missing.push(trigger),
            }
        }
        let (replaced, mut gone) = self.paired(&missing);
        for trigger in missing {
            changes.push(match replaced.get(&trigger.key) {
                Some(old) => self.replaced(trigger, old, differs(self.cause(trigger, None))),
                None => self.created(trigger),
            });
        }
        let mut keys: BTreeSet<TriggerKey> = self.declared.keys().cloned().collect();
        gone.retain(|found| !replaced.values().any(|old| old.id == found.id));
        for found in gone {
            let key = own_key(found, &keys);
            keys.insert(key.clone());
            changes.push(self.deleted(&key, found));
        }
        changes.extend(self.forgotten(&keys));
        Ok(changes)
    }

    /// The live triggers that this stack applied and no longer declares.
    fn undeclared(&self) -> Vec<&'a LiveTrigger> {
        let Some(marked) = &self.marked else { return Vec::new() };
        let is_ours = |found: &&LiveTrigger| marked.applied(&identity_of(found)).is_some();
        let is_declared = |found: &LiveTrigger| self.declared.values().any(|trigger| trigger.is(found));
        self.live_triggers().iter().filter(|found| is_ours(found) && !is_declared(found)).collect()
    }

    /// Pairs declared triggers that are not live with live ones that go: those with the same name, and then the only two of a
    /// type. Such a pair is one trigger whose identity changed.
    fn paired(&self, missing: &[&'a Trigger]) -> (BTreeMap<TriggerKey, &'a LiveTrigger>, Vec<&'a LiveTrigger>) {
        let gone = self.undeclared();
        let mut pairs: BTreeMap<TriggerKey, &LiveTrigger> = BTreeMap::new();
        for trigger in missing {
            let same = gone.iter().find(|found| found.has_named_key() && found.key == trigger.key);
            pairs.extend(same.map(|found| (trigger.key.clone(), *found)));
        }
        for trigger in missing {
            let is_alike = |found: &&&LiveTrigger| {
                found.code == trigger.code.as_str() && found.qualifier == trigger.qualifier && !found.has_named_key()
            };
            let mut alike = gone.iter().filter(is_alike);
            let only = alike.next().filter(|_| alike.next().is_none());
            let is_only = missing
                .iter()
                .filter(|other| other.code == trigger.code && other.qualifier == trigger.qualifier)
                .count()
                == 1;
            let is_free = |found: &&&LiveTrigger| !pairs.values().any(|taken| taken.id == found.id);
            if !pairs.contains_key(&trigger.key) && is_only {
                let found = only.filter(is_free).map(|found| (trigger.key.clone(), *found));
                pairs.extend(found);
            }
        }
        (pairs, gone)
    }

    fn created(&self, trigger: &'a Trigger) -> Change<'a> {
        let reason = match (&self.reason, self.applied(trigger)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(_)) => differs(self.cause(trigger, None)),
            (None, None) => Reason::Missing,
        };
        let step = self.step(None, TriggerWrite::Create(trigger), self.edit(Some(trigger), []));
        let fields = fields(None, Some(trigger));
        self.change(&trigger.key, Action::Create, reason, step).with_fields(fields)
    }

    fn compared(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Result<Option<Change<'a>>, Refused> {
        let difference = trigger.difference(found);
        if difference.is_empty() {
            return Ok(self.recorded(trigger, found));
        }
        let cause = self.cause(trigger, Some(found));
        let is_ours = self.applied(trigger).is_some();
        let must_adopt = !is_ours && self.ownership != Ownership::Unowned && !self.is_others;
        if must_adopt && !self.permissions.adopt {
            return Err(self.unowned(trigger, &difference));
        }
        let adopted =
            if self.is_others { Some(Reason::TriggersTakenOver) } else { must_adopt.then_some(Reason::AdoptDifferent) };
        let action = if adopted.is_some() { Action::Adopt } else { Action::Update };
        let reason = adopted.unwrap_or_else(|| differs(cause));
        if !trigger.can_change_to(&difference) {
            return Ok(Some(self.replaced(trigger, found, reason)));
        }
        let step = self.step(Some(found), TriggerWrite::Update(trigger), self.edit(Some(trigger), []));
        let change = self.change(&trigger.key, action, reason, step);
        Ok(Some(change.with_fields(fields(Some(found), Some(trigger)))))
    }

    /// Live is as declared; the tag may not say so.
    fn recorded(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Option<Change<'a>> {
        self.own.as_ref()?;
        let (action, reason) = match self.applied(trigger) {
            Some(applied) if applied == trigger.applied() => return None,
            Some(_) => (Action::Record, Reason::StaleMark),
            None if self.is_others => (Action::Adopt, Reason::TriggersTakenOver),
            None => (Action::Adopt, Reason::AdoptEqual),
        };
        let step = self.step(Some(found), TriggerWrite::Keep, self.edit(Some(trigger), []));
        Some(self.change(&trigger.key, action, reason, step))
    }

    fn replaced(&self, trigger: &'a Trigger, old: &'a LiveTrigger, because: Reason) -> Change<'a> {
        let missed = by_code(&old.code).map_or(MISSED, |known| known.missed).to_owned();
        let reason = Reason::Replaced { because: Box::new(because), missed };
        let before = identity_of(old);
        let removed = (before != trigger.identity()).then_some(before);
        let step = self.step(Some(old), TriggerWrite::Replace(trigger), self.edit(Some(trigger), removed));
        self.change(&trigger.key, Action::Replace, reason, step).with_fields(fields(Some(old), Some(trigger)))
    }

    fn deleted(&self, key: &TriggerKey, found: &'a LiveTrigger) -> Change<'a> {
        let reason = self.reason.clone().unwrap_or(Reason::Undeclared);
        let step = self.step(Some(found), TriggerWrite::Delete, self.edit(None, [identity_of(found)]));
        self.change(key, Action::Delete, reason, step).with_fields(fields(Some(found), None))
    }

    /// Removes entries of the tag whose triggers are neither declared nor live.
    fn forgotten(&self, keys: &BTreeSet<TriggerKey>) -> Option<Change<'a>> {
        let marked = self.marked.as_ref()?;
        let declared: BTreeSet<String> = self.declared.values().map(Trigger::identity).collect();
        let live: BTreeSet<String> = self.live_triggers().iter().map(identity_of).collect();
        let is_gone = |identity: &&str| !declared.contains(*identity) && !live.contains(*identity);
        let gone: Vec<String> = marked.identities().filter(is_gone).map(str::to_owned).collect();
        let key = free_key("removed", gone.first()?, keys);
        let step = self.step(None, TriggerWrite::Keep, self.edit(None, gone));
        Some(self.change(&key, Action::Record, Reason::StaleMark, step))
    }

    fn applied(&self, trigger: &Trigger) -> Option<&str> {
        self.marked.as_ref()?.applied(&trigger.identity())
    }

    /// Which side changed.
    fn cause(&self, trigger: &Trigger, found: Option<&LiveTrigger>) -> Cause {
        match self.applied(trigger) {
            // The identity changed, and only the manifest can change it.
            None if found.is_none() && self.marked.is_some() => Cause::Pending,
            None => Cause::Unmarked,
            Some(applied) if applied == trigger.applied() => Cause::Drift,
            Some(applied) if found.is_some_and(|found| trigger.is_marked(found, applied)) => Cause::Pending,
            Some(_) => Cause::Conflict,
        }
    }

    fn change(&self, key: &TriggerKey, action: Action, reason: Reason, step: TriggerStep<'a>) -> Change<'a> {
        Change::new(Address::trigger(self.address, key), action, reason, Step::Trigger(Box::new(step)))
    }

    fn step(&self, seen: Option<&'a LiveTrigger>, write: TriggerWrite<'a>, mark: Option<MarkEdit>) -> TriggerStep<'a> {
        TriggerStep { seen, write, marks: self.live.map(|live| &live.marks), mark }
    }

    fn edit(&self, set: Option<&Trigger>, removed: impl IntoIterator<Item = String>) -> Option<MarkEdit> {
        let set = set.map(|trigger| (trigger.identity(), trigger.applied()));
        Some(MarkEdit { own: self.own.clone()?, set, removed: removed.into_iter().collect() })
    }

    fn unowned(&self, trigger: &Trigger, difference: &Difference) -> Refused {
        let names = difference.members.iter().map(String::as_str);
        let names: Vec<&str> = names.chain(difference.status.then_some("trigger_status")).collect();
        let message = format!(
            "{} exists, but this stack did not create it, and it differs in {}",
            Address::trigger(self.address, &trigger.key),
            names.join(", ")
        );
        let help = "declare it as it is live, or use --adopt, which changes it";
        Box::new(Diagnostic::error("not-owned", message).help(help).at(trigger.spot.clone()))
    }

    fn of_another_stack(&self) -> Refused {
        let message = format!("another stack applied triggers to function {}", self.address);
        let help = "declare the triggers of a function in only one stack, or use --take-over; the tag fgctl.triggers records them";
        let finding = Diagnostic::error("owned-by-another-stack", message).help(help);
        Box::new(match self.declared.values().next() {
            Some(trigger) => finding.at(trigger.spot.clone()),
            None => finding,
        })
    }
}

/// The live triggers that a plan compares or deletes, by the keys of their addresses.
pub(super) fn compared<'a>(case: &Case<'a>) -> BTreeMap<TriggerKey, &'a LiveTrigger> {
    let declared = case.declared.values();
    let mut found: BTreeMap<TriggerKey, &LiveTrigger> = declared
        .filter_map(|trigger| Some((trigger.key.clone(), case.live_triggers().iter().find(|live| trigger.is(live))?)))
        .collect();
    let mut keys: BTreeSet<TriggerKey> = case.declared.keys().cloned().collect();
    for gone in case.undeclared() {
        let key = own_key(gone, &keys);
        keys.insert(key.clone());
        found.insert(key, gone);
    }
    found
}

fn differs(cause: Cause) -> Reason {
    Reason::Differs(vec![(Facet::Triggers, cause)])
}

fn identity_of(found: &LiveTrigger) -> String {
    identity(&found.code, found.qualifier.as_ref(), &found.data)
}

/// The key of an undeclared trigger in its address.
fn own_key(found: &LiveTrigger, taken: &BTreeSet<TriggerKey>) -> TriggerKey {
    if taken.contains(&found.key) { free_key(&found.code, &identity_of(found), taken) } else { found.key.clone() }
}

/// The fields of a trigger before and after, by their names in the manifest. A declared field that live lacks is not
/// compared.
fn fields(before: Option<&LiveTrigger>, after: Option<&Trigger>) -> Vec<FieldChange> {
    let known = |found: &LiveTrigger| {
        let mut shown = compare::shown(&found.code, &value::in_milliseconds(found.data.clone()));
        shown.extend(status(found.is_active, after.is_none_or(|after| after.enabled.is_some())));
        shown.extend(found.qualifier.as_ref().map(|of| ("version".to_owned(), json!(of.to_string()))));
        shown
    };
    let declared = |trigger: &Trigger| {
        let mut shown = compare::shown(trigger.code.as_str(), &trigger.data);
        shown.extend(status(trigger.enabled, true));
        shown.extend(trigger.qualifier.as_ref().map(|of| ("version".to_owned(), json!(of.to_string()))));
        shown
    };
    let (old, new) = (before.map(known).unwrap_or_default(), after.map(declared).unwrap_or_default());
    let is_compared = |name: &str| match (before, after) {
        // The service's own members are no news.
        (Some(found), Some(trigger)) => {
            let is_schedule = ["rate", "cron"].contains(&name);
            let is_same_trigger = trigger.is(found);
            !is_same_trigger || is_schedule || (old.contains_key(name) && new.contains_key(name))
        }
        _ => true,
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differs = |name: &&&String| match (old.get(**name), new.get(**name)) {
        (Some(one), Some(other)) => !value::is_same(one, other),
        (one, other) => one.is_some() || other.is_some(),
    };
    let value = |all: &BTreeMap<String, Value>, name: &str| Shown::Value(all.get(name).cloned().unwrap_or_default());
    let of_data = names.iter().filter(|name| is_compared(name)).filter(differs).map(|name| FieldChange {
        path: Path::entry(Field::Triggers, name.as_str()),
        before: value(&old, name),
        after: value(&new, name),
    });
    let secrets = after.filter(|_| before.is_none()).into_iter().flat_map(|trigger| trigger.secrets.keys());
    let secrets = secrets.map(|wire| FieldChange {
        path: Path::entry(Field::Triggers, secret_name(after, wire)),
        before: Shown::Value(Value::Null),
        after: Shown::Sensitive,
    });
    let mut fields: Vec<FieldChange> = of_data.chain(secrets).collect();
    fields.sort_by(|one, other| one.path.cmp(&other.path));
    fields
}

fn status(is_active: Option<bool>, is_shown: bool) -> Option<(String, Value)> {
    is_active.filter(|_| is_shown).map(|enabled| ("enabled".to_owned(), json!(enabled)))
}

fn secret_name(trigger: Option<&Trigger>, wire: &str) -> String {
    let field = trigger.and_then(|trigger| trigger.known()?.field(wire));
    field.map_or(wire, |field| field.key).to_owned()
}
