//! Hours of trouble for one server: `cargo bench --bench soak -- [--seconds 60] [--seed 1]`.
//!
//! Functions crash, hang, fork and leave their process group; policies form cycles; clients leave connections half
//! open; subscribers are slow or do not answer; and in the first two thirds of the time the server itself is killed
//! repeatedly. At the end, every accepted request must have ended exactly once and been reported at least once, nothing
//! may be left over, and the server must have stayed small and quick. All traffic is on 127.0.0.1.

#![expect(clippy::print_stdout, reason = "it prints its findings")]

mod check;
mod load;
mod random;
mod served;
mod subscriber;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use load::Load;
use served::Served;
use subscriber::Subscribers;

/// The command line.
#[derive(Debug, Clone, Copy)]
struct Arguments {
    duration: Duration,
    seed: u64,
}

/// At most a day, because the server deletes older records.
const LONGEST: u64 = 20 * 3600;

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            println!("{message}\nusage: cargo bench --bench soak -- [--seconds N] [--seed N]");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let passed = runtime.block_on(soak(arguments));
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { duration: Duration::from_mins(1), seed: 1 };
    while let Some(flag) = given.next() {
        let mut number =
            || given.next().and_then(|text| text.parse::<u64>().ok()).ok_or(format!("{flag} needs a number"));
        match flag.as_str() {
            "--seconds" => arguments.duration = Duration::from_secs(number()?.clamp(10, LONGEST)),
            "--seed" => arguments.seed = number()?,
            // The argument that cargo itself adds.
            "--bench" => {}
            other => return Err(format!("{other} is unknown")),
        }
    }
    Ok(arguments)
}

async fn soak(Arguments { duration, seed }: Arguments) -> bool {
    println!("soak: {} s with seed {seed}", duration.as_secs());
    let folder = tempfile::tempdir().expect("a folder");
    let subscribers = Subscribers::start().await;
    let served = Arc::new(Served::start(&folder.path().join("data"), &subscribers.flags()).await);
    let load = Arc::new(Load::prepare(Arc::clone(&served), seed).await);
    let end = Instant::now() + duration;
    let killed_until = Instant::now() + duration * 2 / 3;
    tokio::join!(
        load.requests(end),
        load.calls(end),
        load.half_open(end),
        load.probe(end),
        load.kill(killed_until, end)
    );
    subscribers.become_quick();
    let found = check::check(&load, &subscribers).await;
    for line in &found {
        println!("{line}");
    }
    let passed = found.iter().all(|line| line.holds);
    println!("soak: {}", if passed { "passed" } else { "FAILED" });
    passed
}
