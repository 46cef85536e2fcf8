//! The files of a function's code: which ones are packed, what is reported about them, and which must never be read.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::process::{finish, text};

const HEAD: &str = "version: 1\nstack: s\ndefaults: { runtime: Python3.9, handler: index.handler }\n";

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
    fs::write(path, text).expect("a file");
}

fn fgctl(folder: &Path, arguments: &[&str]) -> Output {
    finish(Command::new(env!("CARGO_BIN_EXE_fgctl")).args(arguments).current_dir(folder))
}

/// `line:column code` of each finding, and all messages.
fn findings(folder: &Path) -> (Vec<String>, String) {
    let ran = fgctl(folder, &["validate", "-o", "json"]);
    let result: serde_json::Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    let found = result["diagnostics"].as_array().expect("a list");
    let places = found
        .iter()
        .map(|found| format!("{}:{} {}", found["line"], found["column"], found["code"].as_str().expect("a code")));
    (places.collect(), text(&ran.stdout))
}

fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).expect("an entry");
        writer.write_all(content.as_bytes()).expect("its content");
    }
    writer.finish().expect("an archive").into_inner()
}

/// The data directory is never code, whatever its name.
#[test]
fn an_apply_of_its_own_directory_converges() {
    for local in ["--local", "--local=state", "--local=."] {
        let folder = tempfile::tempdir().expect("a folder");
        // Other users have no access to a data directory.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).expect("permissions");
        write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ dir: . }} }} }}\n"));
        write(folder.path(), "index.py", "def handler(event, context):\n    return event\n");
        let applied = fgctl(folder.path(), &["apply", local, "--auto-approve"]);
        assert!(applied.status.success(), "{local}: {}", text(&applied.stderr));
        assert!(text(&applied.stdout).contains("2 files, "), "{local}: {}", text(&applied.stdout));
        assert!(!text(&applied.stderr).contains("secret-in-code"), "{local}: {}", text(&applied.stderr));
        let planned = fgctl(folder.path(), &["plan", local, "--out", "my.plan"]);
        assert!(planned.status.success(), "{local}: {}", text(&planned.stderr));
        let planned = fgctl(folder.path(), &["plan", local, "--detailed-exitcode"]);
        assert_eq!(planned.status.code(), Some(0), "{local}: {}", text(&planned.stdout));
    }
}

#[test]
fn a_plan_names_the_files_of_changed_code() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ dir: code }} }} }}\n"));
    write(folder.path(), "code/index.py", "def handler(event, context):\n    return event\n");
    assert!(fgctl(folder.path(), &["apply", "--local", "--auto-approve"]).status.success());
    write(folder.path(), "code/data.txt", &"x".repeat(2_500));
    let planned = text(&fgctl(folder.path(), &["plan", "--local"]).stdout);
    assert!(planned.contains("code  changed: 2 files, 3 kB (data.txt 3 kB, index.py 46 B)"), "{planned}");
}

#[test]
fn validate_reports_code_that_cannot_work_at_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "code/main.py", "");
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    fs::write(folder.path().join("empty.zip"), zip(&[])).expect("written");
    fs::write(folder.path().join("drive.zip"), zip(&[("index.py", ""), ("z:index.py", "")])).expect("written");
    fs::write(folder.path().join("other.zip"), zip(&[("main.js", "")])).expect("written");
    fs::write(folder.path().join("broken.zip"), "PK").expect("written");
    for (function, expected) in [
        ("{ code: { dir: code }, handler: main.handler }", &[][..]),
        ("{ code: { dir: code } }", &["5:14 handler-not-in-code"]),
        ("{ code: { dir: code }, handler: other.handler }", &["5:38 handler-not-in-code"]),
        ("{ code: { dir: code }, ignore: [handler] }", &[]),
        ("{ code: { dir: code }, runtime: Custom }", &["5:14 handler-not-in-code"]),
        (
            "{ code: { dir: code }, handler: main.handler, initializer: { handler: other.start } }",
            &["5:38 handler-not-in-code"],
        ),
        ("{ code: { dir: code }, initializer: { handler: index.start } }", &["5:14 handler-not-in-code"]),
        ("{ code: { dir: missing } }", &["5:21 unusable-code"]),
        ("{ code: { dir: missing }, ignore: [code] }", &["5:21 unusable-code"]),
        ("{ code: { dir: empty } }", &["5:21 unusable-code"]),
        ("{ code: { zip: empty.zip } }", &["5:21 unusable-code"]),
        ("{ code: { zip: drive.zip } }", &["5:21 unusable-code"]),
        ("{ code: { zip: broken.zip } }", &["5:21 unusable-code"]),
        ("{ code: { zip: code } }", &["5:21 unusable-code"]),
        ("{ code: { zip: other.zip } }", &["5:14 handler-not-in-code"]),
        ("{ code: { zip: other.zip }, runtime: Node.js18.15, handler: main.run }", &[]),
        ("{ code: { zip: unbuilt.zip } }", &["5:21 missing-archive"]),
        ("{ ignore: [code] }", &[]),
    ] {
        write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions:\n  f: {function}\n"));
        let (places, all) = findings(folder.path());
        assert_eq!(places, expected, "{function}: {all}");
    }
}

#[test]
fn files_that_look_like_secrets_cause_a_warning_that_can_be_disabled() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions:\n  f:\n    code:\n      dir: code\n"));
    write(folder.path(), "code/index.py", "");
    write(folder.path(), "code/.env", "PASSWORD=hunter2");
    let (places, all) = findings(folder.path());
    assert_eq!(places, ["7:12 secret-in-code"], "{all}");
    assert!(all.contains("`.env`") && all.contains(".fgctlignore") && !all.contains("hunter2"), "{all}");
    for rule in ["!.env\n", ".env\n"] {
        write(folder.path(), "code/.fgctlignore", rule);
        assert_eq!(findings(folder.path()).0, [""; 0], "{rule}");
    }
}

/// A function that others deploy declares no code here, so it cannot be created.
#[test]
fn ignored_code_need_not_be_declared() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ inline: x }} }} }}\n"));
    assert!(fgctl(folder.path(), &["apply", "--local", "--auto-approve"]).status.success());
    write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ ignore: [code], memory: 256 }} }}\n"));
    let applied = fgctl(folder.path(), &["apply", "--local", "--auto-approve"]);
    assert!(applied.status.success(), "{}", text(&applied.stderr));
    let planned = fgctl(folder.path(), &["plan", "--local", "--detailed-exitcode"]);
    assert_eq!(planned.status.code(), Some(0), "{}", text(&planned.stdout));
    write(folder.path(), "fgctl.yaml", &format!("{HEAD}functions: {{ g: {{ ignore: [code] }} }}\n"));
    let planned = fgctl(folder.path(), &["plan", "--local"]);
    assert_eq!(planned.status.code(), Some(1));
    assert!(text(&planned.stderr).contains("missing-code"), "{}", text(&planned.stderr));
}

/// No process writes to these pipes.
#[cfg(unix)]
#[test]
fn a_named_pipe_instead_of_a_file_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = |name: &str| {
        assert!(finish(Command::new("mkfifo").arg(folder.path().join(name))).status.success());
    };
    write(folder.path(), "good/fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ inline: x }} }} }}\n"));
    write(folder.path(), "dir/fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ dir: code }} }} }}\n"));
    write(folder.path(), "zip/fgctl.yaml", &format!("{HEAD}functions: {{ f: {{ code: {{ zip: a.zip }} }} }}\n"));
    write(folder.path(), "dir/code/index.py", "");
    for name in ["x.yaml", "dir/code/pipe", "zip/a.zip", "var.yaml", "event", "my.plan", "ca.pem"] {
        pipe(name);
    }
    for arguments in [
        &["validate"][..],
        &["validate", "-f", "x.yaml"],
        &["validate", "-f", "dir"],
        &["validate", "-f", "zip"],
        &["plan", "--local", "-f", "dir"],
        &["plan", "--local", "-f", "zip"],
        &["validate", "-f", "good", "--var-file", "var.yaml"],
        &["invoke", "f", "--local", "-f", "good", "--data", "@event"],
        &["apply", "my.plan", "--local"],
        &["plan", "-f", "good", "--ca-file", "ca.pem", "--region", "eu-de", "--project-id", "p", "--token", "t"],
    ] {
        let ran = fgctl(folder.path(), arguments);
        assert_eq!(ran.status.code(), Some(1), "{arguments:?}: {}", text(&ran.stderr));
        assert!(text(&ran.stderr).contains("not a regular file"), "{arguments:?}: {}", text(&ran.stderr));
    }
}
