//! Errors are types, not texts, and a result is not inside another result.

use super::brackets::{bracketed, split};
use super::sources;

/// Names of types that are results.
const RESULTS: [&str; 3] = ["Result", "Outcome", "Stored"];
const TEXTS: [&str; 4] = ["String", "&str", "&'static str", "Cow<'static, str>"];

#[test]
fn errors_are_types() {
    let mut found = Vec::new();
    for source in sources("src") {
        let code: Vec<&str> = source.code().map(|(_, line)| line.trim()).collect();
        found.extend(poor_results(&code.join(" ")).into_iter().map(|result| format!("{}: {result}", source.path)));
    }
    assert!(found.is_empty(), "give these an error type of their own:\n{}", found.join("\n"));
}

/// The results whose error is a text, or that contain another result.
fn poor_results(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in RESULTS {
        for (start, _) in code.match_indices(&format!("{name}<")) {
            let Some(arguments) = bracketed(&code[start + name.len()..]) else { continue };
            let parts = split(&arguments[1..arguments.len() - 1]);
            let is_text = parts.get(1).is_some_and(|error| TEXTS.contains(&error.as_str()));
            let is_nested = parts.first().is_some_and(|value| is_result(value));
            if is_text || is_nested {
                found.push(format!("{name}{arguments}"));
            }
        }
    }
    found
}

fn is_result(text: &str) -> bool {
    let (path, _) = text.split_once('<').unwrap_or_default();
    RESULTS.contains(&path.rsplit("::").next().unwrap_or_default())
}

#[test]
fn poor_results_are_found() {
    let code = "fn a() -> Result<u8, String> {} fn b() -> io::Result<Result<u8, Fault>> {} fn c(); \
                fn d() -> Result<BTreeMap<u8, (u8, u8)>, &'static str>; fn e() -> Stored<Outcome<u8>>; \
                fn f() -> anyhow::Result<String> {} fn g() -> Option<Result<String, Error>> {} fn h() -> Outcome<String>;";
    let expected = [
        "Result<u8, String>",
        "Result<Result<u8, Fault>>",
        "Result<BTreeMap<u8, (u8, u8)>, &'static str>",
        "Stored<Outcome<u8>>",
    ];
    assert_eq!(poor_results(code), expected);
}
