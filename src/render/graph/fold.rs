//! Folds nodes that look alike, so that a large flow fits into a small drawing.
//!
//! Folding starts with no two nodes together, and ends with one group for each kind. A drawing takes the finest
//! grouping that fits.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Via};

/// A flow whose nodes are groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folded {
    pub(super) groups: Vec<Group>,
    pub(super) edges: BTreeSet<FoldedEdge>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) kind: Kind,
    /// The name of its first node.
    pub(super) name: String,
    /// The number of its other nodes.
    pub(super) others: usize,
}

/// An edge between groups. Folded triggers have no names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FoldedEdge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) edge: Edge,
}

/// The group of each node. Groups are numbered in the order of their first nodes.
type Groups = Vec<usize>;

/// The groupings from the finest to the coarsest.
pub(super) fn foldings(flow: &Flow) -> Vec<Folded> {
    let all: Groups = (0..flow.nodes.len()).collect();
    let same_neighbours = refined(flow, &all, &vec![0; all.len()]);
    let mut coarser = vec![by_kind(flow)];
    loop {
        let last = &coarser[coarser.len() - 1];
        let next = refined(flow, last, last);
        if next == *last || coarser.len() > ROUNDS {
            break;
        }
        coarser.push(next);
    }
    [all, same_neighbours].into_iter().chain(coarser.into_iter().rev()).map(|groups| folded(flow, &groups)).collect()
}

/// The most refinements. A chain of functions would have one for each function.
const ROUNDS: usize = 8;

fn by_kind(flow: &Flow) -> Groups {
    numbered(flow.nodes.iter().map(|node| node.kind))
}

/// What a node looks like: its kind, its group so far, and its edges to other groups.
type Look<'a> = (Kind, usize, Vec<(bool, usize, Style<'a>)>);
type Style<'a> = (&'a str, Lifetime, bool, bool);

/// Splits groups whose nodes have edges to different groups.
fn refined(flow: &Flow, groups: &Groups, own: &Groups) -> Groups {
    let mut looks: Vec<Look<'_>> =
        flow.nodes.iter().zip(own).map(|(node, own)| (node.kind, *own, Vec::new())).collect();
    for edge in &flow.edges {
        looks[edge.from].2.push((true, groups[edge.to], style(edge)));
        looks[edge.to].2.push((false, groups[edge.from], style(edge)));
    }
    for (_, _, edges) in &mut looks {
        edges.sort_unstable();
        edges.dedup();
    }
    numbered(looks.into_iter())
}

fn style(edge: &Edge) -> Style<'_> {
    let via = match &edge.via {
        Via::Success => "success",
        Via::Failure => "failure",
        Via::Log => "log",
        Via::Record => "record",
        Via::Trigger { .. } => "trigger",
    };
    (via, edge.lifetime, edge.is_certain, edge.is_in_cycle)
}

fn numbered<T: Ord>(looks: impl Iterator<Item = T>) -> Groups {
    let mut numbers = BTreeMap::new();
    looks
        .map(|look| {
            let next = numbers.len();
            *numbers.entry(look).or_insert(next)
        })
        .collect()
}

fn folded(flow: &Flow, of: &Groups) -> Folded {
    let mut groups: Vec<Group> = Vec::new();
    for (node, group) in flow.nodes.iter().zip(of) {
        match groups.get_mut(*group) {
            Some(group) => group.others += 1,
            None => groups.push(Group { kind: node.kind, name: node.label().to_owned(), others: 0 }),
        }
    }
    let edge = |edge: &Edge| {
        let (from, to) = (of[edge.from], of[edge.to]);
        let is_folded = groups[from].others > 0 || groups[to].others > 0;
        let via = match &edge.via {
            Via::Trigger { code, .. } if is_folded => Via::Trigger { key: code.clone(), code: code.clone() },
            via => via.clone(),
        };
        FoldedEdge { from, to, edge: Edge { from, to, via, place: None, ..edge.clone() } }
    };
    let edges = flow.edges.iter().map(edge).collect();
    Folded { groups, edges }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::flow::Node;

    #[test]
    fn functions_with_the_same_neighbours_are_folded_first() {
        let function = |name: String| Node { kind: Kind::Function, name, schedule: None };
        let edge = |from: usize, via: Via| Edge {
            from,
            to: 6,
            via,
            lifetime: Lifetime::Kept,
            is_certain: true,
            is_in_cycle: false,
            place: None,
        };
        let mut nodes: Vec<Node> = (0..6).map(|index| function(format!("f{index}"))).collect();
        nodes.push(Node { kind: Kind::Bucket, name: "b".into(), schedule: None });
        let edges = (0..6).map(|from| edge(from, if from < 4 { Via::Success } else { Via::Failure })).collect();
        let counts: Vec<Vec<usize>> = foldings(&Flow::new(nodes, edges))
            .iter()
            .map(|folded| folded.groups.iter().map(|group| group.others).collect())
            .collect();
        assert_eq!(counts[..2], [vec![0; 7], vec![3, 1, 0]]);
        assert_eq!(counts.last().unwrap(), &[5, 0]);
    }
}
