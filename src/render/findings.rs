//! Findings and failures for other programs: their files as the repository has them, and an identity that stays the same
//! when lines move.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Part, Place, Spot};

use super::style::printable;
use super::terminal;

/// Hex digits of an identity: 128 bits.
const DIGITS: usize = 32;

/// Everything that a command has to say about manifests, and what went wrong besides.
pub struct Findings<'a> {
    pub diagnostics: &'a [Diagnostic],
    pub troubles: Vec<Trouble>,
    pub files: Files<'a>,
}

/// A failure that is not a finding, such as a refused request. The message can have several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub code: String,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Where the manifests declare what it is about.
    pub place: Option<Place>,
}

impl Trouble {
    /// The message line by line, with what to do about it on the last line. Control characters are escaped.
    pub(super) fn advice(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("\n{}", printable(help))).unwrap_or_default();
        format!("{}{help}", terminal::lines(&self.message))
    }

    /// The first line of the message.
    pub(super) fn summary(&self) -> String {
        printable(self.message.lines().next().unwrap_or_default())
    }
}

/// The files of a repository.
#[derive(Clone, Copy)]
pub struct Files<'a> {
    /// The path of a file in the repository, if it is part of it.
    pub in_repository: &'a dyn Fn(&str) -> Option<String>,
    /// The file that everything without a place is about.
    pub manifest: Option<&'a str>,
}

impl Files<'_> {
    /// The path of a finding's file, and whether it is in the repository.
    pub(super) fn path(&self, place: Option<&Place>) -> Option<(String, bool)> {
        let file = place.map(|place| place.file.as_str()).or(self.manifest)?;
        Some((self.in_repository)(file).map_or_else(|| (file.to_owned(), false), |path| (path, true)))
    }
}

/// The message of a finding, with what to do about it on the next line. Control characters are escaped.
pub(super) fn advice(message: &str, help: Option<&str>) -> String {
    let message = printable(message);
    help.map_or_else(|| message.clone(), |help| format!("{message}\n{}", printable(help)))
}

/// One identity for each finding, in their order. It depends on the code, the file and the position in the manifest's
/// structure. The number tells findings apart that agree in all of that.
pub(super) fn identities(findings: &Findings<'_>) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut numbered = |identity: String| {
        let number = seen.entry(identity.clone()).and_modify(|number| *number += 1).or_insert(1);
        format!("{identity}:{number}")
    };
    findings.diagnostics.iter().map(|found| numbered(identity(found, &findings.files))).collect()
}

fn identity(found: &Diagnostic, files: &Files<'_>) -> String {
    let Diagnostic { severity: _, code, message, help: _, spot, place, related: _ } = found;
    let file = files.path(place.as_ref()).map(|(path, _)| path).unwrap_or_default();
    let what = match spot {
        Some(Spot { source: _, pointer, part }) => format!("{pointer}{}", if *part == Part::Key { " key" } else { "" }),
        // Messages contain no line numbers.
        None => message.clone(),
    };
    digest(&[code, &file, &what])
}

/// The identity of a failure.
pub(super) fn identity_of_trouble(trouble: &Trouble) -> String {
    digest(&[&trouble.code, &trouble.message])
}

fn digest(parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    hex::encode(digest.finalize())[..DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &'static str, pointer: &str, line: usize) -> Diagnostic {
        let place = Place { file: "fgctl.yaml".into(), line, column: 1, length: 1, text: "the line".into() };
        Diagnostic::error(code, format!("on line {line}")).at(Spot::value(0, pointer)).in_place(place)
    }

    fn of(diagnostics: &[Diagnostic]) -> Vec<String> {
        let in_repository = |file: &str| Some(format!("stack/{file}"));
        let files = Files { in_repository: &in_repository, manifest: None };
        identities(&Findings { diagnostics, troubles: Vec::new(), files })
    }

    #[test]
    fn an_identity_stays_when_lines_move() {
        let before = of(&[found("cycle", "/functions/a/async", 3), found("cycle", "/functions/b/async", 9)]);
        let moved = of(&[found("cycle", "/functions/b/async", 4), found("cycle", "/functions/a/async", 30)]);
        assert_eq!([&moved[1], &moved[0]], [&before[0], &before[1]]);
        assert_ne!(before[0], before[1]);
        assert_ne!(of(&[found("out-of-range", "/functions/a/async", 3)]), before[..1]);
    }

    #[test]
    fn equal_findings_are_numbered() {
        let twice = of(&[found("cycle", "/functions/a", 3), found("cycle", "/functions/a", 3)]);
        assert_eq!(twice[1], twice[0].replace(":1", ":2"));
        let message = |text: &str| Diagnostic::error("cycle", text);
        let other = of(&[message("one"), message("other")]);
        assert!(other[0] != other[1] && other.iter().all(|identity| identity.ends_with(":1")), "{other:?}");
    }
}
