//! Places boxes and lines on a plane, in columns from left to right.
//!
//! No line passes through a box, by construction: a line changes its height only in the gaps between columns, and
//! passes a column in a row of its own or below all boxes. All coordinates are whole numbers, so the result is the same
//! on every machine. Time and size are linear in boxes and lines, apart from sorting.
//!
//! A general layout library was tried first. Dagre needs more than a minute for 5,000 boxes.

mod columns;
mod layers;
mod routes;
mod rows;

use layers::Layers;

/// The size of a box without lines. Lines may make it higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: i64,
    pub(super) height: i64,
}

/// A line from one box to another, or to the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The width of its label.
    pub(super) label: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) x: i64,
    pub(super) y: i64,
}

/// The way of a line. Between points of different heights, it is a curve that starts and ends horizontally.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) points: Vec<Point>,
    /// The left end of the label, which stands on the line.
    pub(super) label: Point,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) width: i64,
    pub(super) height: i64,
    pub(super) boxes: Vec<Area>,
    pub(super) routes: Vec<Route>,
}

/// The distance of boxes in a column, and of parts that no line connects.
const SPACE: i64 = 16;

/// Each connected part is placed alone. Then the parts fill rows that make the whole about as wide as it is high.
pub(super) fn layout(boxes: &[Size], lines: &[Line]) -> Layout {
    let parts: Vec<(Part, Layout)> = parts(boxes.len(), lines)
        .into_iter()
        .map(|part| {
            let placed = place(&part, boxes, lines);
            (part, placed)
        })
        .collect();
    let area: i64 = parts.iter().map(|(_, placed)| (placed.width + SPACE) * (placed.height + SPACE)).sum();
    let widest = parts.iter().map(|(_, placed)| placed.width).max().unwrap_or_default();
    let most = widest.max(area.isqrt() * 3 / 2);
    let nowhere = Area { x: 0, y: 0, width: 0, height: 0 };
    let no_route = Route { points: Vec::new(), label: Point { x: 0, y: 0 } };
    let mut whole =
        Layout { width: 0, height: 0, boxes: vec![nowhere; boxes.len()], routes: vec![no_route; lines.len()] };
    let (mut x, mut y, mut row) = (0, 0, 0);
    for (part, placed) in parts {
        if x > 0 && x + placed.width > most {
            (x, y, row) = (0, y + row + SPACE, 0);
        }
        whole.width = whole.width.max(x + placed.width);
        whole.height = whole.height.max(y + placed.height);
        (x, row) = (put(&mut whole, &part, placed, Point { x, y }), row.max(whole.height - y));
    }
    whole
}

/// The boxes and lines of a connected part, by their indices in the whole.
struct Part {
    boxes: Vec<usize>,
    lines: Vec<usize>,
}

fn parts(boxes: usize, lines: &[Line]) -> Vec<Part> {
    let mut neighbours = vec![Vec::new(); boxes];
    for line in lines {
        neighbours[line.from].push(line.to);
        neighbours[line.to].push(line.from);
    }
    let mut part_of = vec![None; boxes];
    let mut parts: Vec<Part> = Vec::new();
    for start in 0..boxes {
        let mut waiting = vec![start];
        if part_of[start].is_none() {
            parts.push(Part { boxes: Vec::new(), lines: Vec::new() });
        }
        while let Some(one) = waiting.pop() {
            if part_of[one].is_none() {
                part_of[one] = Some(parts.len() - 1);
                waiting.extend(&neighbours[one]);
            }
        }
    }
    for (one, part) in part_of.iter().enumerate() {
        parts[part.unwrap_or_default()].boxes.push(one);
    }
    for (index, line) in lines.iter().enumerate() {
        parts[part_of[line.from].unwrap_or_default()].lines.push(index);
    }
    // The parts with lines come first: they are what a reader looks for.
    parts.sort_by_key(|part| part.lines.is_empty());
    parts
}

fn place(part: &Part, boxes: &[Size], lines: &[Line]) -> Layout {
    let local = |one: usize| part.boxes.binary_search(&one).unwrap_or_default();
    let boxes: Vec<Size> = part.boxes.iter().map(|one| boxes[*one]).collect();
    let lines: Vec<Line> = part
        .lines
        .iter()
        .map(|line| Line { from: local(lines[*line].from), to: local(lines[*line].to), ..lines[*line] })
        .collect();
    let layers = Layers::new(boxes.len(), &lines);
    let mut columns = columns::Columns::new(&boxes, &lines, &layers);
    columns.order();
    let rows = rows::rows(&columns);
    routes::routes(&columns, &rows)
}

/// Moves a part to its place. Returns where the next one can start.
fn put(whole: &mut Layout, part: &Part, placed: Layout, to: Point) -> i64 {
    let moved = |point: Point| Point { x: point.x + to.x, y: point.y + to.y };
    for (one, area) in part.boxes.iter().zip(placed.boxes) {
        whole.boxes[*one] = Area { x: area.x + to.x, y: area.y + to.y, ..area };
    }
    for (line, route) in part.lines.iter().zip(placed.routes) {
        let points = route.points.into_iter().map(moved).collect();
        whole.routes[*line] = Route { points, label: moved(route.label) };
    }
    to.x + placed.width + SPACE
}
