//! What waits for what, so that no moment between the old and the new state is a bad one.
//!
//! - A policy waits for the functions that it names to exist, and for their policies to have switched: at no moment does
//!   an edge lead from a switched policy to one that still has to switch, so no circle can close half-way.
//! - A function goes only after every policy that names it has changed or gone.
//! - What touches one function goes one after the other, because both sides set tags on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::target::Target;

use super::change::{Action, Change, Step};

pub(super) fn set_waits(changes: &mut [Change<'_>]) {
    let actions: BTreeMap<Address, Action> =
        changes.iter().map(|change| (change.address.clone(), change.action)).collect();
    let namers = namers(changes);
    for change in changes {
        let mut waits = match &change.step {
            Step::PutPolicy { desired, .. } => policy_waits(desired, &actions),
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

fn policy_waits(policy: &AsyncPolicy, actions: &BTreeMap<Address, Action>) -> BTreeSet<Address> {
    let AsyncPolicy { max_retries: _, max_validity_period: _, on_success, on_failure } = policy;
    let mut waits = BTreeSet::new();
    for named in [on_success, on_failure].into_iter().flatten().filter_map(Target::function) {
        let function = Address::function(named);
        if actions.get(&function) == Some(&Action::Create) {
            waits.insert(function);
        }
        let policy = Address::async_policy(named);
        if actions.contains_key(&policy) {
            waits.insert(policy);
        }
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
        let Some(LivePolicy { on_success, on_failure, .. }) = live else { continue };
        for named in [on_success, on_failure].into_iter().flatten().filter_map(Target::function) {
            namers.entry(named.clone()).or_default().insert(change.address.clone());
        }
    }
    namers
}
