//! The import table: which module may use which. It is what keeps decisions apart from effects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const EVERYTHING: &[&str] = &[
    "apply",
    "client",
    "diagnostic",
    "manifest",
    "model",
    "plan",
    "redaction",
    "remote",
    "render",
    "rules",
    "server",
    "wire",
];

const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("diagnostic", &[]),
    ("redaction", &[]),
    ("rules", &[]),
    ("wire", &["rules"]),
    ("model", &["diagnostic", "rules"]),
    ("plan", &["model", "diagnostic", "redaction", "rules"]),
    ("manifest", &["model", "diagnostic", "rules"]),
    ("client", &["wire", "redaction"]),
    ("remote", &["model", "wire", "client", "rules"]),
    ("apply", &["model", "plan", "remote", "rules"]),
    ("render", &["model", "plan", "apply", "diagnostic"]),
    ("server", &["wire", "rules"]),
    ("cli", EVERYTHING),
];

#[test]
fn modules_import_only_what_the_table_allows() {
    let table: BTreeMap<&str, BTreeSet<&str>> =
        MAY_IMPORT.iter().map(|(module, allowed)| (*module, allowed.iter().copied().collect())).collect();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = BTreeSet::new();
    for path in rust_files(&source) {
        let inside = path.strip_prefix(&source).expect("a file of src");
        let first = inside.iter().next().expect("a file has a name").to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs");
        if matches!(module, "lib" | "main") {
            continue;
        }
        seen.insert(module.to_owned());
        let allowed = table.get(module).unwrap_or_else(|| panic!("{module} is not in the table"));
        for (line, imported) in imports(&path) {
            let fine = imported == module || allowed.contains(imported.as_str());
            assert!(fine, "{}:{line}: {module} may not import {imported}", inside.display());
        }
    }
    assert_eq!(seen, table.keys().map(|module| (*module).to_owned()).collect::<BTreeSet<_>>(), "every module is there");
}

/// The server's modules, from the ground up. Each may import only those above it in this list, so that there is no cycle.
const SERVER: &[&str] = &[
    // The ground: no requests, no store.
    "refusal",
    "clock",
    "journal",
    "keys",
    "lifecycle",
    "descriptors",
    "open_file",
    "privacy",
    "directory",
    "credentials",
    // What is stored, and which functions there are.
    "store",
    "failure",
    "target",
    "identity",
    "transaction",
    // The core: what happens to requests.
    "runtime",
    "share",
    "acceptance",
    "notify",
    "transition",
    "damage",
    "completion",
    "deployment",
    "claim",
    "settings",
    "runner",
    "dispatcher",
    "courier",
    // HTTP.
    "service",
    "body",
    "authentication",
    "connections",
    "routes",
    "running",
];

/// Files and folders of the server that speak HTTP. The last two are the API of custom runtimes, which is HTTP.
const SPEAKS_HTTP: &[&str] =
    &["authentication.rs", "body.rs", "connections.rs", "routes/", "runtime/engine/api.rs", "runtime/engine/peer.rs"];

#[test]
fn modules_of_the_server_import_only_those_above_them() {
    let place = |module: &str| SERVER.iter().position(|known| *known == module);
    let mut seen = BTreeSet::new();
    for (inside, text) in server_files() {
        let module = inside.split('/').next().expect("a file has a name").trim_end_matches(".rs").to_owned();
        if module == "mod" {
            continue;
        }
        let own = place(&module).unwrap_or_else(|| panic!("{module} is not in the list of the server's modules"));
        for (line, imported) in imports_of_server(&inside, &text) {
            let fine = imported == module || place(&imported).is_some_and(|place| place < own);
            assert!(fine, "src/server/{inside}:{line}: {module} may not import {imported}");
        }
        seen.insert(module);
    }
    assert_eq!(seen, SERVER.iter().map(|module| (*module).to_owned()).collect(), "every module is there");
}

#[test]
fn the_core_of_the_server_has_no_http_types() {
    for (inside, text) in server_files() {
        if SPEAKS_HTTP.iter().any(|path| inside.starts_with(path)) {
            continue;
        }
        for (line, code) in code_lines(&text) {
            for library in ["axum", "http", "hyper", "hyper_util"] {
                let is_used = code.match_indices(&format!("{library}::")).any(|(start, _)| {
                    !code[..start].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':'))
                });
                assert!(!is_used, "src/server/{inside}:{line}: only routes and what is around them may use {library}");
            }
        }
    }
}

/// Paths inside `src/server`, and the texts of the files.
fn server_files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server");
    let read = |path: PathBuf| {
        let inside = path.strip_prefix(&folder).expect("a file of the server").to_string_lossy().replace('\\', "/");
        (inside, std::fs::read_to_string(&path).expect("a source file is readable"))
    };
    rust_files(&folder).into_iter().map(read).collect()
}

/// Lines of code with their numbers, counted from 1.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Line numbers and the modules of the server that a file names with `super::`: as many of them lead to `crate::server`
/// as the file is deep, and one more within a `mod tests { … }`.
fn imports_of_server(inside: &str, text: &str) -> Vec<(usize, String)> {
    let mut depth = inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"));
    let mut found = Vec::new();
    for (number, line) in code_lines(text) {
        depth += usize::from(line.starts_with("mod ") && line.ends_with('{'));
        let parts = line.split("super::").collect::<Vec<_>>();
        let mut supers = 0;
        for part in &parts[1..] {
            supers += 1;
            let is_last_of_chain = !part.is_empty();
            if is_last_of_chain && supers == depth {
                assert!(!part.starts_with('{'), "src/server/{inside}:{number}: write one import a line");
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
                found.push((number, part[..end].to_owned()));
            }
            if is_last_of_chain {
                supers = 0;
            }
        }
    }
    found
}

/// Line numbers and the module behind each `crate::`.
fn imports(path: &Path) -> Vec<(usize, String)> {
    let text = std::fs::read_to_string(path).expect("a source file is readable");
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
        for rest in line.split("crate::").skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            assert_ne!(end, 0, "{}:{}: write one import a line, not crate::{{…}}", path.display(), index + 1);
            found.push((index + 1, rest[..end].to_owned()));
        }
    }
    found
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder is readable").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}
