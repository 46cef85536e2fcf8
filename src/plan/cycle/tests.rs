//! Which cycles are found, and what the messages say.

use serde_json::{Value, json};
use std::collections::BTreeMap;

use super::*;
use crate::diagnostic::Spot;
use crate::model::address::Qualifier;
use crate::model::existing::Holder;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::number::Expires;
use crate::model::state::{DesiredState, LiveState};
use crate::model::target::Target;
use crate::model::text::{BucketName, ObsPrefix, StreamName, TopicUrn, TriggerKey, TriggerTypeCode};
use crate::model::trigger::Trigger;
use crate::plan::tests::{
    add_outside, address, after_apply, live_policy, marks_of, nothing_live, notifies, notifying, publish,
    qualifier_named, stack, target, wanted,
};
use crate::plan::{Permissions, events, plan};

fn function(name: &str, on_success: Option<&str>, on_failure: Option<&str>) -> Function {
    let mut function = wanted(name).function;
    let (mut policy, mut spots) = notifies(name);
    let spot = |outcome: &str| Spot::value(0, format!("/functions/{name}/async/{outcome}"));
    (policy.on_success, policy.on_failure) = (on_success.map(target), on_failure.map(target));
    (spots.on_success, spots.on_failure) = (Some(spot("on_success")), Some(spot("on_failure")));
    function.policy = Some((policy, spots));
    function
}

fn found(functions: &[Function]) -> Vec<Diagnostic> {
    cycles(&events::declared(functions.iter().map(Holder::from)), |_| true)
}

fn walks(found: &[Diagnostic]) -> Vec<&str> {
    found.iter().map(|found| found.message.rsplit(": ").next().unwrap_or_default()).collect()
}

#[test]
fn cycles_are_found_and_other_graphs_are_not_reported() {
    type Case<'a> = (&'a [(&'a str, Option<&'a str>, Option<&'a str>)], &'a [&'a str]);
    let cases: [Case<'_>; 9] = [
        (&[("a", Some("a"), None)], &["a → a"]),
        (&[("a", Some("a:v1"), None)], &["a → a"]),
        (&[("a", Some("b"), None), ("b", Some("a"), None)], &["a → b → a"]),
        (&[("a", Some("b"), None), ("b", None, Some("a:!prod"))], &["a → b → a"]),
        (&[("a", Some("b"), Some("c")), ("b", Some("d"), None), ("c", Some("d"), None), ("d", None, None)], &[]),
        (&[("a", Some("c"), None), ("b", Some("c"), None), ("c", None, None)], &[]),
        (&[("a", Some("b"), None), ("b", Some("c"), Some("a")), ("c", Some("a"), None)], &["a → b → a"]),
        (&[("a", Some("b"), Some("a")), ("b", Some("a"), None)], &["a → a", "a → b → a"]),
        (
            &[("a", Some("b"), None), ("b", Some("a"), None), ("c", Some("d"), None), ("d", Some("c"), None)],
            &["a → b → a", "c → d → c"],
        ),
    ];
    for (edges, expected) in cases {
        let functions: Vec<_> =
            edges.iter().map(|(name, success, failure)| function(name, *success, *failure)).collect();
        assert_eq!(walks(&found(&functions)), expected, "{edges:?}");
    }
}

#[test]
fn the_finding_points_to_the_closing_edge_and_lists_the_others() {
    let found = found(&[function("a", Some("b"), None), function("b", None, Some("a"))]);
    assert_eq!(found[0].spot.as_ref().unwrap().pointer, "/functions/b/async/on_failure");
    assert_eq!(found[0].related[0].message, "`a` notifies `b` on success");
}

#[test]
fn a_long_cycle_is_found_and_shown_shortened() {
    let names: Vec<String> = (0..10_000).map(|index| format!("f{index}")).collect();
    let next = |index: usize| Some(names[(index + 1) % names.len()].as_str());
    let functions: Vec<_> = names.iter().enumerate().map(|(index, name)| function(name, next(index), None)).collect();
    let found = found(&functions);
    assert_eq!(walks(&found).len(), 1);
    assert!(walks(&found)[0].contains("… 9991 more …"), "{}", walks(&found)[0]);
}

/// The code and path of each finding about a plan.
fn planned(desired: &DesiredState, live: &LiveState) -> Vec<String> {
    let diagnostics = plan(desired, live, Permissions::default()).diagnostics;
    diagnostics.iter().map(|found| format!("{} {}", found.code, walks(std::slice::from_ref(found))[0])).collect()
}

#[test]
fn a_cycle_through_undeclared_functions_is_found() {
    let mut live = after_apply(&stack([wanted("a")]));
    add_outside(&mut live, "b", Some("a"));
    let desired = stack([notifying("a", "b")]);
    assert_eq!(planned(&desired, &live), ["cycle a → default/b → a"]);
    let found = plan(&desired, &live, Permissions::default()).diagnostics;
    let help = found[0].help.as_deref().unwrap();
    assert!(help.ends_with("the policy of `default/b` is live, and this plan keeps it"), "{help}");
}

/// `v1` of `b` was published before `b` lost its policy, and still notifies `a`.
#[test]
fn a_cycle_through_a_published_version_is_found() {
    let mut live = after_apply(&stack([wanted("a"), wanted("b")]));
    publish(&mut live, "b", "v1", "a");
    let known = ["v2", "!prod"].map(qualifier_named);
    live.qualifiers.get_mut(&address("b")).unwrap().extend::<[Qualifier; 2]>(known);
    let planned = |named: &str| planned(&stack([notifying("a", named), wanted("b")]), &live);
    assert_eq!(planned("b:v1"), ["cycle a → b:v1 → a"]);
    assert_eq!(planned("b:!prod"), ["cycle a → b:!prod → a"]);
    assert_eq!(planned("b:v2"), Vec::<String>::new(), "it has no policy");
    assert_eq!(planned("b"), Vec::<String>::new(), "the latest code has no declared policy");
}

/// `c` notifies a function outside the stack, which notifies `a:v1`, which notifies `c`.
#[test]
fn a_cycle_back_into_the_stack_through_a_version_is_found() {
    let mut live = after_apply(&stack([wanted("a"), wanted("c")]));
    publish(&mut live, "a", "v1", "c");
    add_outside(&mut live, "theirs", Some("a:v1"));
    assert_eq!(
        planned(&stack([wanted("a"), notifying("c", "theirs")]), &live),
        ["cycle c → default/theirs → a:v1 → c"]
    );
}

/// Without ownership, a policy that is not declared stays live.
#[test]
fn a_cycle_through_a_policy_that_is_kept_is_found() {
    let mut live = after_apply(&stack([wanted("a"), notifying("b", "a")]));
    let desired = stack([notifying("a", "b"), wanted("b")]);
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
    let desired = desired.without_ownership();
    live.functions.values_mut().for_each(|live| live.marks = marks_of(&live.address));
    let codes: Vec<_> = plan(&desired, &live, Permissions::default()).diagnostics;
    assert_eq!(codes.iter().map(|found| found.code).collect::<Vec<_>>(), ["policy-kept", "cycle"]);
}

#[test]
fn an_undeclared_cycle_is_a_warning_if_the_stack_reaches_it() {
    let mut live = after_apply(&stack([wanted("a")]));
    add_outside(&mut live, "b", Some("c"));
    add_outside(&mut live, "c", Some("b"));
    let desired = stack([notifying("a", "b")]);
    assert_eq!(planned(&desired, &live), ["cycle-outside default/b → default/c → default/b"]);
    live.outside.clear();
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
}

/// `theirs` and `a:v1` notify each other regardless of this plan. `a` would lead into the cycle too, and so would
/// its next version.
#[test]
fn a_declared_edge_on_a_cycle_that_is_already_live_is_an_error() {
    let mut live = after_apply(&stack([wanted("a")]));
    publish(&mut live, "a", "v1", "theirs");
    add_outside(&mut live, "theirs", Some("a:v1"));
    assert_eq!(planned(&stack([wanted("a")]), &live), ["cycle-outside a:v1 → default/theirs → a:v1"]);
    let declared = stack([notifying("a", "theirs")]);
    assert_eq!(planned(&declared, &live), ["cycle a:v1 → default/theirs → a:v1"]);
}

#[test]
fn a_deleted_function_does_not_close_a_cycle() {
    let mut live = after_apply(&stack([notifying("a", "b"), notifying("b", "c"), wanted("c")]));
    let desired = stack([wanted("a"), notifying("c", "a")]);
    assert_eq!(planned(&desired, &live), Vec::<String>::new());
    // It belongs to another stack, so it is kept.
    live.functions.get_mut(&address("b")).unwrap().marks.set(crate::model::mark::STACK, "other");
    let desired = stack([notifying("a", "b"), notifying("c", "a")]);
    assert_eq!(planned(&desired, &live), ["cycle c → a → default/b → c"]);
}

#[test]
fn members_of_live_cycles_are_listed() {
    let mut live = nothing_live();
    for (name, notified) in [("a", Some("b:v1")), ("b", None), ("c", Some("c")), ("d", Some("a"))] {
        add_outside(&mut live, name, notified);
    }
    publish(&mut live, "b", "v1", "a");
    let graph = events::live(&live.functions);
    let names: Vec<String> = members(&graph).into_iter().map(ToString::to_string).collect();
    assert_eq!(names, ["default/a", "default/b", "default/c"]);
    assert_eq!(live_policy("a").targets().count(), 1);
}

/// A function with a policy that notifies this target on success, and triggers.
fn started(name: &str, notified: Option<Target>, triggers: &[(&str, Value)]) -> Function {
    let mut function = function(name, None, None);
    if let Some((policy, _)) = &mut function.policy {
        policy.on_success = notified;
    }
    let trigger = |(code, data): &(&str, Value)| {
        let key = TriggerKey::new(format!("on-{}", code.to_lowercase())).unwrap();
        let trigger = Trigger {
            key: key.clone(),
            spot: Spot::key(0, format!("/functions/{name}/triggers/{key}")),
            code: TriggerTypeCode::new(*code).unwrap(),
            qualifier: None,
            data: data.as_object().unwrap().clone(),
            secrets: BTreeMap::new(),
            sealed: None,
            enabled: None,
        };
        (key, trigger)
    };
    function.triggers = triggers.iter().map(trigger).collect();
    function
}

fn bucket(prefix: &str) -> Target {
    let (bucket, prefix) = (BucketName::new("results").unwrap(), ObsPrefix::new(prefix).unwrap());
    Target::Obs { bucket, prefix, expires: Expires::new(0).unwrap() }
}

fn topic() -> Target {
    Target::Smn { topic: TopicUrn::new("urn:smn:eu-de:p:done").unwrap() }
}

fn stream() -> Target {
    Target::Dis { stream: StreamName::new("audit").unwrap() }
}

fn on_objects(prefix: &str, suffix: &str) -> (&'static str, Value) {
    ("OBS", json!({ "bucket": "results", "prefix": prefix, "suffix": suffix, "events": ["s3:ObjectCreated:*"] }))
}

fn on_topic() -> (&'static str, Value) {
    ("SMN", json!({ "topic_urn": "urn:smn:eu-de:p:done" }))
}

fn on_stream() -> (&'static str, Value) {
    ("DIS", json!({ "stream_name": "audit" }))
}

fn codes(functions: &[Function]) -> Vec<String> {
    let found = found(functions);
    found.iter().map(|found| format!("{} {}", found.code, found.message.split_once(": ").unwrap().1)).collect()
}

#[test]
fn cycles_through_each_kind_of_place_are_found() {
    let cases = [
        (bucket("in/"), on_objects("in/", ""), "cycle a → obs://results/in/ → a"),
        (topic(), on_topic(), "cycle a → topic done → a"),
        (stream(), on_stream(), "cycle a → stream audit → a"),
        (bucket("in"), on_objects("in/", ""), "possible-cycle a → obs://results/in → a"),
        (bucket("in/"), on_objects("in/", ".json"), "possible-cycle a → obs://results/in/ → a"),
        (
            bucket("in/"),
            ("EVENTGRID", json!({ "bucket": "results", "event_types": ["OBS:DWR:ObjectCreated:PUT"] })),
            "possible-cycle a → obs://results/in/ → a",
        ),
    ];
    for (target, trigger, expected) in cases {
        assert_eq!(codes(&[started("a", Some(target), &[trigger])]), [expected]);
    }
    let apart = [
        (bucket("out/"), on_objects("in/", "")),
        (bucket("in/"), ("OBS", json!({ "bucket": "results", "events": ["s3:ObjectRemoved:*"] }))),
        (topic(), on_stream()),
        (topic(), ("SMN", json!({ "topic_urn": "urn:smn:eu-de:p:other" }))),
    ];
    for (target, trigger) in apart {
        assert_eq!(codes(&[started("a", Some(target), &[trigger])]), Vec::<String>::new());
    }
}

#[test]
fn a_cycle_through_every_kind_of_place_is_one_walk() {
    let functions = [
        started("a", Some(bucket("in/")), &[on_stream()]),
        started("b", Some(topic()), &[on_objects("", "")]),
        started("c", Some(stream()), &[on_topic()]),
    ];
    let walk = "cycle a → obs://results/in/ → b → topic done → c → stream audit → a";
    assert_eq!(codes(&functions), [walk]);
    let finding = &found(&functions)[0];
    let remarks: Vec<&str> = finding.related.iter().map(|related| related.message.as_str()).collect();
    assert_eq!(
        remarks,
        [
            "`a` notifies `obs://results/in/` on success",
            "the trigger `on-obs` starts `b`",
            "`b` notifies `topic done` on success",
            "the trigger `on-smn` starts `c`",
            "`c` notifies `stream audit` on success",
        ]
    );
    assert_eq!(finding.spot.as_ref().map(|spot| spot.pointer.as_str()), Some("/functions/a/triggers/on-dis"));
}

#[test]
fn a_function_whose_log_starts_it_is_found() {
    let mut function = started("a", None, &[("LTS", json!({ "log_group_id": "g", "log_topic_id": "s" }))]);
    assert_eq!(codes(std::slice::from_ref(&function)), Vec::<String>::new());
    function.configuration.declare(Field::LogStreamId, "s".into()).unwrap();
    assert_eq!(codes(&[function]), ["cycle a → log stream s → a"]);
}

#[test]
fn a_disabled_trigger_makes_a_cycle_only_possible() {
    let kafka = |enabled| {
        let mut function = started("a", Some(stream()), &[on_stream()]);
        function.triggers.values_mut().for_each(|trigger| trigger.enabled = enabled);
        function
    };
    assert_eq!(codes(&[kafka(Some(false))]), ["possible-cycle a → stream audit → a"]);
    assert_eq!(codes(&[kafka(Some(true))]), ["cycle a → stream audit → a"]);
}
