//! Every file is in use: a module names each source file, and a test names each snapshot and fixture.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Source, files, read, sources};

/// The root files of crates in `Cargo.toml`.
fn roots() -> BTreeSet<String> {
    let manifest = read("Cargo.toml");
    let paths = manifest.lines().filter_map(|line| line.strip_prefix("path = \"")?.strip_suffix('"'));
    paths.map(str::to_owned).collect()
}

#[test]
fn a_module_names_every_source_file() {
    let all: Vec<Source> = sources("src").into_iter().chain(sources("tests")).collect();
    let mut named = roots();
    for source in &all {
        named.extend(modules(source, named.contains(&source.path)));
    }
    let forgotten: Vec<&str> =
        all.iter().map(|source| source.path.as_str()).filter(|path| !named.contains(*path)).collect();
    assert!(forgotten.is_empty(), "no `mod` names these files: {forgotten:?}");
}

/// The files that the `mod` items of a file may refer to.
fn modules(source: &Source, is_root: bool) -> Vec<String> {
    let path = Path::new(&source.path);
    let beside = path.parent().expect("a file is in a folder");
    let is_folder = is_root || path.file_name().is_some_and(|name| name == "mod.rs");
    let folder = if is_folder { beside.to_owned() } else { path.with_extension("") };
    let mut found = Vec::new();
    let mut elsewhere = None;
    for (_, line) in source.code().map(|(number, line)| (number, line.trim())) {
        if let Some(path) = line.strip_prefix("#[path = \"").and_then(|rest| rest.strip_suffix("\"]")) {
            elsewhere = Some(path);
        } else if let Some(name) = module(line) {
            match elsewhere.take() {
                Some(path) => found.push(beside.join(path)),
                None => found.extend([folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")]),
            }
        }
    }
    found.iter().map(|path| without_detours(path)).collect()
}

/// Converts `a/../b` to `b`.
fn without_detours(path: &Path) -> String {
    let mut parts: Vec<&OsStr> = Vec::new();
    for part in path {
        if part == ".." { parts.truncate(parts.len().saturating_sub(1)) } else { parts.push(part) }
    }
    parts.iter().collect::<PathBuf>().display().to_string()
}

/// The name in `mod name;`, with any visibility.
fn module(line: &str) -> Option<&str> {
    let (before, name) = line.strip_suffix(';')?.rsplit_once(' ')?;
    (before == "mod" || before.ends_with(" mod") && before.starts_with("pub")).then_some(name)
}

#[test]
fn a_test_names_every_snapshot() {
    let tests: Vec<Source> = sources("src").into_iter().chain(sources("tests")).collect();
    let fixtures = files("tests/fixtures");
    let snapshots = files("src").into_iter().chain(files("tests")).filter(|path| path.contains("/snapshots/"));
    // A failed test leaves a `.new` file.
    let snapshots = snapshots.filter(|path| Path::new(path).extension().is_none_or(|end| end != "new"));
    for path in snapshots {
        let Snapshot { test, name } = snapshot(&path).unwrap_or_else(|| panic!("{path}: no test has such a snapshot"));
        let of_fixture = fixtures.iter().any(|fixture| fixture.ends_with(&format!("/{name}.yaml")));
        let is_named = |test: &Source| {
            of_fixture || test.text.contains(&format!("\"{name}\"")) || test.text.contains(&format!("fn {name}("))
        };
        let is_test = |source: &&Source| source.path == format!("{test}.rs") || source.path == format!("{test}/mod.rs");
        assert!(tests.iter().find(is_test).is_some_and(is_named), "{path}: no test of {test} makes this snapshot");
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Snapshot {
    /// The path of the test's file, without its end.
    test: String,
    /// The name of the test, or one that the test gives.
    name: String,
}

/// What made a snapshot: `<crate>__<module>__<module>__<name>`, in a folder beside the test's file. Further snapshots of
/// a test are numbered.
fn snapshot(path: &str) -> Option<Snapshot> {
    let (folder, name) = path.strip_suffix(".snap")?.rsplit_once("/snapshots/")?;
    let (modules, name) = name.rsplit_once("__")?;
    let (program, modules) = modules.split_once("__")?;
    let root = match program {
        "fgctl" => "src",
        "integration" => "tests/integration",
        _ => return None,
    };
    let test = format!("{root}/{}", modules.replace("__", "/"));
    let is_beside = folder == test || test.rsplit_once('/').is_some_and(|(beside, _)| folder == beside);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('-').unwrap_or(name);
    is_beside.then(|| Snapshot { test, name: name.to_owned() })
}

#[test]
fn snapshots_are_traced_to_their_tests() {
    let of = |path: &str| snapshot(path).map(|Snapshot { test, name }| format!("{test} {name}"));
    for (path, expected) in [
        ("tests/integration/snapshots/integration__drift__a_b.snap", Some("tests/integration/drift a_b")),
        ("tests/integration/snapshots/integration__drift__a_b-2.snap", Some("tests/integration/drift a_b")),
        ("tests/integration/a/snapshots/integration__a__b__c.snap", Some("tests/integration/a/b c")),
        ("src/plan/snapshots/fgctl__plan__c.snap", Some("src/plan c")),
        ("tests/integration/snapshots/integration__a__b__c.snap", None),
        ("tests/integration/snapshots/drift.snap", None),
        ("tests/integration/snapshots/integration__drift__a_b.snap.new", None),
    ] {
        assert_eq!(of(path).as_deref(), expected, "{path}");
    }
}

#[test]
fn a_test_names_every_fixture() {
    let tests: Vec<Source> = sources("src").into_iter().chain(sources("tests")).collect();
    for path in files("tests/fixtures") {
        let name = path.trim_start_matches("tests/fixtures/");
        let folder = name.rsplit_once('/').map_or(name, |(folder, _)| folder);
        let is_named =
            |test: &Source| [name, folder].iter().any(|part| test.text.contains(&format!("fixtures/{part}")));
        assert!(tests.iter().any(is_named), "{path}: no test reads this file");
    }
}

#[test]
fn modules_are_found() {
    let text = "mod a;\npub(super) mod b;\n// mod c;\nmod inline {\n#[path = \"../d.rs\"]\nmod d;\nuse mod_e;";
    let source = Source { path: "src/x/mod.rs".into(), text: text.into() };
    let expected = ["src/x/a.rs", "src/x/a/mod.rs", "src/x/b.rs", "src/x/b/mod.rs", "src/d.rs"];
    assert_eq!(modules(&source, false), expected);
}
