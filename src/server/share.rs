//! Shares places between synchronous and asynchronous runs: the kind with fewer runs goes first.

use super::runtime::Kind;

/// The running and waiting runs of one function, or of all.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// The number of synchronous runs.
    pub(crate) synchronous: usize,
    /// The number of asynchronous runs.
    pub(crate) asynchronous: usize,
    /// The number of synchronous runs that wait for a place. The store counts the asynchronous ones.
    pub(crate) waiting: usize,
    /// The kind that got the last place.
    pub(crate) served: Kind,
}

impl Default for Demand {
    fn default() -> Self {
        Self { synchronous: 0, asynchronous: 0, waiting: 0, served: Kind::Sync }
    }
}

impl Demand {
    pub(crate) fn running(&self) -> usize {
        self.synchronous + self.asynchronous
    }

    /// How many of the free places asynchronous runs may take. The others are for waiting synchronous runs.
    ///
    /// Each place goes to the kind with fewer runs, and if both have the same number, to the one that was not served
    /// last. Neither kind waits for a place that the other does not need.
    pub(crate) fn asynchronous_share(self, free: usize) -> usize {
        let mut after = self;
        for _ in 0..free {
            if after.waiting == 0 {
                after.asynchronous += 1;
                continue;
            }
            let kind = match after.synchronous.cmp(&after.asynchronous) {
                std::cmp::Ordering::Less => Kind::Sync,
                std::cmp::Ordering::Greater => Kind::Async,
                std::cmp::Ordering::Equal => after.served.other(),
            };
            after.begin(kind);
        }
        after.asynchronous - self.asynchronous
    }

    /// Records the start of a run.
    pub(crate) fn begin(&mut self, kind: Kind) {
        self.served = kind;
        match kind {
            Kind::Sync => {
                self.synchronous += 1;
                self.waiting = self.waiting.saturating_sub(1);
            }
            Kind::Async => self.asynchronous += 1,
        }
    }

    /// Records the end of a run.
    pub(crate) fn end(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Sync => &mut self.synchronous,
            Kind::Async => &mut self.asynchronous,
        };
        *count = count.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(free: usize, synchronous: usize, asynchronous: usize, waiting: usize) -> usize {
        Demand { synchronous, asynchronous, waiting, served: Kind::Sync }.asynchronous_share(free)
    }

    #[test]
    fn each_kind_gets_half_if_both_need_everything() {
        assert_eq!(share(16, 0, 0, 100), 8);
        assert_eq!(share(8, 8, 0, 100), 8);
        assert_eq!(share(8, 0, 8, 100), 0);
        assert_eq!(share(1, 8, 7, 100), 1);
        assert_eq!(share(1, 15, 0, 100), 1);
    }

    #[test]
    fn places_that_one_kind_does_not_need_go_to_the_other() {
        assert_eq!(share(16, 0, 0, 0), 16);
        assert_eq!(share(16, 0, 0, 3), 13);
        assert_eq!(share(0, 3, 3, 3), 0);
    }

    #[test]
    fn a_single_place_is_used_in_turns() {
        let mut demand = Demand { waiting: 10, ..Demand::default() };
        let mut served = Vec::new();
        for _ in 0..4 {
            let kind = if demand.asynchronous_share(1) == 1 { Kind::Async } else { Kind::Sync };
            demand.begin(kind);
            demand.end(kind);
            served.push(kind);
        }
        assert_eq!(served, [Kind::Async, Kind::Sync, Kind::Async, Kind::Sync]);
    }
}
