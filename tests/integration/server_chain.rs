//! Chains of notifications between functions are limited in length and size.

use std::time::Duration;

use fgctl::server::MOST_HOPS;
use fgctl::wire::invocation::{Status, Trace};
use reqwest::StatusCode;
use serde_json::json;

use crate::invoke::has_python;
use crate::server_harness::Server;

async fn server(functions: &[&str]) -> Server {
    let server = Server::start_with(|settings| settings.options.retry_wait = Duration::from_millis(5)).await;
    for name in functions {
        server.create_function(name).await;
    }
    server
}

async fn notify(server: &Server, from: &str, to: &str) {
    let param = json!({ "func_urn": server.urn(to) }).to_string();
    let target = json!({ "destination": "FunctionGraph", "param": param });
    let policy = json!({ "destination_config": { "on_success": target, "on_failure": target } });
    let reply = server.put(&format!("/fgs/functions/{from}/async-invoke-config"), policy).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

/// Invokes a function, waits until the server is idle, and follows the chain to its end.
async fn chain(server: &Server, name: &str, event: serde_json::Value) -> Vec<Trace> {
    let reply = server.post(&format!("/fgs/functions/{name}/invocations-async"), event).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    server.quiet().await;
    let mut next = reply.body["request_id"].as_str().map(str::to_owned);
    let mut chain = Vec::new();
    while let Some(request_id) = next {
        let body = server.get(&format!("/fgctl/invocations/{request_id}")).await.body;
        let trace: Trace = serde_json::from_value(body).expect("a trace");
        next = trace.notification.as_ref().and_then(|delivery| delivery.request_id.clone());
        chain.push(trace);
    }
    chain
}

#[tokio::test]
async fn the_chain_of_a_function_that_notifies_itself_ends() {
    if !has_python() {
        return;
    }
    let server = server(&["f"]).await;
    notify(&server, "f", "f").await;
    let chain = chain(&server, "f", json!({})).await;
    assert!(chain.iter().all(|trace| trace.status == Status::Success), "{chain:#?}");
    let last = chain.last().and_then(|trace| trace.notification.clone()).expect("a notification");
    // Either limit can be reached first: each notification contains the one before, with its quotes escaped again.
    assert!(chain.len() <= MOST_HOPS as usize + 1 && last.given_up, "{chain:#?}");
    let size = server.directory.path().join("store.db-wal").metadata().expect("the log").len();
    assert!(size < 64 * 1024 * 1024, "{size} bytes");
    server.restart().await.get("/fgs/functions/f/config").await;
}

/// This text needs no escaping, so only the number of hops limits the chain.
#[tokio::test]
async fn the_error_names_the_whole_chain() {
    if !has_python() {
        return;
    }
    let server = server(&["f", "g"]).await;
    notify(&server, "f", "g").await;
    notify(&server, "g", "f").await;
    // The store contains a chain that has come this far with short events.
    let request_id = server.post("/fgs/functions/f/invocations-async", json!({})).await.body["request_id"].clone();
    server.quiet().await;
    let far =
        format!("UPDATE invocations SET hops = {MOST_HOPS}, state = 'waiting', due = 0, ended = NULL, attempts = 0");
    let id = request_id.as_str().expect("an id").to_owned();
    let server = server
        .restart_after(
            |directory| {
                let store = rusqlite::Connection::open(directory.join("store.db")).expect("the store");
                store.execute("DELETE FROM invocations WHERE request_id <> ?1", [&id]).expect("a deletion");
                store
                    .execute_batch("DELETE FROM notifications; DELETE FROM attempts; DELETE FROM payloads")
                    .expect("it");
                store.execute(&far, []).expect("a change");
                store.execute_batch("INSERT INTO payloads SELECT id, '{}' FROM invocations").expect("events");
                store.execute_batch("UPDATE payloads SET body = CAST(body AS BLOB)").expect("events");
            },
            |_| {},
        )
        .await;
    server.quiet().await;
    let trace = server.get(&format!("/fgctl/invocations/{id}")).await.body;
    let error = trace["notification"]["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("after 16 hops") && error.contains("default/f → default/g"), "{trace:#}");
    assert_eq!((&trace["status"], &trace["notification"]["given_up"]), (&json!("SUCCESS"), &json!(true)));
}

#[tokio::test]
async fn a_notification_that_is_too_large_is_given_up_at_once() {
    if !has_python() {
        return;
    }
    let server = server(&["f", "g"]).await;
    notify(&server, "f", "g").await;
    // Each quote takes two characters in the notification.
    let chain = chain(&server, "f", json!({ "text": "\"".repeat(100_000) })).await;
    let delivery = chain[0].notification.clone().expect("a notification");
    assert_eq!((chain.len(), delivery.given_up), (1, true));
    let error = delivery.last_error.expect("a reason");
    assert!(error.contains("FunctionGraph takes at most 262144"), "{error}");
    let large = json!({ "text": "a".repeat(256 * 1024) });
    let reply = server.post("/fgs/functions/f/invocations-async", large).await;
    assert_eq!(reply.error(), (413, "FSS.0413"));
}
