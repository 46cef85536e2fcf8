//! What the tag of a function records about triggers: secrets, optional members, keys, and which of identical triggers is
//! whose. And what a replacement keeps.

use axum::http::Method;
use serde_json::{Value, json};

use crate::recorder::{Last, Outage};
use crate::triggers::{applied, listed, tag, with};
use crate::world::{Ran, World};

const KAFKA: &str =
    "      records: { kafka: { instance_id: i, topics: [orders], user: u, password: { env: KAFKA_PASSWORD } } }\n";

const FIRST: &[(&str, &str)] = &[("KAFKA_PASSWORD", "first-password")];
const SECOND: &[(&str, &str)] = &[("KAFKA_PASSWORD", "second-password")];

pub(crate) async fn apply(world: &World, variables: &[(&str, &str)], more: &[&str]) -> Ran {
    world.run_with(variables, &[&["apply", "--auto-approve"], more].concat()).await
}

pub(crate) async fn plan(world: &World, variables: &[(&str, &str)], more: &[&str]) -> Value {
    world.run_with(variables, &[&["plan", "-o", "json"], more].concat()).await.json()
}

pub(crate) fn changes(plan: &Value) -> Vec<String> {
    let changes = plan["changes"].as_array().unwrap_or_else(|| panic!("no changes in {plan}"));
    changes.iter().map(|change| format!("{} {}", change["action"], change["address"]).replace('"', "")).collect()
}

/// The fields of the only change, as `name before after`.
fn fields(plan: &Value) -> Vec<String> {
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(1), "{plan}");
    let fields = plan["changes"][0]["fields"].as_array().expect("fields");
    let name = |field: &Value| field["path"].as_str().expect("a path").replace("/triggers/", "");
    fields.iter().map(|field| format!("{} {} {}", name(field), field["before"], field["after"])).collect()
}

pub(crate) fn codes(result: &Value) -> Vec<&str> {
    let all = result["diagnostics"].as_array().expect("findings").iter().filter_map(|found| found["code"].as_str());
    all.filter(|code| *code != "async-trigger-without-policy").collect()
}

pub(crate) fn message(result: &Value, code: &str) -> String {
    let found = result["diagnostics"].as_array().expect("findings").iter().find(|found| found["code"] == code);
    found.and_then(|found| found["message"].as_str()).expect("a message").to_owned()
}

/// Someone else creates a trigger.
async fn create(world: &World, code: &str, data: Value) -> String {
    let body = json!({ "trigger_type_code": code, "event_data": data });
    let reply = world.server.post(&format!("/fgs/triggers/{}", world.server.urn("intake")), body).await;
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.body["trigger_id"].as_str().expect("an id").to_owned()
}

/// The only live trigger.
async fn only(world: &World) -> Value {
    let mut all = listed(world).await;
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The bodies of the requests that created triggers.
fn creates(world: &World) -> Vec<String> {
    let is_create = |method: &Method, path: &str| *method == Method::POST && path.contains("/fgs/triggers/");
    world.writes().into_iter().filter(|it| is_create(&it.method, &it.path)).map(|it| it.body).collect()
}

/// A project in which the Kafka trigger was applied with the first password.
async fn with_password() -> World {
    let world = World::new().await;
    world.manifest(&with(KAFKA));
    assert_eq!(apply(&world, FIRST, &[]).await.code, Some(0));
    world.requests();
    world
}

#[tokio::test]
async fn a_new_password_is_a_change_and_is_sent() {
    let world = with_password().await;
    assert_eq!(changes(&plan(&world, FIRST, &[]).await), Vec::<String>::new());
    let planned = plan(&world, SECOND, &[]).await;
    assert_eq!(changes(&planned), ["replace trigger:default/intake/records"]);
    assert_eq!(fields(&planned), [r#"password {"sensitive":true} {"sensitive":true}"#]);
    let drift = world.run_with(SECOND, &["drift", "-o", "json"]).await;
    let finding = drift.json()["findings"][0].clone();
    assert_eq!((&finding["facet"], &finding["state"]), (&json!("secrets"), &json!("pending")), "{finding}");
    assert_eq!((drift.code, finding["fields"].as_array().map(Vec::len)), (Some(0), Some(1)), "{finding}");
    world.requests();
    let ran = apply(&world, SECOND, &[]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("secrets: the manifest or a value changed"), "{ran:?}");
    let sent = creates(&world);
    assert!(sent.len() == 1 && sent[0].contains("second-password"), "{sent:?}");
    assert_eq!(changes(&plan(&world, SECOND, &[]).await), Vec::<String>::new());
    let text = format!("{ran:?} {drift:?} {planned} {:?}", tag(&world).await);
    assert!(!text.contains("second-password"), "{text}");
}

/// Without the value, fgctl can neither compare nor send it.
#[tokio::test]
async fn a_password_that_is_not_set_is_not_compared() {
    let world = with_password().await;
    let planned = plan(&world, &[], &[]).await;
    assert_eq!((changes(&planned), codes(&planned)), (Vec::new(), vec!["secret-not-set"]));
    world.manifest(&with(&KAFKA.replace("user: u", "user: other")));
    let ran = apply(&world, &[], &[]).await;
    assert_eq!((ran.code, ran.stderr.contains("error[secret-not-set]")), (Some(1), true), "{ran:?}");
}

#[tokio::test]
async fn a_saved_plan_is_stale_if_a_password_changed() {
    let world = with_password().await;
    let changed = format!("{KAFKA}      nightly: {{ timer: {{ rate: 5m }} }}\n");
    world.manifest(&with(&changed));
    let ran = world.run_with(FIRST, &["plan", "--out", "plan.json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let stale = world.run_with(SECOND, &["apply", "plan.json"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    assert!(stale.stderr.contains("values of secrets changed: /triggers/kafka_password"), "{stale:?}");
    let ran = world.run_with(FIRST, &["apply", "plan.json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// The tag says that a password was sent only after it was.
#[tokio::test]
async fn an_interrupted_change_of_a_password_is_made_again() {
    for last in [Last::Answered, Last::ReplyLost] {
        for writes in [1, 2] {
            let world = with_password().await;
            world.recorder.outage(Some(Outage { writes, last }));
            let ran = apply(&world, SECOND, &["--max-retries", "0"]).await;
            world.recorder.outage(None);
            assert_eq!(ran.code, Some(1), "{ran:?}");
            world.requests();
            let again = apply(&world, SECOND, &[]).await;
            assert_eq!(again.code, Some(0), "{writes} {last:?}: {again:?}");
            assert!(creates(&world).iter().all(|body| body.contains("second-password")));
            assert_eq!(changes(&plan(&world, SECOND, &[]).await), Vec::<String>::new(), "{writes} {last:?}");
            only(&world).await;
        }
    }
}

/// Its password may be another one.
#[tokio::test]
async fn an_unowned_trigger_with_a_declared_password_is_adopted_only_with_permission() {
    let world = applied("").await;
    let data = json!({ "instance_id": "i", "topic_ids": ["orders"], "batch_size": 100, "kafka_user": "u", "kafka_password": "x" });
    create(&world, "KAFKA", data).await;
    world.manifest(&with(KAFKA));
    let refused = world.run_with(FIRST, &["plan"]).await;
    assert!(refused.stderr.contains("error[not-owned]"), "{refused:?}");
    assert!(refused.stderr.contains("cannot compare the value of kafka_password"), "{refused:?}");
    world.requests();
    assert_eq!(apply(&world, FIRST, &["--adopt"]).await.code, Some(0));
    assert!(creates(&world)[0].contains("first-password"));
    assert_eq!(changes(&plan(&world, FIRST, &[]).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_replacement_keeps_what_only_live_has() {
    let world = applied("").await;
    let data = json!({
        "instance_id": "i",
        "topic_ids": ["orders"],
        "batch_size": 100,
        "kafka_connect_address": "10.0.0.1:9092",
        "kafka_ssl_enable": true,
    });
    let id = create(&world, "KAFKA", data).await;
    let place = format!("/fgs/triggers/{}/KAFKA/{id}", world.server.urn("intake"));
    assert!(world.server.put(&place, json!({ "trigger_status": "ACTIVE" })).await.status.is_success());
    world.manifest(&with("      records: { kafka: { instance_id: i, topics: [orders] } }\n"));
    world.apply().await;
    world.manifest(&with("      records: { kafka: { instance_id: i, topics: [orders], batch_size: 5 } }\n"));
    let planned = plan(&world, &[], &[]).await;
    assert_eq!(fields(&planned), ["batch_size 100 5"]);
    world.apply().await;
    let after = only(&world).await;
    assert_ne!(after["trigger_id"], json!(id));
    assert_eq!(after["trigger_status"], "ACTIVE");
    let data = &after["event_data"];
    assert_eq!((&data["kafka_connect_address"], &data["kafka_ssl_enable"]), (&json!("10.0.0.1:9092"), &json!(true)));
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    // Another topic is another trigger to the service, and the same one in the manifest.
    world.manifest(&with("      records: { kafka: { instance_id: i, topics: [returns], batch_size: 5 } }\n"));
    assert_eq!(fields(&plan(&world, &[], &[]).await), [r#"topics ["orders"] ["returns"]"#]);
    world.apply().await;
    let after = only(&world).await;
    assert_eq!((&after["trigger_status"], &after["event_data"]["kafka_ssl_enable"]), (&json!("ACTIVE"), &json!(true)));
}

#[tokio::test]
async fn a_password_of_someone_else_is_not_lost_without_a_flag() {
    let world = applied("").await;
    let data = json!({ "instance_id": "i", "exchange_name": "e", "access_password": "x", "batch_size": 1 });
    create(&world, "RABBITMQ", data).await;
    let queue = |batch: u32| {
        format!(
            "      queue: {{ type: RABBITMQ, event_data: {{ instance_id: i, exchange_name: e, batch_size: {batch} }} }}\n"
        )
    };
    world.manifest(&with(&queue(1)));
    world.apply().await;
    world.manifest(&with(&queue(2)));
    let refused = world.run(&["plan"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("error[secrets-at-risk]"), "{refused:?}");
    assert!(refused.stderr.contains("loses its secrets access_password"), "{refused:?}");
    let allowed = apply(&world, &[], &["--allow-secret-loss"]).await;
    assert_eq!((allowed.code, allowed.stderr.contains("warning[secrets-at-risk]")), (Some(0), true), "{allowed:?}");
    assert_eq!(only(&world).await["event_data"]["batch_size"], 2);
}

/// Each optional member that is removed from the manifest goes from the live trigger.
#[tokio::test]
async fn a_removed_member_is_reset() {
    for (before, after, member, shown) in [
        ("timer: { rate: 5m, user_event: x }", "timer: { rate: 5m }", "/user_event", vec![r#"user_event "x" null"#]),
        (
            "apig: { group_id: g, auth: NONE, path: /orders, invocation: async }",
            "apig: { group_id: g, auth: NONE, path: /orders }",
            "/func_info/invocation_type",
            vec![r#"invocation "async" null"#],
        ),
        (
            "kafka: { instance_id: i, topics: [t], user: u, password: { env: KAFKA_PASSWORD }, tls: true }",
            "kafka: { instance_id: i, topics: [t] }",
            "/kafka_user",
            vec![r#"password {"sensitive":true} null"#, "tls true null", r#"user "u" null"#],
        ),
        (
            "eventgrid: { channel_id: c, event_types: ['OBS:DWR:ObjectCreated:PUT'], encode_key: true }",
            "eventgrid: { channel_id: c, event_types: ['OBS:DWR:ObjectCreated:PUT'] }",
            "/Key_encode",
            vec!["encode_key true null"],
        ),
        (
            "type: DMS, event_data: { queue_id: q, consumer_group_id: c, polling_interval: 5 }",
            "type: DMS, event_data: { queue_id: q, consumer_group_id: c }",
            "/polling_interval",
            vec!["polling_interval 5 null"],
        ),
        ("type: IOTDA, event_data: { a: 1, b: 2 }", "type: IOTDA, event_data: { a: 1 }", "/b", vec!["b 2 null"]),
    ] {
        let one = |trigger: &str| with(&format!("      one: {{ {trigger} }}\n"));
        let world = World::new().await;
        world.manifest(&one(before));
        let ran = apply(&world, FIRST, &[]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(only(&world).await["event_data"].pointer(member).is_some(), "{before}");
        world.manifest(&one(after));
        let planned = plan(&world, &[], &[]).await;
        assert_eq!(changes(&planned), ["replace trigger:default/intake/one"], "{after}");
        assert_eq!(fields(&planned), shown, "{after}");
        let drift = world.run(&["drift"]).await;
        assert_eq!((drift.code, drift.stdout.contains("the manifest changed")), (Some(0), true), "{drift:?}");
        world.apply().await;
        let live = only(&world).await;
        assert_eq!(live["event_data"].pointer(member), None, "{live}");
        assert_eq!(world.planned(&[]).await, Vec::<String>::new(), "{after}");
        // Declared again, it is sent again, although live lacks it as if the service did not return it.
        world.manifest(&one(before));
        let planned = plan(&world, FIRST, &[]).await;
        assert_eq!(changes(&planned), ["replace trigger:default/intake/one"], "{before}");
        let ran = apply(&world, FIRST, &[]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(only(&world).await["event_data"].pointer(member).is_some(), "{before}");
        assert_eq!(world.run_with(FIRST, &["plan", "--detailed-exitcode"]).await.code, Some(0), "{before}");
    }
}

/// Only the tag changes, and it is not an edited one.
#[tokio::test]
async fn a_member_with_the_services_value_is_only_recorded() {
    let world = applied("      records: { kafka: { instance_id: i, topics: [t], tls: false } }\n").await;
    world.manifest(&with("      records: { kafka: { instance_id: i, topics: [t] } }\n"));
    let drift = world.run(&["drift"]).await;
    assert!(drift.stdout.contains("the tag fgctl.triggers records something else"), "{drift:?}");
    assert_eq!(world.planned(&[]).await, ["record trigger:default/intake/records"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn another_type_under_one_key_is_a_replacement_that_shows_both_types() {
    const TIMER: &str = "      one: { timer: { rate: 5m } }\n";
    const OBS: &str = "      one: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'] } }\n";
    for (before, after, shown, code) in
        [(TIMER, OBS, r#"type "timer" "obs""#, "OBS"), (OBS, TIMER, r#"type "obs" "timer""#, "TIMER")]
    {
        let world = applied(before).await;
        world.manifest(&with(after));
        let planned = plan(&world, &[], &[]).await;
        assert_eq!(changes(&planned), ["replace trigger:default/intake/one"]);
        assert!(fields(&planned).contains(&shown.to_owned()), "{planned}");
        world.apply().await;
        assert_eq!(only(&world).await["trigger_type_code"], code);
        assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    }
}

/// The service may have several triggers that fgctl cannot tell apart by what they say.
#[tokio::test]
async fn of_identical_triggers_only_one_is_the_stacks() {
    let queue = |batch: u32| {
        format!(
            "      queue: {{ type: RABBITMQ, event_data: {{ instance_id: i, exchange_name: e, batch_size: {batch} }} }}\n"
        )
    };
    let world = applied(&queue(1)).await;
    let ours = only(&world).await["trigger_id"].clone();
    let theirs = create(&world, "RABBITMQ", json!({ "instance_id": "i", "exchange_name": "e", "batch_size": 9 })).await;
    let warned = async |expected: &[&str]| {
        let planned = plan(&world, &[], &[]).await;
        assert_eq!(
            (changes(&planned), codes(&planned)),
            (expected.iter().map(|&change| change.to_owned()).collect(), vec!["identical-trigger"])
        );
        let message = message(&planned, "identical-trigger");
        assert!(message.ends_with(&theirs), "{message}");
    };
    let live = async || {
        let all = listed(&world).await.into_iter();
        let mut all: Vec<(String, Value)> = all
            .map(|one| (one["trigger_id"].as_str().expect("an id").to_owned(), one["event_data"]["batch_size"].clone()))
            .collect();
        all.sort_by_key(|(id, _)| *id == theirs);
        all
    };
    warned(&[]).await;
    // A replacement makes the stack's trigger the younger one.
    world.manifest(&with(&queue(2)));
    warned(&["replace trigger:default/intake/queue"]).await;
    world.apply().await;
    let after = live().await;
    assert_eq!((after[0].1.clone(), after[1].clone()), (json!(2), (theirs.clone(), json!(9))));
    assert_ne!(json!(after[0].0), ours);
    warned(&[]).await;
    world.manifest(&with(""));
    warned(&["delete trigger:default/intake/rabbitmq-DDNkK"]).await;
    world.apply().await;
    assert_eq!(live().await, [(theirs.clone(), json!(9))]);
}

/// A type that fgctl does not know may have members of the service's own, so only the id tells its triggers apart.
#[tokio::test]
async fn a_trigger_of_an_unknown_type_is_found_by_its_id() {
    let world = applied("      one: { type: IOTDA, event_data: { a: 1 } }\n").await;
    let one = only(&world).await;
    let id = one["trigger_id"].as_str().expect("an id");
    let place = format!("/fgs/triggers/{}/IOTDA/{id}", world.server.urn("intake"));
    let added = json!({ "trigger_status": "ACTIVE", "event_data": { "a": 1, "of_the_service": 2 } });
    assert!(world.server.put(&place, added).await.status.is_success());
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
    world.manifest(&with(""));
    assert_eq!(world.planned(&[]).await.len(), 1);
    world.apply().await;
    assert_eq!((listed(&world).await.len(), tag(&world).await), (0, None));
}
