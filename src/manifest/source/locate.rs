//! Turns spots into places: finds the line and column of a JSON pointer.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Part, Place, Spot, unescaped};

use super::tree::{Content, Span, Tree};
use super::value::{self, Problem};
use super::{Source, Sources};

/// The longest line that is shown. Longer lines are not readable.
const LINE: usize = 1000;

/// A file's lines.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    source: &'a Source,
    /// The offset in bytes at which each line starts.
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(source: &'a Source) -> Self {
        let bytes = source.text.as_bytes();
        let breaks = bytes.iter().enumerate().filter(|(index, byte)| match byte {
            b'\n' => true,
            b'\r' => bytes.get(index + 1) != Some(&b'\n'),
            _ => false,
        });
        let starts = std::iter::once(0).chain(breaks.map(|(index, _)| index + 1)).collect();
        Self { source, starts }
    }

    /// All lines with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &'a str)> {
        (1..=self.starts.len()).map(|number| (number, self.line(number)))
    }

    fn line(&self, line: usize) -> &'a str {
        let start = self.starts.get(line - 1).copied().unwrap_or(self.source.text.len());
        let end = self.starts.get(line).copied().unwrap_or(self.source.text.len());
        self.source.text[start..end].trim_end_matches(['\n', '\r'])
    }

    pub(super) fn place(&self, span: Span) -> Place {
        let line = (span.line as usize).clamp(1, self.starts.len());
        let text = self.line(line);
        let shown = if text.len() <= LINE { text.to_owned() } else { String::new() };
        Place {
            file: self.source.name.clone(),
            line,
            column: span.column as usize + 1,
            length: span.length.max(1) as usize,
            text: shown,
        }
    }

    pub(super) fn place_of_byte(&self, byte: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line.saturating_sub(1)];
        let column = self.source.text.get(start..byte).map_or(0, |text| text.chars().count());
        let start = self.place(Span { line: u32::try_from(line).unwrap_or(u32::MAX), column: 0, length: 1 });
        Place { column: column + 1, ..start }
    }

    pub(super) fn diagnostic(&self, problem: Problem) -> Diagnostic {
        let Problem { code, message, span, first } = problem;
        let mut diagnostic = Diagnostic::error(code, message).in_place(self.place(span));
        if let Some(first) = first {
            let place = Some(self.place(first));
            diagnostic.related.push(crate::diagnostic::Related {
                message: "first defined here".into(),
                spot: None,
                place,
            });
        }
        diagnostic
    }
}

/// Whether a node declares secrets. A user may have written a value there, so messages must not repeat it.
pub(in crate::manifest) fn is_secret(pointer: &str) -> bool {
    let of_trigger = pointer.split_once("/triggers/").map(|(_, below)| below);
    pointer.contains("/secrets/")
        || of_trigger.is_some_and(|below| below.contains("/event_data/") || below.contains("/password"))
}

/// See [`super::Sources::locate`].
pub(super) fn locate(sources: &Sources, diagnostics: &mut Vec<Diagnostic>) {
    let mut by_file: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for Diagnostic { code, spot, place, related, .. } in diagnostics.iter_mut() {
        // It is about a manifest that is valid, so no value is in the place of a variable's name.
        let may_show = *code == "secret-not-set";
        let others = related.iter_mut().map(|related| (related.spot.as_ref(), &mut related.place));
        for (spot, place) in std::iter::once((spot.as_ref(), place)).chain(others) {
            if let Some(spot) = spot.filter(|_| place.is_none()) {
                by_file.entry(sources.origins.file_of(spot)).or_default().push((spot, place, may_show));
            }
        }
    }
    for (file, spots) in by_file {
        let Some(source) = sources.files.get(file) else { continue };
        // The file was parsed before, because it has a spot.
        let Ok(tree) = Tree::parse(&source.text) else { continue };
        let mut index = Index::new(&tree, Lines::of(source));
        for (spot, place, may_show) in spots {
            let mut found = index.place(spot);
            if is_secret(&spot.pointer) && !may_show {
                found.text.clear();
            }
            *place = Some(found);
        }
    }
    order(&sources.files, diagnostics);
}

/// See [`super::Sources::places`].
pub(super) fn places(sources: &Sources, spots: &BTreeSet<&Spot>) -> BTreeMap<Spot, Place> {
    let mut found = BTreeMap::new();
    let mut by_file: BTreeMap<usize, Vec<&Spot>> = BTreeMap::new();
    for spot in spots {
        by_file.entry(sources.origins.file_of(spot)).or_default().push(spot);
    }
    for (file, own) in by_file {
        let Some(source) = sources.files.get(file) else { continue };
        let Ok(tree) = Tree::parse(&source.text) else { continue };
        let mut index = Index { tree: &tree, lines: Lines::of(source), entries: BTreeMap::new() };
        found.extend(own.into_iter().map(|spot| (spot.clone(), index.place(spot))));
    }
    found
}

/// Sorts by file in reading order, then by line. Keeps one finding per kind and place.
fn order(sources: &[Source], diagnostics: &mut Vec<Diagnostic>) {
    let files: BTreeMap<&str, usize> =
        sources.iter().enumerate().map(|(index, source)| (source.name.as_str(), index)).collect();
    diagnostics.sort_by_key(|diagnostic| {
        let place = diagnostic.place.as_ref();
        place.map(|place| (files.get(place.file.as_str()).copied(), place.line, place.column))
    });
    let mut seen = BTreeSet::new();
    diagnostics.retain(|Diagnostic { code, message, place, .. }| match place {
        Some(Place { file, line, column, .. }) => seen.insert((file.clone(), *line, *column, *code, String::new())),
        None => seen.insert((String::new(), 0, 0, *code, message.clone())),
    });
}

/// A tree for looking up pointers. The keys of a mapping are indexed at first use.
pub(super) struct Index<'a> {
    tree: &'a Tree,
    lines: Lines<'a>,
    entries: BTreeMap<usize, BTreeMap<String, (usize, usize)>>,
}

/// A node of the tree, with the node of its key if it is the value of a mapping's entry.
type Step = (Option<usize>, usize);

impl<'a> Index<'a> {
    pub(super) fn new(tree: &'a Tree, lines: Lines<'a>) -> Self {
        Self { tree, lines, entries: BTreeMap::new() }
    }

    /// The nodes from the root to a spot, or to its nearest ancestor if the text does not contain the node.
    fn path(&mut self, spot: &Spot) -> Vec<Step> {
        let mut path: Vec<Step> = self.tree.root.map(|root| (None, root)).into_iter().collect();
        for segment in spot.pointer.split('/').skip(1) {
            let Some(step) = path.last().and_then(|(_, node)| self.child(*node, &unescaped(segment))) else { break };
            path.push(step);
        }
        path
    }

    fn child(&mut self, node: usize, segment: &str) -> Option<Step> {
        match &self.tree.node(node).content {
            Content::Scalar { .. } => None,
            Content::Sequence(items) => Some((None, *items.get(segment.parse::<usize>().ok()?)?)),
            Content::Mapping(_) => {
                let entries = self.entries.entry(node).or_insert_with(|| value::entries(self.tree, node));
                entries.get(segment).map(|(key, value)| (Some(*key), *value))
            }
        }
    }

    /// The lines on which the entries around a spot begin, and its own.
    pub(super) fn lines_above(&mut self, spot: &Spot) -> Vec<u32> {
        // The root has no line of its own: its first entry begins there.
        let path = self.path(spot);
        path.into_iter().skip(1).map(|(key, value)| self.tree.node(key.unwrap_or(value)).span.line).collect()
    }

    fn place(&mut self, spot: &Spot) -> Place {
        let Some((key, value)) = self.path(spot).pop() else {
            return self.lines.place(Span { line: 1, column: 0, length: 1 });
        };
        let span = self.tree.node(value).span;
        let key = key.map(|key| self.tree.node(key).span);
        // An empty value has no text, so use its key.
        let empty = self.tree.text(value) == Some("");
        let unwritten = empty && span.length == 0;
        let prefers_key = spot.part == Part::Key || unwritten;
        self.lines.place(key.filter(|_| prefers_key).unwrap_or(span))
    }
}
