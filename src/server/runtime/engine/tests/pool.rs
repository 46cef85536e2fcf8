//! Warm workers: they are reused, limited and ended.

use super::*;

const COUNTING: &str = "
import os
calls = 0
def handler(event, context):
    global calls
    calls += 1
    return [os.getpid(), calls]";

/// The process that answered, and its number of calls.
async fn count(local: &Local, function: &Function) -> (i32, u64) {
    let told = json(&local.run(function, "{}").await);
    let process = told[0].as_i64().and_then(|id| i32::try_from(id).ok()).expect("a process");
    (process, told[1].as_u64().expect("a number"))
}

#[tokio::test]
async fn a_worker_is_reused_until_its_function_changes() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let first = Function::python(COUNTING);
    let (process, _) = count(&local, &first).await;
    assert_eq!(count(&local, &first).await, (process, 2));
    let changed = Function::python(COUNTING).with(|it| it.revision = "other".to_owned());
    assert_eq!(count(&local, &changed).await.1, 1);
    until("the worker of the old revision ends", || !is_alive(process)).await;
}

#[tokio::test]
async fn the_number_of_workers_is_limited() {
    let Some(local) = Local::with("Python3.9", |settings| settings.workers = 2).await else { return };
    let named = |name: &str| Function::python(COUNTING).with(|it| it.identity.urn = name.to_owned());
    let (a, b, c) = (named("a"), named("b"), named("c"));
    let (oldest, _) = count(&local, &a).await;
    let (kept, _) = count(&local, &b).await;
    count(&local, &c).await;
    until("the worker that was idle longest ends", || !is_alive(oldest)).await;
    assert_eq!(count(&local, &b).await, (kept, 2));
    let ended = tokio::join!(local.call(&a, "1", "{}"), local.call(&b, "2", "{}"), local.call(&c, "3", "{}"));
    for ended in [ended.0, ended.1, ended.2] {
        result(&ended);
    }
}

#[tokio::test]
async fn an_idle_worker_ends_and_its_code_is_removed() {
    let brief = |settings: &mut RuntimeOptions| settings.idle = Duration::from_millis(50);
    let Some(local) = Local::with("Python3.9", brief).await else { return };
    let function = Function::python(COUNTING);
    let (process, _) = count(&local, &function).await;
    until("the worker ends", || !is_alive(process)).await;
    let code = local.folder.path().join("run/code");
    until("its code is removed", || code.read_dir().expect("a folder").next().is_none()).await;
    let scratch = local.folder.path().join("run/scratch");
    until("its files are removed", || scratch.read_dir().expect("a folder").next().is_none()).await;
    assert_eq!(count(&local, &function).await.1, 1);
}

#[tokio::test]
async fn a_run_can_be_canceled_and_dropped() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import os, time
def handler(event, context):
    open(event, 'w').write(str(os.getpid()))
    time.sleep(600)";
    let function = Function::python(source);
    let note = local.folder.path().join("note");
    let event = serde_json::to_string(&note).expect("JSON");
    let process = || std::fs::read_to_string(&note).ok()?.parse::<i32>().ok();
    let request = local.request("r", &event);
    let canceled = request.canceled.clone();
    let (ended, process_canceled) = tokio::join!(local.answer(&function, request), async {
        until("it runs", || process().is_some()).await;
        canceled.cancel();
        process().expect("it runs")
    });
    assert_eq!(failure(&ended).0, 4208);
    until("its process ends", || !is_alive(process_canceled)).await;
    std::fs::remove_file(&note).expect("the note");
    tokio::select! {
        ended = local.call(&function, "s", &event) => panic!("{}", ended.log),
        () = until("it runs", || process().is_some()) => {}
    }
    let dropped = process().expect("it ran");
    until("its process ends", || !is_alive(dropped)).await;
}

#[tokio::test]
async fn stopping_ends_every_process_and_every_run() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let (warm, _) = count(&local, &Function::python(COUNTING)).await;
    let endless = Function::python("def handler(event, context):\n    while True: pass")
        .with(|it| it.identity.urn = "another".to_owned());
    let (ended, ()) = tokio::join!(local.run(&endless, "{}"), async {
        let processes = local.folder.path().join("run/scratch");
        until("both run", || processes.read_dir().expect("a folder").count() == 2).await;
        tokio::time::timeout(PATIENCE, local.runtimes.stop()).await.expect("every process ends");
    });
    assert_eq!(failure(&ended).0, 4208);
    assert!(!is_alive(warm));
    assert_eq!(failure(&local.run(&endless, "{}").await).0, 4208);
}

/// The worker ends between an answer and the next call, and this has not been noticed yet.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_worker_that_ends_after_its_answer_does_not_fail_the_next_call() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let source = "
import __main__, os
def handler(event, context):
    __main__.Channel.receive = lambda channel: os._exit(3)
    return 'answered'";
    let function = Function::python(source);
    for _ in 0..10 {
        assert_eq!(result(&local.run(&function, "{}").await), "answered");
    }
    let bootstrap = r#"#!/usr/bin/env python3
import os
from http.client import HTTPConnection
api = HTTPConnection(os.environ["RUNTIME_API_ADDR"])
api.request("GET", "/v1/runtime/invocation/request")
work = api.getresponse()
work.read()
api.request("POST", "/v1/runtime/invocation/response/" + work.headers["X-Cff-Request-Id"], "answered")
api.getresponse().read()
"#;
    let function = Function::new("Custom", "bootstrap", bootstrap);
    for _ in 0..10 {
        assert_eq!(result(&local.run(&function, "{}").await), "answered");
    }
}

#[tokio::test]
async fn removed_files_are_created_again() {
    let Some(local) = Local::new("Python3.9").await else { return };
    let function = Function::python(COUNTING);
    for removed in ["run", "run/code", "run/programs", "run/scratch"] {
        count(&local, &function).await;
        crate::server::runtime::engine::code::remove(&local.folder.path().join(removed));
        assert!(count(&local, &function).await.1 >= 1, "{removed}");
        let another = Function::python(COUNTING).with(|it| it.identity.urn = removed.to_owned());
        assert_eq!(count(&local, &another).await.1, 1, "{removed}");
    }
}

/// On Linux, a name can contain any byte except zero and the slash. Node.js cannot read such paths.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_data_directory_name_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join(std::ffi::OsStr::from_bytes(b"data-\xff"));
    std::fs::create_dir(&data).expect("a folder");
    let bootstrap = "#!/bin/sh\nexec python3 -c 'import os
from http.client import HTTPConnection
api = HTTPConnection(os.environ[\"RUNTIME_API_ADDR\"])
api.request(\"GET\", \"/v1/runtime/invocation/request\")
work = api.getresponse()
work.read()
api.request(\"POST\", \"/v1/runtime/invocation/response/\" + work.headers[\"X-Cff-Request-Id\"], \"fine\")
api.getresponse().read()'\n";
    for (runtime, function) in [
        ("Python3.9", Function::python("import part\ndef handler(event, context): return part.fine")),
        ("Node.js18.15", Function::node("exports.handler = async (event, context) => require('./part.js').fine;")),
        ("Custom", Function::new("Custom", "bootstrap", bootstrap)),
    ] {
        let files = [("part.py", "fine = 'fine'"), ("part.js", "exports.fine = 'fine';")];
        let function = function.and(&files);
        let Some(mut local) = Local::new(runtime).await else { continue };
        local.runtimes = Runtimes::new(RuntimeOptions::new(data.clone(), search_path()));
        assert_eq!(result(&local.run(&function, "{}").await), "fine", "{runtime}");
        local.runtimes.stop().await;
        assert!(!super::super::super::directory_for(&data).exists(), "nothing is left behind");
    }
}
