//! Kills the real program with kill -9 at random moments: no accepted request is lost, and no finished request runs
//! again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use fgctl::server;
use fgctl::wire::invocation::{Status, Trace};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::patience::until;
use crate::process::Process;
use crate::server_harness::{client, runnable};
use crate::server_process::ready;

const ROUNDS: u32 = 12;
/// The longest time until a server is killed, in milliseconds.
const LONGEST_LIFE: u64 = 400;
/// The variable that repeats a run with the seed that it printed.
const SEED: &str = "FGCTL_TEST_SEED";

/// Records each run, and fails every other request.
const SOURCE: &str = "
import os

def handler(event, context):
    with open(context.getUserData('notes'), 'a') as notes:
        notes.write(context.getRequestID() + '\\n')
    if event['number'] % 2:
        raise ValueError('odd')
    return event['number']
";

/// Pseudorandom numbers: the same seed gives the same numbers (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// A server process and a client for it.
struct Served {
    process: Process,
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Served {
    fn start(data: &Path) -> Self {
        let (process, address) = ready(data, &["--retry-wait", "20ms"]);
        let credentials = server::credentials(data).expect("credentials");
        let url = format!("http://{address}/v2/{}", credentials.project_id);
        Self { process, client: client(), url, token: credentials.token.expose_secret().to_owned() }
    }

    /// Returns `None` if the server ends before it answers.
    async fn send(&self, method: reqwest::Method, rest: &str, body: &Value) -> Option<Value> {
        let request = self.client.request(method, format!("{}{rest}", self.url));
        let response = request.header("x-auth-token", &self.token).body(body.to_string()).send().await.ok()?;
        let status = response.status();
        let body = response.bytes().await.ok()?;
        assert!(status.is_success(), "{rest}: {status} {}", String::from_utf8_lossy(&body));
        Some(serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn trace(&self, request_id: &str) -> Trace {
        let path = format!("/fgctl/invocations/{request_id}");
        let trace = self.send(reqwest::Method::GET, &path, &Value::Null).await.expect("an answer");
        serde_json::from_value(trace).expect("a trace")
    }

    async fn prepare(&self, notes: &Path) {
        for name in ["f", "g"] {
            let source = if name == "g" { "def handler(event, context):\n    return 1\n" } else { SOURCE };
            let mut body = runnable(name, source);
            body["user_data"] = json!(json!({ "notes": notes }).to_string());
            self.send(reqwest::Method::POST, "/fgs/functions", &body).await.expect("a function");
        }
        let urn =
            self.send(reqwest::Method::GET, "/fgs/functions/g/config", &Value::Null).await.expect("g")["func_urn"]
                .clone();
        let policy = json!({ "max_async_retry_attempts": 2, "destination_config": {
            "on_success": { "destination": "FunctionGraph", "param": json!({ "func_urn": urn }).to_string() },
            "on_failure": { "destination": "DIS", "param": r#"{"stream_name":"failures"}"# },
        } });
        let path = "/fgs/functions/f/async-invoke-config";
        self.send(reqwest::Method::PUT, path, &policy).await.expect("a policy");
    }

    /// Sends invocations until the server is gone; returns the accepted requests.
    async fn invoke(&self, first: u64) -> Vec<String> {
        let mut accepted = Vec::new();
        for number in first.. {
            let event = json!({ "number": number });
            match self.send(reqwest::Method::POST, "/fgs/functions/f/invocations-async", &event).await {
                Some(body) => accepted.push(body["request_id"].as_str().expect("a request id").to_owned()),
                None => break,
            }
        }
        accepted
    }
}

/// Kills the server after `life` milliseconds of invocations.
async fn round(data: &Path, first: u64, life: u64) -> Vec<String> {
    let served = Served::start(data);
    let kill = async {
        tokio::time::sleep(Duration::from_millis(life)).await;
        served.process.signal("-KILL");
    };
    tokio::join!(served.invoke(first), kill).0
}

fn runs_of(notes: &Path, request_id: &str) -> usize {
    lines(notes).iter().filter(|run| *run == request_id).count()
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn seed() -> u64 {
    match std::env::var(SEED) {
        Ok(seed) => seed.parse().unwrap_or_else(|_| panic!("{SEED} is a number, as a failed run prints it: {seed}")),
        Err(_) => jiff::Timestamp::now().as_microsecond().unsigned_abs(),
    }
}

#[expect(clippy::print_stdout, reason = "a failure must show its seed")]
#[tokio::test]
async fn no_request_is_lost_and_no_finished_request_runs_again() {
    let seed = seed();
    println!("{SEED}={seed} repeats this run's choices");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let (data, notes) = (folder.path().join("data"), folder.path().join("notes"));
    Served::start(&data).prepare(&notes).await;
    let mut accepted = Vec::new();
    // How often each finished request had run by then.
    let mut runs_at_end = BTreeMap::new();
    for number in 0..ROUNDS {
        let life = random.below(LONGEST_LIFE);
        accepted.extend(round(&data, u64::from(number) * 1_000_000, life).await);
        let served = Served::start(&data);
        for request_id in accepted.iter().rev().take(5) {
            if served.trace(request_id).await.ended.is_some() {
                runs_at_end.entry(request_id.clone()).or_insert_with(|| runs_of(&notes, request_id));
            }
        }
    }
    let served = Served::start(&data);
    let ends = ends(&served, &accepted).await;
    assert!(ends.len() > usize::try_from(ROUNDS).expect("a number"), "only {} were accepted; seed {seed}", ends.len());
    for (request_id, count) in &runs_at_end {
        assert_eq!(runs_of(&notes, request_id), *count, "{request_id} ended, and ran again; seed {seed}");
    }
    check(&served, &ends, &data, seed).await;
}

/// All traces, after everything has ended and been delivered.
async fn ends(served: &Served, accepted: &[String]) -> Vec<Trace> {
    let mut ends = Vec::new();
    for request_id in accepted {
        until(format!("the end of {request_id}, and its notification"), async || {
            let trace = served.trace(request_id).await;
            trace.ended.is_some() && trace.notification.is_some_and(|delivery| delivery.delivered)
        })
        .await;
        ends.push(served.trace(request_id).await);
    }
    ends
}

async fn check(served: &Served, ends: &[Trace], data: &Path, seed: u64) {
    let told: BTreeSet<String> = lines(&data.join("dis/failures.jsonl"))
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).expect("a whole line"))
        .map(|told| told["request_context"]["request_id"].as_str().expect("an id").to_owned())
        .collect();
    for trace in ends {
        assert!(trace.attempts.len() <= 3, "{trace:?}; seed {seed}");
        let delivery = trace.notification.as_ref().expect("a notification");
        match trace.status {
            Status::Success => {
                let next = delivery.request_id.as_ref().expect("a request of the other function");
                assert!(served.trace(next).await.function_urn.ends_with(":g:latest"));
            }
            Status::Fail => assert!(told.contains(&trace.request_id), "{trace:?}; seed {seed}"),
            status => panic!("{status:?}; seed {seed}"),
        }
    }
}
