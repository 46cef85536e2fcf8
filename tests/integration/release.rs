//! The archive of a release, made with a stand-in for Cargo.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::process::{finish, has_program};

/// Builds a program that writes what the archive needs of it.
const CARGO: &str = r#"#!/bin/bash
set -euo pipefail
case $1 in
  auditable)
    mkdir -p target/x86_64-unknown-linux-musl/release
    cat > target/x86_64-unknown-linux-musl/release/fgctl << 'END'
#!/bin/bash
case $1 in
  completions) echo "$2" ;;
  man) mkdir -p "$3" && echo > "$3/fgctl.1" ;;
esac
END
    chmod +x target/x86_64-unknown-linux-musl/release/fgctl ;;
  cyclonedx) echo '{}' > fgctl.cdx.json ;;
esac
"#;

/// Runs a script in a folder, with the stand-in first in the search path.
fn run(folder: &Path, script: &str) -> String {
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", script]).current_dir(folder).env_clear();
    let path = std::env::var("PATH").expect("a search path");
    command.env("PATH", format!("{}/bin:{path}", folder.display())).env("HOME", folder);
    let ran = finish(&mut command);
    assert!(ran.status.success(), "{script}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).expect("UTF-8")
}

/// People who follow the README have data directories in the examples, with credentials in them.
#[test]
fn an_archive_contains_what_is_committed_and_nothing_else() {
    if !cfg!(target_os = "linux") || !["bash", "git", "tar", "gzip"].into_iter().all(has_program) {
        writeln!(std::io::stderr(), "skipped: this test needs Linux with bash, git, tar and gzip")
            .expect("standard error");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let root = env!("CARGO_MANIFEST_DIR");
    let files = "Cargo.toml LICENSE README.md STABILITY.md CHANGELOG.md release examples schemas .gitignore";
    run(folder.path(), &format!("tar -C '{root}' -c {files} | tar -x"));
    std::fs::create_dir(folder.path().join("bin")).expect("a folder");
    std::fs::write(folder.path().join("bin/cargo"), CARGO).expect("a script");
    run(
        folder.path(),
        "chmod +x bin/cargo && git init -q && git add . && git -c user.name=a -c user.email=a@example.com commit -qm a
         mkdir examples/environments/.fgctl-prod && echo canary > examples/environments/.fgctl-prod/credentials.json
         echo canary > schemas/notes && mkdir examples/tutorial/.fgctl && echo canary > examples/tutorial/.fgctl/store.db
         release/archive x86_64-unknown-linux-musl dist",
    );
    let listed =
        run(folder.path(), "tar -tzf dist/fgctl-v*-x86_64-unknown-linux-musl.tar.gz | grep -v '/$' | cut -d/ -f2-");
    let mut listed: Vec<&str> = listed.lines().collect();
    listed.sort_unstable();
    let committed = run(folder.path(), "git ls-files LICENSE README.md STABILITY.md CHANGELOG.md examples schemas");
    let made = ["fgctl", "man/man1/fgctl.1"].map(str::to_owned);
    let completions = ["bash", "zsh", "fish", "elvish", "powershell"].map(|shell| format!("completions/fgctl.{shell}"));
    let mut expected: Vec<String> = committed.lines().map(str::to_owned).chain(made).chain(completions).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    assert!(listed.contains(&"schemas/manifest.schema.json"), "the examples name it: {listed:?}");
}
