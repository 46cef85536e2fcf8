//! Notifications and files raise triggers, and chains of them are limited.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server::MOST_HOPS;
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::patience::until;
use crate::server_harness::{Server, function};

const TOPIC: &str = "urn:smn:region:0123456789abcdef0123456789abcdef:orders";

/// A server with functions that always fail, because their runtime cannot run here.
pub(crate) async fn server(functions: &[&str]) -> Server {
    let server = Server::start_with(|settings| settings.options.retry_wait = Duration::from_millis(5)).await;
    for name in functions {
        let mut body = function(name);
        body["runtime"] = json!("Java11");
        assert_eq!(server.post("/fgs/functions", body).await.status, StatusCode::OK);
    }
    server
}

pub(crate) fn obs(bucket: &str, prefix: &str) -> Value {
    json!({ "destination": "OBS", "param": json!({ "bucket": bucket, "prefix": prefix, "expires": 0 }).to_string() })
}

pub(crate) fn smn(topic: &str) -> Value {
    json!({ "destination": "SMN", "param": json!({ "topic_urn": topic }).to_string() })
}

pub(crate) fn dis(stream: &str) -> Value {
    json!({ "destination": "DIS", "param": json!({ "stream_name": stream }).to_string() })
}

/// Sends the end of each request of a function to a target.
pub(crate) async fn notify(server: &Server, function: &str, target: Value) {
    let policy = json!({ "max_async_retry_attempts": 0, "destination_config": { "on_failure": target } });
    let reply = server.put(&format!("/fgs/functions/{function}/async-invoke-config"), policy).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

pub(crate) async fn listen(server: &Server, function: &str, code: &str, data: Value) {
    let body = json!({ "trigger_type_code": code, "event_data": data });
    let reply = server.post(&format!("/fgs/triggers/{function}"), body).await;
    assert_eq!(reply.status, StatusCode::CREATED, "{reply:?}");
}

pub(crate) fn uploads(bucket: &str, prefix: &str) -> Value {
    json!({ "bucket": bucket, "prefix": prefix, "events": ["s3:ObjectCreated:*"] })
}

async fn accept(server: &Server, function: &str) -> String {
    let reply = server.post(&format!("/fgs/functions/{function}/invocations-async"), json!({})).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.body["request_id"].as_str().expect("an id").to_owned()
}

pub(crate) async fn invoke(server: &Server, function: &str) -> String {
    let request_id = accept(server, function).await;
    server.quiet().await;
    request_id
}

async fn delivery(server: &Server, request_id: &str) -> Value {
    server.get(&format!("/fgctl/invocations/{request_id}")).await.body["notification"].clone()
}

/// The events that functions with the target `heard` have received.
fn heard(server: &Server) -> Vec<Value> {
    let lines = std::fs::read_to_string(server.directory.path().join("dis/heard.jsonl")).unwrap_or_default();
    let event = |line: &str| {
        let notification: Value = serde_json::from_str(line).expect("JSON");
        serde_json::from_str(notification["request_payload"].as_str().expect("text")).expect("an event")
    };
    lines.lines().map(event).collect()
}

#[tokio::test]
async fn an_object_of_a_notification_raises_the_triggers_that_match() {
    let server = server(&["f", "g"]).await;
    notify(&server, "f", obs("results", "/out/a b/")).await;
    notify(&server, "g", dis("heard")).await;
    let mut of_copies = uploads("results", "out/");
    of_copies["events"] = json!(["s3:ObjectCreated:Copy"]);
    let with_suffix =
        |suffix: &str| json!({ "bucket": "results", "suffix": suffix, "events": ["s3:ObjectCreated:Put"] });
    for data in [
        uploads("results", "out/a "),
        of_copies,
        with_suffix(".csv"),
        uploads("results", "in/"),
        uploads("others", ""),
        with_suffix(".json"),
    ] {
        listen(&server, "g", "OBS", data).await;
    }
    let request_id = invoke(&server, "f").await;
    let events = heard(&server);
    assert_eq!(events.len(), 2, "{events:#?}");
    let record = &events[0]["Records"][0];
    let key = format!("out%2Fa%20b%2F{request_id}.json");
    assert_eq!((&record["s3"]["bucket"]["name"], &record["s3"]["object"]["key"]), (&json!("results"), &json!(key)));
    assert_eq!((&record["eventName"], &record["eventSource"]), (&json!("ObjectCreated:Put"), &json!("aws:s3")));
    let path = server.directory.path().join(format!("obs/results/out/a b/{request_id}.json"));
    let size = path.metadata().expect("the object").len();
    assert_eq!(record["s3"]["object"]["size"], json!(size));
    let delivery = delivery(&server, &request_id).await;
    let started = delivery["triggered"].as_array().expect("triggers");
    assert_eq!((started.len(), &started[0]["trigger_type_code"]), (2, &json!("OBS")), "{delivery:#}");
    assert_eq!(started[0]["function_urn"], json!(format!("{}:latest", server.urn("g"))));
}

#[tokio::test]
async fn a_message_and_a_record_start_their_subscribers() {
    let server = server(&["f", "g", "h"]).await;
    notify(&server, "f", smn(TOPIC)).await;
    notify(&server, "h", dis("orders")).await;
    notify(&server, "g", dis("heard")).await;
    listen(&server, "g", "SMN", json!({ "topic_urn": TOPIC })).await;
    listen(&server, "g", "SMN", json!({ "topic_urn": format!("{TOPIC}2") })).await;
    listen(&server, "g", "DIS", json!({ "stream_name": "orders" })).await;
    let message_id = invoke(&server, "f").await;
    let record_id = invoke(&server, "h").await;
    let events = heard(&server);
    assert_eq!(events.len(), 2, "{events:#?}");
    let message = &events[0]["record"][0];
    assert_eq!((&message["event_source"], &message["smn"]["topic_urn"]), (&json!("smn"), &json!(TOPIC)));
    assert_eq!(message["event_subscription_urn"], json!(format!("{}:latest", server.urn("g"))));
    let text: Value = serde_json::from_str(message["smn"]["message"].as_str().expect("text")).expect("a notification");
    assert_eq!(text["request_context"]["request_id"], json!(message_id));
    assert_eq!((&events[1]["StreamName"], &events[1]["Tag"]), (&json!("orders"), &json!("latest")));
    let data = events[1]["Message"]["records"][0]["data"].as_str().expect("base64");
    let data: Value = serde_json::from_slice(&STANDARD.decode(data).expect("base64")).expect("a notification");
    assert_eq!(data["request_context"]["request_id"], json!(record_id));
}

#[tokio::test]
async fn a_file_in_a_buckets_folder_is_an_upload() {
    let server = server(&["f", "g"]).await;
    notify(&server, "f", obs("incoming", "in")).await;
    notify(&server, "g", dis("heard")).await;
    let folder = server.directory.path().join("obs/incoming");
    std::fs::create_dir_all(folder.join("in/in")).expect("a folder");
    std::fs::write(folder.join("in/old.csv"), "before the trigger").expect("a file");
    listen(&server, "g", "OBS", uploads("incoming", "in/")).await;
    std::fs::write(folder.join("in/new 1.csv"), "1,2").expect("a file");
    std::fs::write(folder.join("other.csv"), "1,2").expect("a file");
    until("the first file's event", async || heard(&server).len() == 1).await;
    let object = heard(&server)[0]["Records"][0]["s3"]["object"].clone();
    assert_eq!((&object["key"], &object["size"]), (&json!("in%2Fnew%201.csv"), &json!(3)));
    // The object of a notification is no second upload when its file is seen.
    let request_id = invoke(&server, "f").await;
    assert_eq!(heard(&server).len(), 2);
    std::fs::write(folder.join("in/old.csv"), "changed").expect("a file");
    until("the changed file's event", async || heard(&server).len() == 3).await;
    // A copy of it is one.
    std::fs::copy(folder.join(format!("in/{request_id}.json")), folder.join(format!("in/in/{request_id}.json")))
        .expect("a copy");
    until("the copy's event", async || heard(&server).len() == 4).await;
    server.quiet().await;
    let server = server.restart().await;
    std::fs::write(folder.join("in/last.csv"), "1").expect("a file");
    until("the last file's event", async || heard(&server).len() == 5).await;
    let events = heard(&server);
    let keys: Vec<&str> =
        events.iter().filter_map(|event| event["Records"][0]["s3"]["object"]["key"].as_str()).collect();
    assert_eq!((keys[2], keys[4]), ("in%2Fold.csv", "in%2Flast.csv"), "{keys:?}");
}

/// Follows a chain to the invocation that leads to no other one. Returns their number, and why.
async fn chain(server: &Server, first: &str) -> (usize, String) {
    let (mut next, mut length) = (invoke(server, first).await, 0);
    loop {
        length += 1;
        let delivery = delivery(server, &next).await;
        let triggered = delivery["triggered"].as_array().into_iter().flatten().chain([&delivery]);
        let ids: Vec<&str> = triggered.clone().filter_map(|one| one["request_id"].as_str()).collect();
        match ids[..] {
            [id] => id.clone_into(&mut next),
            [] => {
                let errors = triggered.filter_map(|one| one["error"].as_str().or(one["last_error"].as_str()));
                return (length, errors.collect());
            }
            _ => panic!("a chain does not branch: {delivery:#}"),
        }
    }
}

#[tokio::test]
async fn a_cycle_through_a_bucket_ends_with_the_walk() {
    let server = server(&["f"]).await;
    notify(&server, "f", obs("loop", "in")).await;
    listen(&server, "f", "OBS", uploads("loop", "in/")).await;
    let (length, error) = chain(&server, "f").await;
    assert_eq!(length, MOST_HOPS as usize + 1, "{error}");
    assert!(error.contains("after 16 hops") && error.contains("default/f → OBS loop/in → default/f → "), "{error}");
}

/// Each message contains the one before, with its quotes escaped again, so the limit of the size comes first.
#[tokio::test]
async fn cycles_through_a_topic_and_a_stream_end_with_the_walk() {
    let server = server(&["f", "g"]).await;
    notify(&server, "f", smn(TOPIC)).await;
    listen(&server, "f", "SMN", json!({ "topic_urn": TOPIC })).await;
    notify(&server, "g", dis("loop")).await;
    listen(&server, "g", "DIS", json!({ "stream_name": "loop" })).await;
    for (first, walk) in [("f", "default/f → SMN orders → default/f"), ("g", "default/g → DIS loop → default/g")]
    {
        let (length, error) = chain(&server, first).await;
        assert!((3..=MOST_HOPS as usize + 1).contains(&length), "{length}: {error}");
        assert!(error.contains(walk), "{error}");
    }
}

#[tokio::test]
async fn a_cycle_through_places_and_functions_ends_with_the_walk() {
    let server = server(&["f", "g", "h"]).await;
    let function =
        json!({ "destination": "FunctionGraph", "param": json!({ "func_urn": server.urn("f") }).to_string() });
    notify(&server, "f", obs("loop", "")).await;
    listen(&server, "g", "OBS", uploads("loop", "")).await;
    notify(&server, "g", function).await;
    let (length, error) = chain(&server, "f").await;
    assert!((3..=MOST_HOPS as usize + 1).contains(&length), "{length}: {error}");
    assert!(error.contains("default/f → OBS loop → default/g → default/f"), "{error}");
    notify(&server, "g", smn(TOPIC)).await;
    listen(&server, "h", "SMN", json!({ "topic_urn": TOPIC })).await;
    notify(&server, "h", dis("loop")).await;
    listen(&server, "f", "DIS", json!({ "stream_name": "loop" })).await;
    let (length, error) = chain(&server, "f").await;
    assert!((3..=MOST_HOPS as usize + 1).contains(&length), "{length}: {error}");
    assert!(
        error.contains("default/f → OBS loop → default/g → SMN orders → default/h → DIS loop → default/f"),
        "{error}"
    );
}

/// The store fails at the moment at which it would record the started function.
#[tokio::test]
async fn a_delivery_and_what_it_starts_are_one_transaction() {
    let server = server(&["f", "g"]).await;
    notify(&server, "f", obs("results", "")).await;
    listen(&server, "g", "OBS", uploads("results", "")).await;
    let open = |directory: &std::path::Path| Connection::open(directory.join("store.db")).expect("the store");
    let fail = "CREATE TRIGGER fails BEFORE INSERT ON triggered BEGIN SELECT RAISE(ABORT, 'a fault'); END";
    open(server.directory.path()).execute_batch(fail).expect("a fault");
    let request_id = accept(&server, "f").await;
    let object = server.directory.path().join(format!("obs/results/{request_id}.json"));
    until("the object", async || object.exists()).await;
    let mend = move |directory: &std::path::Path| {
        let store = open(directory);
        let count = |query: &str| store.query_row(query, [], |row| row.get::<_, i64>(0)).expect("a number");
        let pending = "SELECT count(*) FROM notifications WHERE due IS NOT NULL";
        assert_eq!((count(pending), count("SELECT count(*) FROM invocations")), (1, 1));
        store.execute_batch("DROP TRIGGER fails").expect("no fault");
    };
    let server = server.restart_after(mend, |_| {}).await;
    server.quiet().await;
    let delivery = delivery(&server, &request_id).await;
    assert_eq!((&delivery["delivered"], delivery["triggered"].as_array().map(Vec::len)), (&json!(true), Some(1)));
    let count = "SELECT count(*) FROM invocations";
    let invocations: i64 =
        open(server.directory.path()).query_row(count, [], |row| row.get(0)).expect("the number of invocations");
    assert_eq!(invocations, 2);
}

#[tokio::test]
async fn a_trigger_that_starts_nothing_says_why() {
    let server = server(&["f", "g"]).await;
    notify(&server, "f", obs("results", "")).await;
    listen(&server, "g", "OBS", uploads("results", "")).await;
    server.put("/fgs/functions/g/config-max-instance", json!({ "max_instance_num": 0 })).await;
    let request_id = invoke(&server, "f").await;
    let delivery = delivery(&server, &request_id).await;
    assert_eq!(
        (&delivery["delivered"], &delivery["triggered"][0]["error"]),
        (&json!(true), &json!("Function Disabled"))
    );
}
