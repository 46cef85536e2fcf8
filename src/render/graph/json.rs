//! The flow as JSON. The format is versioned, and later releases only add fields.

use serde_json::{Value, json};

use crate::plan::flow::{Edge, Flow, Node, Via};
use crate::render::json::FORMAT_VERSION;

/// The JSON Schema of this document. It is written by hand, and a test compares it with this file's output.
pub const SCHEMA: &str = include_str!("../../../schemas/graph.schema.json");

/// The document of `fgctl graph`.
pub fn json(flow: &Flow, stack: &str, diagnostics: &Value) -> Value {
    let Flow { nodes, edges } = flow;
    json!({
        "format_version": FORMAT_VERSION,
        "stack": stack,
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "edges": edges.iter().map(|edge| one_edge(edge, nodes)).collect::<Vec<_>>(),
        "diagnostics": diagnostics,
    })
}

fn node(node: &Node) -> Value {
    let Node { kind, name, schedule } = node;
    json!({ "id": id(node), "kind": kind, "name": name, "schedule": schedule })
}

fn one_edge(edge: &Edge, nodes: &[Node]) -> Value {
    let Edge { from, to, via, lifetime, is_certain, is_in_cycle, place } = edge;
    let (via, trigger) = match via {
        Via::Success => ("success", None),
        Via::Failure => ("failure", None),
        Via::Log => ("log", None),
        Via::Record => ("record", None),
        Via::Trigger { key, code } => ("trigger", Some(json!({ "key": key, "type": code }))),
    };
    json!({
        "from": id(&nodes[*from]),
        "to": id(&nodes[*to]),
        "via": via,
        "trigger": trigger,
        "lifetime": lifetime,
        "certain": is_certain,
        "cycle": is_in_cycle,
        "place": place,
    })
}

/// Unique, and the same as long as name and schedule stay.
fn id(node: &Node) -> String {
    let schedule = node.schedule.as_ref().map(|schedule| format!("@{schedule}")).unwrap_or_default();
    format!("{}:{}{schedule}", node.kind.word().replace(' ', "_"), node.name)
}
