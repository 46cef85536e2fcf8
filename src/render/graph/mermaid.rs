//! The flow as a Mermaid flowchart, which GitHub and GitLab draw in Markdown.
//!
//! They refuse large drawings, so beyond their limits nodes that look alike are drawn as one.

use std::fmt::Write;

use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Via};
use crate::render::style::printable;

use super::fold::{Folded, FoldedEdge, Group, foldings};
use super::words;

/// The longest drawing in characters. Mermaid's own limit is 50,000, and a comment on GitHub has 65,536.
const MOST_CHARACTERS: usize = 20_000;
const MOST_EDGES: usize = 200;
/// The longest name in a drawing that has to be shortened.
const LONGEST_NAME: usize = 60;

/// A complete drawing.
pub fn mermaid(flow: &Flow) -> String {
    let foldings = foldings(flow);
    let fits = |folded: &&Folded| folded.edges.len() <= MOST_EDGES;
    let drawn = foldings.iter().filter(fits).map(|folded| drawn(folded, &all(folded)));
    let fitting = drawn.into_iter().find(|text| text.chars().count() <= MOST_CHARACTERS);
    fitting.or_else(|| foldings.last().map(shortened)).unwrap_or_else(drawn_nothing)
}

fn drawn_nothing() -> String {
    "flowchart LR\n".to_owned()
}

fn all(folded: &Folded) -> Vec<&FoldedEdge> {
    folded.edges.iter().collect()
}

/// Even one group for each kind is too much: draw the first edges, and shorten names.
fn shortened(folded: &Folded) -> String {
    let groups = folded.groups.iter().map(|group| {
        let name = match group.name.char_indices().nth(LONGEST_NAME) {
            Some((end, _)) => format!("{}…", &group.name[..end]),
            None => group.name.clone(),
        };
        Group { name, ..group.clone() }
    });
    let short = Folded { groups: groups.collect(), edges: folded.edges.clone() };
    let mut edges = all(&short);
    // Changes and cycles matter most.
    edges.sort_by_key(|one| (one.edge.lifetime == Lifetime::Kept, !one.edge.is_in_cycle));
    let mut count = MOST_EDGES.min(edges.len());
    loop {
        let mut text = drawn(&short, &edges[..count]);
        let left_out = short.edges.len() - count;
        if left_out > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  more[\"and {left_out} more connections\"]");
        }
        if text.chars().count() <= MOST_CHARACTERS || count == 0 {
            return text;
        }
        count /= 2;
    }
}

fn drawn(folded: &Folded, edges: &[&FoldedEdge]) -> String {
    let mut text = drawn_nothing();
    for kind in Kind::ALL {
        let members: Vec<usize> = (0..folded.groups.len()).filter(|group| folded.groups[*group].kind == kind).collect();
        if members.is_empty() {
            continue;
        }
        let _ = writeln!(text, "  subgraph {kind:?} [\"{}\"]", title(kind));
        for member in members {
            let _ = writeln!(text, "    n{member}{}", shape(&folded.groups[member]));
        }
        text.push_str("  end\n");
    }
    for FoldedEdge { from, to, edge } in edges {
        let _ = writeln!(text, "  n{from} {} n{to}", arrow(edge));
    }
    for (name, style, is_member) in STYLES {
        let members: Vec<String> = edges
            .iter()
            .enumerate()
            .filter(|(_, one)| is_member(&one.edge))
            .map(|(index, _)| index.to_string())
            .collect();
        if !members.is_empty() {
            let _ = writeln!(text, "  %% {name}\n  linkStyle {} {style}", members.join(","));
        }
    }
    text
}

/// A group of edges that look alike: its name, how they look, and whether an edge is one of them.
type Look = (&'static str, &'static str, fn(&Edge) -> bool);

/// Colors that are legible on light and dark screens. The labels say the same in words.
const STYLES: [Look; 4] = [
    ("added", "stroke:#2da44e,stroke-width:3px", |edge| edge.lifetime == Lifetime::Added && !edge.is_in_cycle),
    ("changed", "stroke:#bf8700,stroke-width:3px", |edge| edge.lifetime == Lifetime::Changed && !edge.is_in_cycle),
    ("removed", "stroke:#8c959f,stroke-width:1px", |edge| edge.lifetime == Lifetime::Removed),
    ("in a cycle", "stroke:#cf222e,stroke-width:4px", |edge| edge.is_in_cycle && edge.lifetime != Lifetime::Removed),
];

fn title(kind: Kind) -> String {
    match kind {
        Kind::Function => "Functions".to_owned(),
        Kind::Bucket | Kind::Topic | Kind::Stream | Kind::LogStream => format!("{} {}s", kind.service(), kind.word()),
        Kind::Timer | Kind::Gateway | Kind::Source => kind.service().to_owned(),
    }
}

fn shape(group: &Group) -> String {
    let others = if group.others > 0 { format!(" and {} more", group.others) } else { String::new() };
    let name = format!("\"{}{others}\"", escaped(&printable(&group.name)));
    match group.kind {
        Kind::Function => format!("[{name}]"),
        Kind::Bucket => format!("[({name})]"),
        Kind::Topic => format!(">{name}]"),
        Kind::Stream | Kind::LogStream => format!("[/{name}/]"),
        Kind::Timer => format!("(({name}))"),
        Kind::Gateway | Kind::Source => format!("([{name}])"),
    }
}

/// Labels contain words instead of `+` and `-`, which Mermaid reads as lists.
fn arrow(edge: &Edge) -> String {
    let words = words(edge);
    let lifetime = (edge.lifetime != Lifetime::Kept).then(|| edge.lifetime.word());
    let what = escaped(&printable(&words.what));
    let label: Vec<&str> = std::iter::once(what.as_str()).chain(lifetime).chain(words.remarks).collect();
    let line = match edge.via {
        Via::Success | Via::Log | Via::Record => "-->",
        Via::Failure => "-.->",
        Via::Trigger { .. } => "==>",
    };
    format!("{line}|\"{}\"|", label.join(", "))
}

/// Everything except letters, digits and a few signs is written as a code, so that no name can become markup.
fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| {
            let is_plain = c.is_alphanumeric() || matches!(c, ' ' | '-' | '/' | ':' | '.' | ',' | '…' | '!');
            if is_plain { c.to_string() } else { format!("#{};", u32::from(c)) }
        })
        .collect()
}
