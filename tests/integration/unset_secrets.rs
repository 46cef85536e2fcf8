//! Plans that are saved without the values of functions' secrets, as on a pull request.

use serde_json::json;

use crate::world::World;

const FILE: &str = "plan.json";

const ONE_SECRET: &str = "\
version: 1
stack: one
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
    secrets: { KEY: { env: KEY } }
";

/// A pull request has no secrets of functions. Its plan is applied where they are set.
#[tokio::test]
async fn a_plan_without_the_values_of_secrets_is_applied_with_them() {
    let manifest = "\
version: 1
stack: pair
functions:
  first:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 1' }
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD }, KEY: { env: KEY } }
  second:
    runtime: Python3.9
    handler: index.handler
    code: { inline: 'def handler(event, context): return 2' }
    secrets: { KEY: { env: KEY } }
";
    let world = World::new().await;
    world.manifest(manifest);
    let (key, both) = ([("KEY", "canary-1")], [("KEY", "canary-1"), ("PASSWORD", "info")]);
    let planned = world.run_with(&key, &["plan", "--out", FILE]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    insta::assert_snapshot!(planned.transcript());
    let shown = world.run(&["show", FILE]).await;
    assert_eq!((shown.stdout, shown.stderr), (planned.stdout, planned.stderr), "the unknown value is shown again");
    world.requests();
    let without = world.run_with(&key, &["apply", FILE]).await;
    assert_eq!((without.code, world.writes()), (Some(1), vec![]), "{without:?}");
    let other = world.run_with(&[("KEY", "canary-2"), both[1]], &["apply", FILE]).await;
    assert_eq!(other.code, Some(3), "a value that the plan knew has changed: {other:?}");
    // The value is also a plain text of the manifest, which the plan could not hide.
    let ran = world.run_with(&both, &["apply", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.run_with(&both, &["plan", "--detailed-exitcode"]).await.code, Some(0));
    // A new value is not visible in a plan without it. The apply sends it.
    world.manifest(&manifest.replace("LEVEL: info", "LEVEL: debug"));
    let planned = world.run(&["plan", "--out", FILE]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    let rotated = [("KEY", "canary-1"), ("PASSWORD", "canary-3")];
    let ran = world.run_with(&rotated, &["apply", FILE]).await;
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.run_with(&rotated, &["plan", "--detailed-exitcode"]).await.code, Some(0));
    // Everything else is still compared.
    let planned = world.run(&["plan", "--out", FILE]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    world.reconfigure("first", json!({ "memory_size": 512 })).await;
    let stale = world.run_with(&rotated, &["apply", FILE]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    let saved = std::fs::read_to_string(world.folder.path().join(FILE)).expect("the plan");
    assert!(!format!("{stale:?}{saved}").contains("canary"));
}

/// The same for passwords of triggers, on functions of the stack and on those that another tool deploys.
#[tokio::test]
async fn a_plan_without_a_password_of_a_trigger_is_applied_with_it() {
    let triggers =
        "    triggers:\n      orders: { kafka: { instance_id: i, topics: [o], user: u, password: { env: KAFKA } } }
      invoices:
        type: RABBITMQ
        event_data: { instance_id: i, exchange_name: o, access_user: u, vhost: /, access_password: { env: RABBIT } }
";
    let own = "    runtime: Python3.9\n    handler: index.handler\n    agency: a\n    vpc: { id: v, subnet: s }\n    code: \
               { inline: 'def handler(event, context): return 1' }\n";
    for entry in [own, "    existing: true\n"] {
        let world = World::new().await;
        if entry != own {
            world.server.create_function("f").await;
        }
        world.manifest(&format!("version: 1\nstack: pair\nfunctions:\n  f:\n{entry}{triggers}"));
        let (one, both) = ([("KAFKA", "canary-1")], [("KAFKA", "canary-1"), ("RABBIT", "canary-2")]);
        let planned = world.run_with(&one, &["plan", "--out", FILE]).await;
        assert_eq!(planned.code, Some(0), "{planned:?}");
        let other = world.run_with(&[("KAFKA", "canary-3"), both[1]], &["apply", FILE]).await;
        assert_eq!(other.code, Some(3), "a value that the plan knew has changed: {other:?}");
        let ran = world.run_with(&both, &["apply", FILE]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(world.run_with(&both, &["plan", "--detailed-exitcode"]).await.code, Some(0), "{entry}");
        let saved = std::fs::read_to_string(world.folder.path().join(FILE)).expect("the plan");
        assert!(!format!("{other:?}{ran:?}{saved}").contains("canary"));
    }
}

/// A value that the plan knew is compared even if another value of the same function or trigger was not set.
#[tokio::test]
async fn a_known_value_beside_an_unknown_one_is_compared() {
    let manifest = "\
version: 1
stack: one
functions:
  f:
    runtime: Python3.9
    handler: index.handler
    agency: a
    vpc: { id: v, subnet: s }
    code: { inline: 'def handler(event, context): return 1' }
    secrets: { KNOWN: { env: KNOWN }, UNKNOWN: { env: UNKNOWN } }
    triggers:
      k: { type: IOTDA, event_data: { a: 1, one_password: { env: UNKNOWN }, other_password: { env: OTHER } } }
";
    let world = World::new().await;
    world.manifest(manifest);
    let known = [("KNOWN", "canary-1"), ("OTHER", "canary-2")];
    let values = |own, other| [("KNOWN", own), ("OTHER", other), ("UNKNOWN", "canary-3")];
    let planned = world.run_with(&known, &["plan", "--out", FILE]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    for (changed, what) in [
        (values("canary-4", "canary-2"), "function:default/f: the manifests or values of secrets changed: /secrets\n"),
        (
            values("canary-1", "canary-4"),
            "trigger:default/f/k: the manifests or values of secrets changed: /triggers/other_password\n",
        ),
    ] {
        let stale = world.run_with(&changed, &["apply", FILE]).await;
        assert_eq!(stale.code, Some(3), "{stale:?}");
        assert!(stale.stderr.contains(what), "{stale:?}");
    }
    let ran = world.run_with(&values("canary-1", "canary-2"), &["apply", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // An apply writes the same values with another time into the tag.
    world.manifest(&manifest.replace("return 1", "return 2"));
    let all = values("canary-1", "canary-2");
    assert_eq!(world.run_with(&all, &["plan", "--out", FILE]).await.code, Some(0));
    assert_eq!(world.run_with(&all, &["apply", FILE]).await.code, Some(0));
    let again = world.run_with(&all, &["apply", FILE]).await;
    assert!(again.stderr.contains("It has probably been applied already"), "{again:?}");
    assert!(!again.stderr.contains("secrets changed"), "{again:?}");
}

/// The plan fails where its apply would.
#[tokio::test]
async fn a_plan_without_values_does_not_adopt_secrets() {
    let world = World::new().await;
    world.manifest(ONE_SECRET);
    let set: &[(&str, &str)] = &[("KEY", "canary-1")];
    assert_eq!(world.run_with(set, &["apply", "--auto-approve"]).await.code, Some(0));
    assert_eq!(world.run_with(set, &["forget", "f", "--auto-approve"]).await.code, Some(0));
    for variables in [&[], set] {
        let refused = world.run_with(variables, &["plan", "--out", FILE]).await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        let unknown = "function default/f exists, is unowned, and fgctl cannot compare the values of its secrets";
        assert!(refused.stderr.contains(unknown) && refused.stderr.contains("use --adopt"), "{refused:?}");
    }
    assert_eq!(world.run(&["plan", "--adopt", "--out", FILE]).await.code, Some(0));
    let applied = world.run_with(set, &["apply", FILE, "--adopt"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert_eq!(world.run_with(set, &["plan", "--detailed-exitcode"]).await.code, Some(0));
}

/// Without tags, a saved plan alone knows the values.
#[tokio::test]
async fn without_ownership_a_changed_value_makes_a_saved_plan_stale() {
    let world = World::new().await;
    world.manifest(ONE_SECRET);
    let planned = world.run_with(&[("KEY", "canary-1")], &["plan", "--no-ownership", "--out", FILE]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    let stale = world.run_with(&[("KEY", "canary-2")], &["apply", FILE, "--no-ownership"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    let ran = world.run_with(&[("KEY", "canary-1")], &["apply", FILE, "--no-ownership"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
