//! The flow of events as drawings show it: what starts which function, and whom its policy notifies.
//!
//! A flow is a plain value. It makes no decisions, and it contains no secrets and no values except names.

mod graph;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::diagnostic::Place;

/// The nodes are sorted by kind and name, the edges by their ends. So equal states give equal drawings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Unchecked")]
pub struct Flow {
    pub nodes: Vec<Node>,
    pub edges: Vec<Edge>,
}

/// A function, or a place that events come from or go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowNode")]
pub struct Node {
    pub kind: Kind,
    /// Unique among the nodes of its kind, except for a timer whose schedule changes.
    pub name: String,
    /// When a timer starts its function.
    pub schedule: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "FlowKind")]
pub enum Kind {
    Timer,
    Gateway,
    /// Another source of events: a message queue, a database, an audit log.
    Source,
    /// A function, one of its versions, or one of its aliases.
    Function,
    Bucket,
    Topic,
    Stream,
    LogStream,
}

/// A notification, or a trigger that starts a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "FlowEdge")]
pub struct Edge {
    /// The index of a node.
    pub from: usize,
    pub to: usize,
    pub via: Via,
    pub lifetime: Lifetime,
    /// Whether every event takes this edge, as far as anyone can tell from names and prefixes.
    pub is_certain: bool,
    /// Whether an event that takes this edge may come back to it.
    pub is_in_cycle: bool,
    /// `None` if it is only live.
    pub place: Option<Written>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    Success,
    Failure,
    /// Each run writes to a log.
    Log,
    /// Cloud Trace Service may record each run.
    Record,
    Trigger {
        /// Its name in the manifest or in the service.
        key: String,
        /// The service's name of its type: `TIMER`.
        code: String,
    },
}

/// When an edge exists: before a plan, after it, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    Kept,
    Added,
    Changed,
    Removed,
}

/// Where an edge is declared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Written {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl From<&Place> for Written {
    fn from(Place { file, line, column, length: _, text: _ }: &Place) -> Self {
        Self { file: file.clone(), line: *line, column: *column }
    }
}

/// A flow in a file, which anyone can edit.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Flow")]
struct Unchecked {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Debug, thiserror::Error)]
#[error("an edge has an end that does not exist")]
struct Loose;

impl TryFrom<Unchecked> for Flow {
    type Error = Loose;

    fn try_from(Unchecked { nodes, edges }: Unchecked) -> Result<Self, Loose> {
        if edges.iter().any(|edge| edge.from.max(edge.to) >= nodes.len()) {
            return Err(Loose);
        }
        Ok(Self::new(nodes, edges))
    }
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Timer,
        Self::Gateway,
        Self::Source,
        Self::Function,
        Self::Bucket,
        Self::Topic,
        Self::Stream,
        Self::LogStream,
    ];

    /// The word before a name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Timer => "timer",
            Self::Gateway => "gateway",
            Self::Source => "source",
            Self::Function => "function",
            Self::Bucket => "bucket",
            Self::Topic => "topic",
            Self::Stream => "stream",
            Self::LogStream => "log stream",
        }
    }

    /// The service that these nodes belong to.
    pub const fn service(self) -> &'static str {
        match self {
            Self::Timer => "Timers",
            Self::Gateway => "API Gateway",
            Self::Source => "Other sources",
            Self::Function => "FunctionGraph",
            Self::Bucket => "OBS",
            Self::Topic => "SMN",
            Self::Stream => "DIS",
            Self::LogStream => "LTS",
        }
    }
}

impl Node {
    /// A name for people. Topics of one project differ in the last part of their URNs. A timer, gateway or other source
    /// has one trigger, which names it, unless it is a queue or a record.
    pub fn label(&self) -> &str {
        let last = |separator| self.name.rsplit(separator).next().unwrap_or(&self.name);
        match self.kind {
            Kind::Topic => last(':'),
            Kind::Timer | Kind::Gateway | Kind::Source => self.schedule.as_deref().unwrap_or_else(|| last('/')),
            Kind::Function | Kind::Bucket | Kind::Stream | Kind::LogStream => &self.name,
        }
    }
}

impl Lifetime {
    /// The sign in plans and drawings; empty for a kept edge.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Kept => "",
            Self::Added => "+",
            Self::Changed => "~",
            Self::Removed => "-",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl Flow {
    /// Replaces names.
    pub fn rename(&mut self, name: impl Fn(&str) -> String) {
        for node in &mut self.nodes {
            node.name = name(&node.name);
        }
        for edge in &mut self.edges {
            if let Via::Trigger { key, code: _ } = &mut edge.via {
                *key = name(key);
            }
        }
    }

    /// What exists after the changes, not as a change.
    #[must_use]
    pub fn as_it_is(mut self) -> Self {
        self.edges.retain(|edge| edge.lifetime != Lifetime::Removed);
        for edge in &mut self.edges {
            edge.lifetime = Lifetime::Kept;
        }
        self
    }

    /// Sorts the nodes and edges, and removes repeated edges.
    #[must_use]
    pub fn new(nodes: Vec<Node>, mut edges: Vec<Edge>) -> Self {
        let mut nodes: Vec<(Node, usize)> = nodes.into_iter().zip(0..).collect();
        nodes.sort();
        let mut index = vec![0; nodes.len()];
        for (new, (_, old)) in nodes.iter().enumerate() {
            index[*old] = new;
        }
        for edge in &mut edges {
            (edge.from, edge.to) = (index[edge.from], index[edge.to]);
        }
        edges.sort();
        edges.dedup();
        Self { nodes: nodes.into_iter().map(|(node, _)| node).collect(), edges }
    }

    /// The edges of each node that start there, by index.
    pub fn out(&self) -> Vec<Vec<usize>> {
        let mut out = vec![Vec::new(); self.nodes.len()];
        for (index, edge) in self.edges.iter().enumerate() {
            out[edge.from].push(index);
        }
        out
    }

    /// Whether any edge is added, changed or removed.
    pub fn changes(&self) -> bool {
        self.edges.iter().any(|edge| edge.lifetime != Lifetime::Kept)
    }

    /// The edges that change, with their functions and everything that these functions notify or are started by.
    #[must_use]
    pub fn changed_part(&self) -> Self {
        let mut touched = vec![false; self.nodes.len()];
        for edge in self.edges.iter().filter(|edge| edge.lifetime != Lifetime::Kept) {
            (touched[edge.from], touched[edge.to]) = (true, true);
        }
        let is_shown = |edge: &&Edge| {
            let holds = |node: usize| touched[node] && self.nodes[node].kind == Kind::Function;
            edge.lifetime != Lifetime::Kept || holds(edge.from) || holds(edge.to)
        };
        let edges: Vec<&Edge> = self.edges.iter().filter(is_shown).collect();
        let mut is_kept = vec![false; self.nodes.len()];
        for edge in &edges {
            (is_kept[edge.from], is_kept[edge.to]) = (true, true);
        }
        self.only(&is_kept, edges.into_iter())
    }

    /// Some nodes, and some edges between them.
    fn only<'a>(&self, is_kept: &[bool], edges: impl Iterator<Item = &'a Edge>) -> Self {
        let mut index = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (old, node) in self.nodes.iter().enumerate().filter(|(old, _)| is_kept[*old]) {
            index[old] = nodes.len();
            nodes.push(node.clone());
        }
        let edges = edges.map(|edge| Edge { from: index[edge.from], to: index[edge.to], ..edge.clone() }).collect();
        Self::new(nodes, edges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(kind: Kind, name: &str) -> Node {
        Node { kind, name: name.into(), schedule: None }
    }

    fn edge(from: usize, to: usize, lifetime: Lifetime) -> Edge {
        Edge { from, to, via: Via::Success, lifetime, is_certain: true, is_in_cycle: false, place: None }
    }

    #[test]
    fn the_order_of_the_input_has_no_effect() {
        let (a, b, c) = (node(Kind::Function, "a"), node(Kind::Function, "b"), node(Kind::Timer, "c"));
        let one = Flow::new(
            vec![a.clone(), b.clone(), c.clone()],
            vec![edge(0, 1, Lifetime::Kept), edge(2, 0, Lifetime::Kept)],
        );
        let other = Flow::new(
            vec![c, b, a],
            vec![edge(0, 2, Lifetime::Kept), edge(2, 1, Lifetime::Kept), edge(2, 1, Lifetime::Kept)],
        );
        assert_eq!(one, other);
        assert_eq!(one.nodes[0].name, "c");
    }

    #[test]
    fn the_part_that_changes_includes_the_other_edges_of_its_functions() {
        let nodes = ["a", "b", "c", "d", "e"].map(|name| node(Kind::Function, name)).to_vec();
        let edges = vec![
            edge(0, 1, Lifetime::Added),
            edge(1, 2, Lifetime::Kept),
            edge(2, 3, Lifetime::Kept),
            edge(3, 4, Lifetime::Kept),
        ];
        let part = Flow::new(nodes, edges).changed_part();
        let names: Vec<&str> = part.nodes.iter().map(|node| node.name.as_str()).collect();
        assert_eq!((names, part.edges.len()), (vec!["a", "b", "c"], 2));
    }
}
