//! The order of changes of functions and policies.

use crate::model::mark;
use crate::model::state::LiveState;
use crate::plan::tests::{
    address, after_apply, errors, everything_allowed, nothing_live, notifying, publish, remove_tag, stack, waits,
    wanted,
};
use crate::plan::{Permissions, plan};

fn lose_mark(live: &mut LiveState, name: &str) {
    remove_tag(live.functions.get_mut(&address(name)).unwrap(), mark::ASYNC);
}

#[test]
fn a_policy_waits_for_one_that_switches_behind_one_that_stays() {
    let live = after_apply(&stack([wanted("a"), notifying("b", "c"), notifying("c", "a")]));
    let desired = stack([notifying("a", "b"), notifying("b", "c"), wanted("c")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(waits(&planned), ["async_policy:default/a: async_policy:default/c", "async_policy:default/c: "]);
}

/// The policy of `a` matches the manifest but lacks its mark. `b` must wait for the policies behind it.
#[test]
fn a_policy_waits_for_one_that_switches_behind_one_that_is_only_marked() {
    let mut live = after_apply(&stack([notifying("a", "c"), wanted("b"), notifying("c", "b")]));
    lose_mark(&mut live, "a");
    let desired = stack([notifying("a", "c"), notifying("b", "a"), wanted("c")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(
        waits(&planned),
        ["async_policy:default/a: ", "async_policy:default/b: async_policy:default/c", "async_policy:default/c: "]
    );
}

/// `mid:v1` was published when `mid` still notified `z`.
#[test]
fn a_policy_waits_for_one_that_switches_behind_a_published_version() {
    let mut live = after_apply(&stack([wanted("a"), wanted("mid"), notifying("z", "a")]));
    publish(&mut live, "mid", "v1", "z");
    let desired = |named: &str| stack([notifying("a", named), wanted("mid"), wanted("z")]);
    let expected = ["async_policy:default/a: async_policy:default/z", "async_policy:default/z: "];
    assert_eq!(waits(&plan(&desired("mid:v1"), &live, Permissions::default())), expected);
    // An alias can be pointed at that version at any time.
    live.qualifiers.get_mut(&address("mid")).unwrap().insert(crate::plan::tests::qualifier_named("!prod"));
    assert_eq!(waits(&plan(&desired("mid:!prod"), &live, Permissions::default())), expected);
    let expected = ["async_policy:default/a: ", "async_policy:default/z: "];
    assert_eq!(waits(&plan(&desired("mid"), &live, Permissions::default())), expected);
}

#[test]
fn a_function_is_deleted_after_every_policy_that_named_it() {
    let live = after_apply(&stack([notifying("a", "c"), notifying("b", "c"), wanted("c")]));
    let desired = stack([wanted("a")]);
    let planned = plan(&desired, &live, everything_allowed());
    assert_eq!(
        waits(&planned),
        [
            "async_policy:default/a: ",
            "function:default/b: async_policy:default/b",
            "async_policy:default/b: ",
            "function:default/c: async_policy:default/a async_policy:default/b",
        ]
    );
}

/// If versions of two functions notify each other, neither function can be deleted before the versions' policies
/// are.
#[test]
fn policies_of_versions_are_deleted_before_the_functions_that_they_name() {
    let mut live = after_apply(&stack([wanted("a"), wanted("b")]));
    publish(&mut live, "a", "v1", "b");
    publish(&mut live, "b", "!prod", "a:v1");
    let desired = stack([]);
    let planned = plan(&desired, &live, everything_allowed());
    assert_eq!(errors(&planned), Vec::<&str>::new());
    assert_eq!(
        waits(&planned),
        [
            "function:default/a: async_policy:default/a:v1 async_policy:default/b:!prod",
            "async_policy:default/a:v1: ",
            "function:default/b: async_policy:default/a:v1 async_policy:default/b:!prod",
            "async_policy:default/b:!prod: ",
        ]
    );
}

/// Without ownership, `b` and `d` keep their policies, and the new graph has a cycle. With ownership, the policies
/// are deleted first.
#[test]
fn two_changes_never_wait_for_each_other() {
    let live = after_apply(&stack([wanted("a"), notifying("b", "c"), wanted("c"), notifying("d", "a")]));
    let desired = stack([notifying("a", "b"), wanted("b"), notifying("c", "d"), wanted("d")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(
        waits(&planned),
        [
            "async_policy:default/a: async_policy:default/b",
            "async_policy:default/b: ",
            "async_policy:default/c: async_policy:default/d",
            "async_policy:default/d: ",
        ]
    );
    let desired = desired.without_ownership();
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["cycle"]);
}

#[test]
fn a_new_policy_waits_for_the_functions_that_it_names() {
    let live = nothing_live();
    let desired = stack([notifying("a", "b"), wanted("b")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(waits(&planned)[1], "async_policy:default/a: function:default/a function:default/b");
}
