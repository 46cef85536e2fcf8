//! The README describes every field that is newer than the first release, and every field of triggers, with the schema's
//! words.

use std::fmt::Write;
use std::path::Path;

use fgctl::model::table::ROWS;
use fgctl::rules::trigger::{Need, TYPES};

/// One line for each field: its name in the manifest, and what the schema says about it.
fn table() -> String {
    let mut text = String::from("| field | meaning |\n|---|---|\n");
    for row in ROWS.iter().filter(|row| !row.field.is_first()) {
        let doc = row.typed.expect("a later field has a type").doc.replace('|', "\\|");
        writeln!(text, "| `{}` | {doc} |", row.key).expect("text");
    }
    text
}

/// One line for each type of triggers, and one for each of its fields.
fn trigger_table() -> String {
    let mut text = String::from("| field of a trigger | meaning |\n|---|---|\n");
    for known in TYPES {
        writeln!(text, "| `{}` | {} |", known.key, known.doc).expect("text");
        for field in known.fields.iter().filter(|field| !matches!(field.need, Need::Fixed(_))) {
            writeln!(text, "| `{}.{}` | {} |", known.key, field.key, field.doc.replace('|', "\\|")).expect("text");
        }
    }
    text
}

#[test]
fn every_later_field_is_in_the_readme() {
    is_in_the_readme(&table());
}

#[test]
fn every_field_of_triggers_is_in_the_readme() {
    is_in_the_readme(&trigger_table());
}

fn is_in_the_readme(table: &str) {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    assert!(readme.contains(table), "put this table into the README:\n{table}");
}

/// The drawing of an example is the one that the program makes.
#[test]
fn the_readme_draws_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_fgctl"));
    command.args(["graph", "-f", "examples/orders", "-o", "mermaid"]).current_dir(root);
    let output = crate::process::finish(&mut command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let drawing = format!("```mermaid\n{}```\n", String::from_utf8(output.stdout).expect("text"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    assert!(readme.contains(&drawing), "put this drawing into the README:\n{drawing}");
}
