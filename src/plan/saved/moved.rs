//! What changed since a plan was saved.

use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::field::{Field, Path};
use crate::rules::trigger::is_secret;

use super::super::change::Recorded;
use super::SavedPlan;
use super::fingerprint::Fingerprints;

/// One difference to the saved plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    pub address: Address,
    pub side: Side,
    pub what: What,
}

/// Which input changed since the plan was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The manifests, secrets or code.
    Manifests,
    Live,
    /// Neither input, but this fgctl makes another plan from them.
    Plan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    Appeared,
    Gone,
    Fields(BTreeSet<Path>),
}

/// The differences between a plan and the same plan made again, by address.
pub(super) fn between(before: &SavedPlan, now: &SavedPlan) -> Vec<Moved> {
    let mut moved = differences(Side::Manifests, &before.manifests, &now.manifests);
    let live = differences(Side::Live, &before.live, &now.live);
    let redeclared = moved.iter().map(|moved| &moved.address.function).collect();
    let comparison = Comparison { before, now, redeclared };
    let live: Vec<Moved> = live.into_iter().filter_map(|found| comparison.certain(found)).collect();
    moved.extend(live);
    if moved.is_empty() && before.changes != now.changes {
        moved = planned_differently(&before.changes, &now.changes);
    }
    moved.sort_by(|one, other| (&one.address, one.side).cmp(&(&other.address, other.side)));
    moved
}

/// Tells changes of live state from changes of the manifests: these also decide which parts of live state a plan looks at.
struct Comparison<'a> {
    before: &'a SavedPlan,
    now: &'a SavedPlan,
    /// The functions whose declarations differ.
    redeclared: BTreeSet<&'a FunctionAddress>,
}

impl Comparison<'_> {
    /// The part of a difference that only a change of live state explains. With the same manifests, that is all of it.
    fn certain(&self, found: Moved) -> Option<Moved> {
        let Moved { address, side, what } = found;
        let what = match what {
            what if self.redeclared.is_empty() => Some(what),
            what if !self.redeclared.contains(&address.function) => Some(what).filter(|_| !self.has_targets(&address)),
            What::Fields(paths) => {
                let paths = paths.into_iter().filter(|path| self.is_read_alike(&address, path));
                let paths: BTreeSet<Path> = paths.collect();
                (!paths.is_empty()).then_some(What::Fields(paths))
            }
            what => Some(what).filter(|_| self.is_found_alike(&address)),
        };
        Some(Moved { address, side, what: what? })
    }

    /// Whether both plans look for this resource in the same way. What a trigger is declared to be decides which live
    /// trigger it is, and only functions that something else deploys have no fields.
    fn is_found_alike(&self, address: &Address) -> bool {
        match (self.before.manifests.get(address), self.now.manifests.get(address)) {
            (Some(before), Some(now)) if address.kind == Kind::Trigger => before == now,
            (Some(before), Some(now)) => before.is_empty() == now.is_empty(),
            _ => false,
        }
    }

    /// Whether both plans look at this field in the same way.
    fn is_read_alike(&self, address: &Address, path: &Path) -> bool {
        let declared = |saved: &SavedPlan, path: &Path| saved.manifests.get(address)?.get(path).cloned();
        let is_same = |path: &Path| declared(self.before, path) == declared(self.now, path);
        let is_declared_alike = || is_same(path) && is_same(&Path::of(path.field));
        // What is declared decides what the hashes of these fields cover.
        let is_of_value =
            address.kind != Kind::Trigger && !matches!(path.field, Field::Environment | Field::Code | Field::Async);
        let is_live = |saved: &SavedPlan| saved.live.get(address).is_some_and(|fields| fields.contains_key(path));
        self.is_found_alike(address) && is_declared_alike() || is_of_value && is_live(self.before) && is_live(self.now)
    }

    /// Whether these are targets of a policy that no plan changes. All declared functions together decide which of them
    /// count.
    fn has_targets(&self, address: &Address) -> bool {
        let targets = Path::of(Field::Async);
        let has = |saved: &SavedPlan| saved.live.get(address).is_some_and(|fields| fields.contains_key(&targets));
        has(self.before) || has(self.now)
    }
}

/// Addresses and fields whose hashes differ.
fn differences(side: Side, before: &Fingerprints, now: &Fingerprints) -> Vec<Moved> {
    let addresses: BTreeSet<&Address> = before.keys().chain(now.keys()).collect();
    let difference = |address: &Address| match (before.get(address), now.get(address)) {
        (Some(_), None) => Some(What::Gone),
        (None, Some(_)) => Some(What::Appeared),
        (Some(before), Some(now)) => {
            let paths = before.keys().chain(now.keys()).filter(|path| before.get(path) != now.get(path));
            let paths: BTreeSet<Path> = paths.cloned().collect();
            (!paths.is_empty()).then_some(What::Fields(paths))
        }
        (None, None) => None,
    };
    let moved = |address: &Address| Some(Moved { address: address.clone(), side, what: difference(address)? });
    addresses.into_iter().filter_map(moved).collect()
}

/// Finds changes that differ although the inputs are the same, because another version of fgctl decides differently.
fn planned_differently(before: &[Recorded], now: &[Recorded]) -> Vec<Moved> {
    let only_in = |one: &[Recorded], other: &[Recorded], what: What| -> Vec<Moved> {
        let missing = one.iter().filter(|change| !other.iter().any(|known| known.address == change.address));
        missing.map(|change| Moved { address: change.address.clone(), side: Side::Plan, what: what.clone() }).collect()
    };
    let in_both = before.iter().filter_map(|change| {
        let other = now.iter().find(|other| other.address == change.address && *other != change)?;
        let differ = |one: &Recorded, other: &Recorded| -> BTreeSet<Path> {
            let fields = one.fields.iter().filter(|field| !other.fields.contains(field));
            fields.map(|field| field.path.clone()).collect()
        };
        let fields = differ(change, other).union(&differ(other, change)).cloned().collect();
        Some(Moved { address: change.address.clone(), side: Side::Plan, what: What::Fields(fields) })
    });
    [only_in(before, now, What::Gone), only_in(now, before, What::Appeared), in_both.collect()].concat()
}

fn is_about_secrets(path: &Path) -> bool {
    let is_of_trigger = || path.field == Field::Triggers && path.key.as_deref().is_some_and(is_secret);
    path.field == Field::Secrets || is_of_trigger()
}

impl Moved {
    /// What changed, without the address.
    pub fn difference(&self) -> String {
        let Self { address: _, side, what } = self;
        let said = match (what, side) {
            (What::Appeared, Side::Manifests) => "the manifests declare it now",
            (What::Gone, Side::Manifests) => "the manifests no longer declare it",
            (What::Appeared, Side::Live) => "it is live now",
            (What::Gone, Side::Live) => "it is no longer live",
            (What::Appeared, Side::Plan) => "this fgctl would change it too",
            (What::Gone, Side::Plan) => "this fgctl would not change it",
            (What::Fields(fields), side) => return changed(fields, *side),
        };
        said.to_owned()
    }
}

fn changed(fields: &BTreeSet<Path>, side: Side) -> String {
    let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
    let names = if names.is_empty() { "the change".to_owned() } else { names.join(", ") };
    match side {
        Side::Manifests if fields.iter().any(is_about_secrets) => {
            format!("the manifests or values of secrets changed: {names}")
        }
        Side::Manifests => format!("the manifests changed: {names}"),
        Side::Live => format!("live changed: {names}"),
        Side::Plan => format!("this fgctl plans {names} differently"),
    }
}

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.address, self.difference())
    }
}
