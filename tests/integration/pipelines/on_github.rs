//! The workflow for GitHub Actions and the action, played from a pull request to the apply.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::Path;
use std::process::Command;

use super::github::{Event, GitHub, Run};
use super::{SECRET, STACK, change_by_someone_else, keys, many, read, world, yaml};
use crate::process::{finish, has_program};

/// What the example has in place of the checksum of a release.
const CHECKSUM: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A release whose archive starts the program of this build, and its checksum.
fn release(folder: &Path) -> String {
    let name = "fgctl-v0.1.0-x86_64-unknown-linux-musl";
    let inside = folder.join(name);
    std::fs::create_dir(&inside).expect("a folder");
    std::fs::write(inside.join("fgctl"), format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_fgctl")))
        .expect("written");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--mode=755", "--file"]).arg(folder.join(format!("{name}.tar.gz"))).arg(name);
    assert!(finish(tar.current_dir(folder)).status.success());
    hex::encode(Sha256::digest(std::fs::read(folder.join(format!("{name}.tar.gz"))).expect("an archive")))
}

/// `None` if this machine lacks a program that stands for one of GitHub's.
async fn github() -> Option<GitHub> {
    if !cfg!(unix) || !has_program("jq") || !has_program("bash") {
        writeln!(std::io::stderr(), "skipped: this test plays GitHub with bash and jq").expect("standard error");
        return None;
    }
    let mut github = GitHub::new(world().await, &read("examples/pipelines/github-actions.yaml"));
    let checksum = release(&github.releases());
    github.workflow =
        serde_yaml::from_str(&read("examples/pipelines/github-actions.yaml").replace(CHECKSUM, &checksum))
            .expect("YAML");
    let [access, secret] = keys(&github.world);
    let keys = json!({ access.0: access.1, secret.0: secret.1 });
    let mut with_function = keys.clone();
    with_function["ORDERS_PAYMENT_KEY"] = json!(SECRET);
    github.secrets = [("fgctl-plan", keys), ("fgctl-apply", with_function)].into();
    Some(github)
}

fn pull_request(head: &str, repository: &str) -> Event {
    let head = json!({ "sha": head, "repo": { "full_name": repository } });
    let payload = json!({ "pull_request": { "number": 7, "head": head } });
    Event { name: "pull_request", payload, inputs: json!({}), sha: "0000merge" }
}

fn by_hand(inputs: Value) -> Event {
    Event { name: "workflow_dispatch", payload: json!({}), inputs, sha: "2222main" }
}

fn without_settle() -> String {
    STACK.split_inclusive('\n').filter(|line| !line.contains("settle")).collect()
}

/// A merge of the pull request, whose plan `run` made.
fn merge(github: &GitHub, head: &str, run: u64) -> Event {
    let sha = "1111main";
    github.answers(
        &format!("commits/{sha}/pulls"),
        &json!([{ "merge_commit_sha": "other", "head": { "sha": "other" } }, { "merge_commit_sha": sha, "head": { "sha": head } }]),
    );
    let artifact = |run: u64, head: &str, from: u64, day: u64| {
        json!({ "expired": false, "created_at": format!("2026-01-0{day}T00:00:00Z"), "workflow_run":
            { "id": run, "head_sha": head, "repository_id": 1, "head_repository_id": from } })
    };
    // A fork has made an artifact with the same name since.
    let artifacts =
        json!({ "artifacts": [artifact(run, head, 1, 2), artifact(98, head, 2, 3), artifact(97, "other", 1, 4)] });
    github.answers(&format!("actions/artifacts?name=plan-{head}"), &artifacts);
    Event { name: "push", payload: json!({}), inputs: json!({}), sha }
}

/// `name` of each job that ran, or `name!` if it failed.
fn results(run: &Run) -> Vec<String> {
    run.jobs.iter().map(|(name, job)| if job.has_failed { format!("{name}!") } else { name.clone() }).collect()
}

fn checked(run: Run, expected: &[&str]) -> Run {
    assert_eq!(results(&run), expected, "{run:#?}");
    assert!(!format!("{run:?}").contains(SECRET), "{run:#?}");
    run
}

#[tokio::test]
async fn plans_a_pull_request_and_applies_the_plan_after_the_merge() {
    let Some(mut github) = github().await else { return };
    let head = "aaaa1111";
    let planned = checked(github.start(&pull_request(head, "example/shop")).await, &["plan", "validate"]);
    let [comment] = &github.comments()[..] else { panic!("{:?}", github.comments()) };
    assert!(
        comment.starts_with("<!-- fgctl: ") && comment.contains("**Plan: 2 functions to create; 1 policy to create.**"),
        "{comment}"
    );
    assert!(comment.contains("aaaa1111") && comment.contains("actions/runs/1)"), "{comment}");
    assert!(comment.contains("secret-not-set"), "the value of the function's secret is unknown: {comment}");
    // The comment is what the artifact says.
    let plan = github.artifact(planned.id, &format!("plan-{head}")).join("reviewed.plan");
    let shown = github.world.run(&["show", plan.to_str().expect("text"), "-o", "markdown"]).await;
    assert!(comment.ends_with(&shown.stdout), "{comment}\n{}", shown.stdout);
    assert!(planned.jobs["plan"].summary.contains("**Plan: 2 functions to create; 1 policy to create.**"));
    assert!(
        github.downloads().lines().all(|url| url.ends_with("/v0.1.0/fgctl-v0.1.0-x86_64-unknown-linux-musl.tar.gz"))
    );
    let merged = merge(&github, head, planned.id);
    let applied = checked(github.start(&merged).await, &["apply"]);
    assert!(applied.jobs["apply"].summary.contains("**Applied: "), "{applied:#?}");
    let schedule = Event { name: "schedule", payload: json!({}), inputs: json!({}), sha: "1111main" };
    checked(github.start(&schedule).await, &["drift"]);
    change_by_someone_else(&github.world).await;
    checked(github.start(&schedule).await, &["drift!"]);
}

#[tokio::test]
async fn keeps_one_comment_up_to_date_and_leaves_those_of_others() {
    let Some(mut github) = github().await else { return };
    checked(github.start(&pull_request("aaaa1111", "example/shop")).await, &["plan", "validate"]);
    let first = github.comments().remove(0);
    github.comment(first.lines().next().expect("a marker"));
    github.world.file("stack/fgctl.yaml", &without_settle());
    checked(github.start(&pull_request("aaaa2222", "example/shop")).await, &["plan", "validate"]);
    let comments = github.comments();
    assert!(
        comments.len() == 2 && comments[1].contains("**Plan: 1 function to create; 1 policy to create.**"),
        "{comments:?}"
    );
    // Errors replace the plan in the comment, and leave no artifact.
    github.world.file("stack/fgctl.yaml", &STACK.replace("max_retries: 2", "max_retries: 7"));
    let refused = checked(github.start(&pull_request("aaaa3333", "example/shop")).await, &["plan!", "validate!"]);
    let comments = github.comments();
    assert!(comments.len() == 2 && comments[1].contains("**Refused because of 1 error"), "{comments:?}");
    assert!(comments[1].contains("aaaa3333"), "{comments:?}");
    assert!(!github.artifact(refused.id, "plan-aaaa3333").exists());
    assert!(refused.jobs["validate"].log.contains("::error file=stack/fgctl.yaml,line=8,"), "{refused:#?}");
}

/// Jobs for other environments and places have their own comments, whatever their plans say. Values of variables, which may
/// be new with each commit, do not count.
#[tokio::test]
async fn each_environment_and_place_has_its_own_comment() {
    let Some(mut github) = github().await else { return };
    let with = |arguments: &str, env: &str| json!({ "arguments": arguments, "env": env });
    for (comments, variables, more) in [
        (1, json!({ "FGCTL_ENV": "dev" }), with("", "")),
        (2, json!({ "FGCTL_ENV": "prod" }), with("", "")),
        (3, json!({}), with("--env=dev", "")),
        (4, json!({}), with("--env\nprod", "")),
        (5, json!({}), with("", "ü")),
        (6, json!({}), with("", "ö")),
        (7, json!({ "OS_PROJECT_ID": "0123" }), with("", "ö")),
        (7, json!({ "OS_PROJECT_ID": "0123" }), with("--var=commit=1\n--var\ncommit=1", "ö")),
        (8, json!({}), with("--var=commit=2", "")),
        (8, json!({}), with("--var=commit=3", "")),
    ] {
        let mut job = github.workflow["jobs"]["plan"].clone();
        job["env"].as_object_mut().expect("variables").extend(variables.as_object().expect("variables").clone());
        let step = job["steps"][1]["with"].as_object_mut().expect("inputs");
        step.extend(more.as_object().expect("inputs").clone());
        let workflow = github.workflow.clone();
        github.workflow["jobs"] = json!({ "plan": job });
        github.start(&pull_request("eeee1111", "example/shop")).await;
        github.workflow = workflow;
        assert_eq!(github.comments().len(), comments, "{variables} {more}: {:#?}", github.comments());
    }
}

/// The token of a pull request from a fork or of Dependabot can only read.
#[tokio::test]
async fn a_comment_that_cannot_be_written_does_not_change_the_result() {
    let Some(mut github) = github().await else { return };
    github.refuse_writes();
    let planned = checked(github.start(&pull_request("ffff1111", "example/shop")).await, &["plan", "validate"]);
    assert!(planned.jobs["plan"].log.contains("::warning title=fgctl::the comment"), "{planned:#?}");
    assert!(planned.jobs["plan"].log.contains("HTTP 403"), "{planned:#?}");
    assert!(github.artifact(planned.id, "plan-ffff1111").join("reviewed.plan").exists());
    assert_eq!(github.comments(), Vec::<String>::new());
    github.workflow["jobs"]["plan"]["steps"][1]["with"]["arguments"] = json!("--detailed-exitcode");
    let differs = checked(github.start(&pull_request("ffff2222", "example/shop")).await, &["plan!", "validate"]);
    assert!(differs.jobs["plan"].log.contains("(exit code 2)"), "{differs:#?}");
}

#[tokio::test]
async fn plans_again_by_hand_after_a_stale_plan_and_grants_permissions_there() {
    let Some(mut github) = github().await else { return };
    checked(github.start(&by_hand(json!({}))).await, &["apply", "plan"]);
    github.world.file("stack/fgctl.yaml", &STACK.replace("max_retries: 2", "max_retries: 3"));
    let planned = checked(github.start(&pull_request("bbbb1111", "example/shop")).await, &["plan", "validate"]);
    change_by_someone_else(&github.world).await;
    let merged = merge(&github, "bbbb1111", planned.id);
    let stale = checked(github.start(&merged).await, &["apply!"]);
    assert!(stale.jobs["apply"].log.contains("is stale, and nothing was changed"), "{stale:#?}");
    checked(github.start(&by_hand(json!({}))).await, &["apply", "plan"]);
    // A deletion of more than the default needs a permission, on the command line of `apply` too.
    let many = many();
    github.world.file("stack/fgctl.yaml", &format!("{STACK}{many}"));
    checked(github.start(&by_hand(json!({}))).await, &["apply", "plan"]);
    github.world.file("stack/fgctl.yaml", STACK);
    let refused = checked(github.start(&by_hand(json!({}))).await, &["plan!"]);
    assert!(refused.jobs["plan"].log.contains("--allow-deletes"), "{refused:#?}");
    checked(github.start(&by_hand(json!({ "allow-deletes": 7, "adopt": true }))).await, &["apply", "plan"]);
    // A limit of 0 is a limit too.
    github.world.file("stack/fgctl.yaml", &without_settle());
    let refused = checked(github.start(&by_hand(json!({ "allow-deletes": 0 }))).await, &["plan!"]);
    assert!(refused.jobs["plan"].log.contains("allow it with --allow-deletes 1"), "{refused:#?}");
}

#[tokio::test]
async fn gives_forks_no_secrets_and_applies_no_plan_of_theirs() {
    let Some(mut github) = github().await else { return };
    let fork = checked(github.start(&pull_request("cccc1111", "stranger/shop")).await, &["validate"]);
    assert!(fork.jobs["validate"].log.contains("valid: 2 functions, 1 policy"), "{fork:#?}");
    assert_eq!(github.comments(), Vec::<String>::new());
    let mut merged = merge(&github, "cccc1111", 99);
    github.answers("actions/artifacts?name=plan-cccc1111", &json!({ "artifacts": [] }));
    let unplanned = checked(github.start(&merged).await, &["apply!"]);
    assert!(unplanned.jobs["apply"].log.contains("run this workflow by hand"), "{unplanned:#?}");
    // A commit that comes from no pull request.
    merged.sha = "3333main";
    github.answers("commits/3333main/pulls", &json!([]));
    github.answers("actions/artifacts?name=plan-", &json!({ "artifacts": [] }));
    checked(github.start(&merged).await, &["apply!"]);
    assert_eq!(github.world.writes(), []);
}

#[tokio::test]
async fn runs_nothing_whose_checksum_is_wrong() {
    let Some(mut github) = github().await else { return };
    github.workflow = yaml("examples/pipelines/github-actions.yaml");
    let run = checked(github.start(&pull_request("dddd1111", "example/shop")).await, &["plan!", "validate!"]);
    assert!(run.jobs["plan"].log.contains("FAILED") && !run.jobs["plan"].log.contains("Plan:"), "{run:#?}");
    assert_eq!(github.world.requests(), []);
    let text = read("examples/pipelines/github-actions.yaml").replace(CHECKSUM, "abc");
    github.workflow = serde_yaml::from_str(&text).expect("YAML");
    let run = checked(github.start(&pull_request("dddd1111", "example/shop")).await, &["plan!", "validate!"]);
    assert!(run.jobs["plan"].log.contains("64 hex digits"), "{run:#?}");
}

/// What a reviewer of the workflow looks for.
#[test]
fn the_workflow_gives_each_job_only_what_it_needs() {
    let workflow = yaml("examples/pipelines/github-actions.yaml");
    assert_eq!(workflow["permissions"], json!({}));
    let jobs = workflow["jobs"].as_object().expect("jobs");
    for (name, job) in jobs {
        let text = job.to_string();
        assert_eq!(
            text.contains("secrets."),
            job["environment"].is_string(),
            "{name}: secrets come from an environment"
        );
        assert_eq!(text.contains("ORDERS_PAYMENT_KEY"), name == "apply", "{name}");
        assert!(!text.contains("always()") && !text.contains("cancel-in-progress"), "{name}");
        assert!(job["timeout-minutes"].is_u64() && job["permissions"].is_object(), "{name}");
        let writes: Vec<&String> = job["permissions"]
            .as_object()
            .expect("a mapping")
            .iter()
            .filter(|(_, it)| *it == "write")
            .map(|it| it.0)
            .collect();
        assert_eq!(writes, if name == "plan" { vec!["pull-requests"] } else { vec![] }, "{name}");
    }
    assert_ne!(jobs["plan"]["environment"], jobs["apply"]["environment"]);
    for name in ["plan", "apply"] {
        assert_eq!(
            jobs[name]["concurrency"]["queue"], "max",
            "{name}: jobs wait for each other, and none is cancelled"
        );
    }
}
