//! Cycles through places between functions: buckets, topics, streams, queues, logs and records.

use serde_json::{Value, json};

use super::tests::{found, function, planned};
use crate::diagnostic::Spot;
use crate::model::field::Field;
use crate::model::function::Function;
use crate::model::target::Target;
use crate::model::text::{StreamName, TopicUrn};
use crate::model::trigger::Trigger;
use crate::plan::tests::{address, after_apply, objects, stack, target, trigger, wanted};

/// A function with a policy that notifies this target on success, and triggers.
fn started(name: &str, notified: Option<Target>, triggers: &[(&str, Value)]) -> Function {
    let mut function = function(name, None, None);
    if let Some((policy, _)) = &mut function.policy {
        policy.on_success = notified;
    }
    let trigger = |(code, data): &(&str, Value)| {
        let key = format!("on-{}", code.to_lowercase());
        let spot = Spot::key(0, format!("/functions/{name}/triggers/{key}"));
        let trigger = Trigger { spot, ..trigger(&key, code, data) };
        (trigger.key.clone(), trigger)
    };
    function.triggers = triggers.iter().map(trigger).collect();
    function
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

fn on_record(operation: &str) -> (&'static str, Value) {
    ("CTS", json!({ "name": "t", "operations": [operation] }))
}

/// Only the console can set such a target.
fn queue(destination: &str) -> Target {
    Target::Foreign {
        destination: destination.into(),
        param: json!({ "instance_id": "i", "topic": "failed" }).to_string(),
    }
}

fn rocket_data() -> Value {
    json!({ "instance_id": "i", "topic": "failed" })
}

fn kafka_data() -> Value {
    json!({ "instance_id": "i", "topic_ids": ["failed", "others"] })
}

/// The same function with its triggers enabled.
fn enabled(mut function: Function) -> Function {
    function.triggers.values_mut().for_each(|trigger| trigger.enabled = Some(true));
    function
}

fn codes(functions: &[Function]) -> Vec<String> {
    let found = found(functions);
    found.iter().map(|found| format!("{} {}", found.code, found.message.split_once(": ").unwrap().1)).collect()
}

#[test]
fn cycles_through_each_kind_of_place_are_found() {
    let cases = [
        (objects("in/"), on_objects("in/", ""), "cycle a → obs://results/in/ → a"),
        (topic(), on_topic(), "cycle a → topic done → a"),
        (stream(), on_stream(), "cycle a → stream audit → a"),
        (objects("in"), on_objects("in/", ""), "possible-cycle a → obs://results/in → a"),
        (objects("in/"), on_objects("in/", ".json"), "possible-cycle a → obs://results/in/ → a"),
        (
            objects("in/"),
            ("EVENTGRID", json!({ "bucket": "results", "event_types": ["OBS:DWR:ObjectCreated:PUT"] })),
            "possible-cycle a → obs://results/in/ → a",
        ),
        (queue("RocketMQ"), ("ROCKETMQ", rocket_data()), "possible-cycle a → rocketmq failed → a"),
        (queue("Kafka"), ("KAFKA", kafka_data()), "possible-cycle a → kafka failed → a"),
        (objects("in/"), on_record("OBS:object:putObject"), "possible-cycle a → obs://results/in/ → a"),
        (topic(), on_record("SMN:topic:publish"), "possible-cycle a → topic done → a"),
        (stream(), on_record("DIS:stream:putRecords"), "possible-cycle a → stream audit → a"),
    ];
    for (target, trigger, expected) in cases {
        assert_eq!(codes(&[started("a", Some(target), &[trigger])]), [expected]);
    }
    let apart = [
        (objects("in/"), on_record("OBS:bucket:createBucket")),
        (objects("out/"), on_objects("in/", "")),
        (objects("in/"), ("OBS", json!({ "bucket": "results", "events": ["s3:ObjectRemoved:*"] }))),
        (topic(), on_stream()),
        (topic(), ("SMN", json!({ "topic_urn": "urn:smn:eu-de:p:other" }))),
    ];
    for (target, trigger) in apart {
        assert_eq!(codes(&[started("a", Some(target), &[trigger])]), Vec::<String>::new());
    }
}

#[test]
fn a_cycle_through_every_kind_of_place_is_one_walk() {
    let mut logging = started("d", None, &[on_stream()]);
    logging.configuration.declare(Field::LogStreamId, "s".into()).unwrap();
    let functions = [
        started("a", Some(objects("in/")), &[]),
        started("b", Some(topic()), &[on_objects("", "")]),
        started("c", Some(stream()), &[on_topic()]),
        logging,
        started("e", Some(queue("RocketMQ")), &[("LTS", json!({ "log_group_id": "g", "log_topic_id": "s" }))]),
        enabled(started("f", Some(queue("Kafka")), &[("ROCKETMQ", rocket_data())])),
        enabled(started("g", Some(target("a")), &[("KAFKA", kafka_data())])),
    ];
    let walk = "cycle a → obs://results/in/ → b → topic done → c → stream audit → d → log stream s → e → rocketmq failed \
                → f → kafka failed → g → a";
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
            "the trigger `on-dis` starts `d`",
            "the trigger `on-lts` starts `e`",
            "`e` notifies `rocketmq failed` on success",
            "the trigger `on-rocketmq` starts `f`",
            "`f` notifies `kafka failed` on success",
            "the trigger `on-kafka` starts `g`",
        ]
    );
    assert_eq!(finding.spot.as_ref().map(|spot| spot.pointer.as_str()), Some("/functions/g/async/on_success"));
}

/// Each run is an operation of `FunctionGraph`, which Cloud Trace Service may record.
#[test]
fn a_function_whose_recorded_runs_start_it_is_found() {
    let invoked = on_record("FunctionGraph:Functions:createFunction;invokeFunction");
    assert_eq!(codes(&[started("a", None, std::slice::from_ref(&invoked))]), ["possible-cycle a → recorded runs → a"]);
    let found = found(&[started("a", None, &[invoked])]);
    let help = "it depends on what Cloud Trace Service records for `on-cts`: leave this operation out of the trigger";
    assert_eq!(found[0].help.as_deref(), Some(help));
    let created = on_record("FunctionGraph:Functions:createFunction");
    assert_eq!(codes(&[started("a", None, &[created])]), Vec::<String>::new(), "no run creates a function");
}

/// One doubtful edge makes a cycle doubtful.
#[test]
fn a_cycle_through_every_doubtful_place_is_one_walk() {
    let functions = [
        started("a", Some(objects("in/")), &[("KAFKA", kafka_data())]),
        started("b", Some(topic()), &[on_record("OBS:object:putObject")]),
        started("c", Some(queue("RocketMQ")), &[on_topic()]),
        started("d", Some(queue("Kafka")), &[("ROCKETMQ", rocket_data())]),
    ];
    let walk = "possible-cycle a → obs://results/in/ → b → topic done → c → rocketmq failed → d → kafka failed → a";
    assert_eq!(codes(&functions), [walk]);
}

#[test]
fn a_function_that_the_statuses_of_its_runs_start_is_found() {
    let name = "function-async-log-stream-0123456789abcdef0123456789abcdef";
    let statuses = json!({ "log_group_id": "g", "log_topic_id": "s", "log_topic_name": name });
    let mut function = started("a", None, &[("LTS", statuses)]);
    assert_eq!(codes(std::slice::from_ref(&function)), Vec::<String>::new());
    function.policy.as_mut().unwrap().0.status_log = Some(true);
    assert_eq!(codes(&[function]), ["cycle a → log of statuses → a"]);
}

/// The trigger is live already; the function begins to write to its log.
#[test]
fn a_log_that_closes_a_cycle_is_an_error() {
    let with_log = |stream: Option<&str>| {
        let mut one = wanted("a");
        one.function.triggers =
            started("a", None, &[("LTS", json!({ "log_group_id": "g", "log_topic_id": "s" }))]).triggers;
        if let Some(stream) = stream {
            one.function.configuration.declare(Field::LogStreamId, stream.into()).unwrap();
            one.function.later.insert(Field::LogStreamId, Spot::value(0, "/functions/a/logs"));
        }
        stack([one])
    };
    let live = after_apply(&with_log(Some("other")));
    assert_eq!(planned(&with_log(Some("s")), &live), ["cycle a → log stream s → a"]);
    let mut live = live;
    live.functions.get_mut(&address("a")).unwrap().configuration.set(Field::LogStreamId, "s");
    assert_eq!(planned(&with_log(Some("s")), &live), ["cycle-live a → log stream s → a"]);
    assert_eq!(planned(&with_log(Some("other")), &live), Vec::<String>::new());
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
