//! Plans of hundreds of changes: equal ones are shown together, each deletion keeps a line, a comment has a line for each
//! change, and skipped changes have one line for each cause.

use axum::http::Method;
use serde_json::json;

use crate::process::{Process, text};
use crate::recorder::Effect;
use crate::world::World;

const HEAD: &str = "\
version: 1
stack: fleet
defaults:
  runtime: Python3.9
  handler: index.handler
  environment: { LEVEL: info }
functions:
";

/// This many functions, each with a description of its own; every second one has a policy.
fn fleet(count: usize) -> String {
    let function = |number: usize| {
        let policy = if number.is_multiple_of(2) { ", async: { max_retries: 0 }" } else { "" };
        format!("  f{number:03}: {{ code: {{ inline: 'x = 1' }}, description: Number {number}{policy} }}\n")
    };
    HEAD.to_owned() + &(0..count).map(function).collect::<String>()
}

async fn planned(count: usize) -> World {
    let world = World::new().await;
    world.manifest(&fleet(count));
    world
}

async fn applied(count: usize) -> World {
    let world = planned(count).await;
    world.apply().await;
    world
}

#[tokio::test]
async fn a_new_fleet_takes_a_line_for_each_function() {
    let world = planned(200).await;
    let ran = world.run(&["plan"]).await;
    insta::assert_snapshot!(ran.transcript());
    let full = world.run(&["plan", "--full"]).await.stdout;
    assert_eq!(full.matches("\n    create: declared but not live\n").count(), 300, "{full}");
    assert!(full.contains("+ function:default/f199\n") && full.lines().count() > 1_500, "{full}");
    assert!(full.ends_with("\nPlan: 200 functions to create; 100 policies to create.\n"), "{full}");
}

#[tokio::test]
async fn four_hundred_equal_functions_take_a_few_lines() {
    let world = World::new().await;
    let function = |number: usize| format!("  f{number:03}: {{ code: {{ inline: 'x = 1' }}, async: {{}} }}\n");
    world.manifest(&(HEAD.to_owned() + &(0..400).map(function).collect::<String>()));
    insta::assert_snapshot!(world.run(&["plan"]).await.transcript());
}

#[tokio::test]
async fn equal_changes_of_a_fleet_are_shown_together_by_every_command() {
    let world = applied(200).await;
    let changed = fleet(180).replace("LEVEL: info", "LEVEL: debug").replace("Number 7,", "Number seven,");
    world.manifest(&changed);
    let allowed = ["--allow-deletes", "20"];
    let plan = world.run(&[&["plan", "--out", "saved"], &allowed[..]].concat()).await;
    insta::assert_snapshot!(plan.transcript());
    let shown = world.run(&["show", "saved"]).await;
    assert_eq!(shown.stdout, plan.stdout);
    let full = world.run(&["show", "saved", "--full"]).await.stdout;
    assert_eq!(full.matches("environment.LEVEL  \"info\" → \"debug\"\n").count(), 180, "{full}");
    let json = world.plan(&allowed).await;
    assert_eq!(json["changes"].as_array().map(Vec::len), Some(210), "JSON has every change");
    let drift = world.run(&["drift"]).await;
    insta::assert_snapshot!(drift.transcript());
    let applied = world.run(&["apply", "saved", "--allow-deletes", "20", "-o", "markdown"]).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let head = "**Applied: 180 functions updated, 20 deleted; 10 policies deleted.**";
    assert!(applied.stdout.starts_with(head), "{}", applied.stdout);
}

#[tokio::test]
async fn a_comment_has_a_line_for_each_of_400_changes() {
    let world = World::new().await;
    let long = |number: usize| {
        format!("  f{number:03}: {{ code: {{ inline: pass }}, description: '{number} {}' }}\n", "ü".repeat(400))
    };
    world.manifest(&(HEAD.to_owned() + &(0..400).map(long).collect::<String>()));
    let grouped = world.run(&["plan", "-o", "markdown"]).await;
    let full = world.run(&["plan", "-o", "markdown", "--full"]).await;
    for ran in [&grouped, &full] {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.starts_with("**Plan: 400 functions to create.**"), "{}", ran.stdout);
        for number in 0..400 {
            let line = format!("+ function:default/f{number:03}");
            assert!(ran.stdout.contains(&line), "{line}: {}", ran.stdout);
        }
        assert!(ran.stdout.chars().count() <= 65_000, "{}", ran.stdout);
    }
    assert!(full.stdout.chars().count() > 60_000, "there is room for some details");
    let without = 400 - full.stdout.matches("<details>").count();
    let last = format!("Left out, because a comment has no room for more: the details of {without} changes.\n");
    assert!(full.stdout.ends_with(&last), "{}", full.stdout);
}

#[tokio::test]
async fn deletions_come_first_in_a_comment() {
    let world = applied(12).await;
    world.manifest(&fleet(8).replace("LEVEL: info", "LEVEL: debug"));
    let ran = world.run(&["plan", "-o", "markdown", "--allow-deletes", "4"]).await;
    insta::assert_snapshot!(ran.transcript());
}

#[tokio::test]
async fn skipped_changes_have_one_line_for_each_cause() {
    let world = World::new().await;
    let source = |number: usize| {
        format!(
            "  f{number:02}: {{ code: {{ inline: 'pass' }}, agency: fgs, async: {{ on_success: {{ function: first }} }} }}\n"
        )
    };
    let target = "  first: { name: a-first, code: { inline: 'pass' } }\n";
    world.manifest(&(HEAD.to_owned() + target + &(0..17).map(source).collect::<String>()));
    // Changes start in the order of their addresses, so this is the function that the others notify.
    let refusal = || Effect::Answer(403, r#"{"error_code":"FSS.1041","error_msg":"quota exceeded"}"#.to_owned());
    world.disturb(Method::POST, "/fgs/functions", refusal());
    let ran = world.run(&["apply", "--auto-approve", "--full", "--concurrency", "1"]).await;
    assert_eq!(ran.stdout.matches(" skipped because of function:default/a-first\n").count(), 17, "{}", ran.stdout);
    world.disturb(Method::POST, "/fgs/functions", refusal());
    let ran = world.run(&["apply", "--auto-approve", "--concurrency", "1"]).await;
    insta::assert_snapshot!(ran.transcript());
    let json = world.plan(&[]).await;
    assert_eq!(json["summary"]["create"], json!(18));
}

#[tokio::test]
async fn failures_for_the_same_reason_are_shown_together() {
    let world = planned(12).await;
    let refusal = r#"{"error_code":"FSS.1041","error_msg":"quota exceeded"}"#.to_owned();
    world.recorder.disturb_all(Method::POST, "/fgs/functions", Effect::Answer(403, refusal));
    let apply = ["apply", "--auto-approve"];
    let text = world.run(&apply).await;
    insta::assert_snapshot!(text.transcript());
    let full = world.run(&[&apply[..], &["--full"]].concat()).await.stdout;
    assert_eq!(
        (full.matches(" failed: POST ").count(), full.matches(" skipped because of ").count()),
        (12, 6),
        "{full}"
    );
    let comment = world.run(&[&apply[..], &["-o", "markdown"]].concat()).await.stdout;
    let titles: Vec<&str> = comment.lines().filter(|line| line.starts_with("<details")).collect();
    let expected = [
        "<details open><summary><code>+ 12 functions failed</code></summary>",
        "<details><summary><code>6 changes skipped because 12 functions could not be created</code></summary>",
    ];
    assert_eq!(titles, expected, "{comment}");
    let annotated = world.run_with(&[("GITHUB_ACTIONS", "true")], &apply).await.stderr;
    let commands: Vec<&str> = annotated.lines().filter(|line| line.starts_with("::error")).collect();
    let place =
        "::error file=fgctl.yaml,line=8,col=3,title=FSS.1041::12 functions failed for the same reason: default/f000, ";
    assert!(matches!(commands[..], [only] if only.starts_with(place)), "{commands:#?}");
}

/// What differs takes a line each, and differences to a saved plan are grouped like changes.
#[tokio::test]
async fn unlike_drift_takes_a_line_each_and_stale_plans_are_grouped() {
    let world = applied(40).await;
    let renumbered = fleet(40).replace("Number", "Nr.");
    world.manifest(&renumbered);
    let drift = world.run(&["drift"]).await;
    insta::assert_snapshot!(drift.transcript());
    let full = world.run(&["drift", "--full"]).await.stdout;
    assert_eq!(full.matches("\n    description  live \"Number ").count(), 40, "{full}");
    assert_eq!(world.run(&["plan", "--out", "saved"]).await.code, Some(0));
    world.manifest(&renumbered.replace("LEVEL: info", "LEVEL: debug").replace("max_retries: 0", "max_retries: 1"));
    let stale = world.run(&["apply", "saved"]).await;
    let names = |numbers: [u8; 9], more: u8| {
        numbers.map(|number| format!("default/f{number:03}, ")).concat() + &format!("… and {more} more\n")
    };
    for (group, names) in [
        ("40 functions: the manifests changed: /environment", names([0, 1, 2, 3, 4, 5, 6, 7, 8], 31)),
        ("20 policies: the manifests changed: /max_retries", names([0, 2, 4, 6, 8, 10, 12, 14, 16], 11)),
    ] {
        assert!(stale.stderr.contains(&format!("\n  each of {group}\n    {names}")), "{}", stale.stderr);
    }
    assert_eq!((stale.code, stale.stderr.matches("the manifests changed").count()), (Some(3), 2), "{}", stale.stderr);
    let full = world.run(&["apply", "saved", "--full"]).await.stderr;
    assert_eq!(full.matches(": the manifests changed: ").count(), 60, "{full}");
}

/// A reader must see who gets which events, but not as markup.
#[tokio::test]
async fn effects_in_a_comment_are_code_and_leave_room_for_changes() {
    let manifest = |prefix: &str| {
        let function = |number: usize| {
            let target =
                |what: &str| format!("on_{what}: {{ obs: {{ bucket: some-bucket, prefix: '{prefix}{number}' }} }}");
            let targets = format!("{}, {}", target("success"), target("failure"));
            format!("  f{number:02}: {{ code: {{ inline: pass }}, async: {{ {targets} }} }}\n")
        };
        HEAD.replace("defaults:", "defaults:\n  agency: fgs") + &(0..20).map(function).collect::<String>()
    };
    let world = World::new().await;
    world.manifest(&manifest("old"));
    world.apply().await;
    let hostile = "@octo/team ![x](http://evil/p.png) <details><summary>ok</summary>";
    world.manifest(&manifest(&format!("{hostile}{}", "x".repeat(900))));
    let planned = world.run(&["plan", "-o", "markdown", "--out", "saved"]).await;
    let shown = world.run(&["show", "saved", "-o", "markdown"]).await;
    assert_eq!(shown.stdout, planned.stdout);
    let applied = world.run(&["apply", "saved", "-o", "markdown"]).await;
    for ran in [planned, applied] {
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.stdout.chars().count() <= 65_000, "{}", ran.stdout.chars().count());
        let mut is_code = false;
        for line in ran.stdout.lines() {
            is_code ^= line.starts_with("```");
            assert!(is_code || !line.contains("@octo"), "{line}");
        }
        assert!(
            ran.stdout.contains("```text\nEffects on events, in the worst case:\n  default/f00: "),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("\n… and ") && ran.stdout.contains(" more lines\n```\n"), "{}", ran.stdout);
        for number in 0..20 {
            assert!(ran.stdout.contains(&format!("~ async_policy:default/f{number:02}")), "{}", ran.stdout);
        }
    }
}

/// Elsewhere than on a terminal, a long command prints a line from time to time.
#[tokio::test]
async fn a_log_gets_a_line_about_a_long_command() {
    let world = planned(1).await;
    let (_, go) = world.hold(Method::POST, "/fgs/functions");
    let running = Process::start(&mut world.command(&["apply", "--auto-approve"]));
    let next = move || loop {
        let line = running.error_line();
        // On a busy machine, reading takes long enough for a line, too.
        if !line.starts_with("Reading live state") {
            return (line, running);
        }
    };
    let (said, running) = tokio::task::spawn_blocking(next).await.expect("a line");
    assert_eq!(said, "Applying: 0 of 2 changes done, 1 running\n");
    go.notify_one();
    let output = running.ended().await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}
