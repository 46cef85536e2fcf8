//! The example pipelines, the action and the hook: each runs here as its system would run it, against the embedded server.

mod expression;
mod github;
mod gitlab;
mod on_github;
mod on_gitlab;

#[cfg(unix)]
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
#[cfg(unix)]
use std::process::Command;

#[cfg(unix)]
use crate::patience::within;
#[cfg(unix)]
use crate::process::{Process, has_program, search_path, text};
use crate::process::{finished, shell};
use crate::world::{Ran, World};

const STACK: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  intake:
    code: { inline: 'def handler(event, context): return 1' }
    secrets: { KEY: { env: ORDERS_PAYMENT_KEY } }
    async: { max_retries: 2, on_failure: { dis: { stream: failures } } }
  settle: { code: { inline: 'def handler(event, context): return 1' } }
";
/// The value that only applies have.
const SECRET: &str = "canary-of-a-function";

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file")
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).expect("YAML")
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().expect("text").to_owned()).collect()
}

async fn world() -> World {
    let world = World::new().await;
    world.file("stack/fgctl.yaml", STACK);
    world
}

/// The keys of the world's account.
fn keys(world: &World) -> [(&'static str, String); 2] {
    let command = world.command(&[]);
    ["FGCTL_ACCESS_KEY", "FGCTL_SECRET_KEY"].map(|key| {
        let (_, value) = command.get_envs().find(|(name, _)| *name == key).expect("a key");
        (key, value.and_then(|value| value.to_str()).expect("text").to_owned())
    })
}

/// Seven more functions.
fn many() -> String {
    let code = "code: { inline: 'def handler(event, context): return 1' }";
    (0..7).map(|index| format!("  f{index}: {{ {code} }}\n")).collect::<Vec<_>>().concat()
}

/// GitHub sends the signal only to the shell of the step.
#[cfg(unix)]
#[tokio::test]
async fn the_action_passes_the_signal_of_a_cancelled_job_on() {
    if !has_program("bash") {
        return;
    }
    let world = world().await;
    let steps = yaml("action.yml")["runs"]["steps"].clone();
    let script = steps[steps.as_array().expect("steps").len() - 1]["run"].as_str().expect("a script").to_owned();
    let program = world.command(&[]);
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", &script]).current_dir(world.folder.path());
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.envs([("COMMAND", "apply"), ("STACK", "stack"), ("ENVIRONMENT", ""), ("PLAN", ""), ("PULL_REQUEST", "")]);
    command.envs([("ARGUMENTS", "--auto-approve\n--concurrency=1"), ("ORDERS_PAYMENT_KEY", SECRET)]);
    command.env("RUNNER_TEMP", world.folder.path()).env("PATH", search_path());
    world.file("fgctl/empty", "");
    let (arrived, go) = world.hold(Method::POST, "/fgs/functions");
    let step = Process::start(&mut command);
    within("the first write", arrived.notified()).await;
    step.signal("-INT");
    assert!(step.message().starts_with("Interrupted: finishing"));
    go.notify_one();
    let output = step.ended().await;
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let report = std::fs::read_to_string(world.folder.path().join("fgctl/report.md")).expect("a report");
    assert!(report.contains("interrupted"), "{report}");
}

async fn change_by_someone_else(world: &World) {
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("intake"));
    assert!(world.server.put(&policy, json!({ "max_async_retry_attempts": 1 })).await.status.is_success());
}

#[tokio::test]
async fn the_kubernetes_cron_job_fails_on_drift() {
    let job = yaml("examples/pipelines/kubernetes-cronjob.yaml");
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"CronJob".into()));
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let job = &job["spec"]["jobTemplate"]["spec"];
    assert_eq!(job["backoffLimit"], 0, "exit code 2 fails the job, and one run is enough");
    let pod = &job["template"]["spec"];
    assert_eq!((&pod["restartPolicy"], &pod["automountServiceAccountToken"]), (&json!("Never"), &json!(false)));
    let user = &pod["securityContext"];
    assert!(
        user["runAsNonRoot"] == true && user["runAsUser"].as_u64() > Some(0),
        "a number, because names cannot be checked"
    );
    assert_eq!(user["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    let limits = &container["securityContext"];
    assert_eq!(limits["capabilities"]["drop"], json!(["ALL"]));
    assert!(limits["readOnlyRootFilesystem"] == true && limits["allowPrivilegeEscalation"] == false);
    assert!(container["image"].as_str().is_some_and(|image| image.contains("@sha256:")));
    let secrets: Vec<&Value> =
        container["envFrom"].as_array().expect("secrets").iter().map(|it| &it["secretRef"]["name"]).collect();
    assert_eq!(secrets, ["fgctl", "orders"]);
    let world = world().await;
    let secret = [("ORDERS_PAYMENT_KEY", SECRET)];
    let applied = world.run_with(&secret, &["apply", "-f", "stack", "--auto-approve"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let arguments = texts(&container["args"]).join(" ").replace("/stack", "stack");
    let arguments: Vec<&str> = arguments.split(' ').collect();
    assert_eq!(world.run_with(&secret, &arguments).await.code, Some(0));
    change_by_someone_else(&world).await;
    assert_eq!(world.run_with(&secret, &arguments).await.code, Some(2));
}

#[tokio::test]
async fn the_pre_commit_hook_refuses_a_broken_manifest() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = &hooks[0];
    assert_eq!((&hook["language"], &hook["pass_filenames"]), (&json!("system"), &json!(false)));
    let world = world().await;
    let run = async || {
        let (folder, entry) = (world.folder.path(), hook["entry"].as_str().expect("a command"));
        Ran::of(&[], folder, finished(shell(folder, &format!("{entry} -f stack"))).await)
    };
    assert_eq!(run().await.code, Some(0));
    world.file("stack/fgctl.yaml", &STACK.replace("max_retries: 2", "max_retries: 7"));
    let refused = run().await;
    assert!(refused.code == Some(1) && refused.stderr.contains("stack/fgctl.yaml:8:"), "{refused:?}");
}
