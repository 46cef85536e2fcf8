//! Finds functions that start each other in a cycle, for either outcome: directly, or through a place between them.

#[cfg(test)]
mod place_tests;
mod report;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::diagnostic::Diagnostic;
use crate::model::address::FunctionAddress;
use crate::model::event_graph::{Edge, EventGraph};
use crate::model::trigger::source::Match;

/// The number of start nodes per component in the search for the shortest cycle. It is limited to keep the time linear.
const STARTS: usize = 64;

/// The nodes of a cycle, each with the edge to the next node.
type Walk<'g, 'a> = Vec<(usize, &'g Edge<'a>)>;

/// One finding for each function that notifies itself, and one for each group of functions that start each other: a shortest
/// cycle of the group. Only a cycle that certainly runs, and that this plan closes, is an error. Takes time linear in nodes
/// and edges.
pub fn cycles(graph: &EventGraph<'_>, concerns: impl Fn(&FunctionAddress) -> bool) -> Vec<Diagnostic> {
    let concerns = |node: &usize| graph.nodes[*node].function().is_some_and(&concerns);
    let selves = (0..graph.nodes.len()).filter(concerns);
    let selves: Vec<Diagnostic> =
        selves.filter_map(|node| Some(report::report(graph, &[(node, self_edge(graph, node)?)]))).collect();
    let groups = |is_followed: fn(&Edge<'_>) -> bool| {
        let groups = graph.components(is_followed).into_iter();
        groups.filter(|component| component.len() > 1 && component.iter().any(concerns))
    };
    let certain: Vec<Vec<usize>> = groups(is_certain).collect();
    let explained: BTreeSet<usize> = certain.iter().flatten().copied().collect();
    let has_doubts = !graph.edges.iter().all(is_certain);
    let possible = has_doubts.then(|| groups(|_| true)).into_iter().flatten();
    let possible = possible.filter(|component| component.iter().all(|node| !explained.contains(node)));
    let possible = possible.filter_map(|component| report::possible(graph, &shortest(graph, &component, |_| true)?));
    let certain =
        certain.iter().filter_map(|component| Some(report::report(graph, &shortest(graph, component, is_certain)?)));
    selves.into_iter().chain(certain).chain(possible).collect()
}

/// The functions that are part of some cycle that certainly runs.
pub fn members<'a>(graph: &EventGraph<'a>) -> BTreeSet<&'a FunctionAddress> {
    let is_cycle = |component: &Vec<usize>| component.len() > 1 || self_edge(graph, component[0]).is_some();
    let members = graph.components(is_certain).into_iter().filter(is_cycle).flatten();
    members.filter_map(|node| graph.nodes[node].function()).collect()
}

pub(super) fn is_certain(edge: &Edge<'_>) -> bool {
    edge.certainty == Match::Certain
}

/// The edges that an event may follow from a node after the plan, with the nodes that they lead to.
fn after<'g, 'a>(graph: &'g EventGraph<'a>, node: usize) -> impl Iterator<Item = (usize, &'g Edge<'a>)> {
    graph.out(node).filter_map(|edge| Some((edge.lifetime.after()?.node, edge)))
}

/// How well an edge explains a cycle: best one that this plan adds, then a declared one.
fn relevance(edge: &Edge<'_>) -> (bool, bool) {
    (edge.lifetime.is_new(), edge.spot.is_some())
}

fn self_edge<'g, 'a>(graph: &'g EventGraph<'a>, node: usize) -> Option<&'g Edge<'a>> {
    let edges = after(graph, node).filter(|(to, _)| *to == node).map(|(_, edge)| edge);
    // The first of the best.
    edges.reduce(|best, edge| if relevance(edge) > relevance(best) { edge } else { best })
}

/// A shortest cycle through one of a component's most relevant edges.
fn shortest<'g, 'a>(
    graph: &'g EventGraph<'a>,
    component: &[usize],
    is_followed: fn(&Edge<'_>) -> bool,
) -> Option<Walk<'g, 'a>> {
    let group = Group { graph, component, is_followed };
    let inside: Vec<_> =
        component.iter().flat_map(|node| group.after(*node).map(|(to, edge)| (*node, to, edge))).collect();
    let inside = || inside.iter().filter(|(from, to, _)| from != to);
    let best = inside().map(|(_, _, edge)| relevance(edge)).max()?;
    let starts = inside().filter(|(_, _, edge)| relevance(edge) == best);
    let mut found: Option<Walk<'_, '_>> = None;
    for (from, to, edge) in starts.take(STARTS) {
        let Some(rest) = group.way(*to, *from) else { continue };
        if found.as_ref().is_none_or(|found| rest.len() + 1 < found.len()) {
            found = Some(from_function(graph, std::iter::once((*from, *edge)).chain(rest).collect()));
        }
        if found.as_ref().is_some_and(|walk| walk.len() == 2) {
            break;
        }
    }
    found
}

/// The same cycle from a function on, not from a place.
fn from_function<'g, 'a>(graph: &EventGraph<'_>, mut walk: Walk<'g, 'a>) -> Walk<'g, 'a> {
    let start = walk.iter().position(|(node, _)| graph.nodes[*node].function().is_some());
    walk.rotate_left(start.unwrap_or_default());
    walk
}

/// Nodes that can reach each other over the edges that are followed.
struct Group<'g, 'a, 'c> {
    graph: &'g EventGraph<'a>,
    component: &'c [usize],
    is_followed: fn(&Edge<'_>) -> bool,
}

impl<'g, 'a> Group<'g, 'a, '_> {
    fn after(&self, node: usize) -> impl Iterator<Item = (usize, &'g Edge<'a>)> {
        let is_inside = |to: usize| self.component.binary_search(&to).is_ok();
        after(self.graph, node).filter(move |(to, edge)| is_inside(*to) && (self.is_followed)(edge))
    }

    /// A shortest path within the group, found by breadth-first search.
    fn way(&self, start: usize, end: usize) -> Option<Walk<'g, 'a>> {
        let mut reached: BTreeMap<usize, (usize, &Edge<'_>)> = BTreeMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            if node == end {
                return Some(walk_back(start, end, &reached));
            }
            for (to, edge) in self.after(node) {
                if to != start && !reached.contains_key(&to) {
                    reached.insert(to, (node, edge));
                    queue.push_back(to);
                }
            }
        }
        None
    }
}

fn walk_back<'g, 'a>(start: usize, end: usize, reached: &BTreeMap<usize, (usize, &'g Edge<'a>)>) -> Walk<'g, 'a> {
    let (mut walk, mut node) = (Vec::new(), end);
    while let Some((from, edge)) = reached.get(&node).filter(|_| node != start) {
        walk.push((*from, *edge));
        node = *from;
    }
    walk.reverse();
    walk
}
