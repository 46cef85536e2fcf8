//! Which side changed, for each kind of change.

use std::collections::BTreeMap;

use super::{address, after_apply, code, everything_allowed, marks_of, policy, remove_tag, stack, wanted};
use crate::model::field::Field;
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::text::{TagKey, TagValue};
use crate::plan::change::Facet;
use crate::plan::drift::{Finding, findings, unmanaged};
use crate::plan::{Permissions, plan};

/// `one` notifies `two`.
fn pair() -> DesiredState {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, Some("two")));
    one.function
        .configuration
        .set_tags(BTreeMap::from([(TagKey::new("team").unwrap(), TagValue::new("payments").unwrap())]));
    stack([one, wanted("two")])
}

fn one(live: &mut LiveState) -> &mut LiveFunction {
    live.functions.get_mut(&address("one")).unwrap()
}

fn found(desired: &DesiredState, live: &LiveState) -> Vec<String> {
    let permissions = Permissions { destroy: false, ..everything_allowed() };
    let planned = plan(desired, live, permissions);
    let facet = |finding: &Finding| finding.facet.map_or_else(|| "whole", Facet::name);
    findings(&planned.plan)
        .iter()
        .map(|finding| format!("{} {}: {}", finding.address, facet(finding), finding.state.name()))
        .collect()
}

type Case<'a> = (&'a dyn Fn(&mut DesiredState), &'a dyn Fn(&mut LiveState), &'a [&'a str]);

#[test]
fn each_change_is_classified_by_the_side_that_changed() {
    let more_memory = |desired: &mut DesiredState| {
        let wanted = desired.functions.get_mut(&address("one")).unwrap();
        wanted.function.configuration.declare(Field::Memory, 256.into()).unwrap();
    };
    let other_code = |desired: &mut DesiredState| {
        desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    };
    let no_policy = |desired: &mut DesiredState| {
        desired.functions.get_mut(&address("one")).unwrap().function.policy = None;
    };
    let another = |desired: &mut DesiredState| {
        let mut three = wanted("three");
        three.function.policy = Some(policy(1, None));
        desired.functions.insert(address("three"), three);
    };
    let without_two = |desired: &mut DesiredState| {
        desired.functions.remove(&address("two"));
        desired.functions.get_mut(&address("one")).unwrap().function.policy = Some(policy(1, None));
    };
    let protected = |desired: &mut DesiredState| {
        desired.functions.get_mut(&address("one")).unwrap().function.protect = Some(true);
    };
    let table: [Case<'_>; 17] = [
        (&protected, &|_| {}, &["function:default/one protection: pending"]),
        (&|_| {}, &|_| {}, &[]),
        (
            &|_| {},
            &|live| one(live).configuration.set(Field::Memory, 512),
            &["function:default/one configuration: drifted"],
        ),
        (&|_| {}, &|live| one(live).code.digest = "x".into(), &["function:default/one code: drifted"]),
        (
            &|_| {},
            &|live| one(live).policy.as_mut().unwrap().max_retries = 0,
            &["async_policy:default/one policy: drifted"],
        ),
        (&|_| {}, &|live| one(live).policy = None, &["async_policy:default/one policy: drifted"]),
        (&more_memory, &|_| {}, &["function:default/one configuration: pending"]),
        (
            &more_memory,
            &|live| one(live).configuration.set(Field::Timeout, 9),
            &["function:default/one configuration: conflict"],
        ),
        (
            &other_code,
            &|live| one(live).configuration.set(Field::Memory, 512),
            &["function:default/one configuration: drifted", "function:default/one code: pending"],
        ),
        (&no_policy, &|_| {}, &["async_policy:default/one policy: pending"]),
        (&another, &|_| {}, &["function:default/three whole: missing"]),
        (&|_| {}, &|live| drop(live.functions.remove(&address("two"))), &["function:default/two whole: missing"]),
        (&without_two, &|_| {}, &["async_policy:default/one policy: pending", "function:default/two whole: pending"]),
        (&|_| {}, &|live| remove_tag(one(live), mark::CONFIG), &["function:default/one configuration: stale mark"]),
        (
            &|_| {},
            &|live| {
                remove_tag(one(live), mark::CONFIG);
                one(live).configuration.set(Field::Memory, 512);
            },
            &["function:default/one configuration: unmarked"],
        ),
        (&|_| {}, &|live| remove_tag(one(live), mark::STACK), &["function:default/one whole: unowned"]),
        (&|_| {}, &|live| one(live).marks.set(mark::STACK, "x"), &["function:default/one whole: foreign"]),
    ];
    for (change_manifest, change_live, expected) in table {
        let mut desired = pair();
        let mut live = after_apply(&desired);
        change_manifest(&mut desired);
        change_live(&mut live);
        assert_eq!(found(&desired, &live), expected);
    }
}

/// An edited mark proves nothing, for any facet.
#[test]
fn an_edited_mark_does_not_show_which_side_changed() {
    for (tag, expected) in [
        (mark::CONFIG, "function:default/one configuration: unmarked"),
        (mark::CODE, "function:default/one code: unmarked"),
        (mark::ASYNC, "async_policy:default/one policy: unmarked"),
    ] {
        let desired = pair();
        let mut live = after_apply(&desired);
        one(&mut live).marks.set(tag, "edited");
        match tag {
            mark::CONFIG => one(&mut live).configuration.set(Field::Memory, 512),
            mark::ASYNC => one(&mut live).policy.as_mut().unwrap().max_retries = 3,
            _ => {}
        }
        let planned = plan(&desired, &live, Permissions::default());
        let findings = findings(&planned.plan);
        assert_eq!(found(&desired, &live), [expected]);
        assert!(findings[0].reason.contains(&format!("someone edited the tag {tag}")), "{findings:?}");
    }
}

#[test]
fn a_deletion_that_marks_prove_is_reported() {
    let desired = pair();
    let mut live = after_apply(&desired);
    live.functions.remove(&address("two"));
    let planned = plan(&desired, &live, Permissions::default());
    assert!(findings(&planned.plan)[0].reason.contains("someone deleted it"));
}

#[test]
fn unmanaged_functions_are_neither_owned_nor_declared() {
    let desired = pair();
    let mut live = after_apply(&desired);
    let names = ["theirs", "nobodys"];
    for name in names {
        let mut other = one(&mut live).clone();
        other.address = address(name);
        other.marks = marks_of(&other.address);
        live.functions.insert(address(name), other);
    }
    live.functions.get_mut(&address("theirs")).unwrap().marks.set(mark::STACK, "another");
    assert_eq!(unmanaged(&desired, &live), [&address("nobodys")]);
    assert_eq!(found(&desired, &live), Vec::<String>::new());
}
