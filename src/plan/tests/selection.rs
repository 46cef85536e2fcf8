//! Which changes a selection keeps, and that a partial plan is as safe as a whole one.

use proptest::prelude::*;

use super::{
    NAMES, address, after_apply, any_two_stacks, applied, carry_out, code, described, errors, everything_allowed,
    live_policy, nothing_live, policy, stack, wanted,
};
use crate::model::address::Address;
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveState};
use crate::plan::selection::{Only, Selection};
use crate::plan::{Permissions, Planned, plan, plan_selected};

fn of(function: &str) -> Address {
    Address::function(&address(function))
}

fn policy_of(function: &str) -> Address {
    Address::async_policy(&address(function))
}

fn targets(targets: impl IntoIterator<Item = Address>) -> Selection {
    Selection { targets: targets.into_iter().collect(), ..Selection::default() }
}

fn excluded(excluded: impl IntoIterator<Item = Address>) -> Selection {
    Selection { excluded: excluded.into_iter().collect(), ..Selection::default() }
}

fn only(only: Only) -> Selection {
    Selection { only: Some(only), ..Selection::default() }
}

fn addresses(planned: &Planned<'_>) -> Vec<String> {
    planned.plan.changes.iter().map(|change| change.address.to_string()).collect()
}

fn left_out(planned: &Planned<'_>) -> Vec<String> {
    planned.plan.left_out.iter().map(ToString::to_string).collect()
}

/// `one` notifies `two`; `three` is independent.
fn three() -> DesiredState {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, Some("two")));
    stack([one, wanted("two"), wanted("three")])
}

#[test]
fn a_target_includes_what_it_needs() {
    let (desired, live) = (three(), nothing_live());
    let pick = |selection: &Selection| {
        let planned = plan_selected(&desired, &live, Permissions::default(), selection);
        (addresses(&planned), left_out(&planned))
    };
    assert_eq!(pick(&targets([of("one")])).0, ["function:default/one"]);
    let (kept, left) = pick(&targets([policy_of("one")]));
    assert_eq!(kept, ["function:default/one", "async_policy:default/one", "function:default/two"]);
    assert_eq!(left, ["function:default/three"]);
    let (kept, left) = pick(&excluded([of("two")]));
    assert_eq!(kept, ["function:default/one", "function:default/three"]);
    assert_eq!(left, ["async_policy:default/one", "function:default/two"]);
    let both = Selection { excluded: [of("two")].into(), ..targets([of("one"), policy_of("one")]) };
    assert_eq!(pick(&both).0, ["function:default/one"]);
}

#[test]
fn a_function_that_is_kept_keeps_its_policy() {
    let mut before = three();
    before.functions.get_mut(&address("two")).unwrap().function.policy = Some(policy(3, None));
    let live = after_apply(&before);
    let mut desired = three();
    desired.functions.remove(&address("two"));
    desired.functions.get_mut(&address("one")).unwrap().function.policy = None;
    let selection = excluded([of("one"), policy_of("one")]);
    let planned = plan_selected(&desired, &live, Permissions::default(), &selection);
    assert_eq!(addresses(&planned), Vec::<String>::new());
    assert_eq!(left_out(&planned), ["async_policy:default/one", "function:default/two", "async_policy:default/two"]);
}

/// The order between a function's update and its policy's is no dependency.
#[test]
fn a_policy_does_not_need_an_update_of_its_function() {
    let live = after_apply(&three());
    let mut desired = three();
    let one = &mut desired.functions.get_mut(&address("one")).unwrap().function;
    one.configuration.declare(Field::Memory, 256.into()).unwrap();
    one.policy = Some(policy(3, Some("two")));
    let planned = plan_selected(&desired, &live, Permissions::default(), &targets([policy_of("one")]));
    assert_eq!(addresses(&planned), ["async_policy:default/one"]);
    assert_eq!(planned.plan.changes[0].waits_for, []);
}

/// Configuration drifted and code is pending: each can be fixed alone.
#[test]
fn one_side_of_one_function_can_be_selected() {
    let desired = three();
    let mut live = after_apply(&desired);
    let mut desired = desired;
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    live.functions.get_mut(&address("one")).unwrap().policy.as_mut().unwrap().max_retries = 0;
    desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    let after = |side: Only| -> (LiveState, Vec<String>) {
        let planned = plan_selected(&desired, &live, Permissions::default(), &only(side));
        assert_ne!(left_out(&planned), Vec::<String>::new());
        let after = applied(&planned.plan, &live);
        let left = described(&plan(&desired, &after, Permissions::default()));
        (after, left)
    };
    let (mended, left) = after(Only::Drift);
    assert_eq!(mended.functions[&address("one")].configuration.value(Field::Memory), 128);
    assert_eq!(left, ["update function:default/one: code: the manifest changed"]);
    let (made, left) = after(Only::Pending);
    assert_eq!(made.functions[&address("one")].configuration.value(Field::Memory), 512);
    assert_eq!(
        left,
        [
            "update function:default/one: configuration: live was changed by someone else",
            "update async_policy:default/one: policy: live was changed by someone else",
        ]
    );
}

/// If a policy of this stack still names the function, it existed, so someone deleted it. Otherwise this is
/// unknown.
#[test]
fn a_deleted_function_is_drift_and_a_new_one_is_pending() {
    let mut live = after_apply(&three());
    live.functions.remove(&address("two"));
    live.functions.remove(&address("three"));
    let desired = three();
    let planned = |side| plan_selected(&desired, &live, Permissions::default(), &only(side));
    assert_eq!(addresses(&planned(Only::Drift)), ["function:default/two"]);
    assert_eq!(addresses(&planned(Only::Pending)), ["function:default/three"]);
}

#[test]
fn fixing_drift_does_not_change_protection() {
    let mut desired = three();
    let mut live = after_apply(&desired);
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    desired.functions.get_mut(&address("one")).unwrap().function.protect = Some(true);
    let planned = plan_selected(&desired, &live, Permissions::default(), &only(Only::Drift));
    let fields: Vec<String> = planned.plan.changes[0].fields.iter().map(|field| field.path.to_string()).collect();
    assert_eq!(fields, ["/memory"]);
    assert_eq!(left_out(&planned), ["function:default/one"]);
    assert!(!applied(&planned.plan, &live).functions[&address("one")].marks.is_protected());
}

#[test]
fn a_conflict_belongs_to_neither_side() {
    let mut live = after_apply(&three());
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    let mut desired = three();
    desired
        .functions
        .get_mut(&address("one"))
        .unwrap()
        .function
        .configuration
        .declare(Field::Memory, 256.into())
        .unwrap();
    for side in [Only::Drift, Only::Pending] {
        let planned = plan_selected(&desired, &live, Permissions::default(), &only(side));
        assert_eq!(left_out(&planned), ["function:default/one"]);
        let said: Vec<_> = planned.diagnostics.iter().map(|found| (found.code, found.is_error())).collect();
        assert_eq!(said, [("both-changed", false)]);
    }
    assert!(plan(&desired, &live, Permissions::default()).diagnostics.is_empty());
}

#[test]
fn errors_elsewhere_do_not_stop_a_target() {
    let desired = three();
    let mut live = after_apply(&stack([wanted("two"), wanted("three")]));
    let foreign = live.functions.get_mut(&address("three")).unwrap();
    foreign.marks.set(mark::STACK, "other");
    let refused = |selection: &Selection| errors(&plan_selected(&desired, &live, Permissions::default(), selection));
    assert_eq!(refused(&Selection::default()), ["owned-by-another-stack"]);
    assert_eq!(refused(&targets([of("one"), policy_of("one")])), Vec::<&str>::new());
    assert_eq!(refused(&excluded([of("three")])), Vec::<&str>::new());
    assert_eq!(refused(&targets([of("three")])), ["owned-by-another-stack"]);
}

/// Guards count the selected deletions, not all of them.
#[test]
fn guards_check_only_the_selected_part() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let live = after_apply(&stack(names.iter().map(|name| wanted(name))));
    let desired = stack(names.iter().skip(10).map(|name| wanted(name)));
    let refused = |selection: &Selection| errors(&plan_selected(&desired, &live, Permissions::default(), selection));
    assert_eq!(refused(&Selection::default()), ["too-many-deletions"]);
    assert_eq!(refused(&targets([of("f1")])), Vec::<&str>::new());
    assert_eq!(refused(&targets(names.iter().take(6).map(|name| of(name)))), ["too-many-deletions"]);
}

/// A function that is left out keeps its policy, so a cycle through it counts.
#[test]
fn a_cycle_through_an_unselected_function_is_refused() {
    let mut three = wanted("three");
    three.function.policy = Some(policy(1, None));
    let mut live = after_apply(&stack([wanted("one"), three.clone()]));
    let foreign = live.functions.get_mut(&address("three")).unwrap();
    foreign.marks.set(mark::STACK, "other");
    foreign.policy = Some(live_policy("one"));
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, Some("three")));
    let desired = stack([one, three]);
    let planned = plan_selected(&desired, &live, Permissions::default(), &targets([policy_of("one")]));
    assert_eq!(errors(&planned), ["cycle"]);
}

proptest! {
    /// Every part is safe at every moment, and together with the rest it makes the whole plan.
    #[test]
    fn a_partial_plan_leads_to_an_intermediate_state_of_the_whole(
        (before, after) in any_two_stacks(),
        picks in proptest::collection::vec((0..NAMES.len(), any::<bool>(), any::<bool>()), 1..4),
        seed in any::<u64>(),
    ) {
        let live = after_apply(&before);
        let mut selection = Selection::default();
        for (name, is_function, is_target) in picks {
            let address = if is_function { of(NAMES[name]) } else { policy_of(NAMES[name]) };
            let side = if is_target { &mut selection.targets } else { &mut selection.excluded };
            side.insert(address);
        }
        let part = plan_selected(&after, &live, everything_allowed(), &selection);
        prop_assert!(part.plan.changes.iter().all(|change| !selection.excluded.contains(&change.address)));
        let then = carry_out(&part.plan, &live, seed)?;
        let rest = plan(&after, &then, everything_allowed());
        let end = carry_out(&rest.plan, &then, seed)?;
        prop_assert_eq!(described(&plan(&after, &end, Permissions::default())), Vec::<String>::new());
    }
}
