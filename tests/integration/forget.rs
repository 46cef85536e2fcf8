//! `fgctl forget`: removes fgctl's tags from functions, and changes nothing else.

use axum::http::Method;
use serde_json::{Value, json};

use crate::world::{Ran, World};

const MANIFEST: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  intake: # fgctl: ignore[retries-without-failure-target] only a test
    code: { inline: 'def handler(event, context): return 1' }
    tags: { team: payments }
    secrets: { TOKEN: { env: INTAKE_TOKEN } }
    protect: true
    async: { max_retries: 2, on_success: { function: settle } }
  settle: { code: { inline: 'def handler(event, context): return 2' }, package: payments }
";

const SECRET: &[(&str, &str)] = &[("INTAKE_TOKEN", "canary-token")];
const PATHS: [&str; 2] = ["default:intake", "payments:settle"];

fn urn(world: &World, path: &str) -> String {
    world.server.urn("x").replace("default:x", path)
}

async fn apply(world: &World) {
    let ran = world.run_with(SECRET, &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

async fn applied() -> World {
    let world = World::new().await;
    world.manifest(MANIFEST);
    apply(&world).await;
    world.requests();
    world
}

async fn forget(world: &World, arguments: &[&str]) -> Ran {
    world.run_with(SECRET, &[&["forget"], arguments].concat()).await
}

async fn tags(world: &World, path: &str) -> Vec<String> {
    let tags = world.server.get(&format!("/functions/{}/tags", urn(world, path))).await.body;
    let mut keys: Vec<String> = tags["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| tag["key"].as_str().expect("a key").to_owned())
        .collect();
    keys.sort();
    keys
}

/// Everything of both functions, but their tags.
async fn whole(world: &World) -> Vec<Value> {
    let mut all = Vec::new();
    for path in PATHS {
        for part in ["config", "code", "async-invoke-config"] {
            all.push(world.server.get(&format!("/fgs/functions/{}/{part}", urn(world, path))).await.body);
        }
    }
    all
}

#[tokio::test]
async fn a_plan_is_shown_and_only_tags_are_removed() {
    let world = applied().await;
    let before = whole(&world).await;
    let asked = forget(&world, &["intake"]).await;
    assert_eq!(asked.code, Some(1), "there is no terminal to ask on");
    assert_eq!(world.writes(), []);
    insta::assert_snapshot!(asked.transcript());
    let forgotten = forget(&world, &["intake", "function:payments/settle", "--auto-approve"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    let writes = world.writes();
    assert!(writes.iter().all(|write| write.path.contains("/tags/")), "{writes:#?}");
    assert_eq!(tags(&world, "default:intake").await, ["team"]);
    assert_eq!(tags(&world, "payments:settle").await, ["fgctl.released"]);
    assert_eq!(whole(&world).await, before);
    // A second time, there is nothing to do.
    let again = forget(&world, &["intake", "settle", "--auto-approve"]).await;
    assert_eq!(again.code, Some(0));
    insta::assert_snapshot!(again.transcript());
}

#[tokio::test]
async fn a_forgotten_function_is_not_deleted_and_can_come_back() {
    let world = applied().await;
    assert_eq!(forget(&world, &["intake", "settle", "--auto-approve"]).await.code, Some(0));
    world.manifest("version: 1\nstack: orders\nfunctions: {}\n");
    assert_eq!(world.planned(&["--destroy"]).await, Vec::<String>::new());
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
    world.manifest(MANIFEST);
    let adopted = world.run_with(SECRET, &["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
    assert!(!tags(&world, "payments:settle").await.contains(&"fgctl.released".to_owned()));
    let planned = world.run_with(SECRET, &["plan", "--detailed-exitcode"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
}

#[tokio::test]
async fn what_the_stack_does_not_own_is_refused() {
    let world = applied().await;
    world.file("other/fgctl.yaml", "version: 1\nstack: other\nfunctions:\n  intake: { existing: true }\n");
    let mut said = String::new();
    for arguments in [&["nothing"][..], &["a b"], &["-f", "other", "intake"], &[]] {
        said.push_str(&forget(&world, &[arguments, &["--auto-approve"]].concat()).await.transcript());
    }
    assert_eq!(world.writes(), []);
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn every_report_says_what_is_forgotten() {
    let world = applied().await;
    let mut said = String::new();
    for output in ["markdown", "gitlab"] {
        said.push_str(&forget(&world, &["settle", "--auto-approve", "-o", output]).await.transcript());
        apply(&world).await;
    }
    insta::assert_snapshot!(said);
    let report = forget(&world, &["settle", "--auto-approve", "-o", "json"]).await.json();
    assert_eq!((&report["outcome"], &report["summary"]["forget"]), (&json!("applied"), &json!(1)));
    assert_eq!((&report["changes"][0]["action"], &report["changes"][0]["status"]), (&json!("forget"), &json!("done")));
}

/// Someone else takes the function between the plan and the removal.
#[tokio::test]
async fn a_function_that_another_stack_takes_meanwhile_keeps_its_tags() {
    let world = applied().await;
    let taken = json!({ "tags": [{ "key": "fgctl.stack", "value": "other" }] });
    let path = format!("/functions/{}/tags/create", urn(&world, "payments:settle"));
    world.disturb(Method::GET, "payments:settle/tags$", world.edit(Method::POST, &path, taken));
    let ran = forget(&world, &["settle", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert!(tags(&world, "payments:settle").await.contains(&"fgctl.stack".to_owned()));
}
