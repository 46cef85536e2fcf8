//! The differences between desired and live, and which side changed.

use std::collections::BTreeSet;

use super::ownership::whole;
use super::{address, after_apply, code, described, errors, nothing_live, policy, remove_tag, scope, stack, wanted};
use crate::model::address::Address;
use crate::model::field::Field;
use crate::model::mark::{self};
use crate::model::state::{DesiredState, LiveState};
use crate::model::target::Target;
use crate::model::urn::{FunctionUrn, Scope};
use crate::plan::change::{Action, Cause, Facet, Reason};
use crate::plan::{Permissions, plan};

#[test]
fn a_new_function_and_its_policy_are_created_in_that_order() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, Some("two")));
    let desired = stack([one, wanted("two")]);
    let live = nothing_live();
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(
        described(&planned),
        [
            "create function:default/one: declared but not live",
            "create async_policy:default/one: declared but not live",
            "create function:default/two: declared but not live",
        ]
    );
    let policy = &planned.plan.changes[1];
    assert_eq!(policy.waits_for, [Address::function(&address("one")), Address::function(&address("two"))]);
}

#[test]
fn nothing_is_planned_after_an_apply() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(2, Some("two")));
    one.function.protect = Some(true);
    let desired = stack([one, wanted("two")]);
    let live = after_apply(&desired);
    assert_eq!(described(&plan(&desired, &live, Permissions::default())), Vec::<String>::new());
}

/// A change of the manifest, changes of live, and the expected cause.
type Moves<'a> = (Option<&'a dyn Fn(&mut DesiredState)>, Vec<&'a dyn Fn(&mut LiveState)>, Option<Cause>);

/// The mark alone shows which side changed.
#[test]
fn the_cause_follows_from_the_mark() {
    let changed_manifest = |desired: &mut DesiredState| {
        let wanted = desired.functions.get_mut(&address("one")).unwrap();
        wanted.function.configuration.declare(Field::Memory, 256.into()).unwrap();
    };
    let changed_live = |live: &mut LiveState| {
        live.functions.get_mut(&address("one")).unwrap().configuration.set(Field::Memory, 512);
    };
    let lost_mark = |live: &mut LiveState| remove_tag(live.functions.get_mut(&address("one")).unwrap(), mark::CONFIG);
    let table: [Moves<'_>; 5] = [
        (None, vec![], None),
        (Some(&changed_manifest), vec![], Some(Cause::Pending)),
        (None, vec![&changed_live], Some(Cause::Drift)),
        (Some(&changed_manifest), vec![&changed_live], Some(Cause::Conflict)),
        (None, vec![&changed_live, &lost_mark], Some(Cause::Unmarked)),
    ];
    for (manifest, live_moves, expected) in table {
        let mut desired = stack([wanted("one")]);
        let mut live = after_apply(&desired);
        if let Some(change) = manifest {
            change(&mut desired);
        }
        for change in live_moves {
            change(&mut live);
        }
        let planned = plan(&desired, &live, Permissions::default());
        let reasons: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
        let expected: Vec<_> =
            expected.into_iter().map(|cause| Reason::Differs(vec![(Facet::Config, cause)])).collect();
        assert_eq!(reasons, expected);
    }
}

#[test]
fn a_lost_mark_is_recorded_again() {
    let desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    remove_tag(live.functions.get_mut(&address("one")).unwrap(), mark::CONFIG);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.count(Action::Record), 1);
    assert!(planned.plan.changes[0].fields.is_empty());
}

#[test]
fn code_drift_and_code_changes_are_distinguished() {
    let mut desired = stack([wanted("one")]);
    let mut live = after_apply(&desired);
    live.functions.get_mut(&address("one")).unwrap().code.digest = "another".into();
    let reason = |desired: &DesiredState, live: &LiveState| {
        plan(desired, live, Permissions::default()).plan.changes[0].reason.clone()
    };
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Drift)]));
    desired.functions.get_mut(&address("one")).unwrap().code = code("two");
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Conflict)]));
    let live = after_apply(&stack([wanted("one")]));
    assert_eq!(reason(&desired, &live), Reason::Differs(vec![(Facet::Code, Cause::Pending)]));
}

/// Marks as the previous version wrote them.
pub(super) fn with_old_marks(live: &LiveState) -> LiveState {
    let mut old = live.clone();
    for found in old.functions.values_mut() {
        let mark = found.marks.get(mark::CONFIG).map(mark::fields_part).map(str::to_owned);
        found.marks.set(mark::CONFIG, mark.unwrap());
    }
    old
}

#[test]
fn marks_of_earlier_versions_stay_valid() {
    let desired = stack([whole(), wanted("two")]);
    let live = with_old_marks(&after_apply(&desired));
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!((described(&planned), planned.diagnostics.len()), (Vec::new(), 0));
    // Undeclared, it is deleted, because the stack owns it.
    let planned = plan(&stack([whole()]), &live, Permissions::default()).plan.count(Action::Delete);
    assert_eq!(planned, 1);
}

#[test]
fn a_changed_runtime_is_refused() {
    let live = after_apply(&stack([wanted("one")]));
    let mut changed = wanted("one");
    changed.function.configuration.declare(Field::Runtime, "Node.js18.15".into()).unwrap();
    assert_eq!(errors(&plan(&stack([changed]), &live, Permissions::default())), ["runtime-changed"]);
}

/// A function of another project may have the same name.
#[test]
fn a_target_in_another_project_does_not_prove_that_a_function_existed_here() {
    let mut one = wanted("one");
    let elsewhere = Scope { project_id: "0123456789abcdef0123456789abcdef".into(), ..scope() };
    one.function.policy = Some(policy(1, None));
    if let Some((policy, _)) = &mut one.function.policy {
        policy.on_success = Some(Target::Urn(FunctionUrn::new(&elsewhere, &address("two"), None)));
    }
    let live = after_apply(&stack([one.clone()]));
    let desired = stack([one, wanted("two")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(planned.plan.changes[0].reason, Reason::Missing);
}

/// A field that is no longer declared was managed at the time of the apply; live has not changed.
#[test]
fn fields_that_are_no_longer_managed_are_not_drift() {
    let mut one = wanted("one");
    one.function.policy = Some(policy(1, None));
    if let Some((policy, _)) = &mut one.function.policy {
        policy.status_log = Some(true);
    }
    one.function.configuration.declare(Field::Memory, 512.into()).unwrap();
    let live = after_apply(&stack([one.clone()]));
    one.function.ignore = BTreeSet::from([Field::Memory]);
    one.function.configuration.declare(Field::Timeout, 9.into()).unwrap();
    one.function.policy = Some(policy(2, None));
    let desired = stack([one]);
    let planned = plan(&desired, &live, Permissions::default());
    let causes: Vec<_> = planned.plan.changes.iter().map(|change| change.reason.clone()).collect();
    let pending = |facet| Reason::Differs(vec![(facet, Cause::Pending)]);
    assert_eq!(causes, [pending(Facet::Config), pending(Facet::Async)]);
}
