//! The table of imports: which module may use which. It keeps decisions separate from effects.

use std::collections::{BTreeMap, BTreeSet};

use super::{Source, sources};

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
    let mut seen = BTreeSet::new();
    let sources = sources("src");
    for source in &sources {
        let Some(module) = source.module() else { continue };
        seen.insert(module);
        let allowed = table.get(module).unwrap_or_else(|| panic!("{module} is not in the table"));
        for (line, imported) in imports(source) {
            let fine = imported == module || allowed.contains(imported);
            assert!(fine, "{}:{line}: {module} may not import {imported}", source.path);
        }
    }
    assert_eq!(seen, table.keys().copied().collect::<BTreeSet<_>>(), "every module is there");
}

/// Line numbers, and the module behind each `crate::`.
fn imports(source: &Source) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in source.code() {
        for rest in line.split("crate::").skip(1) {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            assert_ne!(end, 0, "{}:{number}: write one import a line, not crate::{{…}}", source.path);
            found.push((number, &rest[..end]));
        }
    }
    found
}
