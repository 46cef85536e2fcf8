//! The cost of a plan, an apply and a validation, as ratios within one run: `cargo bench`.
//!
//! - a plan without changes of 1,000 functions with policies: requests, memory, and the time compared with the same
//!   requests sent by a minimal client in its own process. Measured next to the server, where requests take almost no
//!   time, and at a distance, like that of a real service;
//! - creating them: requests;
//! - validating 10,000 functions: time compared with parsing the same YAML, and memory.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints figures, which are small")]

#[path = "../integration/patience.rs"]
#[expect(dead_code, reason = "tests also wait for conditions")]
mod patience;
#[path = "../integration/recorder.rs"]
#[expect(dead_code, reason = "tests also disturb requests, but a benchmark only counts them")]
mod recorder;

use futures_util::{StreamExt, stream};
use reqwest::header::HeaderValue;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

use recorder::{Recorded, Recorder};

const FGCTL: &str = env!("CARGO_BIN_EXE_fgctl");
const PLANNED: usize = 1_000;
const VALIDATED: usize = 10_000;
/// The default of `--concurrency`.
const CONCURRENCY: usize = 10;
const ROUNDS: usize = 7;
const PLAN: [&str; 2] = ["plan", "--detailed-exitcode"];
/// A real service is further away.
const DISTANCE: Duration = Duration::from_millis(10);

/// Arguments with which this program starts itself to do one thing. In the same process, its peak memory and warm
/// caches would affect the measurement.
///
/// Parse a manifest as YAML, and print the time in microseconds.
const PARSE: &str = "--parse";
/// Send the requests of a file to a server.
const SEND: &str = "--send";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, PARSE, manifest] => return parse(manifest),
        [_, SEND, url, requests] => return send(url, requests),
        _ => {}
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let (server, requests) = reconcile(&runtime, folder.path());
    validate(folder.path());
    // Runs last, because a child's peak memory starts with the current memory of this process.
    let distant = runtime.block_on(Recorder::at_distance(&server.url, DISTANCE));
    let what = format!("plan without changes, {} ms away", DISTANCE.as_millis());
    against_bare(&what, folder.path(), distant.url(), &requests);
}

/// A process that has ended: its run time and its peak memory.
struct Measured {
    time: Duration,
    megabytes: f64,
}

struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The server with the functions, and the file with the requests of a plan.
fn reconcile(runtime: &tokio::runtime::Runtime, folder: &Path) -> (Server, PathBuf) {
    std::fs::write(folder.join("fgctl.yaml"), manifest(PLANNED)).expect("the manifest is written");
    let server = serve(&folder.join("data"));
    let recorder = runtime.block_on(Recorder::start(&server.url));

    run(&mut fgctl(folder, recorder.url(), &["apply", "--auto-approve"]));
    let creating = recorder.take();
    let writes = creating.iter().filter(|request| request.is_write()).count();
    println!(
        "create {PLANNED} functions: {:.3} writes and {:.3} requests in all, per function",
        per(writes),
        per(creating.len())
    );

    run(&mut fgctl(folder, recorder.url(), &PLAN));
    let planning = recorder.take();
    let peak = run(&mut fgctl(folder, &server.url, &PLAN)).megabytes;
    println!("plan without changes: {:.3} requests per function, peak memory {peak:.1} MB", per(planning.len()));

    let requests = folder.join("requests");
    std::fs::write(&requests, planning.iter().map(as_lines).collect::<String>()).expect("the requests are written");
    against_bare("plan without changes", folder, &server.url, &requests);
    (server, requests)
}

fn against_bare(what: &str, folder: &Path, url: &str, requests: &Path) {
    let (mut ratios, mut times, mut bare_times) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare = run(this_program().args([SEND, url]).arg(requests)).time;
        let plan = run(&mut fgctl(folder, url, &PLAN)).time;
        ratios.push(plan.as_secs_f64() / bare.as_secs_f64());
        times.push(plan.as_secs_f64() * 1000.0);
        bare_times.push(bare.as_secs_f64() * 1000.0);
    }
    println!(
        "{what}: {:.0} ms, the same requests bare {:.0} ms, ratio {:.2}",
        median(times),
        median(bare_times),
        median(ratios),
    );
}

fn validate(folder: &Path) {
    let folder = folder.join("large");
    std::fs::create_dir(&folder).expect("a folder");
    let path = folder.join("fgctl.yaml");
    std::fs::write(&path, manifest(VALIDATED)).expect("the manifest is written");
    let (mut ratios, mut times, mut parse_times, mut memory) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let parsing = timed(this_program().arg(PARSE).arg(&path));
        let validation = run(Command::new(FGCTL).arg("validate").current_dir(&folder).stdout(Stdio::null()));
        ratios.push(validation.time.as_secs_f64() / parsing.as_secs_f64());
        times.push(validation.time.as_secs_f64() * 1000.0);
        parse_times.push(parsing.as_secs_f64() * 1000.0);
        memory.push(validation.megabytes);
    }
    println!(
        "validate {VALIDATED} functions: {:.0} ms, parsing alone {:.0} ms, ratio {:.2}, peak memory {:.1} MB",
        median(times),
        median(parse_times),
        median(ratios),
        median(memory),
    );
}

fn this_program() -> Command {
    Command::new(std::env::current_exe().expect("this program has a path"))
}

fn parse(path: &str) {
    let text = std::fs::read_to_string(path).expect("the manifest is readable");
    let start = Instant::now();
    let value: serde_yaml::Value = serde_yaml::from_str(&text).expect("it is YAML");
    println!("{}", start.elapsed().as_micros());
    drop(value);
}

/// The time that a process prints for its own work.
fn timed(command: &mut Command) -> Duration {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let microseconds = String::from_utf8(output.stdout).expect("text");
    Duration::from_micros(microseconds.trim().parse().expect("a number"))
}

/// A line each for method, target and body, two lines for each header, and an empty line.
fn as_lines(request: &Recorded) -> String {
    let Recorded { method, target, headers, body, .. } = request;
    let header = |(name, value): (&_, &HeaderValue)| format!("{name}\n{}\n", value.to_str().expect("text"));
    let headers: String = headers.iter().map(header).collect();
    format!("{method} {target} {body}\n{headers}\n")
}

/// Sends the recorded requests again, byte for byte and with their signatures, and does nothing else: answers are not
/// parsed.
fn send(url: &str, path: &str) {
    let text = std::fs::read_to_string(path).expect("the file");
    // The same kind of runtime as `fgctl plan` uses.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client");
    let requests = text.split_terminator("\n\n").map(|request| {
        let mut lines = request.split('\n');
        let mut first = lines.next().expect("a line").splitn(3, ' ');
        let mut part = || first.next().expect("method, target and body");
        let method = reqwest::Method::from_bytes(part().as_bytes()).expect("a method");
        let mut request = client.request(method, format!("{url}{}", part())).body(part().to_owned());
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            request = request.header(name, value);
        }
        request
    });
    runtime.block_on(stream::iter(requests).for_each_concurrent(CONCURRENCY, async |request| {
        let response = request.send().await.expect("an answer").error_for_status().expect("success");
        response.bytes().await.expect("a whole answer");
    }));
}

fn serve(data: &Path) -> Server {
    let mut process = Command::new(FGCTL)
        .args(["serve", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut line = String::new();
    BufReader::new(process.stdout.take().expect("its output")).read_line(&mut line).expect("it prints its address");
    let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
    Server { process, url }
}

fn fgctl(folder: &Path, endpoint: &str, arguments: &[&str]) -> Command {
    let credentials = fgctl::server::credentials(&folder.join("data")).expect("credentials");
    let mut command = Command::new(FGCTL);
    command
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .env("FGCTL_ENDPOINT", endpoint)
        .env("FGCTL_REGION", credentials.region)
        .env("FGCTL_PROJECT_ID", credentials.project_id)
        .env("FGCTL_ACCESS_KEY", credentials.access_key)
        .env("FGCTL_SECRET_KEY", secrecy::ExposeSecret::expose_secret(&credentials.secret_key));
    command
}

fn run(command: &mut Command) -> Measured {
    let start = Instant::now();
    let child = command.spawn().expect("it starts");
    let ended = child.wait4().expect("it ends");
    assert!(ended.status.success(), "{command:?} ended with {}", ended.status);
    Measured { time: start.elapsed(), megabytes: ended.rusage.maxrss as f64 / 1_000_000.0 }
}

/// Functions with everything that takes time: environment, tags, code, and their own policy.
fn manifest(count: usize) -> String {
    let mut text = String::from(
        "version: 1\nstack: many\ndefaults:\n  runtime: Python3.9\n  handler: index.handler\n  agency: fgs-notify\nfunctions:\n",
    );
    for index in 0..count {
        let _ = write!(
            text,
            "  f{index}:\n    description: number {index}\n    environment: {{ LEVEL: info }}\n    tags: {{ team: t{} }}\n    \
             code: {{ inline: \"def handler(event, context): return {index}\\n\" }}\n    async:\n      max_retries: 2\n      \
             max_validity_period: 1h\n      on_failure: {{ obs: {{ bucket: failures, prefix: f{index}/ }} }}\n",
            index % 7,
        );
    }
    text
}

fn per(count: usize) -> f64 {
    count as f64 / PLANNED as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
