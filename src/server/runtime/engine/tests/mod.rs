//! Real functions in real processes. If an interpreter is missing, the test says so and passes.

mod code;
mod container;
mod custom;
mod nodejs;
mod pool;
mod python;
mod trouble;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest, Sha512};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::super::{Archive, Call, Deployment, Ended, Identity, Kind, RuntimeOptions, Runtimes};
use super::interpreter::Runtime;

/// Longer than any run here takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The runtimes of a server with its own folder.
struct Local {
    runtimes: Runtimes,
    /// Ends all runs.
    runs: CancellationToken,
    folder: TempDir,
}

struct Function {
    deployment: Arc<Deployment>,
    archive: Vec<u8>,
}

impl Local {
    /// Returns `None` if this machine lacks the interpreter.
    async fn new(runtime: &str) -> Option<Self> {
        Self::with(runtime, |_| {}).await
    }

    async fn with(runtime: &str, adjust: impl FnOnce(&mut RuntimeOptions)) -> Option<Self> {
        let found = Runtime::of(runtime).expect("a runtime that runs here").find(&search_path()).await;
        if let Err(fault) = found {
            #[expect(clippy::print_stderr, reason = "the results must show what they do not cover")]
            {
                eprintln!("skipped: {}", fault.message);
            }
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = RuntimeOptions::new(folder.path().to_owned(), search_path());
        adjust(&mut settings);
        let runs = settings.runs.clone();
        Some(Self { runtimes: Runtimes::new(settings), runs, folder })
    }

    async fn run(&self, function: &Function, event: &str) -> Ended {
        self.call(function, "11111111-2222-4333-8444-555555555555", event).await
    }

    async fn call(&self, function: &Function, request_id: &str, event: &str) -> Ended {
        self.answer(function, self.request(request_id, event)).await
    }

    fn request(&self, request_id: &str, event: &str) -> Call {
        let event = bytes::Bytes::from(event.to_owned());
        Call { request_id: request_id.to_owned(), event, kind: Kind::Async, canceled: self.runs.child_token() }
    }

    async fn answer(&self, function: &Function, call: Call) -> Ended {
        let archive = |_| {
            let archive = function.archive.clone();
            async move { Archive::Zip(archive) }
        };
        let ended = self.runtimes.run(&function.deployment, call, archive);
        tokio::time::timeout(PATIENCE, ended).await.expect("the run ends")
    }
}

impl Function {
    /// A function with one file and the handler `index.handler`.
    fn new(runtime: &str, file: &str, source: &str) -> Self {
        Self::of_files(runtime, &[(file, source)])
    }

    fn of_files(runtime: &str, files: &[(&str, &str)]) -> Self {
        Self::of_archive(runtime, archive(files))
    }

    fn of_archive(runtime: &str, archive: Vec<u8>) -> Self {
        let digest = hex::encode(Sha512::digest(&archive));
        let text = |text: &str| text.to_owned();
        let identity = Identity {
            project_id: text("0123456789abcdef0123456789abcdef"),
            package: text("default"),
            name: text("work"),
            version: text("latest"),
            alias: None,
            urn: text("urn:fss:eu-de:0123456789abcdef0123456789abcdef:function:default:work:latest"),
        };
        let deployment = Deployment {
            identity,
            runtime: text(runtime),
            handler: text("index.handler"),
            initializer: None,
            timeout: Duration::from_secs(30),
            memory: 256,
            environment: BTreeMap::new(),
            secrets: BTreeMap::new(),
            image: None,
            dependencies: Vec::new(),
            revision: digest.clone(),
            digest,
        };
        Self { deployment: Arc::new(deployment), archive }
    }

    fn python(source: &str) -> Self {
        Self::new("Python3.9", "index.py", source)
    }

    fn node(source: &str) -> Self {
        Self::new("Node.js18.15", "index.js", source)
    }

    /// Adds files.
    fn and(self, files: &[(&str, &str)]) -> Self {
        let mut archive = zip::ZipWriter::new_append(Cursor::new(self.archive)).expect("an archive");
        for (path, content) in files {
            archive.start_file(*path, zip::write::SimpleFileOptions::default()).expect("an entry");
            archive.write_all(content.as_bytes()).expect("its content");
        }
        let archive = archive.finish().expect("an archive").into_inner();
        Self::of_archive(&self.deployment.runtime, archive)
    }

    fn with(mut self, adjust: impl FnOnce(&mut Deployment)) -> Self {
        adjust(Arc::get_mut(&mut self.deployment).expect("it is not shared yet"));
        self
    }
}

fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content) in files {
        archive.start_file(*path, zip::write::SimpleFileOptions::default()).expect("an entry");
        archive.write_all(content.as_bytes()).expect("its content");
    }
    archive.finish().expect("an archive").into_inner()
}

/// The result as text.
fn result(ended: &Ended) -> String {
    let payload = ended.result.as_ref().unwrap_or_else(|fault| panic!("{}: {}", fault.payload, ended.log));
    String::from_utf8(payload.body.clone()).expect("text")
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&result(ended)).expect("JSON")
}

/// The code of the fault, and the failure object.
fn failure(ended: &Ended) -> (i32, Value) {
    let fault = ended.result.as_ref().expect_err("it fails");
    assert!(!fault.message.contains('\n'), "{}", fault.message);
    (fault.code, serde_json::from_str(&fault.payload).expect("a failure object"))
}

/// Waits for a condition.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

fn is_alive(process: i32) -> bool {
    // A zombie still accepts signals, but it does not run.
    let state = std::fs::read_to_string(format!("/proc/{process}/stat"));
    let state = state.as_ref().ok().and_then(|stat| stat.rsplit(')').next()?.split_whitespace().next());
    let process = rustix::process::Pid::from_raw(process).expect("a process id");
    rustix::process::test_kill_process(process).is_ok() && state != Some("Z")
}

fn secret(value: &str) -> SecretString {
    SecretString::from(value)
}
