//! The event graph of a plan: which functions notify which, before and after the plan's changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind, Qualifier};
use crate::model::async_policy::{LivePolicy, PolicySpots};
use crate::model::event_graph::{EventGraph, Policy, Targets};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::target::Target;

use super::change::{Change, Step};

const NOBODY: Targets<'_> = [None, None];

/// The graph of the declared policies alone.
pub fn declared<'a>(functions: &[&'a Function]) -> EventGraph<'a> {
    let policy = |function: &&'a Function| {
        let policy = function.policy.as_ref();
        Policy {
            function: &function.address,
            qualifier: None,
            name: Cow::Borrowed(&function.key),
            before: NOBODY,
            after: policy.map_or(NOBODY, |(policy, _)| policy.by_outcome()),
            spots: policy.map(|(_, spots)| spots),
        }
    };
    EventGraph::new(&functions.iter().map(policy).collect::<Vec<_>>())
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
    let functions: BTreeSet<&FunctionAddress> = desired.functions.keys().chain(live.functions.keys()).collect();
    let policies = functions
        .into_iter()
        .flat_map(|function| policies(function, desired.functions.get(function), live.functions.get(function), &steps));
    EventGraph::new(&policies.collect::<Vec<_>>())
}

/// The changes of functions and policies, by the parts of their addresses.
type Steps<'c, 'a> = BTreeMap<(&'c FunctionAddress, Option<&'c Qualifier>, Kind), &'c Step<'a>>;

fn key(address: &Address) -> (&FunctionAddress, Option<&Qualifier>, Kind) {
    let Address { function, qualifier, kind } = address;
    (function, qualifier.as_ref(), *kind)
}

/// The policies of a function, its versions and its aliases.
fn policies<'a>(
    function: &'a FunctionAddress,
    wanted: Option<&'a DesiredFunction>,
    found: Option<&'a LiveFunction>,
    steps: &Steps<'_, 'a>,
) -> Vec<Policy<'a>> {
    let name = wanted.map_or_else(|| function.to_string().into(), |wanted| Cow::Borrowed(wanted.function.key.as_str()));
    let goes = matches!(steps.get(&(function, None, Kind::Function)), Some(Step::DeleteFunction { .. }));
    let before = found.and_then(|found| found.policy.as_ref()).map_or(NOBODY, LivePolicy::by_outcome);
    let spots = wanted.and_then(|wanted| Some(&wanted.function.policy.as_ref()?.1));
    let (after, spots) = match steps.get(&(function, None, Kind::AsyncPolicy)) {
        Some(Step::PutPolicy { desired, .. }) => (desired.by_outcome(), spots),
        Some(Step::DeletePolicy { .. }) => (NOBODY, None),
        _ if goes => (NOBODY, None),
        _ => (before, spots.filter(|_| wanted.is_some_and(|wanted| is_as_declared(before, wanted)))),
    };
    let latest = Policy { function, qualifier: None, name: name.clone(), before, after, spots };
    let published = found.into_iter().flat_map(|found| &found.published).map(|(qualifier, policy)| {
        let goes = goes || steps.contains_key(&(function, Some(qualifier), Kind::AsyncPolicy));
        let before = policy.by_outcome();
        let after = if goes { NOBODY } else { before };
        Policy { function, qualifier: Some(qualifier), name: name.clone(), before, after, spots: None::<&PolicySpots> }
    });
    std::iter::once(latest).chain(published).collect()
}

/// Whether a live policy without a change is the declared one.
fn is_as_declared(live: Targets<'_>, wanted: &DesiredFunction) -> bool {
    let function = &wanted.function;
    let named =
        |target: Option<&Target>| target.map(|target| (target.function().cloned(), target.qualifier().cloned()));
    let declared = function.policy.as_ref().map_or(NOBODY, |(policy, _)| policy.by_outcome());
    !function.ignore.contains(&Field::Async) && declared.map(named) == live.map(named)
}
