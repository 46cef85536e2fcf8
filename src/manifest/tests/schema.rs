//! The schema and the program refuse the same manifests.

use super::super::source::Source;
use super::*;

#[test]
fn the_committed_schemas_match_the_types() {
    for (name, published) in [("manifest", published_schema()), ("overlay", overlay::published())] {
        let path = format!("{}/schemas/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let published = serde_json::to_string_pretty(&published).expect("JSON") + "\n";
        let committed = fs::read_to_string(path).expect("the schema");
        assert!(committed == published, "the schema is stale: run `fgctl schema {name} > schemas/{name}.schema.json`");
    }
}

/// Findings that only the program can make; the schema cannot express them.
const BEYOND_THE_SCHEMA: [&str; 12] = [
    "cycle",
    "code-outside",
    "duplicate-address",
    "duplicate-name",
    "missing-agency",
    "missing-variable",
    "over-limit",
    "unknown-function",
    "unknown-policy",
    "unknown-runtime",
    "unknown-target",
    "unknown-variable",
];

#[test]
fn schema_and_program_agree() {
    let published = jsonschema::options().build(&published_schema()).expect("a schema");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut judged = 0;
    for folder in ["examples/tutorial", "examples/orders", "examples/invalid", "tests/fixtures/invalid"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            let Some(text) = fs::read_to_string(&path).ok().filter(|_| path.extension().is_some_and(|is| is == "yaml"))
            else {
                continue;
            };
            let source = Source { name: String::new(), directory: "".into(), root: "".into(), text: text.clone() };
            let (mut sources, mut ignored) = (Sources::default(), Vec::new());
            let index = sources.add(source);
            let Some(document) = sources.document(index, &mut ignored).filter(|_| ignored.is_empty()) else { continue };
            // `inline` and the range of durations are checked by the program too, with codes that the schema also uses.
            let program: Vec<_> = load_text(text.as_bytes(), &[]).diagnostics;
            let refused = program.iter().any(|found| found.is_error() && !BEYOND_THE_SCHEMA.contains(&found.code));
            assert_eq!(!published.is_valid(&document.value), refused, "{}: {program:?}", path.display());
            judged += 1;
        }
    }
    assert!(judged >= 10, "{judged}");
}
