//! Partial plans through the program: `--target`, `--exclude`, `--only-drift`, `--only-pending`.

use serde_json::json;

use crate::reconcile::{PAIR, applied_pair, nothing, pair};
use crate::world::World;

async fn edit_memory(world: &World, name: &str) {
    world.reconfigure(name, json!({ "memory_size": 512 })).await;
}

#[tokio::test]
async fn a_target_includes_what_it_needs_and_the_report_lists_the_rest() {
    let world = pair().await;
    let ran = world.run(&["plan", "--target", "function:default/first"]).await;
    insta::assert_snapshot!(ran.transcript());
    let table: [(&[&str], &[&str]); 6] = [
        (&["--target", "function:default/first"], &["create function:default/first"]),
        (&["--target", "default/second"], &["create function:default/second"]),
        (
            &["--target", "async_policy:default/first"],
            &["create function:default/first", "create async_policy:default/first", "create function:default/second"],
        ),
        (&["--exclude", "second"], &["create function:default/first"]),
        (&["--exclude", "async_policy:default/first", "--target", "first"], &["create function:default/first"]),
        (&["--target", "second", "--exclude", "second"], &[]),
    ];
    for (arguments, expected) in table {
        assert_eq!(world.planned(arguments).await, expected, "{arguments:?}");
    }
    let ran = world.run(&["apply", "--auto-approve", "--target", "second", "-o", "json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["left_out"], json!(["function:default/first", "async_policy:default/first"]));
    world.apply().await;
    assert_eq!(world.planned(&[]).await, nothing());
    let ran = world.run(&["destroy", "--auto-approve", "--target", "first"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn an_unknown_target_is_an_error() {
    let world = pair().await;
    let mut said = String::new();
    for target in ["frist", "function:default/third", "no such name"] {
        for flag in ["--target", "--exclude"] {
            said.push_str(&world.run(&["plan", flag, target]).await.transcript());
        }
    }
    insta::assert_snapshot!(said);
}

#[tokio::test]
async fn each_side_can_be_applied_without_the_other() {
    let world = applied_pair().await;
    edit_memory(&world, "first").await;
    let manifest = PAIR.replace("return 1", "return 10").replace("max_retries: 2", "max_retries: 3");
    world.manifest(&manifest);
    let ran = world.run(&["plan", "--only-drift"]).await;
    insta::assert_snapshot!(ran.transcript());
    assert!(!ran.stdout.contains("code"), "{}", ran.stdout);
    let ran = world.run(&["apply", "--auto-approve", "--only-drift"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, ["update function:default/first", "update async_policy:default/first"]);
    assert_eq!(world.planned(&["--only-drift"]).await, nothing());

    edit_memory(&world, "first").await;
    let ran = world.run(&["apply", "--auto-approve", "--only-pending"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let plan = world.plan(&[]).await;
    assert_eq!(plan["changes"][0]["fields"], json!([{ "path": "/memory", "before": 512, "after": 128 }]));
    assert_eq!(plan["changes"].as_array().map(Vec::len), Some(1));
    assert_eq!(world.planned(&["--only-pending"]).await, nothing());
    let both = world.run(&["plan", "--only-drift", "--only-pending"]).await;
    assert_eq!(both.code, Some(1), "{both:?}");
}

/// Configuration and secrets share one request. It succeeds although a first secret, which is pending, has no value.
#[tokio::test]
async fn drift_is_reverted_while_a_secret_is_pending() {
    let world = applied_pair().await;
    edit_memory(&world, "first").await;
    world.manifest(&PAIR.replace("    tags:", "    secrets: { PASSWORD: { env: PASSWORD } }\n    tags:"));
    let secret = [("PASSWORD", "canary")];
    let ran = world.run_with(&secret, &["apply", "--auto-approve", "--only-drift"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = world.run_with(&secret, &["plan", "-o", "json"]).await.json();
    assert_eq!(ran["changes"][0]["reason"], "secrets: the manifest or a value changed");
}

#[tokio::test]
async fn errors_elsewhere_do_not_stop_a_target() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    let ran = world.run(&["apply", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let ran = world.run(&["apply", "--auto-approve", "--target", "first"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn a_missing_secret_matters_only_if_its_function_is_selected() {
    let world = pair().await;
    world.manifest(&PAIR.replace("    tags:", "    secrets: { PASSWORD: { env: PASSWORD } }\n    tags:"));
    for (target, code) in [("first", 1), ("second", 0)] {
        let ran = world.run(&["apply", "--auto-approve", "--target", target]).await;
        assert_eq!(ran.code, Some(code), "{ran:?}");
    }
}
