//! The order of changes around triggers.

use serde_json::{Value, json};

use crate::diagnostic::Spot;
use crate::model::async_policy::AsyncPolicy;
use crate::model::field::Field;
use crate::model::state::{DesiredFunction, DesiredState, LiveState};
use crate::plan::plan;
use crate::plan::tests::{
    address, after_apply, errors, everything_allowed, live_policy, nothing_live, notifying, objects, on_objects,
    policy, publish, stack, started_by, target, trigger, waits, wanted,
};

/// A function that writes objects with this prefix on success.
fn writing(name: &str, prefix: &str) -> DesiredFunction {
    let (one, spots) = policy(1, None);
    let mut function = wanted(name);
    function.function.policy = Some((AsyncPolicy { on_success: Some(objects(prefix)), ..one }, spots));
    function
}

fn started(function: DesiredFunction, code: &str, data: &Value) -> DesiredFunction {
    started_by(trigger("t", code, data), function)
}

/// The function, started by objects with this prefix.
fn on(function: DesiredFunction, prefix: &str) -> DesiredFunction {
    started_by(on_objects(prefix), function)
}

/// The waits of the changes, without the key that a trigger has only in plans.
fn planned(desired: &DesiredState, live: &LiveState) -> Vec<String> {
    let planned = plan(desired, live, everything_allowed());
    assert_eq!(errors(&planned), Vec::<&str>::new());
    let keys = regex::Regex::new("/obs-[A-Za-z0-9_-]+").unwrap();
    waits(&planned).iter().map(|line| keys.replace_all(line, "/live").into_owned()).collect()
}

/// `m` stands between the function that the trigger starts and the one that writes to the bucket.
#[test]
fn a_trigger_waits_for_policies_behind_its_function() {
    let live = after_apply(&stack([notifying("b", "m"), notifying("m", "z"), writing("z", "in/")]));
    let desired = stack([on(notifying("b", "m"), "in/"), wanted("m"), writing("z", "in/")]);
    assert_eq!(planned(&desired, &live), ["trigger:default/b/t: async_policy:default/m", "async_policy:default/m: "]);
}

#[test]
fn a_policy_waits_for_a_trigger_that_goes() {
    let live = after_apply(&stack([wanted("a"), on(notifying("b", "a"), "in/")]));
    let desired = stack([writing("a", "in/"), notifying("b", "a")]);
    assert_eq!(
        planned(&desired, &live),
        ["async_policy:default/a: trigger:default/b/live", "trigger:default/b/live: "]
    );
}

/// The triggers go together with the function, and the policies before that.
#[test]
fn a_policy_waits_for_the_policies_of_a_function_that_is_deleted_with_its_trigger() {
    let mut live = after_apply(&stack([wanted("a"), on(notifying("b", "a"), "in/")]));
    publish(&mut live, "b", "v1", "a");
    let desired = stack([writing("a", "in/")]);
    assert_eq!(
        planned(&desired, &live),
        [
            "async_policy:default/a: async_policy:default/b async_policy:default/b:v1",
            "function:default/b: async_policy:default/b async_policy:default/b:v1",
            "async_policy:default/b: ",
            "async_policy:default/b:v1: ",
        ]
    );
}

#[test]
fn a_trigger_that_moves_is_deleted_first() {
    let live = after_apply(&stack([wanted("a"), on(wanted("b"), "in/")]));
    let desired = stack([on(wanted("a"), "in/"), wanted("b")]);
    assert_eq!(planned(&desired, &live), ["trigger:default/a/t: trigger:default/b/live", "trigger:default/b/live: "]);
    // A function with another name is another function.
    let desired = stack([on(wanted("a"), "in/")]);
    assert_eq!(planned(&desired, &live), ["trigger:default/a/t: function:default/b", "function:default/b: "]);
    // Several functions can listen to one topic.
    let topic = |function| started(function, "SMN", &json!({ "topic_urn": "urn:smn:r:p:t" }));
    let live = after_apply(&stack([wanted("a"), topic(wanted("b"))]));
    let key = waits(&plan(&stack([wanted("a"), wanted("b")]), &live, everything_allowed()))[0].clone();
    assert_eq!(planned(&stack([topic(wanted("a")), wanted("b")]), &live), ["trigger:default/a/t: ".to_owned(), key]);
}

#[test]
fn an_exchange_of_triggers_is_refused() {
    let live = after_apply(&stack([on(wanted("a"), "in/"), on(wanted("b"), "out/")]));
    let desired = stack([on(wanted("a"), "out/"), on(wanted("b"), "in/")]);
    assert_eq!(errors(&plan(&desired, &live, everything_allowed())), ["trigger-order"]);
}

/// `a` and `b` may start each other: objects may have names that begin with `in/` and `out/`.
#[test]
fn functions_that_may_start_each_other_do_not_wait_for_each_other() {
    let desired = stack([on(writing("a", "in"), "out/"), on(writing("b", "out"), "in/")]);
    assert_eq!(
        planned(&desired, &nothing_live()),
        [
            "function:default/a: ",
            "async_policy:default/a: function:default/a",
            "trigger:default/a/t: function:default/a async_policy:default/a",
            "function:default/b: ",
            "async_policy:default/b: function:default/b",
            "trigger:default/b/t: function:default/b async_policy:default/b",
        ]
    );
}

/// `a` and `b` notify each other before the plan and after it. Whatever leads to them waits for both.
#[test]
fn functions_on_a_live_cycle_do_not_wait_for_each_other() {
    let mut live = after_apply(&stack([notifying("a", "b"), wanted("b"), wanted("c"), wanted("d")]));
    live.functions.get_mut(&address("b")).unwrap().policy = Some(live_policy("a"));
    let failing = |name: &str, notified: &str| {
        let mut function = notifying(name, notified);
        if let Some((policy, _)) = &mut function.function.policy {
            policy.on_failure = Some(target("c"));
        }
        function
    };
    let desired = stack([failing("a", "b"), failing("b", "a"), wanted("c"), notifying("d", "a")]);
    assert_eq!(
        planned(&desired, &live),
        [
            "async_policy:default/a: ",
            "async_policy:default/b: ",
            "async_policy:default/d: async_policy:default/a async_policy:default/b",
        ]
    );
}

/// The function's log starts `g`, which notifies it until now.
#[test]
fn an_update_of_a_log_waits_for_policies_behind_it() {
    let logging = |stream: &str| {
        let mut function = wanted("f");
        function.function.configuration.declare(Field::LogStreamId, stream.into()).unwrap();
        function.function.later.insert(Field::LogStreamId, Spot::value(0, "/functions/f/logs"));
        function
    };
    let listening = |function| started(function, "LTS", &json!({ "log_group_id": "g", "log_topic_id": "new" }));
    let live = after_apply(&stack([logging("old"), listening(notifying("g", "f"))]));
    let desired = stack([logging("new"), listening(wanted("g"))]);
    assert_eq!(planned(&desired, &live), ["function:default/f: async_policy:default/g", "async_policy:default/g: "]);
    // The other way round, the policy waits until the function writes to another log.
    let live = after_apply(&stack([logging("new"), listening(wanted("g"))]));
    let desired = stack([logging("old"), listening(notifying("g", "f"))]);
    assert_eq!(planned(&desired, &live), ["function:default/f: ", "async_policy:default/g: function:default/f"]);
}
