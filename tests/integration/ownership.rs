//! Who owns a function: after an interrupted create, a copy, or protection by hand.

use axum::http::Method;
use serde_json::{Value, json};

use crate::reconcile::nothing;
use crate::recorder::{Last, Outage};
use crate::server_harness::function;
use crate::world::{Ran, World};

const PASSWORD: &[(&str, &str)] = &[("PASSWORD", "hunter2")];

/// One function with everything that a create sends or sets later.
const ONE: &str = "\
version: 1
stack: one
functions:
  first:
    runtime: Python3.9
    handler: index.handler
    agency: fgs-notify
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD } }
    tags: { team: payments }
    async: { max_retries: 2 } # fgctl: ignore[retries-without-failure-target] only a test
";

/// The same function, and a second one that already exists.
fn with_second(manifest: &str) -> String {
    format!("{manifest}  second: {{ runtime: Python3.9, handler: index.handler, code: {{ inline: 'x = 2' }} }}\n")
}

async fn run(world: &World, arguments: &[&str]) -> Ran {
    world.run_with(PASSWORD, arguments).await
}

async fn apply(world: &World) {
    let ran = run(world, &["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let again = run(world, &["plan", "--detailed-exitcode"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
}

/// A create that fails after `writes` writes, with or without the reply of the last one.
async fn interrupted(manifest: &str, writes: usize, last: Last) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world.recorder.outage(Some(Outage { writes, last }));
    let ran = run(&world, &["apply", "--auto-approve", "--max-retries", "0"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    world.recorder.outage(None);
    world.requests();
    world
}

async fn code_name(world: &World, name: &str) -> String {
    let record = world.server.get(&format!("/fgs/functions/{}/config", world.server.urn(name))).await.body;
    record["code_filename"].as_str().expect("a name").to_owned()
}

/// Interrupted after the POST, after the tags, and after the policy. The policy's mark is the fourth write.
#[tokio::test]
async fn an_interrupted_create_and_an_edited_manifest_converge() {
    let object = "obs: 'https://code.obs.eu-de.otc.t-systems.com/app.zip'";
    for manifest in [ONE.to_owned(), ONE.replace("inline: 'def handler(event, context): return 1'", object)] {
        for (writes, last) in [1, 2, 3].into_iter().flat_map(|n| [(n, Last::Answered), (n, Last::ReplyLost)]) {
            let world = interrupted(&manifest, writes, last).await;
            world.manifest(
                &manifest
                    .replace("LEVEL: info", "LEVEL: debug")
                    .replace("handler: index.handler", "handler: index.handler\n    memory: 256")
                    .replace("PASSWORD: {", "OTHER: {")
                    .replace("max_retries: 2", "max_retries: 1"),
            );
            apply(&world).await;
        }
    }
}

#[tokio::test]
async fn an_interrupted_create_that_is_no_longer_declared_is_deleted() {
    for (writes, last) in [(1, Last::Answered), (1, Last::ReplyLost), (2, Last::Answered), (3, Last::Answered)] {
        let world = interrupted(ONE, writes, last).await;
        world.manifest(&with_second("version: 1\nstack: one\nfunctions:\n"));
        let planned = world.planned(&[]).await;
        assert!(planned.contains(&"delete function:default/first".to_owned()), "after {writes} writes: {planned:?}");
        apply(&world).await;
        let list = world.server.get("/fgs/functions").await.body;
        assert_eq!(list["count"], 1, "after {writes} writes");
    }
}

/// Only the unchanged result of the create is recognized.
#[tokio::test]
async fn a_changed_unfinished_create_needs_a_flag() {
    let world = interrupted(ONE, 1, Last::Answered).await;
    let mut edited = function("first");
    edited["encrypted_user_data"] = json!(r#"{"PASSWORD":"theirs","DB":"theirs"}"#);
    edited["user_data"] = json!(r#"{"LEVEL":"info"}"#);
    let path = format!("/fgs/functions/{}/config", world.server.urn("first"));
    assert_eq!(world.server.put(&path, edited).await.status, 200);
    let refused = run(&world, &["apply", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    world.manifest(&with_second("version: 1\nstack: one\nfunctions:\n"));
    let plan = run(&world, &["plan"]).await;
    insta::assert_snapshot!("a_changed_unfinished_create_is_left_alone", plan.transcript());
    assert_eq!(world.writes(), []);
}

/// The function of an earlier apply whose tags someone removed, and a copy of an unfinished one.
#[tokio::test]
async fn the_file_name_of_a_create_identifies_one_function_and_one_stack() {
    let world = interrupted(ONE, 1, Last::Answered).await;
    let mut copy = function("copy");
    copy["code_type"] = json!("zip");
    copy["code_filename"] = json!(code_name(&world, "first").await);
    copy["func_code"] =
        world.server.get(&format!("/fgs/functions/{}/code", world.server.urn("first"))).await.body["func_code"].clone();
    copy["encrypted_user_data"] = json!(r#"{"DB":"theirs"}"#);
    assert_eq!(world.server.post("/fgs/functions", copy).await.status, 200);
    world.manifest(&ONE.replace("  first:", "  copy:").replace("PASSWORD: {", "DB: {"));
    let refused = run(&world, &["apply", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    world.manifest(&ONE.replace("stack: one", "stack: other").replace("LEVEL: info", "LEVEL: debug"));
    let refused = run(&world, &["apply", "--auto-approve"]).await;
    insta::assert_snapshot!(refused.transcript());
    assert_eq!(world.writes(), []);
}

/// A function created without ownership cannot be claimed later.
#[tokio::test]
async fn a_function_that_was_created_without_ownership_is_unowned() {
    let world = World::new().await;
    world.manifest(ONE);
    assert_eq!(run(&world, &["apply", "--auto-approve", "--no-ownership"]).await.code, Some(0));
    let path = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("first"));
    assert_eq!(world.server.delete(&path).await.status, 204);
    let refused = run(&world, &["apply", "--auto-approve"]).await;
    insta::assert_snapshot!(refused.transcript());
    world.manifest(&with_second("version: 1\nstack: one\nfunctions:\n"));
    assert_eq!(world.planned(&[]).await, ["create function:default/second"]);
}

#[tokio::test]
async fn secrets_of_a_function_made_by_hand_are_not_overwritten_without_a_flag() {
    let world = World::new().await;
    let mut made = function("first");
    made["encrypted_user_data"] = json!(r#"{"DB":"theirs"}"#);
    assert_eq!(world.server.post("/fgs/functions", made).await.status, 200);
    assert_eq!(world.run(&["export", "--to", "out"]).await.code, Some(0));
    world.requests();
    let variables: &[(&str, &str)] = &[("FIRST_DB", "ours"), ("DB", "ours")];
    let refused = world.run_with(variables, &["apply", "-f", "out", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    assert_eq!(world.writes(), []);
    let adopted = world.run_with(variables, &["apply", "-f", "out", "--auto-approve", "--adopt"]).await;
    assert_eq!(adopted.code, Some(0), "{adopted:?}");
}

/// Someone copies a function together with its tags.
#[tokio::test]
async fn a_copy_with_its_tags_is_not_owned_by_the_stack() {
    let world = World::new().await;
    world.manifest(ONE);
    apply(&world).await;
    world.server.create_function("copy").await;
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("first"))).await.body["tags"].clone();
    let path = format!("/functions/{}/tags/create", world.server.urn("copy"));
    assert!(world.server.post(&path, json!({ "tags": tags })).await.status.is_success());
    let plan = run(&world, &["plan", "--detailed-exitcode"]).await;
    assert_eq!(plan.code, Some(0), "{plan:?}");
    insta::assert_snapshot!(plan.transcript());
    let copy = "  copy: { runtime: Python3.9, handler: index.handler, code: { inline: 'x = 2' } }\n";
    world.manifest(&format!("{ONE}{copy}"));
    assert_eq!(run(&world, &["import", "copy", "--auto-approve"]).await.code, Some(0));
    apply(&world).await;
    world.manifest(ONE);
    assert_eq!(run(&world, &["plan", "-o", "json"]).await.json()["summary"]["delete"], 1, "now the stack owns it");
    let destroyed = run(&world, &["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
}

async fn protect(world: &World, name: &str) {
    let path = format!("/functions/{}/tags/create", world.server.urn(name));
    let tags = json!({ "tags": [{ "key": "fgctl.protect", "value": "true" }] });
    assert!(world.server.post(&path, tags).await.status.is_success());
}

#[tokio::test]
async fn a_function_protected_by_hand_stays_protected() {
    let world = World::new().await;
    world.manifest(ONE);
    apply(&world).await;
    protect(&world, "first").await;
    world.requests();
    for manifest in [ONE.to_owned(), ONE.replace("  first:", "  first:\n    protect: false")] {
        world.manifest(&manifest);
        let drift = run(&world, &["drift", "-o", "json"]).await;
        assert_eq!(drift.code, Some(2), "{drift:?}");
        let finding = drift.json()["findings"][0].clone();
        assert_eq!((&finding["facet"], &finding["state"]), (&json!("protection"), &json!("drifted")));
        let applied = run(&world, &["apply", "--auto-approve"]).await;
        assert_eq!(applied.code, Some(0), "{applied:?}");
        insta::assert_snapshot!(applied.transcript());
        assert_eq!(world.writes(), []);
    }
    let refused = run(&world, &["destroy", "--auto-approve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    insta::assert_snapshot!(refused.transcript());
    // Once declared and applied, the protection belongs to the stack and is removed with its declaration.
    for protect in [true, false] {
        world.manifest(&ONE.replace("  first:", &format!("  first:\n    protect: {protect}")));
        apply(&world).await;
    }
    let destroyed = run(&world, &["destroy", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
}

#[tokio::test]
async fn protection_that_is_not_applied_yet_is_pending() {
    let world = World::new().await;
    world.manifest(ONE);
    apply(&world).await;
    world.manifest(&ONE.replace("  first:", "  first:\n    protect: true"));
    let drift = run(&world, &["drift", "-o", "json"]).await;
    assert_eq!(drift.code, Some(0), "{drift:?}");
    assert_eq!(drift.json()["findings"].as_array().map(Vec::len), Some(1));
    apply(&world).await;
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("first"))).await.body;
    let tag = tags["tags"].as_array().expect("tags").iter().find(|tag| tag["key"] == "fgctl.protect").cloned();
    let remove = Some(json!({ "tags": [tag.unwrap_or(Value::Null)] }));
    let path = format!("/functions/{}/tags/delete", world.server.urn("first"));
    world.server.send(Method::DELETE, &path, remove).await;
    let drift = run(&world, &["drift", "-o", "json"]).await;
    assert_eq!((drift.code, &drift.json()["findings"][0]["state"]), (Some(2), &json!("drifted")));
    assert_ne!(run(&world, &["plan", "-o", "json"]).await.json()["changes"], json!(nothing()));
}
