//! Functions that misbehave: their runs end as documented, and nothing else is affected.

use std::process::Stdio;
use std::time::Duration;

use serde_json::json;

use super::super::super::launcher::{Confinement, Spec};
use super::super::isolation::Way;
use super::super::monitor::Monitor;
use super::super::process::{Process, Start};
use super::*;

/// The code and the message of a failing run. Then checks that the function can run another event.
async fn survives(local: &Local, function: &Function, event: &str) -> (i32, String) {
    let ended = local.run(function, event).await;
    let (code, failure) = failure(&ended);
    assert_eq!(result(&local.run(function, "\"fine\"").await), "fine", "after {event}");
    (code, failure["errorMessage"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_python_worker_that_breaks_is_replaced() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os, signal, sys
def handler(event, context):
    if event == 'exit': os._exit(3)
    if event == 'raise exit': sys.exit(4)
    if event == 'kill': os.kill(os.getpid(), signal.SIGKILL)
    if event == 'group': os.killpg(0, signal.SIGKILL)
    if event == 'close': os.closerange(3, 256)
    if event == 'garbage':
        for fd in range(3, 64):
            try: os.write(fd, b'\\xff' * 64)
            except OSError: pass
    if event == 'large': return 'x' * (10 << 20)
    if event == 'recurse': return handler(event, context)
    return event";
    let function = Function::python(source);
    assert_eq!(
        survives(&local, &function, "\"exit\"").await,
        (4014, "the function's process ended before its run ended: exit status: 3".to_owned())
    );
    assert_eq!(survives(&local, &function, "\"raise exit\"").await.0, 4002);
    for event in ["\"kill\"", "\"group\"", "\"close\"", "\"garbage\""] {
        assert_eq!(survives(&local, &function, event).await.0, 4014, "{event}");
    }
    let message = "response body size 10485760 exceeds the limit of 6291456";
    assert_eq!(survives(&local, &function, "\"large\"").await, (4004, message.to_owned()));
    assert_eq!(survives(&local, &function, "\"recurse\"").await.0, 4002);
}

#[tokio::test]
async fn a_node_worker_that_breaks_is_replaced() {
    let Some(local) = Local::new("Node.js18.15").await else { return };
    let source = "
        const fs = require('fs');
        exports.handler = async (event, context) => {
            if (event === 'exit') process.exit(3);
            if (event === 'kill') process.kill(process.pid, 'SIGKILL');
            if (event === 'garbage') fs.writeSync(3, Buffer.alloc(64, 255));
            if (event === 'large') return 'x'.repeat(10 << 20);
            if (event === 'inherit') require('child_process').execSync('echo hi >&3', { stdio: 'inherit' });
            return event;
        };";
    let function = Function::node(source);
    for event in ["\"exit\"", "\"kill\"", "\"garbage\""] {
        assert_eq!(survives(&local, &function, event).await.0, 4014, "{event}");
    }
    assert_eq!(survives(&local, &function, "\"large\"").await.0, 4004);
    assert_eq!(survives(&local, &function, "\"inherit\"").await.0, 4002, "a program that it starts has no channel");
}

#[tokio::test]
async fn the_timeout_ends_a_run_and_its_descendants() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def handler(event, context):
    child = subprocess.Popen(['sh', '-c', 'trap \"\" TERM HUP; while :; do sleep 1; done'])
    forked = os.fork()
    if forked == 0:
        while True: signal.pause()
    print('started', os.getpid(), child.pid, forked)
    while True: pass";
    let function = Function::python(source).with(|it| it.timeout = Duration::from_secs(2));
    let ended = local.run(&function, "{}").await;
    let (code, failing) = failure(&ended);
    assert_eq!(
        (code, &failing["errorMessage"]),
        (4010, &json!("function invocation timed out after 2 s and was killed"))
    );
    let started = ended.log.lines().find_map(|line| line.strip_prefix("started ")).expect("what it wrote before");
    let processes: Vec<i32> = started.split(' ').map(|id| id.parse().expect("an id")).collect();
    assert_eq!(processes.len(), 3);
    until("all of them end", || !processes.iter().any(|process| is_alive(*process))).await;
}

#[tokio::test]
async fn endless_output_neither_blocks_nor_fills_memory() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os
def handler(event, context):
    os.write(1, b'\\xff\\xfe binary\\n')
    for _ in range(2000):
        os.write(1, b'x' * 9999 + b'\\n')
        os.write(2, b'y' * 9999 + b'\\n')
    print('the end')";
    let ended = local.run(&Function::python(source), "{}").await;
    assert_eq!(result(&ended), "");
    assert!(ended.log.len() < 1_100_000, "{} bytes", ended.log.len());
    assert!(ended.log.contains("\u{fffd}\u{fffd} binary\nxxx") && ended.log.contains("\nthe end\n"));
    assert!(ended.log.contains("bytes are left out"));
    let endless = Function::python("def handler(event, context):\n    while True: print('again' * 1000)")
        .with(|it| it.timeout = Duration::from_secs(1));
    let ended = local.run(&endless, "{}").await;
    assert_eq!(failure(&ended).0, 4010);
    assert!(ended.log.len() < 1_100_000, "{} bytes", ended.log.len());
}

#[tokio::test]
async fn a_forked_process_cannot_answer() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os
def handler(event, context):
    child = os.fork()
    if child == 0: return 'child'
    os.waitpid(child, 0)
    return 'parent'";
    let function = Function::python(source);
    for _ in 0..3 {
        assert_eq!(result(&local.run(&function, "{}").await), "parent");
    }
}

/// The system counts the memory of the process that starts another one for both.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn the_memory_of_a_run_does_not_include_that_of_the_server() {
    let kept = std::hint::black_box(vec![1_u8; 300 << 20]);
    let source = "def handler(event, context): return 1";
    let python = ("Python3.9", Function::python(source));
    let node = ("Node.js18.15", Function::node("exports.handler = async (event, context) => 1;"));
    for (runtime, function) in [python, node] {
        let Some(local) = Local::new(runtime).await else { continue };
        let ended = local.run(&function, "1").await;
        assert_eq!(result(&ended), "1", "{runtime}");
        assert!(ended.memory_used > 3.0 && ended.memory_used < 256.0, "{runtime}: {} MB", ended.memory_used);
    }
    drop(kept);
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn more_memory_than_configured_ends_the_run() {
    if let Some(local) = Local::new("Python3.9").await {
        let source = "
def handler(event, context):
    kept = []
    while event == 'fill': kept.append(bytearray(b'x' * (1 << 20)))
    return event";
        let function = Function::python(source);
        let (code, message) = survives(&local, &function, "\"fill\"").await;
        assert_eq!(code, 4014);
        assert!(message.contains("more than its memory of 256 MB"), "{message}");
        let ended = local.run(&function, "1").await;
        assert!(ended.memory_used > 3.0 && ended.memory_used < 256.0, "{} MB", ended.memory_used);
    }
    if let Some(local) = Local::new("Node.js18.15").await {
        let source = "exports.handler = async (event, context) => {
            for (const kept = []; event === 'fill'; ) kept.push(Buffer.alloc(1 << 20, 1));
            return event;
        };";
        assert_eq!(survives(&local, &Function::node(source), "\"fill\"").await.0, 4014);
        // Garbage is not memory in use, so all of this fits.
        let wasteful = "exports.handler = async (event, context) => {
            let last; for (let i = 0; i < 3e6; i++) last = { i, text: 'x' + i }; return last.text;
        };";
        let small = Function::node(wasteful).with(|it| {
            it.memory = 128;
            // Beside other tests, this takes a while.
            it.timeout = PATIENCE;
        });
        assert_eq!(result(&local.run(&small, "{}").await), "x2999999");
    }
}

#[tokio::test]
async fn unsupported_runtimes_are_reported() {
    let Some(local) = Local::new("Custom").await else { return };
    let (code, failing) = failure(&local.run(&Function::new("Java11", "index.py", ""), "{}").await);
    assert_eq!(code, 4001);
    assert!(failing["errorMessage"].as_str().is_some_and(|text| text.contains("Java11 do not run here")), "{failing}");
    let function = Function::new("Custom", "bootstrap", "");
    let call = || local.request("1", "{}");
    let elsewhere = async |_| Archive::Elsewhere("the code is in OBS".to_owned());
    let elsewhere = local.runtimes.run(&function.deployment, call(), elsewhere).await;
    assert!(elsewhere.result.is_err_and(|fault| fault.code == 4001 && fault.message.contains("OBS")));
    let unread = async |_| Archive::Unreadable("disk I/O error".to_owned());
    let unread = local.runtimes.run(&function.deployment, call(), unread).await;
    assert!(unread.result.is_err_and(|fault| fault.code == 4203 && fault.message.contains("disk I/O error")));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_daemon_ends_with_the_worker_that_left_it_behind() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os, subprocess
def handler(event, context):
    daemon = subprocess.Popen(['sh', '-c', 'trap \"\" HUP; sleep 600 > /dev/null 2>&1 & echo $!'], start_new_session=True, stdout=-1)
    print('daemon', daemon.communicate()[0].decode())
    os._exit(1)";
    let ended = local.run(&Function::python(source), "{}").await;
    assert_eq!(failure(&ended).0, 4014);
    let daemon = ended.log.lines().find_map(|line| line.strip_prefix("daemon ")).expect("a daemon");
    let daemon = daemon.parse().expect("an id");
    until("the daemon ends", || !is_alive(daemon)).await;
}

/// Without a launcher there are process groups. A worker that leaves its group is killed by its id.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_worker_that_leaves_its_group_still_ends_with_its_run_and_the_server() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os, time
def handler(event, context):
    os.setsid()
    print('worker', os.getpid())
    time.sleep(event)";
    let function = Function::python(source).with(|it| it.timeout = Duration::from_secs(1));
    let worker = |ended: &Ended| -> i32 {
        let line = ended.log.lines().find_map(|line| line.strip_prefix("worker ")).expect("what it wrote");
        line.parse().expect("an id")
    };
    let ended = local.run(&function, "600").await;
    assert_eq!(failure(&ended).0, 4010);
    until("it ends", || !is_alive(worker(&ended))).await;
    let ended = local.run(&function, "0").await;
    result(&ended);
    let stopped = tokio::time::timeout(Duration::from_secs(30), local.runtimes.stop()).await;
    assert_eq!((stopped, is_alive(worker(&ended))), (Ok(Vec::new()), false));
}

#[tokio::test]
async fn the_end_of_the_server_ends_a_process_that_is_busy() {
    let Some(local) = Local::new("Custom").await else { return };
    let started = local.folder.path().join("started");
    let busy = "trap '' TERM HUP; echo $$ > \"$0\"; while :; do :; done";
    let spec = Spec {
        program: "sh".into(),
        arguments: vec!["-c".into(), busy.into(), started.clone().into()],
        environment: Vec::new(),
        directory: "/".into(),
        confinement: Confinement::default(),
    };
    let start = Start { spec, stdin: Stdio::null(), folder: local.folder.path().join("scratch"), memory: 256 };
    let settings = RuntimeOptions::new(local.folder.path().to_owned(), search_path());
    let way = Way::find(&settings, &local.folder.path().join("probe")).await.expect("a way");
    let (process, keeping) =
        Process::spawn(&way, start, &Monitor::start(local.folder.path().to_owned())).expect("a process");
    let id = || std::fs::read_to_string(&started).ok()?.trim().parse().ok();
    until("it runs", || id().is_some()).await;
    // A killed server only closes its open files.
    drop(keeping);
    let id = id().expect("an id");
    until("it ends", || !is_alive(id)).await;
    drop(process);
}
