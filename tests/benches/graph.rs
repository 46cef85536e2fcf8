//! The cost of the event graph, as ratios within one run: `cargo bench --bench graph`.
//!
//! - building the graph and searching it for cycles: the time for each function of 10,000, compared with 1,000. The
//!   functions write to buckets whose triggers start the next function, so every second step goes through a bucket;
//! - drawing 5,000 functions as SVG: time.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "a benchmark prints figures, which are small")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use fgctl::manifest::{self, Inputs, Loaded};
use fgctl::plan::{cycle, events};
use serde_json::{Value, json};

const FGCTL: &str = env!("CARGO_BIN_EXE_fgctl");
const SIZES: [usize; 2] = [1_000, 10_000];
const DRAWN: usize = 5_000;
const ROUNDS: usize = 7;
/// Functions in one chain, and in one bucket.
const CHAIN: usize = 50;

fn main() {
    let [small, large] = SIZES.map(|size| {
        let loaded = loaded(&manifest(size));
        let each = median(|| search(&loaded)).as_secs_f64() * 1e6 / size as f64;
        println!("graph and cycles of {size} functions: {each:.2} µs for each");
        each
    });
    println!("{} functions against {}: {:.2} times the time for each", SIZES[1], SIZES[0], large / small);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fgctl.yaml"), manifest(DRAWN).to_string()).expect("the manifest is written");
    for format in ["json", "svg"] {
        let time = median(|| draw(folder.path(), format));
        println!("fgctl graph -o {format} of {DRAWN} functions: {:.0} ms", time.as_secs_f64() * 1e3);
    }
}

/// Chains of functions. A function writes its failures to a bucket, and a trigger there starts the next function.
fn manifest(size: usize) -> Value {
    let function = |index: usize| {
        let (chain, step) = (index / CHAIN, index % CHAIN);
        let object = |step: usize| json!({ "bucket": format!("bucket-{chain}"), "prefix": format!("{step}/") });
        let mut heard = object(step);
        heard["events"] = json!(["s3:ObjectCreated:*"]);
        let entry = json!({
            "runtime": "Python3.9", "handler": "index.handler", "agency": "a", "code": { "inline": "x" },
            "async": { "on_failure": { "obs": object(step + 1) } },
            "triggers": { "objects": { "obs": heard } },
        });
        (format!("f{index}"), entry)
    };
    let functions: serde_json::Map<String, Value> = (0..size).map(function).collect();
    json!({ "version": 1, "stack": "s", "functions": functions })
}

fn loaded(manifest: &Value) -> Loaded {
    let loaded = manifest::load(&Inputs {
        paths: &[PathBuf::from("-")],
        root: None,
        selected: None,
        not_manifests: &[],
        variables: &[],
        variable_files: &[],
        environment: &|_| None,
        standard_input: &|_| Ok(manifest.to_string().into_bytes()),
    });
    assert!(loaded.manifest.is_some(), "{:#?}", loaded.diagnostics);
    loaded
}

fn search(loaded: &Loaded) -> Duration {
    let start = Instant::now();
    let found = cycle::cycles(&events::declared(loaded.holders()), |_| true);
    let time = start.elapsed();
    assert!(found.is_empty(), "there is no cycle: {found:#?}");
    time
}

fn draw(folder: &Path, format: &str) -> Duration {
    let start = Instant::now();
    let status = Command::new(FGCTL).args(["graph", "-o", format]).current_dir(folder).stdout(Stdio::null()).status();
    assert!(status.expect("fgctl starts").success());
    start.elapsed()
}

fn median(measure: impl Fn() -> Duration) -> Duration {
    let mut times: Vec<Duration> = (0..ROUNDS).map(|_| measure()).collect();
    times.sort();
    times[ROUNDS / 2]
}
