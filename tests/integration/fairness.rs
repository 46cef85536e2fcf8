//! Synchronous and asynchronous runs share the limited concurrency.

use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server::Concurrency;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::patience::{PATIENCE, until};
use crate::server_harness::{Server, runnable};

const SOURCE: &str = "
import time
def handler(event, context):
    time.sleep(0.02)
    return ['done']";

async fn create(server: &Server, name: &str, instances: i64) {
    assert_eq!(server.post("/fgs/functions", runnable(name, SOURCE)).await.status, StatusCode::OK);
    let limit = json!({ "max_instance_num": instances });
    let limited = server.put(&format!("/fgs/functions/{name}/config-max-instance"), limit).await;
    assert_eq!(limited.status, StatusCode::OK, "{limited:?}");
}

/// Calls a function over several connections, repeating each call as soon as it is answered, until `end` is set.
/// Returns the number of successful calls.
async fn flood(server: &Server, name: &str, end: &AtomicBool) -> usize {
    let path = format!("/fgs/functions/{name}/invocations");
    let connection = async || {
        let mut succeeded = 0;
        while !end.load(Ordering::Relaxed) {
            let reply = server.post(&path, json!({})).await;
            assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
            succeeded += 1;
        }
        succeeded
    };
    futures_util::future::join_all((0..12).map(|_| connection())).await.into_iter().sum()
}

/// Submits requests and waits until all of them have succeeded.
async fn work_off(server: &Server, name: &str, count: usize) {
    let mut ids = Vec::new();
    for _ in 0..count {
        let reply = server.post(&format!("/fgs/functions/{name}/invocations-async"), json!({})).await;
        ids.push(reply.body["request_id"].as_str().expect("a request id").to_owned());
    }
    for id in ids {
        let status = async || server.get(&format!("/fgctl/invocations/{id}")).await.body["status"].clone();
        until("a request succeeds", async || status().await == "SUCCESS").await;
    }
}

/// Requests of `waiting` succeed although calls of `busy` would take every place.
async fn shared(concurrency: Concurrency, (busy, waiting): ((&str, i64), (&str, i64))) {
    let server = Server::start_with(|settings| settings.options.concurrency = concurrency).await;
    create(&server, busy.0, busy.1).await;
    if waiting.0 != busy.0 {
        create(&server, waiting.0, waiting.1).await;
    }
    let end = AtomicBool::new(false);
    let working = async {
        let worked = tokio::time::timeout(PATIENCE, work_off(&server, waiting.0, 10)).await;
        end.store(true, Ordering::Relaxed);
        worked.expect("asynchronous requests get their share");
    };
    let (calls, ()) = tokio::join!(flood(&server, busy.0, &end), working);
    assert!(calls > 0);
}

#[tokio::test]
async fn synchronous_calls_leave_room_for_asynchronous_requests() {
    shared(Concurrency { total: 2, per_function: 2 }, (("busy", -1), ("waiting", -1))).await;
}

#[tokio::test]
async fn both_kinds_of_runs_take_turns_in_a_functions_only_place() {
    shared(Concurrency::default(), (("f", 1), ("f", 1))).await;
}

/// A function that waits because of its own limit does not hold a place that others could use.
#[tokio::test]
async fn a_function_at_its_own_limit_does_not_block_others() {
    shared(Concurrency { total: 2, per_function: 2 }, (("busy", 1), ("waiting", -1))).await;
}

/// The search for an interpreter happens between a call and the start of its code. This test delays it.
#[cfg(unix)]
#[tokio::test]
async fn a_run_that_is_starting_uses_code_that_was_just_replaced() {
    use std::os::unix::fs::PermissionsExt;
    for kind in ["invocations", "invocations-async"] {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let script = format!(
            "#!/bin/sh\ntouch '{}'\nwhile [ ! -e '{}' ]; do sleep 0.01; done\nexec python3 \"$@\"\n",
            at("started").display(),
            at("go").display()
        );
        std::fs::write(at("python3.9"), script).expect("a script");
        std::fs::set_permissions(at("python3.9"), std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let server = Server::start_with(|settings| {
            let all = std::env::split_paths(&settings.options.search_path).collect::<Vec<_>>();
            let paths = std::iter::once(folder.path().to_owned()).chain(all);
            settings.options.search_path = std::env::join_paths(paths).expect("a search path");
        })
        .await;
        create(&server, "f", -1).await;
        let path = format!("/fgs/functions/f/{kind}");
        let replace = async {
            until("the search for an interpreter", async || at("started").exists()).await;
            let code = "def handler(event, context): return 'replaced'";
            let body = json!({ "code_type": "inline", "func_code": { "file": STANDARD.encode(code) } });
            assert_eq!(server.put("/fgs/functions/f/code", body).await.status, StatusCode::OK);
            std::fs::write(at("go"), "").expect("a file");
        };
        let (reply, ()) = tokio::join!(server.post_text(&path, "{}"), replace);
        if kind == "invocations" {
            assert_eq!(reply, (StatusCode::OK, "replaced".to_owned()));
        } else {
            let reply: Value = serde_json::from_str(&reply.1).expect("JSON");
            let id = reply["request_id"].as_str().expect("a request id");
            server.quiet().await;
            let trace = server.get(&format!("/fgctl/invocations/{id}")).await.body;
            assert_eq!((&trace["status"], trace["attempts"].as_array().map(Vec::len)), (&json!("SUCCESS"), Some(1)));
        }
    }
}
