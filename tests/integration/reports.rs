//! The formats of reports: JSON by its schema, a comment, GitLab's and GitHub's formats, and quiet output.

use reqwest::Method;
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::world::{PROJECT, World};

/// Two functions, a policy and a secret. The texts try to break out of a comment.
const PAIR: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first: # fgctl: ignore[retries-without-failure-target] only a test
    code: { inline: 'def handler(event, context): return 1' }
    description: \"```</details> @team | <!--\\n::error::forged\"
    environment: { LEVEL: info }
    secrets: { PASSWORD: { env: PASSWORD } }
    async: { max_retries: 2, on_success: { function: second } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
";
const PASSWORD: [(&str, &str); 1] = [("PASSWORD", "canary-4711")];
const APPLY: [&str; 2] = ["apply", "--auto-approve"];

async fn world(manifest: &str) -> World {
    let world = World::new().await;
    world.manifest(manifest);
    world
}

async fn applied() -> World {
    let world = world(PAIR).await;
    let ran = world.run_with(&PASSWORD, &APPLY).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    world
}

fn schema() -> jsonschema::Validator {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    jsonschema::validator_for(&serde_json::from_str(&text).expect("JSON")).expect("a schema")
}

/// Runs a command with `-o json` and checks its output against the schema.
async fn judged(world: &World, arguments: &[&str], outcome: &str) -> Value {
    let ran = world.run_with(&PASSWORD, &[arguments, &["-o", "json"]].concat()).await;
    let document = ran.json();
    let errors: Vec<String> =
        schema().iter_errors(&document).map(|error| format!("{error} at {}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    assert_eq!(document["outcome"], outcome, "{document:#}");
    document
}

#[tokio::test]
async fn json_matches_its_schema() {
    let world = world(PAIR).await;
    assert_eq!(judged(&world, &["validate"], "valid").await["valid"], true);
    judged(&world, &["plan"], "changes").await;
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, r#"{"error_code":"FSS.1041"}"#.into()));
    judged(&world, &["apply", "--auto-approve", "--concurrency", "1"], "failed").await;
    judged(&world, &APPLY, "applied").await;
    judged(&world, &["plan"], "no_changes").await;
    judged(&world, &["import", "first", "--auto-approve"], "no_changes").await;
    judged(&world, &["plan", "--endpoint", "nowhere"], "failed").await;
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 7"));
    assert_eq!(judged(&world, &["validate"], "refused").await["valid"], false);
    let refused = judged(&world, &["plan"], "refused").await;
    assert_eq!(refused["diagnostics"][0]["line"], 10);
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    judged(&world, &["plan"], "refused").await;
    judged(&world, &["apply", "--auto-approve", "--take-over"], "applied").await;
    judged(&world, &["plan", "--target", "first"], "no_changes").await;
    judged(&world, &["drift", "--unmanaged"], "no_changes").await;
    judged(&world, &["plan", "--out", "saved"], "no_changes").await;
    judged(&world, &["show", "saved"], "no_changes").await;
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("first"));
    assert!(world.server.put(&policy, json!({})).await.status.is_success());
    judged(&world, &["drift"], "drift").await;
    judged(&world, &["apply", "saved"], "stale").await;
    judged(&world, &["destroy", "--auto-approve"], "applied").await;
}

/// Commands with documents of their own also report failures like this.
#[tokio::test]
async fn failures_of_all_commands_match_the_schema() {
    let world = world(PAIR).await;
    for command in [
        &["whoami"][..],
        &["export", "--to", "exported"],
        &["invoke", "first"],
        &["logs", "first"],
        &["invocations", "first"],
        &["graph", "--live"],
        &["forget", "first", "--auto-approve"],
        &["destroy", "--auto-approve"],
        &["drift"],
        &["apply", "saved"],
    ] {
        judged(&world, &[command, &["--endpoint", "nowhere"]].concat(), "failed").await;
    }
    judged(&world, &["show", "saved"], "failed").await;
}

#[test]
fn the_schema_refuses_other_documents() {
    let schema = schema();
    for wrong in [
        json!({ "format_version": "1.0", "outcome": "changes" }),
        json!({ "format_version": "1.0", "outcome": "refused", "more": 1 }),
        json!({ "format_version": "2.0", "outcome": "refused" }),
        json!({ "format_version": "1.0", "outcome": "drift" }),
        json!({ "format_version": "1.0", "outcome": "valid", "valid": false, "diagnostics": [] }),
    ] {
        assert!(!schema.is_valid(&wrong), "{wrong}");
    }
}

#[tokio::test]
async fn a_plan_is_printed_as_a_comment() {
    let world = applied().await;
    world.manifest(&PAIR.replace("info", "debug").replace("forged", "forgery").replace("PASSWORD: {", "SECOND: {"));
    let ran = world.run_with(&PASSWORD, &["plan", "-o", "markdown"]).await;
    insta::assert_snapshot!(ran.transcript());
    let ran = world.run_with(&PASSWORD, &["apply", "--auto-approve", "-o", "markdown"]).await;
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn errors_come_first_and_unfolded() {
    let world = world(&PAIR.replace("max_retries: 2", "max_retries: 7")).await;
    let ran = world.run_with(&PASSWORD, &["plan", "-o", "markdown"]).await;
    assert_eq!(ran.code, Some(1));
    insta::assert_snapshot!(ran.transcript());
    let ran = world.run(&["plan", "-o", "markdown", "--endpoint", "nowhere"]).await;
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn the_gitlab_report_has_three_numbers() {
    let world = world(PAIR).await;
    let numbers = |ran: crate::world::Ran| ran.json();
    let plan = ["plan", "-o", "gitlab"];
    assert_eq!(numbers(world.run_with(&PASSWORD, &plan).await), json!({ "create": 3, "update": 0, "delete": 0 }));
    world.run_with(&PASSWORD, &APPLY).await;
    world.manifest(
        &PAIR.replace("info", "debug").replace("  second:", "  third:").replace("function: second", "function: third"),
    );
    assert_eq!(numbers(world.run_with(&PASSWORD, &plan).await), json!({ "create": 1, "update": 2, "delete": 1 }));
    world.manifest(&PAIR.replace("stack: pair", "stack: other"));
    let refused = world.run_with(&PASSWORD, &plan).await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), "{}\n"), "GitLab then says that there is no plan");
    insta::assert_snapshot!(refused.transcript());
}

#[tokio::test]
async fn github_shows_findings_at_their_lines_and_a_summary() {
    let world = world(&PAIR.replace("max_retries: 2", "max_retries: 7")).await;
    let summary = world.folder.path().join("summary.md");
    let (summary, workspace) = (summary.to_str().expect("text"), world.folder.path().parent().expect("a parent"));
    let workspace = workspace.to_str().expect("text");
    let github =
        [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary), ("GITHUB_WORKSPACE", workspace), PASSWORD[0]];
    for command in ["validate", "plan"] {
        let ran = world.run_with(&github, &[command]).await;
        insta::assert_snapshot!(ran.transcript());
    }
    world.manifest(PAIR);
    let planned = world.run_with(&github, &["plan", "-o", "json"]).await;
    planned.json();
    world.run_with(&github, &APPLY).await;
    let failed = world.run_with(&github, &["plan", "--endpoint", "nowhere"]).await;
    insta::assert_snapshot!(failed.transcript());
    let text = std::fs::read_to_string(summary).expect("a summary");
    let heads: Vec<&str> = text.lines().filter(|line| line.starts_with("**")).collect();
    let home = format!("`stack \"pair\" in region local-1, project {PROJECT}`");
    let expected = [
        "**Refused because of 1 error: nothing was changed.**",
        &format!("**Plan: 2 functions to create; 1 policy to create.** {home}"),
        &format!("**Applied: 2 functions created; 1 policy created.** {home}"),
        "**It failed.**",
    ];
    assert_eq!(heads, expected);
    // Outside GitHub, its variables have no effect.
    let ran = world.run_with(&[("GITHUB_STEP_SUMMARY", summary)], &["plan", "--endpoint", "nowhere"]).await;
    assert!(!ran.stderr.contains("::error"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(summary).expect("a summary"), text);
}

#[tokio::test]
async fn quiet_prints_only_errors() {
    let world = world(PAIR).await;
    let quiet = |ran: crate::world::Ran| (ran.code, ran.stdout, ran.stderr);
    let nothing = |code| (Some(code), String::new(), String::new());
    assert_eq!(quiet(world.run(&["plan", "--quiet", "--detailed-exitcode"]).await), nothing(2));
    assert_eq!(quiet(world.run_with(&PASSWORD, &["apply", "-q", "--auto-approve"]).await), nothing(0));
    assert_eq!(quiet(world.run_with(&PASSWORD, &["plan", "-q", "--detailed-exitcode"]).await), nothing(0));
    assert_eq!(world.run_with(&PASSWORD, &["plan", "-q", "-o", "json"]).await.json()["outcome"], "no_changes");
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 7"));
    let refused = world.run(&["plan", "-q"]).await;
    insta::assert_snapshot!(refused.transcript());
}

#[tokio::test]
async fn only_human_output_can_ask_for_confirmation() {
    let world = world(PAIR).await;
    for form in ["json", "markdown", "gitlab"] {
        let ran = world.run_with(&PASSWORD, &["apply", "-o", form]).await;
        assert_eq!(ran.code, Some(1));
        insta::assert_snapshot!(ran.transcript());
    }
    assert_eq!(world.writes(), []);
}

#[tokio::test]
async fn every_shell_has_completions() {
    let world = World::new().await;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = world.run(&["completions", shell]).await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.contains("auto-approve") && ran.stdout.contains("export"), "{shell}");
    }
}
