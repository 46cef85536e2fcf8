//! A tree to a generic value: scalars resolved, aliases expanded, merge keys merged, duplicate keys refused.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

use super::scalar;
use super::tree::{Content, DEPTH, Span, Tree};

/// Nodes after aliases are expanded. A manifest of 10,000 functions has about 300,000; a bomb has billions.
const NODES: usize = 1_000_000;

/// What is wrong with a tree, at a place of it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) span: Span,
    /// The other place that takes part.
    pub(super) first: Option<Span>,
}

/// Where in a manifest a node is, as far as that decides how its scalars are read.
#[derive(Debug, Clone, Copy)]
enum Position {
    Root,
    Functions,
    /// A function, or `defaults`.
    Function,
    /// In `environment` and `tags`: scalars are text as written, so that `1.10` stays what it is.
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

/// The value of a whole tree; problems are added as they are found, and the value goes on without them.
pub(super) fn of_tree(tree: &Tree, problems: &mut Vec<Problem>) -> Value {
    let mut reading = Reading { tree, problems, nodes: 0 };
    tree.root.map_or(Value::Null, |root| reading.value(root, Position::Root, 0))
}

struct Reading<'a> {
    tree: &'a Tree,
    problems: &'a mut Vec<Problem>,
    nodes: usize,
}

impl<'a> Reading<'a> {
    fn value(&mut self, index: usize, position: Position, depth: usize) -> Value {
        let node = self.tree.node(index);
        self.nodes += 1;
        if self.nodes > NODES || depth > DEPTH {
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
        // Said once: every further node would say it again.
        if self.problems.last().is_none_or(|problem| problem.code != "too-large") {
            let message =
                format!("with aliases expanded, there are more than {NODES} values, or more than {DEPTH} levels");
            self.problems.push(Problem { code: "too-large", message, span, first: None });
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
                self.problems.push(Problem { code: "yaml-syntax", message, span, first: None });
            }
        }
        for (key, value) in merges {
            self.merge(&mut map, (key, value), position, depth);
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
        let message = format!("the key `{}` is here twice", self.tree.text(key).unwrap_or_default());
        self.problems.push(Problem { code: "duplicate-key", message, span: self.tree.node(key).span, first });
    }

    /// `<<`: entries that the mapping does not have itself; of several mappings the earlier wins.
    fn merge(&mut self, into: &mut Map<String, Value>, (key, value): (usize, usize), position: Position, depth: usize) {
        let sources = match &self.tree.node(value).content {
            Content::Sequence(items) => items.as_slice(),
            Content::Mapping(_) | Content::Scalar { .. } => &[value],
        };
        for source in sources {
            match self.value(*source, position, depth + 1) {
                Value::Object(entries) => {
                    for (name, value) in entries {
                        into.entry(name).or_insert(value);
                    }
                }
                _ => self.problems.push(Problem {
                    code: "yaml-syntax",
                    message: "`<<` merges mappings, and this is none".into(),
                    span: self.tree.node(key).span,
                    first: None,
                }),
            }
        }
    }
}

/// The keys of a mapping with their nodes, its own before merged ones: what [`of_tree`] makes of it, with places.
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
