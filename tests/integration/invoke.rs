//! `invoke`, `logs` and `invocations` through the binary, with functions that really run.

use axum::http::Method;
use fgctl::server::{Backlog, Options, Settings};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

use crate::patience::{block_until, within};
use crate::process::{Process, finish, has_program, text};
use crate::recorder::Effect;
use crate::server_harness::client;
use crate::world::{Ran, World};

/// On a machine without Python, tests that run Python functions pass and say that they were skipped.
#[expect(clippy::print_stderr, reason = "the test run must show which tests were skipped")]
pub(crate) fn has_python() -> bool {
    let found = has_program("python3");
    if !found {
        eprintln!("skipped: this machine has no python3");
    }
    found
}

struct Local {
    folder: tempfile::TempDir,
}

impl Local {
    /// Applies the tutorial to the embedded server of an empty directory.
    fn with_tutorial() -> Self {
        let local = Self { folder: tempfile::tempdir().expect("a folder") };
        let applied = local.run("apply", &["--auto-approve"]);
        assert!(applied.status.success(), "{}", text(&applied.stderr));
        local
    }

    fn transcript(&self, arguments: &[&str], output: &Output) -> String {
        Ran::of(arguments, self.folder.path(), output.clone()).transcript()
    }

    fn run(&self, command: &str, more: &[&str]) -> Output {
        let tutorial = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tutorial");
        let mut fgctl = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        fgctl.args([command, "--local", "-f"]).arg(tutorial).args(more).current_dir(self.folder.path());
        finish(&mut fgctl)
    }

    fn json(&self, command: &str, more: &[&str]) -> Value {
        let ran = self.run(command, &[more, &["-o", "json"]].concat());
        serde_json::from_slice(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", text(&ran.stdout), text(&ran.stderr)))
    }
}

/// The vendor's whole tutorial: test2 is notified of a success, and its log shows it.
#[test]
fn the_tutorial_notifies_test2_of_success() {
    if !has_python() {
        return;
    }
    let local = Local::with_tutorial();
    let followed = local.json("invoke", &["test1", "--follow", "--data", r#"{"order":7}"#]);
    assert_eq!(followed["status"], "SUCCESS", "{followed:#}");
    assert_eq!(followed["attempts"].as_array().map(Vec::len), Some(1));
    let told = &followed["notification"]["invocation"];
    assert_eq!((&told["status"], &told["notification"]), (&json!("SUCCESS"), &Value::Null), "{followed:#}");
    let log = text(&local.run("logs", &["test2"]).stdout);
    let request = followed["request_id"].as_str().expect("an id");
    assert!(log.contains(&format!("test1 ended in success: request {request}")), "{log}");
    assert!(!text(&local.run("logs", &["test3"]).stdout).contains("test1 ended"));
}

/// The same for a failure: test1 is retried once, and test3 is notified.
#[test]
fn the_tutorial_retries_and_notifies_test3_of_failure() {
    if !has_python() {
        return;
    }
    let local = Local::with_tutorial();
    let ran = local.run("invoke", &["test1", "--follow", "--data", r#"{"fail":true}"#]);
    let tree = text(&ran.stdout);
    assert_eq!(ran.status.code(), Some(1), "{tree}{}", text(&ran.stderr));
    for expected in [
        "default/test1:latest FAIL",
        "attempt 1",
        "waited 1.",
        "attempt 2",
        "4002: function invocation exception, error: the event asks for a failure",
        "notified FunctionGraph default/test3:latest  delivered",
        "   └─ default/test3:latest SUCCESS",
    ] {
        assert!(tree.contains(expected), "{expected} in {tree}");
    }
    let log = text(&local.run("logs", &["test3"]).stdout);
    assert!(log.contains("test1 ended in failure"), "{log}");
    assert!(log.contains("the event asks for a failure"), "{log}");
}

#[test]
fn a_synchronous_invocation_prints_the_result() {
    if !has_python() {
        return;
    }
    let local = Local::with_tutorial();
    let ran = local.run("invoke", &["default/test1", "--data", r#"{"order":7}"#]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let result: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(result, json!({ "statusCode": 200, "body": r#"{"order": 7}"# }));
    let failed = local.run("invoke", &["test1", "--data", r#"{"fail":true}"#]);
    assert_eq!((failed.status.code(), text(&failed.stdout)), (Some(1), String::new()));
    insta::assert_snapshot!(local.transcript(&["invoke", "test1", "--data", r#"{"fail":true}"#], &failed));
    let failed = local.json("invoke", &["test1", "--data", r#"{"fail":true}"#]);
    assert_eq!((&failed["result"], &failed["error"]["code"]), (&Value::Null, &json!(4002)), "{failed:#}");
}

/// The request can run only while the command exists, so the command waits. The next command sees its results.
#[test]
fn a_request_ends_before_its_embedded_server() {
    if !has_python() {
        return;
    }
    let local = Local::with_tutorial();
    let ran = local.run("invoke", &["test1", "--async"]);
    // A slow machine also shows what the command waits for.
    let transcript = local.transcript(&["invoke", "test1", "--async"], &ran);
    let lines: Vec<&str> = transcript.lines().filter(|line| !line.starts_with("Waiting for ")).collect();
    insta::assert_snapshot!(lines.join("\n"));
    let request = text(&ran.stdout).trim().to_owned();
    let log = text(&local.run("logs", &["test2"]).stdout);
    assert!(log.contains(&format!("request {request}")), "{log}");
}

/// A synchronous call does not start queued requests, which it would abort at its end.
#[test]
fn a_synchronous_invocation_does_not_start_queued_requests() {
    if !has_python() {
        return;
    }
    let local = Local::with_tutorial();
    let data = local.folder.path().join(".fgctl");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let request = runtime.block_on(async {
        let options = Options { backlog: Backlog::Left, ..Options::default() };
        let leaving = Settings { options, ..Settings::new(&data, "a test") };
        let server = fgctl::server::start(leaving).await.expect("it starts");
        let credentials = &server.function_graph.credentials;
        let url = format!("http://{}/v2/{}/fgs/functions/test1", server.address, credentials.project_id);
        let request = client().post(format!("{url}/invocations-async")).body("{}");
        let request = request.header("x-auth-token", credentials.token.expose_secret());
        let sent = request.send().await.expect("an answer");
        let accepted: Value = serde_json::from_slice(&sent.bytes().await.expect("a body")).expect("JSON");
        within("the end of the server", server.stop()).await;
        accepted["request_id"].as_str().expect("an id").to_owned()
    });
    let ran = local.run("invoke", &["test1"]);
    assert_eq!(ran.status.code(), Some(0), "{}", text(&ran.stderr));
    let has_run = || text(&local.run("logs", &["test1"]).stdout).contains(&request);
    assert!(!has_run());
    assert!(local.run("invoke", &["test1", "--async"]).status.success());
    assert!(has_run());
}

const ENDLESS: &str = "
version: 1
stack: endless
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    timeout: 900
    code: { inline: \"def handler(event, context):\\n    while True: pass\" }
    async: { max_retries: 0, status_log: true }
";

/// Interrupts a command that follows an endless request.
#[cfg(unix)]
fn end_following(command: &mut Command) {
    let following = Process::start(command);
    let said = following.error_line();
    assert!(said.starts_with("Following request "), "{said}");
    following.signal("-TERM");
    let ended = following.end();
    assert_eq!(ended.status.code(), Some(130), "{}", text(&ended.stderr));
}

/// A command that only reads neither continues nor waits for runs of a killed server.
#[test]
fn commands_do_not_wait_for_runs_of_a_killed_server() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fgctl.yaml"), ENDLESS).expect("a manifest");
    let fgctl = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        command.args(arguments).current_dir(folder.path());
        command
    };
    let run = |arguments: &[&str]| finish(&mut fgctl(arguments));
    assert!(run(&["apply", "--local", "--auto-approve"]).status.success());
    // The embedded server ends with the command, so the run ends too.
    #[cfg(unix)]
    end_following(&mut fgctl(&["invoke", "f", "--local", "--follow"]));
    let server = Process::start(&mut fgctl(&["serve", "--data", ".fgctl"]));
    assert!(server.line().starts_with("listening on "));
    assert!(run(&["invoke", "f", "--local", "--async"]).status.success());
    let is_running = || text(&run(&["invocations", "f", "--local"]).stdout).contains("RUNNING");
    block_until("the invocation runs", is_running);
    #[cfg(unix)]
    end_following(&mut fgctl(&["invoke", "f", "--local", "--follow"]));
    // Dropping the process kills it.
    drop(server);
    assert!(is_running());
}

#[test]
fn missing_functions_and_files_are_errors() {
    let local = Local::with_tutorial();
    let mut said = String::new();
    for arguments in [
        &["nobody"][..],
        &["test1", "--data", "@missing.json"],
        &["a/b/c"],
        &["test1:!"],
        &["test1:9"],
        &["test1:!stable"],
        &["nobody:9"],
    ] {
        let ran = local.run("invoke", arguments);
        said.push_str(&local.transcript(&[&["invoke"], arguments].concat(), &ran));
    }
    insta::assert_snapshot!(said);
}

const UNTOLD: &str = "
version: 1
stack: untold
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    agency: fgs-notify
    code: { inline: 'def handler(event, context): return 1' }
    async: { on_success: { function: later } }
  later:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 2' }
";

/// The target was deleted, so delivery is tried for a day. Following ends sooner.
#[tokio::test]
async fn following_shows_what_it_waits_for_and_ends_at_the_timeout() {
    if !has_python() {
        return;
    }
    let world = World::new().await;
    world.manifest(UNTOLD);
    world.apply().await;
    let deleted = world.server.delete(&format!("/fgs/functions/{}", world.server.urn("later"))).await;
    assert!(deleted.status.is_success(), "{deleted:?}");
    let ran = world.run(&["invoke", "f", "--follow", "--timeout", "4s"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let said = &ran.stderr;
    assert!(said.contains("\nWaiting for ") && said.contains("error: --timeout expired, but "), "{said}");
    assert!(ran.stdout.contains("default/f:latest"), "{}", ran.stdout);
    let refused = world.run(&["invoke", "f", "--timeout", "4s"]).await;
    insta::assert_snapshot!(refused.transcript());
}

const TOLD: &str = "
version: 1
stack: told
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    agency: notify
    code: { inline: 'def handler(event, context): return 1' }
    async: { max_retries: 0, on_success: { obs: { bucket: results, prefix: out/, expires: 1 } } }
";

#[tokio::test]
async fn following_shows_the_functions_that_triggers_start() {
    if !has_python() {
        return;
    }
    let world = World::new().await;
    world.manifest(TOLD);
    world.apply().await;
    for name in ["g", "h"] {
        world.server.create_function(name).await;
        let data = json!({ "bucket": "results", "suffix": if name == "g" { "" } else { "json" }, "events": ["s3:ObjectCreated:*"] });
        let body = json!({ "trigger_type_code": "OBS", "event_data": data });
        let made = world.server.post(&format!("/fgs/triggers/{name}"), body).await;
        assert!(made.status.is_success(), "{made:?}");
    }
    let ran = world.run(&["invoke", "f", "--follow"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let notified =
        lines.iter().position(|line| line.starts_with("└─ notified OBS results/out/  delivered, at obs/results/out/"));
    let notified = notified.unwrap_or_else(|| panic!("{}", ran.stdout));
    let starts = ["   ├─ OBS trigger: default/g:latest SUCCESS after ", "   │  ├─ request ", "   │  └─ attempt 1  "];
    let ends = ["   └─ OBS trigger: default/h:latest SUCCESS after ", "      ├─ request ", "      └─ attempt 1  "];
    for (line, start) in
        lines[notified + 1..].iter().filter(|line| !line.contains("waited")).zip(starts.iter().chain(&ends))
    {
        assert!(line.starts_with(start), "{start}: {}", ran.stdout);
    }
    assert!(lines.len() > notified + 6, "{}", ran.stdout);
}

#[test]
fn following_a_log_warns_that_other_commands_wait() {
    let local = Local::with_tutorial();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.args(["logs", "default/test1", "--local", "--follow"]).current_dir(local.folder.path());
    let line = Process::start(&mut command).error_line();
    assert!(line.contains("start `fgctl serve` first"), "{line}");
}

const RECORDED: &str = "
version: 1
stack: recorded
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return event[\"x\"]' }
    async: { max_retries: 0, status_log: true }
";

/// An endpoint with only the service's APIs: an invocation is followed by its record.
#[tokio::test]
async fn records_are_followed_if_there_are_no_traces() {
    if !has_python() {
        return;
    }
    let world = World::new().await;
    world.manifest(RECORDED);
    world.apply().await;
    let unknown = r#"{"error_code":"APIGW.0101","error_msg":"The API does not exist","request_id":"r"}"#;
    world.recorder.disturb_all(Method::GET, "/fgctl/", Effect::Answer(404, unknown.into()));
    let ran = world.run(&["invoke", "f", "--follow", "-o", "json", "--data", r#"{"x":1}"#]).await;
    assert_eq!((ran.code, &ran.json()["status"]), (Some(0), &json!("SUCCESS")), "{ran:?}");
    let ran = world.run(&["invoke", "f", "--follow", "-o", "json"]).await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(1), &json!(4002)), "{ran:?}");
    let listed = world.run(&["invocations", "f", "-o", "json"]).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(2), "{listed:#}");
    let failed = world.run(&["invocations", "f", "--status", "fail"]).await;
    assert_eq!(failed.stdout.lines().count(), 1, "{failed:?}");
    world.manifest(&RECORDED.replace(", status_log: true", ", status_log: false"));
    world.apply().await;
    let ran = world.run(&["invoke", "f", "--follow"]).await;
    insta::assert_snapshot!(ran.transcript());
    let logs = world.run(&["logs", "f"]).await;
    insta::assert_snapshot!(logs.transcript());
}
