//! `fgctl drift` through the program: console edits, lost tags, deletions, and unmanaged functions.

use axum::http::Method;
use serde_json::{Value, json};

use crate::reconcile::{PAIR, applied_pair, pair};
use crate::world::World;

/// Facet and state of each finding, and the exit code.
async fn found(world: &World) -> (Vec<String>, Option<i32>) {
    let ran = world.run(&["drift", "-o", "json"]).await;
    let drift = ran.json();
    let findings = drift["findings"].as_array().unwrap_or_else(|| panic!("no findings in {drift}"));
    let text = |value: &Value| value.as_str().unwrap_or("whole").to_owned();
    let findings =
        findings.iter().map(|one| format!("{} {} {}", text(&one["address"]), text(&one["facet"]), text(&one["state"])));
    (findings.collect(), ran.code)
}

async fn edit(world: &World, name: &str, memory: u32) {
    world.reconfigure(name, json!({ "memory_size": memory })).await;
}

async fn remove_tag(world: &World, name: &str, key: &str) {
    let urn = world.server.urn(name);
    let tags = world.server.get(&format!("/functions/{urn}/tags")).await.body;
    let tag = tags["tags"].as_array().expect("tags").iter().find(|tag| tag["key"] == key).expect("the tag").clone();
    world.server.send(Method::DELETE, &format!("/functions/{urn}/tags/delete"), Some(json!({ "tags": [tag] }))).await;
}

async fn set_tag(world: &World, name: &str, key: &str, value: &str) {
    let urn = world.server.urn(name);
    let tags = json!({ "tags": [{ "key": key, "value": value }] });
    world.server.post(&format!("/functions/{urn}/tags/create"), tags).await;
}

#[tokio::test]
async fn a_fresh_stack_has_no_drift_and_nothing_is_written() {
    let world = applied_pair().await;
    let ran = world.run(&["drift"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.stdout, @r#"
    Stack "pair" in region local-1, project 0123456789abcdef0123456789abcdef:
    No drift: live matches the manifest and the last apply.
    "#);
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn drift_shows_which_side_changed() {
    let world = applied_pair().await;
    edit(&world, "second", 512).await;
    assert_eq!(found(&world).await, (vec!["function:default/second config drifted".into()], Some(2)));
    let ran = world.run(&["drift"]).await;
    insta::assert_snapshot!(ran.transcript());
    edit(&world, "second", 128).await;

    world.manifest(&PAIR.replace("info", "debug"));
    assert_eq!(found(&world).await, (vec!["function:default/first config pending".into()], Some(0)));
    let urn = world.server.urn("first");
    world.server.put(&format!("/fgs/functions/{urn}/async-invoke-config"), json!({})).await;
    let expected =
        vec!["function:default/first config pending".into(), "async_policy:default/first async drifted".into()];
    assert_eq!(found(&world).await, (expected, Some(2)));
    edit(&world, "first", 1024).await;
    assert_eq!(found(&world).await.0[0], "function:default/first config conflict");
    world.apply().await;
    assert_eq!(found(&world).await, (vec![], Some(0)));
}

#[tokio::test]
async fn an_ignored_difference_is_not_drift() {
    let world = pair().await;
    world.manifest(&PAIR.replace("  second:\n", "  second:\n    ignore: [memory]\n"));
    world.apply().await;
    edit(&world, "second", 512).await;
    assert_eq!(found(&world).await, (vec![], Some(0)));
}

#[tokio::test]
async fn missing_functions_are_reported_with_the_known_reason() {
    let world = applied_pair().await;
    for name in ["second", "first"] {
        let urn = world.server.urn(name);
        assert_eq!(world.server.delete(&format!("/fgs/functions/{urn}")).await.status, 204);
        let drift = world.run(&["drift", "-o", "json"]).await;
        assert_eq!(drift.code, Some(2));
        let drift = drift.json();
        assert_eq!(drift["summary"]["missing"], json!(if name == "second" { 1 } else { 2 }));
        let reason = drift["findings"][0]["reason"].as_str().expect("text").to_owned();
        // Only a policy that still exists proves it.
        assert_eq!(reason.contains("someone deleted it"), name == "second", "{reason}");
    }
}

#[tokio::test]
async fn edited_tags_are_reported() {
    let world = applied_pair().await;
    remove_tag(&world, "first", "fgctl.config").await;
    assert_eq!(found(&world).await, (vec!["function:default/first config stale_mark".into()], Some(2)));
    let ran = world.run(&["drift"]).await;
    insta::assert_snapshot!(ran.transcript());
    set_tag(&world, "first", "fgctl.config", "by-hand").await;
    edit(&world, "first", 512).await;
    assert_eq!(found(&world).await.0, ["function:default/first config unmarked"]);
    let ran = world.run(&["drift"]).await;
    insta::assert_snapshot!(ran.transcript());
    remove_tag(&world, "first", "fgctl.stack").await;
    assert_eq!(found(&world).await.0[0], "function:default/first whole unowned");
    set_tag(&world, "first", "fgctl.stack", "other").await;
    assert_eq!(found(&world).await.0[0], "function:default/first whole foreign");
}

#[tokio::test]
async fn unmanaged_functions_are_listed_on_request() {
    let world = applied_pair().await;
    world.server.create_function("stranger").await;
    world.server.create_function("theirs").await;
    set_tag(&world, "theirs", "fgctl.stack", "other").await;
    assert_eq!(found(&world).await, (vec![], Some(0)));
    let ran = world.run(&["drift", "--unmanaged", "-o", "json"]).await;
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.json()["unmanaged"], json!(["function:default/stranger"]));
    let ran = world.run(&["drift", "--unmanaged"]).await;
    insta::assert_snapshot!(ran.transcript());
}
