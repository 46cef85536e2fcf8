//! Decision tables of the lints about triggers.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::{found, function, obs, policy, shown, stream, with};
use crate::diagnostic::Spot;
use crate::model::async_policy::{AsyncPolicy, PolicySpots};
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::number::Expires;
use crate::model::target::Target;
use crate::model::trigger::Trigger;
use crate::plan::tests::{self, qualifier_named};

fn trigger(code: &str, data: &Value) -> Trigger {
    Trigger { spot: Spot::key(0, "/functions/a/triggers/t"), ..tests::trigger("t", code, data) }
}

fn timer(rate: &str) -> Trigger {
    trigger("TIMER", &json!({ "name": "t", "schedule_type": "Rate", "schedule": rate }))
}

fn bucket(prefix: &str, suffix: &str) -> Trigger {
    let data = json!({ "bucket": "bucket", "prefix": prefix, "suffix": suffix, "events": ["s3:ObjectCreated:*"] });
    trigger("OBS", &data)
}

fn started_by(trigger: Trigger, function: Function) -> Function {
    Function { triggers: BTreeMap::from([(trigger.key.clone(), trigger)]), ..function }
}

fn with_policy() -> Function {
    with("a", policy("a", None, Some(stream())))
}

#[test]
fn a_timer_gives_its_function_time_to_end() {
    let timed = |trigger: Trigger, timeout: u32| {
        let mut function = started_by(trigger, with_policy());
        function.configuration.declare(Field::Timeout, timeout.into()).unwrap();
        function
    };
    let expected = "the timer `t` starts `a` every 5m, but a run can take 301s: runs can overlap";
    for (timeout, message) in [(300, None), (301, Some(expected))] {
        let found = found(&[timed(timer("5m"), timeout)]);
        assert_eq!(found.first().map(|found| found.message.as_str()), message);
    }
    let cron = |text: &str| trigger("TIMER", &json!({ "name": "t", "schedule_type": "Cron", "schedule": text }));
    for (schedule, is_found) in [
        ("0 */5 * * * ?", true),
        ("CRON_TZ=Europe/Berlin 0 */5 * * * ?", true),
        ("@every 5m", true),
        ("0 0,58 * * * ?", true),
        ("0 */10 * * * ?", false),
        ("0 15 2 * * ?", false),
        ("not a schedule", false),
    ] {
        assert_eq!(found(&[timed(cron(schedule), 600)]).len(), usize::from(is_found), "{schedule}");
    }
    let disabled = Trigger { enabled: Some(false), ..timer("5m") };
    assert_eq!(shown(&found(&[timed(disabled, 600)])), Vec::<String>::new());
    let mut ignoring = timed(timer("5m"), 600);
    ignoring.ignore.insert(Field::Timeout);
    assert_eq!(shown(&found(&[ignoring])), Vec::<String>::new(), "the live timeout is not known");
}

#[test]
fn asynchronous_triggers_need_a_policy() {
    let expected = vec!["async-trigger-without-policy at /functions/a/triggers/t".to_owned()];
    let api = |kind: &str| trigger("APIG", &json!({ "func_info": { "invocation_type": kind } }));
    for (trigger, is_found) in [
        (timer("1h"), true),
        (bucket("", ""), true),
        (trigger("RABBITMQ", &json!({ "exchange_name": "e" })), true),
        (api("async"), true),
        (api("sync"), false),
        (trigger("APIG", &json!({})), false),
        (trigger("NEW", &json!({})), false),
        (Trigger { enabled: Some(false), ..timer("1h") }, false),
        (Trigger { qualifier: Some(qualifier_named("v1")), ..timer("1h") }, false),
    ] {
        let found = shown(&found(&[started_by(trigger.clone(), function("a"))]));
        assert_eq!(found, if is_found { expected.clone() } else { vec![] }, "{trigger:?}");
        assert_eq!(shown(&super::found(&[started_by(trigger, with_policy())])), Vec::<String>::new());
    }
    let mut left_to_others = started_by(timer("1h"), function("a"));
    left_to_others.ignore.insert(Field::Async);
    assert_eq!(shown(&found(&[left_to_others])), Vec::<String>::new());
}

#[test]
fn objects_that_start_a_function_are_deleted_some_day() {
    let target = |prefix: &str, days: u32| match obs("bucket", prefix) {
        Target::Obs { bucket, prefix, .. } => Target::Obs { bucket, prefix, expires: Expires::new(days).unwrap() },
        other => other,
    };
    let writing = |target: Target, trigger: Trigger| {
        let listening = started_by(trigger, with("b", policy("b", None, Some(stream()))));
        shown(&found(&[with("a", policy("a", None, Some(target))), listening]))
    };
    let expected = ["objects-under-trigger-never-expire at /functions/a/async/on_failure"];
    assert_eq!(writing(target("failed/", 0), bucket("failed/", "")), expected);
    assert_eq!(writing(target("failed/a/", 0), bucket("failed/", "")), expected);
    assert_eq!(writing(target("failed/", 0), bucket("", "")), expected);
    for (target, trigger) in [
        (target("failed/", 30), bucket("failed/", "")),
        (target("", 0), bucket("failed/", "")),
        (target("failed/", 0), bucket("done/", "")),
        (target("failed/", 0), bucket("failed/", ".csv")),
        (target("failed/", 0), Trigger { enabled: Some(false), ..bucket("failed/", "") }),
        (target("failed/", 0), timer("1h")),
    ] {
        assert_eq!(writing(target.clone(), trigger.clone()), Vec::<String>::new(), "{target:?} {trigger:?}");
    }
}

#[test]
fn a_named_target_under_a_trigger_is_found_once() {
    let named = |name: &str| {
        let (policy, spots): (AsyncPolicy, PolicySpots) = policy(name, None, Some(obs("bucket", "failed/")));
        with(name, (policy, PolicySpots { targets: [None, Some(Spot::value(0, "/targets/t"))], ..spots }))
    };
    let listening = started_by(bucket("failed/", ""), with("c", policy("c", None, Some(stream()))));
    let found = shown(&found(&[named("a"), named("b"), listening]));
    assert_eq!(found, ["objects-under-trigger-never-expire at /targets/t"]);
}

#[test]
fn one_object_should_raise_events_of_one_trigger() {
    let of = |name: &str, (prefix, suffix, event): (&str, &str, &str)| {
        let data = json!({ "bucket": "bucket", "prefix": prefix, "suffix": suffix, "events": [event] });
        started_by(trigger("OBS", &data), with(name, policy(name, None, Some(stream()))))
    };
    let (all, put, post) = ("s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post");
    for (one, other, is_found) in [
        (("in/", "", all), ("in/csv/", "", put), true),
        (("in/csv/", "", put), ("in/", "", all), true),
        (("", "", all), ("in/", "", all), true),
        (("in/", "", put), ("in/csv/", "", post), false),
        (("in/", "", all), ("out/", "", all), false),
        (("in/", ".csv", all), ("in/", ".json", all), false),
        (("in/", ".csv", all), ("in/", "", all), true),
        (("in/", ".csv", all), ("in/new/", "2.csv", all), true),
    ] {
        let found = found(&[of("a", one), of("b", other)]);
        let expected = if is_found { vec!["overlapping-obs-triggers"] } else { Vec::new() };
        assert_eq!(found.iter().map(|found| found.code).collect::<Vec<_>>(), expected, "{one:?} {other:?}");
    }
}
