//! `fgctl explain`: every code that findings can have is explained, and every example shows what its explanation says.

use std::collections::BTreeSet;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use fgctl::diagnostic::explanation::{self, Explanation, LINTS};
use regex::Regex;
use serde_json::Value;

use crate::messages::Page;
use crate::process::Process;

#[test]
fn codes_are_listed_and_explained() {
    let mut page = Page::new();
    for arguments in [
        &["explain"][..],
        &["explain", "retries-without-failure-target"],
        &["explain", "cycle"],
        &["explain", "unknown-variable"],
        &["explain", "looks-renamed"],
        &["explain", "retries-without-failure-targets"],
        &["explain", "everything"],
        &["explain", "FSS.1051"],
    ] {
        page.run(arguments, &[]);
    }
    insta::assert_snapshot!(page.text());
}

/// The codes of the findings of a manifest.
fn codes(part: &str) -> Vec<String> {
    let head = "version: 1\nstack: orders\n";
    let defaults = "defaults: { runtime: Python3.9, handler: index.handler, agency: fgs-notify, ignore: [code] }\n";
    let mut input = tempfile::tempfile().expect("a file");
    write!(input, "{head}{defaults}{part}").and_then(|()| input.rewind()).expect("the manifest is written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.args(["validate", "-f", "-", "-o", "json"]).stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["intake", "rescue"] {
        let code = folder.path().join("functions").join(name);
        std::fs::create_dir_all(&code).expect("the folder is made");
        std::fs::write(code.join("index.py"), "def handler(event, context): return 1\n").expect("the code is written");
    }
    let output = Process::spawn(command.current_dir(folder.path())).end();
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let diagnostics = result["diagnostics"].as_array().expect("a list");
    diagnostics.iter().map(|found| found["code"].as_str().expect("a code").to_owned()).collect()
}

/// Comments that are wrong do not hide what they are about.
#[test]
fn examples_have_the_finding_that_they_explain() {
    for Explanation { code, example, .. } in explanation::all() {
        let Some(example) = example else { continue };
        let bad: BTreeSet<String> = codes(example.bad).into_iter().collect();
        assert!(bad.contains(*code), "{code}: {bad:?}");
        let others: Vec<&String> = bad.iter().filter(|other| *other != code && *other != RETRIES).collect();
        assert!(others.is_empty(), "{code}: {others:?}");
        assert_eq!(codes(example.good), Vec::<String>::new(), "{code}");
    }
}

const RETRIES: &str = "retries-without-failure-target";

/// A comment applies to the entry on its line or the next one, however the entry is written. What looks like a comment inside
/// a text is text.
#[test]
fn comments_apply_in_every_form_of_yaml() {
    let comment = "# fgctl: ignore[retries-without-failure-target] a test";
    let table: [(&str, String, &[&str]); 13] = [
        ("a flow mapping", format!("functions:\n  a: {{ async: {{ max_retries: 2 }} }} {comment}\n"), &[]),
        (
            "a flow mapping of several lines",
            format!("functions:\n  a: {{\n    async: {{\n      max_retries: 2 {comment}\n    }}\n  }}\n"),
            &[],
        ),
        (
            "an anchor",
            format!(
                "policies:\n  p: &p\n    max_retries: 2 {comment}\nfunctions:\n  a: {{ async: *p }}\n  b: {{ async: *p }}\n"
            ),
            &[],
        ),
        (
            "an alias",
            format!("policies:\n  p: &p {{ max_retries: 2 }}\nfunctions:\n  a:\n    {comment}\n    async: *p\n"),
            &[],
        ),
        (
            "a merge key, whose entry is elsewhere",
            format!("functions:\n  a:\n    async: &p {{ max_retries: 2 }}\n  b:\n    async:\n      <<: *p {comment}\n"),
            &[RETRIES, "unused-ignore"],
        ),
        ("a quoted key", format!("functions:\n  \"a\": {comment}\n    async: {{ max_retries: 2 }}\n"), &[]),
        ("an explicit key", format!("functions:\n  ? a {comment}\n  : async: {{ max_retries: 2 }}\n"), &[]),
        ("after a tab", format!("functions:\n  a: {{ async: {{ max_retries: 2 }} }}\t{comment}\n"), &[]),
        (
            "with carriage returns",
            format!("functions:\r\n  a:\r\n    {comment}\r\n    async: {{ max_retries: 2 }}\r\n"),
            &[],
        ),
        (
            "a literal block",
            format!("functions:\n  a:\n    description: |\n      {comment}\n    async: {{ max_retries: 2 }}\n"),
            &[RETRIES],
        ),
        (
            "a folded block",
            "functions:\n  a:\n    description: >-\n      # fgctl: ignore[nothing]\n    async: { max_retries: 2 }\n"
                .to_owned(),
            &[RETRIES],
        ),
        (
            "a quoted text of several lines",
            format!(
                "functions:\n  a:\n    description: \"one\n      {comment}\n      two\"\n    async: {{ max_retries: 2 }}\n"
            ),
            &[RETRIES],
        ),
        (
            "two comments with one between them",
            format!(
                "functions:\n  {comment}\n  # by hand\n  # fgctl: ignore[same-target-twice] a test\n  a: {{ async: {{ max_retries: 2 }} }}\n"
            ),
            &["unused-ignore"],
        ),
    ];
    for (form, manifest, expected) in table {
        assert_eq!(codes(&manifest), expected, "{form}:\n{manifest}");
    }
}

/// The text of the program without its tests, the explanations and the server.
pub(crate) fn program() -> String {
    let mut program = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder is readable") {
            let path = entry.expect("an entry").path();
            let is_skipped =
                ["explanation", "server", "tests", "tests.rs"].into_iter().any(|name| path.ends_with(name));
            match path.extension() {
                _ if is_skipped => {}
                None => folders.push(path),
                Some(_) => {
                    let text = std::fs::read_to_string(&path).expect("a source is text");
                    program.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default());
                }
            }
        }
    }
    program
}

#[test]
fn every_code_is_explained_and_every_explanation_has_a_code() {
    let program = program();
    for Explanation { code, .. } in explanation::all() {
        assert!(program.contains(&format!("\"{code}\"")), "nothing has the code {code}");
    }
    let made = r#"(?:Diagnostic::(?:error|warning)|finding|refuse)\(\s*"([a-z]+(?:-[a-z0-9]+)*)""#;
    let named = r#"code: "([a-z]+(?:-[a-z0-9]+)+)""#;
    let found: BTreeSet<&str> = [made, named]
        .into_iter()
        .flat_map(|pattern| {
            let pattern = Regex::new(pattern).expect("a pattern");
            pattern.captures_iter(&program).filter_map(|found| Some(found.get(1)?.as_str())).collect::<Vec<_>>()
        })
        .collect();
    assert!(found.len() > 60, "the patterns still find codes: {found:?}");
    let unknown: Vec<&&str> =
        found.iter().filter(|code| !KINDS.contains(code) && explanation::of(code).is_none()).collect();
    assert!(unknown.is_empty(), "explain these: {unknown:?}");
}

/// What a function that makes a finding takes besides its code.
const KINDS: [&str; 2] = ["function", "stack"];

/// The table of lints in the README.
#[test]
fn every_lint_is_in_the_readme() {
    let rows: Vec<String> =
        LINTS.iter().map(|lint| format!("| `{}` | warning | {} |\n", lint.code, lint.summary)).collect();
    let rows = rows.concat();
    let table = format!("| id | severity | what it reports |\n|---|---|---|\n{rows}");
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    assert!(readme.contains(&table), "put this table into the README:\n{table}");
}
