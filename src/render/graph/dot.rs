//! The flow in Graphviz' language.

use std::fmt::Write;

use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Via};
use crate::render::style::printable;

use super::words;

/// A complete graph, with a cluster for each service.
pub fn dot(flow: &Flow, title: &str) -> String {
    let mut text = format!(
        "digraph {} {{\n  rankdir=LR\n  node [fontname=monospace]\n  edge [fontname=monospace]\n",
        quoted(title)
    );
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        let nodes: Vec<usize> = (0..flow.nodes.len()).filter(|node| flow.nodes[*node].kind == kind).collect();
        if nodes.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  subgraph cluster_{number} {{\n    label={}", quoted(kind.service()));
        for node in nodes {
            let _ = writeln!(text, "    n{node} [label={} shape={}]", quoted(flow.nodes[node].label()), shape(kind));
        }
        text.push_str("  }\n");
    }
    for edge in &flow.edges {
        let _ = writeln!(text, "  n{} -> n{} [{}]", edge.from, edge.to, attributes(edge));
    }
    text.push_str("}\n");
    text
}

const fn shape(kind: Kind) -> &'static str {
    match kind {
        Kind::Function => "box",
        Kind::Bucket => "cylinder",
        Kind::Topic => "cds",
        Kind::Stream | Kind::LogStream => "parallelogram",
        Kind::Timer => "circle",
        Kind::Gateway | Kind::Source => "ellipse",
    }
}

fn attributes(edge: &Edge) -> String {
    let words = words(edge);
    let label: Vec<&str> = std::iter::once(words.what.as_str())
        .chain((edge.lifetime != Lifetime::Kept).then(|| edge.lifetime.word()))
        .chain(words.remarks.iter().copied())
        .collect();
    let style = match edge.via {
        Via::Success | Via::Log | Via::Record => "solid",
        Via::Failure => "dashed",
        Via::Trigger { .. } => "dotted",
    };
    let is_marked = words.remarks.contains(&"cycle");
    let color = match edge.lifetime {
        _ if is_marked => " color=red penwidth=3",
        Lifetime::Kept => "",
        Lifetime::Added => " color=darkgreen penwidth=2",
        Lifetime::Changed => " color=darkgoldenrod penwidth=2",
        Lifetime::Removed => " color=gray arrowhead=empty",
    };
    format!("label={} style={style}{color}", quoted(&label.join(", ")))
}

/// Graphviz reads backslashes and entities inside quotes.
fn quoted(text: &str) -> String {
    let text = printable(text).replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{text}\"")
}
