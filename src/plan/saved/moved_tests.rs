//! Tests of the differences between a plan and the same plan made again.

use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::tests::{moves, pair, saved};
use super::*;
use crate::diagnostic::Spot;
use crate::model::attached::Attached;
use crate::model::existing::DeclaredPolicy;
use crate::model::field::{Field, Path};
use crate::model::function::Function;
use crate::model::state::LiveFunction;
use crate::plan::tests::{
    address, after_apply, any_two_stacks, code, existing, policy, publish, stack, wanted, with_existing,
};

fn one(live: &mut LiveState) -> &mut LiveFunction {
    live.functions.get_mut(&address("one")).unwrap()
}

fn declared(desired: &mut DesiredState) -> &mut Function {
    &mut desired.functions.get_mut(&address("one")).unwrap().function
}

type Move<'a> = (&'a dyn Fn(&mut DesiredState), &'a dyn Fn(&mut LiveState), &'a [&'a str]);

/// Each difference is reported by name, even if the resulting plan would be the same.
#[test]
fn differences_are_named_field_by_field() {
    let table: [Move<'_>; 12] = [
        (&|_| {}, &|_| {}, &[]),
        (
            &|_| {},
            &|live| one(live).configuration.set(Field::Memory, 512),
            &["function:default/one: live changed: /memory"],
        ),
        (
            &|_| {},
            &|live| one(live).configuration.set_entry(Field::Environment, "X", "1"),
            &["function:default/one: live changed: /environment"],
        ),
        (&|_| {}, &|live| one(live).code.digest = "other".into(), &["function:default/one: live changed: /code"]),
        (
            &|_| {},
            &|live| one(live).marks.set("fgctl.config", "x"),
            &["function:default/one: live changed: /tags/fgctl.config"],
        ),
        (
            &|_| {},
            &|live| one(live).policy.as_mut().unwrap().max_retries = 0,
            &["async_policy:default/one: live changed: /max_retries"],
        ),
        (&|_| {}, &|live| one(live).policy = None, &["async_policy:default/one: it is no longer live"]),
        (
            &|_| {},
            &|live| drop(live.functions.remove(&address("two"))),
            &["function:default/two: it is no longer live"],
        ),
        (
            &|desired| declared(desired).protect = Some(true),
            &|_| {},
            &["function:default/one: the manifests changed: /protect"],
        ),
        (
            &|desired| declared(desired).policy = Some(policy(3, None)),
            &|_| {},
            &["async_policy:default/one: the manifests changed: /max_retries, /on_success"],
        ),
        (
            &|desired| desired.functions.get_mut(&address("two")).unwrap().code = code("other"),
            &|_| {},
            &["function:default/two: the manifests changed: /code"],
        ),
        (
            &|desired| drop(desired.functions.remove(&address("two"))),
            &|_| {},
            &["function:default/two: the manifests no longer declare it"],
        ),
    ];
    for (change_manifest, change_live, expected) in table {
        let (desired, live) = pair();
        let before = saved(&desired, &live);
        let (mut desired, mut live) = (desired, live);
        change_manifest(&mut desired);
        change_live(&mut live);
        assert_eq!(moves(&before, &saved(&desired, &live)), expected);
    }
}

/// Two functions with everything that decides which live fields are compared. The first notifies the second. The third
/// function belongs to the stack, and its version notifies the first.
fn compared() -> (DesiredState, LiveState) {
    let (desired, _) = pair();
    let three = wanted("three");
    let all = stack(desired.functions.into_values().chain([three]));
    let mut live = after_apply(&all);
    publish(&mut live, "three", "v1", "one");
    let one = live.functions.get_mut(&address("one")).unwrap();
    one.configuration.set(Field::Memory, 512);
    one.configuration.set(Field::MaxInstances, 9);
    one.configuration.set_entry(Field::Environment, "OTHER", "1");
    one.configuration.set_entry(Field::Tags, "team", "a");
    one.policy.as_mut().unwrap().status_log = Some(true);
    for (what, said) in [
        (Attached::Version("v1".into()), "[]"),
        (Attached::Setting("strategy_config".into()), "{}"),
        (Attached::Setting("func_vpc_id".into()), "x"),
        (Attached::Setting("func_name".into()), "one"),
    ] {
        one.attached.insert(what, said.into());
    }
    (all, live)
}

type Redeclaration = (fn(&mut DesiredState), &'static [&'static str]);

/// Changes of the manifests alone, and what is reported.
const REDECLARATIONS: &[Redeclaration] = &[
    (
        |desired| drop(desired.functions.remove(&address("one"))),
        &[
            "async_policy:default/one: the manifests no longer declare it",
            "function:default/one: the manifests no longer declare it",
        ],
    ),
    (
        |desired| declared(desired).ignore.extend([Field::Memory]),
        &["function:default/one: the manifests changed: /memory"],
    ),
    (
        |desired| declared(desired).ignored_entries.extend([Path::entry(Field::Environment, "OTHER")]),
        &["function:default/one: the manifests changed: /environment"],
    ),
    (
        |desired| declared(desired).ignored_entries.extend([Path::entry(Field::Tags, "team")]),
        &["function:default/one: the manifests changed: /tags/team"],
    ),
    (
        |desired| drop(declared(desired).later.insert(Field::MaxInstances, Spot::key(0, "/functions/one"))),
        &["function:default/one: the manifests changed: /scaling/max_instances"],
    ),
    (
        |desired| declared(desired).configuration.set_environment(BTreeMap::new()),
        &["function:default/one: the manifests changed: /environment"],
    ),
    (|desired| declared(desired).policy = None, &["async_policy:default/one: the manifests no longer declare it"]),
    (
        |desired| declared(desired).policy.as_mut().unwrap().0.status_log = Some(false),
        &["async_policy:default/one: the manifests changed: /status_log"],
    ),
    (
        |desired| declared(desired).ignore.extend([Field::Async]),
        &[
            "async_policy:default/one: the manifests no longer declare it",
            "function:default/one: the manifests changed: /async",
        ],
    ),
    (|desired| declared(desired).ignore.extend([Field::Code]), &["function:default/one: the manifests changed: /code"]),
    (
        |desired| drop(desired.functions.remove(&address("three"))),
        &["function:default/three: the manifests no longer declare it"],
    ),
    (
        |desired| {
            desired.functions.remove(&address("three"));
            *desired = with_existing(desired.clone(), [existing("three", DeclaredPolicy::Unmanaged)]);
        },
        &["function:default/three: the manifests changed: /runtime, /handler, /code"],
    ),
];

/// The plan of these manifests. What is deleted with a function is read only if they do not declare it.
fn saved_as_read(desired: &DesiredState, live: &LiveState) -> SavedPlan {
    let mut live = live.clone();
    live.functions
        .values_mut()
        .filter(|found| desired.declares(&found.address))
        .for_each(|found| found.attached.clear());
    saved(desired, &live)
}

/// The manifests decide which live fields are compared, so their changes are not taken for changes of live state.
#[test]
fn changes_of_manifests_are_not_reported_as_changes_of_live_state() {
    for (row, (edit, expected)) in REDECLARATIONS.iter().enumerate() {
        let (desired, mut live) = compared();
        let mut edited = desired.clone();
        edit(&mut edited);
        let (before, after) = (saved_as_read(&desired, &live), saved_as_read(&edited, &live));
        assert_eq!(sorted(moves(&before, &after)), *expected, "row {row}");
        let back = moves(&after, &before);
        assert!(!back.is_empty() && back.iter().all(|moved| !moved.contains("live")), "row {row}: {back:?}");
        // A real change of another function is still reported.
        live.functions.remove(&address("two"));
        let gone = moves(&before, &saved_as_read(&edited, &live));
        assert!(gone.contains(&"function:default/two: it is no longer live".to_owned()), "row {row}: {gone:?}");
    }
}

fn sorted(mut moves: Vec<String>) -> Vec<String> {
    moves.sort_unstable();
    moves
}

/// Both sides changed, and both are reported where the two plans look at the same values.
#[test]
fn changes_of_both_sides_are_reported_together() {
    let (desired, live) = pair();
    let before = saved(&desired, &live);
    let (mut edited, mut changed) = (desired, live);
    edited.functions.get_mut(&address("one")).unwrap().function.protect = Some(true);
    let found = changed.functions.get_mut(&address("one")).unwrap();
    found.configuration.set(Field::Memory, 512);
    found.policy = None;
    let expected = [
        "async_policy:default/one: it is no longer live",
        "function:default/one: the manifests changed: /protect",
        "function:default/one: live changed: /memory",
    ];
    let mut found = moves(&before, &saved(&edited, &changed));
    found.sort_by_key(|moved| expected.iter().position(|known| known == moved));
    assert_eq!(found, expected);
}

/// Everything that is deleted with a function counts, under the names of the manifest.
#[test]
fn what_is_deleted_with_a_function_has_the_names_of_fields() {
    let (mut desired, live) = compared();
    desired.functions.remove(&address("one"));
    let before = saved(&desired, &live);
    for (what, field) in [
        (Attached::Version("v1".into()), "/code"),
        (Attached::Alias("prod".into()), "/code"),
        (Attached::Setting("strategy_config".into()), "/scaling/max_instances"),
        (Attached::Setting("func_vpc_id".into()), "/vpc/id"),
        (Attached::Setting("pre_stop_timeout".into()), "/pre_stop"),
    ] {
        let mut now = live.clone();
        now.functions.get_mut(&address("one")).unwrap().attached.insert(what, "other".into());
        let expected = format!("function:default/one: live changed: {field}");
        assert_eq!(moves(&before, &saved(&desired, &now)), [expected]);
    }
}

/// Functions outside the stack may be created, deleted and changed.
#[test]
fn changes_outside_the_plan_do_not_make_it_stale() {
    let (desired, live) = pair();
    let before = saved(&desired, &live);
    let mut now = live.clone();
    let mut other = live.functions[&address("one")].clone();
    other.address = address("other");
    other.marks.set("fgctl.stack", "another");
    now.functions.insert(address("other"), other);
    assert_eq!(moves(&before, &saved(&desired, &now)), Vec::<String>::new());
}

#[test]
fn a_change_of_an_ignored_field_does_not_make_a_plan_stale() {
    let (mut desired, mut live) = pair();
    let wanted = desired.functions.get_mut(&address("one")).unwrap();
    wanted.function.ignore = BTreeSet::from([Field::Memory]);
    let before = saved(&desired, &live);
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    assert_eq!(moves(&before, &saved(&desired, &live)), Vec::<String>::new());
}

#[test]
fn another_plan_from_the_same_inputs_is_reported_as_such() {
    let (mut desired, live) = pair();
    desired.functions.get_mut(&address("two")).unwrap().code = code("other");
    let now = saved(&desired, &live);
    let mut before = now.clone();
    before.changes.clear();
    assert_eq!(moves(&before, &now), ["function:default/two: this fgctl would change it too"]);
    assert_eq!(moves(&now, &before), ["function:default/two: this fgctl would not change it"]);
}

proptest! {
    /// The same live state never changed, whatever the manifests declare.
    #[test]
    fn other_manifests_do_not_change_live_state((before, after) in any_two_stacks()) {
        for live in [after_apply(&before), after_apply(&after)] {
            let (before, after) = (saved(&before, &live), saved(&after, &live));
            let moved = before.moved(&after);
            prop_assert!(moved.iter().all(|moved| moved.side != Side::Live), "{moved:?}");
        }
    }
}
