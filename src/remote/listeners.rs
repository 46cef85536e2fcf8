//! Finds the functions that notifications start through a bucket, a topic, a stream or a queue, for a walk along live policies.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::FunctionAddress;
use crate::model::state::{DesiredState, LiveFunction};
use crate::model::target::Target;
use crate::model::trigger::source::Queue;
use crate::model::trigger::{LiveTrigger, Source};

use super::read_live::Functions;
use super::read_policies::Notified;
use super::read_triggers::ProjectTriggers;
use super::{Error, Remote};

/// The live triggers by the name of the bucket, topic or stream that they listen to; those that may listen to any of them
/// have the name `ANYWHERE`.
pub(super) enum Listeners<'d> {
    /// They are read when a walk first reaches a place.
    Unread(&'d DesiredState, ProjectTriggers),
    Read(BTreeMap<String, Vec<(FunctionAddress, LiveTrigger)>>),
}

/// No bucket, topic or stream has an empty name.
const ANYWHERE: &str = "";

impl Remote {
    /// The functions that a notification to these targets starts through a trigger.
    pub(super) async fn started_by(
        &self,
        targets: &[Target],
        listeners: &mut Listeners<'_>,
        functions: &mut Functions,
    ) -> Result<Vec<Notified>, Error> {
        let places = || targets.iter().filter_map(|target| Some((target, place(target)?)));
        if let Listeners::Unread(desired, list) = listeners
            && places().next().is_some()
        {
            self.read_all_triggers(functions, desired, list).await?;
            *listeners = Listeners::Read(by_place(functions));
        }
        let Listeners::Read(found) = listeners else { return Ok(Vec::new()) };
        let listening = places().flat_map(|(target, place)| {
            let all = BTreeSet::from([place, ANYWHERE]).into_iter().filter_map(|name| found.get(name)).flatten();
            all.filter(move |(_, live)| live.listening().source.is_raised_by(target).is_some())
        });
        Ok(listening.map(|(function, live)| (function.clone(), live.qualifier.clone())).collect())
    }

    /// Reads the triggers of all functions from the project's list. Where the service lacks that list, each function takes a
    /// request, so they are read only if the stack adds a way for events: only that can close a cycle.
    async fn read_all_triggers(
        &self,
        functions: &mut Functions,
        desired: &DesiredState,
        list: &ProjectTriggers,
    ) -> Result<(), Error> {
        let of_each;
        let found = match self.project_triggers(list).await? {
            Some(listed) => listed,
            None if adds_a_way(desired, functions) => {
                of_each = self.triggers_of_each(&functions.values().collect::<Vec<_>>(), desired).await?;
                &of_each
            }
            None => return Ok(()),
        };
        for live in functions.values_mut() {
            live.triggers = Some(found.get(&live.address).cloned().unwrap_or_default());
        }
        Ok(())
    }
}

/// Whether the manifests notify a place or declare a trigger that is not live.
fn adds_a_way(desired: &DesiredState, functions: &Functions) -> bool {
    desired.holders().any(|holder| {
        let live = functions.get(holder.address);
        let policy = live.and_then(|live| live.policy.as_ref());
        let is_live = |target: &Target| policy.is_some_and(|policy| policy.targets().any(|live| live == target));
        let targets = holder.policy.into_iter().flat_map(|(policy, _)| policy.targets());
        let triggers = live.and_then(|live| live.triggers.as_ref());
        let is_listening =
            |live: &[LiveTrigger]| holder.triggers.values().all(|it| live.iter().any(|live| it.is(live)));
        let mut new_targets = targets.filter(|target| place(target).is_some() && !is_live(target));
        new_targets.next().is_some()
            || (!holder.triggers.is_empty() && !triggers.is_some_and(|triggers| is_listening(triggers)))
    })
}

fn by_place(functions: &Functions) -> BTreeMap<String, Vec<(FunctionAddress, LiveTrigger)>> {
    let mut found: BTreeMap<String, Vec<(FunctionAddress, LiveTrigger)>> = BTreeMap::new();
    let triggers = |live: &LiveFunction| live.triggers.clone().unwrap_or_default();
    for (address, trigger) in
        functions.values().flat_map(|live| triggers(live).into_iter().map(|trigger| (live.address.clone(), trigger)))
    {
        if let Some(place) = heard(trigger.listening().source).map(str::to_owned) {
            found.entry(place).or_default().push((address, trigger));
        }
    }
    found
}

fn place(target: &Target) -> Option<&str> {
    match target {
        Target::Foreign { destination, param } => Queue::of(destination, param).map(|_| ANYWHERE),
        Target::Obs { bucket, .. } => Some(bucket.as_str()),
        Target::Smn { topic } => Some(topic.as_str()),
        Target::Dis { stream } => Some(stream.as_str()),
        Target::Function { .. } | Target::Urn(_) => None,
    }
}

fn heard(source: Source<'_>) -> Option<&str> {
    match source {
        Source::Obs { bucket, .. } | Source::EventGrid { bucket, .. } => Some(bucket),
        Source::Smn { topic } => Some(topic),
        Source::Dis { stream } => Some(stream),
        Source::Cts { .. } | Source::Queue { .. } => Some(ANYWHERE),
        Source::Lts { .. } | Source::Timer { .. } | Source::Outside => None,
    }
}
