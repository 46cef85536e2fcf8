//! The flow as a tree for a terminal.
//!
//! Each node is shown with everything that follows from it exactly once. Elsewhere, the tree refers to it.

use anstyle::Style;
use std::fmt::Write;

use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Node, Via};
use crate::render::style::{BOLD, CYAN, DIM, GREEN, RED, YELLOW, paint, printable};

use super::words;

/// The columns that a line needs behind its branches. A tree that leaves less continues at the margin.
const NEEDED: usize = 44;
/// The width of one level.
const LEVEL: usize = 3;
/// The deepest level on any terminal.
const DEEPEST: usize = 24;

/// A tree for each node that nothing leads to, then one for each cycle that no tree reached. Functions without any edge
/// are listed at the end.
pub fn text(flow: &Flow, width: usize) -> String {
    let deepest = (width.saturating_sub(NEEDED) / LEVEL).clamp(1, DEEPEST);
    let mut tree = Tree { flow, out: flow.out(), shown: vec![false; flow.nodes.len()], deepest, text: String::new() };
    let mut has_edge_in = vec![false; flow.nodes.len()];
    for edge in flow.edges.iter().filter(|edge| edge.from != edge.to) {
        has_edge_in[edge.to] = true;
    }
    let roots = |is_root: bool| (0..flow.nodes.len()).filter(move |node| has_edge_in[*node] != is_root);
    let roots: Vec<usize> = roots.clone()(true).chain(roots(false)).collect();
    for root in roots {
        tree.show(root);
    }
    tree.text.push_str(&alone(flow));
    if tree.text.is_empty() { "no functions\n".to_owned() } else { tree.text }
}

struct Tree<'a> {
    flow: &'a Flow,
    out: Vec<Vec<usize>>,
    /// The nodes whose edges are in the text.
    shown: Vec<bool>,
    deepest: usize,
    text: String,
}

impl Tree<'_> {
    /// Shows a tree, and then the parts of it that were too deep.
    fn show(&mut self, root: usize) {
        let mut waiting = vec![root];
        while let Some(root) = waiting.pop() {
            if self.shown[root] || self.out[root].is_empty() {
                continue;
            }
            self.shown[root] = true;
            // Writing to a string cannot fail.
            let _ = writeln!(self.text, "{}", named(&self.flow.nodes[root]));
            let mut deep = Vec::new();
            self.branches(root, "", &mut deep);
            // The one that was met first is shown first.
            waiting.extend(deep.into_iter().rev());
        }
    }

    /// The recursion is never deeper than the tree on a terminal.
    fn branches(&mut self, node: usize, indent: &str, deep: &mut Vec<usize>) {
        let depth = indent.chars().count() / LEVEL;
        let edges = self.out[node].clone();
        for (position, index) in edges.iter().enumerate() {
            let is_last = position + 1 == edges.len();
            let (branch, next) = if is_last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
            let edge = &self.flow.edges[*index];
            let to = edge.to;
            let has_more = !self.out[to].is_empty();
            let remark = match (has_more, self.shown[to], depth + 1 >= self.deepest) {
                (true, true, _) => " (shown above)",
                (true, false, true) => " (continues below)",
                (false, _, _) | (true, false, false) => "",
            };
            let line = line(edge, &self.flow.nodes[to]);
            let _ = writeln!(self.text, "{}{line}{}", paint(DIM, format!("{indent}{branch}")), paint(DIM, remark));
            if has_more && !self.shown[to] {
                if depth + 1 >= self.deepest {
                    deep.push(to);
                } else {
                    self.shown[to] = true;
                    self.branches(to, &format!("{indent}{next}"), deep);
                }
            }
        }
    }
}

/// `+ on failure → bucket failures/ (cycle)`.
fn line(edge: &Edge, to: &Node) -> String {
    let (style, symbol) = match edge.lifetime {
        Lifetime::Kept => (Style::new(), String::new()),
        Lifetime::Added => (GREEN, "+ ".to_owned()),
        Lifetime::Changed => (YELLOW, "~ ".to_owned()),
        Lifetime::Removed => (RED, "- ".to_owned()),
    };
    let words = words(edge);
    let what = match &edge.via {
        Via::Success | Via::Failure => format!("on {}", words.what),
        Via::Log | Via::Record => "each run".to_owned(),
        Via::Trigger { code, .. } => format!("{} trigger {}", printable(code), printable(&words.what)),
    };
    let remarks: String = words
        .remarks
        .iter()
        .map(|remark| paint(if *remark == "cycle" { RED } else { YELLOW }, format!(" ({remark})")))
        .collect();
    format!("{} → {}{remarks}", paint(style, format!("{symbol}{what}")), named(to))
}

fn named(node: &Node) -> String {
    let name = printable(node.label());
    match node.kind {
        Kind::Function => paint(BOLD, name),
        kind => format!("{} {}", paint(CYAN, kind.word()), name),
    }
}

fn alone(flow: &Flow) -> String {
    let mut has_edge = vec![false; flow.nodes.len()];
    for edge in &flow.edges {
        (has_edge[edge.from], has_edge[edge.to]) = (true, true);
    }
    let names: Vec<String> =
        flow.nodes.iter().zip(has_edge).filter(|(_, has_edge)| !has_edge).map(|(node, _)| named(node)).collect();
    let mut text = String::new();
    if !names.is_empty() {
        text.push_str("Without triggers and targets:\n");
    }
    for name in names {
        let _ = writeln!(text, "  {name}");
    }
    text
}
