//! No intermediate state of an apply has a new cycle or a new missing target, even after failures. These cases were
//! found through the program.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::world::World;

const TO_STREAM: &str = "dis: { stream: audit }";

/// Declares these functions, each with its target for success.
fn declare(world: &World, functions: &[(&str, &str)]) {
    let entry = |(name, target): &(&str, &str)| {
        let policy =
            if target.is_empty() { String::new() } else { format!(", async: {{ on_success: {{ {target} }} }}") };
        format!("  {name}: {{ code: {{ inline: 'x = 1' }}{policy} }}\n")
    };
    let functions: String = functions.iter().map(entry).collect();
    world.manifest(&format!(
        "version: 1\nstack: moments\ndefaults: {{ runtime: Python3.9, handler: index.handler, agency: fgs }}\n\
         functions:\n{functions}"
    ));
}

async fn apply(world: &World, functions: &[(&str, &str)]) {
    declare(world, functions);
    world.apply().await;
}

fn policy_of(world: &World, name: &str) -> String {
    format!("/fgs/functions/{}/async-invoke-config", world.server.urn(name))
}

async fn has_policy(world: &World, name: &str) -> bool {
    world.server.get(&policy_of(world, name)).await.status == StatusCode::OK
}

async fn publish(world: &World, name: &str) {
    let path = format!("/fgs/functions/{}/versions", world.server.urn(name));
    let reply = world.server.post(&path, json!({ "version": "v1" })).await;
    assert!(reply.status.is_success(), "{reply:?}");
}

/// An unowned function that notifies the function with this URN.
async fn add_outside(world: &World, name: &str, urn: &str) {
    world.server.create_function(name).await;
    let param = json!({ "func_urn": urn }).to_string();
    let policy = json!({ "destination_config": { "on_success": { "destination": "FunctionGraph", "param": param } } });
    assert_eq!(world.server.put(&policy_of(world, name), policy).await.status, StatusCode::OK);
}

fn refuse(world: &World, path: &'static str) {
    let refusal = r#"{"error_code":"FSS.0403","error_msg":"forbidden"}"#;
    world.disturb(Method::PUT, path, Effect::Answer(403, refusal.into()));
}

/// Address, status and cause of each change of a failing apply.
async fn failed(world: &World) -> Vec<String> {
    let ran = world.run(&["apply", "--auto-approve", "-o", "json"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let changes = report["changes"].as_array().unwrap_or_else(|| panic!("no changes in {report}"));
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let of = |change: &Value| ["address", "status", "because"].map(|key| text(&change[key])).join(" ");
    changes.iter().map(of).collect()
}

/// The policy of `a` matches the manifest, but an interrupted apply left it without its mark.
#[tokio::test]
async fn a_stale_mark_does_not_break_the_order() {
    let world = World::new().await;
    apply(&world, &[("a", "function: c"), ("b", ""), ("c", "function: b")]).await;
    let tags = format!("/functions/{}/tags", world.server.urn("a"));
    let found = world.server.get(&tags).await.body;
    let tag = found["tags"].as_array().expect("tags").iter().find(|tag| tag["key"] == "fgctl.async").expect("the mark");
    let delete = json!({ "tags": [tag] });
    world.server.send(Method::DELETE, &format!("{tags}/delete"), Some(delete)).await;
    declare(&world, &[("a", "function: c"), ("b", "function: a"), ("c", TO_STREAM)]);
    refuse(&world, ":c/async-invoke-config");
    assert_eq!(
        failed(&world).await,
        [
            "async_policy:default/a done -",
            "async_policy:default/b skipped async_policy:default/c",
            "async_policy:default/c failed -",
        ]
    );
    assert!(!has_policy(&world, "b").await);
    world.apply().await;
    assert_eq!(world.planned(&[]).await, Vec::<String>::new());
}

/// `mid:v1` was published when `mid` still notified `z`.
#[tokio::test]
async fn a_published_version_does_not_break_the_order() {
    let world = World::new().await;
    apply(&world, &[("a", ""), ("mid", "function: z"), ("z", "")]).await;
    publish(&world, "mid").await;
    apply(&world, &[("a", ""), ("mid", ""), ("z", "function: a")]).await;
    declare(&world, &[("a", "function: mid, version: v1"), ("mid", ""), ("z", TO_STREAM)]);
    refuse(&world, ":z/async-invoke-config");
    assert_eq!(
        failed(&world).await,
        ["async_policy:default/a skipped async_policy:default/z", "async_policy:default/z failed -"]
    );
    assert!(!has_policy(&world, "a").await);
    world.apply().await;
}

#[tokio::test]
async fn a_cycle_through_a_version_is_refused() {
    let world = World::new().await;
    apply(&world, &[("a", "function: c"), ("c", "")]).await;
    publish(&world, "a").await;
    add_outside(&world, "outside", &format!("{}:v1", world.server.urn("a"))).await;
    world.requests();
    declare(&world, &[("a", ""), ("c", &format!("urn: '{}'", world.server.urn("outside")))]);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_function_that_is_still_notified_is_not_deleted() {
    let world = World::new().await;
    apply(&world, &[("a", "function: b"), ("b", "")]).await;
    publish(&world, "a").await;
    add_outside(&world, "outside", &format!("{}:latest", world.server.urn("b"))).await;
    world.requests();
    declare(&world, &[("a", "")]);
    let refused = async || {
        let ran = world.run(&["apply", "--auto-approve"]).await;
        assert_eq!((ran.code, world.writes()), (Some(1), Vec::new()), "{ran:?}");
        ran.transcript()
    };
    insta::assert_snapshot!("a_function_that_a_version_and_another_function_notify_is_not_deleted", refused().await);
    let of_version = format!("/fgs/functions/{}:v1/async-invoke-config", world.server.urn("a"));
    assert_eq!(world.server.delete(&of_version).await.status, StatusCode::NO_CONTENT);
    insta::assert_snapshot!("a_function_that_another_function_notifies_is_not_deleted", refused().await);
    assert_eq!(world.server.delete(&policy_of(&world, "outside")).await.status, StatusCode::NO_CONTENT);
    world.apply().await;
}

/// Neither function can be deleted before the policies of both versions.
#[tokio::test]
async fn functions_whose_versions_notify_each_other_are_destroyed() {
    let world = World::new().await;
    apply(&world, &[("a", "function: b"), ("b", "")]).await;
    publish(&world, "a").await;
    apply(&world, &[("a", ""), ("b", "function: a")]).await;
    publish(&world, "b").await;
    world.requests();
    let ran = world.run(&["destroy", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let deleted: Vec<String> =
        world.writes().into_iter().filter(|it| it.method == Method::DELETE).map(|it| it.path).collect();
    let at =
        |end: &str| deleted.iter().position(|path| path.ends_with(end)).unwrap_or_else(|| panic!("{end}: {deleted:?}"));
    for version in [":a:v1/async-invoke-config", ":b:v1/async-invoke-config"] {
        assert!(at(version) < at(":a") && at(version) < at(":b"), "{deleted:?}");
    }
}

/// Nothing is deleted without ownership, so a policy that is no longer declared stays and counts.
#[tokio::test]
async fn without_ownership_kept_policies_count() {
    let world = World::new().await;
    let run = async |command: &[&str]| world.run(&[command, &["--no-ownership"]].concat()).await;
    declare(&world, &[("a", ""), ("b", "function: a")]);
    assert_eq!(run(&["apply", "--auto-approve"]).await.code, Some(0));
    declare(&world, &[("a", ""), ("b", "")]);
    for command in ["plan", "drift"] {
        let ran = run(&[command]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        insta::assert_snapshot!(ran.transcript());
    }
    world.requests();
    declare(&world, &[("a", "function: b"), ("b", "")]);
    let ran = run(&["apply", "--auto-approve"]).await;
    assert_eq!((ran.code, world.writes()), (Some(1), Vec::new()), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn changes_that_would_wait_for_each_other_are_refused() {
    let world = World::new().await;
    let run = async || world.run(&["apply", "--auto-approve", "--no-ownership"]).await;
    declare(&world, &[("a", ""), ("b", "function: c"), ("c", ""), ("d", "function: a")]);
    assert_eq!(run().await.code, Some(0));
    world.requests();
    declare(&world, &[("a", "function: b"), ("b", ""), ("c", "function: d"), ("d", "")]);
    let ran = run().await;
    assert_eq!((ran.code, world.writes()), (Some(1), Vec::new()), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("interrupt"), "{ran:?}");
}
