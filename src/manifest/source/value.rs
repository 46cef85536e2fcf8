//! Turns a tree into a generic value: resolves scalars, expands aliases, merges merge keys, and refuses duplicate keys.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::scalar;
use super::tree::{Content, DEPTH, Span, Tree};

/// The maximum number of nodes after aliases are expanded. A manifest with 10,000 functions has about 300,000; a YAML
/// bomb has billions.
const NODES: usize = 1_000_000;

/// A problem at a position of a tree.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) span: Span,
    /// The other position that is involved.
    pub(super) first: Option<Span>,
}

/// The position of a node in a manifest, as far as it decides how scalars are read.
#[derive(Debug, Clone, Copy)]
enum Position {
    Root,
    Functions,
    /// A function, or `defaults`.
    Function,
    /// In `environment` and `tags`: scalars are text as written, so `1.10` stays `1.10`.
    Texts,
    Elsewhere,
}

impl Position {
    fn child(self, key: &str) -> Self {
        match (self, key) {
            (Self::Root, "functions") => Self::Functions,
            (Self::Root, "defaults") | (Self::Functions, _) => Self::Function,
            (Self::Function, "environment" | "tags") | (Self::Texts, _) => Self::Texts,
            _ => Self::Elsewhere,
        }
    }
}

/// The value of a whole tree. Problems are added to `problems` and left out of the value.
pub(super) fn of_tree(tree: &Tree, problems: &mut Vec<Problem>) -> Value {
    let mut reading = Reading { tree, problems, nodes: 0, is_too_large: false };
    tree.root.map_or(Value::Null, |root| reading.value(root, Position::Root, 0))
}

struct Reading<'a> {
    tree: &'a Tree,
    problems: &'a mut Vec<Problem>,
    nodes: usize,
    /// Whether the limit was exceeded. Later findings would be wrong.
    is_too_large: bool,
}

impl<'a> Reading<'a> {
    fn value(&mut self, index: usize, position: Position, depth: usize) -> Value {
        let node = self.tree.node(index);
        self.nodes += 1;
        if self.is_too_large || self.nodes > NODES || depth > DEPTH {
            self.refuse_size(node.span);
            return Value::Null;
        }
        match &node.content {
            Content::Scalar { resolved, .. } => {
                let text = self.tree.text(index).unwrap_or_default();
                let value = if *resolved { scalar::resolve(text) } else { Value::String(text.to_owned()) };
                match (position, value) {
                    (Position::Texts, Value::Bool(_) | Value::Number(_)) => Value::String(text.to_owned()),
                    (_, value) => value,
                }
            }
            Content::Sequence(items) => {
                Value::Array(items.iter().map(|item| self.value(*item, Position::Elsewhere, depth + 1)).collect())
            }
            Content::Mapping(entries) => Value::Object(self.mapping(entries, position, depth)),
        }
    }

    fn refuse_size(&mut self, span: Span) {
        let message = format!("with aliases expanded, there are more than {NODES} values, or more than {DEPTH} levels");
        self.refuse(Problem { code: "too-large", message, span, first: None });
        self.is_too_large = true;
    }

    fn refuse(&mut self, problem: Problem) {
        if !self.is_too_large {
            self.problems.push(problem);
        }
    }

    fn mapping(&mut self, entries: &[(usize, usize)], position: Position, depth: usize) -> Map<String, Value> {
        let mut map = Map::new();
        let mut merges = Vec::new();
        let mut firsts = BTreeMap::new();
        for &(key, value) in entries {
            if self.tree.is_merge(key) {
                merges.push((key, value));
            } else if let Some(name) = self.tree.text(key) {
                let value = self.value(value, position.child(name), depth + 1);
                if map.insert(name.to_owned(), value).is_some() {
                    if firsts.is_empty() {
                        firsts = self.first_places(entries);
                    }
                    self.refuse_duplicate(key, firsts.get(name).copied());
                }
            } else {
                let (message, span) = ("a key must be a single word or text".into(), self.tree.node(key).span);
                self.refuse(Problem { code: "yaml-syntax", message, span, first: None });
            }
        }
        if let Some((first, others)) = merges.split_first() {
            let (key, value) = *first;
            for (name, value) in self.merged(key, value, position, depth) {
                map.entry(name).or_insert(value);
            }
            for (key, _) in others {
                self.refuse_merge(*key, first.0);
            }
        }
        map
    }

    fn first_places(&self, entries: &[(usize, usize)]) -> BTreeMap<&'a str, Span> {
        let tree = self.tree;
        let mut firsts = BTreeMap::new();
        for (key, _) in entries {
            if let Some(name) = tree.text(*key) {
                firsts.entry(name).or_insert(tree.node(*key).span);
            }
        }
        firsts
    }

    fn refuse_duplicate(&mut self, key: usize, first: Option<Span>) {
        let message = format!("`{}` is defined twice in this mapping", self.tree.text(key).unwrap_or_default());
        self.refuse(Problem { code: "duplicate-key", message, span: self.tree.node(key).span, first });
    }

    fn refuse_merge(&mut self, key: usize, first: usize) {
        let message =
            "a mapping can have only one `<<`; write `<<: [*one, *other]` to merge several mappings".to_owned();
        let (span, first) = (self.tree.node(key).span, Some(self.tree.node(first).span));
        self.refuse(Problem { code: "duplicate-key", message, span, first });
    }

    /// `<<` gives entries for a mapping that does not have them itself. If several mappings are merged, earlier ones take
    /// precedence.
    fn merged(&mut self, key: usize, value: usize, position: Position, depth: usize) -> Map<String, Value> {
        let mut merged = Map::new();
        let sources = match &self.tree.node(value).content {
            Content::Sequence(items) => items.as_slice(),
            Content::Mapping(_) | Content::Scalar { .. } => &[value],
        };
        for source in sources {
            match self.value(*source, position, depth + 1) {
                Value::Object(entries) => {
                    for (name, value) in entries {
                        merged.entry(name).or_insert(value);
                    }
                }
                _ => self.refuse(Problem {
                    code: "yaml-syntax",
                    message: "`<<` merges mappings, but this is not a mapping".into(),
                    span: self.tree.node(key).span,
                    first: None,
                }),
            }
        }
        merged
    }
}

/// A scalar with its spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::manifest) struct Written {
    pub(in crate::manifest) text: String,
    /// Not quoted and without a tag, so it can be a number, a boolean or null.
    pub(in crate::manifest) is_plain: bool,
}

/// The scalars of a mapping by key; empty if the node is not a mapping.
pub(super) fn scalars(tree: &Tree, index: Option<usize>) -> BTreeMap<String, Written> {
    let entries = index.map(|index| entries(tree, index)).unwrap_or_default();
    let scalar = |(name, (_, value)): (String, (usize, usize))| match tree.node(value).content {
        Content::Scalar { resolved, .. } => {
            Some((name, Written { text: tree.text(value)?.to_owned(), is_plain: resolved }))
        }
        Content::Sequence(_) | Content::Mapping(_) => None,
    };
    entries.into_iter().filter_map(scalar).collect()
}

/// The value of one key at the root.
pub(super) fn entry(tree: &Tree, name: &str) -> Option<usize> {
    entries(tree, tree.root?).get(name).map(|(_, value)| *value)
}

/// The keys of a mapping with their nodes, its own before merged ones. The result matches [`of_tree`], with positions.
pub(super) fn entries(tree: &Tree, index: usize) -> BTreeMap<String, (usize, usize)> {
    let mut found = BTreeMap::new();
    let mut pending = vec![(index, 0)];
    while let Some((index, depth)) = pending.pop() {
        let Content::Mapping(entries) = &tree.node(index).content else { continue };
        for &(key, value) in entries.iter().filter(|_| depth <= DEPTH) {
            if !tree.is_merge(key) {
                if let Some(name) = tree.text(key) {
                    found.entry(name.to_owned()).or_insert((key, value));
                }
                continue;
            }
            match &tree.node(value).content {
                Content::Sequence(items) => pending.extend(items.iter().rev().map(|item| (*item, depth + 1))),
                Content::Mapping(_) | Content::Scalar { .. } => pending.push((value, depth + 1)),
            }
        }
    }
    found
}
