//! The README describes every field that is newer than the first release, with the schema's words.

use std::fmt::Write;
use std::path::Path;

use fgctl::model::table::ROWS;

/// One line for each field: its name in the manifest, and what the schema says about it.
fn table() -> String {
    let mut text = String::from("| field | meaning |\n|---|---|\n");
    for row in ROWS.iter().filter(|row| !row.field.is_first()) {
        let doc = row.typed.expect("a later field has a type").doc.replace('|', "\\|");
        writeln!(text, "| `{}` | {doc} |", row.key).expect("text");
    }
    text
}

#[test]
fn every_later_field_is_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(readme).expect("the README");
    let table = table();
    assert!(readme.contains(&table), "put this table into the README:\n{table}");
}
