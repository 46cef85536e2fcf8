//! `fgctl graph` through the program: what is declared, what is live, and what a saved plan changes.

use serde_json::Value;

use crate::schemas::{assert_valid, schema};
use crate::world::World;

const STACK: &str = "\
version: 1
stack: flow
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs }
functions:
  intake:
    code: { inline: 'def handler(event, context): return 1' }
    triggers:
      uploads: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'], prefix: new/ } }
    async:
      on_success: { function: settle }
      on_failure: { obs: { bucket: incoming, prefix: failed/ } }
  settle:
    code: { inline: 'def handler(event, context): return 1' }
    async:
      on_success: { urn: 'urn:fss:local-1:0123456789abcdef0123456789abcdef:function:other:audit:latest' }
      on_failure: { smn: { topic: 'urn:smn:local-1:0123456789abcdef0123456789abcdef:pager' } }
  report:
    code: { inline: 'def handler(event, context): return 1' }
    triggers:
      nightly: { timer: { cron: '0 15 2 * * ?' } }
      lost: { obs: { bucket: incoming, events: ['s3:ObjectCreated:*'], prefix: failed/2026 } }
  spare: { code: { inline: x } }
";
const PLAIN: &str = "\
version: 1
stack: flow
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs }
functions:
  intake: { code: { inline: x }, async: { on_success: { function: settle }, on_failure: { obs: { bucket: incoming } } } }
  settle: { code: { inline: x } }
  report: { code: { inline: x } }
  spare: { code: { inline: x } }
";

async fn world(manifest: &str) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world
}

/// The document of a drawing, which matches its schema.
async fn document(world: &World, arguments: &[&str]) -> Value {
    let document = world.run(&[&["graph", "-o", "json"], arguments].concat()).await.json();
    assert_valid(&schema("graph"), &document);
    document
}

#[tokio::test]
async fn what_the_manifests_declare_is_drawn_without_requests() {
    let world = world(STACK).await;
    let ran = world.run(&["graph"]).await;
    insta::assert_snapshot!(ran.transcript());
    for (format, start) in [("mermaid", "flowchart LR\n"), ("dot", "digraph \"flow\" {\n"), ("svg", "<svg xmlns=")] {
        let ran = world.run(&["graph", "-o", format]).await;
        assert!(ran.code == Some(0) && ran.stdout.starts_with(start), "{ran:?}");
        assert!(ran.stdout.contains("other/audit") && ran.stdout.contains("pager"), "{ran:?}");
    }
    assert!(world.requests().is_empty());
}

#[tokio::test]
async fn a_document_matches_its_schema_and_names_places() {
    let world = world(STACK).await;
    let document = document(&world, &[]).await;
    let edges = document["edges"].as_array().expect("edges");
    let found = |to: &str| edges.iter().find(|edge| edge["to"] == to).unwrap_or_else(|| panic!("{document:#}")).clone();
    let topic = "topic:urn:smn:local-1:0123456789abcdef0123456789abcdef:pager";
    assert_eq!(
        (found(topic)["place"]["file"].as_str(), found(topic)["place"]["line"].as_u64()),
        (Some("fgctl.yaml"), Some(16))
    );
    let uploads = found("function:intake");
    assert_eq!((&uploads["trigger"]["key"], &uploads["trigger"]["type"]), (&"uploads".into(), &"OBS".into()));
    let possible: Vec<&Value> =
        edges.iter().filter(|edge| edge["certain"] == false).map(|edge| &edge["from"]).collect();
    assert_eq!(possible, ["bucket:incoming/failed/"], "only some failed objects are of 2026");
    for wrong in [
        r#"{"format_version":"1.0"}"#,
        r#"{"format_version":"2.0","stack":"a","nodes":[],"edges":[],"diagnostics":[]}"#,
    ] {
        assert!(!schema("graph").is_valid(&serde_json::from_str(wrong).expect("JSON")), "{wrong}");
    }
}

/// The message of a cycle has one walk. The drawing shows everything around it.
#[tokio::test]
async fn a_cycle_is_drawn_and_is_still_an_error() {
    let world = world(&STACK.replace("prefix: failed/ }", "prefix: new/ }")).await;
    let ran = world.run(&["graph"]).await;
    insta::assert_snapshot!(ran.transcript());
    assert!(document(&world, &[]).await["edges"].as_array().expect("edges").iter().any(|edge| edge["cycle"] == true));
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_not_drawn() {
    let world = world("version: 1\nstack: [").await;
    let ran = world.run(&["graph"]).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.stderr.contains("fgctl.yaml:2:"), "{ran:?}");
}

#[tokio::test]
async fn what_is_live_is_drawn_with_functions_of_others_that_it_reaches() {
    let world = world(PLAIN).await;
    world.apply().await;
    world.server.create_function("bystander").await;
    world.manifest(&PLAIN.replace("function: settle", "function: report").replace("  spare:", "  another:"));
    let ran = world.run(&["graph", "--live"]).await;
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(document(&world, &["--live"]).await["edges"][0]["lifetime"], "kept");
}

#[tokio::test]
async fn a_saved_plan_is_drawn_with_its_changes() {
    let world = world(PLAIN).await;
    world.apply().await;
    world.manifest(
        &PLAIN
            .replace("function: settle", "function: report")
            .replace("{ obs: { bucket: incoming } }", "{ function: settle }")
            .replace("  report: {", "  report: { async: { on_failure: { obs: { bucket: incoming } } },"),
    );
    let planned = world.run(&["plan", "--out", "saved"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    world.requests();
    let ran = world.run(&["graph", "--plan", "saved"]).await;
    insta::assert_snapshot!(ran.transcript());
    assert!(world.requests().is_empty(), "a saved plan is drawn without requests");
    let document = document(&world, &["--plan", "saved"]).await;
    let lifetimes: Vec<&str> =
        document["edges"].as_array().expect("edges").iter().filter_map(|edge| edge["lifetime"].as_str()).collect();
    assert_eq!(lifetimes, ["changed", "removed", "changed", "removed", "added"]);
}

/// A comment contains a drawing only if there is something to draw.
#[tokio::test]
async fn a_comment_draws_the_notifications_that_change() {
    let world = world(PLAIN).await;
    let ran = world.run(&["plan", "-o", "markdown"]).await;
    insta::assert_snapshot!(
        ran.stdout.lines().take_while(|line| !line.starts_with("<details>")).collect::<Vec<_>>().join("\n")
    );
    world.apply().await;
    world.manifest(&PLAIN.replace("Python3.9", "Python3.9, memory: 256"));
    let ran = world.run(&["plan", "-o", "markdown"]).await;
    assert!(ran.stdout.contains("<details>") && !ran.stdout.contains("```mermaid"), "{ran:?}");
}
