//! Decisions are pure: their modules use no clock, file, network or environment, start nothing and print nothing.

use super::{Source, sources};

const PURE: [&str; 6] = ["diagnostic", "model", "plan", "redaction", "rules", "wire"];

/// Names that a pure module must not mention.
const EFFECTS: &[&str] = &[
    ".await",
    "Instant",
    "SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "async fn",
    "async move",
    "async {",
    "axum",
    "eprint!",
    "eprintln!",
    "getrandom",
    "hyper",
    "io::stderr",
    "io::stdin",
    "io::stdout",
    "print!",
    "println!",
    "reqwest",
    "rusty_s3",
    "rusqlite",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::{",
    "tempfile",
    "tokio",
    "uuid",
    "walkdir",
];

#[test]
fn decisions_have_no_effects() {
    let sources = sources("src");
    let pure = sources.iter().filter(|source| source.module().is_some_and(|module| PURE.contains(&module)));
    let found: Vec<String> = pure.flat_map(effects).collect();
    assert!(found.is_empty(), "pure modules use:\n{}", found.join("\n"));
}

fn effects(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in source.code() {
        let mentioned = EFFECTS.iter().filter(|effect| mentions(line, effect));
        found.extend(mentioned.map(|effect| format!("{}:{number}: {effect}", source.path)));
    }
    found
}

/// Whether a line contains a name, and not only as part of a longer one.
fn mentions(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(name).any(|(start, _)| {
        let joined_before = name.starts_with(is_word) && line[..start].ends_with(is_word);
        let joined_after = name.ends_with(is_word) && line[start + name.len()..].starts_with(is_word);
        !joined_before && !joined_after
    })
}

#[test]
fn effects_are_recognized() {
    let text = "// std::fs in a comment\nlet now = Instant::now();\nlet text = Instantly;\nuse std::fs;\nsend().await";
    let source = Source { path: "a.rs".into(), text: text.into() };
    assert_eq!(effects(&source), ["a.rs:2: Instant", "a.rs:4: std::fs", "a.rs:5: .await"]);
}
