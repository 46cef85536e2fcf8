//! The load on the server, all at the same time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::random::Random;
use crate::served::Served;

/// Marks the processes of functions, to find those that are left over.
pub(crate) const MARK: &str = "FGCTL_SOAK";

/// The actions of events, and how many of a hundred events request each. Actions that kill a worker are rare, so that
/// the others continue.
const DEEDS: &[(&str, u64)] =
    &[("return", 60), ("raise", 15), ("write", 10), ("crash", 4), ("fork", 4), ("leave", 4), ("fill", 2), ("hang", 1)];
const SOURCE: &str = "
import os, time

def child(leave):
    if os.fork() == 0:
        if leave:
            os.setsid()
            if os.fork():
                os._exit(0)
        time.sleep(600)
        os._exit(0)

def handler(event, context):
    deed = event.get('deed', 'return')
    if deed == 'raise':
        raise ValueError('asked for')
    if deed == 'crash':
        os._exit(3)
    if deed == 'hang':
        time.sleep(600)
    if deed in ('fork', 'leave'):
        for _ in range(5):
            child(deed == 'leave')
    if deed == 'fill':
        bytearray(1000 * 1000 * 1000)
    if deed == 'write':
        print('x' * 100000)
    return deed
";

/// Asynchronous requests per second.
const REQUESTS: u64 = 8;
/// The number of connections that are half open at the same time, and how long each stays.
const HALF_OPEN: usize = 200;
const HALF_OPEN_FOR: Duration = Duration::from_secs(5);
/// The shortest and the longest time between two kills of the server.
const KILLS: (u64, u64) = (5_000, 20_000);
const PROBES: Duration = Duration::from_millis(50);

pub(crate) struct Load {
    pub(crate) served: Arc<Served>,
    seed: u64,
    pub(crate) seen: Mutex<Seen>,
    /// Locked for writing while there is no server.
    up: tokio::sync::RwLock<()>,
}

/// The observations.
#[derive(Default)]
pub(crate) struct Seen {
    /// Accepted requests, with their function.
    pub(crate) accepted: BTreeMap<String, &'static str>,
    /// The duration of reads.
    pub(crate) probes: Vec<Duration>,
    pub(crate) restarts: Vec<Duration>,
    /// MB and descriptors, while no server is killed.
    pub(crate) memory: Vec<f64>,
    pub(crate) descriptors: Vec<usize>,
    pub(crate) calls: usize,
    /// Unexpected answers.
    pub(crate) surprises: Vec<String>,
}

impl Load {
    pub(crate) async fn prepare(served: Arc<Served>, seed: u64) -> Self {
        let load = Self { served, seed, seen: Mutex::default(), up: tokio::sync::RwLock::default() };
        let dis = |stream: &str| json!({ "destination": "DIS", "param": json!({ "stream_name": stream }).to_string() });
        let smn = |topic: &str| {
            let urn = format!("urn:smn:local-1:p1:{topic}");
            json!({ "destination": "SMN", "param": json!({ "topic_urn": urn }).to_string() })
        };
        load.create("work", dis("succeeded")).await;
        load.create("slow", smn("slow")).await;
        load.create("stuck", smn("stuck")).await;
        let urn = load.create("cycle", json!({})).await;
        let itself = json!({ "destination": "FunctionGraph", "param": json!({ "func_urn": urn }).to_string() });
        load.policy("cycle", itself).await;
        load
    }

    async fn create(&self, name: &str, on_success: Value) -> String {
        let function = json!({
            "func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 3, "handler": "index.handler",
            "memory_size": 256, "code_type": "inline", "func_code": { "file": STANDARD.encode(SOURCE) },
            "user_data": json!({ MARK: "1" }).to_string(),
        });
        let (status, body) = self.served.send(Method::POST, "/fgs/functions", &function).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
        self.policy(name, on_success).await;
        body["func_urn"].as_str().expect("a URN").to_owned()
    }

    async fn policy(&self, name: &str, on_success: Value) {
        let failed = json!({ "destination": "DIS", "param": json!({ "stream_name": "failed" }).to_string() });
        let mut sides = json!({ "on_failure": failed });
        if on_success["destination"].is_string() {
            sides["on_success"] = on_success;
        }
        let policy = json!({ "max_async_retry_attempts": 1, "destination_config": sides });
        let path = format!("/fgs/functions/{name}/async-invoke-config");
        let (status, body) = self.served.send(Method::PUT, &path, &policy).await.expect("an answer");
        assert_eq!(status, 200, "{body}");
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn surprise(&self, what: &str, status: u16, body: &Value) {
        self.seen().surprises.push(format!("{what}: {status} {body}"));
    }

    /// Submits requests, most of them to the function that performs all actions.
    pub(crate) async fn requests(&self, end: Instant) {
        let mut random = Random::new(self.seed);
        while Instant::now() < end {
            let (name, event) = match random.below(100) {
                0..2 => ("cycle", json!({})),
                2..4 => ("stuck", json!({})),
                4..10 => ("slow", json!({})),
                _ => ("work", json!({ "deed": deed(&mut random) })),
            };
            let path = format!("/fgs/functions/{name}/invocations-async");
            match self.served.send(Method::POST, &path, &event).await {
                Some((202, body)) => {
                    let request_id = body["request_id"].as_str().expect("an id").to_owned();
                    self.seen().accepted.insert(request_id, name);
                }
                Some((status, body)) => self.surprise("accepting", status, &body),
                // The server was killed.
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(1000 / REQUESTS)).await;
        }
    }

    /// Calls a function and waits for it, repeatedly.
    pub(crate) async fn calls(&self, end: Instant) {
        let mut random = Random::new(self.seed ^ 1);
        while Instant::now() < end {
            let event = json!({ "deed": deed(&mut random) });
            if let Some((status, body)) =
                self.served.send(Method::POST, "/fgs/functions/work/invocations", &event).await
            {
                self.seen().calls += 1;
                if ![200, 429, 500].contains(&status) {
                    self.surprise("calling", status, &body);
                }
            }
            tokio::time::sleep(Duration::from_millis(100 + random.below(400))).await;
        }
    }

    /// Keeps connections half open.
    pub(crate) async fn half_open(&self, end: Instant) {
        let one = async || {
            while Instant::now() < end {
                if let Ok(mut stream) = TcpStream::connect(self.served.address()).await {
                    let _ = stream.write_all(b"GET /v2/p/fgs/functions HTTP/1.1\r\nHost: h\r\n").await;
                    tokio::time::sleep(HALF_OPEN_FOR).await;
                } else {
                    tokio::time::sleep(PROBES).await;
                }
            }
        };
        futures_util::future::join_all((0..HALF_OPEN).map(|_| one())).await;
    }

    /// Reads, and records the duration while there is a server.
    pub(crate) async fn probe(&self, end: Instant) {
        while Instant::now() < end {
            {
                let _up = self.up.read().await;
                let began = Instant::now();
                match self.served.send(Method::GET, "/fgs/functions/work/config", &Value::Null).await {
                    Some((200, _)) => self.seen().probes.push(began.elapsed()),
                    Some((status, body)) => self.surprise("reading", status, &body),
                    None => self.seen().surprises.push("a read was not answered".to_owned()),
                }
            }
            tokio::time::sleep(PROBES).await;
        }
    }

    /// Kills the server for some time, and then watches its size.
    pub(crate) async fn kill(&self, killed_until: Instant, end: Instant) {
        let mut random = Random::new(self.seed ^ 2);
        while Instant::now() < killed_until {
            let life = Duration::from_millis(KILLS.0 + random.below(KILLS.1 - KILLS.0));
            tokio::time::sleep(life.min(killed_until.saturating_duration_since(Instant::now()))).await;
            let took = {
                let _down = self.up.write().await;
                self.served.kill().await
            };
            self.seen().restarts.push(took);
        }
        while Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(250)).await;
            let (memory, descriptors) = (self.served.memory(), self.served.descriptors());
            let mut seen = self.seen();
            seen.memory.extend(memory);
            seen.descriptors.extend(descriptors);
        }
    }
}

fn deed(random: &mut Random) -> &'static str {
    let mut drawn = random.below(100);
    for (deed, share) in DEEDS {
        if drawn < *share {
            return deed;
        }
        drawn -= share;
    }
    "return"
}
