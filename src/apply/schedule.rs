//! Which changes may start now. Pure: it is told what ended, and says what is free.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::Address;
use crate::plan::change::Change;

/// Changes by their index in the plan.
#[derive(Debug)]
pub(super) struct Schedule {
    /// What each change that has not started still waits for.
    waiting: BTreeMap<usize, BTreeSet<usize>>,
    dependants: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Schedule {
    pub(super) fn new(changes: &[Change<'_>]) -> Self {
        let index: BTreeMap<&Address, usize> =
            changes.iter().enumerate().map(|(index, change)| (&change.address, index)).collect();
        let mut schedule =
            Self { waiting: BTreeMap::new(), dependants: vec![Vec::new(); changes.len()], ready: BTreeSet::new() };
        for (this, change) in changes.iter().enumerate() {
            let waits: BTreeSet<usize> =
                change.waits_for.iter().filter_map(|address| index.get(address).copied()).collect();
            for first in &waits {
                schedule.dependants[*first].push(this);
            }
            if waits.is_empty() {
                schedule.ready.insert(this);
            } else {
                schedule.waiting.insert(this, waits);
            }
        }
        schedule
    }

    /// Takes the first change that waits for nothing.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    pub(super) fn succeeded(&mut self, done: usize) {
        for dependant in &self.dependants[done] {
            let Some(waits) = self.waiting.get_mut(dependant) else { continue };
            waits.remove(&done);
            if waits.is_empty() {
                self.waiting.remove(dependant);
                self.ready.insert(*dependant);
            }
        }
    }

    /// Gives up everything that waits for a failed change, directly or not: pairs of (skipped, because of).
    pub(super) fn failed(&mut self, failed: usize) -> Vec<(usize, usize)> {
        let mut skipped = Vec::new();
        let mut front = vec![failed];
        while let Some(cause) = front.pop() {
            for dependant in &self.dependants[cause] {
                if self.waiting.remove(dependant).is_some() {
                    skipped.push((*dependant, cause));
                    front.push(*dependant);
                }
            }
        }
        skipped
    }

    /// Gives up everything that has not started.
    pub(super) fn abandon(&mut self) -> Vec<usize> {
        let ready = std::mem::take(&mut self.ready);
        ready.into_iter().chain(std::mem::take(&mut self.waiting).into_keys()).collect()
    }
}
