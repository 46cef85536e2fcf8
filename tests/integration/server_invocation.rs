//! Running functions: synchronous and asynchronous invocations with retries, validity, cancellation and lists.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fgctl::server::Clock;
use fgctl::wire::invocation::{LogPage, RecordList, Status, Trace};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::patience::until;
use crate::server_harness::{Server, runnable};

const ENABLE: &str = "/fgs/functions/enable-async-status-logs";

/// Depending on the event: returns a value or fails.
const OBEDIENT: &str = "
import time

def handler(event, context):
    context.getLogger().info('asked for ' + str(event))
    time.sleep(event.get('sleep', 0))
    if 'fail' in event:
        raise ValueError(event['fail'])
    return event.get('return')
";

async fn server() -> Server {
    Server::start_with(|settings| settings.options.retry_wait = Duration::from_millis(5)).await
}

async fn obedient(server: &Server, name: &str) {
    let reply = server.post("/fgs/functions", runnable(name, OBEDIENT)).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

async fn policy(server: &Server, name: &str, policy: Value) {
    assert_eq!(server.post(ENABLE, json!({})).await.status, StatusCode::OK);
    let reply = server.put(&format!("/fgs/functions/{name}/async-invoke-config"), policy).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

async fn accepted(server: &Server, name: &str, event: Value) -> String {
    let reply = server.post(&format!("/fgs/functions/{name}/invocations-async"), event).await;
    assert_eq!(reply.status, StatusCode::ACCEPTED, "{reply:?}");
    reply.body["request_id"].as_str().expect("a request id").to_owned()
}

async fn trace(server: &Server, request_id: &str) -> Trace {
    serde_json::from_value(server.get(&format!("/fgctl/invocations/{request_id}")).await.body).expect("a trace")
}

/// Invokes a function, waits until the server is idle, and returns the trace.
async fn ended(server: &Server, name: &str, event: Value) -> Trace {
    let request_id = accepted(server, name, event).await;
    server.quiet().await;
    trace(server, &request_id).await
}

async fn listed(server: &Server, rest: &str) -> RecordList {
    serde_json::from_value(server.get(&format!("/fgs/functions/f/{rest}")).await.body).expect("a list")
}

async fn running(server: &Server, request_id: &str) {
    until("the invocation runs", async || trace(server, request_id).await.status == Status::Running).await;
}

#[tokio::test]
async fn a_result_is_returned_in_either_format() {
    let server = server().await;
    obedient(&server, "f").await;
    let text = server.post("/fgs/functions/f/invocations", json!({ "return": { "a": [1, "ü"] } })).await;
    assert_eq!((text.status, &text.body), (StatusCode::OK, &json!({ "a": [1, "ü"] })));
    let header = |name: &str| text.headers[name].to_str().expect("text").to_owned();
    assert_eq!((&*header("x-func-err-code"), &*header("x-cff-response-version")), ("0", "v0"));
    let summary: Value = serde_json::from_str(&header("x-cff-invoke-summary")).expect("JSON");
    assert_eq!(summary["memorySize"], 128);
    let headers = [("x-cff-request-version", "v1"), ("x-cff-log-type", "tail")];
    let event = json!({ "return": { "a": 1 } }).to_string();
    let reply = server.send_with(Method::POST, "/fgs/functions/f/invocations", event, &headers).await;
    let result: Value = serde_json::from_str(reply.body["result"].as_str().expect("text")).expect("JSON");
    assert_eq!((result, &reply.body["status"]), (json!({ "a": 1 }), &json!(200)));
    let request_id = reply.headers["x-cff-request-id"].to_str().expect("text");
    assert_eq!(reply.body["request_id"], request_id);
    let log = STANDARD.decode(reply.headers["x-cff-function-log"].as_bytes()).expect("base64");
    let log = String::from_utf8(log).expect("text");
    assert!(log.contains("asked for") && log.contains(request_id), "{log}");
    assert_eq!(reply.body["log"], log);
}

#[tokio::test]
async fn a_failure_is_returned_as_a_failure() {
    let server = server().await;
    obedient(&server, "f").await;
    let reply = server.post("/fgs/functions/f/invocations", json!({ "fail": "no" })).await;
    assert_eq!((reply.status, &reply.body["errorType"]), (StatusCode::INTERNAL_SERVER_ERROR, &json!("ValueError")));
    assert_eq!(reply.headers["x-func-err-code"], "4002");
    let reply = server.send_text(Method::POST, "/fgs/functions/f/invocations", "no JSON".to_owned()).await;
    assert_eq!(
        (reply.status, reply.headers["x-func-err-code"].as_bytes()),
        (StatusCode::INTERNAL_SERVER_ERROR, &b"4002"[..])
    );
}

#[tokio::test]
async fn requests_that_cannot_run_are_refused() {
    let server = server().await;
    obedient(&server, "f").await;
    for call in ["invocations", "invocations-async"] {
        let path = |function: &str| format!("/fgs/functions/{function}/{call}");
        assert_eq!(server.post(&path("g"), json!({})).await.error(), (404, "FSS.0404"));
        assert_eq!(server.post(&path("p:default:f:v9"), json!({})).await.error().0, 400);
        let version = format!("{}:v9", server.urn("f"));
        assert_eq!(server.post(&path(&version), json!({})).await.error(), (404, "FSS.1052"));
        let most = if call == "invocations" { 6 * 1024 * 1024 } else { 256 * 1024 };
        let text = format!("\"{}\"", "a".repeat(most - 1));
        assert_eq!(server.send_text(Method::POST, &path("f"), text).await.error(), (413, "FSS.0413"));
    }
    let disabled = server.put("/fgs/functions/f/config-max-instance", json!({ "max_instance_num": 0 })).await;
    assert_eq!(disabled.body["strategy_config"]["concurrency"], 0);
    for call in ["invocations", "invocations-async"] {
        let reply = server.post(&format!("/fgs/functions/f/{call}"), json!({})).await;
        assert_eq!(reply.error(), (429, "FSS.0429"));
    }
}

#[tokio::test]
async fn without_a_policy_there_is_one_attempt() {
    let server = server().await;
    obedient(&server, "f").await;
    let success = ended(&server, "f", json!({ "return": 1 })).await;
    assert_eq!((success.status, success.attempts.len(), success.error), (Status::Success, 1, None));
    let failure = ended(&server, "f", json!({ "fail": "no" })).await;
    assert_eq!(
        (failure.status, failure.attempts.len(), failure.error.map(|error| error.code)),
        (Status::Fail, 1, Some(4002))
    );
    assert_eq!(listed(&server, "async-invocations").await.count, 0, "no policy enables records");
}

#[tokio::test]
async fn failures_are_retried_as_the_policy_says() {
    let server = server().await;
    obedient(&server, "f").await;
    for (retries, attempts) in [(json!(null), 2), (json!(0), 1), (json!(3), 4)] {
        policy(&server, "f", json!({ "max_async_retry_attempts": retries })).await;
        let trace = ended(&server, "f", json!({ "fail": "no" })).await;
        assert_eq!((trace.status, trace.attempts.len()), (Status::Fail, attempts));
        assert!(trace.attempts.iter().all(|attempt| attempt.error.is_some() && attempt.ended.is_some()));
        assert!(trace.attempts.windows(2).all(|pair| pair[0].ended.as_ref() < Some(&pair[1].started)));
    }
}

#[tokio::test]
async fn a_run_ends_at_the_functions_timeout() {
    let server = server().await;
    obedient(&server, "f").await;
    let short = json!({ "timeout": 3, "runtime": "Python3.9", "handler": "index.handler", "memory_size": 128 });
    assert_eq!(server.put("/fgs/functions/f/config", short).await.status, StatusCode::OK);
    policy(&server, "f", json!({ "max_async_retry_attempts": 0 })).await;
    let trace = ended(&server, "f", json!({ "sleep": 600 })).await;
    assert_eq!((trace.status, trace.error.map(|error| error.code)), (Status::Fail, Some(4010)));
}

/// A clock that the test controls.
pub(crate) fn clock() -> (Clock, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    let moved = Arc::clone(&ahead);
    let now = move || jiff::Timestamp::now() + jiff::SignedDuration::from_secs(moved.load(Ordering::SeqCst));
    (Clock::new(now), ahead)
}

#[tokio::test]
async fn a_request_expires_after_a_day() {
    let (clock, ahead) = clock();
    let server = Server::start_with(|settings| settings.clock = clock).await;
    obedient(&server, "f").await;
    policy(&server, "f", json!({ "max_async_event_age_in_seconds": 86_400, "enable_async_status_log": true })).await;
    // It waits, because the function is disabled.
    let request_id = accepted(&server, "f", json!({ "sleep": 1 })).await;
    running(&server, &request_id).await;
    let limit = json!({ "max_instance_num": 1 });
    assert_eq!(server.put("/fgs/functions/f/config-max-instance", limit).await.status, StatusCode::OK);
    let waiting = accepted(&server, "f", json!({})).await;
    ahead.store(86_402, Ordering::SeqCst);
    server.quiet().await;
    // Requests are signed with the real time.
    ahead.store(0, Ordering::SeqCst);
    let expired = trace(&server, &waiting).await;
    assert_eq!((expired.status, expired.attempts.len()), (Status::Discard, 0));
    let error = expired.error.expect("a reason");
    assert_eq!(error.message, "the request expired 86400 s after it was accepted, before an attempt could start");
    // A request that is already running may finish.
    assert_eq!(trace(&server, &request_id).await.status, Status::Success);
}

#[tokio::test]
async fn requests_are_canceled() {
    let server = server().await;
    obedient(&server, "f").await;
    server.put("/fgs/functions/f/config-max-instance", json!({ "max_instance_num": 1 })).await;
    policy(&server, "f", json!({ "max_async_retry_attempts": 3 })).await;
    let first = accepted(&server, "f", json!({ "sleep": 60 })).await;
    running(&server, &first).await;
    let second = accepted(&server, "f", json!({ "sleep": 60 })).await;
    let active = listed(&server, &format!("active-async-invocations?requests={first},{second}")).await;
    let statuses: Vec<Status> = active.invocations.iter().map(|record| record.status).collect();
    assert_eq!((active.count, statuses), (2, vec![Status::Running, Status::Wait]));
    for request_id in [&second, &first] {
        let body = json!({ "request_id": request_id, "type": "force" });
        assert_eq!(server.post("/fgs/functions/f/cancel", body).await.status, StatusCode::OK);
    }
    server.quiet().await;
    for request_id in [&first, &second] {
        let trace = trace(&server, request_id).await;
        assert_eq!((trace.status, trace.error.map(|error| error.code)), (Status::Fail, Some(4208)));
        let again = server.post("/fgs/functions/f/cancel", json!({ "request_id": request_id })).await;
        assert_eq!((again.error(), &again.body["error_msg"]), ((400, "FSS.0400"), &json!("Invalid RequestId")));
    }
    assert_eq!(listed(&server, "active-async-invocations").await.count, 0);
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let server = server().await;
    obedient(&server, "f").await;
    policy(&server, "f", json!({ "max_async_retry_attempts": 0, "enable_async_status_log": true })).await;
    let good = accepted(&server, "f", json!({})).await;
    let bad = accepted(&server, "f", json!({ "fail": "no" })).await;
    server.quiet().await;
    let of = |list: RecordList| list.invocations.into_iter().map(|record| record.request_id).collect::<Vec<_>>();
    assert_eq!(of(listed(&server, "async-invocations").await), [good.clone(), bad.clone()]);
    assert_eq!(of(listed(&server, "async-invocations?status=FAIL").await), std::slice::from_ref(&bad));
    assert_eq!(of(listed(&server, &format!("async-invocations?request_id={good}")).await), std::slice::from_ref(&good));
    let page = listed(&server, "async-invocations?limit=1").await;
    assert_eq!((page.count, page.next_marker, of(page.clone())), (2, 1, vec![good]));
    let page = listed(&server, "async-invocations?limit=1&marker=1").await;
    assert_eq!((page.count, page.next_marker, of(page.clone())), (2, 0, vec![bad]));
    assert_eq!(page.invocations[0].error_code, 4002);
    let past = "async-invocations?query_begin_time=2020-01-01T00:00:00&query_end_time=2020-01-02T00:00:00";
    assert_eq!(listed(&server, past).await.count, 0);
    let since = "async-invocations?query_begin_time=2020-01-01T00:00:00";
    assert_eq!(listed(&server, since).await.count, 2);
    for bad in ["status=GONE", "query_begin_time=yesterday", "marker=-1", "limit=x"] {
        let reply = server.get(&format!("/fgs/functions/f/async-invocations?{bad}")).await;
        assert_eq!(reply.error(), (400, "FSS.1001"), "{bad}");
    }
    assert_eq!(server.get("/fgs/functions/g/async-invocations").await.error(), (404, "FSS.0404"));
}

#[tokio::test]
async fn logs_are_read_from_a_cursor() {
    let server = server().await;
    obedient(&server, "f").await;
    let page = async |cursor: u64| -> LogPage {
        let path = format!("/fgctl/functions/f/log?cursor={cursor}&limit=1");
        serde_json::from_value(server.get(&path).await.body).expect("a page")
    };
    assert_eq!(page(0).await, LogPage::default());
    let first = accepted(&server, "f", json!({ "return": "first" })).await;
    server.quiet().await;
    server.post("/fgs/functions/f/invocations", json!({ "return": ["second"] })).await;
    let logged = page(0).await;
    assert!(logged.lines.iter().all(|line| line.request_id == first), "{logged:?}");
    assert!(logged.lines.iter().any(|line| line.text.contains("first")), "{logged:?}");
    let next = page(logged.cursor).await;
    assert!(next.lines.iter().any(|line| line.text.contains("second")), "{next:?}");
    assert_eq!(page(next.cursor).await, LogPage { lines: vec![], cursor: next.cursor });
}

#[tokio::test]
async fn a_restart_continues_waiting_requests() {
    let server = server().await;
    obedient(&server, "f").await;
    server.put("/fgs/functions/f/config-max-instance", json!({ "max_instance_num": 1 })).await;
    let mut requests = Vec::new();
    for _ in 0..3 {
        requests.push(accepted(&server, "f", json!({ "sleep": 0.1 })).await);
    }
    let server = server.restart().await;
    server.quiet().await;
    for request_id in requests {
        let trace = trace(&server, &request_id).await;
        assert_eq!((trace.status, trace.attempts.len()), (Status::Success, 1));
    }
}
