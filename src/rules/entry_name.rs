//! Names of files in a code archive. A name is accepted only if every zip reader leaves it unchanged.
//!
//! Readers treat other names differently: one drops a drive letter, another turns `\` into `/`, a third keeps the
//! second of two equal names. The code that runs would then differ from the code that was packed.

use std::collections::BTreeSet;
use std::fmt;

/// The longest name in bytes; the format stores the length in 16 bits.
const LONGEST: usize = 65_535;

/// A name that a reader would change, that leads out of the code, or that another entry has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the file name `{}` {problem}", shown(name))]
pub struct BadName {
    pub name: String,
    pub problem: NameProblem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameProblem {
    Empty,
    TooLong,
    NotUtf8,
    Control,
    Backslash,
    Drive,
    Absolute,
    /// A part between slashes is empty, `.` or `..`.
    Part,
    TrailingDotOrSpace,
    Duplicate,
    /// The name is a file, and also the folder of the named entry.
    FileAndFolder(String),
}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong => write!(f, "has more than {LONGEST} bytes"),
            Self::NotUtf8 => f.write_str("is not UTF-8 text, or is not marked as UTF-8"),
            Self::Control => f.write_str("contains a control character"),
            Self::Backslash => f.write_str("contains a backslash, which some readers treat as a slash"),
            Self::Drive => f.write_str("begins like a drive letter"),
            Self::Absolute => f.write_str("begins with a slash"),
            Self::Part => f.write_str("contains an empty part, `.` or `..` between slashes"),
            Self::TrailingDotOrSpace => f.write_str("contains a part that ends with a dot or a space"),
            Self::Duplicate => f.write_str("occurs twice"),
            Self::FileAndFolder(other) => write!(f, "is a file, but also the folder of `{}`", shown(other)),
        }
    }
}

/// A name for display: only characters that cannot be printed are escaped, so a backslash stays one backslash.
pub fn shown(name: &str) -> String {
    let escaped = |c: char| match c {
        '\\' | '"' | '\'' => c.to_string(),
        other => other.escape_debug().to_string(),
    };
    name.chars().map(escaped).collect()
}

/// The names of one archive. Each is checked alone and against the others.
#[derive(Debug, Default)]
pub struct Names {
    seen: BTreeSet<String>,
}

impl Names {
    /// A folder's name ends with a slash.
    pub fn add(&mut self, name: &str) -> Result<(), BadName> {
        let bad = |problem| BadName { name: name.to_owned(), problem };
        check(name).map_err(bad)?;
        if self.seen.insert(name.to_owned()) { Ok(()) } else { Err(bad(NameProblem::Duplicate)) }
    }

    /// Makes the checks that need all names.
    pub fn finish(&self) -> Result<(), BadName> {
        for name in &self.seen {
            let mut folders = name.match_indices('/').map(|(end, _)| &name[..end]);
            if let Some(file) = folders.find(|folder| self.seen.contains(*folder)) {
                return Err(BadName { name: file.to_owned(), problem: NameProblem::FileAndFolder(name.clone()) });
            }
        }
        Ok(())
    }
}

/// Checks one name without the others.
fn check(name: &str) -> Result<(), NameProblem> {
    let path = name.strip_suffix('/').unwrap_or(name);
    let mut characters = path.chars();
    let begins_like_a_drive =
        characters.next().is_some_and(|c| c.is_ascii_alphabetic()) && characters.next() == Some(':');
    if path.is_empty() && name.is_empty() {
        Err(NameProblem::Empty)
    } else if name.len() > LONGEST {
        Err(NameProblem::TooLong)
    } else if name.contains(char::is_control) {
        Err(NameProblem::Control)
    } else if name.contains('\\') {
        Err(NameProblem::Backslash)
    } else if begins_like_a_drive {
        Err(NameProblem::Drive)
    } else if name.starts_with('/') {
        Err(NameProblem::Absolute)
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err(NameProblem::Part)
    } else if path.split('/').any(|part| part.ends_with(['.', ' '])) {
        Err(NameProblem::TrailingDotOrSpace)
    } else {
        Ok(())
    }
}

/// Checks every name in a zip archive whose central directory begins at `start`. This reads the directory itself,
/// because libraries keep only one of several entries with the same name.
pub fn check_zip(archive: &[u8], start: usize) -> Result<(), BadName> {
    let mut names = Names::default();
    let mut rest = archive.get(start..).unwrap_or_default();
    while let Some((header, after)) = rest.split_at_checked(46).filter(|(header, _)| header.starts_with(b"PK\x01\x02"))
    {
        let number = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let (name_length, others) = (number(28), number(30) + number(32));
        let Some((name, after)) = after.split_at_checked(name_length) else { break };
        let is_marked = number(8) & (1 << 11) != 0;
        match std::str::from_utf8(name) {
            Ok(text) if is_marked || text.is_ascii() => names.add(text)?,
            _ => {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(BadName { name, problem: NameProblem::NotUtf8 });
            }
        }
        rest = after.get(others..).unwrap_or_default();
    }
    names.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(names: &[&str]) -> Option<NameProblem> {
        let mut all = Names::default();
        let added = names.iter().try_for_each(|name| all.add(name));
        added.and_then(|()| all.finish()).err().map(|bad| bad.problem)
    }

    #[test]
    fn ordinary_names_are_accepted() {
        for fine in [
            &["index.py", "lib/x.py", "lib/"][..],
            &["ä.py", ".hidden", "a b", "ab:c", "aux"],
            &["a/b", "A/c"],
            &["Index.py", "index.py"],
        ] {
            assert_eq!(problem(fine), None, "{fine:?}");
        }
    }

    #[test]
    fn names_that_readers_treat_differently_are_refused() {
        use NameProblem::{
            Absolute, Backslash, Control, Drive, Duplicate, Empty, FileAndFolder, Part, TrailingDotOrSpace,
        };
        for (names, expected) in [
            (&["z:index.py"][..], Drive),
            (&["C:/index.py"], Drive),
            (&["a\\b.py"], Backslash),
            (&["/etc/passwd"], Absolute),
            (&["/"], Absolute),
            (&["../evil.py"], Part),
            (&["a/../b"], Part),
            (&["a//b"], Part),
            (&["./a"], Part),
            (&["a\0b"], Control),
            (&["a\nb"], Control),
            (&["a\u{7f}"], Control),
            (&["a."], TrailingDotOrSpace),
            (&["a /b"], TrailingDotOrSpace),
            (&[""], Empty),
            (&["a", "a"], Duplicate),
            (&["a", "a/b"], FileAndFolder("a/b".into())),
        ] {
            assert_eq!(problem(names), Some(expected), "{names:?}");
        }
    }
}
