//! One intermediate state: which functions certainly reach which, and which targets are missing. Written independently of
//! the program's own graph.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::{Address, FunctionAddress, Qualifier};
use crate::model::async_policy::LivePolicy;
use crate::model::state::LiveState;
use crate::plan::tests::qualifier_named;

use super::case::QUALIFIERS;
use super::trigger;

/// A node that can be invoked.
type Invoked = (FunctionAddress, Option<Qualifier>);

#[derive(Default)]
pub(super) struct Moment {
    notified: BTreeMap<Invoked, BTreeSet<Invoked>>,
    pub(super) missing: BTreeSet<(Invoked, FunctionAddress)>,
}

impl Moment {
    /// `new_versions`: whether a version may later get the policy of `latest`.
    pub(super) fn of(live: &LiveState, new_versions: bool) -> Self {
        let mut moment = Self::default();
        for found in live.functions.values() {
            moment.add(live, &(found.address.clone(), None), found.policy.as_ref());
            for qualifier in QUALIFIERS.map(qualifier_named) {
                let is_alias = matches!(qualifier, Qualifier::Alias(_));
                let latest = found.policy.as_ref().filter(|_| new_versions || is_alias);
                let published = found.published.iter().filter(|(own, _)| is_alias || **own == qualifier);
                let policies = latest.into_iter().chain(published.map(|(_, policy)| policy));
                moment.add(live, &(found.address.clone(), Some(qualifier.clone())), policies);
            }
        }
        moment
    }

    fn add<'a>(&mut self, live: &LiveState, from: &Invoked, policies: impl IntoIterator<Item = &'a LivePolicy>) {
        for target in policies.into_iter().flat_map(LivePolicy::targets) {
            let Some(function) = target.function() else {
                let started = live.functions.values().flat_map(|found| {
                    let triggers = found.triggers.iter().flatten().filter(|it| trigger::starts(target, it));
                    triggers.map(|it| (found.address.clone(), it.qualifier.clone()))
                });
                self.notified.entry(from.clone()).or_default().extend(started);
                continue;
            };
            if !live.functions.contains_key(function) {
                self.missing.insert((from.clone(), function.clone()));
            }
            let to = (function.clone(), target.qualifier().cloned());
            self.notified.entry(from.clone()).or_default().insert(to);
        }
    }

    fn pairs(&self) -> impl Iterator<Item = (&Invoked, &Invoked)> {
        self.notified.iter().flat_map(|(from, notified)| notified.iter().map(move |to| (from, to)))
    }

    fn leads(&self, from: &Invoked, to: &Invoked) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut front = vec![from];
        while let Some(next) = front.pop() {
            if next == to {
                return true;
            }
            front.extend(self.notified.get(next).into_iter().flatten().filter(|to| seen.insert(to)));
        }
        false
    }

    /// A pair on a cycle that did not exist before.
    fn new_cycle(&self, before: &Self) -> Option<(&Invoked, &Invoked)> {
        let was_there = |from, to| before.notified.get(from).is_some_and(|notified| notified.contains(to));
        self.pairs().filter(|(from, to)| !was_there(*from, *to)).find(|(from, to)| self.leads(to, from))
    }

    pub(super) fn has_cycle(&self) -> bool {
        self.pairs().any(|(from, to)| self.leads(to, from))
    }
}

/// The state before an apply, with and without new versions.
pub(super) struct Before([Moment; 2]);

impl Before {
    pub(super) fn of(live: &LiveState) -> Self {
        Self([false, true].map(|new_versions| Moment::of(live, new_versions)))
    }

    pub(super) fn allows(&self, live: &LiveState, when: &Address) -> Result<(), TestCaseError> {
        for (before, now) in self.0.iter().zip(Self::of(live).0) {
            prop_assert_eq!(now.new_cycle(before), None, "a cycle after {}", when);
            let missing: Vec<_> = now.missing.difference(&before.missing).collect();
            prop_assert!(missing.is_empty(), "targets are missing after {when}: {missing:?}");
        }
        Ok(())
    }
}
