//! The right account: the region and project of manifests, and in results.

use serde_json::Value;

use crate::reconcile::PAIR;
use crate::world::{PROJECT, Ran, World};

/// The pair for this project, with the manifest's region and project replaced.
fn placed(region: &str, project: &str) -> String {
    PAIR.replace("version: 1\n", &format!("version: 1\nregion: {region}\nproject: {project}\n"))
}

async fn world(region: &str, project: &str) -> World {
    let world = World::new().await;
    world.manifest(&placed(region, project));
    world
}

const SOMEWHERE_ELSE: &str = "ffffffffffffffffffffffffffffffff";

/// The commands that read manifests and connect.
const COMMANDS: [&[&str]; 9] = [
    &["plan"],
    &["plan", "--no-ownership"],
    &["apply", "--auto-approve"],
    &["destroy", "--auto-approve"],
    &["drift"],
    &["import", "first", "--auto-approve"],
    &["invoke", "first"],
    &["logs", "default/first"],
    &["invocations", "first"],
];

#[tokio::test]
async fn a_matching_account_is_accepted() {
    let world = world("local-1", PROJECT).await;
    world.apply().await;
    assert_eq!(world.run(&["plan", "--detailed-exitcode"]).await.code, Some(0));
}

#[tokio::test]
async fn another_account_ends_every_command_before_its_first_request() {
    let world = world("eu-de", SOMEWHERE_ELSE).await;
    let mut said = String::new();
    for command in COMMANDS {
        let ran = world.run(command).await;
        assert_eq!(ran.code, Some(1), "{command:?}: {ran:?}");
        said.push_str(&ran.transcript());
        assert_eq!(world.requests(), [], "{command:?}");
    }
    insta::assert_snapshot!("another_account_ends_every_command", said);
    // Functions that the manifests do not declare can be anywhere.
    assert!(!world.run(&["logs", "default/another"]).await.stderr.contains("other-region"));
}

#[tokio::test]
async fn a_saved_plan_must_match_the_place_of_its_manifest() {
    let world = world("local-1", PROJECT).await;
    assert_eq!(world.run(&["plan", "--out", "saved"]).await.code, Some(0));
    world.manifest(&placed("local-1", SOMEWHERE_ELSE));
    let ran = world.run(&["apply", "saved"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    insta::assert_snapshot!("a_saved_plan_for_another_project_is_refused", ran.transcript());
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn a_place_can_come_from_a_variable_and_files_must_agree() {
    let world = World::new().await;
    world.manifest(&placed("${var.region}", PROJECT).replace("stack:", "variables: { region: null }\nstack:"));
    let planned = |region: &'static str| ["plan", "--var", region, "-o", "json"];
    assert_eq!(world.run(&planned("region=local-1")).await.json()["outcome"], "changes");
    let refused = world.run(&planned("region=eu-de")).await.json();
    assert_eq!(refused["diagnostics"][0]["code"], "other-region");
    assert_eq!(refused["diagnostics"][0]["pointer"], "/region");
    world.file("more.yaml", "version: 1\nstack: pair\nregion: eu-nl\nfunctions: {}\n");
    let refused = world.run(&planned("region=local-1")).await.json();
    assert_eq!(refused["diagnostics"][0]["code"], "different-region");
    world.file("more.yaml", "version: 1\nstack: pair\nregion: eu nl\nproject: 'a:b'\nfunctions: {}\n");
    let refused = world.run(&planned("region=local-1")).await.json();
    let codes: Vec<&Value> =
        refused["diagnostics"].as_array().expect("a list").iter().map(|one| &one["code"]).collect();
    assert_eq!(codes, ["invalid-value", "invalid-value"]);
}

/// The embedded server is on this machine, so it cannot be the wrong account.
#[tokio::test]
async fn the_embedded_server_is_never_the_wrong_account() {
    let world = world("eu-de", SOMEWHERE_ELSE).await;
    let ran = world.run(&["apply", "--local", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("Stack \"pair\" in region local-1, project "), "{}", ran.stdout);
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[tokio::test]
async fn every_result_names_stack_and_place_in_its_first_line() {
    let world = world("local-1", PROJECT).await;
    let home = format!("stack \"pair\" in region local-1, project {PROJECT}");
    let names = |ran: &Ran| first_line(&ran.stdout).to_lowercase().contains(&home);
    for form in ["human", "markdown"] {
        for command in ["plan", "drift"] {
            let ran = world.run(&[command, "-o", form]).await;
            assert!(names(&ran), "{command} {form}: {ran:?}");
        }
    }
    assert!(names(&world.run(&["plan", "--out", "saved"]).await));
    assert!(names(&world.run(&["show", "saved"]).await));
    assert!(names(&world.run(&["apply", "saved", "-o", "markdown"]).await));
    let stale = world.run(&["apply", "saved", "-o", "markdown"]).await;
    assert_eq!(stale.code, Some(3));
    assert!(names(&stale) && first_line(&stale.stderr).contains(&home), "{stale:?}");
    let exported = world.run(&["export", "--stack", "pair", "--to", "out"]).await;
    assert!(names(&exported), "{exported:?}");
    for command in [&["plan", "-o", "json"][..], &["drift", "-o", "json"], &["show", "saved", "-o", "json"]] {
        let document = world.run(command).await.json();
        assert_eq!((&document["region"], &document["project_id"]), (&"local-1".into(), &PROJECT.into()));
    }
    let destroyed = world.run(&["destroy", "--auto-approve", "-o", "markdown"]).await;
    assert!(names(&destroyed), "{destroyed:?}");
}
