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

/// Snapshots are named after the test's module and the test, or with a name from the test.
#[test]
fn a_test_names_every_snapshot() {
    let tests = sources("tests");
    let fixtures = files("tests/fixtures");
    for path in files("tests/integration/snapshots") {
        let name = path.rsplit('/').next().and_then(|name| name.strip_suffix(".snap")).unwrap_or_default();
        let mut parts = name.splitn(3, "__");
        let (module, name) = (parts.nth(1).unwrap_or_default(), parts.next().unwrap_or_default());
        // Further snapshots of a test are numbered.
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('-').unwrap_or(name);
        let test = tests.iter().find(|test| test.path == format!("tests/integration/{module}.rs"));
        let of_fixture = fixtures.iter().any(|fixture| fixture.ends_with(&format!("/{name}.yaml")));
        let is_named = |test: &Source| {
            of_fixture || test.text.contains(&format!("\"{name}\"")) || test.text.contains(&format!("fn {name}("))
        };
        assert!(test.is_some_and(is_named), "{path}: no test of `{module}` makes this snapshot");
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
