//! Names for what is written: each once, whatever it was called.

use std::collections::BTreeSet;

/// Names that are taken, in lower case: on some systems files of names that differ in nothing else are one.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// `wanted`, or `wanted` with a number behind it, of at most so many characters.
    pub(super) fn unique(&mut self, wanted: &str, longest: usize) -> String {
        let mut candidate = shortened(wanted, longest);
        let mut number = 2;
        while !self.0.insert(candidate.to_lowercase()) {
            let suffix = format!("-{number}");
            candidate = format!("{}{suffix}", shortened(wanted, longest - suffix.len()));
            number += 1;
        }
        candidate
    }
}

/// The start of a name, with a letter or digit at its end.
fn shortened(name: &str, longest: usize) -> String {
    let start: String = name.chars().take(longest).collect();
    if start.len() == name.len() { start } else { start.trim_end_matches(['-', '_']).to_owned() }
}

/// The environment variable that a secret of a function is read from: of its own, since nobody knows whether secrets of
/// one name have one value.
pub(super) fn variable(key: &str, secret: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{key}_{secret}").chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_meet() {
        let mut taken = Taken::default();
        let names = ["intake", "Intake", "intake-2", "intake"].map(|name| taken.unique(name, 60));
        assert_eq!(names, ["intake", "Intake-2", "intake-2-2", "intake-3"]);
        assert_eq!(taken.unique("abcdef-", 4), "abcd");
        assert_eq!(taken.unique("abcdef", 4), "ab-2");
        assert_eq!(variable("in-take", "db.password"), "IN_TAKE_DB_PASSWORD");
    }
}
