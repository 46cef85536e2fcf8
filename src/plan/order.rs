//! What waits for what, so that no moment between the old and the new state is a bad one.
//!
//! - A policy waits for the functions that it names to exist, and for their policies to have switched: at no moment does
//!   an edge lead from a switched policy to one that still has to switch, so no cycle can close half-way.
//! - A function goes only after every policy that names it has changed or gone.
//! - What touches one function goes one after the other, because both sides set tags on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::target::Target;

use super::change::{Action, Change, Step};

/// `staying` are the targets of the policies that do not change, of whomever.
pub(super) fn set_waits(changes: &mut [Change<'_>], staying: &BTreeMap<FunctionAddress, Vec<&Target>>) {
    let actions: BTreeMap<Address, Action> =
        changes.iter().map(|change| (change.address.clone(), change.action)).collect();
    let namers = namers(changes);
    for change in changes {
        let mut waits = match &change.step {
            Step::PutPolicy { desired, .. } => policy_waits(desired, &actions, staying),
            Step::DeleteFunction { live } => namers.get(&live.address).cloned().unwrap_or_default(),
            Step::CreateFunction { .. }
            | Step::UpdateFunction { .. }
            | Step::DeletePolicy { .. }
            | Step::MarkPolicy { .. } => BTreeSet::new(),
        };
        waits.extend(own_wait(change, &actions));
        waits.remove(&change.address);
        change.waits_for = waits.into_iter().collect();
    }
}

/// The other change of the same function that goes first: its policy where the function is deleted, else the function.
fn own_wait(change: &Change<'_>, actions: &BTreeMap<Address, Action>) -> Option<Address> {
    let function = Address::function(&change.address.function);
    let policy = Address::async_policy(&change.address.function);
    let deleted = actions.get(&function) == Some(&Action::Delete);
    let first = if deleted { policy } else { function };
    (first != change.address && actions.contains_key(&first)).then_some(first)
}

/// The functions that a policy names, where they are new; and the changing policies next in line, behind policies that
/// stay as they are. What lies behind those, they wait for themselves.
fn policy_waits(
    policy: &AsyncPolicy,
    actions: &BTreeMap<Address, Action>,
    staying: &BTreeMap<FunctionAddress, Vec<&Target>>,
) -> BTreeSet<Address> {
    let mut front: Vec<&FunctionAddress> = policy.targets().filter_map(Target::function).collect();
    let named = front.iter().copied().map(Address::function);
    let mut waits: BTreeSet<Address> = named.filter(|named| actions.get(named) == Some(&Action::Create)).collect();
    let mut seen: BTreeSet<&FunctionAddress> = front.iter().copied().collect();
    while let Some(function) = front.pop() {
        let policy = Address::async_policy(function);
        if actions.contains_key(&policy) {
            waits.insert(policy);
            continue;
        }
        let next = staying.get(function).into_iter().flatten().filter_map(|target| target.function());
        front.extend(next.filter(|next| seen.insert(next)));
    }
    waits
}

/// For each function, the changing policies that name it as they are now.
fn namers(changes: &[Change<'_>]) -> BTreeMap<FunctionAddress, BTreeSet<Address>> {
    let mut namers: BTreeMap<FunctionAddress, BTreeSet<Address>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.address.kind == Kind::AsyncPolicy) {
        let live = match &change.step {
            Step::PutPolicy { live, .. } => live.and_then(|live| live.policy.as_ref()),
            Step::DeletePolicy { policy, .. } => Some(*policy),
            Step::MarkPolicy { .. }
            | Step::CreateFunction { .. }
            | Step::UpdateFunction { .. }
            | Step::DeleteFunction { .. } => None,
        };
        for named in live.into_iter().flat_map(LivePolicy::targets).filter_map(Target::function) {
            namers.entry(named.clone()).or_default().insert(change.address.clone());
        }
    }
    namers
}
