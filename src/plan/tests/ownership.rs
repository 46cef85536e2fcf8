//! Ownership of functions: unowned, owned by another stack, or created by this stack and not finished.

use std::collections::{BTreeMap, BTreeSet};

use super::values::orders;
use super::{
    address, after_apply, applied, code, described, errors, live_policy, marks_of, policy, stack, urn_of, wanted,
};
use crate::diagnostic::Spot;
use crate::model::async_policy::LivePolicy;
use crate::model::field::Field;
use crate::model::mark;
use crate::model::secret::Secret;
use crate::model::state::{DesiredFunction, DesiredState, LiveFunction, LiveState};
use crate::model::text::{StackName, TagKey, TagValue, VariableName};
use crate::plan::change::{Action, Cause, Facet, Reason, Step};
use crate::plan::{Permissions, plan};

#[test]
fn ownership() {
    let desired = stack([wanted("one")]);
    let owned_by = |owner: Option<&str>, memory: u32| {
        let mut live = after_apply(&desired);
        let found = live.functions.get_mut(&address("one")).unwrap();
        found.marks = marks_of(&found.address);
        if let Some(owner) = owner {
            found.marks.set(mark::STACK, owner);
        }
        found.code.contents = Some(code("one").hash());
        found.configuration.set(Field::Memory, memory);
        live
    };
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    let take_over = Permissions { take_over: true, ..Permissions::default() };
    let table = [
        (None, 128, Permissions::default(), Ok(Action::Adopt)),
        (None, 256, Permissions::default(), Err("not-owned")),
        (None, 256, take_over, Err("not-owned")),
        (None, 256, adopt, Ok(Action::Adopt)),
        (Some("other"), 128, Permissions::default(), Err("owned-by-another-stack")),
        (Some("other"), 128, adopt, Err("owned-by-another-stack")),
        (Some("other"), 128, take_over, Ok(Action::Adopt)),
    ];
    for (owner, memory, permissions, expected) in table {
        let live = owned_by(owner, memory);
        let planned = plan(&desired, &live, permissions);
        match expected {
            Ok(action) => {
                assert_eq!(errors(&planned), Vec::<&str>::new());
                assert_eq!(planned.plan.changes[0].action, action);
                let after = applied(&planned.plan, &live);
                assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
            }
            Err(code) => assert_eq!(errors(&planned), [code]),
        }
    }
}

/// A function with everything that a create sends, or sets after its first request.
pub(super) fn whole() -> DesiredFunction {
    let secret = Secret { variable: "X".into(), value: None, spot: Spot::value(0, "") };
    let mut one = wanted("one");
    one.function.secrets = BTreeMap::from([(VariableName::new("PASSWORD").unwrap(), secret)]);
    one.secrets_mark = Some("1.salt.hash".into());
    one.function
        .configuration
        .set_tags(BTreeMap::from([(TagKey::new("team").unwrap(), TagValue::new("payments").unwrap())]));
    one.function.protect = Some(true);
    one.function.policy = Some(policy(2, None));
    one
}

/// What the create of these functions leaves if only its first request arrives.
fn cut_short(desired: &DesiredState) -> LiveState {
    let mut live = after_apply(desired);
    for found in live.functions.values_mut() {
        found.marks = marks_of(&found.address);
        found.configuration.set_entries(Field::Tags, []);
        found.policy = None;
        found.code.contents = Some(code("one").hash());
    }
    live
}

type Edit<'a> = &'a dyn Fn(&mut DesiredFunction);

/// The next run continues it, even if the manifest changed.
#[test]
fn an_interrupted_create_is_continued() {
    let edits: [Edit<'_>; 8] = [
        &|_| {},
        &|one| one.function.configuration.declare(Field::Memory, 256.into()).unwrap(),
        &|one| one.secrets_mark = Some("1.salt.other".into()),
        &|one| {
            one.function.secrets.clear();
            one.secrets_mark = None;
        },
        &|one| one.code = code("two"),
        &|one| one.function.policy = None,
        &|one| one.function.configuration.set_tags(BTreeMap::new()),
        &|one| one.function.protect = Some(false),
    ];
    let live = cut_short(&stack([whole()]));
    for edit in edits {
        let mut one = whole();
        edit(&mut one);
        let desired = stack([one]);
        let planned = plan(&desired, &live, Permissions::default());
        assert_eq!(errors(&planned), Vec::<&str>::new());
        assert_eq!(planned.plan.changes[0].reason, Reason::AdoptUnfinished);
        let after = applied(&planned.plan, &live);
        assert_eq!(described(&plan(&desired, &after, Permissions::default())), Vec::<String>::new());
    }
}

/// The name of the code proves the origin; similarity does not.
#[test]
fn a_function_that_is_only_similar_is_unowned() {
    let desired = stack([whole()]);
    let edits: [&dyn Fn(&mut LiveFunction); 8] = [
        &|live| live.code.file_name = "index.zip".into(),
        &|live| live.code.file_name = whole().file_name(None, &urn_of(&address("one")).to_string()),
        &|live| live.code.file_name = whole().file_name(Some(&orders()), &urn_of(&address("two")).to_string()),
        &|live| live.code.contents = Some(code("two").hash()),
        &|live| live.configuration.set_entry(Field::Tags, "team", "other"),
        &|live| live.secret_names = BTreeSet::from(["THEIRS".into()]),
        &|live| live.configuration.set_entry(Field::Environment, "THEIRS", "1"),
        &|live| live.configuration.set(Field::Memory, 512),
    ];
    for (index, edit) in edits.into_iter().enumerate() {
        let mut live = cut_short(&desired);
        edit(live.functions.get_mut(&address("one")).unwrap());
        assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"], "edit {index}");
        let gone = stack([wanted("two")]);
        let planned = plan(&gone, &live, Permissions::default());
        assert_eq!(described(&planned), ["create function:default/two: declared but not live"], "edit {index}");
    }
}

/// The entry was removed before the create was finished.
#[test]
fn an_undeclared_unfinished_create_is_deleted() {
    let live = cut_short(&stack([whole()]));
    let desired = stack([wanted("two")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Unfinished);
    assert_eq!(planned.plan.count(Action::Delete), 1);
    let other = DesiredState { stack: StackName::new("other").unwrap(), ..stack([wanted("two")]) };
    assert_eq!(plan(&other, &live, Permissions::default()).plan.count(Action::Delete), 0);
    let unowned = stack([wanted("two")]).without_ownership();
    assert_eq!(plan(&unowned, &live, Permissions::default()).plan.count(Action::Delete), 0);
    // If someone changed it afterwards, people have to decide.
    let mut live = live;
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.count(Action::Delete), 0);
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["left-over"]);
}

/// Someone copied a function together with its tags.
#[test]
fn a_copy_with_its_tags_is_unowned() {
    let desired = stack([whole()]);
    let mut live = after_apply(&desired);
    let mut copy = live.functions[&address("one")].clone();
    copy.address = address("copy");
    let tags = copy.marks.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    copy.marks = mark::split(&urn_of(&copy.address), tags).0;
    live.functions.insert(address("copy"), copy);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["copied-tags"]);
    // Declared, it is treated as unowned.
    let mut declared = wanted("copy");
    declared.function.configuration.declare(Field::Memory, 256.into()).unwrap();
    let desired = stack([whole(), declared]);
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"]);
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    let after = applied(&plan(&desired, &live, adopt).plan, &live);
    let planned = plan(&desired, &after, Permissions::default());
    // Its protection was copied too, and the plan must not remove it.
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["protected-by-hand"]);
}

/// An adoption must not silently delete the function's policy.
#[test]
fn an_unowned_function_with_a_policy_that_is_not_declared_differs() {
    let desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    let found = live.functions.get_mut(&address("one")).unwrap();
    found.marks = marks_of(&found.address);
    found.code.contents = Some(code("one").hash());
    found.policy = Some(LivePolicy {
        max_retries: 1,
        max_validity_period: 60,
        on_success: None,
        on_failure: None,
        status_log: None,
        others: serde_json::Map::new(),
    });
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["not-owned"]);
}

/// Without ownership the comparison is two-way: no cause is given, no tag is written, nothing is deleted.
#[test]
fn without_ownership_nothing_is_marked_or_deleted() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(2, Some("two")));
    one.function.protect = Some(true);
    one.function.configuration.set_tags(BTreeMap::from([(TagKey::new("team").unwrap(), TagValue::new("x").unwrap())]));
    let desired = stack([one, wanted("two")]).without_ownership();
    let mut live = after_apply(&desired);
    for found in live.functions.values_mut() {
        assert!(!found.configuration.has(Field::Tags));
        // The model of an upload writes marks, which must not be read here.
        found.marks = marks_of(&found.address);
        found.code.contents = Some(code("one").hash());
    }
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
    live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    let planned = plan(&desired, &live, Permissions::default());
    let change = &planned.plan.changes[0];
    assert_eq!(change.reason, Reason::Differs(vec![(Facet::Config, Cause::Unmarked)]));
    let Step::UpdateFunction { writes, .. } = &change.step else { panic!("an update") };
    assert!(writes.configuration && writes.set_tags.is_empty() && writes.remove_tags.is_empty());
    // A function and a policy that are no longer declared are kept.
    let less = stack([wanted("two")]).without_ownership();
    live.functions.get_mut(&address("two")).unwrap().policy = Some(live_policy("three"));
    let planned = plan(&less, &live, Permissions::default());
    assert_eq!(described(&planned), Vec::<String>::new());
    assert_eq!(planned.diagnostics.iter().map(|found| found.code).collect::<Vec<_>>(), ["policy-kept"]);
}
