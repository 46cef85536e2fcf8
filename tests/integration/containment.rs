//! Functions that try to outlive their runs, or exceed their limits: all their processes end with the run, and the
//! error gives the reason.

#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::server_harness::{Reply, Server, runnable};

/// The longest time for anything that should be quick.
const DEADLINE: Duration = Duration::from_mins(1);

/// Starts processes that hide: in sessions of their own, orphaned, and without environment variables. Their arguments
/// contain the event's mark.
const HIDING: &str = "
import os, signal, subprocess, threading, time

def hide(mark):
    if os.fork(): return
    os.setsid()
    if os.fork(): os._exit(0)
    os.closerange(0, 256)
    os.execve('/bin/sh', ['sh', '-c', 'trap \"\" HUP TERM; while :; do sleep 1; done', mark], {})

def handler(event, context):
    if event.get('leave'): os.setsid()
    hide(event['mark'])
    subprocess.Popen(['sh', '-c', 'while :; do sleep 1; done', event['mark']], preexec_fn=os.setpgrp)
    os.wait()
    if event.get('exit'): os._exit(3)
    if event.get('group'): os.killpg(0, signal.SIGKILL)
    if event.get('hang'): time.sleep(600)
    return ['started']
";

pub(crate) async fn create(server: &Server, name: &str, source: &str, change: Value) {
    let mut body = runnable(name, source);
    for (key, value) in change.as_object().expect("fields") {
        body[key] = value.clone();
    }
    let reply = server.post("/fgs/functions", body).await;
    assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
}

async fn call(server: &Server, name: &str, event: Value) -> Reply {
    server.post(&format!("/fgs/functions/{name}/invocations"), event).await
}

/// The code and the message of a failing call.
async fn failure(server: &Server, name: &str, event: Value) -> (String, String) {
    let reply = call(server, name, event).await;
    let code = reply.headers["x-func-err-code"].to_str().expect("text").to_owned();
    (code, reply.body["errorMessage"].as_str().unwrap_or_default().to_owned())
}

/// A text that no other process has in its arguments.
pub(crate) fn mark() -> String {
    format!("mark-{}", uuid::Uuid::new_v4())
}

/// Whether a process on this machine has the mark in its arguments.
fn is_running(mark: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes").filter_map(Result::ok);
    let mut arguments = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    arguments.any(|arguments| String::from_utf8_lossy(&arguments).split('\0').any(|argument| argument == mark))
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, waiting).await.is_ok(), "{what}");
}

async fn gone(mark: &str) {
    until("everything that the function started ends", || !is_running(mark)).await;
}

/// Servers with each mechanism for process groups that this machine may support.
async fn servers() -> (TempDir, [Server; 2]) {
    let folder = tempfile::tempdir().expect("a folder");
    let launcher = only_subreaper(folder.path());
    let second = Server::start_with(|settings| settings.options.launcher = Some(launcher)).await;
    (folder, [Server::start().await, second])
}

/// A launcher on which namespaces do not work.
fn only_subreaper(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = folder.join("launcher");
    let script = format!("#!/bin/sh\n[ \"$2\" = subreaper ] && exec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_fgctl"));
    std::fs::write(&program, script).expect("a script");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    program
}

#[tokio::test]
async fn hidden_processes_end_with_a_run_that_times_out_or_crashes() {
    let (_launcher, servers) = servers().await;
    for server in servers {
        create(&server, "hanging", HIDING, json!({ "timeout": 3 })).await;
        create(&server, "crashing", HIDING, json!({})).await;
        for (function, event, expected) in [
            ("hanging", json!({ "hang": true }), "4010"),
            ("hanging", json!({ "hang": true, "leave": true }), "4010"),
            ("crashing", json!({ "exit": true }), "4014"),
            ("crashing", json!({ "exit": true, "leave": true }), "4014"),
            ("crashing", json!({ "group": true }), "4014"),
        ] {
            let mark = mark();
            let mut event = event;
            event["mark"] = json!(mark);
            let (code, message) = failure(&server, function, event).await;
            assert_eq!(code, expected, "{message}");
            gone(&mark).await;
        }
    }
}

#[tokio::test]
async fn hidden_processes_end_with_the_server() {
    let (_launcher, servers) = servers().await;
    for server in servers {
        create(&server, "hiding", HIDING, json!({})).await;
        let mark = mark();
        let reply = call(&server, "hiding", json!({ "mark": mark, "leave": true })).await;
        assert_eq!((reply.status, &reply.body), (StatusCode::OK, &json!(["started"])), "{reply:?}");
        assert!(is_running(&mark));
        let stopped = tokio::time::timeout(DEADLINE, server.running.stop()).await;
        assert_eq!(stopped.expect("it stops"), Vec::<u32>::new());
        gone(&mark).await;
    }
}

#[tokio::test]
async fn a_bootstrap_in_its_own_session_ends_too() {
    let (_launcher, servers) = servers().await;
    for server in servers {
        let mark = mark();
        let bootstrap = format!("#!/bin/sh\nexec setsid sh -c 'while :; do sleep 1; done' {mark}\n");
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("bootstrap", zip::write::SimpleFileOptions::default()).expect("an entry");
        std::io::Write::write_all(&mut archive, bootstrap.as_bytes()).expect("its content");
        let archive = STANDARD.encode(archive.finish().expect("an archive").into_inner());
        let change = json!({ "runtime": "Custom", "code_type": "zip", "code_filename": "a.zip", "func_code": { "file": archive } });
        create(&server, "custom", "", change).await;
        tokio::select! {
            reply = call(&server, "custom", json!({})) => panic!("{reply:?}"),
            () = until("it starts", || is_running(&mark)) => {}
        }
        let stopped = tokio::time::timeout(DEADLINE, server.running.stop()).await;
        assert_eq!(stopped.expect("it stops"), Vec::<u32>::new());
        gone(&mark).await;
    }
}

#[tokio::test]
async fn the_memory_of_hidden_processes_counts() {
    let source = "
import os, time
def handler(event, context):
    if os.fork() == 0:
        os.setsid()
        if os.fork(): os._exit(0)
        kept = [b'x' * (1 << 20) for _ in range(400)]
        time.sleep(600)
    time.sleep(600)";
    let (_launcher, servers) = servers().await;
    for server in servers {
        create(&server, "f", source, json!({ "timeout": 60 })).await;
        let (code, message) = failure(&server, "f", json!({})).await;
        assert_eq!(code, "4014", "{message}");
        assert!(message.contains("more than its memory of 128 MB"), "{message}");
    }
}

#[tokio::test]
async fn processes_and_open_files_are_limited_and_the_error_says_so() {
    let source = "
import threading
def handler(event, context):
    if event == 'files':
        return len([open('/dev/null') for _ in range(2000)])
    never = threading.Event()
    for _ in range(1100): threading.Thread(target=never.wait, daemon=True).start()
    never.wait()";
    let server = Server::start().await;
    create(&server, "f", source, json!({ "timeout": 60, "memory_size": 1024 })).await;
    let (code, message) = failure(&server, "f", json!("files")).await;
    assert_eq!(code, "4002", "{message}");
    assert!(message.contains("Too many open files") && message.contains("may have 1024 files open"), "{message}");
    let (code, message) = failure(&server, "f", json!("threads")).await;
    assert_eq!(code, "4014", "{message}");
    assert!(message.contains("processes and threads, more than the limit of 1024"), "{message}");
}

/// Each process of the bomb stops itself, so that none of them ends by itself.
const BOMB: &str = "
import os
def handler(event, context):
    for _ in range(11):
        try:
            os.fork()
        except OSError:
            pass
    os.execv('/bin/sh', ['sh', '-c', 'kill -STOP $$', event['mark']])
";

#[tokio::test]
async fn a_fork_bomb_ends_and_leaves_nothing() {
    let (_launcher, servers) = servers().await;
    for server in servers {
        create(&server, "bomb", BOMB, json!({ "timeout": 60, "memory_size": 4096 })).await;
        let mark = mark();
        let (code, message) = failure(&server, "bomb", json!({ "mark": mark })).await;
        assert_eq!(code, "4014", "{message}");
        assert!(message.contains("processes and threads, more than the limit of 1024"), "{message}");
        gone(&mark).await;
        assert_eq!(server.get("/fgs/functions/bomb/config").await.status, StatusCode::OK);
    }
}

/// If no namespace holds a fork bomb together, the kernel still refuses more processes than there may be.
#[test]
fn the_kernel_limits_the_processes_of_a_user_without_rights() {
    use std::io::Write;
    use std::os::fd::OwnedFd;
    let Some((_folder, mut command)) = crate::isolation::as_nobody() else { return };
    let (mut ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a socket");
    let text = |text: &str| json!({ "Unix": text.as_bytes() });
    let readable: Vec<Value> = ["/usr", "/bin", "/lib", "/lib64", "/etc"].map(text).to_vec();
    let spec = json!({
        "program": text("/bin/bash"), "arguments": [text("-c"), text("ulimit -u")], "environment": [],
        "directory": text("/"),
        "confinement":
            { "read": readable, "write": [], "covered": [], "visible": [], "files": 64, "processes": 1024 },
    });
    let spec = spec.to_string();
    command.args(["__launch", "subreaper"]).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped());
    let launched = crate::process::Process::spawn(command.stderr(OwnedFd::from(theirs)));
    ours.write_all(&u32::try_from(spec.len()).expect("a length").to_be_bytes()).expect("a length is sent");
    ours.write_all(spec.as_bytes()).expect("a spec is sent");
    let limit = launched.line();
    let limit: u64 = limit.trim().parse().unwrap_or_else(|_| panic!("{limit:?}"));
    assert!((1025..100_000).contains(&limit), "{limit}");
}

/// While functions have hundreds of processes, the server still answers other requests quickly.
#[tokio::test]
async fn functions_with_many_processes_do_not_block_the_server() {
    let source = "
import os, signal, socket
def handler(event, context):
    children = []
    for _ in range(150):
        child = os.fork()
        if child == 0:
            while True: signal.pause()
        children.append(child)
    with socket.create_connection(('127.0.0.1', event)) as connection:
        connection.recv(1)
    for child in children: os.kill(child, signal.SIGKILL)
    return ['released']";
    let server = Server::start().await;
    create(&server, "f", source, json!({ "timeout": 40, "memory_size": 512 })).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = json!(listener.local_addr().expect("an address").port());
    let calls = futures_util::future::join_all((0..4).map(|_| call(&server, "f", port.clone())));
    let others = async {
        let mut connections = Vec::new();
        for _ in 0..4 {
            connections.push(listener.accept().await.expect("a connection"));
        }
        for _ in 0..100 {
            assert_eq!(server.get("/fgs/functions/f/config").await.status, StatusCode::OK);
        }
    };
    let (replies, ()) = tokio::join!(calls, others);
    for reply in replies {
        assert_eq!(reply.status, StatusCode::OK, "{reply:?}");
    }
}

/// The folder with the functions' private files.
fn scratch(data: &Path) -> usize {
    data.join("run/scratch").read_dir().map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_worker_that_exceeds_a_limit_after_its_answer_is_replaced() {
    let source = "
import threading
kept = []
def fill():
    while True: kept.append(b'x' * (1 << 20))
def handler(event, context):
    if event == 'fill': threading.Thread(target=fill, daemon=True).start()
    return [event]";
    let server = Server::start().await;
    create(&server, "f", source, json!({})).await;
    assert_eq!(call(&server, "f", json!("fill")).await.status, StatusCode::OK);
    until("it ends and its files go", || scratch(server.directory.path()) == 0).await;
    assert_eq!(call(&server, "f", json!("fine")).await.status, StatusCode::OK);
}
