//! Values of secrets are collected even if something else is wrong, so that no message shows them.

use std::path::PathBuf;

use super::*;

const NAMED: &str = "version: 1\nstack: s\nfunctions:\n  a: { secrets: { KEY: { env: FIRST } } }\n";

/// The variables whose values are known after files are loaded.
fn known(files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("the file is written");
    }
    let paths: Vec<PathBuf> =
        files.iter().map(|(name, _)| *name).chain(["missing.yaml"]).map(|name| folder.path().join(name)).collect();
    let loaded = load(&Inputs {
        paths: &paths,
        root: None,
        selected: None,
        not_manifests: &[],
        variables: &[("of_argument".into(), "FOURTH".into())],
        variable_files: &[folder.path().join("gone.vars.yaml")],
        environment: &|name| ["FIRST", "SECOND", "THIRD", "FOURTH"].contains(&name).then(|| format!("value of {name}")),
        standard_input: &|_| Ok(Vec::new()),
    });
    assert!(loaded.manifest.is_none());
    loaded.secrets.into_keys().collect()
}

#[test]
fn secrets_of_files_that_can_be_read_are_known_whatever_is_wrong() {
    for (title, text) in [
        ("a syntax error", "a: { env: SECOND\nb: {"),
        ("a wrong mapping", "version: 1\nstack: s\nfunctions: [{ secrets: [{ env: SECOND }] }]\n"),
        ("a misspelt field", "version: 1\nstack: s\nfunctions: { b: { secret: { K: { env: SECOND } } } }\n"),
        ("a field too many", "version: 1\nstack: s\nfunctions: { b: { secrets: { K: { env: SECOND, x: 1 } } } }\n"),
        ("a duplicate key", "version: 1\nstack: s\nx: { K: { env: SECOND }, K: { env: GONE } }\n"),
        ("a trigger of no known type", "functions: { b: { triggers: { t: { x: { password: { env: SECOND } } } } } }\n"),
        ("secrets of defaults", "version: 1\nstack: s\ndefaults: { memory: x, secrets: { K: { env: SECOND } } }\n"),
        (
            "an overlay with a wrong section",
            "overlay: true\nfunctions:\n  a: { secrets: [] }\n  b: { secrets: { K: { env: SECOND } } }\n",
        ),
        (
            "an overlay that removes the other",
            "overlay: true\nfunctions: { a: { secrets: { KEY: null, K: { env: SECOND } } } }\n",
        ),
        (
            "a variable",
            "version: 1\nstack: s\nvariables: { v: SECOND, w: [] }\ndefaults: { secrets: { K: { env: \"${var.v}\" } } }\n",
        ),
    ] {
        assert_eq!(known(&[("a.yaml", NAMED), ("b.yaml", text)]), ["FIRST", "SECOND"], "{title}");
        assert_eq!(known(&[("b.yaml", text)]), ["SECOND"], "{title}");
    }
    let level = |level: usize| {
        let above = vec![format!("*a{}", level - 1); 20];
        format!("a{level}: &a{level} [{}]\n", above.join(", "))
    };
    let bomb = (1..8).map(level).collect::<Vec<_>>().concat();
    assert_eq!(known(&[("b.yaml", &format!("k: {{ env: SECOND }}\na0: &a0 [x]\n{bomb}"))]), ["SECOND"]);
    let argument =
        "variables: { of_argument: null }\nx: { env: \"${var.of_argument}\" }\ny: { env: \"${var.none}\" }\n";
    assert_eq!(known(&[("b.yaml", argument)]), ["FOURTH"]);
    assert_eq!(
        known(&[("b.yaml", "tags: { env: FIRST }\nenvironment: { env: SECOND }\nz: { env: UNSET }\n")]),
        [""; 0]
    );
}
