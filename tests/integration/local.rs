//! `--local`: the embedded server inside a command, a running `fgctl serve`, and a directory that another command uses.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use fgctl::server::{self, Settings};

use crate::patience::within;
use crate::process::{Process, finish, text};
use crate::world::Ran;

fn fgctl(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.args(arguments).current_dir(folder);
    command
}

fn tutorial() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tutorial").to_string_lossy().into_owned()
}

fn run(folder: &Path, command: &str, more: &[&str]) -> Output {
    let tutorial = tutorial();
    let arguments = [&[command, "--local", "-f", &tutorial], more].concat();
    finish(&mut fgctl(folder, &arguments))
}

/// The transcript of [`run`].
fn shown(folder: &Path, command: &str, more: &[&str]) -> String {
    let arguments = [&[command, "--local", "-f", "examples/tutorial"], more].concat();
    Ran::of(&arguments, folder, run(folder, command, more)).transcript()
}

/// The README's first command, and the plan after it.
#[test]
fn a_stack_persists_between_commands() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut said = shown(folder.path(), "apply", &["--auto-approve"]);
    said.push_str(&shown(folder.path(), "plan", &["--detailed-exitcode"]));
    said.push_str(&shown(folder.path(), "destroy", &["--auto-approve"]));
    insta::assert_snapshot!(said);
    assert_eq!(run(folder.path(), "plan", &["--detailed-exitcode"]).status.code(), Some(2));
}

#[test]
fn a_local_plan_needs_no_credentials() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(run(folder.path(), "plan", &["--out", "p.plan"]).status.success());
    let applied = finish(&mut fgctl(folder.path(), &["apply", "p.plan"]));
    assert_eq!(applied.status.code(), Some(1));
    assert_eq!(
        text(&applied.stderr),
        "error: the plan was made with --local, but this command does not use it\n  help: add --local\n"
    );
    let applied = finish(&mut fgctl(folder.path(), &["apply", "p.plan", "--local"]));
    assert!(applied.status.success(), "{}", text(&applied.stderr));
}

/// A full disk must cause neither a panic nor a success.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").expect("the device");
    let tutorial = tutorial();
    let arguments = ["apply", "--local", "-f", &tutorial, "--auto-approve"];
    let mut apply = fgctl(folder.path(), &arguments);
    let applied = Process::spawn(apply.stdin(Stdio::null()).stdout(full()).stderr(Stdio::piped())).end();
    assert_eq!(applied.status.code(), Some(1));
    assert!(text(&applied.stderr).contains("error: cannot write the result to standard output: "));
    let planned = run(folder.path(), "plan", &["--detailed-exitcode"]);
    assert_eq!(planned.status.code(), Some(0), "the apply itself succeeded");
    let mut refused = fgctl(folder.path(), &["validate", "-f", "nothing"]);
    let refused = Process::spawn(refused.stdin(Stdio::null()).stderr(full())).end();
    assert_eq!(refused.status.code(), Some(1));
}

#[test]
fn a_running_server_is_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = Process::start(&mut fgctl(folder.path(), &["serve", "--region", "eu-de"]));
    let line = serving.line();
    assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
    let applied = run(folder.path(), "apply", &["--auto-approve"]);
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    assert_eq!(run(folder.path(), "plan", &["--detailed-exitcode"]).status.code(), Some(0));
}

#[tokio::test]
async fn a_command_waits_for_a_directory_in_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let running = server::start(Settings::new(folder.path().join(".fgctl"), "fgctl apply")).await.expect("it starts");
    let arguments = ["plan", "--local", "-f", &tutorial(), "--detailed-exitcode"];
    let waiting = Process::start(&mut fgctl(folder.path(), &arguments));
    let line = waiting.error_line();
    assert!(line.starts_with("Waiting for the data directory .fgctl, which `fgctl apply` (process "), "{line}");
    within("the end of the server", running.stop()).await;
    assert_eq!(waiting.ended().await.status.code(), Some(2));
}
