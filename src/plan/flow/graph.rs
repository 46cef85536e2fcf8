//! The flow of an event graph.

use std::collections::BTreeMap;

use crate::diagnostic::{self, Spot};
use crate::model::address::FunctionAddress;
use crate::model::async_policy::Outcome;
use crate::model::event_graph::{self, EventGraph, Link, Place, What};
use crate::model::trigger::source::Queue;

use super::super::cycle::is_certain;
use super::{Edge, Flow, Kind, Lifetime, Node, Via, Written};

impl Flow {
    /// The flow of a graph. An edge that changes its end appears twice: to its new end as changed, and to its old end as
    /// removed. The places are those of the edges' spots. A function without an edge is left out unless it is kept.
    #[must_use]
    pub fn of(
        graph: &EventGraph<'_>,
        places: &BTreeMap<Spot, diagnostic::Place>,
        keep: impl Fn(&FunctionAddress) -> bool,
    ) -> Self {
        let nodes: Vec<Node> = graph.nodes.iter().map(|node| drawn(node.what, &node.name)).collect();
        let mut component = vec![None; graph.nodes.len()];
        for (number, members) in graph.components(|_| true).into_iter().enumerate() {
            for member in members {
                component[member] = Some(number);
            }
        }
        let mut edges = Vec::new();
        for from in 0..graph.nodes.len() {
            for edge in graph.out(from) {
                let place = edge.spot.and_then(|spot| places.get(spot)).map(Written::from);
                let (lifetime, before, after) = ends(edge.lifetime);
                let via = match edge.link {
                    Link::Notification(Outcome::Success) => Via::Success,
                    Link::Notification(Outcome::Failure) => Via::Failure,
                    Link::Log => Via::Log,
                    Link::Record => Via::Record,
                    Link::Trigger { key, code, id: _ } => Via::Trigger { key: key.to_string(), code: code.to_owned() },
                };
                // A version or an alias may follow the policy of another one.
                let is_certain = is_certain(edge) && edge.holder == from;
                let is_in_cycle = after.is_some_and(|after| component[after] == component[from]);
                let edge = |to, lifetime, is_in_cycle, place| Edge {
                    from,
                    to,
                    via: via.clone(),
                    lifetime,
                    is_certain,
                    is_in_cycle,
                    place,
                };
                edges.extend(before.map(|to| edge(to, Lifetime::Removed, false, None)));
                edges.extend(after.map(|to| edge(to, lifetime, is_in_cycle, place)));
            }
        }
        let mut is_kept: Vec<bool> = graph.nodes.iter().map(|node| node.function().is_some_and(&keep)).collect();
        for edge in &edges {
            (is_kept[edge.from], is_kept[edge.to]) = (true, true);
        }
        Self { nodes, edges: Vec::new() }.only(&is_kept, edges.iter())
    }
}

/// How an edge is drawn: the lifetime of the edge to its end after the plan, and both ends.
fn ends(lifetime: event_graph::Lifetime<'_>) -> (Lifetime, Option<usize>, Option<usize>) {
    match lifetime {
        event_graph::Lifetime::Kept(end) => (Lifetime::Kept, None, Some(end.node)),
        event_graph::Lifetime::Added(end) => (Lifetime::Added, None, Some(end.node)),
        event_graph::Lifetime::Removed(end) => (Lifetime::Removed, Some(end.node), None),
        event_graph::Lifetime::Changed { before, after } => (Lifetime::Changed, Some(before.node), Some(after.node)),
    }
}

fn drawn(what: What<'_>, name: &str) -> Node {
    let named = |kind, name: &str| Node { kind, name: name.to_owned(), schedule: None };
    match what {
        What::Function { .. } => named(Kind::Function, name),
        What::Place(Place::Bucket { bucket, prefix }) => named(Kind::Bucket, &format!("{bucket}/{prefix}")),
        What::Place(Place::Topic(urn)) => named(Kind::Topic, urn),
        What::Place(Place::Stream(stream)) => named(Kind::Stream, stream),
        What::Place(Place::Log(stream)) => named(Kind::LogStream, stream),
        What::Place(Place::StatusLog) => named(Kind::LogStream, "statuses of asynchronous invocations"),
        What::Place(Place::Queue(Queue { destination, instance, topic })) => {
            named(Kind::Source, &format!("{}/{instance}/{topic}", destination.to_ascii_lowercase()))
        }
        What::Place(Place::Runs) => named(Kind::Source, "runs recorded by CTS"),
        // A source that only one trigger knows has the trigger's name.
        What::Place(Place::Source { code, function, key, schedule }) => Node {
            kind: source(code),
            name: format!("{function}/{key}"),
            schedule: (!schedule.is_empty()).then(|| schedule.to_owned()),
        },
    }
}

fn source(code: &str) -> Kind {
    match code {
        "TIMER" => Kind::Timer,
        "APIG" | "APIC" | "DEDICATEDGATEWAY" => Kind::Gateway,
        _ => Kind::Source,
    }
}
