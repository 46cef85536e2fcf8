//! The order of boxes and passing lines in each column, so that few lines cross.

use super::layers::{Layers, oriented};
use super::{Line, Size};

/// A line that passes more columns than this runs below all boxes instead. It keeps the number of items linear.
const FAR: usize = 6;
/// How often the columns are ordered by their neighbours.
const SWEEPS: usize = 8;
/// The distance of lines at a box.
pub(super) const PORT: i64 = 20;
/// The height that a passing line takes.
const LANE: i64 = 6;

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) column: usize,
    pub(super) height: i64,
    pub(super) is_lane: bool,
}

/// A line by what it touches, from left to right.
#[derive(Debug)]
pub(super) struct Chain {
    /// The boxes at its ends, and the items between them.
    pub(super) items: Vec<usize>,
    pub(super) label: i64,
    pub(super) is_reversed: bool,
    pub(super) is_far: bool,
}

pub(super) struct Columns<'a> {
    pub(super) boxes: &'a [Size],
    /// The boxes first, then the lines that pass a column.
    pub(super) items: Vec<Item>,
    /// The items of each column, from top to bottom.
    pub(super) stacks: Vec<Vec<usize>>,
    pub(super) chains: Vec<Chain>,
    /// The items in the next column and in the one before, for each item.
    pub(super) right: Vec<Vec<usize>>,
    pub(super) left: Vec<Vec<usize>>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(boxes: &'a [Size], lines: &[Line], layers: &Layers) -> Self {
        let item_of = |(column, size): (&usize, &Size)| Item { column: *column, height: size.height, is_lane: false };
        let mut items: Vec<Item> = layers.of.iter().zip(boxes).map(item_of).collect();
        let mut chains = Vec::new();
        for (line, is_reversed) in lines.iter().zip(&layers.is_reversed) {
            let (start, end) = oriented(line, *is_reversed);
            let passed = layers.of[start] + 1..layers.of[end].max(layers.of[start] + 1);
            let is_far = passed.len() > FAR;
            let passing = if is_far { 0..0 } else { items.len()..items.len() + passed.len() };
            if !is_far {
                items.extend(passed.map(|column| Item { column, height: LANE, is_lane: true }));
            }
            let items = std::iter::once(start).chain(passing).chain([end]).collect();
            chains.push(Chain { items, label: line.label, is_reversed: *is_reversed, is_far });
        }
        let (mut right, mut left) = (vec![Vec::new(); items.len()], vec![Vec::new(); items.len()]);
        for chain in chains.iter().filter(|chain| !chain.is_far && !chain.is_loop()) {
            for pair in chain.items.windows(2) {
                right[pair[0]].push(pair[1]);
                left[pair[1]].push(pair[0]);
            }
        }
        let mut stacks = vec![Vec::new(); items.iter().map(|item| item.column + 1).max().unwrap_or_default()];
        for (index, item) in items.iter().enumerate() {
            stacks[item.column].push(index);
        }
        let mut columns = Self { boxes, items, stacks, chains, right, left };
        columns.raise();
        columns
    }

    /// Makes room for all lines at the sides of each box.
    fn raise(&mut self) {
        let mut ports = vec![(0, 0); self.boxes.len()];
        for chain in &self.chains {
            let (start, end) = chain.ends();
            ports[start].0 += if chain.is_loop() { 2 } else { 1 };
            ports[end].1 += i64::from(chain.is_reversed);
        }
        for (item, (right, left)) in self.items.iter_mut().zip(ports) {
            // On the left, all lines that arrive share one port.
            item.height = item.height.max(right.max(left + 1) * PORT);
        }
    }

    /// Sorts each column by the mean position of its neighbours, forwards and backwards in turn.
    pub(super) fn order(&mut self) {
        let mut at = vec![0; self.items.len()];
        for column in &self.stacks {
            number(column, &mut at);
        }
        let count = self.stacks.len();
        for sweep in 0..SWEEPS {
            for step in 0..count {
                let (column, neighbours) =
                    if sweep % 2 == 0 { (step, &self.left) } else { (count - 1 - step, &self.right) };
                let key = |item: &usize| {
                    let all = &neighbours[*item];
                    let total: i64 = all.iter().map(|one| at[*one]).sum();
                    // Positions are multiplied to keep their mean a whole number.
                    let mean = if all.is_empty() { at[*item] * 1000 } else { total * 1000 / whole(all.len()) };
                    (mean, at[*item])
                };
                self.stacks[column].sort_by_cached_key(key);
                number(&self.stacks[column], &mut at);
            }
        }
    }
}

impl Chain {
    /// The boxes at the left and the right end.
    pub(super) fn ends(&self) -> (usize, usize) {
        (self.items[0], self.items[self.items.len() - 1])
    }

    pub(super) fn is_loop(&self) -> bool {
        let (start, end) = self.ends();
        start == end
    }
}

fn number(column: &[usize], at: &mut [i64]) {
    for (position, item) in column.iter().enumerate() {
        at[*item] = whole(position);
    }
}

/// A count as a coordinate.
pub(super) fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
