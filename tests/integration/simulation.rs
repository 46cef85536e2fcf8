//! A `FunctionGraph` in memory, without a port, with simulated time.

use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fgctl::server::{FunctionGraph, Ids, Options, Simulation, Storage};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::patience::within;

/// A runtime that cannot run here, so each attempt fails at once without a process.
pub(crate) const FAILING: &str = "Java11";

/// A server with simulated time.
pub(crate) struct Simulated {
    pub(crate) function_graph: FunctionGraph,
    simulation: Simulation,
}

pub(crate) fn start() -> Timestamp {
    "2026-01-15T08:00:00Z".parse().expect("a date")
}

impl Simulated {
    async fn open(options: Options) -> Self {
        Self::open_with(Simulation::new(start()), Storage::memory().expect("a store"), options).await
    }

    /// A server with this data directory, at a time.
    pub(crate) async fn open_in(directory: &Path, time: Timestamp) -> Self {
        let simulation = Simulation::new(time);
        let storage = Storage::directory(directory, "the test", &simulation.clock()).await.expect("a store");
        Self::open_with(simulation, storage, Options::default()).await
    }

    async fn open_with(simulation: Simulation, storage: Storage, options: Options) -> Self {
        let open = FunctionGraph::open(storage, simulation.clock(), Ids::seeded(7), options);
        Self { function_graph: within("an open FunctionGraph", open).await.expect("it opens"), simulation }
    }

    async fn send(&self, method: &str, rest: &str, body: Value) -> (u16, Value) {
        let credentials = &self.function_graph.credentials;
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/v2/{}{rest}", credentials.project_id))
            .header("x-auth-token", credentials.token.expose_secret())
            .body(Bytes::from(body.to_string()))
            .expect("a request");
        let response = within("an answer", self.function_graph.call(request)).await;
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        (response.status().as_u16(), body)
    }

    pub(crate) async fn sent(&self, method: &str, rest: &str, body: Value) -> Value {
        let (status, body) = self.send(method, rest, body).await;
        assert!((200..300).contains(&status), "{method} {rest}: {status} {body}");
        body
    }

    pub(crate) fn urn(&self, name: &str) -> String {
        let credentials = &self.function_graph.credentials;
        format!("urn:fss:{}:{}:function:default:{name}", credentials.region, credentials.project_id)
    }

    pub(crate) async fn create(&self, name: &str, runtime: &str, source: &str) {
        let function = json!({
            "func_name": name, "package": "default", "runtime": runtime, "timeout": 30, "handler": "index.handler",
            "memory_size": 128, "code_type": "inline", "func_code": { "file": STANDARD.encode(source) },
        });
        self.sent("POST", "/fgs/functions", function).await;
    }

    async fn accept(&self, name: &str) -> String {
        let path = format!("/fgs/functions/{}/invocations-async", self.urn(name));
        self.sent("POST", &path, json!({})).await["request_id"].as_str().expect("an id").to_owned()
    }

    async fn trace(&self, request_id: &str) -> Value {
        self.sent("GET", &format!("/fgctl/invocations/{request_id}"), json!(null)).await
    }

    /// Lets this time pass.
    pub(crate) async fn pass(&self, hours: u64) {
        let end = self.simulation.clock().now() + Duration::from_hours(hours);
        within("simulated time", async { while self.simulation.advance(end).await {} }).await;
    }
}

/// The hours from the start to a date in a trace.
fn hours(date: &Value) -> f64 {
    let date = date.as_str().expect("a date").replace("+00:00", "Z");
    let date: Timestamp = date.parse().expect("a date");
    date.duration_since(start()).as_secs_f64() / 3600.0
}

/// The whole server with simulated time.
#[tokio::test]
async fn a_day_of_retries_and_a_day_of_redelivery_take_milliseconds() {
    let server = Simulated::open(Options { retry_wait: Duration::from_hours(6), ..Options::default() }).await;
    server.create("failing", FAILING, "none").await;
    let target = json!({ "func_urn": server.urn("missing") }).to_string();
    let policy = json!({
        "max_async_event_age_in_seconds": 86_400, "max_async_retry_attempts": 3,
        "destination_config": { "on_failure": { "destination": "FunctionGraph", "param": target } },
    });
    let path = format!("/fgs/functions/{}/async-invoke-config", server.urn("failing"));
    server.sent("PUT", &path, policy).await;
    let request_id = server.accept("failing").await;
    server.pass(17).await;
    let trace = server.trace(&request_id).await;
    assert_eq!((trace["status"].as_str(), trace["attempts"].as_array().map(Vec::len)), (Some("WAIT"), Some(3)));
    server.pass(24).await;
    let trace = server.trace(&request_id).await;
    let started: Vec<f64> =
        trace["attempts"].as_array().expect("attempts").iter().map(|attempt| hours(&attempt["started"])).collect();
    assert_eq!((trace["status"].as_str(), started), (Some("FAIL"), vec![0.0, 6.0, 12.0, 18.0]), "{trace}");
    assert!((hours(&trace["ended"]) - 18.0).abs() < 1e-9, "{trace}");
    let notification = &trace["notification"];
    assert_eq!((&notification["given_up"], &notification["tries"]), (&json!(false), &json!(4)), "{trace}");
    server.pass(1).await;
    let notification = server.trace(&request_id).await["notification"].clone();
    assert_eq!((&notification["given_up"], &notification["tries"]), (&json!(true), &json!(5)), "{notification}");
    within("the end", server.function_graph.stop()).await;
}

/// The function runs in a real process. Simulated time stands still meanwhile.
#[tokio::test]
async fn real_processes_run_at_simulated_times() {
    let options = Options { search_path: std::env::var_os("PATH").expect("a search path"), ..Options::default() };
    let server = Simulated::open(Options { retry_wait: Duration::from_mins(30), ..options }).await;
    let source = "def handler(event, context):\n    raise ValueError(event['text'])\n";
    server.create("f", "Python3.9", source).await;
    let path = format!("/fgs/functions/{}/async-invoke-config", server.urn("f"));
    server.sent("PUT", &path, json!({ "max_async_retry_attempts": 1 })).await;
    let path = format!("/fgs/functions/{}/invocations-async", server.urn("f"));
    let request_id = server.sent("POST", &path, json!({ "text": "no" })).await["request_id"].clone();
    server.pass(2).await;
    let trace = server.trace(request_id.as_str().expect("an id")).await;
    let attempts = trace["attempts"].as_array().expect("attempts").iter();
    let attempts: Vec<(f64, f64, &str)> = attempts
        .map(|attempt| {
            let message = attempt["error"]["message"].as_str().expect("a message");
            (hours(&attempt["started"]), hours(&attempt["ended"]), message)
        })
        .collect();
    let message = "function invocation exception, error: no";
    assert_eq!(attempts, [(0.0, 0.0, message), (0.5, 0.5, message)], "{trace}");
    within("the end", server.function_graph.stop()).await;
}
