//! Findings about a manifest: a message, its severity, where it is, and what to do.
//!
//! A diagnostic is created with a [`Spot`] (a file and a JSON pointer). Only `manifest` turns spots into [`Place`]s,
//! and only to show a diagnostic. Nothing here reads a file or prints.

pub mod explanation;

use serde::Serialize;
use std::borrow::Cow;

/// The severity of a finding. An error prevents planning and applying.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable, kebab-case; scripts may match on it.
    pub code: &'static str,
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The position in the manifest as a pointer; `None` if no single line causes the finding.
    pub spot: Option<Spot>,
    /// The position in a file, once located.
    pub place: Option<Place>,
    /// Other places that are involved, each with its own message.
    pub related: Vec<Related>,
}

/// A second place of a finding: the other declaration, the next edge of a cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    pub message: String,
    pub spot: Option<Spot>,
    pub place: Option<Place>,
}

/// A node of a manifest file: the file by its index in reading order, the node by its JSON pointer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    pub source: usize,
    pub pointer: String,
    pub part: Part,
}

/// Which side of a mapping's entry is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Key,
    Value,
}

/// A range within one line of a file. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
    /// The number of characters to mark, at least 1.
    pub length: usize,
    /// The whole line without its line break; empty if the line is too long to show.
    pub text: String,
}

impl Diagnostic {
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        debug_assert!(
            explanation::of(code).is_some_and(|explanation| explanation.severities.contains(&severity)),
            "`fgctl explain` does not know `{code}` with severity {severity:?}"
        );
        Self { severity, code, message, help: None, spot: None, place: None, related: Vec::new() }
    }

    pub fn at(mut self, spot: Spot) -> Self {
        self.spot = Some(spot);
        self
    }

    /// For findings about something that may not be declared.
    pub fn at_any(self, spot: Option<&Spot>) -> Self {
        match spot {
            Some(spot) => self.at(spot.clone()),
            None => self,
        }
    }

    pub fn in_place(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn related(mut self, message: impl Into<String>, spot: Spot) -> Self {
        self.related.push(Related { message: message.into(), spot: Some(spot), place: None });
        self
    }

    /// The positions of the finding and of the other places.
    pub fn spots(&self) -> impl Iterator<Item = &Spot> {
        self.spot.iter().chain(self.related.iter().filter_map(|related| related.spot.as_ref()))
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// A name as a segment of a JSON pointer (RFC 6901).
pub fn escaped(name: &str) -> Cow<'_, str> {
    // There are many names, and few need escaping.
    if name.contains(['~', '/']) { Cow::Owned(name.replace('~', "~0").replace('/', "~1")) } else { Cow::Borrowed(name) }
}

/// The name that a segment of a JSON pointer stands for.
pub fn unescaped(segment: &str) -> Cow<'_, str> {
    if segment.contains('~') {
        Cow::Owned(segment.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(segment)
    }
}

impl Spot {
    pub fn value(source: usize, pointer: impl Into<String>) -> Self {
        Self { source, pointer: pointer.into(), part: Part::Value }
    }

    pub fn key(source: usize, pointer: impl Into<String>) -> Self {
        Self { source, pointer: pointer.into(), part: Part::Key }
    }

    /// The same node's key.
    pub fn of_key(self) -> Self {
        Self { part: Part::Key, ..self }
    }

    /// Whether this node is the other one, or below it in the same file.
    pub fn is_below(&self, other: &Self) -> bool {
        let rest = self.pointer.strip_prefix(&other.pointer).filter(|_| self.source == other.source);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The child `segment` of this node.
    pub fn child(&self, segment: &str) -> Self {
        let mut pointer = String::with_capacity(self.pointer.len() + 1 + segment.len());
        pointer.push_str(&self.pointer);
        pointer.push('/');
        pointer.push_str(&escaped(segment));
        Self { source: self.source, pointer, part: self.part }
    }
}
