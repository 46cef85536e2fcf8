//! Renaming keys, moving functions to another stack, and what looks like it.

use crate::world::World;

const MANIFEST: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  intake: # fgctl: ignore[retries-without-failure-target] only a test
    code: { inline: 'def handler(event, context): return 1' }
    async: { max_retries: 2, on_success: { function: settle } }
  settle:
    code: { inline: 'def handler(event, context): return 2' }
    async: { max_retries: 0 }
";

/// The second function of the manifest, in a stack of its own.
const PAYMENTS: &str = "\
version: 1
stack: payments
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  settle:
    code: { inline: 'def handler(event, context): return 2' }
    async: { max_retries: 0 }
";

async fn applied() -> World {
    let world = World::new().await;
    world.manifest(MANIFEST);
    world.apply().await;
    world.requests();
    world
}

async fn is_in_step(world: &World, arguments: &[&str]) -> bool {
    world.run(&[&["plan", "--detailed-exitcode"], arguments].concat()).await.code == Some(0)
}

/// The name says which function an entry is.
#[tokio::test]
async fn a_key_is_renamed_without_a_change() {
    let world = applied().await;
    let renamed = MANIFEST
        .replace("{ function: settle }", "{ function: payment }")
        .replace("  settle:\n", "  payment:\n    name: settle\n");
    world.manifest(&renamed);
    assert!(is_in_step(&world, &[]).await);
    // A function that something else deploys, too.
    let existing = |key: &str| format!("version: 1\nstack: other\nfunctions:\n  {key}\n");
    world.server.create_function("theirs").await;
    world.file("other/fgctl.yaml", &existing("theirs: { existing: true, async: {} }"));
    assert_eq!(world.run(&["apply", "-f", "other", "--auto-approve"]).await.code, Some(0));
    world.file("other/fgctl.yaml", &existing("key: { existing: true, name: theirs, async: {} }"));
    assert!(is_in_step(&world, &["-f", "other"]).await);
}

#[tokio::test]
async fn a_function_that_only_looks_renamed_is_mentioned() {
    let world = applied().await;
    world.manifest(
        &MANIFEST.replace("{ function: settle }", "{ function: payment }").replace("  settle:", "  payment:"),
    );
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
    world.manifest(&MANIFEST.replace("  settle:\n", "  settle:\n    package: payments\n"));
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
    assert_eq!(world.writes(), []);
}

/// The other stack takes the function over first; the first one then has nothing to delete.
#[tokio::test]
async fn a_stack_is_split_without_a_deletion() {
    let world = applied().await;
    world.file("payments/fgctl.yaml", PAYMENTS);
    assert_eq!(world.run(&["plan", "-f", "payments"]).await.code, Some(1), "it needs a flag");
    let taken = world.run(&["apply", "-f", "payments", "--auto-approve", "--take-over"]).await;
    assert_eq!(taken.code, Some(0), "{taken:?}");
    insta::assert_snapshot!(taken.transcript());
    // The first stack names the function from now on as one that something else deploys.
    let (entries, _) = MANIFEST.split_once("  settle:").expect("an entry");
    for entry in ["  settle: { existing: true }\n".to_owned(), String::new()] {
        let own = format!("{entries}{entry}");
        let urn = format!("{{ urn: \"{}\" }}", world.server.urn("settle"));
        world.manifest(&if entry.is_empty() { own.replace("{ function: settle }", &urn) } else { own });
        assert!(is_in_step(&world, &["-f", "fgctl.yaml"]).await, "{entry}");
    }
    assert!(is_in_step(&world, &["-f", "payments"]).await);
    let writes = world.writes();
    assert!(writes.iter().all(|write| write.path.contains("/tags/")), "{writes:#?}");
    // A destroy of the first stack leaves what moved.
    let destroyed = world.run(&["destroy", "-f", "fgctl.yaml", "--auto-approve"]).await;
    assert_eq!(destroyed.code, Some(0), "{destroyed:?}");
    assert_eq!(world.server.get("/fgs/functions").await.body["count"], 1);
}

/// Policies of functions that something else deploys move in the same way.
#[tokio::test]
async fn a_stack_of_policies_is_split_without_a_deletion() {
    let world = World::new().await;
    for name in ["one", "two"] {
        world.server.create_function(name).await;
    }
    let of = |stack: &str, names: &[&str]| {
        let entries: Vec<String> =
            names.iter().map(|name| format!("  {name}: {{ existing: true, async: {{}} }}\n")).collect();
        format!("version: 1\nstack: {stack}\nfunctions:\n{}", entries.concat())
    };
    world.manifest(&of("both", &["one", "two"]));
    world.apply().await;
    world.file("second/fgctl.yaml", &of("second", &["two"]));
    world.requests();
    assert_eq!(world.run(&["apply", "-f", "second", "--auto-approve", "--take-over"]).await.code, Some(0));
    world.manifest(&of("both", &["one"]));
    assert!(is_in_step(&world, &["-f", "fgctl.yaml"]).await);
    assert!(is_in_step(&world, &["-f", "second"]).await);
    let writes = world.writes();
    assert!(writes.iter().all(|write| write.path.contains("/tags/")), "{writes:#?}");
}

/// The other way: the first stack forgets the function, and the other one adopts it.
#[tokio::test]
async fn a_function_that_one_stack_forgets_is_adopted_by_another() {
    let world = applied().await;
    assert_eq!(world.run(&["forget", "settle", "--auto-approve"]).await.code, Some(0));
    world.file("payments/fgctl.yaml", PAYMENTS);
    assert_eq!(world.run(&["apply", "-f", "payments", "--auto-approve"]).await.code, Some(0));
    assert!(is_in_step(&world, &["-f", "payments"]).await);
    let urn = format!("{{ urn: \"{}\" }}", world.server.urn("settle"));
    let (entries, _) = MANIFEST.split_once("  settle:").expect("an entry");
    world.manifest(&entries.replace("{ function: settle }", &urn));
    assert!(is_in_step(&world, &["-f", "fgctl.yaml"]).await);
}
