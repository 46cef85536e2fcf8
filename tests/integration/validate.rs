//! `fgctl validate` as users run it: what it prints, where, on which stream, and its exit code.

use std::fmt::Write as _;
use std::fs;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::process::{Process, finish};

struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn fgctl(arguments: &[&str], input: &str) -> Ran {
    // Uses a file instead of a pipe, so that no thread has to write it.
    let mut typed = tempfile::tempfile().expect("a file");
    typed.write_all(input.as_bytes()).and_then(|()| typed.rewind()).expect("the input is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).env_remove("FGCTL_VAR_retries");
    command.stdin(typed).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = Process::spawn(&mut command).end();
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn transcript(Ran { code, stdout, stderr }: &Ran) -> String {
    format!("exit: {code:?}\n--- stdout\n{stdout}--- stderr\n{stderr}")
}

/// `line:column code` of each finding of a manifest on standard input.
fn findings(manifest: &str) -> Vec<String> {
    let ran = fgctl(&["validate", "-f", "-", "-o", "json"], manifest);
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let diagnostics = result["diagnostics"].as_array().expect("a list");
    assert_eq!(ran.code, Some(i32::from(result["valid"] == false)));
    assert_eq!(ran.stderr, "");
    diagnostics
        .iter()
        .map(|found| format!("{}:{} {}", found["line"], found["column"], found["code"].as_str().expect("a code")))
        .collect()
}

const HEAD: &str = "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler, agency: a }\n";

#[test]
fn every_fixture_is_refused_with_all_its_errors() {
    let mut paths: Vec<_> = fs::read_dir("tests/fixtures/invalid")
        .expect("the fixtures")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        let path = path.to_str().expect("text").replace('\\', "/");
        let ran = fgctl(&["validate", "-f", &path], "");
        assert_eq!(ran.code, Some(1), "{path}");
        let name = Path::new(&path).file_stem().expect("a name").to_str().expect("text").to_owned();
        insta::assert_snapshot!(name, transcript(&ran));
    }
}

#[test]
fn the_examples_are_valid_except_for_the_invalid_one() {
    insta::assert_snapshot!(transcript(&fgctl(&["validate", "-f", "examples/tutorial"], "")), @r"
    exit: Some(0)
    --- stdout
    valid: 3 functions, 1 policy
    --- stderr
    ");
    insta::assert_snapshot!(transcript(&fgctl(&["validate", "-f", "examples/orders"], "")), @r"
    exit: Some(0)
    --- stdout
    valid: 4 functions, 4 policies
    --- stderr
    ");
    insta::assert_snapshot!("examples-invalid", transcript(&fgctl(&["validate", "-f", "examples/invalid"], "")));
}

#[test]
fn json_has_the_same_keys_for_every_finding() {
    let ran = fgctl(&["validate", "-f", "tests/fixtures/invalid/cycle-mixed.yaml", "-o", "json"], "");
    insta::assert_snapshot!("json", transcript(&ran));
}

#[test]
fn findings_are_at_their_line_and_column() {
    for (manifest, expected) in [
        ("functions:\n  a:\n    code: { inline: x }\n    async:\n      max_retries: 4\n", &["8:20 out-of-range"][..]),
        ("policies: { p: { max_validity_period: 0.5 } }\n", &["4:39 wrong-type"]),
        ("functions:\n  a:\n    code: { inline: x }\n    secrets: { A: X }\n", &["7:19 wrong-type"]),
        ("functions:\n  a:\n    code: { inline: x }\n    colour: red\n", &["7:5 unknown-field"]),
        ("functions:\n  a:\n    memory:\n    code: { inline: x }\n", &[]),
        ("functions:\n  a:\n    async: standard\n    code: { inline: x }\n", &["6:12 unknown-policy"]),
        ("functions:\n  a: {}\n", &["5:3 missing-field"]),
        ("policies:\n  unused: {}\ntargets:\n  unused: { dis: { stream: s } }\n", &[]),
        (
            "policies:\n  p: &p { max_retries: 4 }\nfunctions:\n  a: { code: { inline: x }, async: *p }\n",
            &["5:24 out-of-range"],
        ),
        ("policies: { p: &p { max_retries: 4 }, q: { <<: *p } }\n", &["4:34 out-of-range"]),
    ] {
        assert_eq!(findings(&format!("{HEAD}{manifest}")), expected, "{manifest}");
    }
}

#[test]
fn a_cycle_of_fifty_is_one_finding_and_a_diamond_none() {
    let mut cycle = format!("{HEAD}functions:\n");
    let mut diamond = cycle.clone();
    for index in 0..50 {
        let next = (index + 1) % 50;
        writeln!(cycle, "  f{index}: {{ code: {{ inline: x }}, async: {{ on_success: {{ function: f{next} }} }} }}")
            .expect("written");
    }
    assert_eq!(findings(&cycle).len(), 1);
    for (name, success, failure) in [("a", "b", "c"), ("b", "d", "d"), ("c", "d", "d")] {
        let policy = format!("{{ on_success: {{ function: {success} }}, on_failure: {{ function: {failure} }} }}");
        writeln!(diamond, "  {name}: {{ code: {{ inline: x }}, async: {policy} }}").expect("written");
    }
    diamond.push_str("  d: { code: { inline: x } }\n");
    assert!(findings(&diamond).is_empty());
}

#[test]
fn sources_of_variables_have_a_precedence() {
    let manifest =
        format!("{HEAD}variables: {{ retries: 1 }}\npolicies: {{ p: {{ max_retries: \"${{var.retries}}\" }} }}\n");
    let temp = tempfile::tempdir().expect("a directory");
    let file = temp.path().join("values.yaml");
    fs::write(&file, "retries: 9\n").expect("written");
    let file = file.to_str().expect("text");
    for (arguments, environment, code) in [
        (&[][..], None, 0),
        (&["--var-file", file], None, 1),
        (&["--var-file", file], Some("2"), 0),
        (&[], Some("7"), 1),
        (&["--var", "retries=3"], Some("7"), 0),
        (&["--var", "retires=3"], None, 1),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
        let path = temp.path().join("manifest.yml");
        fs::write(&path, &manifest).expect("written");
        command.args(["validate", "-f"]).arg(&path).args(arguments).env_remove("FGCTL_VAR_retries");
        if let Some(value) = environment {
            command.env("FGCTL_VAR_retries", value);
        }
        let output = finish(&mut command);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {environment:?}");
    }
}

#[test]
fn files_of_a_directory_are_one_manifest() {
    let temp = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: &str| fs::write(temp.path().join(name), text).expect("written");
    write("a.yaml", "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler }\n");
    write("b.yml", "version: 1\nstack: s\nfunctions: { f: { code: { inline: x } } }\n");
    write(".hidden.yaml", "nonsense");
    fs::create_dir(temp.path().join("code")).expect("a directory");
    write("code/data.yaml", "nonsense");
    let path = temp.path().to_str().expect("text");
    let both = temp.path().join("a.yaml");
    let ran = fgctl(&["validate", "-f", path, "-f", both.to_str().expect("text")], "");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "valid: 1 function, 0 policies\n"));
    write("c.yaml", "version: 1\nstack: t\ndefaults: {}\nfunctions: { f: { code: { inline: x } } }\n");
    let ran = fgctl(&["validate", "-f", path, "-o", "json"], "");
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let diagnostics = result["diagnostics"].as_array().expect("a list");
    let codes: Vec<_> = diagnostics.iter().map(|found| found["code"].as_str().expect("a code")).collect();
    assert_eq!(codes, ["different-stack", "duplicate-name", "duplicate-name"]);
    assert!(diagnostics.iter().all(|found| found["related"][0]["line"].is_number()));
}

#[test]
fn a_file_that_is_not_a_manifest_is_an_error() {
    let temp = tempfile::tempdir().expect("a directory");
    let path = |name: &str| temp.path().join(name).to_str().expect("text").to_owned();
    fs::write(path("large.yaml"), "a".repeat(17 * 1024 * 1024)).expect("written");
    fs::write(path("latin.yaml"), b"version: 1\nstack: caf\xe9\n").expect("written");
    fs::write(path("bomb.yaml"), bomb()).expect("written");
    fs::write(path("empty.yaml"), "").expect("written");
    fs::create_dir(path("nothing")).expect("a directory");
    for (name, code, place) in [
        ("large.yaml", "too-large", "1:1"),
        ("latin.yaml", "not-utf8", "2:11"),
        ("bomb.yaml", "too-large", "1:37"),
        ("empty.yaml", "empty", "1:1"),
        ("nothing", "no-manifest", "null:null"),
        ("missing.yaml", "unreadable", "null:null"),
    ] {
        let ran = fgctl(&["validate", "-f", &path(name), "-o", "json"], "");
        let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let found = &result["diagnostics"][0];
        let at = format!("{}:{}", found["line"], found["column"]);
        assert_eq!((found["code"].as_str(), at.as_str(), ran.code), (Some(code), place, Some(1)), "{name}");
    }
}

/// Ten levels of ten aliases each: ten billion nodes.
fn bomb() -> String {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "a{level}: &a{level} [{items}]").expect("written");
    }
    text
}

#[test]
fn a_secret_is_never_shown() {
    let manifest =
        format!("{HEAD}functions: {{ f: {{ code: {{ inline: x }}, secrets: {{ A: {{ env: THE_SECRET }} }} }} }}\n");
    let temp = tempfile::tempdir().expect("a directory");
    fs::write(temp.path().join("m.yaml"), manifest).expect("written");
    let value = "hunter2".repeat(1000);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    let output = finish(command.args(["validate", "-f"]).arg(temp.path()).env("THE_SECRET", &value));
    assert_eq!(output.status.code(), Some(1));
    assert!(!format!("{output:?}").contains("hunter2"));
}
