//! The server's modules are in layers, and its core has no HTTP types.

use std::collections::BTreeSet;

use super::{Source, sources};

const FOLDER: &str = "src/server";

/// The server's modules, in order. Each may import only those above it in this list, so there are no cycles.
const SERVER: &[&str] = &[
    // The base: no requests, no store.
    "refusal",
    "activity",
    "clock",
    "ids",
    "journal",
    "keys",
    "lifecycle",
    "descriptors",
    "open_file",
    "privacy",
    "directory",
    "credentials",
    // What is stored.
    "store",
    "failure",
    "target",
    "identity",
    "transaction",
    "shutdown",
    "storage",
    // The core: what happens to requests.
    "runtime",
    "core",
    "share",
    "acceptance",
    "notify",
    "trigger",
    "transition",
    "damage",
    "completion",
    "deployment",
    "claim",
    "settings",
    "runner",
    "dispatcher",
    "courier",
    "sources",
    // HTTP.
    "service",
    "body",
    "authentication",
    "connections",
    "routes",
    "function_graph",
    "listening",
];

/// Files and folders of the server that use HTTP. The last two are the API of custom runtimes, which is HTTP.
const SPEAKS_HTTP: &[&str] =
    &["authentication.rs", "body.rs", "connections.rs", "routes/", "runtime/engine/api.rs", "runtime/engine/peer.rs"];

#[test]
fn modules_of_the_server_import_only_those_above_them() {
    let place = |module: &str| SERVER.iter().position(|known| *known == module);
    let mut seen = BTreeSet::new();
    let sources = sources(FOLDER);
    for source in &sources {
        let module = inside(source).split('/').next().expect("a file has a name").trim_end_matches(".rs");
        if module == "mod" {
            continue;
        }
        let own = place(module).unwrap_or_else(|| panic!("{module} is not in the list of the server's modules"));
        for (line, imported) in imports(source) {
            let fine = imported == module || place(imported).is_some_and(|place| place < own);
            assert!(fine, "{}:{line}: {module} may not import {imported}", source.path);
        }
        seen.insert(module);
    }
    assert_eq!(seen, SERVER.iter().copied().collect(), "every module is there");
}

#[test]
fn the_core_of_the_server_has_no_http_types() {
    let sources = sources(FOLDER);
    let core = sources.iter().filter(|source| !SPEAKS_HTTP.iter().any(|path| inside(source).starts_with(path)));
    for source in core {
        for (line, code) in source.code() {
            for library in ["axum", "http", "hyper", "hyper_util"] {
                let is_used = code.match_indices(&format!("{library}::")).any(|(start, _)| {
                    !code[..start].ends_with(|before: char| before.is_alphanumeric() || matches!(before, '_' | ':'))
                });
                assert!(!is_used, "{}:{line}: only routes and what is around them may use {library}", source.path);
            }
        }
    }
}

/// Line numbers, and the modules of the server that a file names with `super::`. A file needs as many of them as it is
/// deep to reach `crate::server`, and one more within `mod tests { … }`.
fn imports(source: &Source) -> Vec<(usize, &str)> {
    let inside = inside(source);
    let mut depth = inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"));
    let mut found = Vec::new();
    for (number, line) in source.code() {
        depth += usize::from(line.starts_with("mod ") && line.ends_with('{'));
        let parts = line.split("super::").collect::<Vec<_>>();
        let mut supers = 0;
        for part in &parts[1..] {
            supers += 1;
            let is_last_of_chain = !part.is_empty();
            if is_last_of_chain && supers == depth {
                assert!(!part.starts_with('{'), "{}:{number}: write one import a line", source.path);
                let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
                found.push((number, &part[..end]));
            }
            if is_last_of_chain {
                supers = 0;
            }
        }
    }
    found
}

/// A file's path inside the server's folder.
fn inside(source: &Source) -> &str {
    source.path.strip_prefix("src/server/").expect("a file of the server")
}
