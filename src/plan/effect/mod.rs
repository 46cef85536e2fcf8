//! What a plan changes for events: how often functions run for one event, how long that takes, and who is notified.

mod reach;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::async_policy::Outcome;
use crate::model::event_graph::{Edge, End, EventGraph, Lifetime, Link};
use crate::model::state::{DesiredState, LiveState};
use crate::model::target::Target;

use super::change::{Action, Change, Step};

use reach::{Costs, Walk};

/// The effects of a plan on the events of one function whose policy or triggers change, or whose notifications start other
/// functions than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// `package/name`, for a version or an alias with its own policy followed by `:version` or `:!alias`.
    pub function: String,
    /// `None` if the function does not exist on this side of the plan.
    pub before: Option<Reach>,
    pub after: Option<Reach>,
    pub notices: Vec<Notice>,
    pub starts: Vec<Start>,
}

/// How far one event goes in the worst case: every attempt that a policy permits fails or ends as late as it can, and each
/// notification starts the next function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reach {
    Ends {
        executions: u64,
        seconds: u64,
    },
    /// The event comes back to a function that it has passed.
    Endless,
}

/// An outcome that is notified to another target than before. The names are those of messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    pub outcome: Outcome,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// A function that an outcome starts through a place and its triggers, either only before the plan or only after it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub outcome: Outcome,
    /// The bucket, topic, stream or queue.
    pub through: String,
    pub function: String,
    /// Whether it is started only after the plan.
    pub is_new: bool,
}

impl Effect {
    /// Replaces names.
    pub fn rename(&mut self, name: impl Fn(&str) -> String) {
        let Self { function, before: _, after: _, notices, starts } = self;
        *function = name(function);
        for Notice { outcome: _, before, after } in notices {
            before.iter_mut().chain(after).for_each(|target| *target = name(target));
        }
        for Start { outcome: _, through, function, is_new: _ } in starts {
            (*through, *function) = (name(through), name(function));
        }
    }
}

/// The effects of these changes, sorted by function. `graph` must be the graph of these changes.
pub(super) fn effects(
    desired: &DesiredState,
    live: &LiveState,
    changes: &[Change<'_>],
    graph: &EventGraph<'_>,
) -> Vec<Effect> {
    let nodes = changes.iter().filter_map(|change| changed_node(change, graph));
    // By function, not by node.
    let part = |node: usize| Some((graph.nodes[node].function()?, graph.nodes[node].qualifier()));
    let concerned: BTreeSet<(&FunctionAddress, Option<&Qualifier>)> =
        nodes.chain(writers(graph)).filter_map(part).collect();
    if concerned.is_empty() {
        return Vec::new();
    }
    let costs = Costs::new(desired, live, changes);
    let [mut before, mut after] = [Side::Before, Side::After].map(|side| Walk::new(graph, &costs, side));
    let deleted = changes.iter().filter(|change| change.deletes_function());
    let deleted: BTreeSet<&FunctionAddress> = deleted.map(|change| &change.address.function).collect();
    let effect = |(function, qualifier): (&FunctionAddress, Option<&Qualifier>)| {
        let node = graph.node(function, qualifier)?;
        let goes = deleted.contains(function);
        Some(Effect {
            function: qualified(function, qualifier),
            before: live.functions.contains_key(function).then(|| before.reach(node)),
            after: (!goes).then(|| after.reach(node)),
            notices: notices(graph, node),
            starts: starts(graph, node),
        })
    };
    concerned.into_iter().filter_map(effect).collect()
}

/// The nodes that notify a place whose events start other functions than before.
fn writers(graph: &EventGraph<'_>) -> impl Iterator<Item = usize> {
    let changed =
        |edge: &&Edge<'_>| matches!(edge.link, Link::Trigger { .. }) && !matches!(edge.lifetime, Lifetime::Kept(_));
    let places: BTreeSet<usize> = graph.edges.iter().filter(changed).map(|edge| edge.holder).collect();
    let leads_there = move |edge: &&Edge<'_>| {
        let ends = [edge.lifetime.before(), edge.lifetime.after()];
        ends.into_iter().flatten().any(|end| places.contains(&end.node))
    };
    graph.edges.iter().filter(leads_there).map(|edge| edge.holder)
}

/// The node whose policy or trigger a change writes.
fn changed_node(change: &Change<'_>, graph: &EventGraph<'_>) -> Option<usize> {
    let function = &change.address.function;
    let qualifier = match &change.step {
        Step::Trigger(step) if !matches!(change.action, Action::Record | Action::Forget) => {
            let sent = step.write.sent().and_then(|sent| sent.qualifier.as_ref());
            sent.or(step.seen.and_then(|seen| seen.qualifier.as_ref()))
        }
        step if step.policy_after().is_some() => change.address.qualifier.as_ref(),
        _ => return None,
    };
    // A version without its own policy has no node of its own.
    graph.node(function, qualifier).or(graph.node(function, None))
}

fn qualified(function: &FunctionAddress, qualifier: Option<&Qualifier>) -> String {
    qualifier.map_or_else(|| function.to_string(), |qualifier| format!("{function}:{qualifier}"))
}

/// The name of a node. Unlike messages about a manifest, effects name functions as the service does, because some are not
/// declared.
fn name(graph: &EventGraph<'_>, node: usize) -> String {
    let node = &graph.nodes[node];
    node.function().map_or_else(|| node.name.clone(), |function| qualified(function, node.qualifier()))
}

fn notices(graph: &EventGraph<'_>, node: usize) -> Vec<Notice> {
    // A version without its own policy has no node of its own.
    let name = |end: End<'_>| {
        let node = &graph.nodes[end.node];
        let qualifier = end.target.and_then(Target::qualifier).filter(|_| node.qualifier().is_none());
        let name = name(graph, end.node);
        qualifier.map_or_else(|| name.clone(), |qualifier| format!("{name}:{qualifier}"))
    };
    let notice = |lifetime: Lifetime<'_>, link: Link<'_>| {
        let (Link::Notification(outcome), false) = (link, matches!(lifetime, Lifetime::Kept(_))) else { return None };
        Some(Notice { outcome, before: lifetime.before().map(name), after: lifetime.after().map(name) })
    };
    graph.out(node).filter(|edge| edge.holder == node).filter_map(|edge| notice(edge.lifetime, edge.link)).collect()
}

/// The functions that the outcomes of a node start through places, if that changes.
fn starts(graph: &EventGraph<'_>, node: usize) -> Vec<Start> {
    let started = |side: Side| -> BTreeSet<(Outcome, usize, usize)> {
        let own = graph.out(node).filter(|edge| edge.holder == node);
        let own = own.filter_map(|edge| match edge.link {
            Link::Notification(outcome) => Some((outcome, side.end(edge.lifetime)?.node)),
            Link::Log | Link::Record | Link::Trigger { .. } => None,
        });
        let own = own.filter(|(_, place)| graph.nodes[*place].function().is_none());
        own.flat_map(|(outcome, place)| {
            graph.out(place).filter_map(move |edge| Some((outcome, place, side.end(edge.lifetime)?.node)))
        })
        .collect()
    };
    let (before, after) = (started(Side::Before), started(Side::After));
    let named = |is_new: bool| {
        move |(outcome, place, function): &(Outcome, usize, usize)| Start {
            outcome: *outcome,
            through: name(graph, *place),
            function: name(graph, *function),
            is_new,
        }
    };
    let mut starts: Vec<Start> = before.difference(&after).map(named(false)).collect();
    starts.extend(after.difference(&before).map(named(true)));
    starts.sort();
    starts
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

impl Side {
    const fn end(self, lifetime: Lifetime<'_>) -> Option<End<'_>> {
        match self {
            Self::Before => lifetime.before(),
            Self::After => lifetime.after(),
        }
    }
}
