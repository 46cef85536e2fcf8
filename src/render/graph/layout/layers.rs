//! Which column each box is in: to the right of every box that has a line to it, except where lines form a cycle.

use super::Line;

pub(super) struct Layers {
    /// The column of each box.
    pub(super) of: Vec<usize>,
    /// The lines that run from right to left, because they close a cycle.
    pub(super) is_reversed: Vec<bool>,
}

impl Layers {
    pub(super) fn new(boxes: usize, lines: &[Line]) -> Self {
        let is_reversed = reversed(boxes, lines);
        let ends: Vec<(usize, usize)> =
            lines.iter().zip(&is_reversed).map(|(line, reversed)| oriented(line, *reversed)).collect();
        let mut of = longest(boxes, &ends);
        // A source stands next to the first box that it leads to.
        let mut first = vec![usize::MAX; boxes];
        let mut has_line_in = vec![false; boxes];
        for (left, right) in ends.iter().filter(|(left, right)| left != right) {
            first[*left] = first[*left].min(of[*right]);
            has_line_in[*right] = true;
        }
        for one in (0..boxes).filter(|one| !has_line_in[*one] && first[*one] != usize::MAX) {
            of[one] = first[one] - 1;
        }
        Self { of, is_reversed }
    }
}

/// The left and the right end of a line.
pub(super) fn oriented(line: &Line, is_reversed: bool) -> (usize, usize) {
    if is_reversed { (line.to, line.from) } else { (line.from, line.to) }
}

/// The lines to a box that a depth-first search has not left yet. Without them, there is no cycle.
fn reversed(boxes: usize, lines: &[Line]) -> Vec<bool> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Left,
    }
    let mut out = vec![Vec::new(); boxes];
    let mut has_line_in = vec![false; boxes];
    for (index, line) in lines.iter().enumerate().filter(|(_, line)| line.from != line.to) {
        out[line.from].push(index);
        has_line_in[line.to] = true;
    }
    let mut reversed = vec![false; lines.len()];
    let mut states = vec![State::New; boxes];
    let (sources, others): (Vec<usize>, Vec<usize>) = (0..boxes).partition(|one| !has_line_in[*one]);
    for start in sources.into_iter().chain(others) {
        let mut open = if states[start] == State::New { vec![(start, 0)] } else { Vec::new() };
        while let Some((one, next)) = open.pop() {
            states[one] = State::Open;
            let Some(index) = out[one].get(next) else {
                states[one] = State::Left;
                continue;
            };
            open.push((one, next + 1));
            let to = lines[*index].to;
            match states[to] {
                State::New => open.push((to, 0)),
                State::Open => reversed[*index] = true,
                State::Left => {}
            }
        }
    }
    reversed
}

/// The length of the longest way to each box.
fn longest(boxes: usize, ends: &[(usize, usize)]) -> Vec<usize> {
    let mut out = vec![Vec::new(); boxes];
    let mut missing = vec![0; boxes];
    for (left, right) in ends.iter().filter(|(left, right)| left != right) {
        out[*left].push(*right);
        missing[*right] += 1;
    }
    let mut of = vec![0; boxes];
    let mut ready: Vec<usize> = (0..boxes).filter(|one| missing[*one] == 0).collect();
    while let Some(one) = ready.pop() {
        for to in &out[one] {
            of[*to] = of[*to].max(of[one] + 1);
            missing[*to] -= 1;
            if missing[*to] == 0 {
                ready.push(*to);
            }
        }
    }
    of
}
