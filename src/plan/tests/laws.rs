//! Properties that hold for all plans.

use proptest::prelude::*;
use std::collections::BTreeSet;

use super::project::free;
use super::{after_apply, applied, apply_step, code, described, everything_allowed, policy, stack, wanted};
use crate::model::address::{Address, FunctionAddress, Kind};
use crate::model::async_policy::LivePolicy;
use crate::model::field::Field;
use crate::model::state::{DesiredFunction, DesiredState, LiveState};
use crate::model::target::Target;
use crate::plan::change::{Change, Plan};
use crate::plan::{Permissions, cycle, events, plan};

pub(crate) const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A stack without cycles: in a random order, each function notifies only later ones.
fn any_stack() -> impl Strategy<Value = DesiredState> {
    let order = Just(NAMES.to_vec()).prop_shuffle();
    let choices = proptest::collection::vec((any::<bool>(), 0..3_u32, any::<Option<u8>>(), 0..2_usize), NAMES.len());
    (order, choices).prop_map(|(order, choices)| {
        let mut functions = Vec::new();
        for (position, (is_declared, memory, link, code_index)) in choices.iter().enumerate().rev() {
            if !is_declared {
                continue;
            }
            let mut one = wanted(order[position]);
            one.function.configuration.declare(Field::Memory, ([128, 256, 512][*memory as usize]).into()).unwrap();
            one.code = code(["one", "two"][*code_index]);
            let later: Vec<&str> = functions.iter().map(|f: &DesiredFunction| f.function.key.as_str()).collect();
            let target =
                link.filter(|_| !later.is_empty()).map(|link| later[usize::from(link) % later.len()].to_owned());
            one.function.policy = link.map(|link| policy(u32::from(link) % 4, target.as_deref()));
            functions.push(one);
        }
        stack(functions)
    })
}

/// Two stacks. The second keeps many policies of the first, so that changes lie on both sides of unchanged policies.
pub(crate) fn any_two_stacks() -> impl Strategy<Value = (DesiredState, DesiredState)> {
    let kept = proptest::collection::vec(any::<bool>(), NAMES.len());
    let two = (any_stack(), any_stack(), kept).prop_map(|(before, mut after, kept)| {
        let declared: BTreeSet<FunctionAddress> = after.functions.keys().cloned().collect();
        for ((address, wanted), _) in after.functions.iter_mut().zip(kept).filter(|(_, kept)| *kept) {
            let Some(old) = before.functions.get(address) else { continue };
            let policy = &old.function.policy;
            let mut named = policy.iter().flat_map(|(policy, _)| policy.targets()).filter_map(Target::function);
            if named.all(|named| declared.contains(named)) {
                wanted.function.policy.clone_from(policy);
            }
        }
        (before, after)
    });
    two.prop_filter("the second stack has a cycle", |(_, after)| {
        cycle::cycles(&events::declared(after.holders()), |_| true).is_empty()
    })
}

/// Whether following notifications from some live function leads back to it.
fn has_cycle(live: &LiveState) -> bool {
    let targets = |address: &FunctionAddress| -> Vec<FunctionAddress> {
        let policy = live.functions.get(address).and_then(|live| live.policy.as_ref());
        policy.into_iter().flat_map(LivePolicy::targets).filter_map(Target::function).cloned().collect()
    };
    live.functions.keys().any(|start| {
        let mut seen = BTreeSet::new();
        let mut front = targets(start);
        while let Some(next) = front.pop() {
            if next == *start {
                return true;
            }
            if seen.insert(next.clone()) {
                front.extend(targets(&next));
            }
        }
        false
    })
}

/// Applies a plan in any order that the waits permit. No intermediate state has a cycle or a missing target, and every
/// change is applied. Returns the final live state.
pub(crate) fn carry_out(plan: &Plan<'_>, live: &LiveState, seed: u64) -> Result<LiveState, TestCaseError> {
    let mut live = live.clone();
    let mut left: Vec<&Change<'_>> = plan.changes.iter().collect();
    let mut choice = seed;
    while !left.is_empty() {
        let free = free(&left);
        prop_assert!(!free.is_empty(), "the waits form a cycle");
        choice = choice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let change = left.remove(free[(choice >> 33) as usize % free.len()]);
        apply_step(change, &mut live);
        prop_assert!(!has_cycle(&live), "a cycle after {}", change.address);
        for found in live.functions.values() {
            let policy = found.policy.iter().flat_map(LivePolicy::targets);
            for named in policy.filter_map(Target::function) {
                prop_assert!(live.functions.contains_key(named), "{} names {named}, which is gone", found.address);
            }
        }
    }
    Ok(live)
}

proptest! {
    #[test]
    fn planning_again_after_applying_finds_nothing(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let planned = plan(&after, &live, everything_allowed());
        let live = applied(&planned.plan, &live);
        prop_assert_eq!(described(&plan(&after, &live, Permissions::default())), Vec::<String>::new());
    }

    #[test]
    fn plans_are_deterministic(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let one = format!("{:?}", plan(&after, &live, everything_allowed()));
        prop_assert_eq!(one, format!("{:?}", plan(&after, &live, everything_allowed())));
    }

    #[test]
    fn changes_are_sorted_by_address(before in any_stack(), after in any_stack()) {
        let live = after_apply(&before);
        let planned = plan(&after, &live, everything_allowed());
        let addresses: Vec<&Address> = planned.plan.changes.iter().map(|change| &change.address).collect();
        prop_assert!(addresses.is_sorted());
        prop_assert!(addresses.iter().all(|address| matches!(address.kind, Kind::Function | Kind::AsyncPolicy)));
    }
}
