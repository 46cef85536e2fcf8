//! `fgctl import`: changes only ownership, after showing the differences.

use reqwest::Method;
use serde_json::json;

use crate::world::World;

const MANIFEST: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler, memory: 256 }
functions:
  intake: { code: { inline: 'def handler(event, context): return 1' }, async: { max_retries: 2 } } # fgctl: ignore[retries-without-failure-target] only a test
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
    insta::assert_snapshot!(ran.transcript());
    let writes = world.writes();
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert_eq!(writes[0].body, json!({ "tags": [{ "key": "fgctl.stack", "value": "orders" }] }).to_string());
    let again = world.run(&["import", "default/intake", "--auto-approve"]).await;
    assert_eq!(again.code, Some(0));
    insta::assert_snapshot!(again.transcript());
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
    let mut said = String::new();
    for name in ["nobody", "payments/settle", "report"] {
        said.push_str(&world.run(&["import", name, "--auto-approve"]).await.transcript());
    }
    // Without a terminal, nobody confirms.
    said.push_str(&world.run(&["import", "intake"]).await.transcript());
    insta::assert_snapshot!(said);
    assert_eq!(world.writes(), []);
}
