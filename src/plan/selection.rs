//! Selects part of a plan: the changes that the user picks, and the changes that those need. Everything else stays live
//! as it is.
//!
//! A selected policy includes the policies that it waits for, so a partial plan leads to an intermediate state of the
//! whole plan. If no intermediate state of the whole plan has a cycle, the partial plan has none either.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::mark;
use crate::model::row::Call;

use super::change::{Action, Cause, Change, Facet, Reason, Step, Writes};

/// The selected changes; the default selects everything.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Select these and the changes that they depend on; if empty, everything.
    pub targets: BTreeSet<Address>,
    /// Exclude these and the changes that depend on them.
    pub excluded: BTreeSet<Address>,
    /// Select only changes from this side, as far as marks show it.
    pub only: Option<Only>,
}

/// The side that must have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Only {
    /// Live.
    Drift,
    /// The manifest.
    Pending,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an error in a function stops the selected part.
    pub(super) fn concerns(&self, function: &FunctionAddress) -> bool {
        let is_target = self.targets.is_empty() || self.targets.iter().any(|target| target.function == *function);
        is_target && !self.excluded.contains(&Address::function(function))
    }

    /// The selected changes, and the addresses of those that are left out, fully or in part. Both keep their order.
    pub(super) fn pick<'a>(&self, changes: Vec<Change<'a>>) -> (Vec<Change<'a>>, Vec<Address>) {
        if self.is_everything() {
            return (changes, Vec::new());
        }
        let needs = needs(&changes);
        let is_deletion = |change: &&Change<'_>| matches!(change.step, Step::DeleteFunction { .. });
        let deletions: BTreeSet<Address> = changes.iter().filter(is_deletion).map(|it| it.address.clone()).collect();
        let needed_by = |needed: &Address| {
            let needs_it = needs.iter().filter(|(_, needs)| needs.contains(needed)).map(|(address, _)| address.clone());
            // A function that is kept also keeps its policy, which would be deleted only together with the function.
            let own = changes.iter().map(|change| &change.address).filter(|own| own.function == needed.function);
            needs_it.chain(own.filter(|_| deletions.contains(needed)).cloned()).collect()
        };
        let excluded = closure(self.excluded.clone(), needed_by);
        let matching = changes.iter().filter(|change| self.matches(change)).map(|change| change.address.clone());
        let wanted = closure(matching.filter(|address| !excluded.contains(address)).collect(), |address| {
            needs.get(address).into_iter().flatten().cloned().collect()
        });
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for change in changes {
            if !wanted.contains(&change.address) {
                left_out.push(change.address);
                continue;
            }
            let facets = self.only.map_or_else(|| all_facets(&change), |only| facets(&change, only));
            if facets != all_facets(&change) {
                left_out.push(change.address.clone());
            }
            kept.push(narrowed(change, &facets));
        }
        (kept, left_out)
    }

    /// Changes that both sides caused, if only one side is selected. They are in neither selection.
    pub(super) fn undecided<'a>(&self, changes: &'a [Change<'_>]) -> Vec<&'a Address> {
        let is_conflict = |reason: &Reason| match reason.cause() {
            Reason::Differs(causes) => causes.iter().any(|(_, cause)| *cause == Cause::Conflict),
            Reason::PolicyNotDeclared(cause) => *cause == Cause::Conflict,
            _ => false,
        };
        let asked = |change: &&Change<'_>| self.only.is_some() && self.concerns(&change.address.function);
        changes.iter().filter(asked).filter(|it| is_conflict(&it.reason)).map(|it| &it.address).collect()
    }

    fn matches(&self, change: &Change<'_>) -> bool {
        let is_target = self.targets.is_empty() || self.targets.contains(&change.address);
        is_target && self.only.is_none_or(|only| only.moved(&change.reason))
    }
}

impl Only {
    /// Whether this side alone is the cause.
    const fn is(self, cause: Cause) -> bool {
        match cause {
            Cause::Drift | Cause::Suspected => matches!(self, Self::Drift),
            Cause::Pending => matches!(self, Self::Pending),
            Cause::Conflict | Cause::Unmarked => false,
        }
    }

    /// Whether this side alone caused the change, or the change of one facet.
    fn moved(self, reason: &Reason) -> bool {
        match reason.cause() {
            Reason::Differs(causes) => causes.iter().any(|(_, cause)| self.is(*cause)),
            Reason::PolicyNotDeclared(cause) => self.is(*cause),
            Reason::Deleted => self == Self::Drift,
            // Nothing shows that live was changed.
            Reason::Missing
            | Reason::Undeclared
            | Reason::Unfinished
            | Reason::Destroyed
            | Reason::HandedOver
            | Reason::HandOverContinued
            | Reason::Forgotten
            | Reason::PolicyForgotten
            | Reason::TriggerForgotten => self == Self::Pending,
            Reason::AdoptEqual
            | Reason::AdoptUnfinished
            | Reason::AdoptDifferent
            | Reason::Imported
            | Reason::PolicyImported
            | Reason::TriggerImported
            | Reason::TakeOver { .. }
            | Reason::TriggersTakenOver
            | Reason::Replaced { .. }
            | Reason::StaleMark => false,
        }
    }
}

/// The changes that each change needs. The other change of the same function is needed only if it creates the function
/// or makes it this stack's; otherwise it only sets the order. A hand-over needs the tags of the policy, because they show
/// that the function must not be deleted. It does not need those of triggers.
fn needs(changes: &[Change<'_>]) -> BTreeMap<Address, BTreeSet<Address>> {
    let actions: BTreeMap<&Address, Action> = changes.iter().map(|change| (&change.address, change.action)).collect();
    let takes_turns = |change: &Change<'_>, first: &Address| {
        let precedes_trigger = || change.address.kind == Kind::Trigger && first.kind == Kind::AsyncPolicy;
        let is_small = || matches!(actions.get(first), Some(Action::Update | Action::Record));
        let is_turn = || change.action != Action::Forget && (precedes_trigger() || is_small());
        first.function == change.address.function && (first.kind == Kind::Trigger || is_turn())
    };
    let needs = |change: &Change<'_>| {
        let is_needed = |first: &&Address| !change.turns.contains(first) && !takes_turns(change, first);
        (change.address.clone(), change.waits_for.iter().filter(is_needed).cloned().collect())
    };
    changes.iter().map(needs).collect()
}

/// The addresses and everything that follows from them.
fn closure(from: BTreeSet<Address>, next: impl Fn(&Address) -> Vec<Address>) -> BTreeSet<Address> {
    let mut front: Vec<Address> = from.iter().cloned().collect();
    let mut all = from;
    while let Some(address) = front.pop() {
        front.extend(next(&address).into_iter().filter(|found| all.insert(found.clone())));
    }
    all
}

fn all_facets(change: &Change<'_>) -> BTreeSet<Facet> {
    match &change.reason {
        Reason::Differs(causes) => causes.iter().map(|(facet, _)| *facet).collect(),
        _ => BTreeSet::new(),
    }
}

/// The facets that one side changed. Configuration and secrets share one request: writing secrets includes the
/// configuration, and configuring a function with secrets sends them again. A change that is included only because
/// another one needs it keeps all its facets.
fn facets(change: &Change<'_>, only: Only) -> BTreeSet<Facet> {
    let all = all_facets(change);
    let Reason::Differs(causes) = &change.reason else { return all };
    let moved = causes.iter().filter(|(_, cause)| only.is(*cause)).map(|(facet, _)| *facet);
    let mut facets: BTreeSet<Facet> = moved.collect();
    if facets.contains(&Facet::Secrets) && all.contains(&Facet::Config) {
        facets.insert(Facet::Config);
    }
    let (config, code) = (facets.contains(&Facet::Config), facets.contains(&Facet::Code));
    if config != code && shares_request(change) && all.is_superset(&BTreeSet::from([Facet::Config, Facet::Code])) {
        facets.extend([Facet::Config, Facet::Code]);
    }
    let sends_secrets = match &change.step {
        Step::UpdateFunction { live, writes, .. } => writes.configuration && !live.secret_names.is_empty(),
        _ => false,
    };
    if facets.contains(&Facet::Config) && sends_secrets && all.contains(&Facet::Secrets) {
        facets.insert(Facet::Secrets);
    }
    if facets.is_empty() { all } else { facets }
}

/// Whether a configuration write contains the code, which is an image, or a code write a field of the configuration.
fn shares_request(change: &Change<'_>) -> bool {
    change.fields.iter().map(|field| field.path.field.row()).any(|row| match row.facet {
        Facet::Config => row.is_written_by(Call::Code),
        Facet::Code => row.is_written_by(Call::Configuration),
        _ => false,
    })
}

/// An update without the facets that are not selected.
fn narrowed<'a>(mut change: Change<'a>, facets: &BTreeSet<Facet>) -> Change<'a> {
    if *facets == all_facets(&change) {
        return change;
    }
    if let Reason::Differs(causes) = &mut change.reason {
        causes.retain(|(facet, _)| facets.contains(facet));
    }
    change.fields.retain(|field| facets.contains(&field.path.field.row().facet));
    if let Step::UpdateFunction { writes, live, .. } = &mut change.step {
        let Writes {
            configuration,
            secrets,
            code,
            max_instances,
            reserved,
            returned: _,
            set_tags,
            remove_tags,
            removal: _,
            may_lose_secrets: _,
        } = writes;
        let is_written_by = |call: Call| change.fields.iter().any(|field| field.path.field.row().is_written_by(call));
        let marked = set_tags.remove(mark::CONFIG);
        let marked = marked.and_then(|wanted| narrowed_mark(&wanted, live.marks.get(mark::CONFIG), facets));
        let is_wanted = |key: &String, _: &mut String| Facet::of_tag(key).is_none_or(|facet| facets.contains(&facet));
        *configuration &= is_written_by(Call::Configuration);
        *max_instances &= is_written_by(Call::MaxInstances);
        *reserved &= is_written_by(Call::Reserved);
        *secrets &= facets.contains(&Facet::Secrets);
        // PUT code also writes fields of the configuration.
        *code &= facets.contains(&Facet::Code) || is_written_by(Call::Code);
        set_tags.retain(is_wanted);
        remove_tags.retain(is_wanted);
        set_tags.extend(marked.map(|mark| (mark::CONFIG.to_owned(), mark)));
    }
    change
}

/// The configuration mark also covers protection. Each half is updated only together with its facet.
fn narrowed_mark(wanted: &str, live: Option<&str>, facets: &BTreeSet<Facet>) -> Option<String> {
    let pick = |facet| if facets.contains(&facet) { Some(wanted) } else { live };
    match (pick(Facet::Config), pick(Facet::Protection)) {
        (Some(fields), identity) => Some(mark::joined(fields, identity.unwrap_or(fields))),
        (None, _) => None,
    }
    .filter(|narrowed| Some(narrowed.as_str()) != live)
}
