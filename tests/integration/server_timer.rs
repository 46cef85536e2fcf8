//! Timers start functions at simulated times.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::patience::within;
use crate::simulation::{FAILING, Simulated, start};

/// A server whose function `f` writes each event to a stream's file, because it fails.
async fn opened() -> (TempDir, Simulated) {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Simulated::open_in(directory.path(), start()).await;
    server.create("f", FAILING, "none").await;
    let target = json!({ "destination": "DIS", "param": json!({ "stream_name": "heard" }).to_string() });
    let policy = json!({ "max_async_retry_attempts": 0, "destination_config": { "on_failure": target } });
    server.sent("PUT", &format!("/fgs/functions/{}/async-invoke-config", server.urn("f")), policy).await;
    (directory, server)
}

async fn timer(server: &Simulated, kind: &str, schedule: &str) -> String {
    let data = json!({ "name": "often", "schedule_type": kind, "schedule": schedule, "user_event": "hello" });
    let body = json!({ "trigger_type_code": "TIMER", "event_data": data });
    let made = server.sent("POST", &format!("/fgs/triggers/{}", server.urn("f")), body).await;
    let id = made["trigger_id"].as_str().expect("an id").to_owned();
    format!("/fgs/triggers/{}/TIMER/{id}", server.urn("f"))
}

/// The events that the function received.
fn heard(directory: &Path) -> Vec<Value> {
    let lines = std::fs::read_to_string(directory.join("dis/heard.jsonl")).unwrap_or_default();
    let event = |line: &str| {
        let notification: Value = serde_json::from_str(line).expect("JSON");
        serde_json::from_str(notification["request_payload"].as_str().expect("text")).expect("an event")
    };
    lines.lines().map(event).collect()
}

fn times(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["time"].as_str().expect("a time")).collect()
}

#[tokio::test]
async fn a_day_of_cron_takes_milliseconds() {
    let (directory, server) = opened().await;
    timer(&server, "Cron", "CRON_TZ=Asia/Shanghai 0 0 */6 * * *").await;
    server.pass(24).await;
    let events = heard(directory.path());
    let expected = json!({
        "version": "v1.0", "time": "2026-01-15T18:00:00+08:00", "trigger_type": "TIMER", "trigger_name": "often",
        "user_event": "hello",
    });
    assert_eq!(events[0], expected);
    let expected = [
        "2026-01-15T18:00:00+08:00",
        "2026-01-16T00:00:00+08:00",
        "2026-01-16T06:00:00+08:00",
        "2026-01-16T12:00:00+08:00",
    ];
    assert_eq!(times(&events), expected);
    within("the end", server.function_graph.stop()).await;
}

#[tokio::test]
async fn a_timer_runs_while_it_is_active() {
    let (directory, server) = opened().await;
    let path = timer(&server, "Rate", "1h").await;
    server.pass(3).await;
    assert_eq!(times(&heard(directory.path()))[2], "2026-01-15T11:00:00+00:00");
    server.sent("PUT", &path, json!({ "trigger_status": "DISABLED" })).await;
    server.pass(3).await;
    assert_eq!(heard(directory.path()).len(), 3);
    server.sent("PUT", &path, json!({ "trigger_status": "ACTIVE" })).await;
    server.pass(2).await;
    assert_eq!(heard(directory.path()).len(), 5);
    server.sent("DELETE", &path, json!(null)).await;
    server.pass(2).await;
    assert_eq!(heard(directory.path()).len(), 5);
    within("the end", server.function_graph.stop()).await;
}

#[tokio::test]
async fn times_without_a_server_are_not_made_up() {
    let (directory, server) = opened().await;
    timer(&server, "Rate", "2h").await;
    server.pass(3).await;
    within("the end", server.function_graph.stop()).await;
    let later: Timestamp = start() + Duration::from_hours(49);
    let server = Simulated::open_in(directory.path(), later).await;
    server.pass(1).await;
    // The interval still counts from the timer's creation.
    assert_eq!(times(&heard(directory.path())), ["2026-01-15T10:00:00+00:00", "2026-01-17T10:00:00+00:00"]);
    within("the end", server.function_graph.stop()).await;
}

#[tokio::test]
async fn a_timer_starts_the_version_or_alias_that_it_is_on() {
    let (directory, server) = opened().await;
    let urn = server.urn("f");
    server.sent("POST", &format!("/fgs/functions/{urn}/versions"), json!({ "version": "v1" })).await;
    server.sent("POST", &format!("/fgs/functions/{urn}/aliases"), json!({ "name": "prod", "version": "v1" })).await;
    let target = json!({ "destination": "DIS", "param": json!({ "stream_name": "of-alias" }).to_string() });
    let policy = json!({ "max_async_retry_attempts": 0, "destination_config": { "on_failure": target } });
    server.sent("PUT", &format!("/fgs/functions/{urn}:!prod/async-invoke-config"), policy).await;
    let data = json!({ "name": "often", "schedule_type": "Rate", "schedule": "1h" });
    let body = json!({ "trigger_type_code": "TIMER", "event_data": data });
    server.sent("POST", &format!("/fgs/triggers/{urn}:!prod"), body).await;
    server.pass(2).await;
    let lines = std::fs::read_to_string(directory.path().join("dis/of-alias.jsonl")).expect("lines");
    assert_eq!((lines.lines().count(), heard(directory.path()).len()), (2, 0), "{lines}");
    assert!(lines.contains(":!prod"), "{lines}");
    within("the end", server.function_graph.stop()).await;
}
