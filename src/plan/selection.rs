//! Part of a plan: the changes that the user picks, with what those need. What is left out stays as it is live.
//!
//! A picked policy comes with the policies that it waits for, so that a part is a moment of the whole: where no moment of
//! the whole plan has a circle, its part has none either.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress};

use super::change::{Action, Cause, Change, Facet, Reason, Step, Writes};

/// Which changes are wanted: all, where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// These and what they need; without any, everything.
    pub targets: BTreeSet<Address>,
    /// Not these, nor what needs them.
    pub excluded: BTreeSet<Address>,
    /// What this side moved, as far as marks tell.
    pub only: Option<Only>,
}

/// Which side has to have moved.
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

    /// Whether what is wrong with a function stops the part that was picked.
    pub(super) fn concerns(&self, function: &FunctionAddress) -> bool {
        let is_target = self.targets.is_empty() || self.targets.iter().any(|target| target.function == *function);
        is_target && !self.excluded.contains(&Address::function(function))
    }

    /// The picked changes, and the addresses of those that are left out, wholly or in part. Both keep their order.
    pub(super) fn pick<'a>(&self, changes: Vec<Change<'a>>) -> (Vec<Change<'a>>, Vec<Address>) {
        if self.is_everything() {
            return (changes, Vec::new());
        }
        let needs = needs(&changes);
        let matching = changes.iter().filter(|change| self.matches(change)).map(|change| change.address.clone());
        let wanted = closure(matching.collect(), |address| needs.get(address).into_iter().flatten().cloned().collect());
        let needed_by = |needed: &Address| {
            let needs_it = needs.iter().filter(|(_, needs)| needs.contains(needed));
            needs_it.map(|(address, _)| address.clone()).collect()
        };
        let excluded = closure(self.excluded.clone(), needed_by);
        let (mut kept, mut left_out) = (Vec::new(), Vec::new());
        for change in changes {
            if !wanted.contains(&change.address) || excluded.contains(&change.address) {
                left_out.push(change.address);
                continue;
            }
            let facets = self.only.map_or_else(|| all_facets(&change), |only| facets(&change, only));
            if facets != all_facets(&change) {
                left_out.push(change.address.clone());
            }
            kept.push(narrowed(change, &facets));
        }
        // What a change only takes turns with is no reason to wait any more.
        let there: BTreeSet<Address> = kept.iter().map(|change| change.address.clone()).collect();
        for change in &mut kept {
            change.waits_for.retain(|first| there.contains(first));
        }
        (kept, left_out)
    }

    fn matches(&self, change: &Change<'_>) -> bool {
        let is_target = self.targets.is_empty() || self.targets.contains(&change.address);
        is_target && self.only.is_none_or(|only| only.moved(&change.reason))
    }
}

impl Only {
    const fn cause(self) -> Cause {
        match self {
            Self::Drift => Cause::Drift,
            Self::Pending => Cause::Pending,
        }
    }

    /// Whether this side alone is why something changes, as a whole or in a facet.
    fn moved(self, reason: &Reason) -> bool {
        match reason {
            Reason::Differs(causes) => causes.iter().any(|(_, cause)| *cause == self.cause()),
            Reason::PolicyNotDeclared(cause) => *cause == self.cause(),
            Reason::Deleted => self == Self::Drift,
            // Nothing shows that anybody touched live.
            Reason::Missing | Reason::Undeclared | Reason::Destroyed => self == Self::Pending,
            Reason::AdoptEqual
            | Reason::AdoptUnfinished
            | Reason::AdoptDifferent
            | Reason::TakeOver { .. }
            | Reason::StaleMark => false,
        }
    }
}

/// What each change cannot do without. Taking turns with the other change of the same function is no need, unless that
/// one makes the function or makes it ours.
fn needs(changes: &[Change<'_>]) -> BTreeMap<Address, BTreeSet<Address>> {
    let actions: BTreeMap<&Address, Action> = changes.iter().map(|change| (&change.address, change.action)).collect();
    let takes_turns = |change: &Change<'_>, first: &Address| {
        first.function == change.address.function && matches!(actions.get(first), Some(Action::Update | Action::Record))
    };
    let needs = |change: &Change<'_>| {
        let needed = change.waits_for.iter().filter(|first| !takes_turns(change, first)).cloned();
        (change.address.clone(), needed.collect())
    };
    changes.iter().map(needs).collect()
}

/// The addresses, and all that follows from them.
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

/// The facets that one side moved. Configuration and secrets travel in one request: where secrets are written, the
/// configuration is too. A change that is only there because another needs it is whole.
fn facets(change: &Change<'_>, only: Only) -> BTreeSet<Facet> {
    let all = all_facets(change);
    let Reason::Differs(causes) = &change.reason else { return all };
    let moved = causes.iter().filter(|(_, cause)| *cause == only.cause()).map(|(facet, _)| *facet);
    let mut facets: BTreeSet<Facet> = moved.collect();
    if facets.contains(&Facet::Secrets) && all.contains(&Facet::Config) {
        facets.insert(Facet::Config);
    }
    if facets.is_empty() { all } else { facets }
}

/// An update without the facets that are not wanted.
fn narrowed<'a>(mut change: Change<'a>, facets: &BTreeSet<Facet>) -> Change<'a> {
    if *facets == all_facets(&change) {
        return change;
    }
    if let Reason::Differs(causes) = &mut change.reason {
        causes.retain(|(facet, _)| facets.contains(facet));
    }
    change.fields.retain(|field| facets.contains(&Facet::of(&field.path)));
    if let Step::UpdateFunction { writes, .. } = &mut change.step {
        let Writes { configuration, secrets, code, set_tags, remove_tags } = writes;
        let is_wanted = |key: &String, _: &mut String| Facet::of_tag(key).is_none_or(|facet| facets.contains(&facet));
        *configuration &= facets.contains(&Facet::Config);
        *secrets &= facets.contains(&Facet::Secrets);
        *code &= facets.contains(&Facet::Code);
        set_tags.retain(is_wanted);
        remove_tags.retain(is_wanted);
    }
    change
}
