//! What an apply does when a request fails, when something else changes first, and when it is interrupted.

use axum::http::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Notify;

use crate::patience::within;
use crate::process::{Process, after, text};
use crate::reconcile::{PAIR, applied_pair, body, nothing, pair};
use crate::recorder::Effect;
use crate::server_harness::nobody;
use crate::world::{Ran, World};

#[tokio::test]
async fn a_failing_change_skips_exactly_what_waits_for_it() {
    let world = pair().await;
    let refusal = r#"{"error_code":"FSS.1041","error_msg":"not today"}"#;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, refusal.into()));
    let ran = world.run(&["apply", "--auto-approve", "-o", "json", "--concurrency", "1"]).await;
    assert_eq!(ran.code, Some(1));
    let report = ran.json();
    assert_eq!(report["outcome"], "failed");
    let ends: Vec<String> = report["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|change| format!("{} {} {}", change["address"], change["status"], change["because"]))
        .collect();
    assert_eq!(
        ends,
        [
            r#""function:default/first" "failed" null"#,
            r#""async_policy:default/first" "skipped" "function:default/first""#,
            r#""function:default/second" "done" null"#,
        ]
    );
    let error = &report["changes"][0]["error"];
    assert_eq!((&error["code"], &error["request_id"]), (&json!("FSS.1041"), &json!("request-of-the-proxy")));
    assert!(error["message"].as_str().expect("text").contains("not today"));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn changes_since_the_plan_are_not_overwritten() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    let edited = world.configuration("first", json!({ "memory_size": 1024 })).await;
    world.manifest(&PAIR.replace("info", "debug"));
    let edit = world.edit(Method::PUT, &format!("/fgs/functions/{first}/config"), edited);
    world.disturb(Method::GET, "first/config", edit);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn a_policy_that_changed_since_the_plan_is_not_overwritten() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    world.disturb(
        Method::POST,
        "/resource-instances/filter",
        world.edit(Method::PUT, &format!("/fgs/functions/{first}/async-invoke-config"), json!({})),
    );
    // The change above was before the plan; this one comes after it, at the second read of the policy.
    world.apply().await;
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 1"));
    let plan_read = world.edit(Method::GET, "/fgs/functions", Value::Null);
    world.disturb(Method::GET, "first/async-invoke-config", plan_read);
    let edit = world.edit(Method::PUT, &format!("/fgs/functions/{first}/async-invoke-config"), json!({}));
    world.disturb(Method::GET, "first/async-invoke-config", edit);
    world.requests();
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn accepted_but_not_applied_is_an_error() {
    let world = applied_pair().await;
    let first = world.server.urn("first");
    let unchanged = world.server.get(&format!("/fgs/functions/{first}/config")).await.body.to_string();
    world.manifest(&PAIR.replace("info", "debug"));
    world.disturb(Method::PUT, "first/config", Effect::Answer(200, unchanged));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn tags_that_were_accepted_but_not_set_are_detected() {
    let world = pair().await;
    world.disturb(Method::POST, "first/tags/create", Effect::Answer(204, String::new()));
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.code, Some(1));
    let error = &ran.json()["changes"][0]["error"];
    assert_eq!(error["code"], "not-applied");
    assert_eq!(world.planned(&[]).await, ["adopt function:default/first"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

/// If setting a tag again does not replace its value, the old one is removed first, except for the ownership tag.
#[tokio::test]
async fn a_mark_that_was_not_replaced_is_removed_and_set_again() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("info", "debug"));
    world.disturb(Method::POST, "first/tags/create", Effect::Answer(204, String::new()));
    world.apply().await;
    let deleted: Vec<Value> =
        world.writes().into_iter().filter(|one| one.method == Method::DELETE).map(|one| body(&one)).collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0]["tags"][0]["key"], "fgctl.config");
    assert_eq!(deleted[0]["tags"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn errors_name_the_request_and_keep_the_services_message() {
    let world = applied_pair().await;
    let table = [
        (500, r#"{"error_code":"FSS.0500","error_msg":"database down"}"#),
        (502, "<html>bad gateway</html>"),
        (200, "<html>hello</html>"),
        (200, r#"{"functions":["#),
    ];
    let mut said = String::new();
    for (status, body) in table {
        world.disturb(Method::GET, "/fgs/functions", Effect::Answer(status, body.into()));
        said.push_str(&world.run(&["plan", "--max-retries", "0"]).await.transcript());
    }
    world.disturb(Method::GET, "/fgs/functions", Effect::Answer(503, table[0].1.into()));
    let failed = world.plan(&["--max-retries", "0"]).await;
    assert_eq!((&failed["outcome"], &failed["error"]["code"]), (&json!("failed"), &json!("FSS.0500")));
    let (_reserved, endpoint) = nobody();
    let once = ["--max-retries", "0", "--concurrency", "1"];
    said.push_str(&world.run(&[&["plan", "--endpoint", &endpoint], &once[..]].concat()).await.transcript());
    let wrong = [("FGCTL_SECRET_KEY", "wrong")];
    said.push_str(&world.run_with(&wrong, &[&["plan"], &once[..]].concat()).await.transcript());
    insta::assert_snapshot!(said);
}

/// A command that was interrupted once while a request is held: the process, and the means to release the request.
#[cfg(unix)]
async fn interrupted(world: &World, command: &str, signal: &str) -> (Process, Arc<Notify>) {
    let method = if command == "destroy" { Method::DELETE } else { Method::POST };
    let (arrived, go) = world.hold(method, "/fgs/functions");
    let arguments = [command, "--auto-approve", "-o", "json", "--concurrency", "1", "--report", "json=report.json"];
    let process = Process::start(&mut world.command(&arguments));
    within("the first write", arrived.notified()).await;
    process.signal(signal);
    let said = process.message();
    assert_eq!(said, "Interrupted: finishing the changes in progress. Interrupt again to abort.\n", "{signal}");
    (process, go)
}

/// Each change of a report with its status.
#[cfg(unix)]
fn statuses(report: &Value) -> Vec<String> {
    let changes = report["changes"].as_array().unwrap_or_else(|| panic!("{report}"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    changes.iter().map(|change| format!("{} {}", text(&change["address"]), text(&change["status"]))).collect()
}

/// Pipelines, container tools and service managers send SIGTERM; a closed session sends SIGHUP.
#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_apply_finishes_changes_in_progress() {
    for signal in ["-INT", "-TERM", "-HUP"] {
        let world = pair().await;
        let (apply, go) = interrupted(&world, "apply", signal).await;
        go.notify_one();
        let output = apply.ended().await;
        assert_eq!(output.status.code(), Some(130), "{signal}: {}", text(&output.stderr));
        let printed: Value = serde_json::from_slice(&output.stdout).expect("a report");
        assert_eq!(printed, world.report());
        assert_eq!(printed["interrupted"], true);
        let ends =
            ["function:default/first done", "async_policy:default/first skipped", "function:default/second skipped"];
        assert_eq!(statuses(&printed), ends);
        world.apply().await;
        assert_eq!(world.planned(&[]).await, nothing());
    }
}

/// The policy is deleted together with its function.
#[cfg(unix)]
#[tokio::test]
async fn an_interrupted_destroy_reports_what_is_gone() {
    let world = applied_pair().await;
    let (destroy, go) = interrupted(&world, "destroy", "-TERM").await;
    go.notify_one();
    let output = destroy.ended().await;
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let ends = ["function:default/first done", "async_policy:default/first done", "function:default/second skipped"];
    assert_eq!(statuses(&world.report()), ends);
    let left = ["delete function:default/second"];
    assert_eq!(world.planned(&["--destroy"]).await, left);
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_interruption_aborts() {
    for (first, second) in [("-INT", "-INT"), ("-INT", "-TERM"), ("-TERM", "-HUP")] {
        let world = pair().await;
        let (apply, _go) = interrupted(&world, "apply", first).await;
        apply.signal(second);
        let output = apply.ended().await;
        assert_eq!(output.status.code(), Some(130));
        let said = Ran::of(&[], world.folder.path(), output).stderr;
        assert!(said.starts_with("Aborted: changes in progress may or may not have been made"), "{said}");
        let report = world.report();
        assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("interrupted")));
    }
}

/// `nohup` makes a program ignore SIGHUP, so that it survives the end of the session.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn nohup_is_respected() {
    let world = pair().await;
    let (arrived, go) = world.hold(Method::POST, "/fgs/functions");
    let mut command = after(r#"trap "" HUP"#, &world.command(&["apply", "--auto-approve"]));
    let apply = Process::start(&mut command);
    within("the first write", arrived.notified()).await;
    apply.signal("-HUP");
    go.notify_one();
    let output = apply.ended().await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(world.planned(&[]).await, nothing());
}
