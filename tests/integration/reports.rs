//! The formats of reports: JSON by its schema, a comment, GitLab's and GitHub's formats, and quiet output.

use reqwest::Method;
use serde_json::{Value, json};

use crate::recorder::Effect;
use crate::schemas::{assert_valid, schema};
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

/// Runs a command with `-o json` and checks its output against the schema.
async fn judged(world: &World, arguments: &[&str], outcome: &str) -> Value {
    let ran = world.run_with(&PASSWORD, &[arguments, &["-o", "json"]].concat()).await;
    let document = ran.json();
    assert_valid(&schema("report"), &document);
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

/// The functions of `PAIR` with triggers. Failures of `first` start `second` through a bucket.
const STARTED: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first:
    code: { inline: 'def handler(event, context): return 1' }
    async: { on_failure: { obs: { bucket: failures, prefix: first/, expires: 30 } } }
    triggers:
      nightly: { timer: { rate: 1h } }
      other: { type: DMS, event_data: { queue_id: q, consumer_group_id: c } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
    async: { on_failure: { dis: { stream: lost } } }
    triggers:
      failed: { obs: { bucket: failures, prefix: first/, events: ['s3:ObjectCreated:*'] } }
";

/// The actions on triggers in a document, sorted by address.
fn on_triggers(document: &Value) -> Vec<(&str, &str)> {
    let changes = document["changes"].as_array().into_iter().flatten();
    let of_triggers = changes.filter(|change| change["kind"] == "trigger");
    of_triggers.filter_map(|change| Some((change["action"].as_str()?, change["address"].as_str()?))).collect()
}

#[tokio::test]
async fn json_about_triggers_matches_its_schema() {
    let world = world(STARTED).await;
    let all = ["trigger:default/first/nightly", "trigger:default/first/other", "trigger:default/second/failed"];
    let planned = judged(&world, &["plan"], "changes").await;
    assert_eq!(on_triggers(&planned), all.map(|address| ("create", address)));
    world.disturb(Method::POST, "/fgs/triggers/", Effect::Answer(403, r#"{"error_code":"FSS.1122"}"#.into()));
    let failed = judged(&world, &["apply", "--auto-approve", "--concurrency", "1"], "failed").await;
    let statuses = failed["changes"].as_array().expect("changes").iter().filter(|it| it["kind"] == "trigger");
    assert!(statuses.clone().any(|change| change["status"] == "failed"), "{failed:#}");
    judged(&world, &APPLY, "applied").await;
    judged(&world, &["plan"], "no_changes").await;
    // A replacement, a deletion, and what is left out.
    let other = STARTED
        .replace("rate: 1h", "rate: 5m")
        .replace("failed: { obs", "# failed: { obs")
        .replace("    triggers:\n      #", "    #");
    world.manifest(&other);
    let planned = judged(&world, &["plan", "--out", "saved"], "changes").await;
    assert_eq!(on_triggers(&planned).iter().map(|(action, _)| *action).collect::<Vec<_>>(), ["replace", "delete"]);
    let part = judged(&world, &["plan", "--exclude", all[0]], "changes").await;
    assert_eq!((on_triggers(&part).len(), &part["left_out"]), (1, &json!([all[0]])), "{part:#}");
    // The saved plan contains the effects.
    let shown = judged(&world, &["show", "saved"], "changes").await;
    assert_eq!(shown["effects"], planned["effects"]);
    let starts = json!([{ "outcome": "failure", "through": "obs://failures/first/", "function": "default/second", "is_new": false }]);
    assert_eq!(shown["effects"][0]["starts"], starts, "{shown:#}");
    // Someone else deletes the timer.
    let first = world.server.urn("first");
    let listed = world.server.get(&format!("/fgs/triggers/{first}")).await.body;
    let timer = listed.as_array().expect("a list").iter().find(|one| one["trigger_type_code"] == "TIMER").expect("it");
    let id = timer["trigger_id"].as_str().expect("an id");
    assert!(world.server.delete(&format!("/fgs/triggers/{first}/TIMER/{id}")).await.status.is_success());
    let drift = judged(&world, &["drift"], "drift").await;
    assert!(drift["findings"].as_array().expect("findings").iter().any(|it| it["facet"] == "triggers"), "{drift:#}");
    let stale = judged(&world, &["apply", "saved"], "stale").await;
    assert!(stale["moved"].to_string().contains(all[0]), "{stale:#}");
    judged(&world, &APPLY, "applied").await;
    // A cycle through the bucket.
    world.manifest(&STARTED.replace("dis: { stream: lost }", "function: first"));
    let refused = judged(&world, &["plan"], "refused").await;
    assert_eq!(refused["diagnostics"][0]["code"], "cycle");
    let existing = STARTED.replace("code: { inline: 'def handler(event, context): return 2' }", "existing: true");
    world.manifest(&existing);
    judged(&world, &["plan"], "changes").await;
    world.manifest(STARTED);
    judged(&world, &["destroy", "--auto-approve"], "applied").await;
}

/// `plan`, `show` and `apply` show the same effects.
#[tokio::test]
async fn a_saved_plan_shows_its_effects() {
    let world = world(STARTED).await;
    world.apply().await;
    world.manifest(
        &STARTED
            .replace("on_failure: { dis: { stream: lost } }", "max_retries: 0")
            .replace("prefix: first/, events", "prefix: second/, events"),
    );
    let planned = world.run(&["plan", "--out", "saved"]).await;
    let effects = "\
Effects on events, in the worst case:
  default/first: an event causes up to 2 executions (4 before), done within 1h 1m (2h 1m before)
  default/first: failures no longer start default/second through obs://failures/first/
  default/second: an event causes 1 execution (2 before), done within 1h 1m
  default/second: failures no longer reach anyone (before: stream lost)
";
    assert!(planned.stdout.contains(effects), "{}", planned.stdout);
    let shown = world.run(&["show", "saved"]).await;
    assert_eq!(shown.stdout, planned.stdout);
    let applied = world.run(&["apply", "saved"]).await;
    assert_eq!((applied.code, applied.stdout.contains(effects)), (Some(0), true), "{applied:?}");
}

#[test]
fn the_schema_refuses_other_documents() {
    let schema = schema("report");
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
        "**Refused because of 1 error: nothing was changed.** `stack \"pair\"`",
        &format!("**Plan: 2 functions to create; 1 policy to create.** {home}"),
        &format!("**Applied: 2 functions created; 1 policy created.** {home}"),
        &format!("**It failed.** {home}"),
    ];
    assert_eq!(heads, expected);
    // A failed change is shown where it is declared, and its failure is not folded.
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 1"));
    world.disturb(Method::PUT, "/async-invoke-config", Effect::Answer(403, r#"{"error_code":"FSS.1"}"#.into()));
    let partly = world.run_with(&github, &[&APPLY[..], &["-o", "markdown"]].concat()).await;
    let file = workspace_path(&world);
    let command = format!("::error file={file},line=10,col=5,title=FSS.1::async_policy:default/first: PUT ");
    assert!(partly.stderr.lines().any(|line| line.starts_with(&command)), "{}", partly.stderr);
    let failure = "\n<details open><summary><code>~ async_policy:default/first failed</code></summary>\n";
    assert!(partly.stdout.contains(failure), "{}", partly.stdout);
    let text = std::fs::read_to_string(summary).expect("a summary");
    // Outside GitHub, its variables have no effect.
    let ran = world.run_with(&[("GITHUB_STEP_SUMMARY", summary)], &["plan", "--endpoint", "nowhere"]).await;
    assert!(!ran.stderr.contains("::error"), "{}", ran.stderr);
    assert_eq!(std::fs::read_to_string(summary).expect("a summary"), text);
}

/// The path of the manifest from the directory above.
fn workspace_path(world: &World) -> String {
    let folder = world.folder.path().file_name().expect("a name").to_str().expect("text");
    format!("{folder}/fgctl.yaml")
}

/// The failures of several environments of a pull request can be told apart.
#[tokio::test]
async fn a_failure_names_what_is_known_about_its_place() {
    let world = world(PAIR).await;
    let project = "0123456789abcdef0123456789abcde0";
    let prod = format!("  prod: {{ stack: pair-prod, region: eu-nl, project: {project} }}\n");
    world.file("fgctl.environments.yaml", &format!("version: 1\nenvironments:\n  dev: {{ stack: pair }}\n{prod}"));
    let prod = format!("`stack \"pair-prod\" of environment \"prod\" in region eu-nl, project {project}`");
    for (arguments, expected) in [
        (&["plan", "--env", "prod"][..], &format!("**Refused because of 2 errors: nothing was changed.** {prod}")),
        (
            &["plan", "--env", "none"],
            &"**Refused because of 1 error: nothing was changed.** `environment \"none\"`".into(),
        ),
        (&["validate", "--env", "prod"], &format!("**valid: 2 functions, 1 policy** {prod}")),
        (
            &["plan", "--env", "dev", "--endpoint", "nowhere"],
            &format!("**It failed.** `stack \"pair\" of environment \"dev\" in region local-1, project {PROJECT}`"),
        ),
        (&["show", "fgctl.yaml"], &"**It failed.**".to_owned()),
    ] {
        let ran = world.run_with(&PASSWORD, &[arguments, &["-o", "markdown"]].concat()).await;
        assert_eq!(ran.stdout.lines().next(), Some(expected.as_str()), "{ran:?}");
    }
    let json = judged(&world, &["plan", "--env", "prod"], "refused").await;
    let known = ["stack", "environment", "region", "project_id"].map(|name| json[name].as_str().expect("text"));
    assert_eq!(known, ["pair-prod", "prod", "eu-nl", project]);
    let junit = world.run_with(&PASSWORD, &["plan", "--env", "prod", "-o", "junit"]).await.stdout;
    assert!(junit.contains("<testsuite name=\"pair-prod\" "), "{junit}");
    for (name, value) in [("environment", "prod"), ("region", "eu-nl"), ("project_id", project)] {
        assert!(junit.contains(&format!("<property name=\"{name}\" value=\"{value}\"/>")), "{junit}");
    }
    // A saved plan knows its own place.
    let planned = world.run_with(&PASSWORD, &["plan", "--env", "dev", "--out", "saved"]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");
    assert_eq!(judged(&world, &["show", "saved"], "changes").await["environment"], "dev");
    let failed = judged(&world, &["apply", "saved", "--endpoint", "nowhere"], "failed").await;
    assert_eq!((&failed["environment"], &failed["stack"]), (&json!("dev"), &json!("pair")));
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
