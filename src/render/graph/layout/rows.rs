//! The height at which each item stands: close to its neighbours, in the order of its column, without overlaps.

use super::SPACE;
use super::columns::Columns;

const SWEEPS: usize = 6;
/// How much more a passing line counts than a box, so that it runs straight.
const STRAIGHT: i64 = 8;

/// The middle of each item.
pub(super) fn rows(columns: &Columns<'_>) -> Vec<i64> {
    let mut middles = vec![0; columns.items.len()];
    for column in &columns.stacks {
        settle(columns, column, &mut middles);
    }
    let count = columns.stacks.len();
    for sweep in 0..SWEEPS {
        for step in 0..count {
            let (column, neighbours) =
                if sweep % 2 == 0 { (step, &columns.left) } else { (count - 1 - step, &columns.right) };
            let column = &columns.stacks[column];
            for item in column {
                let all = &neighbours[*item];
                if !all.is_empty() {
                    middles[*item] =
                        all.iter().map(|one| middles[*one]).sum::<i64>().div_euclid(super::columns::whole(all.len()));
                }
            }
            settle(columns, column, &mut middles);
        }
    }
    let top = (0..middles.len()).map(|item| middles[item] - columns.items[item].height / 2).min().unwrap_or_default();
    middles.iter().map(|middle| middle - top).collect()
}

/// Items that share one displacement, because they would overlap otherwise.
struct Block {
    total: i64,
    weight: i64,
    items: usize,
}

impl Block {
    const fn shift(&self) -> i64 {
        self.total.div_euclid(self.weight)
    }
}

/// Moves the items of a column as little as possible (by least squares) so that they keep their order and distances:
/// isotonic regression, by pooling neighbours that overlap.
fn settle(columns: &Columns<'_>, column: &[usize], middles: &mut [i64]) {
    let mut stacked = Vec::with_capacity(column.len());
    let mut bottom = 0;
    for item in column {
        let height = columns.items[*item].height;
        stacked.push(bottom + height / 2);
        bottom += height + SPACE;
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (item, stacked) in column.iter().zip(&stacked) {
        let weight = if columns.items[*item].is_lane { STRAIGHT } else { 1 };
        let mut block = Block { total: (middles[*item] - stacked) * weight, weight, items: 1 };
        while let Some(last) = blocks.pop_if(|last| last.shift() >= block.shift()) {
            block = Block {
                total: last.total + block.total,
                weight: last.weight + block.weight,
                items: last.items + block.items,
            };
        }
        blocks.push(block);
    }
    let shifts = blocks.iter().flat_map(|block| std::iter::repeat_n(block.shift(), block.items));
    for ((item, stacked), shift) in column.iter().zip(stacked).zip(shifts) {
        middles[*item] = stacked + shift;
    }
}
