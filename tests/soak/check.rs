//! The conditions that must hold at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use fgctl::wire::invocation::{Status, Trace};
use reqwest::Method;
use serde_json::Value;

use crate::load::{Load, MARK, Seen};
use crate::subscriber::Subscribers;

/// The longest time until all accepted requests have ended. The longest wait between two deliveries is five minutes.
const PATIENCE: Duration = Duration::from_mins(11);
/// The longest time until the server and everything that it started have ended.
const LAST: Duration = Duration::from_secs(20);
/// The 99th percentile of the read time must be below this.
const READ: Duration = Duration::from_millis(100);
const RESTART: Duration = Duration::from_secs(1);

/// One condition, and the observed result.
pub(crate) struct Line {
    pub(crate) holds: bool,
    what: String,
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", if self.holds { "ok    " } else { "FAILED" }, self.what)
    }
}

fn line(holds: bool, what: impl Into<String>) -> Line {
    Line { holds, what: what.into() }
}

pub(crate) async fn check(load: &Load, subscribers: &Subscribers) -> Vec<Line> {
    let mut lines = vec![quiet(load).await];
    let seen = std::mem::take(&mut *load.seen());
    lines.push(line(
        seen.surprises.is_empty(),
        format!("{} surprises {:?}", seen.surprises.len(), first(&seen.surprises)),
    ));
    lines.extend(ends(load, subscribers, &seen).await);
    lines.extend(figures(&seen));
    lines.extend(leftovers(load).await);
    lines
}

fn first<T>(all: &[T]) -> &[T] {
    &all[..all.len().min(5)]
}

/// Waits until nothing is queued, running, or waiting for delivery. Reads the server's database file.
async fn quiet(load: &Load) -> Line {
    let began = Instant::now();
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store = rusqlite::Connection::open_with_flags(load.served.data.join("store.db"), flags).expect("the store");
    let count = |query: &str| store.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap_or(-1);
    let counts = || {
        let unfinished = count("SELECT count(*) FROM invocations WHERE ended IS NULL");
        (unfinished, count("SELECT count(*) FROM notifications WHERE due IS NOT NULL"))
    };
    while counts() != (0, 0) && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (unfinished, owed) = counts();
    let took = began.elapsed().as_secs();
    line((unfinished, owed) == (0, 0), format!("after {took} s, {unfinished} have not ended and {owed} are owed"))
}

/// Every accepted request has ended once, and was reported to its target.
async fn ends(load: &Load, subscribers: &Subscribers, seen: &Seen) -> Vec<Line> {
    let [succeeded, failed] = ["succeeded", "failed"].map(|stream| told(&load.served.data, stream));
    let posted = subscribers.told();
    let (mut wrong, mut statuses) = (Vec::new(), BTreeMap::<String, usize>::new());
    for (request_id, function) in &seen.accepted {
        let path = format!("/fgctl/invocations/{request_id}");
        let answer = load.served.send(Method::GET, &path, &Value::Null).await;
        let Some(trace) = answer.and_then(|(_, body)| serde_json::from_value::<Trace>(body).ok()) else {
            wrong.push(format!("{request_id} of {function} is unknown"));
            continue;
        };
        *statuses.entry(format!("{:?}", trace.status)).or_default() += 1;
        let is_told = match (trace.status, *function) {
            (Status::Success, "work") => succeeded.contains(request_id) && !failed.contains(request_id),
            (Status::Success, "cycle") => trace.notification.is_some(),
            (Status::Success, _) => posted.contains(request_id) && !failed.contains(request_id),
            (Status::Fail | Status::Discard, _) => failed.contains(request_id) && !succeeded.contains(request_id),
            (Status::Wait | Status::Running, _) => false,
        };
        let has_ended = trace.ended.is_some() && trace.attempts.iter().all(|attempt| attempt.ended.is_some());
        if !is_told || !has_ended || trace.attempts.len() > 2 {
            wrong.push(format!("{function}: {trace:?}"));
        }
    }
    vec![
        line(
            !seen.accepted.is_empty(),
            format!("{} accepted, {statuses:?}; {} called", seen.accepted.len(), seen.calls),
        ),
        line(
            wrong.is_empty(),
            format!("{} did not end exactly once or were not reported {:#?}", wrong.len(), first(&wrong)),
        ),
    ]
}

/// The requests that a stream was notified of.
fn told(data: &Path, stream: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(data.join(format!("dis/{stream}.jsonl"))).unwrap_or_default();
    let told = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    told.filter_map(|told| told["request_context"]["request_id"].as_str().map(str::to_owned)).collect()
}

fn figures(seen: &Seen) -> Vec<Line> {
    let mut probes = seen.probes.clone();
    probes.sort();
    let p99 = probes.get(probes.len() * 99 / 100).copied().unwrap_or(Duration::MAX);
    let longest = probes.last().copied().unwrap_or_default();
    let restart = seen.restarts.iter().max().copied().unwrap_or_default();
    let (before, after) = halves(&seen.memory);
    let counts: Vec<f64> =
        seen.descriptors.iter().map(|count| f64::from(u32::try_from(*count).unwrap_or(u32::MAX))).collect();
    let (fewer, more) = halves(&counts);
    vec![
        line(p99 < READ, format!("{} reads: p99 {p99:.1?}, longest {longest:.1?}", probes.len())),
        line(restart < RESTART, format!("{} restarts after kill -9: longest {restart:.0?}", seen.restarts.len())),
        line(after < before * 1.2 + 20.0, format!("memory without kills: median {before:.0} MB, then {after:.0} MB")),
        line(more < fewer * 1.2 + 50.0, format!("descriptors without kills: median {fewer:.0}, then {more:.0}")),
    ]
}

/// The medians of the first and the second half.
fn halves(values: &[f64]) -> (f64, f64) {
    let (first, second) = values.split_at(values.len() / 2);
    let median = |part: &[f64]| {
        let mut part = part.to_vec();
        part.sort_by(f64::total_cmp);
        part.get(part.len() / 2).copied().unwrap_or_default()
    };
    (median(first), median(second))
}

/// The server ends, and leaves neither processes nor files.
async fn leftovers(load: &Load) -> Vec<Line> {
    let stopped = load.served.stop(LAST).await;
    let began = Instant::now();
    while !marked().is_empty() && began.elapsed() < LAST {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let processes = marked();
    let files: Vec<String> = scratch(&load.served.data);
    vec![
        line(stopped.is_some(), stopped.map_or("it does not end".to_owned(), |took| format!("it ended in {took:.1?}"))),
        line(processes.is_empty(), format!("{} processes are left over {:?}", processes.len(), first(&processes))),
        line(files.is_empty(), format!("{} scratch files are left over {:?}", files.len(), first(&files))),
    ]
}

/// Processes that functions started.
fn marked() -> Vec<u32> {
    let mark = format!("{MARK}=1");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_marked = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
    };
    ids.filter(is_marked).collect()
}

/// Files that functions wrote, and files that were not renamed to their final name.
fn scratch(data: &Path) -> Vec<String> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        entries.map(|entry| entry.path().display().to_string()).collect()
    };
    let unfinished =
        names(data).into_iter().filter(|name| Path::new(name).extension().is_some_and(|extension| extension == "new"));
    names(&data.join("run/scratch")).into_iter().chain(unfinished).collect()
}
