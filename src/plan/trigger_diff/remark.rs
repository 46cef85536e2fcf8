//! Findings about the triggers of a function.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::model::address::Address;
use crate::model::text::TriggerKey;
use crate::model::trigger::{LiveTrigger, Trigger};

use super::fields::name_of;
use super::{Case, Differing, Refused};

/// What a plan leaves alone, or cannot compare. `sent` has the triggers that it sends as a whole.
pub(in crate::plan) fn remarks(case: &Case<'_>, sent: &BTreeSet<Address>) -> Vec<Diagnostic> {
    case.alike().into_iter().chain(case.left()).chain(case.uncompared(sent)).collect()
}

impl<'a> Case<'a> {
    pub(super) fn unowned(&self, trigger: &Trigger, differing: &Differing<'_, '_>) -> Refused {
        let Differing { difference, unsent, .. } = differing;
        let names = difference.members.iter().map(String::as_str);
        let names: Vec<&str> = names.chain(difference.status.then_some("trigger_status")).collect();
        let secrets: Vec<&str> = unsent.iter().copied().collect();
        let differs = (!names.is_empty()).then(|| format!("it differs in {}", names.join(", ")));
        let unknown =
            (!secrets.is_empty()).then(|| format!("fgctl cannot compare the value of {}", secrets.join(", ")));
        let problems: Vec<String> = differs.into_iter().chain(unknown).collect();
        let message = format!(
            "{} exists, but this stack did not create it, and {}",
            Address::trigger(self.address, &trigger.key),
            problems.join("; ")
        );
        let help = if names.is_empty() {
            "use --adopt: fgctl then replaces the trigger, so that it has the declared value"
        } else {
            "declare it as it is live, or use --adopt, which changes it"
        };
        Box::new(Diagnostic::error("not-owned", message).help(help).at(trigger.spot.clone()))
    }

    pub(super) fn of_another_stack(&self) -> Refused {
        let message = format!("another stack applied triggers to function {}", self.address);
        let help = "declare the triggers of a function in only one stack, or use --take-over; the tag fgctl.triggers records them";
        let spot = self.declared.values().next().map(|trigger| &trigger.spot);
        Box::new(Diagnostic::error("owned-by-another-stack", message).help(help).at_any(spot))
    }

    /// Live triggers that are the same to fgctl as one of this stack's.
    fn alike(&self) -> Vec<Diagnostic> {
        let ours = compared(self);
        let ids: BTreeSet<&str> = ours.values().map(|own| own.id.as_str()).collect();
        let others: Vec<&LiveTrigger> =
            self.live_triggers().iter().filter(|other| !ids.contains(other.id.as_str())).collect();
        let remark = |(key, own): (&TriggerKey, &&LiveTrigger)| {
            let declared = self.declared.get(key);
            let is_alike =
                |other: &LiveTrigger| declared.map_or_else(|| other.identity() == own.identity(), |one| one.is(other));
            let alike: Vec<&str> =
                others.iter().filter(|other| is_alike(other)).map(|other| other.id.as_str()).collect();
            let message = format!(
                "{} is the live trigger {}, but other live triggers have the same identity, and fgctl leaves them alone: {}",
                Address::trigger(self.address, key),
                own.id,
                alike.join(", ")
            );
            let help = "each event starts the function once for each of them: delete those that are not needed by hand";
            let finding = Diagnostic::warning("identical-trigger", message).help(help);
            (!alike.is_empty()).then(|| finding.at_any(declared.map(|trigger| &trigger.spot)))
        };
        ours.iter().filter_map(remark).collect()
    }

    /// The triggers of another stack that are no stack's after a take-over.
    fn left(&self) -> Option<Diagnostic> {
        let others = self.others.as_ref().filter(|_| self.permissions.take_over && !self.declared.is_empty())?;
        let found = self.found();
        let ours: BTreeSet<&str> = found.values().map(|found| found.id.as_str()).collect();
        let live = others.live(self.live_triggers());
        let left = live.values().filter(|found| !ours.contains(found.id.as_str()));
        let keys = self.declared.keys().cloned().collect();
        let names: Vec<String> = left.map(|found: &&LiveTrigger| self.own_key(found, &keys).to_string()).collect();
        if names.is_empty() {
            return None;
        }
        let message = format!(
            "this stack takes over the triggers of function {}, but does not declare all of them; these stay, and then \
             belong to no stack: {}",
            self.address,
            names.join(", ")
        );
        let help = "declare them too, or delete them by hand";
        Some(Diagnostic::warning("triggers-left", message).help(help))
    }

    /// Secrets without values here: whether they have new values is unknown.
    fn uncompared(&self, sent: &BTreeSet<Address>) -> Vec<Diagnostic> {
        let is_sent = |trigger: &Trigger| sent.contains(&Address::trigger(self.address, &trigger.key));
        let is_uncompared =
            |it: &&Trigger| self.entry(it).is_some() && it.sealed.is_none() && !it.secrets.is_empty() && !is_sent(it);
        let unset = |trigger: &'a Trigger| {
            trigger.secrets.iter().filter(|(_, secret)| secret.value.is_none()).map(move |(wire, secret)| {
                let address = Address::trigger(self.address, &trigger.key);
                let (name, variable) = (name_of(trigger.code.as_str(), wire), &secret.variable);
                let message = format!(
                    "the environment variable {variable} is not set or empty, so fgctl cannot tell whether `{name}` of \
                     {address} has a new value"
                );
                let help = format!("set {variable} to compare the value with the one that was applied");
                Diagnostic::warning("secret-not-set", message).help(help).at(secret.spot.clone())
            })
        };
        self.declared.values().filter(is_uncompared).flat_map(unset).collect()
    }
}

/// The live triggers that a plan compares or deletes, by the keys of their addresses.
pub(in crate::plan) fn compared<'a>(case: &Case<'a>) -> BTreeMap<TriggerKey, &'a LiveTrigger> {
    let found = case.found();
    let gone = case.undeclared(&found);
    let mut keys: BTreeSet<TriggerKey> = case.declared.keys().cloned().collect();
    let mut all: BTreeMap<TriggerKey, &LiveTrigger> =
        found.into_iter().map(|(key, found)| (key.clone(), found)).collect();
    for (_, found) in gone {
        let key = case.own_key(found, &keys);
        keys.insert(key.clone());
        all.insert(key, found);
    }
    all
}
