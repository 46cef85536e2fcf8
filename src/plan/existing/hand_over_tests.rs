//! Hand-overs of whole functions, and the mistakes that could delete a function or a policy.

use super::tests::{NONE, codes, entry, live_with, one, ours, present, tags, theirs};
use super::*;
use crate::model::address::Kind;
use crate::model::field::Field;
use crate::plan::guard::ONLY_EXISTING;
use crate::plan::selection::Selection;
use crate::plan::tests::{
    address, after_apply, applied, apply_step, described, errors, existing, policy, stack, wanted, with_existing,
};
use crate::plan::{plan, plan_selected};

/// Whatever a hand-over had done when it was interrupted, the function is not deleted.
#[test]
fn an_interrupted_hand_over_is_completed_after_the_entry_is_gone() {
    for (policy, declared) in [
        (Some(1), present(2)),
        (None, present(1)),
        (Some(1), DeclaredPolicy::Absent),
        (Some(1), DeclaredPolicy::Unmanaged),
    ] {
        let mut whole = wanted("one");
        whole.function.policy = policy.map(|retries| crate::plan::tests::policy(retries, None));
        let live = after_apply(&stack([whole, wanted("two")]));
        let desired = with_existing(stack([wanted("two")]), [existing("one", declared)]);
        let begun = plan(&desired, &live, NONE);
        let of_policy = |change: &&Change<'_>| change.address.kind == Kind::AsyncPolicy;
        let mut half = live.clone();
        apply_step(begun.plan.changes.iter().find(of_policy).unwrap(), &mut half);
        let destroys = Permissions { destroy: true, ..NONE };
        for (desired, permissions) in [(stack([wanted("two")]), NONE), (stack([]), destroys)] {
            let planned = plan(&desired, &half, permissions);
            let ones: Vec<_> = planned.plan.changes.iter().filter(|it| it.address.function == address("one")).collect();
            assert!(ones.iter().all(|it| !it.deletes_function()), "{:?}", described(&planned));
            assert_eq!(ones[0].reason, Reason::HandOverContinued);
            // Even if this is interrupted again.
            let mut again = half.clone();
            for change in ones.iter().rev().copied() {
                apply_step(change, &mut again);
                assert_eq!(
                    plan(&desired, &again, permissions)
                        .plan
                        .changes
                        .iter()
                        .filter(|it| it.deletes_function() && it.address.function == address("one"))
                        .count(),
                    0
                );
            }
            let after = applied(&planned.plan, &half);
            assert_eq!((tags(&after), &after.functions[&address("one")].policy), (vec![mark::RELEASED], &None));
            assert_eq!(plan(&desired, &after, permissions).plan.changes.len(), 0);
        }
        // A target that leaves the policy out would leave nothing that shows the hand-over.
        let only = Selection { targets: BTreeSet::from([Address::function(&address("one"))]), ..Selection::default() };
        assert_eq!(plan_selected(&desired, &live, NONE, &only).plan.changes.len(), 2);
    }
}

/// A stack takes a policy over together with its function, and is interrupted before it has removed the other stack's tag.
#[test]
fn an_interrupted_take_over_deletes_neither_the_function_nor_the_policy() {
    let mut live = ours(1);
    one(&mut live).marks.set(mark::POLICY, "other");
    one(&mut live).marks.set(mark::STACK, "orders");
    let desired = stack([wanted("two")]);
    let planned = plan(&desired, &live, NONE);
    let after = applied(&planned.plan, &live);
    assert_eq!(
        (tags(&after), &after.functions[&address("one")].policy),
        (mark::OF_EXISTING.into_iter().rev().collect(), &Some(live_with(1)))
    );
}

/// 16 tags of others and fgctl's four: most of those go.
#[test]
fn a_full_function_is_handed_over_in_one_apply() {
    for (others, policy) in [(16, Some(1)), (17, None), (15, Some(1))] {
        let mut whole = wanted("one");
        whole.function.policy = policy.map(|retries| crate::plan::tests::policy(retries, None));
        let mut live = after_apply(&stack([whole]));
        one(&mut live)
            .configuration
            .set_entries(Field::Tags, (0..others).map(|index| (format!("t{index}"), String::new())));
        let desired = entry(present(1));
        let planned = plan(&desired, &live, NONE);
        assert_eq!((errors(&planned), planned.diagnostics.len()), (Vec::new(), 0), "{others}");
        let after = applied(&planned.plan, &live);
        assert_eq!(tags(&after), [mark::ASYNC, mark::POLICY]);
        assert_eq!(described(&plan(&desired, &after, NONE)), Vec::<String>::new());
    }
}

/// Someone copied the tag of an owner, and the policy is from the console.
#[test]
fn a_tag_without_its_mark_owns_nothing() {
    let mut live = after_apply(&stack([wanted("two")]));
    live.functions.extend(theirs(Some(2)).functions);
    one(&mut live).marks.set(mark::POLICY, "orders");
    for (desired, permissions) in [(stack([wanted("two")]), NONE), (stack([]), Permissions { destroy: true, ..NONE })] {
        let planned = plan(&desired, &live, permissions);
        let ones = described(&planned).into_iter().filter(|change| change.contains("default/one"));
        assert_eq!(ones.collect::<Vec<_>>(), Vec::<String>::new());
        assert!(codes(&planned).contains(&"left-tag"), "{:?}", codes(&planned));
    }
}

#[test]
fn a_destroy_does_not_need_the_function() {
    let live = after_apply(&stack([wanted("two")]));
    for policy in [DeclaredPolicy::Destroyed, DeclaredPolicy::Unmanaged] {
        let desired = entry(policy);
        let planned = plan(&desired, &live, Permissions { destroy: true, ..NONE });
        assert_eq!(errors(&planned), Vec::<&str>::new());
        assert_eq!(described(&planned), ["delete function:default/two: everything that this stack owns is destroyed"]);
    }
}

/// Two manifests have one name by mistake.
#[test]
fn policies_alone_delete_no_functions_without_permission() {
    let mut live = after_apply(&stack([wanted("two")]));
    live.functions.extend(theirs(None).functions);
    let desired = entry(present(1));
    let allowing = |number| Permissions { allow_deletes: Some(number), ..NONE };
    assert_eq!(errors(&plan(&desired, &live, NONE)), [ONLY_EXISTING]);
    assert_eq!(errors(&plan(&desired, &live, allowing(0))), ["too-many-deletions"]);
    assert_eq!(errors(&plan(&desired, &live, allowing(1))), Vec::<&str>::new());
    let without = with_existing(stack([wanted("two")]), [existing("one", present(1))]);
    assert_eq!(errors(&plan(&without, &live, NONE)), Vec::<&str>::new());
}

/// A whole function of this stack becomes one that something else deploys.
#[test]
fn a_whole_function_is_handed_over_and_keeps_its_policy() {
    let mut whole = wanted("one");
    whole.function.policy = Some(policy(1, None));
    whole.function.protect = Some(true);
    let live = after_apply(&stack([whole]));
    let desired = entry(present(1));
    let planned = plan(&desired, &live, NONE);
    let keeps = "the manifest declares it with `existing: true`: this stack keeps only the policy";
    assert_eq!(
        described(&planned),
        [format!("forget function:default/one: {keeps}"), format!("record async_policy:default/one: {keeps}")]
    );
    assert_eq!(planned.plan.changes[0].waits_for, [Address::async_policy(&address("one"))]);
    let after = applied(&planned.plan, &live);
    assert_eq!(tags(&after), [mark::ASYNC, mark::POLICY]);
    assert_eq!(after.functions[&address("one")].policy, live.functions[&address("one")].policy);
    assert_eq!(described(&plan(&desired, &after, NONE)), Vec::<String>::new());
    // The entry goes: the function stays, though this stack once created it.
    let without = stack([wanted("two")]);
    let planned = plan(&without, &after, NONE);
    let gone = applied(&planned.plan, &after);
    assert_eq!(tags(&gone), [mark::RELEASED]);
    assert_eq!(described(&plan(&without, &gone, NONE)), Vec::<String>::new());
    assert!(gone.functions.contains_key(&address("one")));
}
