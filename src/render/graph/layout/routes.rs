//! The coordinates of boxes and lines, once their columns and rows are known.

use std::collections::BTreeMap;

use super::columns::{Chain, Columns, PORT, whole};
use super::{Area, Layout, Point, Route, SPACE};

/// Between columns, where lines change their height.
const GAP: i64 = 56;
/// Between a box and the label of its line, and behind the label.
const PADDING: i64 = 8;
/// The distance of lines that run below all boxes.
const TRACK: i64 = 10;

/// The horizontal extent of a column.
#[derive(Debug, Clone, Copy)]
struct Extent {
    left: i64,
    /// The right side of its boxes.
    right: i64,
    /// The end of its labels. The gap starts here.
    end: i64,
}

pub(super) fn routes(columns: &Columns<'_>, rows: &[i64]) -> Layout {
    let extents = extents(columns);
    let area = |index: usize| {
        let item = columns.items[index];
        let Extent { left, right, .. } = extents[item.column];
        Area { x: left, y: rows[index] - item.height / 2, width: right - left, height: item.height }
    };
    let boxes: Vec<Area> = (0..columns.boxes.len()).map(area).collect();
    let lowest = rows.iter().zip(&columns.items).map(|(row, item)| row - item.height / 2 + item.height).max();
    let lowest = lowest.unwrap_or_default();
    let tracks = Tracks::new(columns, lowest + SPACE);
    let height = if tracks.of.is_empty() { lowest } else { tracks.bottom };
    let ports = Ports::new(columns, rows);
    let route = |(index, chain): (usize, &Chain)| {
        let points = points(chain, &Known { columns, rows, extents: &extents, tracks: &tracks, ports: &ports }, index);
        let label = Point { x: points[0].x + PADDING, y: points[0].y };
        let points = if chain.is_reversed { points.into_iter().rev().collect() } else { points };
        Route { points, label }
    };
    let routes = columns.chains.iter().enumerate().map(route).collect();
    let width = extents.last().map_or(0, |last| last.end);
    Layout { width, height, boxes, routes }
}

fn extents(columns: &Columns<'_>) -> Vec<Extent> {
    let mut labels = vec![0; columns.stacks.len()];
    for chain in &columns.chains {
        let column = columns.items[chain.items[0]].column;
        labels[column] = labels[column].max(chain.label + 2 * PADDING);
    }
    let mut left = 0;
    let extent = |(column, label): (&Vec<usize>, i64)| {
        let widths = column.iter().filter_map(|item| columns.boxes.get(*item)).map(|size| size.width);
        let right = left + widths.max().unwrap_or_default();
        let extent = Extent { left, right, end: right + label };
        left = extent.end + GAP;
        extent
    };
    columns.stacks.iter().zip(labels).map(extent).collect()
}

/// The rows of the lines that run below all boxes. Lines to the same box share one.
struct Tracks {
    of: BTreeMap<usize, i64>,
    bottom: i64,
}

impl Tracks {
    fn new(columns: &Columns<'_>, top: i64) -> Self {
        let mut tracks = Self { of: BTreeMap::new(), bottom: top };
        for chain in columns.chains.iter().filter(|chain| chain.is_far) {
            let bottom = tracks.bottom;
            if *tracks.of.entry(chain.ends().1).or_insert(bottom) == bottom {
                tracks.bottom += TRACK;
            }
        }
        tracks
    }
}

/// The heights at which lines touch their boxes.
struct Ports {
    /// On the right side of the left box.
    start: Vec<i64>,
    /// On the left side of the right box; for a loop, the second one on the right side.
    end: Vec<i64>,
}

impl Ports {
    fn new(columns: &Columns<'_>, rows: &[i64]) -> Self {
        let (mut right, mut left) = (vec![Vec::new(); columns.boxes.len()], vec![Vec::new(); columns.boxes.len()]);
        for (index, chain) in columns.chains.iter().enumerate() {
            let (start, end) = chain.ends();
            // Where it goes next decides the order: loops first, lines below all boxes last.
            let next = if chain.is_far { i64::MAX } else { rows[chain.items[1]] };
            let next = if chain.is_loop() { i64::MIN } else { next };
            right[start].push((next, index, false));
            if chain.is_loop() {
                right[start].push((next, index, true));
            } else {
                let before = if chain.is_far { i64::MAX } else { rows[chain.items[chain.items.len() - 2]] };
                left[end].push((before, chain.is_reversed, index));
            }
        }
        let count = columns.chains.len();
        let mut ports = Self { start: vec![0; count], end: vec![0; count] };
        for (one, mut lines) in right.into_iter().enumerate() {
            lines.sort_unstable();
            for (position, (_, index, is_second)) in lines.iter().enumerate() {
                let at = spread(rows[one], position, lines.len());
                if *is_second { ports.end[*index] = at } else { ports.start[*index] = at }
            }
        }
        for (one, mut lines) in left.into_iter().enumerate() {
            lines.sort_unstable();
            // All lines that arrive share the first port.
            let own = lines.iter().filter(|(_, is_reversed, _)| *is_reversed).count();
            let mut next = 1;
            for (_, is_reversed, index) in lines {
                let position = if is_reversed { next } else { 0 };
                next += usize::from(is_reversed);
                ports.end[index] = spread(rows[one], position, own + 1);
            }
        }
        ports
    }
}

/// One of several ports around the middle of a side.
fn spread(middle: i64, position: usize, count: usize) -> i64 {
    middle + whole(position) * PORT - (whole(count) - 1) * PORT / 2
}

/// Everything that decides where a line runs.
struct Known<'a> {
    columns: &'a Columns<'a>,
    rows: &'a [i64],
    extents: &'a [Extent],
    tracks: &'a Tracks,
    ports: &'a Ports,
}

/// From left to right.
fn points(chain: &Chain, known: &Known<'_>, index: usize) -> Vec<Point> {
    let (start, end) = chain.ends();
    let extent = |item: usize| known.extents[known.columns.items[item].column];
    let (from, to) = (extent(start), extent(end));
    let (y, last) = (known.ports.start[index], known.ports.end[index]);
    let mut points = vec![Point { x: from.right, y }, Point { x: from.end, y }];
    if chain.is_loop() {
        points.extend([Point { x: from.end, y: last }, Point { x: from.right, y: last }]);
        return points;
    }
    if chain.is_far {
        let y = known.tracks.of.get(&end).copied().unwrap_or(known.tracks.bottom);
        points.extend([Point { x: from.end + GAP, y }, Point { x: to.left - GAP, y }]);
    }
    for lane in &chain.items[1..chain.items.len() - 1] {
        let (Extent { left, end, .. }, y) = (extent(*lane), known.rows[*lane]);
        points.extend([Point { x: left, y }, Point { x: end, y }]);
    }
    points.push(Point { x: to.left, y: last });
    points
}
