//! Plans that are refused before the first write.

use axum::http::Method;
use serde_json::json;

use crate::reconcile::{PAIR, applied_pair, nothing};
use crate::world::World;

#[tokio::test]
async fn deletions_have_guards() {
    let world = applied_pair().await;
    let only_second = "version: 1\nstack: pair\ndefaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }\n\
        functions:\n  second:\n    code: { inline: 'def handler(event, context): return 2' }\n";
    world.manifest(only_second);
    assert_eq!(world.planned(&[]).await, ["delete function:default/first", "delete async_policy:default/first"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
    world.manifest("version: 1\nstack: pair\nfunctions: {}\n");
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let list = world.server.get("/fgs/functions").await.body;
    assert_eq!(list["count"], 0);
}

#[tokio::test]
async fn a_cycle_through_a_live_function_is_refused() {
    let world = applied_pair().await;
    world.server.create_function("outside").await;
    let outside = world.server.urn("outside");
    let back = json!({ "destination_config": { "on_failure": {
        "destination": "FunctionGraph", "param": json!({ "func_urn": world.server.urn("first") }).to_string() } } });
    world.server.put(&format!("/fgs/functions/{outside}/async-invoke-config"), back).await;
    world.manifest(&PAIR.replace("function: second", &format!("urn: '{outside}'")));
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
}

/// A version is published with its function's current policy, and keeps it when the function loses its own.
#[tokio::test]
async fn a_cycle_through_a_published_version_is_refused() {
    let world = World::new().await;
    let manifest = |first: &str, second: &str| {
        // A version can only be published from code that no other version has.
        let function = |rest: &str| format!("{{ code: {{ inline: 'x = {}' }}{rest} }}", rest.contains("memory"));
        world.manifest(&format!(
            "version: 1\nstack: pair\ndefaults: {{ runtime: Python3.9, handler: index.handler, agency: fgs }}\n\
             functions:\n  first: {}\n  second: {}\n",
            function(first),
            function(second)
        ));
    };
    manifest("", ", async: { on_success: { function: first } }");
    world.apply().await;
    let versions = format!("/fgs/functions/{}/versions", world.server.urn("second"));
    assert!(world.server.post(&versions, json!({ "version": "v1" })).await.status.is_success());
    world.requests();
    manifest(", async: { on_success: { function: second, version: v1 } }", "");
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    // If the policy is ignored, the function still has that version.
    manifest(", async: { on_success: { function: second, version: v1 } }", ", ignore: [async]");
    let ignored = world.run(&["plan"]).await;
    insta::assert_snapshot!("a_cycle_through_the_version_of_an_ignored_policy_is_refused", ignored.transcript());
    // After the policy is gone, new versions have none.
    manifest("", ", memory: 256");
    world.apply().await;
    let published = world.server.post(&versions, json!({ "version": "v2" })).await;
    assert!(published.status.is_success(), "{published:?}");
    manifest(", async: { on_success: { function: second, version: v2 } }", ", memory: 256");
    world.apply().await;
}

/// With 20 other tags there is room for ours only if some are removed, and then they are removed first.
#[tokio::test]
async fn too_many_tags_are_refused_before_the_first_write() {
    let world = World::new().await;
    world.server.create_function("first").await;
    let tags: Vec<_> = (0..20).map(|index| json!({ "key": format!("k{index}"), "value": "v" })).collect();
    let path = format!("/functions/{}/tags/create", world.server.urn("first"));
    assert!(world.server.post(&path, json!({ "tags": tags })).await.status.is_success());
    let manifest = |ignore: &str| {
        world.manifest(&format!(
            "version: 1\nstack: one\nfunctions:\n  first:\n    runtime: Python3.9\n    handler: index.handler\n    \
             code: {{ inline: 'x = 1' }}\n    ignore: [{ignore}]\n"
        ));
    };
    manifest("tags");
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    manifest("");
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

#[tokio::test]
async fn unowned_and_foreign_functions_need_a_flag() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    let ran = world.run(&["plan"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    let ran = world.run(&["apply", "--auto-approve", "--take-over"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, nothing());

    let tags = json!({ "tags": [{ "key": "fgctl.stack", "value": "other" }] });
    let second = world.server.urn("second");
    world.server.send(Method::DELETE, &format!("/functions/{second}/tags/delete"), Some(tags)).await;
    assert_eq!(world.planned(&[]).await, ["adopt function:default/second"]);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
}

#[tokio::test]
async fn a_function_made_by_hand_is_adopted_only_with_a_flag() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    let ran = world.run(&["apply", "--auto-approve", "--adopt"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, nothing());
}
