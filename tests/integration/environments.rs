//! `--env`: what an environment gives to every command, and what it refuses.

use std::path::Path;

use crate::messages::Page;
use crate::process::finished;
use crate::reconcile::PAIR;
use crate::world::{PROJECT, Ran, World};

const HEADING: &str = "### Environments and overlays\n";

/// The commands of the README's section, as they are written.
fn commands() -> Vec<String> {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let section = readme.split(HEADING).nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the section");
    section.lines().filter_map(|line| line.strip_prefix("$ fgctl ")).map(str::to_owned).collect()
}

/// Plans three environments, applies one of them, and is refused the wrong region.
#[test]
fn the_readme_works_on_three_environments() {
    let mut page = Page::new();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/environments");
    for entry in walkdir::WalkDir::new(&example) {
        let entry = entry.expect("an entry");
        let inside = entry.path().strip_prefix(&example).expect("a path inside").to_string_lossy().into_owned();
        if entry.file_type().is_file() {
            page.file(&inside, std::fs::read(entry.path()).expect("a file"));
        }
    }
    let commands = commands();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let arguments: Vec<&str> = command.split_whitespace().collect();
        page.run(&arguments, &[("FGCTL_TOKEN", "token")]);
    }
    insta::assert_snapshot!(page.text());
}

/// A project with the pair in two environments, of which only one is here.
async fn world() -> World {
    let world = World::new().await;
    world.manifest(PAIR);
    world.file(
        "fgctl.environments.yaml",
        &format!(
            "version: 1\nenvironments:\n  here: {{ stack: pair-here, region: local-1, project: {PROJECT} }}\n  there: {{ region: eu-de }}\n"
        ),
    );
    world
}

/// The commands that read manifests or connect.
const COMMANDS: [&[&str]; 11] = [
    &["plan"],
    &["apply", "--auto-approve"],
    &["destroy", "--auto-approve"],
    &["drift"],
    &["import", "first", "--auto-approve"],
    &["forget", "first", "--auto-approve"],
    &["graph", "--live"],
    &["invoke", "first"],
    &["logs", "default/another"],
    &["whoami"],
    &["export", "--to", "out"],
];

#[tokio::test]
async fn another_place_ends_every_command_before_its_first_request() {
    let world = world().await;
    for command in COMMANDS {
        let flag = [command, &["--env", "there"]].concat();
        for (variables, arguments) in [(&[("FGCTL_ENV", "there")][..], command), (&[], &flag)] {
            let ran = world.run_with(variables, arguments).await;
            assert_eq!(ran.code, Some(1), "{ran:?}");
            let place = "fgctl.environments.yaml:4:20";
            assert!(ran.stderr.contains("error[other-region]") && ran.stderr.contains(place), "{ran:?}");
            assert_eq!(world.requests(), [], "{command:?}");
        }
    }
}

#[tokio::test]
async fn an_environment_gives_the_stack_the_region_and_the_project() {
    let world = world().await;
    let mut command = world.command(&["plan", "--env", "here"]);
    command.env_remove("FGCTL_REGION").env_remove("FGCTL_PROJECT_ID");
    let ran = Ran::of(&["plan", "--env", "here"], world.folder.path(), finished(command).await);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let first = format!("Stack \"pair-here\" in region local-1, project {PROJECT}:");
    assert_eq!(ran.stdout.lines().next(), Some(first.as_str()));
    assert!(!world.requests().is_empty());
}

/// The embedded server is on this machine, so it cannot be the wrong account.
#[tokio::test]
async fn any_environment_can_be_tried_on_the_embedded_server() {
    let world = world().await;
    let ran = world.run(&["apply", "--env", "there", "--local", "--auto-approve"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.starts_with("Stack \"pair\" in region local-1"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_saved_plan_keeps_its_environment() {
    let world = world().await;
    assert_eq!(world.run(&["plan", "--env", "here", "--out", "saved"]).await.code, Some(0));
    let mut said = String::new();
    for (variables, arguments) in
        [(&[][..], &["apply", "saved", "--env", "there"][..]), (&[("FGCTL_ENV", "there")], &["apply", "saved"])]
    {
        let ran = world.run_with(variables, arguments).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        said.push_str(&ran.transcript());
    }
    assert_eq!(world.writes(), []);
    // In another directory, because the paths in a plan are absolute.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let saved = world.folder.path().join("saved");
    let mut command = world.command(&["apply", saved.to_str().expect("text")]);
    command.current_dir(elsewhere.path());
    let output = finished(command).await;
    assert!(output.status.success(), "{output:?}");
    let shown = world.run(&["show", "saved"]).await;
    assert!(shown.stdout.starts_with("Environment \"here\" of "), "{shown:?}");
    assert_eq!(world.run(&["show", "saved", "-o", "json"]).await.json()["environment"], "here");
    let owned = world.run(&["plan", "--env", "here", "--detailed-exitcode"]).await;
    assert_eq!(owned.code, Some(0), "{owned:?}");
    assert_eq!(world.run(&["plan", "--out", "plain", "--take-over"]).await.code, Some(0));
    let ran = world.run(&["apply", "plain", "--take-over", "--env", "here"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    said.push_str(&ran.transcript());
    insta::assert_snapshot!(said);
}

/// An apply reads the environment again, so a changed one is noticed.
#[tokio::test]
async fn a_saved_plan_is_for_the_environment_as_it_was() {
    let world = world().await;
    assert_eq!(world.run(&["plan", "--env", "here", "--out", "saved"]).await.code, Some(0));
    for (now, reason) in [
        (Some("here: { stack: pair-there }"), "the stack is now \"pair-there\""),
        (
            Some("her: { stack: pair-here }"),
            "the environment `here` in fgctl.environments.yaml no longer exists\n  help: plan again; did you mean `her`?",
        ),
        (
            Some("here: { stack: pair-here, files: [fgctl.yaml, gone.yaml] }"),
            "the manifest `gone.yaml` does not exist, but the environment `here` names it in fgctl.environments.yaml",
        ),
        (None, "if the files have moved, give their new path with --environments"),
    ] {
        match now {
            Some(now) => world.file("fgctl.environments.yaml", &format!("version: 1\nenvironments:\n  {now}\n")),
            None => {
                std::fs::remove_file(world.folder.path().join("fgctl.environments.yaml")).expect("the file is removed");
            }
        }
        let ran = world.run(&["apply", "saved"]).await;
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.stderr.contains("is stale") && ran.stderr.contains(reason), "{ran:?}");
    }
    let document = world.run(&["apply", "saved", "-o", "json"]).await.json();
    assert_eq!(document["outcome"], "stale");
    assert_eq!(document["reason"], "it was made from fgctl.environments.yaml, which does not exist");
    // A file that the user names is not the plan's.
    let ran = world.run(&["apply", "saved", "--environments", "mine.yaml"]).await;
    assert!(ran.code == Some(1) && ran.stderr.contains("the environments file `mine.yaml` does not exist"), "{ran:?}");
    assert_eq!(world.writes(), []);
}

/// The same without an environment.
#[tokio::test]
async fn a_saved_plan_is_stale_if_its_stack_or_its_files_are_gone() {
    let world = world().await;
    world.file("values.yaml", "{}\n");
    let plan = ["plan", "-f", "fgctl.yaml", "--var-file", "values.yaml", "--out", "saved"];
    assert_eq!(world.run(&plan).await.code, Some(0));
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    let ran = world.run(&["apply", "saved"]).await;
    assert!(ran.code == Some(3) && ran.stderr.contains("the stack is now \"other\""), "{ran:?}");
    for (file, flag) in [("values.yaml", "--var-file"), ("fgctl.yaml", "-f")] {
        std::fs::remove_file(world.folder.path().join(file)).expect("the file is removed");
        let ran = world.run(&["apply", "saved"]).await;
        let said = format!("new path with {flag}");
        assert!(ran.code == Some(3) && ran.stderr.contains(file) && ran.stderr.contains(&said), "{ran:?}");
    }
    assert_eq!(world.writes(), []);
}

/// A script with a misspelt variable must not lose the environment.
#[tokio::test]
async fn an_empty_name_is_an_error_and_an_empty_variable_counts_as_unset() {
    let world = world().await;
    for command in COMMANDS {
        let ran = world.run_with(&[("FGCTL_ENV", "here")], &[command, &["--env", ""]].concat()).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("a value is required for '--env <NAME>'"), "{ran:?}");
    }
    assert_eq!(world.requests(), []);
    let ran = world.run_with(&[("FGCTL_ENV", "")], &["plan"]).await;
    assert!(ran.code == Some(0) && ran.stdout.starts_with("Stack \"pair\" in"), "{ran:?}");
}

const EU_DE: &str = "https://functiongraph.eu-de.otc.t-systems.com";

/// The host of a known address shows its region, whatever the region is called elsewhere.
#[tokio::test]
async fn an_endpoint_of_another_region_is_refused_before_the_first_request() {
    let world = world().await;
    for command in COMMANDS {
        let ran = world.run_with(&[("FGCTL_ENDPOINT", EU_DE)], &[command, &["--env", "here"]].concat()).await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains("is for region local-1, but the connection leads to region eu-de"), "{ran:?}");
    }
    let ran = world.run(&["plan", "--region", "eu-nl", "--endpoint", EU_DE]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let said = format!("the endpoint {EU_DE}/ (--endpoint) is in region eu-de, but the region is eu-nl (--region)");
    assert!(ran.stderr.contains(&said), "{ran:?}");
    assert_eq!(world.requests(), []);
    let ran = world.run(&["whoami", "--env", "there", "--region", "eu-de", "--endpoint", EU_DE]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

/// Messages about a wrong place recommend it.
#[tokio::test]
async fn whoami_shows_what_gives_each_value_although_the_place_is_wrong() {
    let world = world().await;
    let ran = world.run(&["whoami", "--env", "there"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("region       local-1 (FGCTL_REGION)\n"), "{ran:?}");
    assert!(ran.stdout.contains(&format!("project      {PROJECT} (FGCTL_PROJECT_ID)\n")), "{ran:?}");
    assert!(ran.stderr.contains("error[other-region]"), "{ran:?}");
    let ran = world.run(&["whoami", "--env", "there", "-o", "json"]).await;
    let document = ran.json();
    assert_eq!((&document["environment"], &document["region_source"]), (&"there".into(), &"FGCTL_REGION".into()));
    assert_eq!(document["diagnostics"][0]["code"], "other-region");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(world.requests(), []);
}

/// The file in use is not a manifest, whatever its name.
#[tokio::test]
async fn an_environments_file_with_another_name_may_lie_beside_the_manifests() {
    let world = world().await;
    let folder = world.folder.path();
    std::fs::rename(folder.join("fgctl.environments.yaml"), folder.join("envs.yaml")).expect("the file is renamed");
    for (arguments, code) in [
        (&["validate", "-q", "--env", "here", "--environments", "envs.yaml"][..], 0),
        (&["validate", "-q", "--environments", "envs.yaml"], 0),
        (&["plan", "-q", "--env", "here", "--environments", "envs.yaml"], 0),
        (&["plan", "--environments", "envs.yaml"], 1),
        (&["whoami", "--environments", "envs.yaml"], 1),
    ] {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?} {ran:?}");
        let said = if code == 0 { "" } else { "error[no-environment]" };
        assert!(
            ran.stdout.is_empty() && ran.stderr.starts_with(said) && (code == 1 || ran.stderr.is_empty()),
            "{ran:?}"
        );
    }
}

/// Manifests that are named do not depend on an environments file that happens to be here.
#[tokio::test]
async fn validate_checks_the_environments_file_only_if_it_can_matter() {
    let world = world().await;
    world.file("fgctl.environments.yaml", "version: 1\nenvironments: { prod: { regio: eu-de } }\n");
    for (arguments, code) in [
        (&["validate"][..], 1),
        (&["validate", "-f", "fgctl.yaml"], 0),
        (&["validate", "-f", "fgctl.yaml", "--environments", "fgctl.environments.yaml"], 1),
        (&["validate", "-f", "fgctl.yaml", "--env", "prod"], 1),
    ] {
        let ran = world.run(arguments).await;
        assert_eq!(ran.code, Some(code), "{arguments:?} {ran:?}");
    }
}
