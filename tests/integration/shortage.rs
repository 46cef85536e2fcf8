//! If the machine lacks resources for a run, the request waits, and its attempts are not used up.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::Command;

use reqwest::Method;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::invoke::has_python;
use crate::isolation::left_out;
use crate::patience::until;
use crate::process::finish;
use crate::server_harness::runnable;
use crate::server_operation::Operated;
use crate::server_process::started;

const FLAGS: &[&str] = &["-v", "--log-format", "json", "--retry-wait", "10ms"];
/// The result code of an attempt that did not start.
const NOT_STARTED: i64 = 150_429;

async fn create(operated: &Operated, name: &str, source: &str) {
    assert_eq!(operated.send(Method::POST, "/fgs/functions", &runnable(name, source)).await, 200);
}

/// A handler with a unique archive.
fn source(mark: &str) -> String {
    format!("def handler(event, context):\n    return '{mark}'\n")
}

/// Sends a request during a shortage, waits until an attempt could not start for that reason, ends the shortage, and
/// expects that the first attempt succeeds.
async fn waits(operated: &Operated, name: &str, reason: &str, end_shortage: impl FnOnce()) {
    let accepted = operated.ask(Method::POST, &format!("/fgs/functions/{name}/invocations-async"), &json!({})).await;
    let id = accepted["request_id"].as_str().expect("a request id").to_owned();
    operated.until_attempt(&id, NOT_STARTED);
    end_shortage();
    let mut ended = Value::Null;
    until("the request ends", async || {
        ended = operated.ask(Method::GET, &format!("/fgctl/invocations/{id}"), &Value::Null).await;
        ended["status"] != "WAIT" && ended["status"] != "RUNNING"
    })
    .await;
    let attempts = ended["attempts"].as_array().map(Vec::len);
    assert_eq!((&ended["status"], attempts), (&json!("SUCCESS"), Some(1)), "{ended:#}");
    let log = operated.ask(Method::GET, &format!("/fgctl/functions/{name}/log"), &Value::Null).await.to_string();
    assert!(log.contains(reason), "{log}");
}

/// Limits a resource of the server.
fn limit(operated: &Operated, resource: Resource, wanted: Rlimit) {
    let id = i32::try_from(operated.id()).ok().and_then(Pid::from_raw).expect("an id");
    prlimit(Some(id), resource, wanted).expect("a limit");
}

#[tokio::test]
async fn without_descriptors_no_attempt_is_used_up() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let operated = Operated::start(&folder.path().join("data"), "true", FLAGS);
    operated.until_isolated();
    for (name, code) in [("interpreter", "first"), ("code", "second"), ("process", "second")] {
        create(&operated, name, &source(code)).await;
    }
    let reasons = [
        ("interpreter", "an interpreter cannot be asked for its version: Too many open files"),
        ("code", "the code cannot be unpacked: "),
        ("process", "the function's process cannot be started: Too many open files"),
    ];
    for (name, reason) in reasons {
        let all = rustix::process::getrlimit(Resource::Nofile);
        limit(&operated, Resource::Nofile, Rlimit { current: Some(3), ..all });
        waits(&operated, name, reason, || limit(&operated, Resource::Nofile, all)).await;
    }
}

/// The folder for runs is on its own disk, which is full.
#[tokio::test]
async fn without_room_on_the_disk_no_attempt_is_used_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(operated) = on_own_disk(&folder.path().join("data"), "run", "4m") else { return };
    create(&operated, "warm", &source("warm")).await;
    create(&operated, "code", &source("code")).await;
    assert_eq!(operated.send(Method::POST, "/fgs/functions/warm/invocations", &json!({})).await, 200);
    let filler = format!("/proc/{}/root{}/data/run/filler", operated.id(), folder.path().display());
    fill(Path::new(&filler));
    let remove = || std::fs::remove_file(&filler).expect("the filler is removed");
    waits(&operated, "code", "the code cannot be unpacked: No space left on device", remove).await;
}

/// A server whose data directory, or a folder in it, is a disk of its own.
fn on_own_disk(data: &Path, folder: &str, size: &str) -> Option<Operated> {
    let disk = data.join(folder);
    let script =
        "mkdir -pm 700 \"$1\" \"$2\" && mount -t tmpfs -o size=$3,mode=700 none \"$2\" && shift 3 && exec \"$@\"";
    let inside = |command: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "sh", "-c", script, "sh"]).args([data, &disk]).arg(size).args(command);
        unshare
    };
    if !has_python() || !finish(&mut inside(&["true"])).status.success() {
        left_out("only root can mount a disk on a folder");
        return None;
    }
    let mut command = inside(&[env!("CARGO_BIN_EXE_fgctl"), "serve", "--data"]);
    let (process, address) = started(command.arg(data).args(FLAGS));
    let seen_inside = format!("/proc/{}/root{}", process.id(), data.display());
    let operated = Operated::of((process, address), Path::new(&seen_inside));
    operated.until_isolated();
    Some(operated)
}

/// Writes to the disk until it is full, and then returns or waits, as the event says.
const FILL: &str = "
import time
def handler(event, context):
    try:
        with open('/tmp/filler', 'wb') as file:
            while True: file.write(b'x' * 65536)
    except OSError:
        pass
    if event == 'wait': time.sleep(600)
    return ['full']
";

#[tokio::test]
async fn a_function_that_fills_the_disk_is_killed_and_the_server_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(operated) = on_own_disk(&folder.path().join("data"), ".", "60m") else { return };
    create(&operated, "fill", FILL).await;
    create(&operated, "f", &source("f")).await;
    let path = "/fgs/functions/fill/invocations";
    let is_killed = |answer: &Value| answer["errorMessage"].as_str().is_some_and(|it| it.contains("the disk is full"));
    let waiting = operated.ask(Method::POST, path, &json!("wait")).await;
    assert!(is_killed(&waiting), "{waiting:#}");
    for event in ["wait", "return"] {
        if event == "return" {
            // Its worker waits for another call, and keeps its files for as long. On a busy machine, the server may kill it
            // before it returns.
            let answer = operated.ask(Method::POST, path, &json!(event)).await;
            assert!(answer == json!(["full"]) || is_killed(&answer), "{answer:#}");
        }
        let accepts =
            async || operated.send(Method::POST, "/fgs/functions/f/invocations-async", &json!({})).await == 202;
        until("the server can write again", accepts).await;
    }
}

/// Fills the disk until there is no room for another byte or file.
fn fill(path: &Path) {
    let mut file = std::fs::File::create(path).expect("a file");
    for size in [1 << 16, 1] {
        while std::io::Write::write_all(&mut file, &vec![0; size]).is_ok() {}
    }
}

/// Limits of processes apply only to users without rights.
#[tokio::test]
async fn without_processes_no_attempt_is_used_up() {
    let Some((folder, mut command)) = crate::isolation::as_nobody() else { return };
    let data = folder.path().join("data");
    let operated = Operated::of(started(command.args(["serve", "--data"]).arg(&data).args(FLAGS)), &data);
    operated.until_isolated();
    create(&operated, "f", &source("f")).await;
    let limit = |processes: &str| {
        let id = operated.id().to_string();
        let soft = format!("--nproc={processes}:");
        // Only the server's own user may do this.
        let user = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
        let limited = finish(Command::new("setpriv").args(user).args(["prlimit", "--pid", &id, &soft]));
        assert!(limited.status.success(), "{limited:?}");
    };
    limit("1");
    waits(&operated, "f", "Resource temporarily unavailable", || limit("1000")).await;
}
