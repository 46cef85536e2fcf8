//! Every dependency in `Cargo.toml` is used where it is declared: by the program, or only by tests.

use std::collections::BTreeMap;
use std::process::Command;

use super::{read, sources};
use crate::process::finish;

#[test]
fn every_dependency_is_used() {
    let libraries = libraries();
    let manifest = read("Cargo.toml");
    for (section, folders) in [("dependencies", ["src"].as_slice()), ("dev-dependencies", &["src", "tests"])] {
        let text: String = folders.iter().flat_map(|folder| sources(folder)).map(|source| source.text).collect();
        let declared = declared(&manifest, section);
        assert!(!declared.is_empty(), "there is a section {section}");
        for (key, value) in declared {
            let is_renamed = value.contains("package = ");
            let library = if is_renamed { key } else { libraries.get(key).map_or(key, String::as_str) };
            // The vendor's definitions are files; a test finds them by their crate's name.
            let is_used = uses(&text, &library.replace('-', "_")) || text.contains(&format!("\"{key}\""));
            assert!(is_used, "{section}: nothing in {folders:?} uses `{key}`");
        }
    }
}

/// Keys and values of a section, for every target.
fn declared<'a>(manifest: &'a str, section: &str) -> Vec<(&'a str, &'a str)> {
    let mut is_here = false;
    let mut found = Vec::new();
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[') {
            is_here = header.trim_end_matches(']').rsplit('.').next() == Some(section);
        } else if is_here {
            found.extend(line.split_once(" = "));
        }
    }
    found
}

/// The names of crates with those of their libraries, which may differ.
fn libraries() -> BTreeMap<String, String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["tree", "--locked", "--offline", "--prefix", "none"]);
    command.args(["--edges", "normal,dev", "--depth", "1", "--format", "{p}|{lib}"]);
    let output = finish(command.current_dir(env!("CARGO_MANIFEST_DIR")));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    // `rust-ini v0.21.3|ini`, followed by more if the crate is in the tree twice.
    let parts = |line: &str| {
        let (package, library) = line.split_once('|')?;
        Some((package.split(' ').next()?.to_owned(), library.split(' ').next()?.to_owned()))
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parts).collect()
}

/// Whether a text contains a path that starts with a crate.
fn uses(text: &str, library: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(&format!("{library}::")).any(|(at, _)| !text[..at].ends_with(is_word))
}

#[test]
fn uses_are_recognized() {
    let manifest = "[dependencies]\na-b = \"1\"\n[lints.rust]\nx = \"deny\"\n[target.'cfg(unix)'.dependencies]\nc = { version = \"1\" }";
    assert_eq!(declared(manifest, "dependencies"), [("a-b", "\"1\""), ("c", "{ version = \"1\" }")]);
    assert!(uses("use ini::Ini;", "ini"));
    assert!(!uses("mini::x(); ini.y()", "ini"));
}
