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
