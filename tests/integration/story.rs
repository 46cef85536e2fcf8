//! A whole story with real commits: a project made by hand is imported, a pull request shows its plan, a merge applies
//! it, someone edits in the console, and the drift is found and reverted.

use serde_json::json;
use std::process::Command;

use crate::process::finish;
use crate::world::World;

fn git(world: &World, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "commit.gpgsign=false"];
    let mut command = Command::new("git");
    command.args(identity).args(arguments).current_dir(world.folder.path());
    let nowhere = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"];
    let output = finish(command.envs(nowhere.map(|name| (name, "/dev/null"))));
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn commit(world: &World, message: &str) {
    git(world, &["add", "--all"]);
    git(world, &["commit", "--quiet", "--message", message]);
}

/// Changes the manifest that is checked out.
fn edit(world: &World, from: &str, to: &str) {
    let path = world.folder.path().join("stack/fgctl.yaml");
    let text = std::fs::read_to_string(&path).expect("the manifest");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replace(from, to)).expect("written");
}

async fn is_in_step(world: &World) -> bool {
    world.run(&["plan", "-f", "stack", "--detailed-exitcode"]).await.code == Some(0)
}

const APPLY: [&str; 4] = ["apply", "-f", "stack", "--auto-approve"];

#[tokio::test]
async fn a_project_moves_from_the_console_to_git() {
    let world = World::new().await;
    world.server.create_function("intake").await;
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("intake"));
    world.server.put(&policy, json!({ "max_async_retry_attempts": 2 })).await;

    let exported = world.run(&["export", "--to", "stack", "--stack", "orders", "--name", "*"]).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    git(&world, &["init", "--quiet", "--initial-branch", "main"]);
    commit(&world, "the project as it is");
    let adopted = world.run(&APPLY).await;
    insta::assert_snapshot!(adopted.transcript());
    assert!(is_in_step(&world).await);

    git(&world, &["switch", "--quiet", "--create", "fewer-retries"]);
    edit(&world, "max_retries: 2", "max_retries: 0");
    commit(&world, "do not retry");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let saved = elsewhere.path().join("saved.plan").display().to_string();
    let saved = saved.as_str();
    let comment = world.run(&["plan", "-f", "stack", "-o", "markdown", "--out", saved]).await.stdout;
    assert!(comment.starts_with("**Plan: 1 policy to update.**"), "{comment}");
    assert!(comment.contains("policy: the manifest changed") && comment.contains("max_retries  2 → 0"), "{comment}");

    git(&world, &["switch", "--quiet", "main"]);
    assert!(is_in_step(&world).await, "an unmerged change is not desired");
    git(&world, &["merge", "--quiet", "--no-ff", "--message", "merge", "fewer-retries"]);
    let applied = world.run(&["apply", saved]).await;
    insta::assert_snapshot!(applied.transcript());
    assert!(is_in_step(&world).await);

    world.server.put(&policy, json!({ "max_async_retry_attempts": 3 })).await;
    let found = world.run(&["drift", "-f", "stack"]).await;
    assert_eq!(found.code, Some(2));
    insta::assert_snapshot!(found.transcript());
    let report = world.run(&["drift", "-f", "stack", "-o", "markdown"]).await.stdout;
    assert!(report.starts_with("**Drift: 1 drifted.**"), "{report}");
    assert_eq!(world.run(&["apply", "-f", "stack", "--auto-approve", "--only-drift"]).await.code, Some(0));
    assert_eq!(world.run(&["drift", "-f", "stack"]).await.code, Some(0));
    assert!(is_in_step(&world).await);
    let live = world.server.get(&policy).await.body;
    assert_eq!(live["max_async_retry_attempts"], 0);
    assert_eq!(git(&world, &["status", "--porcelain"]), "", "nothing but commits was needed");
}
