//! Exports of policies: of functions that something else deploys, and of stacks that own some.

use axum::http::Method;
use serde_json::json;

use super::{NAMES, applied, assert_only_policies, policies_alone, policy, policy_path, tag, whole, world_with};
use crate::recorder::Effect;
use crate::server_harness::function;
use crate::world::World;

const EXPORT: [&str; 4] = ["export", "--policies-only", "--to", "out"];

fn written(world: &World) -> String {
    std::fs::read_to_string(world.folder.path().join("out/fgctl.yaml")).expect("a manifest")
}

/// A policy that notifies another function, and one that notifies itself, as someone made them by hand.
async fn world() -> World {
    let world = world_with("").await;
    for name in ["round", "plain"] {
        assert_eq!(world.server.post("/fgs/functions", function(name)).await.status, 200);
    }
    for (name, notified) in [("intake", "daily-report"), ("round", "round"), ("daily-report", "round")] {
        notify(&world, name, notified).await;
    }
    tag(&world, "intake", "owner", "console").await;
    world
}

async fn notify(world: &World, name: &str, notified: &str) {
    let param = json!({ "func_urn": world.server.urn(notified) }).to_string();
    let sides = json!({ "on_success": { "destination": "FunctionGraph", "param": param } });
    let body = json!({ "max_async_retry_attempts": 1, "destination_config": sides });
    assert!(world.server.put(&policy_path(world, name), body).await.status.is_success());
}

#[tokio::test]
async fn live_policies_become_a_stack_and_their_functions_stay() {
    let world = world().await;
    let before = whole(&world, "intake").await;
    let exported = world.run(&EXPORT).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    insta::assert_snapshot!(exported.transcript());
    insta::assert_snapshot!(written(&world));
    assert!(!world.folder.path().join("out/functions").exists(), "there is no code");
    // One for each policy, and one page of each list: functions, tags and triggers.
    assert_eq!(world.requests().len(), 4 + 3);
    assert_eq!(
        world.planned(&["-f", "out"]).await,
        NAMES.map(|name| format!("adopt async_policy:default/{name}")).into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(world.run(&["apply", "-f", "out", "--auto-approve"]).await.code, Some(0));
    assert_eq!(world.run(&["plan", "-f", "out", "--detailed-exitcode"]).await.code, Some(0));
    assert_only_policies(&world);
    assert_eq!(whole(&world, "intake").await, before);
    assert_eq!(world.run(&["destroy", "-f", "out", "--auto-approve"]).await.code, Some(0));
    assert_eq!((policy(&world, "intake").await, policy(&world, "round").await.is_some()), (None, true));
}

/// Policies alone and functions are exported as two stacks. With one name by mistake, no function is deleted.
#[tokio::test]
async fn two_exports_do_not_delete_each_others_functions() {
    let world = world_with("").await;
    assert_eq!(world.run(&EXPORT).await.code, Some(1), "there is no policy yet");
    super::set_policy(&world, "intake", 1).await;
    assert_eq!(world.server.post("/fgs/functions", function("plain")).await.status, 200);
    assert_eq!(world.run(&EXPORT).await.code, Some(0));
    assert!(written(&world).contains("stack: exported-policies\n"), "{}", written(&world));
    let whole = ["export", "--name", "plain", "--to", "whole"];
    assert_eq!(world.run(&whole).await.code, Some(0));
    assert_eq!(world.run(&["apply", "-f", "whole", "--auto-approve"]).await.code, Some(0));
    assert_eq!(world.planned(&["-f", "out"]).await, ["adopt async_policy:default/intake"]);
    let mixed_up = written(&world).replace("exported-policies", "exported");
    std::fs::write(world.folder.path().join("out/fgctl.yaml"), mixed_up).expect("a manifest");
    let refused = world.run(&["apply", "-f", "out", "--auto-approve"]).await;
    assert!(refused.code == Some(1) && refused.stderr.contains("error[only-existing]"), "{refused:?}");
    assert!(refused.stderr.contains("stack \"exported\" owns functions that the plan would delete: default/plain"));
    assert_eq!(world.server.get("/fgs/functions").await.body["count"], 3);
    let planned = world.planned(&["-f", "out", "--allow-deletes", "1"]).await;
    assert!(planned.contains(&"delete function:default/plain".to_owned()), "{planned:?}");
}

#[tokio::test]
async fn an_export_of_a_stack_contains_the_policies_that_it_owns() {
    let world = applied().await;
    let exported = world.run(&["export", "--stack", "policies", "--to", "out", "-o", "json"]).await.json();
    assert_eq!(exported["functions"], json!(["function:default/settle"]));
    assert_eq!(exported["policies"], json!(["async_policy:default/daily-report", "async_policy:default/intake"]));
    assert_eq!(world.run(&["plan", "-f", "out", "--detailed-exitcode"]).await.code, Some(0));
    // Other stacks export neither the functions nor the policies.
    let other = world.run(&["export", "--stack", "other", "--name", "*", "--to", "other"]).await;
    assert_eq!(other.code, Some(1), "{other:?}");
    insta::assert_snapshot!(other.transcript());
    // Without the functions, they would be deleted.
    let refused = world.run(&["export", "--policies-only", "--stack", "policies", "--to", "alone"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
}

#[tokio::test]
async fn a_stack_of_policies_is_exported_again() {
    let world = world_with(&policies_alone()).await;
    world.apply().await;
    let exported = world.run(&[&EXPORT[..], &["--stack", "policies"]].concat()).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert_eq!(world.run(&["plan", "-f", "out", "--detailed-exitcode"]).await.code, Some(0));
    // A policy of the stack that a manifest cannot declare would be deleted.
    notify(&world, "intake", "intake").await;
    let refused = world.run(&["export", "--stack", "policies", "--to", "again"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("owns the policy of function default/intake"), "{refused:?}");
}

#[tokio::test]
async fn policies_are_exported_without_tags() {
    const FILTER: &str = "/functions/resource-instances/filter";
    let forbidden = || Effect::Answer(403, r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#.into());
    let world = world().await;
    world.disturb(Method::POST, FILTER, forbidden());
    let exported = world.run(&EXPORT).await;
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(exported.stdout.contains("warning: the tags cannot be read"), "{exported:?}");
    world.disturb(Method::POST, FILTER, forbidden());
    assert_eq!(world.run(&["plan", "-f", "out", "--detailed-exitcode"]).await.code, Some(0));
    // Whole functions need their owners.
    world.disturb(Method::POST, FILTER, forbidden());
    let refused = world.run(&["export", "--to", "whole"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
}
