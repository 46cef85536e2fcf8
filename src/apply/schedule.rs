//! Decides which changes may start. Pure: the caller reports the results. Changes are identified by their index.

use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug)]
pub(super) struct Schedule {
    /// For each change that has not started, the changes that it still waits for.
    waiting: BTreeMap<usize, BTreeSet<usize>>,
    /// The waits of each change that end whether or not the first change succeeds.
    turns: Vec<BTreeSet<usize>>,
    dependants: Vec<Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Schedule {
    /// `waits` contains the changes that each change waits for, and `turns` those of them that may fail.
    pub(super) fn new(waits: Vec<BTreeSet<usize>>, turns: Vec<BTreeSet<usize>>) -> Self {
        let dependants = vec![Vec::new(); waits.len()];
        let mut schedule = Self { waiting: BTreeMap::new(), turns, dependants, ready: BTreeSet::new() };
        for (change, waits) in waits.into_iter().enumerate() {
            for first in &waits {
                schedule.dependants[*first].push(change);
            }
            if waits.is_empty() {
                schedule.ready.insert(change);
            } else {
                schedule.waiting.insert(change, waits);
            }
        }
        schedule
    }

    /// Takes the first change that waits for nothing.
    pub(super) fn next(&mut self) -> Option<usize> {
        self.ready.pop_first()
    }

    /// Takes the first of these changes that waits for nothing.
    pub(super) fn next_of(&mut self, some: &BTreeSet<usize>) -> Option<usize> {
        let next = self.ready.intersection(some).next().copied()?;
        self.ready.take(&next)
    }

    pub(super) fn succeeded(&mut self, done: usize) {
        for index in 0..self.dependants[done].len() {
            self.end_wait(self.dependants[done][index], done);
        }
    }

    fn end_wait(&mut self, dependant: usize, ended: usize) {
        let Some(waits) = self.waiting.get_mut(&dependant) else { return };
        waits.remove(&ended);
        if waits.is_empty() {
            self.waiting.remove(&dependant);
            self.ready.insert(dependant);
        }
    }

    /// Skips all changes that depend on a failed change, directly or indirectly. Returns pairs of (skipped, cause). A change
    /// that only waited for its turn takes it.
    pub(super) fn failed(&mut self, failed: usize) -> Vec<(usize, usize)> {
        let mut skipped = Vec::new();
        let mut front = vec![failed];
        while let Some(cause) = front.pop() {
            for index in 0..self.dependants[cause].len() {
                let dependant = self.dependants[cause][index];
                if self.turns[dependant].contains(&cause) {
                    self.end_wait(dependant, cause);
                } else if self.waiting.remove(&dependant).is_some() {
                    skipped.push((dependant, cause));
                    front.push(dependant);
                }
            }
        }
        skipped
    }

    /// Skips all changes that have not started, and returns what each of them still waits for.
    pub(super) fn abandon(&mut self) -> Vec<(usize, Option<usize>)> {
        let ready = std::mem::take(&mut self.ready).into_iter().map(|change| (change, None));
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        ready.chain(waiting.map(|(change, waits)| (change, waits.first().copied()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Random waits; each change waits for some earlier ones.
    fn any_waits() -> impl Strategy<Value = Vec<BTreeSet<usize>>> {
        proptest::collection::vec(proptest::collection::btree_set(any::<usize>(), 0..3), 1..12).prop_map(|waits| {
            let before = |(change, waits): (usize, BTreeSet<usize>)| match change {
                0 => BTreeSet::new(),
                _ => waits.into_iter().map(|wait| wait % change).collect(),
            };
            waits.into_iter().enumerate().map(before).collect()
        })
    }

    proptest! {
        /// For any failures and any order of completion: a change starts only after every change that it waits for has ended
        /// and every change that it needs has succeeded; the dependants of a failed change, and no others, are skipped; every
        /// change has exactly one result.
        #[test]
        fn every_change_has_one_result(
            waits in any_waits(),
            (fails, turns) in any::<(u16, u64)>(),
            order in any::<u64>(),
        ) {
            // Some of the waits are only turns.
            let is_turn = |change: usize, first: usize| turns & (1 << ((change * 7 + first) % 64)) != 0;
            let split = |turn: bool| -> Vec<BTreeSet<usize>> {
                let of = |(change, waits): (usize, &BTreeSet<usize>)| {
                    waits.iter().copied().filter(|first| is_turn(change, *first) == turn).collect()
                };
                waits.iter().enumerate().map(of).collect()
            };
            let (needs, turns) = (split(false), split(true));
            let mut schedule = Schedule::new(waits.clone(), turns);
            let (mut succeeded, mut failed) = (BTreeSet::new(), BTreeSet::new());
            let (mut skipped, mut under_way) = (BTreeSet::new(), Vec::new());
            let mut choice = order;
            loop {
                while let Some(started) = schedule.next() {
                    prop_assert!(needs[started].is_subset(&succeeded));
                    let ended: BTreeSet<usize> = [&succeeded, &failed, &skipped].into_iter().flatten().copied().collect();
                    prop_assert!(waits[started].is_subset(&ended));
                    under_way.push(started);
                    prop_assert!(under_way.len() <= waits.len(), "a change started twice");
                }
                if under_way.is_empty() {
                    break;
                }
                choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let ended = under_way.swap_remove(usize::try_from(choice >> 33).expect("31 bits") % under_way.len());
                if fails & (1 << ended) == 0 {
                    succeeded.insert(ended);
                    schedule.succeeded(ended);
                } else {
                    failed.insert(ended);
                    for (change, cause) in schedule.failed(ended) {
                        prop_assert!(needs[change].contains(&cause));
                        prop_assert!(skipped.insert(change));
                    }
                }
            }
            let gone: BTreeSet<usize> = failed.union(&skipped).copied().collect();
            for (change, needs) in needs.iter().enumerate() {
                prop_assert_eq!(skipped.contains(&change), !needs.is_disjoint(&gone));
            }
            prop_assert_eq!(succeeded.len() + gone.len(), needs.len());
            prop_assert_eq!(schedule.abandon(), Vec::new());
        }
    }
}
