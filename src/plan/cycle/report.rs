//! The messages about cycles.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::model::event_graph::{Edge, EventGraph, Link};

use super::is_certain;

/// The number of steps that a message prints. For longer cycles, it prints only the start and the end.
const SHOWN: usize = 60;
const SHOWN_AT_END: usize = 5;

/// A cycle that certainly runs. The finding points to the last declared edge that the plan adds, or to the last declared one.
pub(super) fn report(graph: &EventGraph<'_>, walk: &[(usize, &Edge<'_>)]) -> Diagnostic {
    let functions = walk.iter().filter(|(node, _)| graph.nodes[*node].function().is_some()).count();
    let message = match (functions, walk.len()) {
        (1, 1) => "the function notifies itself",
        (1, _) => "the function starts itself again",
        (_, all) if all == functions => "the functions notify each other in a cycle",
        _ => "the functions start each other in a cycle",
    };
    let message = format!("{message}: {}", steps(graph, walk));
    let is_new = walk.iter().any(|(_, edge)| edge.lifetime.is_new());
    let is_declared = walk.iter().any(|(_, edge)| edge.spot.is_some());
    match (is_new, is_declared) {
        (true, _) => located(graph, walk, Diagnostic::error("cycle", message).help(help(graph, walk))),
        (false, true) => {
            let help = "it is live already, and this plan does not change it; each notification starts the next function, endlessly";
            located(graph, walk, Diagnostic::warning("cycle-live", message).help(help))
        }
        (false, false) => {
            let help =
                "no policy of these manifests is involved; each notification invokes the next function, endlessly";
            Diagnostic::warning("cycle-outside", message).help(help)
        }
    }
}

/// A cycle that runs only if the names of objects, the filters of a trigger or its status permit it. Nothing is reported if
/// no manifest is involved.
pub(super) fn possible(graph: &EventGraph<'_>, walk: &[(usize, &Edge<'_>)]) -> Option<Diagnostic> {
    walk.iter().find(|(_, edge)| edge.spot.is_some())?;
    let message = format!("events may run in a cycle: {}", steps(graph, walk));
    let doubtful = || {
        walk.iter().filter(|(_, edge)| !is_certain(edge)).filter_map(|(_, edge)| match edge.link {
            Link::Trigger { key, code, id: _ } => Some((format!("`{key}`"), code == "CTS")),
            Link::Notification(_) | Link::Log | Link::Record => None,
        })
    };
    let triggers: BTreeSet<String> = doubtful().map(|(key, _)| key).collect();
    let triggers = triggers.into_iter().collect::<Vec<_>>().join(", ");
    let help = if doubtful().all(|(_, is_audit)| is_audit) {
        format!(
            "it depends on what Cloud Trace Service records for {triggers}: leave this operation out of the trigger"
        )
    } else {
        format!(
            "it depends on the filters or the status of {triggers}: write to another bucket, or to a prefix outside the trigger's"
        )
    };
    Some(located(graph, walk, Diagnostic::warning("possible-cycle", message).help(help)))
}

/// Adds the places of the declared edges.
fn located(graph: &EventGraph<'_>, walk: &[(usize, &Edge<'_>)], finding: Diagnostic) -> Diagnostic {
    let is_declared = |(_, edge): &(usize, &Edge<'_>)| edge.spot.is_some();
    let closing = walk.iter().rposition(|step| is_declared(step) && step.1.lifetime.is_new());
    let Some(closing) = closing.or_else(|| walk.iter().rposition(is_declared)) else { return finding };
    let mut finding = finding;
    for (index, (from, edge)) in walk.iter().enumerate() {
        let Some(spot) = edge.spot else { continue };
        if index == closing {
            finding = finding.at(spot.clone());
        } else if index < SHOWN {
            let to = walk[(index + 1) % walk.len()].0;
            finding = finding.related(remark(graph, (*from, to), edge), spot.clone());
        }
    }
    finding
}

/// What an edge does.
fn remark(graph: &EventGraph<'_>, ends: (usize, usize), edge: &Edge<'_>) -> String {
    let (from, to) = (graph.nodes[ends.0].name.as_str(), graph.nodes[ends.1].name.as_str());
    match edge.link {
        Link::Notification(outcome) => format!("`{from}` notifies `{to}` on {}", outcome.name()),
        Link::Trigger { key, .. } => format!("the trigger `{key}` starts `{to}`"),
        Link::Log => format!("`{from}` writes to `{to}`"),
        Link::Record => format!("Cloud Trace Service may record each run of `{from}`"),
    }
}

/// Live edges have no place in a manifest, so the help names them.
fn help(graph: &EventGraph<'_>, walk: &[(usize, &Edge<'_>)]) -> String {
    let has_triggers = walk.iter().any(|(_, edge)| matches!(edge.link, Link::Trigger { .. }));
    let help = if has_triggers {
        "each event starts the next function, endlessly; remove one of these targets or triggers"
    } else {
        "each notification invokes the next function, endlessly; remove one of these targets"
    };
    let live = walk.iter().enumerate().filter(|(_, (_, edge))| edge.spot.is_none());
    let live = live.filter_map(|(index, (_, edge))| match edge.link {
        Link::Notification(_) => Some(format!("the policy of `{}`", graph.nodes[edge.holder].name)),
        Link::Trigger { key, .. } => {
            let started = walk[(index + 1) % walk.len()].0;
            Some(format!("the trigger `{key}` of `{}`", graph.nodes[started].name))
        }
        Link::Log | Link::Record => None,
    });
    let live: BTreeSet<String> = live.collect();
    match live.first() {
        None => help.to_owned(),
        Some(first) if live.len() == 1 => format!("{help}; {first} is live, and this plan keeps it"),
        Some(first) if live.len() == 2 => format!("{help}; {first} and 1 other are live, and this plan keeps them"),
        Some(first) => format!("{help}; {first} and {} others are live, and this plan keeps them", live.len() - 1),
    }
}

/// `a → b → a`.
fn steps(graph: &EventGraph<'_>, walk: &[(usize, &Edge<'_>)]) -> String {
    let nodes = walk.iter().chain(walk.first());
    path(&nodes.map(|(node, _)| graph.nodes[*node].name.as_str()).collect::<Vec<_>>())
}

/// `a → b → a`.
fn path(names: &[&str]) -> String {
    if names.len() <= SHOWN {
        return names.join(" → ");
    }
    let left_out = names.len() - 2 * SHOWN_AT_END;
    let (start, end) = (&names[..SHOWN_AT_END], &names[names.len() - SHOWN_AT_END..]);
    format!("{} → … {left_out} more … → {}", start.join(" → "), end.join(" → "))
}
