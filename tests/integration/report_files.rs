//! `--report FORMAT=FILE`: files beside the output for people, however the command ends.

use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

use crate::messages::Page;
use crate::patience::within;
use crate::process::{Process, text};
use crate::recorder::Effect;
use crate::world::{Ran, World};

const PAIR: &str = "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify }
functions:
  first:
    code: { inline: 'def handler(event, context): return 1' }
    async: { max_retries: 2, on_success: { function: second } }
  second:
    code: { inline: 'def handler(event, context): return 2' }
";

async fn world() -> World {
    let world = World::new().await;
    world.manifest(PAIR);
    world
}

fn file(world: &World, name: &str) -> String {
    let path = world.folder.path().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The file contains exactly what `-o` prints, and the output for people stays.
#[tokio::test]
async fn a_file_contains_what_the_output_would() {
    let world = world().await;
    let all = ["json", "markdown", "sarif", "junit", "code-quality", "gitlab"];
    let flags: Vec<String> =
        all.iter().flat_map(|format| ["--report".into(), format!("{format}={format}.txt")]).collect();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let human = world.run(&["plan"]).await;
    let planned = world.run(&[&["plan"], &flags[..]].concat()).await;
    assert_eq!((planned.code, &planned.stdout, &planned.stderr), (human.code, &human.stdout, &human.stderr));
    for format in all {
        let printed = world.run(&["plan", "-o", format]).await;
        assert_eq!(file(&world, &format!("{format}.txt")), printed.stdout, "{format}");
    }
}

/// The outcome in a JSON report, and the command's exit code.
async fn outcome(world: &World, arguments: &[&str]) -> (Option<i32>, Value) {
    let ran = world.run(&[arguments, &["--report", "json=report.json"]].concat()).await;
    (ran.code, world.report()["outcome"].clone())
}

#[tokio::test]
async fn a_file_is_written_however_the_command_ends() {
    let world = world().await;
    let apply = ["apply", "--auto-approve"];
    assert_eq!(outcome(&world, &["validate"]).await, (Some(0), json!("valid")));
    assert_eq!(outcome(&world, &["plan", "--endpoint", "nowhere"]).await, (Some(1), json!("failed")));
    assert_eq!(outcome(&world, &["plan", "--out", "saved.plan"]).await, (Some(0), json!("changes")));
    assert_eq!(outcome(&world, &["show", "saved.plan"]).await, (Some(0), json!("changes")));
    assert_eq!(outcome(&world, &["show", "fgctl.yaml"]).await, (Some(1), json!("failed")));
    assert_eq!(outcome(&world, &["apply"]).await, (Some(1), json!("failed")), "nobody can confirm");
    world.disturb(Method::POST, "/fgs/functions", Effect::Answer(403, r#"{"error_code":"FSS.1041"}"#.into()));
    assert_eq!(outcome(&world, &[&apply[..], &["--concurrency", "1"]].concat()).await, (Some(1), json!("failed")));
    assert_eq!(outcome(&world, &["apply", "saved.plan"]).await, (Some(3), json!("stale")));
    assert_eq!(outcome(&world, &apply).await, (Some(0), json!("applied")));
    assert_eq!(outcome(&world, &apply).await, (Some(0), json!("no_changes")));
    let policy = format!("/fgs/functions/{}/async-invoke-config", world.server.urn("first"));
    assert!(world.server.put(&policy, json!({})).await.status.is_success());
    assert_eq!(outcome(&world, &["drift"]).await, (Some(2), json!("drift")));
    assert_eq!(outcome(&world, &["import", "first", "--auto-approve"]).await, (Some(0), json!("no_changes")));
    assert_eq!(outcome(&world, &["forget", "second", "--auto-approve"]).await, (Some(0), json!("applied")));
    world.manifest(&PAIR.replace("max_retries: 2", "max_retries: 7"));
    assert_eq!(outcome(&world, &["validate"]).await, (Some(1), json!("refused")));
    assert_eq!(outcome(&world, &["plan"]).await, (Some(1), json!("refused")));
    world.manifest(PAIR);
    assert_eq!(outcome(&world, &["destroy", "--auto-approve"]).await, (Some(0), json!("applied")));
}

/// A reader of the file finds the report of the last run that wrote it.
#[tokio::test]
async fn a_report_that_cannot_be_written_fails_the_command() {
    let world = world().await;
    let folder = world.folder.path().join("reports");
    std::fs::create_dir(&folder).expect("a folder");
    // The folder disappears while the command runs.
    let (arrived, go) = world.hold(Method::GET, "/fgs/functions");
    let arguments = ["plan", "--report", "json=reports/plan.json", "--report", "markdown=plan.md"];
    let running = Process::start(&mut world.command(&arguments));
    within("the first read", arrived.notified()).await;
    std::fs::remove_dir(folder).expect("removed");
    go.notify_one();
    let ran = Ran::of(&arguments, world.folder.path(), running.ended().await);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("a report is missing: cannot write reports/plan.json"), "{}", ran.stderr);
    assert!(ran.stdout.contains("Plan: 2 functions to create; 1 policy to create."), "the plan is shown nevertheless");
    assert!(
        file(&world, "plan.md").starts_with("**Plan: 2 functions to create; 1 policy to create.**"),
        "so are the other reports"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn a_file_has_the_access_that_the_umask_leaves() {
    use std::os::unix::fs::PermissionsExt;
    let world = world().await;
    assert_eq!(world.run(&["plan", "--report", "markdown=plan.md", "--out", "saved.plan"]).await.code, Some(0));
    std::fs::write(world.folder.path().join("other"), "").expect("a file");
    let mode =
        |name: &str| std::fs::metadata(world.folder.path().join(name)).expect("a file").permissions().mode() & 0o777;
    assert_eq!(mode("plan.md"), mode("other"));
    assert_eq!(mode("saved.plan"), 0o600);
}

/// A comment that is made from the saved plan says the same as one that is made with it.
#[tokio::test]
async fn a_saved_plan_makes_the_same_comment_as_planning() {
    let world = world().await;
    assert_eq!(world.run(&["apply", "--auto-approve"]).await.code, Some(0));
    // A change with effects on events, a drawing and a warning.
    world.manifest(&PAIR.replace(
        "max_retries: 2, on_success: { function: second }",
        "max_retries: 3, on_success: { dis: { stream: s } }",
    ));
    let planned = world.run(&["plan", "-o", "markdown", "--out", "saved.plan"]).await;
    assert!(planned.stdout.contains("Effects on events"), "{}", planned.stdout);
    assert!(planned.stdout.contains("```mermaid") && planned.stdout.contains("retries-without-failure-target"));
    let shown = world.run(&["show", "saved.plan", "-o", "markdown"]).await;
    assert_eq!((shown.code, shown.stdout), (Some(0), planned.stdout));
    let gitlab = world.run(&["plan", "-o", "gitlab"]).await;
    assert_eq!(world.run(&["show", "saved.plan", "-o", "gitlab"]).await.stdout, gitlab.stdout);
}

/// A report in packed code would make its own plan stale, and the next apply would deploy it.
#[tokio::test]
async fn a_report_is_not_written_into_packed_code() {
    let world = World::new().await;
    world.file(
        "stack/stack.yaml",
        "\
version: 1
stack: pair
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  first:
    code: { dir: . }
    dependencies: [{ name: tools, dir: ../tools }]
",
    );
    world.file("stack/index.py", "def handler(event, context): return 1\n");
    world.file("tools/tool.py", "");
    let folder = |name: &str| std::fs::create_dir(world.folder.path().join(name)).expect("a folder");
    ["out", "stack/ignored", "stack/deep", "stack/.git"].into_iter().for_each(folder);
    world.file("stack/.fgctlignore", "ignored\n*.report\n!ignored/kept\n");
    let is_there = |name: &str| world.folder.path().join(name).exists();
    let root = ["-f", "stack/stack.yaml", "--root", "."];
    for command in
        [&["plan"][..], &["validate"], &["drift"], &["apply", "--auto-approve"], &["destroy", "--auto-approve"]]
    {
        for path in ["stack/r.json", "stack/deep/r.json", "out/../stack/r.json", "tools/r.json"] {
            let (inside, beside) = (format!("junit={path}"), "json=report.json");
            let refused = [command, &root, &["--report", &inside, "--report", beside]].concat();
            let refused = world.run(&refused).await;
            assert_eq!((refused.code, is_there(path)), (Some(1), false), "{refused:?}");
            let message = format!("error: the report {path} would be packed into the code of function default/first\n");
            assert!(refused.stderr.starts_with(&message), "{refused:?}");
            assert_eq!(world.report()["outcome"], "failed", "the other report says why: {refused:?}");
        }
    }
    assert_eq!(world.requests(), []);
    let paths = ["stack/ignored/r.json", "stack/a.report", "stack/.git/r.json", "out/r.json", "r.json"];
    let flags = paths.map(|path| format!("--report=junit={path}"));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let written = world.run(&[&["plan"][..], &root, &flags].concat()).await;
    assert_eq!((written.code, paths.map(is_there)), (Some(0), [true; 5]), "{written:?}");
    // None of them is part of the code.
    let report = ["--report", "json=stack/ignored/r.json"];
    let applied = world.run(&[&["apply", "--auto-approve"][..], &root, &report].concat()).await;
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let again = world.run(&[&["plan", "--detailed-exitcode"][..], &root, &report].concat()).await;
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn reports_that_say_nothing_are_refused() {
    let mut page = Page::new();
    page.file("fgctl.yaml", "version: 1\nstack: s\nfunctions: {}\n");
    page.file("folder/.keep", "");
    page.file("old.plan", "");
    page.file("data.db", "SQLite format 3\0");
    for (title, arguments) in [
        ("a report without a format", &["plan", "--report", "plan.json"][..]),
        ("an unknown format", &["plan", "--report", "xml=plan.xml"]),
        ("text for people in a file", &["plan", "--report", "human=plan.txt"]),
        ("a report without a file", &["plan", "--report", "json="]),
        ("a report on standard output", &["plan", "--report", "json=-"]),
        ("a report in a missing directory", &["plan", "--local", "--report", "json=nowhere/plan.json"]),
        ("a directory as a report", &["plan", "--local", "--report", "json=folder"]),
        ("two reports in one file", &["plan", "--local", "--report", "json=a", "--report", "junit=./a"]),
        ("a report over the plan", &["plan", "--local", "--out", "a", "--report", "json=a"]),
        ("a plan on standard output", &["plan", "--local", "--out", "-"]),
        ("a report over the plan that it shows", &["show", "old.plan", "--report", "json=old.plan"]),
        ("a report over a manifest", &["plan", "--local", "--report", "json=fgctl.yaml"]),
        ("a plan over a manifest", &["plan", "--local", "--out", "fgctl.yaml"]),
        ("a report over a database", &["plan", "--local", "--report", "json=data.db"]),
        ("a plan over a database", &["plan", "--local", "--out", "data.db"]),
        ("changes of a check", &["validate", "--report", "gitlab=a"]),
        ("changes of drift", &["drift", "--local", "--report", "gitlab=a"]),
        ("lines of drift", &["drift", "--local", "--report", "sarif=a"]),
        ("lines of drift for GitLab", &["drift", "--local", "-o", "code-quality"]),
        ("findings of a saved plan", &["show", "saved.plan", "-o", "sarif"]),
        ("tests of a saved plan", &["show", "saved.plan", "--report", "junit=a"]),
    ] {
        page.title(title);
        page.run(arguments, &[]);
    }
    insta::assert_snapshot!(page.text());
    assert!(!page.path("a").exists());
}

/// A cancelled pipeline sends a signal while the command reads.
#[cfg(unix)]
#[tokio::test]
async fn a_file_is_written_if_a_signal_ends_the_command() {
    let world = world().await;
    for (command, signal) in [("plan", "-INT"), ("drift", "-TERM"), ("apply", "-HUP"), ("destroy", "-TERM")] {
        let (arrived, go) = world.hold(Method::GET, "/fgs/functions");
        let approve: &[&str] = if ["apply", "destroy"].contains(&command) { &["--auto-approve"] } else { &[] };
        let arguments = [&[command, "--report", "json=report.json", "--report", "junit=report.xml"], approve].concat();
        let process = Process::start(&mut world.command(&arguments));
        within("the first request", arrived.notified()).await;
        process.signal(signal);
        ends_as_interrupted(&world, process).await;
        go.notify_one();
        assert!(file(&world, "report.xml").contains("interrupted"), "{command}");
        std::fs::remove_file(world.folder.path().join("report.xml")).expect("removed");
    }
    // The program has started to read as soon as it takes more than a pipe holds.
    let mut command = world.command(&["validate", "-f", "-", "--report", "json=report.json"]);
    let (input, output) = std::io::pipe().expect("a pipe");
    let process = Process::spawn(command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped()));
    drop(command);
    let written = tokio::task::spawn_blocking(move || (&output).write_all(&vec![b'#'; 1 << 20]).map(|()| output));
    let _open = within("a reader", written).await.expect("no panic").expect("it is read");
    process.signal("-TERM");
    ends_as_interrupted(&world, process).await;
}

#[cfg(unix)]
async fn ends_as_interrupted(world: &World, process: Process) {
    let output = process.ended().await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.ends_with("Interrupted: nothing was changed.\n"), "{said}");
    let report = world.report();
    assert_eq!((&report["outcome"], &report["error"]["code"]), (&json!("failed"), &json!("interrupted")));
}
