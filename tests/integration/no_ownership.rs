//! `--no-ownership`: the comparison is two-way, no tag is read or written, nothing is deleted.

use serde_json::json;

use crate::reconcile::{PAIR, nothing, pair};
use crate::world::World;

const FLAG: &str = "--no-ownership";

async fn apply(world: &World) {
    let ran = world.run(&["apply", "--auto-approve", FLAG]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test]
async fn an_apply_without_tags_converges() {
    let world = pair().await;
    for manifest in [
        PAIR.to_owned(),
        PAIR.replace("info", "debug"),
        PAIR.replace("return 1", "return 9"),
        PAIR.replace("max_retries: 2", "max_retries: 0"),
        PAIR.replace("    tags:", "    protect: true\n    tags:"),
    ] {
        world.manifest(&manifest);
        apply(&world).await;
        assert_eq!(world.planned(&[FLAG]).await, nothing(), "{manifest}");
    }
    assert!(world.requests().iter().all(|request| !request.path.contains("/tags") && !request.path.contains("filter")));
    let tags = world.server.get(&format!("/functions/{}/tags", world.server.urn("first"))).await.body;
    assert_eq!(tags["tags"], json!([]));
}

#[tokio::test]
async fn declarations_without_effect_are_reported() {
    let world = pair().await;
    world.manifest(&PAIR.replace("    tags:", "    protect: true\n    tags:"));
    let ran = world.run(&["plan", FLAG]).await;
    insta::assert_snapshot!(ran.transcript());
}

/// A service that forbids tags does not stop anything.
#[tokio::test]
async fn no_request_for_tags_is_sent() {
    let world = pair().await;
    apply(&world).await;
    let drift = world.run(&["drift", FLAG]).await;
    assert_eq!(drift.code, Some(0), "{drift:?}");
    let is_of_tags = |path: &str| path.contains("/tags") || path.ends_with("/resource-instances/filter");
    assert!(world.requests().iter().all(|request| !is_of_tags(&request.path)));
}

#[tokio::test]
async fn nothing_is_deleted_and_differences_have_no_cause() {
    let world = pair().await;
    apply(&world).await;
    world.manifest(
        &PAIR
            .replace("    async: { max_retries: 2, on_success: { function: second } }\n", "")
            .replace("  second:\n    code: { inline: 'def handler(event, context): return 2' }\n", ""),
    );
    assert_eq!(world.planned(&[FLAG]).await, nothing());
    world.manifest(&PAIR.replace("info", "debug"));
    let drift = world.run(&["drift", FLAG, "--unmanaged", "-o", "json"]).await;
    assert_eq!(drift.code, Some(2), "{drift:?}");
    let drift = drift.json();
    assert_eq!(drift["findings"][0]["state"], "unmarked");
    assert_eq!(drift["findings"][0]["fields"][0]["before"], json!({ "sensitive": true }));
    let ran = world.run(&["plan", FLAG, "--only-drift"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn only_the_names_of_secrets_are_compared() {
    let world = World::new().await;
    world.manifest(&PAIR.replace("    tags:", "    secrets: { PASSWORD: { env: PASSWORD } }\n    tags:"));
    let run = async |value: &str, arguments: &[&str]| {
        let ran = world.run_with(&[("PASSWORD", value)], &[arguments, &[FLAG]].concat()).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        ran.stdout
    };
    run("one", &["apply", "--auto-approve"]).await;
    assert!(run("two", &["plan"]).await.contains("No changes"));
    world.manifest(&PAIR.replace("    tags:", "    secrets: { OTHER: { env: PASSWORD } }\n    tags:"));
    // Without marks, it is unknown who added the other secret.
    assert!(run("two", &["plan", "--allow-secret-loss"]).await.contains("secrets.OTHER"));
    run("two", &["apply", "--auto-approve", "--allow-secret-loss"]).await;
    assert!(run("two", &["plan"]).await.contains("No changes"));
}
