//! Policies that are deleted together with their functions: if no order requires otherwise, one request deletes both.
//!
//! Pure. Changes are identified by their index.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::address::Address;
use crate::plan::change::{Change, Step};

/// What each change waits for.
pub(super) type Waits = Vec<BTreeSet<usize>>;

/// The policy deletions that need no request of their own, and the resulting waits of all changes. Such a policy waits
/// for its function, so a change that waits for the policy runs after both are gone. If functions notify each other,
/// their policies are deleted first, as planned.
pub(super) fn riding(changes: &[Change<'_>], planned: &Waits) -> (BTreeSet<usize>, Waits) {
    let functions: BTreeMap<&Address, usize> = changes
        .iter()
        .enumerate()
        .filter(|(_, change)| matches!(change.step, Step::DeleteFunction { .. }))
        .map(|(index, change)| (&change.address, index))
        .collect();
    let function_of = |(index, change): (usize, &Change<'_>)| match change.step {
        Step::DeletePolicy { .. } => Some((index, *functions.get(&Address::function(&change.address.function))?)),
        _ => None,
    };
    let mut riding: BTreeMap<usize, usize> = changes.iter().enumerate().filter_map(function_of).collect();
    loop {
        let waits = reversed(planned, &riding);
        let stuck = stuck(&waits);
        if stuck.is_empty() {
            return (riding.into_keys().collect(), waits);
        }
        let before = riding.len();
        riding.retain(|policy, _| !stuck.contains(policy));
        debug_assert!(riding.len() < before, "the planned waits have no cycle");
        if riding.len() == before {
            return (BTreeSet::new(), planned.clone());
        }
    }
}

/// Makes a policy wait for its function, and the function for whatever the policy waited for.
fn reversed(planned: &Waits, riding: &BTreeMap<usize, usize>) -> Waits {
    let mut waits = planned.clone();
    for (policy, function) in riding {
        let inherited = std::mem::replace(&mut waits[*policy], BTreeSet::from([*function]));
        waits[*function].remove(policy);
        waits[*function].extend(inherited.into_iter().filter(|first| first != function));
    }
    waits
}

/// The changes that would wait forever, because they are part of a cycle or wait for one.
fn stuck(waits: &Waits) -> BTreeSet<usize> {
    let mut left: BTreeSet<usize> = (0..waits.len()).collect();
    loop {
        let free: Vec<usize> = left.iter().copied().filter(|change| waits[*change].is_disjoint(&left)).collect();
        if free.is_empty() {
            return left;
        }
        for change in free {
            left.remove(&change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(waits: &[&[usize]]) -> Waits {
        waits.iter().map(|first| first.iter().copied().collect()).collect()
    }

    #[test]
    fn a_policy_is_deleted_with_its_function_and_other_waits_are_kept() {
        // 0 and 1 are a function and its policy, 2 is the policy's target, and the policy waits for 3.
        let planned = waits(&[&[1], &[3], &[1], &[]]);
        let reversed = reversed(&planned, &BTreeMap::from([(1, 0)]));
        assert_eq!(reversed, waits(&[&[3], &[0], &[1], &[]]));
        assert_eq!(stuck(&reversed), BTreeSet::new());
    }

    #[test]
    fn policies_of_functions_that_notify_each_other_are_deleted_first() {
        // Each function waits for its own policy and for the policy of the other function.
        let planned = waits(&[&[1, 3], &[], &[1, 3], &[]]);
        assert_eq!(stuck(&planned), BTreeSet::new());
        let reversed = reversed(&planned, &BTreeMap::from([(1, 0), (3, 2)]));
        assert_eq!(stuck(&reversed), BTreeSet::from([0, 1, 2, 3]));
    }
}
