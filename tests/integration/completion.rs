//! Completion as a shell asks for it: it runs the program with the words of the line and the index of the one to complete.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

use crate::patience::{block_until, until};
use crate::process::{finish, finished, has_program, search_path, text};
use crate::world::World;

const STACK: &str = "\
version: 1
stack: orders
defaults: { runtime: Python3.9, handler: index.handler }
functions:
  intake: { code: { inline: 'x = 1' }, triggers: { nightly: { timer: { rate: 1h } } } }
  inform: { code: { inline: 'x = 1' }, name: inform-customers, package: mail }
  settle: { code: { inline: 'x = 1' } }
";

/// A folder with a manifest.
fn folder(manifest: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("fgctl.yaml"), manifest).expect("the manifest is written");
    folder
}

/// Asks for candidates for the last word.
fn asking(mut command: Command, words: &[&str]) -> Command {
    let index = words.len().to_string();
    command.args(["--", "fgctl"]).args(words);
    command.env("COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", index).env("_CLAP_IFS", "\n");
    command
}

/// The candidates without options, which every command has.
fn candidates(output: &Output) -> Vec<String> {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let candidates = text(&output.stdout);
    candidates.lines().filter(|line| !line.starts_with('-') || line.contains('=')).map(str::to_owned).collect()
}

fn in_folder(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.current_dir(folder).env_clear().env("HOME", folder.join("home"));
    command
}

fn offered(folder: &TempDir, words: &[&str]) -> Vec<String> {
    candidates(&finish(&mut asking(in_folder(folder.path()), words)))
}

#[test]
fn declared_functions_are_offered_offline() {
    let stack = folder(STACK);
    for (words, expected) in [
        (&["plan", "--target", ""][..], &["inform", "intake", "settle"][..]),
        (&["plan", "--exclude", "in"], &["inform", "intake"]),
        (&["destroy", "--target=se"], &["--target=settle"]),
        (
            &["apply", "--target", "function:"],
            &["function:default/intake", "function:default/settle", "function:mail/inform-customers"],
        ),
        (&["apply", "--target", "trigger"], &["trigger:default/intake/nightly"]),
        (&["import", ""], &["inform", "intake", "settle"]),
        (&["forget", "intake", "async_policy:m"], &["async_policy:mail/inform-customers"]),
        (&["logs", "s"], &["settle"]),
        (&["invoke", "--async", "i"], &["inform", "intake"]),
    ] {
        assert_eq!(offered(&stack, words), expected, "{words:?}");
    }
}

#[test]
fn other_values_are_offered() {
    let stack = folder(&STACK.replace("stack: orders", "stack: orders\nvariables: { level: info, count: null }"));
    std::fs::create_dir(stack.path().join("data")).expect("a folder");
    for (words, expected) in [
        (&["explain", "cycle-"][..], &["cycle-live", "cycle-outside"][..]),
        (&["whoami", "--region", "eu-"], &["eu-west-101", "eu-de", "eu-nl"]),
        (&["graph", "-o", "s"], &["svg"]),
        (&["plan", "--output=js"], &["--output=json"]),
        (&["invocations", "intake", "--status", "su"], &[]),
        (&["show", "fg"], &["fgctl.yaml"]),
        (&["plan", "--report", "j"], &["json=", "junit="]),
        (&["validate", "--report=co"], &["--report=code-quality="]),
        (&["plan", "--report", "junit=fg"], &["junit=fgctl.yaml"]),
        (&["plan", "--report", "junit=gone/"], &[]),
        (&["serve", "--data", "da"], &["data/"]),
        (&["plan", "--local="], &["--local=.", "--local=data/"]),
        (&["plan", "--local=d"], &["--local=data/"]),
        (&["invoke", "intake", "--data", "@fg"], &["@fgctl.yaml"]),
        (&["plan", "--var", ""], &["count=", "level="]),
        (&["plan", "--var", "level=debug", "--var=co"], &["--var=count="]),
    ] {
        assert_eq!(offered(&stack, words), expected, "{words:?}");
    }
}

#[test]
fn environments_are_offered_and_select_the_manifest() {
    let stack = folder(STACK);
    let write = |name: &str, text: &str| std::fs::write(stack.path().join(name), text).expect("the file is written");
    write("pay.yaml", "version: 1\nstack: other\nfunctions: { pay: { existing: true } }\n");
    write("fgctl.environments.yaml", "version: 1\nenvironments: { dev: , prod: { files: [pay.yaml] }, production: }\n");
    assert_eq!(offered(&stack, &["plan", "--env", ""]), ["dev", "prod", "production"]);
    assert_eq!(offered(&stack, &["whoami", "--env=pro"]), ["--env=prod", "--env=production"]);
    assert_eq!(offered(&stack, &["plan", "--env", "prod", "--target", ""]), ["pay"]);
    assert_eq!(offered(&stack, &["plan", "--env", "gone", "--target", ""]), Vec::<String>::new());
    write("fgctl.environments.yaml", "version: [\n");
    assert_eq!(offered(&stack, &["plan", "--env", ""]), Vec::<String>::new());
}

#[test]
fn the_line_and_the_variable_select_the_manifest() {
    let elsewhere = folder("version: 1\nstack: other\nfunctions: { pay: { existing: true } }\n");
    let path = elsewhere.path().to_str().expect("a path is text");
    let stack = folder(STACK);
    assert_eq!(offered(&stack, &["plan", "-f", path, "--target", ""]), ["pay"]);
    assert_eq!(offered(&stack, &["plan", &format!("--file={path}"), "--target", ""]), ["pay"]);
    let mut command = asking(in_folder(stack.path()), &["import", ""]);
    assert_eq!(candidates(&finish(command.env("FGCTL_FILE", path))), ["pay"]);
}

#[test]
fn a_broken_manifest_offers_what_can_be_read() {
    let no_yaml = folder("version: 1\nfunctions: [\n");
    assert_eq!(offered(&no_yaml, &["plan", "--target", ""]), Vec::<String>::new());
    let one_error = folder(&STACK.replace("settle: {", "settle: { memory: 7,"));
    assert!(offered(&one_error, &["plan", "--target", "in"]).contains(&"intake".to_owned()));
    let nothing = tempfile::tempdir().expect("a folder");
    assert_eq!(offered(&nothing, &["plan", "--target", ""]), Vec::<String>::new());
    assert_eq!(offered(&folder(STACK), &["plan", "-f", "-", "--target", ""]), Vec::<String>::new());
    assert_eq!(offered(&folder(STACK), &["plan", "--no-such-option", "--target", "se"]), ["settle"]);
}

#[test]
fn a_name_that_contains_a_secret_is_not_offered() {
    let secret = "hush-hush-1: { code: { inline: 'x = 1' }, secrets: { KEY: { env: KEY } } }\n  settle: {";
    let stack = folder(&STACK.replace("settle: {", secret));
    let mut command = asking(in_folder(stack.path()), &["import", ""]);
    assert_eq!(candidates(&finish(command.env("KEY", "hush-hush"))), ["inform", "intake", "settle"]);
    assert_eq!(offered(&stack, &["import", "h"]), ["hush-hush-1"]);
}

/// The account's functions, also from other packages. A busy machine may need longer than the shell waits.
#[tokio::test]
async fn live_functions_are_offered() {
    let world = World::new().await;
    world.manifest(STACK);
    world.apply().await;
    let elsewhere = tempfile::tempdir().expect("a folder");
    for (words, expected) in [
        (&["invoke", ""][..], &["intake", "mail/inform-customers", "settle"][..]),
        (&["export", "--name", "m"], &["mail/inform-customers"]),
    ] {
        until(format!("the candidates of {words:?}"), async || {
            let mut command = asking(world.command(&[]), words);
            command.current_dir(elsewhere.path());
            candidates(&finished(command).await) == expected
        })
        .await;
    }
}

#[test]
fn functions_of_the_embedded_server_are_offered() {
    let stack = folder(STACK);
    let output = finish(in_folder(stack.path()).args(["apply", "--local", "--auto-approve", "--quiet"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    std::fs::remove_file(stack.path().join("fgctl.yaml")).expect("the manifest is removed");
    block_until("the embedded server's functions", || {
        offered(&stack, &["logs", "--local", ""]) == ["intake", "mail/inform-customers", "settle"]
    });
    assert_eq!(offered(&stack, &["logs", "--local=new", ""]), Vec::<String>::new());
    assert!(!stack.path().join("new").exists(), "completion creates no data directory");
}

/// The listener accepts connections, but never answers.
#[test]
fn a_dead_endpoint_is_not_mentioned() {
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", dead.local_addr().expect("an address"));
    let stack = folder(STACK);
    let mut command = asking(in_folder(stack.path()), &["invoke", "s"]);
    command.env("FGCTL_ENDPOINT", endpoint).env("FGCTL_REGION", "eu-de").env("FGCTL_PROJECT_ID", "p");
    command.env("FGCTL_ACCESS_KEY", "AK").env("FGCTL_SECRET_KEY", "SK");
    assert_eq!(candidates(&finish(&mut command)), ["settle"]);
    // Without credentials, there is no endpoint to ask.
    assert_eq!(offered(&stack, &["invoke", "--insecure", "s"]), ["settle"]);
}

#[test]
fn the_variable_of_another_program_has_no_effect() {
    let stack = folder(STACK);
    for value in ["", "0", "1", "yes"] {
        let output = finish(in_folder(stack.path()).arg("validate").env("COMPLETE", value));
        assert_eq!(output.status.code(), Some(0), "{value}: {}", text(&output.stderr));
    }
}

/// With the script that the program prints, as a user enables it.
#[test]
fn bash_completes_with_the_script() {
    if !has_program("bash") {
        return;
    }
    let stack = folder(STACK);
    let script = r#"
        source <(COMPLETE=bash fgctl)
        COMP_WORDS=(fgctl plan --target i); COMP_CWORD=3; COMP_TYPE=9
        _clap_complete_fgctl fgctl i --target
        printf '%s\n' "${COMPREPLY[@]}"
        COMP_WORDS=(fgctl plan --file = . --target function : default/i); COMP_CWORD=8
        _clap_complete_fgctl fgctl default/i :
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", script]).current_dir(stack.path());
    let output = finish(command.env("PATH", search_path()));
    assert_eq!(
        (text(&output.stdout).as_str(), text(&output.stderr).as_str()),
        ("inform\nintake\ndefault/intake\n", "")
    );
}
