//! The example pipelines: they have the format that their systems expect, as far as that can be checked here, and their
//! commands run.

use serde_json::Value;
use std::path::Path;

use crate::process::finished;
use crate::world::{Ran, World};

fn pipeline(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pipelines").join(name);
    let text = std::fs::read_to_string(path).expect("the pipeline");
    serde_yaml::from_str(&text).expect("YAML")
}

/// A stack in `stack/`, where the pipelines expect it.
async fn world() -> World {
    let world = World::new().await;
    world.example("tutorial");
    std::fs::create_dir(world.folder.path().join("stack")).expect("a folder");
    for name in ["fgctl.yaml", "functions"] {
        let place = |folder: &str| world.folder.path().join(folder).join(name);
        std::fs::rename(place(""), place("stack")).expect("moved");
    }
    world
}

/// Runs a line of a pipeline as its shell does.
async fn shell(world: &World, line: &str) -> Ran {
    let program = Path::new(env!("CARGO_BIN_EXE_fgctl")).parent().expect("a folder").display().to_string();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap_or_default());
    let fgctl = world.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-ec", line]).current_dir(world.folder.path());
    command.envs(fgctl.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
    Ran::of(&[line], world.folder.path(), finished(command).await)
}

/// Runs the lines one after the other. Each succeeds, and drift fails once there is some.
async fn run(world: &World, lines: &[String]) {
    assert!(!lines.is_empty());
    for line in lines {
        let ran = shell(world, line).await;
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
        if line.starts_with("fgctl drift") {
            let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("test1"));
            assert!(world.server.put(&policy, serde_json::json!({})).await.status.is_success());
            assert_eq!(shell(world, line).await.code, Some(2));
        }
    }
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|text| text.as_str().expect("text").to_owned()).collect()
}

#[tokio::test]
async fn the_commands_of_github_actions_run() {
    let pipeline = pipeline("github-actions.yaml");
    let world = world().await;
    for (name, event) in [("plan", "pull_request"), ("apply", "push"), ("drift", "schedule")] {
        assert!(!pipeline["on"][event].is_null(), "{event} starts nothing");
        let job = &pipeline["jobs"][name];
        assert_eq!(job["if"], format!("github.event_name == '{event}'"));
        let steps = job["steps"].as_array().expect("steps");
        assert_eq!(steps[0]["uses"], "actions/checkout@v4");
        let lines: Vec<String> = steps.iter().filter_map(|step| Some(step["run"].as_str()?.to_owned())).collect();
        run(&world, &lines).await;
    }
    let comment = std::fs::read_to_string(world.folder.path().join("plan.md")).expect("what the script reads");
    assert!(comment.starts_with("**Plan: 3 functions to create; 1 policy to create.**"), "{comment}");
    let plan = &pipeline["jobs"]["plan"]["steps"];
    assert!(plan[3]["with"]["script"].as_str().expect("a script").contains("\"plan.md\""));
    let download = &pipeline["jobs"]["apply"]["steps"][2]["with"];
    assert_eq!((&plan[2]["with"]["name"], &plan[2]["with"]["path"]), (&download["name"], &"reviewed.plan".into()));
    let given = ["FGCTL_ENDPOINT", "FGCTL_REGION", "FGCTL_PROJECT_ID", "FGCTL_ACCESS_KEY", "FGCTL_SECRET_KEY"];
    assert!(given.iter().all(|variable| pipeline["env"][*variable].is_string()));
}

#[tokio::test]
async fn the_commands_of_gitlab_ci_run() {
    let pipeline = pipeline("gitlab-ci.yaml");
    let world = world().await;
    for stage in texts(&pipeline["stages"]) {
        let job = &pipeline[&stage];
        assert_eq!(job["stage"], stage);
        assert!(job["rules"][0]["if"].as_str().expect("a rule").contains("$CI_PIPELINE_SOURCE"));
        run(&world, &texts(&job["script"])).await;
    }
    assert_eq!(pipeline["plan"]["artifacts"]["paths"][0], "reviewed.plan");
    assert_eq!(pipeline["apply"]["needs"][0], "plan");
    let report = pipeline["plan"]["artifacts"]["reports"]["terraform"].as_str().expect("a file");
    let report = std::fs::read_to_string(world.folder.path().join(report)).expect("what GitLab reads");
    let report: Value = serde_json::from_str(&report).expect("JSON");
    assert_eq!(report, serde_json::json!({ "create": 4, "update": 0, "delete": 0 }));
}

#[tokio::test]
async fn the_command_of_the_kubernetes_cron_job_runs() {
    let job = pipeline("kubernetes-cronjob.yaml");
    assert_eq!((&job["apiVersion"], &job["kind"]), (&"batch/v1".into(), &"CronJob".into()));
    assert_eq!(job["spec"]["concurrencyPolicy"], "Forbid");
    let job = &job["spec"]["jobTemplate"]["spec"];
    assert_eq!(job["backoffLimit"], 0, "exit code 2 fails the job, and one run is enough");
    let pod = &job["template"]["spec"];
    assert_eq!(pod["restartPolicy"], "Never");
    let container = &pod["containers"][0];
    assert_eq!(container["envFrom"][0]["secretRef"]["name"], "fgctl");
    let world = world().await;
    let line = texts(&container["command"]).join(" ").replace("/stack", "stack");
    run(&world, &["fgctl apply -f stack --auto-approve".into(), line]).await;
}
