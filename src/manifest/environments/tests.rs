//! What an environments file says, and the findings about it.

use std::fs;

use super::*;

const PROJECT: &str = "0123456789abcdef0123456789abcdef";

/// A folder with the file and a manifest, and the path of the file.
fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [(FILE_NAME, text), ("fgctl.yaml", "version: 1\nstack: s\n"), ("prod.vars.yaml", "x: 1\n")] {
        fs::write(folder.path().join(name), text).expect("the file is written");
    }
    let path = folder.path().join(FILE_NAME);
    (folder, path)
}

/// `line:column code` of each finding.
fn codes(found: &[Diagnostic]) -> Vec<String> {
    let show = |found: &Diagnostic| match &found.place {
        Some(place) => format!("{}:{} {}", place.line, place.column, found.code),
        None => format!("- {}", found.code),
    };
    found.iter().map(show).collect()
}

#[test]
fn an_environment_is_selected_by_its_name() {
    let (folder, path) = folder(&format!(
        "version: 1\nenvironments:\n  dev:\n  prod:\n    files: [fgctl.yaml]\n    var_files: [prod.vars.yaml]\n    stack: shop\n    \
         region: eu-de\n    project: {PROJECT}\n"
    ));
    let prod = select(&path, "prod").expect("an environment");
    assert_eq!(
        (prod.files, prod.variable_files),
        (vec![folder.path().join("fgctl.yaml")], vec![folder.path().join("prod.vars.yaml")])
    );
    let texts = (
        prod.stack.map(|it| it.to_string()),
        prod.region.map(|it| it.to_string()),
        prod.project.map(|it| it.to_string()),
    );
    assert_eq!(texts, (Some("shop".into()), Some("eu-de".into()), Some(PROJECT.into())));
    let dev = select(&path, "dev").expect("an environment");
    assert_eq!((dev.directory(), dev.files, dev.stack), (folder.path().to_owned(), Vec::new(), None));
    assert_eq!(dev.not_manifests, [path.clone(), folder.path().join("prod.vars.yaml")]);
    assert_eq!(check(&path), []);
}

#[test]
fn mistakes_are_found_at_their_places() {
    let head = "version: 1\nenvironments:\n";
    for (text, expected) in [
        (String::new(), &["1:1 empty"][..]),
        ("- dev\n".into(), &["1:1 wrong-type"]),
        ("environments: {}\n".into(), &["1:1 missing-field"]),
        ("version: 1\n".into(), &["1:1 missing-field"]),
        ("version: 2\nenvironments: {}\n".into(), &["1:10 invalid-value"]),
        ("version: 1\nenvironment: {}\n".into(), &["1:1 missing-field", "2:1 unknown-field"]),
        ("version: 1\nenvironments: [prod]\n".into(), &["2:15 wrong-type"]),
        ("version: 1\nenvironments: {\n".into(), &["2:15 yaml-syntax"]),
        (format!("{head}  prod: eu-de\n"), &["3:9 wrong-type"]),
        (format!("{head}  prod: {{ regon: eu-de }}\n"), &["3:11 unknown-field"]),
        (format!("{head}  prod: {{ region: eu de }}\n"), &["3:19 invalid-value"]),
        (format!("{head}  prod: {{ region: 5 }}\n"), &["3:19 wrong-type"]),
        (format!("{head}  prod: {{ stack: 'a stack' }}\n"), &["3:18 invalid-value"]),
        (format!("{head}  prod: {{ project: 'a:b' }}\n"), &["3:20 invalid-value"]),
        (format!("{head}  prod: {{ files: fgctl.yaml }}\n"), &["3:18 wrong-type"]),
        (format!("{head}  prod: {{ files: [] }}\n"), &["3:18 invalid-value"]),
        (format!("{head}  prod: {{ files: [fgctl.yaml, 5] }}\n"), &["3:31 wrong-type"]),
        (format!("{head}  prod: {{ files: [fgctl.yaml, prod.yaml] }}\n"), &["3:31 unreadable"]),
        (format!("{head}  prod: {{ var_files: [prod.var.yaml] }}\n"), &["3:23 unreadable"]),
        (format!("{head}  prod: {{}}\n  prod: {{}}\n"), &["4:3 duplicate-key"]),
    ] {
        let (_folder, path) = folder(&text);
        assert_eq!(codes(&select(&path, "prod").expect_err(&text)), expected, "{text}");
        assert_eq!(codes(&check(&path)), expected, "{text}");
    }
}

#[test]
fn an_unknown_environment_gets_a_suggestion() {
    let (_folder, path) = folder("version: 1\nenvironments: { dev: , prod: , staging: }\n");
    let help = |name| select(&path, name).expect_err("unknown")[0].help.clone().expect("help");
    assert_eq!(help("prd"), "did you mean `prod`? the environments are `dev`, `prod`, `staging`");
    assert_eq!(help("qa"), "the environments are `dev`, `prod`, `staging`");
    assert_eq!(codes(&select(&path, "qa").expect_err("unknown")), ["2:1 unknown-environment"]);
    let missing = path.with_file_name("gone").join(FILE_NAME);
    assert_eq!(codes(&select(&missing, "prod").expect_err("missing")), ["- unreadable"]);
}

#[test]
fn only_what_is_set_and_known_is_compared() {
    let (_folder, path) =
        folder(&format!("version: 1\nenvironments:\n  any: {{}}\n  prod: {{ region: eu-de, project: {PROJECT} }}\n"));
    let [any, prod] = ["any", "prod"].map(|name| select(&path, name).expect("an environment"));
    assert_eq!(any.mismatches(Some("eu-nl"), Some("p")), []);
    assert_eq!(prod.mismatches(None, None), []);
    assert_eq!(prod.mismatches(Some("eu-de"), Some(PROJECT)), []);
    assert_eq!(codes(&prod.mismatches(Some("eu-nl"), None)), ["4:19 other-region"]);
    let both = prod.mismatches(Some("EU-DE"), Some("p"));
    assert_eq!(codes(&both), ["4:19 other-region", "4:35 other-project"]);
    assert_eq!(
        both[1].message,
        format!("the environment `prod` is for project {PROJECT}, but the connection leads to project p")
    );
}

#[test]
fn the_committed_schema_matches_the_types() {
    let committed = include_str!("../../../schemas/environments.schema.json");
    let current = serde_json::to_string_pretty(&published()).expect("JSON") + "\n";
    let help = "the schema is stale: run `fgctl schema environments > schemas/environments.schema.json`";
    assert!(committed == current, "{help}");
}
