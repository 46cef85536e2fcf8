//! The README's page "Bring what you have": its commands work as they are written, against `fgctl serve`.

use std::path::Path;

use crate::invoke::has_python;
use crate::process::{finish, shell, text};
use crate::server_process::ready;

const HEADING: &str = "## Bring what you have\n";

/// The commands of each part of the page.
fn parts() -> Vec<String> {
    let readme = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    let page = readme.split(HEADING).nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the page");
    let blocks = |part: &str| {
        part.split("```sh\n").skip(1).map(|block| block.split("```").next().expect("an end").to_owned()).collect()
    };
    page.split("\n### ").map(blocks).map(|blocks: Vec<String>| blocks.concat()).collect()
}

/// Runs commands in a shell that stops at the first failure, and returns their output.
fn play(folder: &Path, commands: &str) -> String {
    let output = finish(&mut shell(folder, &format!("set -e\n{commands}")));
    assert!(output.status.success(), "{commands}\n{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_three_ways_in_work_as_they_are_written() {
    if !has_python() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    std::os::unix::fs::symlink(examples, folder.path().join("examples")).expect("a link");
    let (_server, _) = ready(&folder.path().join(".fgctl"), &[]);
    let parts = parts();
    let [before, policies, everything, scratch] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    play(folder.path(), before);
    let said = play(folder.path(), policies);
    assert!(said.contains("Plan: 1 policy to adopt."), "{said}");
    let said = play(folder.path(), everything);
    assert!(said.contains("Plan: 3 functions to adopt; 1 policy to adopt.") && said.contains("No changes"), "{said}");
    let said = play(folder.path(), scratch);
    assert!(said.contains("default/announce:latest SUCCESS"), "{said}");
}
