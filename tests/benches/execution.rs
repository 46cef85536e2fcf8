//! The cost of asynchronous execution, as ratios within one run: `cargo bench --bench execution`.
//!
//! - accepting: requests stored on disk, compared with reads of a configuration from the same server, and with one
//!   flush to the same disk for each request;
//! - running: no-op Python invocations on warm workers, compared with starting `python3` for each;
//! - draining 100,000 queued invocations: the server's memory, and the rate at the end compared with the start.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints figures, which are small")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use reqwest::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const FGCTL: &str = env!("CARGO_BIN_EXE_fgctl");
const CONNECTIONS: usize = 32;
const ROUNDS: usize = 5;
/// The number of requests of each kind in one round.
const REQUESTS: usize = 8_000;
const FLUSHES: u32 = 400;
/// The number of concurrent runs, both for warm workers and for new interpreters.
const AT_ONCE: usize = 8;
const RUNS: usize = 10_000;
const STARTS: usize = 200;
const QUEUED: usize = 100_000;

/// Does nothing, or sleeps if the event says so.
const SOURCE: &str = "
import time

def handler(event, context):
    if 'sleep' in event:
        time.sleep(event['sleep'])
    return None
";

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    runtime.block_on(async {
        let server = Server::start(&folder.path().join("data"));
        server.create("f").await;
        accepting(&server, folder.path()).await;
        running(&server).await;
        drop(server);
        let server = Server::start(&folder.path().join("queue"));
        server.create("f").await;
        draining(&server).await;
    });
}

/// A server process and a client for it.
struct Server {
    process: Child,
    data: PathBuf,
    client: reqwest::Client,
    url: String,
    token: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(data: &Path) -> Self {
        let mut command = Command::new(FGCTL);
        let mut process =
            command.args(["serve", "--data"]).arg(data).stdout(Stdio::piped()).spawn().expect("the server starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("it prints its address");
        let credentials = fgctl::server::credentials(data).expect("credentials");
        let address = line.trim().strip_prefix("listening on ").expect("an address");
        Self {
            process,
            data: data.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            url: format!("{address}/v2/{}/fgs/functions", credentials.project_id),
            token: credentials.token.expose_secret().to_owned(),
        }
    }

    async fn send(&self, method: Method, rest: &str, body: &Value) -> Value {
        let request = self.client.request(method, format!("{}{rest}", self.url)).header("x-auth-token", &self.token);
        let response = request.body(body.to_string()).send().await.expect("an answer");
        let status = response.status();
        let body = response.bytes().await.expect("a whole answer");
        assert!(status.is_success(), "{rest}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap_or_default()
    }

    async fn create(&self, name: &str) {
        let function = json!({
            "func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 3600, "handler": "index.handler",
            "memory_size": 128, "code_type": "inline", "func_code": { "file": STANDARD.encode(SOURCE) },
        });
        self.send(Method::POST, "", &function).await;
    }

    async fn limit(&self, instances: i64) {
        self.send(Method::PUT, "/f/config-max-instance", &json!({ "max_instance_num": instances })).await;
    }

    /// Occupies the only place, so that everything else waits. Returns the id of the request that occupies it.
    async fn occupy(&self) -> Value {
        self.limit(1).await;
        let occupant = self.send(Method::POST, "/f/invocations-async", &json!({ "sleep": 3600 })).await;
        while self.send(Method::GET, "/f/active-async-invocations?status=RUNNING", &Value::Null).await["count"] != 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        occupant["request_id"].clone()
    }

    async fn cancel(&self, request_id: Value) {
        self.send(Method::POST, "/f/cancel", &json!({ "request_id": request_id, "type": "force" })).await;
    }

    /// The rate of requests per second, for `count` requests over several connections. The client does as little as
    /// possible, because it shares the machine with the server.
    async fn rate(&self, (method, rest): (Method, &str), body: &Value, count: usize, connections: usize) -> f64 {
        let (host, path) = self.url.trim_start_matches("http://").split_once('/').expect("a path");
        let body = Full::new(Bytes::from(body.to_string()));
        let request = hyper::Request::builder().method(method).uri(format!("/{path}{rest}")).header("host", host);
        let request = request.header("x-auth-token", &self.token).body(body).expect("a request");
        let start = Instant::now();
        let work =
            (0..connections).map(|_| tokio::spawn(repeat(host.to_owned(), request.clone(), count / connections)));
        for connection in work.collect::<Vec<_>>() {
            connection.await.expect("no panic");
        }
        (count / connections * connections) as f64 / start.elapsed().as_secs_f64()
    }

    /// The peak memory in MB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let peak =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak.map_or(f64::NAN, |kilobytes: f64| kilobytes * 1024.0 / 1_000_000.0)
    }
}

/// Sends a request repeatedly over one connection, each time after the answer to the one before.
async fn repeat(host: String, request: hyper::Request<Full<Bytes>>, times: usize) {
    let stream = tokio::net::TcpStream::connect(host).await.expect("a connection");
    stream.set_nodelay(true).expect("a socket");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    let work = async move {
        for _ in 0..times {
            let response = sender.send_request(request.clone()).await.expect("an answer");
            let status = response.status();
            response.into_body().collect().await.expect("a whole answer");
            assert!(status.is_success(), "{status}");
        }
    };
    let (ended, ()) = tokio::join!(connection, work);
    ended.expect("HTTP to the end");
}

async fn accepting(server: &Server, folder: &Path) {
    let occupant = server.occupy().await;
    let event = json!({ "order": "0123456789", "amount": 12 });
    let (mut accepted, mut read, mut flushed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        accepted.push(server.rate((Method::POST, "/f/invocations-async"), &event, REQUESTS, CONNECTIONS).await);
        read.push(server.rate((Method::GET, "/f/config"), &Value::Null, REQUESTS, CONNECTIONS).await);
        flushed.push(flushes(&folder.join("flushed")));
    }
    server.cancel(occupant).await;
    let (accepted, read, flushed) = (median(accepted), median(read), median(flushed));
    println!(
        "accepting: {accepted:.0}/s, reading a configuration {read:.0}/s, ratio {:.2}; one flush each {flushed:.0}/s, ratio {:.1}",
        accepted / read,
        accepted / flushed,
    );
}

/// The number of flushes per second, each with a small write.
fn flushes(path: &Path) -> f64 {
    let mut file = std::fs::File::options().create(true).append(true).open(path).expect("a file");
    let start = Instant::now();
    for _ in 0..FLUSHES {
        file.write_all(&[0; 512]).expect("it is written");
        file.sync_data().expect("it is flushed");
    }
    f64::from(FLUSHES) / start.elapsed().as_secs_f64()
}

async fn running(server: &Server) {
    server.limit(-1).await;
    wait_for_end(server, ROUNDS * REQUESTS).await;
    let call = (Method::POST, "/f/invocations");
    let _warm = server.rate(call.clone(), &json!({}), AT_ONCE * 10, AT_ONCE).await;
    let (mut warm, mut started) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        warm.push(server.rate(call.clone(), &json!({}), RUNS / ROUNDS, AT_ONCE).await);
        started.push(starts().await);
    }
    let (warm, started) = (median(warm), median(started));
    println!("running: {warm:.0}/s on warm workers, starting python3 {started:.0}/s, ratio {:.1}", warm / started);
}

/// The number of interpreters started and ended per second. Does not use the shell's command, because on some machines
/// that is a script.
async fn starts() -> f64 {
    let found = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().expect("python3");
    let python = String::from_utf8(found.stdout).expect("a path").trim().to_owned();
    let start = Instant::now();
    stream::iter(0..STARTS / ROUNDS)
        .for_each_concurrent(AT_ONCE, |_| {
            let mut command = Command::new(&python);
            command.args(["-c", "pass"]);
            async move {
                let ended = tokio::task::spawn_blocking(move || command.status().expect("it runs")).await;
                assert!(ended.expect("it ends").success());
            }
        })
        .await;
    (STARTS / ROUNDS) as f64 / start.elapsed().as_secs_f64()
}

async fn draining(server: &Server) {
    let occupant = server.occupy().await;
    server.rate((Method::POST, "/f/invocations-async"), &json!({ "order": 1 }), QUEUED, CONNECTIONS).await;
    server.limit(-1).await;
    server.cancel(occupant).await;
    let start = Instant::now();
    let mut times = vec![0.0];
    for part in 1..=10 {
        wait_for_end(server, QUEUED / 10 * part).await;
        times.push(start.elapsed().as_secs_f64());
    }
    let rate = |part: usize| (QUEUED / 10) as f64 / (times[part] - times[part - 1]);
    // The first part includes starting the workers.
    println!(
        "draining {QUEUED}: {:.0}/s at the start, {:.0}/s at the end, ratio {:.2}; peak memory {:.1} MB",
        rate(2),
        rate(10),
        rate(10) / rate(2),
        server.memory(),
    );
}

/// Reads the server's database file, so that the server is not disturbed.
async fn wait_for_end(server: &Server, count: usize) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(server.data.join("store.db"), flags).expect("the store");
    let ended = || -> rusqlite::Result<usize> {
        store.query_row("SELECT count(*) FROM invocations WHERE ended IS NOT NULL", [], |row| row.get(0))
    };
    while ended().expect("a number") < count {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
