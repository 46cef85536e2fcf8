//! The event graph of a plan: which functions notify which, before and after the plan's changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind, Qualifier};
use crate::model::async_policy::{LivePolicy, PolicySpots};
use crate::model::event_graph::{EventGraph, Policy, Targets};
use crate::model::existing::Holder;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::target::Target;
use crate::model::text::TriggerKey;

use super::change::{Change, Step};

const NOBODY: Targets<'_> = [None, None];

/// The graph of the declared policies alone.
pub fn declared<'a>(holders: impl IntoIterator<Item = Holder<'a>>) -> EventGraph<'a> {
    let policy = |Holder { key, spot: _, address, policy, triggers: _ }: Holder<'a>| Policy {
        function: address,
        qualifier: None,
        name: Cow::Borrowed(key),
        before: NOBODY,
        after: policy.map_or(NOBODY, |(policy, _)| policy.by_outcome()),
        spots: policy.map(|(_, spots)| spots),
    };
    EventGraph::new(&holders.into_iter().map(policy).collect::<Vec<_>>())
}

/// The graph of the live policies alone.
pub fn live(functions: &BTreeMap<FunctionAddress, LiveFunction>) -> EventGraph<'_> {
    let steps = Steps::new();
    let policies = functions.values().flat_map(|live| policies(&live.address, None, Some(live), &steps));
    EventGraph::new(&policies.collect::<Vec<_>>())
}

/// The graph of everything declared and live, before and after these changes. Whatever the plan does not change keeps
/// its live policy, for any reason: it is ignored, not selected, owned by others, or kept because there is no
/// ownership.
pub(super) fn graph<'a>(desired: &'a DesiredState, live: &'a LiveState, changes: &[Change<'a>]) -> EventGraph<'a> {
    let steps: Steps<'_, 'a> = changes.iter().map(|change| (key(&change.address), &change.step)).collect();
    let declared = desired.functions.keys().chain(desired.existing.keys());
    let functions: BTreeSet<&FunctionAddress> = declared.chain(live.functions.keys()).collect();
    let policies = functions
        .into_iter()
        .flat_map(|function| policies(function, desired.holder(function), live.functions.get(function), &steps));
    EventGraph::new(&policies.collect::<Vec<_>>())
}

/// The changes of functions and policies, by the parts of their addresses.
type Steps<'c, 'a> = BTreeMap<Parts<'c>, &'c Step<'a>>;
type Parts<'c> = (&'c FunctionAddress, Option<&'c Qualifier>, Kind, Option<&'c TriggerKey>);

fn key(address: &Address) -> Parts<'_> {
    let Address { function, qualifier, kind, trigger } = address;
    (function, qualifier.as_ref(), *kind, trigger.as_ref())
}

/// The policies of a function, its versions and its aliases.
fn policies<'a>(
    function: &'a FunctionAddress,
    holder: Option<Holder<'a>>,
    found: Option<&'a LiveFunction>,
    steps: &Steps<'_, 'a>,
) -> Vec<Policy<'a>> {
    let name = holder.map_or_else(|| function.to_string().into(), |holder| Cow::Borrowed(holder.key));
    let goes = matches!(steps.get(&(function, None, Kind::Function, None)), Some(Step::DeleteFunction { .. }));
    let before = found.and_then(|found| found.policy.as_ref()).map_or(NOBODY, LivePolicy::by_outcome);
    let spots = holder.and_then(|holder| Some(&holder.policy?.1));
    let step = steps.get(&(function, None, Kind::AsyncPolicy, None));
    let (after, spots) = match step.and_then(|step| step.policy_after()) {
        Some(Some(desired)) => (desired.by_outcome(), spots),
        Some(None) => (NOBODY, None),
        _ if goes => (NOBODY, None),
        _ => (before, spots.filter(|_| holder.is_some_and(|holder| is_as_declared(before, holder)))),
    };
    let latest = Policy { function, qualifier: None, name: name.clone(), before, after, spots };
    let published = found.into_iter().flat_map(|found| &found.published).map(|(qualifier, policy)| {
        let goes = goes || steps.contains_key(&(function, Some(qualifier), Kind::AsyncPolicy, None));
        let before = policy.by_outcome();
        let after = if goes { NOBODY } else { before };
        Policy { function, qualifier: Some(qualifier), name: name.clone(), before, after, spots: None::<&PolicySpots> }
    });
    std::iter::once(latest).chain(published).collect()
}

/// Whether a live policy without a change is the declared one.
fn is_as_declared(live: Targets<'_>, holder: Holder<'_>) -> bool {
    let named =
        |target: Option<&Target>| target.map(|target| (target.function().cloned(), target.qualifier().cloned()));
    let declared = holder.policy.map_or(NOBODY, |(policy, _)| policy.by_outcome());
    declared.map(named) == live.map(named)
}
