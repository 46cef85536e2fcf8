//! Messages about functions that something else deploys.

use serde_json::json;

use super::Page;
use crate::server_harness::function;
use crate::world::World;

#[test]
fn entries() {
    let mut page = Page::new();
    for (title, rest) in [
        ("a field of a whole function", "functions:\n  a: { existing: true, runtime: Python3.9, async: {} }\n"),
        (
            "several of them",
            "functions:\n  a:\n    existing: true\n    memory: 128\n    code: { inline: x }\n    protect: true\n",
        ),
        ("a misspelt field", "functions:\n  a: { existing: true, asnyc: {} }\n"),
        ("existing as text", "functions:\n  a: { existing: 'yes', async: {} }\n"),
        ("an entry that is not existing", "functions:\n  a: { existing: false, async: {} }\n"),
        ("a misspelt `existing`", "functions:\n  a: { exsting: true, async: {} }\n"),
        (
            "one function twice",
            "functions:\n  a: { existing: true, async: {} }\n  b: { name: a, code: { inline: x } }\n",
        ),
        (
            "a cycle",
            "functions:\n  a: { existing: true, async: { on_success: { function: b } } }\n  b: { existing: true, async: { on_success: { function: a } } }\n",
        ),
        ("an unknown function", "functions:\n  a: { existing: true, async: { on_success: { function: c } } }\n"),
    ] {
        page.manifest(title, rest);
    }
    insta::assert_snapshot!(page.text());
}

/// A manifest with one such entry.
fn one(entry: &str) -> String {
    format!("version: 1\nstack: policies\nfunctions:\n  intake: {{ existing: true, {entry} }}\n")
}

async fn set(world: &World, key: &str, value: &str) {
    let tags = json!({ "tags": [{ "key": key, "value": value }] });
    let path = format!("/functions/{}/tags/create", world.server.urn("intake"));
    assert!(world.server.post(&path, tags).await.status.is_success());
}

#[tokio::test]
async fn plans() {
    let mut page = Page::new();
    let world = World::new().await;
    let mut ran = async |title: &str, arguments: &[&str]| {
        page.title(title);
        page.add(&world.run(arguments).await.transcript());
    };
    world.manifest(&one("async: { max_retries: 0 }"));
    ran("a missing function", &["plan"]).await;
    assert_eq!(world.server.post("/fgs/functions", function("intake")).await.status, 200);
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("intake"));
    assert!(world.server.put(&policy, json!({ "max_async_retry_attempts": 3 })).await.status.is_success());
    ran("a different policy that belongs to no stack", &["plan"]).await;
    world.manifest(&one("async: null"));
    ran("a policy that should not be there, and belongs to no stack", &["plan"]).await;
    world.manifest(&one("async: { max_retries: 2, on_failure: { obs: { bucket: failures } } }"));
    ran("no agency to reach the targets", &["plan", "--adopt"]).await;
    ran("no ownership", &["plan", "--no-ownership"]).await;
    let declared = one("async: { max_retries: 1, on_failure: { obs: { bucket: failures } } }");
    world.manifest(&declared.replace("stack: policies", "stack: other"));
    assert_eq!(world.run(&["apply", "--adopt", "--auto-approve"]).await.code, Some(0));
    world.manifest(&declared.replace("max_retries: 1", "max_retries: 2"));
    ran("a policy of another stack", &["plan"]).await;
    set(&world, "fgctl.stack", "other").await;
    ran("a function of another stack", &["plan", "--take-over", "--adopt"]).await;
    ran("drift of a function of another stack", &["drift"]).await;
    insta::assert_snapshot!(page.text());
}
