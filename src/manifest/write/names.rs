//! Unique names for the declarations of a written manifest.

use std::collections::BTreeSet;

/// The names in use, in lower case, because some file systems ignore case.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeSet<String>);

impl Taken {
    /// Returns `wanted`, with a number added if it is taken, in at most `longest` characters.
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

/// The start of a name, cut so that it ends with a letter or digit.
fn shortened(name: &str, longest: usize) -> String {
    let start: String = name.chars().take(longest).collect();
    if start.len() == name.len() { start } else { start.trim_end_matches(['-', '_']).to_owned() }
}

/// The environment variable that provides a secret of a function. Each secret gets its own, because secrets with the
/// same name can have different values.
pub(super) fn variable(key: &str, secret: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{key}_{secret}").chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        let mut taken = Taken::default();
        let names = ["intake", "Intake", "intake-2", "intake"].map(|name| taken.unique(name, 60));
        assert_eq!(names, ["intake", "Intake-2", "intake-2-2", "intake-3"]);
        assert_eq!(taken.unique("abcdef-", 4), "abcd");
        assert_eq!(taken.unique("abcdef", 4), "ab-2");
        assert_eq!(variable("in-take", "db.password"), "IN_TAKE_DB_PASSWORD");
    }
}
