//! Triggers: what a plan does about them.

use serde_json::{Value, json};

use super::{
    address, after_apply, applied, apply_step, errors, everything_allowed, live_trigger, nothing_live, qualifier_named,
    remove_tag, stack, waits, wanted,
};
use crate::model::mark;
use crate::model::state::{DesiredState, LiveFunction, LiveState};
use crate::model::trigger::{Trigger, TriggerMark};
use crate::plan::change::{Action, Cause, Change, Facet, Reason};
use crate::plan::{Permissions, plan};

fn trigger(key: &str, code: &str, data: &Value) -> Trigger {
    Trigger { enabled: (code == "TIMER").then_some(true), ..super::trigger(key, code, data) }
}

fn timer(key: &str, rate: &str) -> Trigger {
    trigger(key, "TIMER", &json!({ "name": key, "schedule_type": "Rate", "schedule": rate }))
}

fn uploads(bucket: &str) -> Trigger {
    trigger("uploads", "OBS", &json!({ "bucket": bucket, "events": ["s3:ObjectCreated:*"] }))
}

/// The function `a` with these triggers.
fn with(triggers: impl IntoIterator<Item = Trigger>) -> DesiredState {
    let mut one = wanted("a");
    one.function.triggers = triggers.into_iter().map(|trigger| (trigger.key.clone(), trigger)).collect();
    stack([one])
}

/// Each change as `verb address`, and its fields.
fn changes(desired: &DesiredState, live: &LiveState, permissions: Permissions) -> Vec<String> {
    let planned = plan(desired, live, permissions);
    assert_eq!(errors(&planned), Vec::<&str>::new());
    let said = |change: &Change<'_>| {
        let fields: Vec<&str> = change.fields.iter().filter_map(|field| field.path.key.as_deref()).collect();
        format!("{} {} {}", change.action.verb(), change.address, fields.join(" ")).trim().to_owned()
    };
    planned.plan.changes.iter().map(said).collect()
}

fn reason(desired: &DesiredState, live: &LiveState) -> Reason {
    plan(desired, live, Permissions::default()).plan.changes[0].reason.clone()
}

fn found(live: &mut LiveState) -> &mut LiveFunction {
    live.functions.get_mut(&address("a")).unwrap()
}

#[test]
fn triggers_are_created_with_their_function_and_then_match() {
    let desired = with([timer("nightly", "5m"), uploads("in")]);
    let planned = changes(&desired, &nothing_live(), Permissions::default());
    assert_eq!(
        planned,
        [
            "create function:default/a",
            "create trigger:default/a/nightly enabled name rate",
            "create trigger:default/a/uploads bucket events",
        ]
    );
    let live = after_apply(&desired);
    assert_eq!(changes(&desired, &live, Permissions::default()), Vec::<String>::new());
}

#[test]
fn the_side_that_changed_is_known() {
    let before = with([timer("nightly", "5m")]);
    let after = with([timer("nightly", "1h")]);
    let cause = |reason: &Reason| match reason.cause() {
        Reason::Differs(causes) => causes.clone(),
        _ => Vec::new(),
    };
    let mut live = after_apply(&before);
    assert_eq!(cause(&reason(&after, &live)), [(Facet::Triggers, Cause::Pending)]);
    found(&mut live).triggers.as_mut().unwrap()[0].data["schedule"] = json!("2m");
    assert_eq!(cause(&reason(&before, &live)), [(Facet::Triggers, Cause::Drift)]);
    assert_eq!(cause(&reason(&after, &live)), [(Facet::Triggers, Cause::Conflict)]);
    found(&mut live).triggers = Some(Vec::new());
    assert_eq!(cause(&reason(&before, &live)), [(Facet::Triggers, Cause::Drift)]);
}

#[test]
fn a_status_is_updated_and_a_schedule_replaced() {
    let live = after_apply(&with([timer("nightly", "5m")]));
    let disabled = with([Trigger { enabled: Some(false), ..timer("nightly", "5m") }]);
    assert_eq!(changes(&disabled, &live, Permissions::default()), ["update trigger:default/a/nightly enabled"]);
    let other = with([timer("nightly", "1h")]);
    assert_eq!(changes(&other, &live, Permissions::default()), ["replace trigger:default/a/nightly rate"]);
    let Reason::Replaced { missed, .. } = reason(&other, &live) else { panic!("a replacement") };
    assert_eq!(missed, "a tick between the two requests is missed");
}

#[test]
fn another_bucket_is_one_replacement() {
    let live = after_apply(&with([uploads("in")]));
    assert_eq!(
        changes(&with([uploads("other")]), &live, Permissions::default()),
        ["replace trigger:default/a/uploads bucket"]
    );
}

#[test]
fn what_is_no_longer_declared_is_deleted_and_what_others_made_stays() {
    let mut live = after_apply(&with([timer("nightly", "5m"), uploads("in")]));
    let theirs = live_trigger(&timer("theirs", "1m"));
    found(&mut live).triggers.as_mut().unwrap().push(theirs);
    let planned = changes(&with([uploads("in")]), &live, Permissions::default());
    assert_eq!(planned, ["delete trigger:default/a/nightly enabled name rate"]);
    let planned = changes(&with([]), &live, Permissions::default());
    assert_eq!(planned.len(), 2, "{planned:?}");
}

#[test]
fn a_mark_lost_leads_to_an_adoption_and_a_difference_needs_permission() {
    let desired = with([timer("nightly", "5m")]);
    let mut live = after_apply(&desired);
    remove_tag(found(&mut live), mark::TRIGGERS);
    assert_eq!(changes(&desired, &live, Permissions::default()), ["adopt trigger:default/a/nightly"]);
    let other = with([timer("nightly", "1h")]);
    assert_eq!(errors(&plan(&other, &live, Permissions::default())), ["not-owned"]);
    let adopt = Permissions { adopt: true, ..Permissions::default() };
    assert_eq!(changes(&other, &live, adopt), ["replace trigger:default/a/nightly rate"]);
}

#[test]
fn another_stacks_mark_stops_a_plan() {
    let desired = with([timer("nightly", "5m")]);
    let mut live = after_apply(&desired);
    let mut mark = TriggerMark::new(&crate::model::text::StackName::new("other").unwrap(), "urn");
    mark.set("abcde", timer("theirs", "5m").entry());
    found(&mut live).marks.set(mark::TRIGGERS, mark.to_string());
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["owned-by-another-stack"]);
    let take_over = Permissions { take_over: true, ..Permissions::default() };
    assert_eq!(changes(&desired, &live, take_over), ["adopt trigger:default/a/nightly"]);
}

#[test]
fn an_entry_without_a_trigger_is_removed_from_the_mark() {
    let mut live = after_apply(&with([timer("nightly", "5m")]));
    found(&mut live).triggers = Some(Vec::new());
    let desired = with([]);
    let before = live.clone();
    let planned = plan(&desired, &before, Permissions::default());
    assert_eq!(planned.plan.changes.len(), 1);
    assert_eq!(planned.plan.changes[0].action, Action::Record);
    apply_step(&planned.plan.changes[0], &mut live);
    assert_eq!(live.functions[&address("a")].marks.get(mark::TRIGGERS), None);
}

#[test]
fn triggers_take_turns_and_those_that_go_are_first() {
    let live = after_apply(&with([timer("old", "5m")]));
    let desired = with([timer("a1", "5m"), timer("b1", "5m")]);
    let planned = plan(&desired, &live, Permissions::default());
    assert_eq!(
        waits(&planned),
        [
            "trigger:default/a/a1: trigger:default/a/old",
            "trigger:default/a/b1: trigger:default/a/a1 trigger:default/a/old",
            "trigger:default/a/old: ",
        ]
    );
}

/// A trigger of the version `v1` or the alias `prod`.
fn of_qualifier(name: &str) -> Trigger {
    Trigger { qualifier: Some(qualifier_named(name)), ..timer("nightly", "5m") }
}

#[test]
fn a_trigger_needs_its_version_or_alias() {
    let found = |live: &LiveState, qualifier: &str| {
        let desired = with([of_qualifier(qualifier)]);
        let planned = plan(&desired, live, Permissions::default());
        let found = planned.diagnostics.iter().filter(|found| found.is_error());
        found
            .map(|found| format!("{}: {}", found.message, found.help.as_deref().unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    let mut live = after_apply(&with([]));
    live.qualifiers.entry(address("a")).or_default().extend([qualifier_named("v2"), qualifier_named("!blue")]);
    assert_eq!(
        found(&live, "v1"),
        [
            "function default/a has no version `v1` for this trigger to start: publish the version first, or use one that \
             exists: `v2`"
        ]
    );
    assert_eq!(
        found(&live, "!prod"),
        ["function default/a has no alias `prod` for this trigger to start: publish the alias first, or use one that \
             exists: `blue`"]
    );
    assert_eq!(found(&live, "v2"), Vec::<String>::new());
    assert_eq!(found(&nothing_live(), "v1").len(), 1, "a new function has no version");
    // A live trigger shows that its version exists.
    let desired = with([of_qualifier("v2")]);
    let mut after = applied(&plan(&desired, &live, Permissions::default()).plan, &live);
    after.qualifiers.clear();
    assert_eq!(found(&after, "v2"), Vec::<String>::new());
}

/// Triggers of one function only take turns; the deletion of the bucket's old rule has to succeed first.
#[test]
fn a_rule_of_a_bucket_moves_to_another_function_in_order() {
    let holds = |name: &str, triggers: Vec<Trigger>| {
        let mut function = wanted(name);
        function.function.triggers = triggers.into_iter().map(|it| (it.key.clone(), it)).collect();
        function
    };
    let live = after_apply(&stack([holds("a", vec![timer("t", "5m")]), holds("b", vec![uploads("in")])]));
    let desired = stack([holds("a", vec![timer("s", "1h"), timer("t", "5m"), uploads("in")]), holds("b", vec![])]);
    let planned = plan(&desired, &live, Permissions::default());
    let old = format!("trigger:default/b/{}", live.functions[&address("b")].triggers.as_ref().unwrap()[0].key);
    let waits_of_uploads = format!("trigger:default/a/uploads: trigger:default/a/s {old}");
    assert_eq!(waits(&planned), ["trigger:default/a/s: ", &waits_of_uploads, &format!("{old}: ")]);
    let turns = planned.plan.changes.iter().flat_map(|change| &change.turns).map(ToString::to_string);
    assert_eq!(turns.collect::<Vec<_>>(), ["trigger:default/a/s"]);
    // The same if the whole function goes.
    let desired = stack([holds("a", vec![timer("t", "5m"), uploads("in")])]);
    let planned = plan(&desired, &live, everything_allowed());
    assert!(
        waits(&planned).contains(&"trigger:default/a/uploads: function:default/b".to_owned()),
        "{:?}",
        waits(&planned)
    );
    // Two that change places have no order.
    let desired = stack([holds("a", vec![uploads("in")]), holds("b", vec![uploads("out")])]);
    let live = after_apply(&stack([holds("a", vec![uploads("out")]), holds("b", vec![uploads("in")])]));
    assert_eq!(errors(&plan(&desired, &live, Permissions::default())), ["trigger-order"]);
}
