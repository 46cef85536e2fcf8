//! The graph of notifications before and after a plan. The write order and the checks for cycles and missing targets
//! all use this graph.
//!
//! It is built from policies alone, without plans, manifests or the service. Its nodes are functions, versions and
//! aliases. Buckets, topics and streams are not nodes, because no edges start from them.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::diagnostic::Spot;

use super::address::{FunctionAddress, Qualifier};
use super::async_policy::{Outcome, PolicySpots};
use super::target::Target;

/// The targets of a policy, in the order of [`Outcome::ALL`].
pub type Targets<'a> = [Option<&'a Target>; 2];

/// A policy as input of the graph. Every function has one for its `latest`, even without targets.
#[derive(Debug)]
pub struct Policy<'a> {
    pub function: &'a FunctionAddress,
    pub qualifier: Option<&'a Qualifier>,
    /// The function's name in messages.
    pub name: Cow<'a, str>,
    pub before: Targets<'a>,
    pub after: Targets<'a>,
    /// Its positions in a manifest; `None` if it is only live.
    pub spots: Option<&'a PolicySpots>,
}

#[derive(Debug)]
pub struct EventGraph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub edges: Vec<Edge<'a>>,
    indices: Indices<'a>,
}

type Indices<'a> = HashMap<(&'a FunctionAddress, Option<&'a Qualifier>), usize>;

/// A node that can be invoked: a function's `latest`, a version of it, or an alias.
#[derive(Debug)]
pub struct Node<'a> {
    pub function: &'a FunctionAddress,
    pub qualifier: Option<&'a Qualifier>,
    pub name: String,
    /// The edges that an invocation may follow: those of its own policy, and those of policies that can become its own.
    out: Vec<usize>,
}

/// One outcome of one policy, and its target.
#[derive(Debug)]
pub struct Edge<'a> {
    /// The node that the policy belongs to.
    pub holder: usize,
    pub outcome: Outcome,
    /// Its position in a manifest; `None` if it is only live.
    pub spot: Option<&'a Spot>,
    pub lifetime: Lifetime<'a>,
}

/// When an edge exists: before the plan, after it, or both.
#[derive(Debug, Clone, Copy)]
pub enum Lifetime<'a> {
    Kept(End<'a>),
    Added(End<'a>),
    Changed { before: End<'a>, after: End<'a> },
    Removed(End<'a>),
}

/// The end of an edge.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    pub node: usize,
    pub target: &'a Target,
}

impl<'a> Lifetime<'a> {
    fn of(before: Option<End<'a>>, after: Option<End<'a>>) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Self::Added(after)),
            (Some(before), None) => Some(Self::Removed(before)),
            (Some(before), Some(after)) if before.node == after.node => Some(Self::Kept(after)),
            (Some(before), Some(after)) => Some(Self::Changed { before, after }),
        }
    }

    pub const fn before(self) -> Option<End<'a>> {
        match self {
            Self::Kept(end) | Self::Removed(end) | Self::Changed { before: end, .. } => Some(end),
            Self::Added(_) => None,
        }
    }

    pub const fn after(self) -> Option<End<'a>> {
        match self {
            Self::Kept(end) | Self::Added(end) | Self::Changed { after: end, .. } => Some(end),
            Self::Removed(_) => None,
        }
    }
}

impl<'a> EventGraph<'a> {
    /// A version may follow its own policy. An alias may follow the policy of any version, because it can be pointed at
    /// another version at any time. Both may follow the policy of `latest`, because the next version is published with
    /// it.
    pub fn new(policies: &[Policy<'a>]) -> Self {
        let mut graph = Self { nodes: Vec::new(), edges: Vec::new(), indices: HashMap::new() };
        for policy in policies {
            graph.add_node(policy.function, policy.qualifier, &policy.name);
        }
        let published = graph.published();
        for (holder, policy) in policies.iter().enumerate() {
            graph.add_edges(holder, policy, &published);
        }
        let inherited: Vec<(usize, Vec<usize>)> =
            graph.nodes.iter().enumerate().filter_map(|(node, _)| graph.inherited(node, &published)).collect();
        for (node, edges) in inherited {
            graph.nodes[node].out.extend(edges);
        }
        graph
    }

    /// The node of a function's `latest`, or of a version or alias with its own policy.
    pub fn node(&self, function: &FunctionAddress, qualifier: Option<&Qualifier>) -> Option<usize> {
        self.indices.get(&(function, qualifier)).copied()
    }

    /// The edges that an invocation of this node may follow.
    pub fn out(&self, node: usize) -> impl Iterator<Item = &Edge<'a>> {
        self.nodes[node].out.iter().map(|edge| &self.edges[*edge])
    }

    /// Groups of nodes that can reach each other after the plan: the strongly connected components, by Tarjan's
    /// algorithm. It uses an explicit stack, so a chain of functions can have any length. The groups and their nodes
    /// are sorted.
    pub fn components(&self) -> Vec<Vec<usize>> {
        const UNSEEN: usize = usize::MAX;
        let after = |node: usize, edge: usize| {
            let edge = *self.nodes[node].out.get(edge)?;
            Some(self.edges[edge].lifetime.after().map(|end| end.node))
        };
        let count = self.nodes.len();
        let (mut order, mut low, mut on_stack) = (vec![UNSEEN; count], vec![0; count], vec![false; count]);
        let (mut stack, mut components, mut seen) = (Vec::new(), Vec::new(), 0);
        for root in 0..count {
            let mut calls = if order[root] == UNSEEN { vec![(root, 0)] } else { Vec::new() };
            while let Some((node, next)) = calls.pop() {
                if next == 0 {
                    (order[node], low[node]) = (seen, seen);
                    seen += 1;
                    stack.push(node);
                    on_stack[node] = true;
                } else if let Some(Some(child)) =
                    after(node, next - 1).filter(|child| child.is_some_and(|it| on_stack[it]))
                {
                    // The search has returned from the edge before this one.
                    low[node] = low[node].min(low[child]);
                }
                if let Some(child) = after(node, next) {
                    calls.push((node, next + 1));
                    calls.extend(child.filter(|child| order[*child] == UNSEEN).map(|child| (child, 0)));
                } else if low[node] == order[node] {
                    let start = stack.iter().rposition(|member| *member == node).unwrap_or(0);
                    let mut component = stack.split_off(start);
                    for member in &component {
                        on_stack[*member] = false;
                    }
                    component.sort_unstable();
                    components.push(component);
                }
            }
        }
        components.sort_unstable();
        components
    }

    fn add_node(&mut self, function: &'a FunctionAddress, qualifier: Option<&'a Qualifier>, name: &str) -> usize {
        let name = qualifier.map_or_else(|| name.to_owned(), |qualifier| format!("{name}:{qualifier}"));
        self.indices.insert((function, qualifier), self.nodes.len());
        self.nodes.push(Node { function, qualifier, name, out: Vec::new() });
        self.nodes.len() - 1
    }

    /// For each function, the versions and aliases with their own policy.
    fn published(&self) -> HashMap<&'a FunctionAddress, Vec<usize>> {
        let mut published: HashMap<&FunctionAddress, Vec<usize>> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.qualifier.is_some()) {
            published.entry(node.function).or_default().push(index);
        }
        published
    }

    fn add_edges(&mut self, holder: usize, policy: &Policy<'a>, published: &HashMap<&'a FunctionAddress, Vec<usize>>) {
        let spots = |spots: &'a PolicySpots| {
            [&spots.on_success, &spots.on_failure].map(|spot| spot.as_ref().unwrap_or(&spots.used))
        };
        let spots = policy.spots.map(spots);
        for (side, outcome) in Outcome::ALL.into_iter().enumerate() {
            let before = policy.before[side].and_then(|target| self.end(target, published));
            let after = policy.after[side].and_then(|target| self.end(target, published));
            let Some(lifetime) = Lifetime::of(before, after) else { continue };
            self.nodes[holder].out.push(self.edges.len());
            self.edges.push(Edge { holder, outcome, spot: spots.map(|spots| spots[side]), lifetime });
        }
    }

    /// The function itself stands for a version without its own policy, and for an alias if no version has one.
    fn end(&mut self, target: &'a Target, published: &HashMap<&'a FunctionAddress, Vec<usize>>) -> Option<End<'a>> {
        let function = target.function()?;
        let latest = self.node(function, None)?;
        let known = self.node(function, target.qualifier());
        let node = match target.qualifier() {
            Some(alias @ Qualifier::Alias(_)) if known.is_none() && published.contains_key(function) => {
                let name = self.nodes[latest].name.clone();
                self.add_node(function, Some(alias), &name)
            }
            _ => known.unwrap_or(latest),
        };
        Some(End { node, target })
    }

    /// The edges that a version or an alias may follow besides those of its own policy.
    fn inherited(
        &self,
        node: usize,
        published: &HashMap<&'a FunctionAddress, Vec<usize>>,
    ) -> Option<(usize, Vec<usize>)> {
        let Node { function, qualifier, .. } = &self.nodes[node];
        let versions = match qualifier.as_ref()? {
            Qualifier::Alias(_) => published.get(function).map_or(&[][..], Vec::as_slice),
            Qualifier::Version(_) => &[],
        };
        let others = versions.iter().copied().filter(|version| *version != node).chain(self.node(function, None));
        Some((node, others.flat_map(|other| self.nodes[other].out.iter().copied()).collect()))
    }
}
