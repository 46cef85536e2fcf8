//! Lints of triggers, and of targets that start functions through them. Cycles are not lints of this module.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::model::existing::Holder;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::number::period;
use crate::model::target::Target;
use crate::model::trigger::source::Match;
use crate::model::trigger::{Source, Trigger, member};
use crate::rules::trigger::Invocation;
use crate::rules::trigger::other::invocation_of;
use crate::rules::trigger::schedule::{Kind, Schedule};

use super::Declared;

/// The triggers that start their function now.
fn enabled<'a>(holder: &Holder<'a>) -> impl Iterator<Item = &'a Trigger> + use<'a> {
    holder.triggers.values().filter(|trigger| trigger.listening().is_enabled)
}

pub(super) fn of_function(function: &Function) -> Vec<Diagnostic> {
    let holder = Holder::from(function);
    let frequent = enabled(&holder).filter_map(|trigger| too_frequent(function, trigger));
    frequent.chain(without_policy(function, &holder)).collect()
}

/// Timers of versions and aliases are judged too, because a timeout rarely differs between versions.
fn too_frequent(function: &Function, trigger: &Trigger) -> Option<Diagnostic> {
    if trigger.code.as_str() != "TIMER" || function.ignore.contains(&Field::Timeout) {
        return None;
    }
    let (interval, timeout) = (shortest_interval(trigger)?, function.configuration.value(Field::Timeout).as_u64()?);
    if interval >= timeout {
        return None;
    }
    let [interval, timeout] = [interval, timeout].map(period);
    let message = format!(
        "the timer `{}` starts `{}` every {interval}, but a run can take {timeout}: runs can overlap",
        trigger.key, function.key
    );
    let help = "start the function less often, or lower `timeout`";
    Some(Diagnostic::warning("timer-faster-than-timeout", message).at(trigger.spot.clone()).help(help))
}

/// In seconds. The time zone does not change it.
fn shortest_interval(trigger: &Trigger) -> Option<u64> {
    let text = |wire| member(&trigger.data, wire)?.as_str();
    let (kind, schedule) = (Kind::of_wire(text("schedule_type")?)?, text("schedule")?);
    let schedule = Schedule::without_zone(kind, schedule).ok()?;
    u64::try_from(schedule.shortest_gap()?.as_secs()).ok()
}

/// One finding for each function. A policy that is left to others may exist, and so may one of a version or an alias.
fn without_policy(function: &Function, holder: &Holder<'_>) -> Option<Diagnostic> {
    if holder.policy.is_some() || !function.manages_policy() {
        return None;
    }
    let trigger = enabled(holder).find(|trigger| trigger.qualifier.is_none() && is_asynchronous(trigger))?;
    let message = format!(
        "the trigger `{}` starts `{}` asynchronously, but the function has no policy: failed events are lost",
        trigger.key, function.key
    );
    let help = "declare `async` with `on_failure`, or `async: {}` for the service's defaults";
    Some(Diagnostic::warning("async-trigger-without-policy", message).at(trigger.spot.clone()).help(help))
}

fn is_asynchronous(trigger: &Trigger) -> bool {
    match invocation_of(trigger.code.as_str()) {
        Some(Invocation::Asynchronous) => true,
        None => false,
        Some(Invocation::Declared) => {
            member(&trigger.data, "func_info.invocation_type").is_some_and(|kind| kind.as_str() == Some("async"))
        }
    }
}

/// A bucket and the prefix of objects in it.
type Place<'a> = (&'a str, &'a str);

/// A function's key, and a trigger of it.
type Listener<'a> = (&'a str, &'a Trigger);

/// Triggers by the place that they listen to.
type Listeners<'a> = BTreeMap<Place<'a>, Listener<'a>>;

/// Targets that never delete their objects, under the prefix of a trigger.
pub(super) fn kept_objects(declared: &Declared<'_>) -> Vec<Diagnostic> {
    let listeners: Listeners<'_> = declared.holders().flat_map(|holder| listeners(&holder)).collect();
    if listeners.is_empty() {
        return Vec::new();
    }
    let mut found = BTreeMap::new();
    for Holder { policy, .. } in declared.holders() {
        let Some((policy, spots)) = policy else { continue };
        for (target, written) in policy.by_outcome().into_iter().zip(&spots.targets) {
            let Some((target, written)) = target.zip(written.as_ref()) else { continue };
            let Some((key, trigger)) = listener(&listeners, target) else { continue };
            let message = format!(
                "this target's objects start `{key}` through its trigger `{}`, and are never deleted",
                trigger.key
            );
            let help = "set `expires` to the number of days after which OBS deletes them";
            let finding =
                Diagnostic::warning("objects-under-trigger-never-expire", message).at(written.clone()).help(help);
            found.entry(written).or_insert(finding.related("this trigger listens there", trigger.spot.clone()));
        }
    }
    found.into_values().collect()
}

fn listeners<'a>(holder: &Holder<'a>) -> Vec<(Place<'a>, Listener<'a>)> {
    let key = holder.key;
    let listens = |trigger: &'a Trigger| match trigger.listening().source {
        Source::Obs { bucket, prefix, .. } => Some(((bucket, prefix), (key, trigger))),
        _ => None,
    };
    enabled(holder).filter_map(listens).collect()
}

/// The trigger that a target's objects certainly start. Looks up each start of the target's prefix, so that many triggers on
/// one bucket cost nothing.
fn listener<'l>(listeners: &'l Listeners<'l>, target: &'l Target) -> Option<Listener<'l>> {
    let Target::Obs { bucket, prefix, expires } = target else { return None };
    if expires.get() > 0 {
        return None;
    }
    let prefix = prefix.as_str();
    let ends = prefix.char_indices().map(|(end, _)| end).chain([prefix.len()]);
    let found = ends.filter_map(|end| listeners.get(&(bucket.as_str(), prefix.get(..end)?)));
    found.copied().find(|(_, trigger)| trigger.listening().source.is_raised_by(target) == Some(Match::Certain))
}
