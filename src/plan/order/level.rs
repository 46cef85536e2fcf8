//! One set of edges that waits follow, and the groups of nodes that reach each other over them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::address::Address;
use crate::model::event_graph::Edge;
use crate::model::trigger::source::Match;

use super::Order;

pub(super) struct Level {
    follows: fn(&Edge<'_>) -> bool,
    /// The group of each node.
    group: Vec<usize>,
    groups: Vec<Group>,
    /// What has to change behind each group with a cycle in which a policy switches.
    behind: BTreeMap<usize, BTreeSet<Address>>,
}

/// Nodes that reach each other, or a single node.
struct Group {
    members: Vec<usize>,
    /// The changes after which no event leaves the group on an old way.
    pending: BTreeSet<Address>,
    /// Whether a policy of a member switches. It waits for everything behind the group.
    switches: bool,
}

impl Group {
    fn is_cycle(&self) -> bool {
        self.members.len() > 1
    }
}

impl Level {
    /// `least`: how certain a trigger that goes must be.
    pub(super) fn new(order: &Order<'_, '_>, follows: fn(&Edge<'_>) -> bool, least: Match) -> Self {
        let components = order.graph.components(follows);
        let mut group = vec![0; order.graph.nodes.len()];
        for (number, members) in components.iter().enumerate() {
            for member in members {
                group[*member] = number;
            }
        }
        let members = with_latest(order, follows, components, &mut group);
        let of_members = |members: Vec<usize>| Group {
            pending: members.iter().flat_map(|member| order.pending(*member, least)).collect(),
            switches: members.iter().any(|member| order.switching.contains(member)),
            members,
        };
        let groups = members.into_iter().map(of_members).collect();
        let level = Self { follows, group, groups, behind: BTreeMap::new() };
        let cycles = level.groups.iter().enumerate().filter(|(_, group)| group.is_cycle() && group.switches);
        let behind = cycles.map(|(number, _)| (number, level.behind_group(order, number))).collect();
        Self { behind, ..level }
    }

    /// What has to change behind a policy. On a cycle, that is whatever is behind the cycle.
    pub(super) fn behind_policy(&self, order: &Order<'_, '_>, holder: usize) -> BTreeSet<Address> {
        let group = self.group[holder];
        match self.behind.get(&group) {
            Some(behind) => behind.clone(),
            None => self.behind_nodes(order, group, self.ends(order, holder).collect()),
        }
    }

    /// What has to change behind new edges, except those within a group.
    pub(super) fn behind_edges(&self, order: &Order<'_, '_>, edges: &[&Edge<'_>]) -> BTreeSet<Address> {
        let followed = edges.iter().filter(|edge| (self.follows)(edge));
        let ends = followed.filter_map(|edge| Some((self.group[edge.holder], edge.lifetime.after()?.node)));
        ends.flat_map(|(from, end)| self.behind_nodes(order, from, vec![end])).collect()
    }

    fn behind_group(&self, order: &Order<'_, '_>, group: usize) -> BTreeSet<Address> {
        let members = &self.groups[group].members;
        self.behind_nodes(order, group, members.iter().flat_map(|member| self.ends(order, *member)).collect())
    }

    /// The ends of a node's edges after the plan.
    fn ends<'o>(&'o self, order: &'o Order<'_, '_>, node: usize) -> impl Iterator<Item = usize> + 'o {
        let edges = order.graph.out(node).filter(|edge| (self.follows)(edge));
        edges.filter_map(|edge| Some(edge.lifetime.after()?.node))
    }

    /// The next changes behind nodes, seen from a group. Policies that switch wait for the ones further behind.
    fn behind_nodes(&self, order: &Order<'_, '_>, from: usize, front: Vec<usize>) -> BTreeSet<Address> {
        let (mut front, mut seen, mut waits) = (front, HashSet::new(), BTreeSet::new());
        front.retain(|node| self.group[*node] != from && seen.insert(*node));
        while let Some(node) = front.pop() {
            let group = &self.groups[self.group[node]];
            waits.extend(group.pending.iter().cloned());
            if group.is_cycle() && group.switches {
                continue;
            }
            let edges = order.graph.out(node).filter(|edge| (self.follows)(edge));
            let edges = edges.filter(|edge| !order.switching.contains(&edge.holder));
            let next = edges.filter_map(|edge| Some(edge.lifetime.after()?.node));
            front.extend(next.filter(|next| self.group[*next] != from && seen.insert(*next)));
        }
        waits
    }
}

/// A version may follow the policy of `latest`. So if `latest` leads to a cycle of a version of its function, both have to be
/// in one group: otherwise they could wait for each other.
fn with_latest(
    order: &Order<'_, '_>,
    follows: fn(&Edge<'_>) -> bool,
    mut groups: Vec<Vec<usize>>,
    group: &mut [usize],
) -> Vec<Vec<usize>> {
    let cycles: Vec<usize> = (0..groups.len()).filter(|number| groups[*number].len() > 1).collect();
    for number in cycles {
        for member in groups[number].clone() {
            let node = &order.graph.nodes[member];
            let latest = node.function().filter(|_| node.qualifier().is_some());
            let Some(latest) = latest.and_then(|function| order.graph.node(function, None)) else { continue };
            let own = group[latest];
            let leads_there =
                |edge: &Edge<'_>| follows(edge) && edge.lifetime.after().is_some_and(|end| group[end.node] == number);
            if own != number && groups[own].len() == 1 && order.graph.out(latest).any(leads_there) {
                groups[own].clear();
                groups[number].push(latest);
                group[latest] = number;
            }
        }
    }
    groups
}
