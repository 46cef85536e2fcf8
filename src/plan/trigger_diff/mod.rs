//! Compares the declared triggers of a function with the live ones and with the tag that records what was applied.
//!
//! A live trigger that is neither declared nor recorded belongs to others, and stays as it is.

mod claim;
mod fields;
mod remark;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::state::{DesiredState, LiveFunction, LiveState, Ownership};
use crate::model::text::TriggerKey;
use crate::model::trigger::key::free_key;
use crate::model::trigger::{Carried, Difference, Entry, LiveTrigger, Trigger, TriggerMark, Triggers};
use crate::model::urn::FunctionUrn;
use crate::rules::trigger::other::has_identity;
use crate::rules::trigger::{by_code, is_secret};

use super::change::{Action, Cause, Change, Facet, Reason, Step};
use super::trigger_step::{MarkEdit, TriggerStep, TriggerWrite};
use super::{Permissions, existing};

use fields::{Sides, fields};

pub(super) use claim::Which;

pub(super) use remark::{compared, remarks};

/// What is lost while a trigger of a type without a field of its own is replaced.
const MISSED: &str = "events between the two requests start nothing";

static NO_TRIGGERS: Triggers = Triggers::new();

/// The triggers of one function: declared, live and recorded.
pub(super) struct Case<'a> {
    address: &'a FunctionAddress,
    declared: &'a Triggers,
    live: Option<&'a LiveFunction>,
    /// A mark of this stack without entries; `None` if no tag records what was applied.
    own: Option<TriggerMark>,
    /// What the tag says, if this stack wrote it.
    marked: Option<TriggerMark>,
    /// What the tag says, if another stack wrote it.
    others: Option<TriggerMark>,
    /// The live triggers that this stack applied, by their identities in the tag.
    ours: BTreeMap<String, &'a LiveTrigger>,
    ownership: Ownership,
    permissions: Permissions,
    /// The triggers that the manifest declares, if the stack is destroyed. They only have names.
    destroyed: Option<&'a Triggers>,
    /// Why the triggers change if the function is new, or if everything goes.
    reason: Option<Reason>,
}

/// A live trigger that differs from the declared one.
struct Differing<'c, 'a> {
    found: &'a LiveTrigger,
    difference: Difference,
    /// The optional members that were applied and are no longer declared.
    removed: BTreeSet<&'static str>,
    /// The secrets whose values live may not have.
    unsent: BTreeSet<&'a str>,
    entry: Option<&'c Entry>,
    /// Whether the identity changes.
    is_another: bool,
}

type Refused = Box<Diagnostic>;

impl<'a> Case<'a> {
    pub(super) fn new(
        desired: &'a DesiredState,
        live: &'a LiveState,
        address: &'a FunctionAddress,
        permissions: Permissions,
    ) -> Self {
        let declared = desired.holder(address).map_or(&NO_TRIGGERS, |holder| holder.triggers);
        let (scope, live) = (&live.scope, live.functions.get(address));
        let ownership = desired.ownership;
        let own = TriggerMark::new(&desired.stack, &FunctionUrn::new(scope, address, None).to_string());
        let found = live.filter(|_| ownership == Ownership::Tags).and_then(LiveFunction::trigger_mark);
        let (marked, others) = match found {
            Some(found) if found.has_owner_of(&own) => (Some(found), None),
            others => (None, others),
        };
        let is_whole = desired.functions.contains_key(address);
        let has_room = live.is_none_or(|live| is_whole || existing::has_room_for_triggers(desired, live));
        let own = Some(own).filter(|_| ownership == Ownership::Tags && has_room);
        let reason = permissions.destroy.then_some(Reason::Destroyed);
        let all = live.and_then(|live| live.triggers.as_deref()).unwrap_or_default();
        let ours = marked.as_ref().map(|mark| mark.live(all)).unwrap_or_default();
        let destroyed = desired.existing.get(address).map(|entry| &entry.destroyed_triggers);
        Self { address, declared, live, own, marked, others, ours, ownership, permissions, destroyed, reason }
    }

    pub(super) fn created_with(self, reason: Reason) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn live_triggers(&self) -> &'a [LiveTrigger] {
        self.live.and_then(|live| live.triggers.as_deref()).unwrap_or_default()
    }

    /// The changes that make the triggers as declared.
    pub(super) fn changes(&self) -> Result<Vec<Change<'a>>, Refused> {
        if self.others.is_some() && !self.declared.is_empty() && !self.permissions.take_over {
            return Err(self.of_another_stack());
        }
        let found = self.found();
        let mut gone = self.undeclared(&found);
        let mut changes = Vec::new();
        for trigger in self.declared.values() {
            let change = match found.get(&trigger.key) {
                Some(found) => self.compared(trigger, found)?,
                None => Some(match self.taken(&mut gone, trigger) {
                    Some((identity, old)) => self.changed_identity(trigger, old, identity),
                    None => self.created(trigger),
                }),
            };
            changes.extend(change);
        }
        let mut keys: BTreeSet<TriggerKey> = self.declared.keys().cloned().collect();
        for (identity, found) in gone {
            let key = self.own_key(found, &keys);
            keys.insert(key.clone());
            // A trigger that the stack owns and has never written stays.
            let is_unwritten = self.entry_of(identity).is_some_and(Entry::is_unwritten);
            let forgotten = is_unwritten.then(|| self.forgotten_as(&key, [identity.to_owned()]));
            changes.push(forgotten.unwrap_or_else(|| self.deleted(&key, found, identity)));
        }
        changes.extend(self.forgotten(&keys));
        Ok(changes)
    }

    /// The keys of all triggers that a plan can change.
    pub(super) fn keys(&self) -> BTreeSet<TriggerKey> {
        let mut keys: BTreeSet<TriggerKey> = self.declared.keys().cloned().chain(compared(self).into_keys()).collect();
        let forgotten = self.forgotten(&keys).and_then(|change| change.address.trigger);
        keys.extend(forgotten);
        keys
    }

    /// The key of an undeclared trigger in its address.
    fn own_key(&self, found: &LiveTrigger, taken: &BTreeSet<TriggerKey>) -> TriggerKey {
        let written = self.destroyed.into_iter().flat_map(Triggers::values).find(|trigger| trigger.is(found));
        let key = written.map_or(&found.key, |written| &written.key);
        if taken.contains(key) { free_key(&found.code, &found.identity(), taken) } else { key.clone() }
    }

    /// The live trigger of each declared one: the recorded one, or else the oldest that is the same to the service and that
    /// is not recorded as another trigger.
    fn found(&self) -> BTreeMap<&'a TriggerKey, &'a LiveTrigger> {
        let recorded: BTreeSet<&str> = self.ours.values().map(|found| found.id.as_str()).collect();
        let oldest = |trigger: &Trigger| {
            let alike = self.live_triggers().iter().filter(|found| trigger.is(found));
            alike.filter(|found| !recorded.contains(found.id.as_str())).min_by_key(|found| found.age())
        };
        let found = |trigger: &Trigger| self.ours.get(&trigger.identity()).copied().or_else(|| oldest(trigger));
        self.declared.values().filter_map(|trigger| Some((&trigger.key, found(trigger)?))).collect()
    }

    /// The live triggers that this stack applied and no longer declares, with their identities in the tag.
    fn undeclared(&self, found: &BTreeMap<&TriggerKey, &'a LiveTrigger>) -> Vec<(&str, &'a LiveTrigger)> {
        let declared: BTreeSet<&str> = found.values().map(|found| found.id.as_str()).collect();
        let all = self.ours.iter().filter(|(_, found)| !declared.contains(found.id.as_str()));
        all.map(|(identity, found)| (identity.as_str(), *found)).collect()
    }

    /// The trigger that goes and that was declared under the same key: it is one trigger whose identity changed.
    fn taken<'g>(
        &self,
        gone: &mut Vec<(&'g str, &'a LiveTrigger)>,
        trigger: &Trigger,
    ) -> Option<(&'g str, &'a LiveTrigger)> {
        let is_same = |(identity, _): &(&str, &LiveTrigger)| {
            self.entry_of(identity).is_some_and(|entry| entry.is_under(&trigger.key))
        };
        let at = gone.iter().position(is_same)?;
        Some(gone.remove(at))
    }

    fn created(&self, trigger: &'a Trigger) -> Change<'a> {
        let reason = match (&self.reason, self.entry(trigger)) {
            (Some(reason), _) => reason.clone(),
            (None, Some(_)) => differs([(Facet::Triggers, self.cause(trigger, None))]),
            (None, None) if self.others.is_some() => Reason::TriggersTakenOver,
            (None, None) => Reason::Missing,
        };
        let step = self.step(None, TriggerWrite::Create(trigger), self.edit(Some(trigger), []));
        let unsent = trigger.secrets.keys().map(String::as_str).collect();
        let fields = fields(&Sides { after: Some(trigger), unsent, ..Sides::default() });
        self.change(&trigger.key, Action::Create, reason, step).with_fields(fields)
    }

    fn compared(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Result<Option<Change<'a>>, Refused> {
        let differing = self.differing(trigger, found);
        if differing.is_empty() {
            return Ok(self.recorded(trigger, found));
        }
        let must_adopt = differing.entry.is_none() && self.ownership != Ownership::Unowned && self.others.is_none();
        if must_adopt && !self.permissions.adopt {
            return Err(self.unowned(trigger, &differing));
        }
        let is_taken = self.others.is_some();
        let adopted =
            if is_taken { Some(Reason::TriggersTakenOver) } else { must_adopt.then_some(Reason::AdoptDifferent) };
        let action = if adopted.is_some() { Action::Adopt } else { Action::Update };
        let reason = adopted.unwrap_or_else(|| differs(self.causes(trigger, &differing)));
        if !differing.is_within(trigger) {
            let identity = trigger.identity();
            return Ok(Some(self.replaced(trigger, &Replaced { differing, identity: &identity, reason })));
        }
        let step = self.step(Some(found), TriggerWrite::Update(trigger), self.edit(Some(trigger), []));
        let fields = fields(&differing.sides(Some(trigger)));
        Ok(Some(self.change(&trigger.key, action, reason, step).with_fields(fields)))
    }

    fn differing(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Differing<'_, 'a> {
        let entry = self.entry(trigger);
        // Without a tag, it would never be known that these were sent.
        let unsent = self.own.as_ref().map(|_| trigger.unsent_secrets(entry)).unwrap_or_default();
        let mut difference = trigger.difference(found);
        difference.members.extend(self.own.iter().flat_map(|_| trigger.unsent_members(found, entry)));
        Differing {
            found,
            difference,
            removed: entry.map(|entry| trigger.removed(found, entry)).unwrap_or_default(),
            unsent,
            entry,
            is_another: false,
        }
    }

    /// Live is as declared; the tag may not say so.
    fn recorded(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Option<Change<'a>> {
        self.own.as_ref()?;
        let (action, reason) = match self.entry(trigger) {
            Some(entry) if self.is_recorded(trigger, entry) && (has_identity(&found.code) || entry.is_of(found)) => {
                return None;
            }
            Some(_) => (Action::Record, Reason::StaleMark),
            None if self.others.is_some() => (Action::Adopt, Reason::TriggersTakenOver),
            None => (Action::Adopt, Reason::AdoptEqual),
        };
        let step = self.step(Some(found), TriggerWrite::Keep, self.edit(Some(trigger), []));
        Some(self.change(&trigger.key, action, reason, step))
    }

    /// The same trigger with another identity, or of another type.
    fn changed_identity(&self, trigger: &'a Trigger, found: &'a LiveTrigger, identity: &str) -> Change<'a> {
        let entry = self.entry_of(identity);
        let is_same_type = trigger.code.as_str() == found.code;
        let unsent = trigger.unsent_secrets(entry.filter(|_| is_same_type));
        let removed = entry.filter(|_| is_same_type).map(|entry| trigger.removed(found, entry)).unwrap_or_default();
        let difference = Difference::default();
        let differing = Differing { found, difference, removed, unsent, entry, is_another: true };
        let reason = differs([(Facet::Triggers, Cause::Pending)]);
        self.replaced(trigger, &Replaced { differing, identity, reason })
    }

    fn replaced(&self, trigger: &'a Trigger, replaced: &Replaced<'_, '_, 'a>) -> Change<'a> {
        let Replaced { differing, identity, reason } = replaced;
        let old = differing.found;
        let missed = by_code(&old.code).map_or(MISSED, |known| known.missed).to_owned();
        let reason = Reason::Replaced { because: Box::new(reason.clone()), missed };
        let removed = (*identity != trigger.identity()).then(|| (*identity).to_owned());
        let carried = trigger.carried(old, differing.entry);
        let lost = trigger.lost_secrets(old, differing.entry).into_iter();
        let lost = lost.map(|wire| fields::name_of(&old.code, wire).to_owned()).collect();
        let fields = fields(&differing.sides(Some(&trigger.with(&carried))));
        let mark = self.edit(Some(trigger), removed);
        let step = TriggerStep { carried, lost, ..self.step(Some(old), TriggerWrite::Replace(trigger), mark) };
        self.change(&trigger.key, Action::Replace, reason, step).with_fields(fields)
    }

    fn deleted(&self, key: &TriggerKey, found: &'a LiveTrigger, identity: &str) -> Change<'a> {
        let reason = self.reason.clone().unwrap_or(Reason::Undeclared);
        let step = self.step(Some(found), TriggerWrite::Delete, self.edit(None, [identity.to_owned()]));
        let fields = fields(&Sides { before: Some(found), ..Sides::default() });
        self.change(key, Action::Delete, reason, step).with_fields(fields)
    }

    /// Removes entries of the tag whose triggers are neither declared nor live.
    fn forgotten(&self, keys: &BTreeSet<TriggerKey>) -> Option<Change<'a>> {
        let marked = self.marked.as_ref()?;
        let declared: BTreeSet<String> = self.declared.values().map(Trigger::identity).collect();
        let is_gone = |identity: &&str| !declared.contains(*identity) && !self.ours.contains_key(*identity);
        let gone: Vec<String> = marked.identities().filter(is_gone).map(str::to_owned).collect();
        let key = free_key("removed", gone.first()?, keys);
        let step = self.step(None, TriggerWrite::Keep, self.edit(None, gone));
        Some(self.change(&key, Action::Record, Reason::StaleMark, step))
    }

    fn entry(&self, trigger: &Trigger) -> Option<&Entry> {
        self.entry_of(&trigger.identity())
    }

    fn entry_of(&self, identity: &str) -> Option<&Entry> {
        self.marked.as_ref()?.entry(identity)
    }

    fn causes(&self, trigger: &Trigger, differing: &Differing<'_, 'a>) -> Vec<(Facet, Cause)> {
        let Differing { found, difference, removed, unsent, .. } = differing;
        let (secrets, members): (Vec<&str>, Vec<&str>) = removed.iter().copied().partition(|wire| is_secret(wire));
        let of_members = !difference.is_empty() || !members.is_empty();
        let of_members = of_members.then(|| (Facet::Triggers, self.cause(trigger, Some(found))));
        let of_secrets = (!unsent.is_empty() || !secrets.is_empty()).then_some((Facet::Secrets, Cause::Pending));
        of_members.into_iter().chain(of_secrets).collect()
    }

    /// Which side changed.
    fn cause(&self, trigger: &Trigger, found: Option<&LiveTrigger>) -> Cause {
        match self.entry(trigger) {
            None => Cause::Unmarked,
            Some(entry) if entry.is_unwritten() => Cause::Unmarked,
            Some(entry) if entry.has_members_of(&trigger.entry()) => Cause::Drift,
            Some(entry) if found.is_some_and(|found| trigger.is_marked(found, entry)) => Cause::Pending,
            Some(_) => Cause::Conflict,
        }
    }

    fn change(&self, key: &TriggerKey, action: Action, reason: Reason, step: TriggerStep<'a>) -> Change<'a> {
        Change::new(Address::trigger(self.address, key), action, reason, Step::Trigger(Box::new(step)))
    }

    fn step(&self, seen: Option<&'a LiveTrigger>, write: TriggerWrite<'a>, mark: Option<MarkEdit>) -> TriggerStep<'a> {
        let marks = self.live.map(|live| &live.marks);
        TriggerStep { seen, write, marks, mark, carried: Carried::default(), lost: Vec::new() }
    }

    fn edit(&self, set: Option<&Trigger>, removed: impl IntoIterator<Item = String>) -> Option<MarkEdit> {
        let own = self.own.clone()?;
        let records_id = set.is_some_and(|trigger| self.records_id(trigger));
        let set = set.map(|trigger| (trigger.identity(), self.recorded_as(trigger)));
        Some(MarkEdit { own, set, records_id, removed: removed.into_iter().collect() })
    }

    /// The new entry of a trigger. If the values of its secrets are not known here, they are not sent.
    fn recorded_as(&self, trigger: &Trigger) -> Entry {
        let entry = trigger.entry();
        match (&trigger.sealed, self.entry(trigger)) {
            (None, Some(before)) if !trigger.secrets.is_empty() => entry.with_secrets(before.secrets()),
            _ => entry,
        }
    }

    fn is_recorded(&self, trigger: &Trigger, entry: &Entry) -> bool {
        entry.records_the_same_as(&self.recorded_as(trigger))
    }

    /// Whether only the id tells the trigger apart.
    fn records_id(&self, trigger: &Trigger) -> bool {
        let alike = self.live_triggers().iter().filter(|found| trigger.is(found)).count();
        !has_identity(trigger.code.as_str()) || alike > 1 || self.entry(trigger).is_some_and(Entry::has_id)
    }
}

/// A live trigger that is deleted and created again.
struct Replaced<'i, 'c, 'a> {
    differing: Differing<'c, 'a>,
    /// Its identity in the tag.
    identity: &'i str,
    reason: Reason,
}

impl Differing<'_, '_> {
    fn is_empty(&self) -> bool {
        self.difference.is_empty() && self.removed.is_empty() && self.unsent.is_empty()
    }

    /// Whether the service can change all of this in place.
    fn is_within(&self, trigger: &Trigger) -> bool {
        self.removed.is_empty() && self.unsent.is_empty() && trigger.can_change_to(&self.difference)
    }

    fn sides<'s>(&'s self, after: Option<&'s Trigger>) -> Sides<'s> {
        let (removed, unsent) = (self.removed.clone(), self.unsent.clone());
        Sides { before: Some(self.found), after, is_another: self.is_another, removed, unsent, entry: self.entry }
    }
}

fn differs(causes: impl IntoIterator<Item = (Facet, Cause)>) -> Reason {
    Reason::Differs(causes.into_iter().collect())
}
