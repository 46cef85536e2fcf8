//! Files stay short enough to read at once. Clippy checks the length of functions (`.clippy.toml`).

use super::sources;

const MOST_LINES: usize = 400;

/// Longer files, and why they are not split.
const LONGER: &[(&str, &str)] = &[
    ("src/model/table.rs", "one row for each field"),
    ("tests/integration/export.rs", "every way in which an export meets what is live"),
];

#[test]
fn files_are_short_or_say_why_they_are_not() {
    for source in sources("src").iter().chain(&sources("tests")) {
        let lines = source.text.lines().count();
        let reason = LONGER.iter().find(|(path, _)| *path == source.path);
        assert!(lines <= MOST_LINES || reason.is_some(), "{}: {lines} lines; split it", source.path);
    }
}

#[test]
fn the_list_of_longer_files_is_up_to_date() {
    for (path, _) in LONGER {
        let lines = super::read(path).lines().count();
        assert!(lines > MOST_LINES, "{path} has {lines} lines: take it off the list");
    }
}
