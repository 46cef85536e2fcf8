//! Triggers: what entries make, and what is found in them.

use serde_json::Value;

use super::*;
use crate::model::trigger::{Trigger, Triggers};

const FUNCTION: &str = "functions:\n  intake:\n    runtime: Python3.9\n    handler: a.b\n    code: { inline: x }\n";

fn text(triggers: &str) -> String {
    format!("{HEAD}{FUNCTION}    triggers:\n      {}\n", triggers.replace('\n', "\n      "))
}

fn triggers(written: &str) -> Triggers {
    manifest(&text(written)).functions.remove(0).triggers
}

fn one(written: &str) -> Trigger {
    triggers(written).into_values().next().expect("a trigger")
}

fn data(written: &str) -> Value {
    Value::Object(one(written).data)
}

/// The findings' codes and the pointers to their places.
fn found(written: &str) -> Vec<(&'static str, String)> {
    let diagnostics = load_text(text(written).as_bytes(), &[]).diagnostics;
    let place = |spot: Option<Spot>| spot.map(|spot| spot.pointer).unwrap_or_default();
    diagnostics
        .into_iter()
        .map(|found| (found.code, place(found.spot).replace("/functions/intake/triggers/", "")))
        .collect()
}

#[test]
fn each_type_makes_what_the_service_takes() {
    for (written, expected) in [
        (
            "nightly: { timer: { cron: 0 15 2 * * ?, user_event: x } }",
            json!({ "name": "nightly", "schedule_type": "Cron", "schedule": "0 15 2 * * ?", "user_event": "x" }),
        ),
        (
            "often: { timer: { rate: 5m, name: other } }",
            json!({ "name": "other", "schedule_type": "Rate", "schedule": "5m" }),
        ),
        (
            "uploads: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'], prefix: in/ } }",
            json!({ "bucket": "incoming", "events": ["s3:ObjectCreated:*"], "prefix": "in/" }),
        ),
        ("topic: { smn: { topic: 'urn:smn:eu-de:p:t' } }", json!({ "topic_urn": "urn:smn:eu-de:p:t" })),
        (
            "stream: { dis: { stream: s, polling_interval: 2s, serial: true } }",
            json!({
                "stream_name": "s",
                "sharditerator_type": "LATEST",
                "polling_interval": 2000,
                "polling_unit": "ms",
                "is_serial": "true",
            }),
        ),
        ("lines: { lts: { group_id: g, stream_id: s } }", json!({ "log_group_id": "g", "log_topic_id": "s" })),
        (
            "audit: { cts: { operations: ['ECS:ecs:createServer;deleteServer'] } }",
            json!({ "name": "audit", "operations": ["ECS:ecs:createServer;deleteServer"] }),
        ),
        (
            "api: { apig: { group_id: g, auth: NONE, path: /orders, match: exact, visibility: private, timeout: 100 } }",
            json!({
                "name": "api",
                "group_id": "g",
                "env_id": "DEFAULT_ENVIRONMENT_RELEASE_ID",
                "auth": "NONE",
                "protocol": "HTTPS",
                "path": "/orders",
                "req_method": "ANY",
                "match_mode": "NORMAL",
                "type": 2,
                "backend_type": "FUNCTION",
                "func_info": { "timeout": 100 },
            }),
        ),
        (
            "records: { kafka: { instance_id: i, topics: [orders], tls: true } }",
            json!({ "instance_id": "i", "topic_ids": ["orders"], "batch_size": 100, "kafka_ssl_enable": true }),
        ),
        (
            "events: { eventgrid: { channel_id: c, event_types: ['OBS:DWR:ObjectCreated:PUT'], bucket: incoming } }",
            json!({
                "channel_id": "c",
                "source_name": "HC.OBS.DWR",
                "trigger_name": "events",
                "bucket": "incoming",
                "event_types": ["OBS:DWR:ObjectCreated:PUT"],
            }),
        ),
        (
            "queue: { type: DMS, event_data: { queue_id: q, consumer_group_id: c } }",
            json!({ "queue_id": "q", "consumer_group_id": "c" }),
        ),
        ("new: { type: BRAND_NEW, event_data: { a: [1, { b: true }] } }", json!({ "a": [1, { "b": true }] })),
    ] {
        assert_eq!(data(written), expected, "{written}");
    }
}

#[test]
fn the_status_is_the_types_own_if_the_manifest_is_silent() {
    for (written, expected) in [
        ("a: { timer: { rate: 5m } }", Some(true)),
        ("a: { timer: { rate: 5m }, enabled: false }", Some(false)),
        ("a: { kafka: { instance_id: i, topics: [t] } }", None),
        ("a: { kafka: { instance_id: i, topics: [t] }, enabled: true }", Some(true)),
        ("a: { smn: { topic: 'urn:smn:eu-de:p:t' } }", None),
        ("a: { type: BRAND_NEW, event_data: {}, enabled: false }", Some(false)),
    ] {
        assert_eq!(one(written).enabled, expected, "{written}");
    }
}

#[test]
fn versions_and_aliases_are_qualifiers() {
    let qualifier = |written: &str| one(written).qualifier.map(|qualifier| qualifier.to_string());
    assert_eq!(qualifier("a: { timer: { rate: 5m }, version: v1 }").as_deref(), Some("v1"));
    assert_eq!(qualifier("a: { timer: { rate: 5m }, alias: prod }").as_deref(), Some("!prod"));
    assert_eq!(qualifier("a: { timer: { rate: 5m } }"), None);
}

/// The value comes from the environment, and is not part of the data.
#[test]
fn secrets_are_apart_from_the_data() {
    let written = "a: { kafka: { instance_id: i, topics: [t], user: u, password: { env: ORDERS_PAYMENT_KEY } } }";
    let trigger = one(written);
    assert!(trigger.data.get("kafka_password").is_none());
    assert!(trigger.secrets.get("kafka_password").is_some_and(|secret| secret.value.is_some()));
    assert!(!format!("{trigger:?}").contains("\"key\")"));
    let database =
        "a: { type: DDS, event_data: { instance_id: i, collection_name: c, db_name: d, db_password: { env: UNSET } } }";
    let trigger = one(database);
    assert!(trigger.secrets.get("db_password").is_some_and(|secret| secret.value.is_none()));
    assert_eq!(trigger.data.len(), 3);
}

#[test]
fn triggers_of_existing_functions_are_read_too() {
    let text = format!("{HEAD}functions:\n  a: {{ existing: true, triggers: {{ t: {{ timer: {{ rate: 5m }} }} }} }}\n");
    assert_eq!(manifest(&text).existing[0].triggers.len(), 1);
}

#[test]
fn what_is_wrong_is_found_at_its_place() {
    for (written, expected) in [
        ("a: {}", vec![("invalid-value", "a")]),
        ("a: { timer: { rate: 5m }, smn: { topic: 'urn:smn:eu-de:p:t' } }", vec![("invalid-value", "a")]),
        ("a: { timer: {} }", vec![("invalid-value", "a/timer")]),
        ("a: { timer: { rate: 5m, cron: 0 0 8 * * ? } }", vec![("invalid-value", "a/timer")]),
        ("a: { timer: { rate: 5s } }", vec![("invalid-value", "a/timer/rate")]),
        ("a: { timer: { schedule: 5m } }", vec![("unknown-field", "a/timer/schedule")]),
        ("a: { obs: { bucket: incoming } }", vec![("missing-field", "a/obs")]),
        ("a: { obs: { bucket: incoming, events: ['s3:Nothing'] } }", vec![("invalid-value", "a/obs/events/0")]),
        ("a: { obs: { bucket: incoming, events: [] } }", vec![("invalid-value", "a/obs/events")]),
        (
            "a: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'] }, enabled: true }",
            vec![("not-switchable", "a/enabled")],
        ),
        ("a: { dis: { stream: s, polling_interval: 1ms } }", vec![("out-of-range", "a/dis/polling_interval")]),
        ("a: { dis: { stream: s, polling_interval: 2m } }", vec![("out-of-range", "a/dis/polling_interval")]),
        ("a: { dis: { stream: s, polling_interval: 5 } }", vec![("wrong-type", "a/dis/polling_interval")]),
        ("a: { timer: { rate: 5m }, version: v1, alias: prod }", vec![("invalid-value", "a")]),
        ("a-b: { cts: { operations: ['ECS:ecs:createServer'] } }", vec![("invalid-name", "a-b")]),
        ("1: { timer: { rate: 5m } }", vec![("invalid-name", "1")]),
        ("a: { type: DDS }", vec![("missing-field", "a/type")]),
        ("a: { type: dds, event_data: {} }", vec![("invalid-value", "a/type")]),
        ("a: { type: TIMER, event_data: {} }", vec![("invalid-value", "a/type")]),
        ("a: { type: DMS, event_data: { queue_id: q } }", vec![("missing-field", "a/event_data")]),
        (
            "a: { type: DMS, event_data: { queue_id: q, consumer_group_id: c, queue: 1 } }",
            vec![("unknown-field", "a/event_data/queue")],
        ),
        (
            "a: { type: RABBITMQ, event_data: { exchange_name: e, access_password: hidden } }",
            vec![("secret-in-manifest", "a/event_data/access_password")],
        ),
        (
            "a: { kafka: { instance_id: i, topics: [t], password: { env: HW_SECRET_KEY } } }",
            vec![("credential-as-secret", "a/kafka/password/env")],
        ),
        ("a: { timer: { rate: 5m } }\nb: { timer: { rate: 1h, name: a } }", vec![("duplicate-trigger", "b")]),
    ] {
        let expected: Vec<_> = expected.into_iter().map(|(code, place)| (code, place.to_owned())).collect();
        assert_eq!(found(written), expected, "{written}");
    }
}

#[test]
fn a_password_is_not_repeated() {
    let findings = load_text(text("a: { kafka: { instance_id: i, topics: [t], password: hidden } }").as_bytes(), &[]);
    let shown = format!("{:?}", findings.diagnostics);
    assert!(!findings.diagnostics.is_empty() && !shown.contains("hidden"), "{shown}");
}

#[test]
fn the_same_name_on_another_version_is_another_trigger() {
    let two = "a: { timer: { rate: 5m } }\nb: { timer: { rate: 5m, name: a }, version: v1 }";
    assert_eq!(triggers(two).len(), 2);
}

#[test]
fn the_numbers_of_triggers_are_limited() {
    let timers = |count: usize| {
        let timers: Vec<String> = (0..count).map(|n| format!("t{n}: {{ timer: {{ rate: 5m }} }}")).collect();
        timers.join("\n")
    };
    let topics = |count: usize| {
        let topics: Vec<String> =
            (0..count).map(|n| format!("t{n}: {{ smn: {{ topic: 'urn:smn:r:p:t{n}' }} }}")).collect();
        topics.join("\n")
    };
    assert_eq!(triggers(&timers(10)).len(), 10);
    assert_eq!(found(&timers(11)), [("over-limit", "/functions/intake/triggers".to_owned())]);
    assert_eq!(triggers(&topics(18)).len(), 18);
    assert_eq!(found(&topics(19)), [("over-limit", "/functions/intake/triggers".to_owned())]);
}

#[test]
fn defaults_take_no_triggers() {
    let text = format!("{HEAD}defaults: {{ triggers: {{}} }}\nfunctions: {{}}\n");
    assert_eq!(codes(&text), ["unknown-field"]);
}

/// The triggers of two functions, and the findings about them.
fn found_in_two(first: &str, second: &str) -> Vec<(&'static str, String)> {
    let other = FUNCTION.replace("functions:\n", "").replace("intake", "settle");
    let text = format!("{HEAD}{FUNCTION}    triggers: {{ {first} }}\n{other}    triggers: {{ {second} }}\n");
    let place = |found: &Diagnostic| found.spot.as_ref().map(|spot| spot.pointer.clone()).unwrap_or_default();
    load_text(text.as_bytes(), &[]).diagnostics.iter().map(|found| (found.code, place(found))).collect()
}

/// The service has a rule of a bucket and an API of a gateway only once, on whichever functions they are.
#[test]
fn what_a_project_has_only_once_is_found_on_other_functions() {
    let apig = |path: &str| format!("b: {{ apig: {{ group_id: g, auth: NONE, path: {path} }} }}");
    let gateway = |instance: &str| {
        format!("b: {{ dedicated_gateway: {{ instance_id: {instance}, group_id: g, auth: NONE, path: / }} }}")
    };
    let obs = |more: &str| format!("b: {{ obs: {{ bucket: incoming, {more} }} }}");
    let (put, removed) = ("events: ['s3:ObjectCreated:Put']", "events: ['s3:ObjectRemoved:*']");
    let other = "b: { type: APIC, event_data: { name: n, group_id: g, env_id: e, auth: NONE, protocol: HTTP, path: /, \
                req_method: GET } }";
    for (one, other, is_found) in [
        (obs(put), obs(put), true),
        (obs(put), obs(removed), true),
        (obs(put), obs(&format!("{put}, prefix: in/")), false),
        (obs(put), obs(&format!("{put}, suffix: .csv")), false),
        (apig("/a"), apig("/a"), true),
        (apig("/a"), apig("/b"), false),
        (gateway("i"), gateway("i"), true),
        (gateway("i"), gateway("j"), false),
        (other.to_owned(), other.to_owned(), true),
        ("b: { timer: { rate: 5m } }".to_owned(), "b: { timer: { rate: 5m } }".to_owned(), false),
        (
            "b: { smn: { topic: 'urn:smn:r:p:t' } }".to_owned(),
            "b: { smn: { topic: 'urn:smn:r:p:t' } }".to_owned(),
            false,
        ),
    ] {
        let expected = is_found.then(|| ("duplicate-trigger", "/functions/settle/triggers/b".to_owned()));
        assert_eq!(found_in_two(&one, &other), expected.into_iter().collect::<Vec<_>>(), "{one} {other}");
    }
    let of_version = format!(
        "a: {{ obs: {{ bucket: incoming, {put} }} }}\nb: {{ obs: {{ bucket: incoming, {put} }}, version: v1 }}"
    );
    assert_eq!(found(&of_version), [("duplicate-trigger", "b".to_owned())]);
    let twice = of_version.replace(", version: v1", "");
    assert_eq!(found(&twice), [("duplicate-trigger", "b".to_owned())], "one finding");
}

#[test]
fn a_project_has_a_limited_number_of_cts_triggers() {
    let cts = |names: std::ops::Range<usize>| {
        let one = |n: usize| format!("c{n}: {{ cts: {{ operations: ['ECS:ecs:createServer'] }} }}");
        names.map(one).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(found_in_two(&cts(0..5), &cts(5..10)), []);
    let expected = [("over-limit", "/functions/settle/triggers/c9".to_owned())];
    assert_eq!(found_in_two(&cts(0..5), &cts(4..10)), expected);
}
