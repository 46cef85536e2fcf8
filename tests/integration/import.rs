//! `fgctl import`: changes only ownership, after showing the differences.

use reqwest::Method;
use serde_json::json;

use crate::world::World;

const MANIFEST: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler, memory: 256 }
functions:
  intake: { code: { inline: 'def handler(event, context): return 1' }, async: { max_retries: 2 } }
  settle: { code: { inline: 'def handler(event, context): return 2' }, package: payments }
  report: { code: { inline: 'def handler(event, context): return 3' }, name: daily-report }
";

async fn world() -> World {
    let world = World::new().await;
    world.server.create_function("intake").await;
    world.server.create_function("daily-report").await;
    world.manifest(MANIFEST);
    world
}

#[tokio::test]
async fn only_ownership_changes() {
    let world = world().await;
    let ran = world.run(&["import", "intake", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.stdout, @r#"
    Stack "orders" in region local-1, project 0123456789abcdef0123456789abcdef:
    > function:default/intake
        adopt: the function becomes this stack's; the next apply makes the changes
        memory                     128 → 256
        code                       other code → 1 file, 37 B
        async.max_retries          (none) → 2
        async.max_validity_period  (none) → 3600

    Plan: 1 to adopt.
    Stack "orders" in region local-1, project 0123456789abcdef0123456789abcdef:
    Applied: 1 done.
    "#);
    let writes = world.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].body, json!({ "tags": [{ "key": "fgctl.stack", "value": "orders" }] }).to_string());
    let again = world.run(&["import", "default/intake", "--auto-approve"]).await;
    assert_eq!(again.code, Some(0));
    assert!(again.stdout.ends_with("\nNothing to import: stack \"orders\" already owns this.\n"), "{again:?}");
    let planned = world.run(&["plan", "-o", "json"]).await.json();
    assert_eq!(planned["changes"][0]["action"], "update");
    assert_eq!(planned["changes"][0]["address"], "function:default/intake");
}

#[tokio::test]
async fn a_matching_function_is_fully_adopted() {
    let world = world().await;
    assert_eq!(world.run(&["export", "--to", "out", "--stack", "orders", "--name", "*"]).await.code, Some(0));
    let ran = world.run(&["import", "-f", "out", "daily-report", "intake", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.run(&["plan", "-f", "out", "--detailed-exitcode"]).await.code, Some(0));
}

#[tokio::test]
async fn imports_that_are_impossible_are_refused() {
    let world = world().await;
    let other = json!({ "tags": [{ "key": "fgctl.stack", "value": "other" }] });
    let path = format!("/functions/{}/tags/create", world.server.urn("daily-report"));
    world.server.send(Method::POST, &path, Some(other)).await;
    for (name, expected) in [
        ("nobody", "the manifests do not declare a function \"nobody\""),
        ("payments/settle", "is not live"),
        ("report", "belongs to stack \"other\""),
    ] {
        let ran = world.run(&["import", name, "--auto-approve"]).await;
        assert_eq!(ran.code, Some(1), "{name}");
        assert!(ran.stderr.contains(expected), "{name}: {}", ran.stderr);
    }
    let unasked = world.run(&["import", "intake"]).await;
    assert_eq!(unasked.code, Some(1));
    assert!(unasked.stderr.contains("cannot ask for confirmation"), "{}", unasked.stderr);
    assert_eq!(world.writes(), []);
}
