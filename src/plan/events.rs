//! The event graph of a plan: which functions notify which, before and after the plan's changes.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Kind, Qualifier};
use crate::model::async_policy::{AsyncPolicy, LivePolicy};
use crate::model::event_graph::{EventGraph, Listening, Policy, Side, Targets, Trigger};
use crate::model::existing::Holder;
use crate::model::field::Field;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::target::Target;
use crate::model::text::TriggerKey;
use crate::model::trigger::{self, LiveTrigger};

use super::change::{Change, Step};
use super::trigger_step::{TriggerStep, TriggerWrite};

type DeclaredTrigger = trigger::Trigger;

/// The graph of the declared policies alone. Functions outside the manifests are its ends.
pub fn declared<'a>(holders: impl IntoIterator<Item = Holder<'a>>) -> EventGraph<'a> {
    let policy = |Holder { key, spot: _, address, policy, triggers: _, log_stream }: Holder<'a>| Policy {
        function: address,
        qualifier: None,
        name: Cow::Borrowed(key),
        before: Side::default(),
        after: declared_side(policy.map(|(policy, _)| policy), log_stream),
        spots: policy.map(|(_, spots)| spots),
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
        before: Side::default(),
        after: declared_side(None, None),
        spots: None,
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
    let before =
        found.map(|found| live_side(found.policy.as_ref(), found.configuration.log_stream())).unwrap_or_default();
    let spots = holder.and_then(|holder| Some(&holder.policy?.1));
    let step = steps.get(&(function, None, Kind::AsyncPolicy, None));
    let log_stream = log_stream_after(function, found, steps);
    let kept = Side { log_stream, is_there: true, ..before };
    let (after, spots) = match step.and_then(|change| change.step.policy_after()) {
        _ if goes => (Side::default(), None),
        Some(Some(desired)) => {
            let has_status_log = desired.status_log.unwrap_or(before.has_status_log);
            (Side { has_status_log, targets: desired.by_outcome(), ..kept }, spots)
        }
        Some(None) => (declared_side(None, log_stream), None),
        None => (kept, spots.filter(|_| holder.is_some_and(|holder| is_as_declared(before.targets, holder)))),
    };
    let latest = Policy { function, qualifier: None, name: name.clone(), before, after, spots };
    let published = found.into_iter().flat_map(|found| &found.published).map(|(qualifier, policy)| {
        let before = live_side(Some(policy), None);
        let after = if goes {
            Side::default()
        } else if steps.contains_key(&(function, Some(qualifier), Kind::AsyncPolicy, None)) {
            declared_side(None, None)
        } else {
            before
        };
        Policy { function, qualifier: Some(qualifier), name: name.clone(), before, after, spots: None }
    });
    std::iter::once(latest).chain(published).collect()
}

fn live_side<'a>(policy: Option<&'a LivePolicy>, log_stream: Option<&'a str>) -> Side<'a> {
    let targets = policy.map(LivePolicy::by_outcome).unwrap_or_default();
    let has_status_log = policy.is_some_and(|policy| policy.status_log == Some(true));
    Side { targets, log_stream, has_status_log, is_there: true }
}

fn declared_side<'a>(policy: Option<&'a AsyncPolicy>, log_stream: Option<&'a str>) -> Side<'a> {
    let targets = policy.map(AsyncPolicy::by_outcome).unwrap_or_default();
    let has_status_log = policy.is_some_and(|policy| policy.status_log == Some(true));
    Side { targets, log_stream, has_status_log, is_there: true }
}

/// The log stream that a function writes to after the changes.
fn log_stream_after<'a>(
    function: &'a FunctionAddress,
    found: Option<&'a LiveFunction>,
    steps: &Steps<'_, 'a>,
) -> Option<&'a str> {
    let live = found.and_then(|found| found.configuration.log_stream());
    match steps.get(&(function, None, Kind::Function, None)).map(|change| &change.step) {
        Some(Step::CreateFunction { desired, .. }) => desired.function.configuration.log_stream(),
        Some(Step::UpdateFunction { desired, writes, .. })
            if writes.configuration && desired.function.manages(Field::LogStreamId, writes.returned) =>
        {
            desired.function.configuration.log_stream()
        }
        _ => live,
    }
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
        id: None,
        before: None,
        after: Some(declared.listening()),
        spot: Some(&declared.spot),
    }
}

/// The triggers of a function before and after the changes. One whose identity changes is two triggers.
fn triggers<'a>(
    function: &'a FunctionAddress,
    holder: Option<Holder<'a>>,
    found: Option<&'a LiveFunction>,
    steps: &Steps<'_, 'a>,
) -> Vec<Trigger<'a>> {
    let goes = is_deleted(function, steps);
    let from = steps.range((function, None, Kind::Trigger, None)..);
    let of_function = from.take_while(|((of, ..), _)| *of == function);
    let changes: Vec<&TriggerStep<'a>> = of_function.filter_map(|(_, change)| change.step.trigger()).collect();
    let declared = || holder.into_iter().flat_map(|holder| holder.triggers.values());
    let found = || found.and_then(|found| found.triggers.as_ref()).into_iter().flatten();
    let of_live = |live: &'a LiveTrigger| {
        let declared = declared().find(|declared| declared.is(live));
        let change = changes.iter().find(|step| step.seen.is_some_and(|seen| seen.id == live.id));
        let after = Some(live.listening()).filter(|_| !goes);
        Trigger {
            function,
            key: declared.map_or(&live.key, |declared| &declared.key),
            code: &live.code,
            id: Some(&live.id),
            before: Some(live.listening()),
            after: after.and_then(|stays| change.map_or(Some(stays), |step| listening_after(step.write, live))),
            spot: declared.map(|declared| &declared.spot),
        }
    };
    let is_new = |declared: &&DeclaredTrigger| {
        let is_sent = |step: &TriggerStep<'_>| step.write.sent().is_some_and(|sent| sent.key == declared.key);
        !goes && changes.iter().copied().any(is_sent) && !found().any(|live| declared.is(live))
    };
    let new = declared().filter(is_new).map(|declared| new_trigger(function, declared));
    found().map(of_live).chain(new).collect()
}

/// What a live trigger listens to after a write. A manifest that does not declare the status leaves it alone.
fn listening_after<'a>(write: TriggerWrite<'a>, live: &'a LiveTrigger) -> Option<Listening<'a>> {
    match write {
        TriggerWrite::Delete => None,
        TriggerWrite::Update(sent) | TriggerWrite::Replace(sent) => {
            let is_enabled = sent.enabled.unwrap_or(live.listening().is_enabled);
            sent.is(live).then(|| Listening { is_enabled, ..sent.listening() })
        }
        TriggerWrite::Create(_) | TriggerWrite::Keep => Some(live.listening()),
    }
}

fn is_deleted(function: &FunctionAddress, steps: &Steps<'_, '_>) -> bool {
    let step = steps.get(&(function, None, Kind::Function, None)).map(|change| &change.step);
    matches!(step, Some(Step::DeleteFunction { .. }))
}

/// Whether a live policy without a change is the declared one.
fn is_as_declared(live: Targets<'_>, holder: Holder<'_>) -> bool {
    let named =
        |target: Option<&Target>| target.map(|target| (target.function().cloned(), target.qualifier().cloned()));
    let declared: Targets<'_> = holder.policy.map(|(policy, _)| policy.by_outcome()).unwrap_or_default();
    declared.map(named) == live.map(named)
}
