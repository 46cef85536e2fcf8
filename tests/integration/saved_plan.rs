//! Saved plans through the program: they are applied once, where they were made, if nothing has changed.

use axum::http::Method;
use serde_json::{Value, json};

use crate::patience::within;
use crate::process::{Process, finished};
use crate::reconcile::{PAIR, applied_pair, nothing, pair};
use crate::world::{Ran, World};

const FILE: &str = "plan.json";

async fn save(world: &World) -> Ran {
    let ran = world.run(&["plan", "--out", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    world.requests();
    ran
}

/// Checks that the plan is refused because of this change, and that nothing was written.
async fn refused(world: &World, expected: &str) {
    let ran = world.run(&["apply", FILE]).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    assert_eq!(world.writes(), []);
}

fn text(world: &World) -> String {
    std::fs::read_to_string(world.folder.path().join(FILE)).expect("the plan is there")
}

/// An edit in the console, which sends the function's whole configuration.
async fn edit_memory(world: &World, name: &str, memory: u32) {
    world.reconfigure(name, json!({ "memory_size": memory })).await;
}

#[tokio::test]
async fn a_saved_plan_is_shown_and_applied_and_then_stale() {
    let world = pair().await;
    let planned = save(&world).await;
    let shown = world.run(&["show", FILE]).await;
    assert_eq!((shown.code, &shown.stdout), (Some(0), &planned.stdout));
    assert_eq!(world.requests(), [], "it sends no request");
    let ran = world.run(&["apply", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(world.planned(&[]).await, nothing());
    world.requests();
    refused(&world, "It has probably been applied already").await;
    let shown = world.run(&["show", FILE, "-o", "json"]).await.json();
    assert_eq!((&shown["outcome"], &shown["summary"]["create"]), (&json!("changes"), &json!(3)));
}

#[tokio::test]
async fn a_plan_without_changes_is_saved_and_applied_too() {
    let world = applied_pair().await;
    save(&world).await;
    for _ in 0..2 {
        let ran = world.run(&["apply", FILE]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn any_console_edit_makes_a_plan_stale() {
    let world = applied_pair().await;
    let changed = PAIR.replace("max_retries: 2", "max_retries: 3");
    world.manifest(&changed);
    save(&world).await;
    // A function that is no longer declared is read in another way, but it has not changed.
    let others = &changed[..changed.find("  second:").expect("the second function")];
    world.manifest(&others.replace(", on_success: { function: second }", ""));
    let moved = world.run(&["apply", FILE, "-o", "json"]).await.json()["moved"].clone();
    assert!(moved.to_string().contains("function:default/second") && !moved.to_string().contains("live"), "{moved}");
    world.manifest(&changed);
    edit_memory(&world, "second", 512).await;
    refused(&world, "function:default/second: live changed: /memory").await;
    edit_memory(&world, "second", 128).await;
    let urn = world.server.urn("first");
    let policy = format!("/fgs/functions/{urn}/async-invoke-config");
    world.server.put(&policy, json!({ "max_async_retry_attempts": 0 })).await;
    refused(&world, "async_policy:default/first: live changed: /max_retries, /on_success").await;
    let stale = world.run(&["apply", FILE, "-o", "json"]).await;
    assert_eq!(stale.code, Some(3));
    let stale = stale.json();
    assert_eq!(stale["outcome"], "stale");
    let moved = json!([{
        "address": "async_policy:default/first",
        "side": "live",
        "what": "changed",
        "fields": ["/max_retries", "/on_success"],
    }]);
    assert_eq!(stale["moved"], moved);
}

#[tokio::test]
async fn a_change_of_manifests_variables_code_or_secrets_makes_a_plan_stale() {
    let manifest = "\
version: 1
stack: pair
variables: { level: info }
functions:
  first:
    runtime: Python3.9
    handler: index.handler
    code: { dir: code }
    environment: { LEVEL: \"${var.level}\" }
    secrets: { PASSWORD: { env: PASSWORD } }
";
    let world = World::new().await;
    world.manifest(manifest);
    world.file("code/index.py", "def handler(event, context): return 1\n");
    let secret = [("PASSWORD", "canary-4711")];
    let ran = world.run_with(&secret, &["plan", "--out", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!text(&world).contains("canary-4711"));
    let mut said = String::new();
    let mut refused = async |what: &str, variables: &[(&str, &str)], arguments: &[&str]| {
        let ran = world.run_with(variables, &[&["apply", FILE], arguments].concat()).await;
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(!ran.stderr.contains("canary"), "{}", ran.stderr);
        said += &["══ ", what, "\n", &ran.transcript()].concat();
    };
    refused("another value of a secret", &[("PASSWORD", "canary-2")], &[]).await;
    refused("a secret without a value", &[], &[]).await;
    refused("another value of a variable", &secret, &["--var", "level=debug"]).await;
    world.file("code/index.py", "def handler(event, context): return 2\n");
    refused("other code", &secret, &[]).await;
    world.file("code/index.py", "def handler(event, context): return 1\n");
    world.manifest(&manifest.replace("    code:", "    memory: 512\n    code:"));
    refused("another field", &secret, &[]).await;
    insta::assert_snapshot!(said);
    world.manifest(&format!("# Whatever a comment says, it is the same manifest.\n{manifest}"));
    assert_eq!(world.writes(), []);
    let ran = world.run_with(&secret, &["apply", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(!format!("{ran:?}").contains("canary"));
}

#[tokio::test]
async fn broken_files_and_other_places_are_refused_with_one_message() {
    let world = pair().await;
    save(&world).await;
    let whole = text(&world);
    let with = |change: &dyn Fn(&mut Value)| {
        let mut document: Value = serde_json::from_str(&whole).expect("JSON");
        change(&mut document);
        document.to_string()
    };
    let mut said = String::new();
    let mut refused = async |arguments: &[&str]| {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        said.push_str(&ran.transcript());
    };
    for text in [
        whole[..whole.len() / 2].to_owned(),
        "{}".to_owned(),
        with(&|document| document["format_version"] = json!(7)),
        with(&|document| document["plan"]["changes"] = json!([])),
    ] {
        world.file(FILE, &text);
        refused(&["apply", FILE]).await;
        refused(&["show", FILE]).await;
    }
    world.file(FILE, &whole);
    for arguments in [
        &["--region", "other"][..],
        &["--project-id", "other"],
        &["--endpoint", "http://127.0.0.1:1"],
        &["--local"],
        &["--only-drift"],
    ] {
        refused(&[&["apply", FILE], arguments].concat()).await;
    }
    for plan in ["fgctl.yaml", ".", "no-such-plan.json"] {
        refused(&["apply", plan]).await;
    }
    insta::assert_snapshot!(said);
    assert_eq!(world.requests(), [], "no request was sent");
}

/// The file contains the paths of its manifests. If they have moved, -f gives the current paths.
#[tokio::test]
async fn manifests_are_found_at_their_saved_paths() {
    let world = World::new().await;
    world.file("stacks/pair/fgctl.yaml", PAIR);
    std::fs::create_dir_all(world.folder.path().join("elsewhere")).expect("a folder");
    let ran = world.run(&["plan", "-f", "stacks/pair", "--out", "elsewhere/plan.json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let folder = world.folder.path().canonicalize().expect("the folder exists");
    let elsewhere = async |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.current_dir(world.folder.path().join("elsewhere"));
        Ran::of(arguments, world.folder.path(), finished(command).await)
    };
    std::fs::rename(folder.join("stacks"), folder.join("moved")).expect("it moves");
    let missing = elsewhere(&["apply", "plan.json"]).await;
    assert_eq!(missing.code, Some(3), "{missing:?}");
    insta::assert_snapshot!(missing.transcript());
    assert_eq!(world.writes(), []);
    let ran = elsewhere(&["apply", "plan.json", "-f", "../moved/pair"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    std::fs::rename(folder.join("moved"), folder.join("stacks")).expect("it moves back");
    let ran = world.run(&["plan", "--destroy", "-f", "stacks/pair", "--out", "elsewhere/plan.json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = elsewhere(&["apply", "plan.json", "--destroy"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// The file alone permits nothing: the command line must repeat each permission, and the error says how.
#[tokio::test]
async fn permissions_must_be_repeated() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    for planned in
        [&["--adopt"][..], &["--adopt", "--take-over", "--allow-deletes", "7"], &["--no-ownership"], &["--destroy"]]
    {
        let ran = world.run(&[&["plan", "--out", FILE], planned].concat()).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        world.requests();
        for arguments in [&["apply", FILE][..], &["apply", FILE, "--auto-approve"]] {
            let ran = world.run(arguments).await;
            assert_eq!(ran.code, Some(1), "{ran:?}");
            insta::assert_snapshot!(ran.transcript());
        }
        assert_eq!(world.requests(), [], "no request was sent");
    }
    let ran = world.run(&["plan", "--adopt", "--allow-deletes", "7", "--out", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = world.run(&["apply", FILE, "--adopt", "--allow-deletes", "6"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    let ran = world.run(&["apply", FILE, "--adopt", "--allow-deletes", "7"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Anyone who can write the file can also write its checksum, but gains nothing from that.
#[tokio::test]
async fn an_edited_file_gains_no_permission() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    let ran = world.run(&["plan", "--adopt", "--out", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for (pointer, value) in [
        ("/origin/options/permissions/destroy", json!(true)),
        ("/origin/options/permissions/take_over", json!(true)),
        ("/origin/options/permissions/allow_deletes", json!(9)),
        ("/origin/options/permissions/allow_secret_loss", json!(true)),
        ("/origin/options/ownership", json!("nobody")),
    ] {
        let mut document: Value = serde_json::from_str(&text(&world)).expect("JSON");
        *document["plan"].pointer_mut(pointer).expect("the field exists") = value;
        let checksum = <sha2::Sha256 as sha2::Digest>::digest(document["plan"].to_string());
        document["checksum"] = json!(hex::encode(checksum));
        world.file("edited.json", &document.to_string());
        world.requests();
        let ran = world.run(&["apply", "edited.json", "--adopt"]).await;
        assert_eq!(ran.code, Some(1), "{pointer}: {ran:?}");
        insta::assert_snapshot!(ran.transcript());
        assert_eq!(world.requests(), [], "no request was sent");
    }
}

#[tokio::test]
async fn a_refused_plan_is_not_saved_and_a_saved_one_is_private() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    let ran = world.run(&["plan", "--out", FILE]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(!world.folder.path().join(FILE).exists());
    world.manifest(PAIR);
    save(&world).await;
    #[cfg(unix)]
    {
        let metadata = std::fs::metadata(world.folder.path().join(FILE)).expect("the plan is there");
        assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o077, 0);
    }
    // A folder, pipe or device is not replaced.
    for path in ["no/such/folder/plan.json", "."] {
        let ran = world.run(&["plan", "--out", path]).await;
        assert_eq!(ran.code, Some(1));
        insta::assert_snapshot!(ran.transcript());
    }
}

#[tokio::test]
async fn permissions_and_selection_are_saved() {
    let world = World::new().await;
    world.server.create_function("second").await;
    world.manifest(PAIR);
    let ran = world.run(&["plan", "--adopt", "--target", "second", "--out", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = world.run(&["apply", FILE, "--adopt"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.planned(&[]).await, ["create function:default/first", "create async_policy:default/first"]);
}

/// The file does not contain an environment value from the console, but a change of the value is detected.
#[tokio::test]
async fn a_value_that_only_live_has_is_masked() {
    let world = applied_pair().await;
    let edit = async |password: &str| {
        let environment = json!({ "LEVEL": "info", "PASSWORD": password }).to_string();
        world.reconfigure("first", json!({ "user_data": environment })).await;
    };
    edit("canary-1").await;
    let planned = save(&world).await;
    insta::assert_snapshot!(planned.transcript());
    assert!(!text(&world).contains("canary"), "{}", text(&world));
    edit("canary-2").await;
    refused(&world, "function:default/first: live changed: /environment").await;
}

/// Two of four hundred functions are ours. Changes of the others do not matter and cost no requests.
#[tokio::test]
async fn changes_of_other_functions_do_not_matter() {
    let world = applied_pair().await;
    for index in 0..398 {
        world.server.create_function(&format!("other{index}")).await;
    }
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 3"));
    save(&world).await;
    edit_memory(&world, "other7", 512).await;
    world.server.delete(&format!("/fgs/functions/{}", world.server.urn("other8"))).await;
    world.run(&["drift"]).await;
    // One page of functions, four pages of tags, two policies.
    assert_eq!(world.requests().len(), 7);
    let ran = world.run(&["apply", FILE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(world.writes().iter().all(|write| write.path.contains("first")));
}

/// A pipeline cannot ask for confirmation, so a destroy must be planned and approved before.
#[tokio::test]
async fn a_destroy_can_be_planned_and_saved() {
    let world = applied_pair().await;
    let plan = ["plan", "--destroy", "--out", FILE, "--detailed-exitcode"];
    let planned = world.run(&plan).await;
    assert_eq!(planned.code, Some(2), "{planned:?}");
    insta::assert_snapshot!(planned.transcript());
    assert_eq!(world.writes(), []);
    assert_eq!(world.run(&["show", FILE]).await.stdout, planned.stdout);
    edit_memory(&world, "first", 512).await;
    let stale = world.run(&["apply", FILE, "--destroy"]).await;
    assert_eq!(stale.code, Some(3), "{stale:?}");
    insta::assert_snapshot!(stale.transcript());
    assert_eq!(world.run(&plan).await.code, Some(2));
    let ran = world.run(&["apply", FILE, "--destroy"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    let again = world.run(&plan).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    insta::assert_snapshot!(again.transcript());
    assert_eq!(world.run(&["show", FILE]).await.stdout, again.stdout);
}

#[tokio::test]
async fn an_emptied_folder_cannot_be_planned() {
    let world = applied_pair().await;
    save(&world).await;
    std::fs::remove_file(world.folder.path().join("fgctl.yaml")).expect("it goes");
    for arguments in [&["apply", FILE][..], &["apply", "--auto-approve"], &["drift"]] {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
    }
    world.manifest("version: 1\nstack: pair\nfunctions: {}\n");
    refused(&world, "function:default/first: the manifests no longer declare it").await;
    let drift = world.run(&["drift"]).await;
    assert_eq!(drift.code, Some(1));
    insta::assert_snapshot!(drift.transcript());
}

/// The second apply runs while the first is about to make its check before the first write. The first is refused, and
/// the second's writes stay.
#[tokio::test]
async fn of_two_concurrent_applies_the_one_that_checks_later_is_refused() {
    let world = applied_pair().await;
    world.manifest(&PAIR.replace("LEVEL: info", "LEVEL: debug"));
    let (arrived, go) = world.hold(Method::GET, "first/config");
    let first = Process::start(&mut world.command(&["apply", "--auto-approve"]));
    within("the first apply's look", arrived.notified()).await;
    world.manifest(&PAIR.replace("LEVEL: info", "LEVEL: warning"));
    world.apply().await;
    world.requests();
    go.notify_one();
    let ran = Ran::of(&["apply", "--auto-approve"], world.folder.path(), first.ended().await);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!(ran.transcript());
    assert_eq!(world.writes(), []);
    assert_eq!(world.planned(&[]).await, nothing());
}
