//! The flow as an SVG image. It follows the reader's choice of a light or dark screen, and no difference is shown by
//! color alone.
//!
//! The image contains no scripts and refers to no other file. All text from elsewhere is escaped.

use std::fmt::Write;

use crate::plan::flow::{Edge, Flow, Kind, Lifetime, Node, Via};
use crate::render::style::printable;

use super::layout::{self, Area, Layout, Line, Point, Route, Size};
use super::words;

/// Around the drawing.
const MARGIN: i64 = 24;
/// Above the drawing: the title and the legend.
const HEAD: i64 = 64;
const TITLE: Lettering = Lettering { class: "title", character: 10 };
const NAME: Lettering = Lettering { class: "name", character: 8 };
const LABEL: Lettering = Lettering { class: "label", character: 7 };
const LEGEND: Lettering = Lettering { class: "legend", character: 7 };
const WORD: Lettering = Lettering { class: "word", character: 7 };
/// A character that most fonts draw twice as wide.
const WIDE: i64 = 2;
/// The longest line of a name, in characters.
const LONGEST: usize = 64;
/// The height of a line of a name, and of the word above it.
const LINE: i64 = 17;

/// How a text looks: its class in the style sheet, and the width of a character, which `textLength` makes every font keep.
#[derive(Clone, Copy)]
struct Lettering {
    class: &'static str,
    character: i64,
}

const STYLE: &str = "\
svg { --paper: #fff; --ink: #1b1f24; --quiet: #59636e; --line: #59636e; --box: #f6f8fa; --function: #ddf4ff; --failure: #b35900; --trigger: #0550ae; --added: #116329; --changed: #7d4e00; --removed: #a40e26; --cycle: #a40e26 }
@media (prefers-color-scheme: dark) { svg { --paper: #0d1117; --ink: #e6edf3; --quiet: #9198a1; --line: #9198a1; --box: #21262d; --function: #12314f; --failure: #f0883e; --trigger: #79c0ff; --added: #56d364; --changed: #e3b341; --removed: #ff7b72; --cycle: #ff7b72 } }
text { font-family: ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; fill: var(--ink) }
.title { font-size: 15px; font-weight: bold }
.name { font-size: 13px }
.word, .legend { font-size: 10px; fill: var(--quiet) }
.label { font-size: 11px; paint-order: stroke; stroke: var(--paper); stroke-width: 3px }
.paper { fill: var(--paper) }
.box { fill: var(--box); stroke: var(--line) }
.function .box { fill: var(--function); stroke: var(--ink) }
.way { fill: none; stroke: var(--line); stroke-width: 1.5 }
.head { fill: none; stroke: var(--line); stroke-width: 1.5 }
.failure .way, .failure .head { stroke: var(--failure) }
.failure .way { stroke-dasharray: 7 4 }
.trigger .way, .trigger .head { stroke: var(--trigger) }
.trigger .way { stroke-dasharray: 2 3 }
.added .way, .added .head { stroke: var(--added); stroke-width: 2.5 }
.changed .way, .changed .head { stroke: var(--changed); stroke-width: 2.5 }
.removed .way, .removed .head { stroke: var(--removed); stroke-width: 1; opacity: .7 }
.cycle .way, .cycle .head { stroke: var(--cycle); stroke-width: 3.5 }
";

/// A complete document. The title is the name of the stack.
pub fn svg(flow: &Flow, title: &str) -> String {
    let names: Vec<Vec<String>> = flow.nodes.iter().map(|node| lines(&printable(node.label()))).collect();
    let labels: Vec<String> = flow.edges.iter().map(label).collect();
    let sizes: Vec<Size> = flow.nodes.iter().zip(&names).map(|(node, name)| size(node.kind, name)).collect();
    let ways: Vec<Line> = flow
        .edges
        .iter()
        .zip(&labels)
        .map(|(edge, label)| Line { from: edge.from, to: edge.to, label: width(label, LABEL) })
        .collect();
    let Layout { width: inner, height, boxes, routes } = layout::layout(&sizes, &ways);
    let title = printable(title);
    let legend = legend(flow);
    let wide = inner.max(width(&title, TITLE)).max(width(&legend, LEGEND)) + 2 * MARGIN;
    let high = HEAD + height + MARGIN;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" role=\"img\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n<rect class=\"paper\" width=\"{wide}\" height=\"{high}\"/>\n",
        escaped(&title)
    );
    write_text(&mut text, &title, TITLE, Point { x: MARGIN, y: MARGIN + 4 });
    write_text(&mut text, &legend, LEGEND, Point { x: MARGIN, y: MARGIN + 24 });
    let _ = writeln!(text, "<g transform=\"translate({MARGIN} {HEAD})\">");
    for (edge, route) in flow.edges.iter().zip(&routes) {
        write_way(&mut text, edge, route);
    }
    for ((node, name), area) in flow.nodes.iter().zip(&names).zip(&boxes) {
        write_node(&mut text, node, name, *area);
    }
    for (label, route) in labels.iter().zip(&routes) {
        write_text(&mut text, label, LABEL, Point { x: route.label.x, y: route.label.y - 4 });
    }
    text.push_str("</g>\n</svg>\n");
    text
}

fn size(kind: Kind, name: &[String]) -> Size {
    let widths = name.iter().map(|line| width(line, NAME)).chain([width(&caption(kind), WORD)]);
    let lines = i64::try_from(name.len()).unwrap_or(i64::MAX);
    Size { width: widths.max().unwrap_or_default() + 24, height: (lines + 1) * LINE + 12 }
}

fn width(text: &str, lettering: Lettering) -> i64 {
    let Lettering { class: _, character } = lettering;
    text.chars().map(|c| if c.is_ascii() { character } else { WIDE * character }).sum()
}

/// A name in lines that are not too long.
fn lines(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    characters.chunks(LONGEST).map(|line| line.iter().collect()).collect()
}

/// `+ failure (cycle)`.
fn label(edge: &Edge) -> String {
    let words = words(edge);
    let symbol = edge.lifetime.symbol();
    let space = if symbol.is_empty() { "" } else { " " };
    let remarks = if words.remarks.is_empty() { String::new() } else { format!(" ({})", words.remarks.join(", ")) };
    format!("{symbol}{space}{}{remarks}", printable(&words.what))
}

fn legend(flow: &Flow) -> String {
    let mut text = "solid: success · dashed: failure · dotted: trigger".to_owned();
    if flow.changes() {
        text.push_str(" · + added · ~ changed · - removed");
    }
    if flow.edges.iter().any(|edge| edge.is_in_cycle) {
        text.push_str(" · thick: cycle");
    }
    text
}

fn write_text(text: &mut String, content: &str, lettering: Lettering, at: Point) {
    let (Lettering { class, character: _ }, Point { x, y }) = (lettering, at);
    let length = width(content, lettering);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" textLength=\"{length}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        escaped(content)
    );
}

fn write_node(text: &mut String, node: &Node, name: &[String], area: Area) {
    let Area { x, y, width, height } = area;
    let class = if node.kind == Kind::Function { "function" } else { "place" };
    let round = match node.kind {
        Kind::Function => 4,
        Kind::Timer | Kind::Gateway | Kind::Source => 18,
        Kind::Bucket | Kind::Topic | Kind::Stream | Kind::LogStream => 0,
    };
    let _ = writeln!(
        text,
        "<g class=\"{class}\"><title>{} {}</title><rect class=\"box\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>",
        node.kind.word(),
        escaped(&printable(&node.name))
    );
    let lines = i64::try_from(name.len()).unwrap_or(i64::MAX);
    let mut at = Point { x: x + 12, y: y + (height - (lines + 1) * LINE) / 2 + 12 };
    write_text(text, &caption(node.kind), WORD, at);
    for line in name {
        at.y += LINE;
        write_text(text, line, NAME, at);
    }
    text.push_str("</g>\n");
}

fn caption(kind: Kind) -> String {
    match kind {
        Kind::Bucket | Kind::Topic | Kind::Stream | Kind::LogStream => format!("{} {}", kind.service(), kind.word()),
        _ => kind.word().to_owned(),
    }
}

fn write_way(text: &mut String, edge: &Edge, route: &Route) {
    let via = match edge.via {
        Via::Success => "success",
        Via::Failure => "failure",
        Via::Log | Via::Record => "log",
        Via::Trigger { .. } => "trigger",
    };
    let cycle = if edge.is_in_cycle && edge.lifetime != Lifetime::Removed { " cycle" } else { "" };
    let _ = write!(text, "<g class=\"{via} {}{cycle}\"><path class=\"way\" d=\"", edge.lifetime.word());
    let mut last: Option<Point> = None;
    for Point { x, y } in route.points.iter().copied() {
        let _ = match last {
            None => write!(text, "M{x} {y}"),
            Some(before) if before.y == y => write!(text, "H{x}"),
            Some(before) if before.x == x => write!(text, "V{y}"),
            Some(before) => {
                let middle = i64::midpoint(before.x, x);
                write!(text, "C{middle} {} {middle} {y} {x} {y}", before.y)
            }
        };
        last = Some(Point { x, y });
    }
    text.push_str("\"/>");
    if let [.., before, end] = route.points[..] {
        let back = if before.x <= end.x { end.x - 7 } else { end.x + 7 };
        let (x, y) = (end.x, end.y);
        let _ = write!(text, "<path class=\"head\" d=\"M{back} {}L{x} {y}L{back} {}\"/>", y - 4, y + 4);
    }
    text.push_str("</g>\n");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
