//! The README's section "Daily jobs": its commands print what the section shows.

use regex::Regex;
use std::fmt::Write;
use std::path::Path;
use std::process::Output;

use crate::process::{finish, shell, text};
use crate::server_process::ready;
use crate::transcript::stable;

/// One block of a job: commands, each with the output that the README shows.
type Session<'a> = Vec<(&'a str, String)>;

/// The text under a heading of the section.
fn page(job: &str) -> &'static str {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let section = readme.split("\n## Daily jobs\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let heading = format!("\n### {job}\n");
    let page = section.and_then(|section| section.split(&heading).nth(1)).expect("the job");
    page.split("\n### ").next().expect("text")
}

fn sessions(page: &'static str) -> Vec<Session<'static>> {
    page.split("```console\n$ ").skip(1).map(|block| session(block.split("```").next().expect("an end"))).collect()
}

fn session(block: &str) -> Session<'_> {
    let commands = block.split("\n$ ");
    commands
        .map(|step| step.split_once('\n').unwrap_or((step, "")))
        .map(|(run, shown)| (run, shown.to_owned()))
        .collect()
}

/// Runs a command in a shell that writes both of its output streams to standard output.
fn output(folder: &Path, command: &str) -> Output {
    let mut shell = shell(folder, &format!("exec 2>&1; {command}"));
    finish(shell.env("FGCTL_LOCAL", ".fgctl").env("ORDERS_PAYMENT_KEY", "first"))
}

/// Runs commands that the README does not show. All of them must succeed.
fn prepare(folder: &Path, commands: &str) {
    let output = output(folder, &format!("set -e; {commands}"));
    let said = text(&output.stdout);
    assert!(output.status.success() && !said.contains("error"), "{commands}\n{said}");
}

/// Whether the output is what the README shows. A line `…` stands for any lines, and `…` in a line for any text.
fn shows(shown: &str, output: &str) -> bool {
    let line = |line: &str| match line {
        "…" => r"(?:.*\n)*?".to_owned(),
        _ => regex::escape(line).replace('…', ".*") + "\n",
    };
    let pattern: String = shown.lines().map(line).collect();
    Regex::new(&format!(r"\A{pattern}\z")).expect("a pattern").is_match(output)
}

/// Plays the sessions of a job. Each comes with the commands that the README does not show, which run before it.
fn play(job: &str, hidden: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let (_server, _) = ready(&folder.path().join(".fgctl"), &[]);
    let orders = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/orders");
    prepare(folder.path(), &format!("cp -r '{}' orders", orders.display()));
    let page = page(job);
    if let Some((_, manifest)) = page.split_once("```yaml\n") {
        std::fs::create_dir(folder.path().join("payments")).expect("a folder");
        let manifest = manifest.split("```").next().expect("an end");
        std::fs::write(folder.path().join("payments/payments.yaml"), manifest).expect("written");
    }
    let sessions = sessions(page);
    assert_eq!(sessions.len(), hidden.len(), "sessions of {job:?}");
    let mut transcript = String::new();
    for (session, before) in sessions.iter().zip(hidden) {
        prepare(folder.path(), before);
        for (command, shown) in session {
            let output = stable(&text(&output(folder.path(), command).stdout), folder.path());
            assert!(shows(shown, &output), "$ {command}\n{output}--- the README shows\n{shown}");
            write!(transcript, "$ {command}\n{output}").expect("text");
        }
    }
    transcript
}

const APPLIED: &str = "fgctl apply -f orders --auto-approve";

/// Changes a setting of the live policies as someone would in the console: without the stack's marks.
const CONSOLE: &str = "cp -r orders console; cd console; [ ! -e orders.yaml.bak ] || mv orders.yaml.bak orders.yaml; \
    sed -i.bak 's/max_retries: 3/max_retries: 0/' orders.yaml; \
    FGCTL_LOCAL=../.fgctl fgctl apply --no-ownership --auto-approve; rm -r ../console";

#[test]
fn an_existing_project_is_taken_over() {
    let project = "mkdir before; { printf 'version: 1\\nstack: before\\ndefaults: { runtime: Python3.9, handler: index.handler }\\nfunctions:\\n'; \
        for n in $(seq 12); do printf '  shop-%s: { code: { inline: \"def handler(event, context): return 1\" }, async: { max_retries: 2 } }\\n' $n; done; } > before/fgctl.yaml; \
        fgctl apply -f before --auto-approve; fgctl forget -f before $(seq -f 'shop-%g' 12) --auto-approve; rm -r before";
    insta::assert_snapshot!(play("Adopt an existing project", &[project]));
}

#[test]
fn a_reviewed_plan_is_applied() {
    insta::assert_snapshot!(play("Apply what was reviewed", &[APPLIED]));
}

#[test]
fn drift_is_found_and_reverted() {
    insta::assert_snapshot!(play("Find and revert drift", &[&format!("{APPLIED}; {CONSOLE}")]));
}

#[test]
fn a_key_and_a_function_are_renamed() {
    insta::assert_snapshot!(play("Rename", &[APPLIED, ""]));
}

#[test]
fn a_stack_is_split() {
    insta::assert_snapshot!(play("Split a stack", &[APPLIED]));
}

#[test]
fn a_secret_is_rotated() {
    insta::assert_snapshot!(play("Rotate a secret", &[APPLIED]));
}

#[test]
fn a_function_is_deleted() {
    insta::assert_snapshot!(play("Delete a function", &[APPLIED]));
}

#[test]
fn a_stale_plan_is_planned_again() {
    insta::assert_snapshot!(play("Recover from a stale plan", &[APPLIED, CONSOLE]));
}
