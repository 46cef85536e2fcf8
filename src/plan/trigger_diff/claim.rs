//! Triggers that a stack takes as they are, and triggers that it gives up. Both write only the tag that records them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::{Address, FunctionAddress};
use crate::model::text::TriggerKey;
use crate::model::trigger::key::free_key;
use crate::model::trigger::{LiveTrigger, Trigger};

use super::super::change::{Action, Change, Reason};
use super::super::trigger_step::TriggerWrite;
use super::fields::fields;
use super::{Case, Refused};

/// Which triggers of a function a command names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::plan) enum Which {
    All,
    These(BTreeSet<TriggerKey>),
}

impl Which {
    /// The address of the function stands for all of them.
    pub(in crate::plan) fn of(function: &FunctionAddress, addresses: &BTreeSet<Address>) -> Self {
        if addresses.contains(&Address::function(function)) {
            return Self::All;
        }
        let own = addresses.iter().filter(|address| address.function == *function);
        Self::These(own.filter_map(|address| address.trigger.clone()).collect())
    }

    fn contains(&self, key: &TriggerKey) -> bool {
        match self {
            Self::All => true,
            Self::These(keys) => keys.contains(key),
        }
    }
}

impl<'a> Case<'a> {
    /// What makes declared live triggers this stack's and changes nothing else. The differences are shown.
    pub(in crate::plan) fn claims(&self, which: &Which) -> Result<Vec<Change<'a>>, Refused> {
        let asked = || self.declared.values().filter(|trigger| which.contains(&trigger.key));
        if self.others.is_some() && asked().next().is_some() {
            return Err(self.of_another_stack());
        }
        let (found, mut claims) = (self.found(), Vec::new());
        for trigger in asked() {
            match found.get(&trigger.key) {
                Some(found) if self.entry(trigger).is_none() => claims.push(self.claimed(trigger, found)),
                None if *which != Which::All => return Err(self.not_live(trigger)),
                Some(_) | None => {}
            }
        }
        if self.own.is_none() && !claims.is_empty() {
            return Err(self.not_claimable());
        }
        Ok(claims)
    }

    fn claimed(&self, trigger: &'a Trigger, found: &'a LiveTrigger) -> Change<'a> {
        let differing = self.differing(trigger, found);
        let mut edit = self.edit(Some(trigger), []);
        let (reason, fields) = if differing.is_empty() {
            (Reason::AdoptEqual, Vec::new())
        } else {
            let set = edit.as_mut().and_then(|edit| edit.set.take());
            let set = set.map(|(identity, entry)| (identity, entry.unwritten()));
            if let Some(edit) = &mut edit {
                edit.set = set;
            }
            (Reason::TriggerImported, fields(&differing.sides(Some(trigger))))
        };
        let step = self.step(Some(found), TriggerWrite::Keep, edit);
        self.change(&trigger.key, Action::Adopt, reason, step).with_fields(fields)
    }

    /// What makes the tag forget triggers. Entries without a live trigger go together.
    pub(in crate::plan) fn given_up(&self, which: &Which) -> Vec<Change<'a>> {
        let Some(marked) = &self.marked else { return Vec::new() };
        let mut left: BTreeSet<&str> = marked.identities().collect();
        let mut known: BTreeMap<TriggerKey, String> =
            self.declared.values().map(|trigger| (trigger.key.clone(), trigger.identity())).collect();
        let mut keys: BTreeSet<TriggerKey> = known.keys().cloned().collect();
        for (identity, found) in self.undeclared(&self.found()) {
            let key = self.own_key(found, &keys);
            keys.insert(key.clone());
            known.insert(key, identity.to_owned());
        }
        let mut changes = Vec::new();
        for (key, identity) in known.iter().filter(|(key, _)| which.contains(key)) {
            if left.remove(identity.as_str()) {
                changes.push(self.forgotten_as(key, [identity.clone()]));
            }
        }
        if *which == Which::All
            && let Some(first) = left.first()
        {
            let key = free_key("removed", first, &keys);
            changes.push(self.forgotten_as(&key, left.iter().map(|identity| (*identity).to_owned())));
        }
        changes
    }

    pub(super) fn forgotten_as(&self, key: &TriggerKey, identities: impl IntoIterator<Item = String>) -> Change<'a> {
        let step = self.step(None, TriggerWrite::Keep, self.edit(None, identities));
        self.change(key, Action::Forget, Reason::TriggerForgotten, step)
    }

    fn not_live(&self, trigger: &Trigger) -> Refused {
        let address = Address::trigger(self.address, &trigger.key);
        let message = format!("{address} is not live, so there is nothing to import");
        Box::new(Diagnostic::error("not-live", message).help("`fgctl apply` creates it").at(trigger.spot.clone()))
    }

    /// An import sets a tag, and nothing else.
    fn not_claimable(&self) -> Refused {
        let message = format!(
            "the triggers of function {} cannot be imported, because no tag can be set on the function",
            self.address
        );
        let help = "a function can have 20 tags, and the service must allow fgctl to read and set them; `fgctl apply` works without them";
        Box::new(Diagnostic::error("no-room-for-tags", message).help(help))
    }
}
