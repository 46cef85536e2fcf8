//! A store with damaged rows: only the invocations or functions that they belong to fail, with a reason.

use std::path::Path;

use fgctl::server::Backlog;
use reqwest::StatusCode;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::invoke::has_python;
use crate::server_harness::Server;

/// Each statement damages the invocation with the id `?1`.
const DAMAGES: &[&str] = &[
    "UPDATE invocations SET destinations = '{' WHERE id = ?1",
    "UPDATE invocations SET destinations = x'ff' WHERE id = ?1",
    "UPDATE invocations SET state = 'paused' WHERE id = ?1",
    "UPDATE invocations SET due = NULL WHERE id = ?1",
    "UPDATE invocations SET due = 'soon' WHERE id = ?1",
    "UPDATE invocations SET expires = 'never' WHERE id = ?1",
    "UPDATE invocations SET attempts = -1 WHERE id = ?1",
    "UPDATE invocations SET function_urn = x'ff' WHERE id = ?1",
    "UPDATE invocations SET recorded = 'maybe' WHERE id = ?1",
    "UPDATE invocations SET accepted = 'once' WHERE id = ?1",
    "UPDATE invocations SET hops = -1 WHERE id = ?1",
    "UPDATE invocations SET state = 'running', due = NULL, attempts = 1, destinations = '[' WHERE id = ?1",
    "UPDATE invocations SET state = 'running', due = NULL, attempts = 'one' WHERE id = ?1",
    "UPDATE payloads SET body = zeroblob(20000000) WHERE invocation_id = ?1",
    "UPDATE payloads SET body = 'text' WHERE invocation_id = ?1",
];

async fn left() -> Server {
    Server::start_with(|settings| settings.options.backlog = Backlog::Left).await
}

async fn accepted(server: &Server, name: &str) -> String {
    let reply = server.post(&format!("/fgs/functions/{name}/invocations-async"), json!({})).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.body["request_id"].as_str().expect("an id").to_owned()
}

async fn trace(server: &Server, request_id: &str) -> Value {
    server.get(&format!("/fgctl/invocations/{request_id}")).await.body
}

async fn quiet(server: &Server) {
    server.quiet().await;
}

fn store(directory: &Path) -> Connection {
    Connection::open(directory.join("store.db")).expect("the store")
}

#[tokio::test]
async fn a_damaged_invocation_fails_without_blocking_others() {
    if !has_python() {
        return;
    }
    let server = left().await;
    server.create_function("f").await;
    server.create_function("g").await;
    let mut damaged = Vec::new();
    for _ in DAMAGES {
        damaged.push(accepted(&server, "f").await);
    }
    let (before, other) = (accepted(&server, "f").await, accepted(&server, "g").await);
    let ids = damaged.clone();
    let damage = move |directory: &Path| {
        let store = store(directory);
        for (damage, request_id) in DAMAGES.iter().zip(&ids) {
            let id = "SELECT id FROM invocations WHERE request_id = ?1";
            let id: i64 = store.query_row(id, [request_id], |row| row.get(0)).expect("an id");
            assert_eq!(store.execute(damage, [id]), Ok(1), "{damage}");
        }
    };
    let server = server.restart_after(damage, |_| {}).await;
    quiet(&server).await;
    for healthy in [&before, &other] {
        assert_eq!(trace(&server, healthy).await["status"], "SUCCESS");
    }
    for (damage, request_id) in DAMAGES.iter().zip(&damaged) {
        let trace = trace(&server, request_id).await;
        let message = trace["error"]["message"].as_str().unwrap_or_default();
        assert_eq!((&trace["status"], &trace["error"]["code"]), (&json!("FAIL"), &json!(4203)), "{damage}: {trace:#}");
        assert!(message.contains("store cannot be used"), "{damage}: {message}");
        let listed = server.get(&format!("/fgs/functions/f/async-invocations?request_id={request_id}&limit=500")).await;
        assert_eq!(listed.status, StatusCode::OK, "{damage}");
    }
    let log = server.get("/fgctl/functions/f/log?limit=1000").await.body.to_string();
    assert!(log.contains(&format!("request '{}' has failed", damaged[0])), "{log}");
}

/// Damages rows of other tables that an invocation needs.
#[tokio::test]
async fn a_damaged_function_fails_its_own_invocations_only() {
    if !has_python() {
        return;
    }
    let server = left().await;
    let names = ["settings", "policy", "alias", "fine"];
    for name in names {
        server.create_function(name).await;
        server.put(&format!("/fgs/functions/{name}/async-invoke-config"), json!({})).await;
    }
    server.post("/fgs/functions/alias/versions", json!({ "version": "v1" })).await;
    server.post("/fgs/functions/alias/aliases", json!({ "name": "prod", "version": "v1" })).await;
    let settings = accepted(&server, "settings").await;
    let alias = accepted(&server, &format!("{}:!prod", server.urn("alias"))).await;
    let fine = accepted(&server, "fine").await;
    let damage = |directory: &Path| {
        let of = |name| format!("(SELECT id FROM functions WHERE name = '{name}')");
        let statements = [
            "UPDATE functions SET settings = '{\"x\"' WHERE name = 'settings'".to_owned(),
            format!("UPDATE async_policies SET configuration = 'x' WHERE function_id = {}", of("policy")),
            format!("UPDATE aliases SET weights = '[' WHERE function_id = {}", of("alias")),
            "INSERT INTO expiring_objects VALUES (x'ff', 0), ('gone', 'never')".to_owned(),
            format!("INSERT INTO logs VALUES (1, {}, x'ff', 'x', x'ff61')", of("fine")),
            "INSERT INTO status_log VALUES ('{')".to_owned(),
        ];
        for statement in &statements {
            store(directory).execute_batch(statement).expect(statement);
        }
    };
    let server = server.restart_after(damage, |_| {}).await;
    quiet(&server).await;
    assert_eq!(trace(&server, &fine).await["status"], "SUCCESS");
    for request_id in [&settings, &alias] {
        let trace = trace(&server, request_id).await;
        assert_eq!((&trace["status"], &trace["error"]["code"]), (&json!("FAIL"), &json!(4203)), "{trace:#}");
    }
    assert_eq!(server.get("/fgctl/functions/fine/log").await.status, StatusCode::OK);
    let refused = server.post("/fgs/functions/policy/invocations-async", json!({})).await;
    assert_eq!(refused.error(), (500, "FGCTL.0500"), "{refused:?}");
    // Each damaged row can be replaced or deleted.
    assert_eq!(server.put("/fgs/functions/policy/async-invoke-config", json!({})).await.status, StatusCode::OK);
    accepted(&server, "policy").await;
    assert_eq!(server.delete("/fgs/functions/settings").await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_damaged_notification_is_given_up_and_others_are_delivered() {
    if !has_python() {
        return;
    }
    let server = left().await;
    server.create_function("f").await;
    let target = json!({ "destination": "DIS", "param": r#"{"stream_name":"told"}"# });
    let policy = json!({ "destination_config": { "on_success": target } });
    server.put("/fgs/functions/f/async-invoke-config", policy).await;
    let mut requests = Vec::new();
    for _ in 0..6 {
        requests.push(accepted(&server, "f").await);
    }
    let fine = accepted(&server, "f").await;
    let damaged = requests.clone();
    let damage = move |directory: &Path| {
        let store = store(directory);
        let values = [
            "'DIS', '{\"stream_name\":\"told\"}', x'ff', 0, 0",
            "'DIS', '{\"stream_name\":\"told\"}', zeroblob(10000000), 0, 0",
            "'DIS', '{\"stream_name\":\"told\"}', '{}', 0, 'soon'",
            "x'ff', '{\"stream_name\":\"told\"}', '{}', 0, 0",
            "'DIS', x'ff', '{}', 0, 0",
            "'DIS', '{\"stream_name\":\"told\"}', '{}', 'once', 0",
        ];
        for (values, request_id) in values.iter().zip(&damaged) {
            let end = "UPDATE invocations SET state = 'succeeded', due = NULL, ended = accepted WHERE request_id = ?1";
            store.execute(end, [request_id]).expect("an end");
            let owe = format!(
                "INSERT INTO notifications (invocation_id, destination, param, body, created, due, delivered, tries) \
                 SELECT id, {values}, 0, 0 FROM invocations WHERE request_id = ?1"
            );
            assert_eq!(store.execute(&owe, [request_id]), Ok(1), "{values}");
        }
    };
    let server = server.restart_after(damage, |_| {}).await;
    quiet(&server).await;
    for request_id in &requests {
        let notification = trace(&server, request_id).await["notification"].clone();
        assert_eq!(notification["given_up"], json!(true), "{notification:#}");
    }
    assert_eq!(trace(&server, &fine).await["notification"]["delivered"], json!(true));
}

/// The data directory of a server of the first release: another layout, and a run whose event is far too large.
#[tokio::test]
async fn a_data_directory_of_the_first_release_opens() {
    if !has_python() {
        return;
    }
    let server = left().await;
    server.create_function("f").await;
    let (large, fine) = (accepted(&server, "f").await, accepted(&server, "f").await);
    let id = large.clone();
    let age = move |directory: &Path| {
        let store = store(directory);
        let back = "ALTER TABLE invocations DROP COLUMN hops; ALTER TABLE invocations DROP COLUMN parent; \
                    ALTER TABLE notifications DROP COLUMN taken; \
                    DROP TABLE triggered; DROP TABLE triggers; DROP TABLE reserved_instances; DROP TABLE lts_logs; \
                    DROP TABLE dependency_code; DROP TABLE dependency_versions; PRAGMA user_version = 3; \
                    PRAGMA auto_vacuum = 0; VACUUM;";
        store.execute_batch(back).expect("an earlier layout");
        let run = "UPDATE invocations SET state = 'running', due = NULL, attempts = 1 WHERE request_id = ?1";
        store.execute(run, [&id]).expect("a run");
        let payload = "UPDATE payloads SET body = zeroblob(100000000) \
                       WHERE invocation_id = (SELECT id FROM invocations WHERE request_id = ?1)";
        store.execute(payload, [&id]).expect("an event");
    };
    let server = server.restart_after(age, |_| {}).await;
    quiet(&server).await;
    assert_eq!(trace(&server, &fine).await["status"], "SUCCESS");
    let failed = trace(&server, &large).await;
    assert_eq!(failed["status"], "FAIL", "{failed:#}");
}
