//! The event graph of a plan: which functions notify which, before and after the plan's changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind, Qualifier};
use crate::model::async_policy::{LivePolicy, PolicySpots};
use crate::model::event_graph::{EventGraph, Policy, Targets, Trigger};
use crate::model::existing::Holder;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::target::Target;
use crate::model::text::TriggerKey;
use crate::model::trigger::{self, LiveTrigger};

use super::change::{Change, Step};

type DeclaredTrigger = trigger::Trigger;

const NOBODY: Targets<'_> = [None, None];

/// The graph of the declared policies alone. Functions outside the manifests are its ends.
pub fn declared<'a>(holders: impl IntoIterator<Item = Holder<'a>>) -> EventGraph<'a> {
    let policy = |Holder { key, spot: _, address, policy, triggers: _, log_stream }: Holder<'a>| Policy {
        function: address,
        qualifier: None,
        name: Cow::Borrowed(key),
        before: NOBODY,
        after: policy.map_or(NOBODY, |(policy, _)| policy.by_outcome()),
        spots: policy.map(|(_, spots)| spots),
        log_stream,
    };
    let holders: Vec<Holder<'a>> = holders.into_iter().collect();
    let triggers = holders.iter().flat_map(|holder| declared_triggers(*holder)).collect::<Vec<_>>();
    let known: BTreeSet<&FunctionAddress> = holders.iter().map(|holder| holder.address).collect();
    let targets = holders.iter().filter_map(|holder| holder.policy).flat_map(|(policy, _)| policy.by_outcome());
    let named: BTreeSet<&FunctionAddress> = targets.flatten().filter_map(Target::function).collect();
    let outside = named.difference(&known).map(|function| Policy {
        function,
        qualifier: None,
        name: function.to_string().into(),
        before: NOBODY,
        after: NOBODY,
        spots: None,
        log_stream: None,
    });
    let policies: Vec<Policy<'_>> = holders.iter().copied().map(policy).chain(outside).collect();
    EventGraph::new(&policies, &triggers)
}

/// The graph of the live policies alone.
pub fn live(functions: &BTreeMap<FunctionAddress, LiveFunction>) -> EventGraph<'_> {
    let steps = Steps::new();
    let policies = functions.values().flat_map(|live| policies(&live.address, None, Some(live), &steps));
    let triggers = functions.values().flat_map(|live| triggers(&live.address, None, Some(live), &steps));
    EventGraph::new(&policies.collect::<Vec<_>>(), &triggers.collect::<Vec<_>>())
}

/// The graph of everything declared and live, before and after these changes. Whatever the plan does not change keeps
/// its live policy, for any reason: it is ignored, not selected, owned by others, or kept because there is no
/// ownership.
pub fn graph<'a>(desired: &'a DesiredState, live: &'a LiveState, changes: &[Change<'a>]) -> EventGraph<'a> {
    let steps: Steps<'_, 'a> = changes.iter().map(|change| (key(&change.address), change)).collect();
    let declared = desired.functions.keys().chain(desired.existing.keys());
    let functions: BTreeSet<&FunctionAddress> = declared.chain(live.functions.keys()).collect();
    let parts =
        || functions.iter().map(|function| (*function, desired.holder(function), live.functions.get(*function)));
    let policies = parts().flat_map(|(function, holder, found)| policies(function, holder, found, &steps));
    let triggers = parts().flat_map(|(function, holder, found)| triggers(function, holder, found, &steps));
    EventGraph::new(&policies.collect::<Vec<_>>(), &triggers.collect::<Vec<_>>())
}

/// The changes of functions and policies, by the parts of their addresses.
type Steps<'c, 'a> = BTreeMap<Parts<'c>, &'c Change<'a>>;
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
    let goes = is_deleted(function, steps);
    let before = found.and_then(|found| found.policy.as_ref()).map_or(NOBODY, LivePolicy::by_outcome);
    let spots = holder.and_then(|holder| Some(&holder.policy?.1));
    let step = steps.get(&(function, None, Kind::AsyncPolicy, None));
    let (after, spots) = match step.and_then(|change| change.step.policy_after()) {
        Some(Some(desired)) => (desired.by_outcome(), spots),
        Some(None) => (NOBODY, None),
        _ if goes => (NOBODY, None),
        _ => (before, spots.filter(|_| holder.is_some_and(|holder| is_as_declared(before, holder)))),
    };
    let log_stream =
        holder.and_then(|holder| holder.log_stream).or(found.and_then(|found| found.configuration.log_stream()));
    let latest = Policy { function, qualifier: None, name: name.clone(), before, after, spots, log_stream };
    let published = found.into_iter().flat_map(|found| &found.published).map(|(qualifier, policy)| {
        let goes = goes || steps.contains_key(&(function, Some(qualifier), Kind::AsyncPolicy, None));
        let before = policy.by_outcome();
        let after = if goes { NOBODY } else { before };
        let spots = None::<&PolicySpots>;
        Policy { function, qualifier: Some(qualifier), name: name.clone(), before, after, spots, log_stream: None }
    });
    std::iter::once(latest).chain(published).collect()
}

/// The declared triggers alone.
fn declared_triggers(holder: Holder<'_>) -> impl Iterator<Item = Trigger<'_>> {
    holder.triggers.values().map(move |declared| new_trigger(holder.address, declared))
}

/// A declared trigger that does not exist before the plan.
fn new_trigger<'a>(function: &'a FunctionAddress, declared: &'a DeclaredTrigger) -> Trigger<'a> {
    Trigger {
        function,
        key: &declared.key,
        code: declared.code.as_str(),
        before: None,
        after: Some(declared.listening()),
        spot: Some(&declared.spot),
    }
}

/// The triggers of a function before and after the changes.
fn triggers<'a>(
    function: &'a FunctionAddress,
    holder: Option<Holder<'a>>,
    found: Option<&'a LiveFunction>,
    steps: &Steps<'_, 'a>,
) -> Vec<Trigger<'a>> {
    let goes = is_deleted(function, steps);
    let action = |key: &TriggerKey| steps.get(&(function, None, Kind::Trigger, Some(key))).map(|change| change.action);
    let of_function = || {
        let from = steps.range((function, None, Kind::Trigger, None)..);
        from.take_while(|((of, ..), _)| *of == function).map(|(_, change)| &change.step)
    };
    // The change of a trigger whose identity changed has the key of the new one.
    let is_deleted_by = |live: &LiveTrigger| {
        of_function().any(|step| match step {
            Step::Trigger(step) => step.write.deletes() && step.seen.is_some_and(|seen| seen.id == live.id),
            _ => false,
        })
    };
    let declared = holder.into_iter().flat_map(|holder| holder.triggers.values());
    let found = || found.and_then(|found| found.triggers.as_ref()).into_iter().flatten();
    let of_live = |live: &'a LiveTrigger| {
        let declared = declared.clone().find(|declared| declared.is(live));
        let key = declared.map_or(&live.key, |declared| &declared.key);
        let stays = Some(live.listening()).filter(|_| !goes);
        let after = match action(key) {
            _ if is_deleted_by(live) => declared.map(DeclaredTrigger::listening).filter(|_| !goes),
            None => stays,
            Some(_) => declared.map(DeclaredTrigger::listening).or(stays),
        };
        Trigger {
            function,
            key,
            code: &live.code,
            before: Some(live.listening()),
            after,
            spot: declared.map(|it| &it.spot),
        }
    };
    let is_new = |declared: &&DeclaredTrigger| {
        !goes && action(&declared.key).is_some() && !found().any(|live| declared.is(live))
    };
    let new = declared.clone().filter(is_new).map(|declared| new_trigger(function, declared));
    found().map(of_live).chain(new).collect()
}

fn is_deleted(function: &FunctionAddress, steps: &Steps<'_, '_>) -> bool {
    let step = steps.get(&(function, None, Kind::Function, None)).map(|change| &change.step);
    matches!(step, Some(Step::DeleteFunction { .. }))
}

/// Whether a live policy without a change is the declared one.
fn is_as_declared(live: Targets<'_>, holder: Holder<'_>) -> bool {
    let named =
        |target: Option<&Target>| target.map(|target| (target.function().cloned(), target.qualifier().cloned()));
    let declared = holder.policy.map_or(NOBODY, |(policy, _)| policy.by_outcome());
    declared.map(named) == live.map(named)
}
