//! The dispatcher's bookkeeping: which runs are in progress, which wait, and which is next. Does not wait and does not
//! use the store.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use super::super::claim::Capacity;
use super::super::failure::{Failure, Outcome};
use super::super::refusal::TOO_MANY_REQUESTS;
use super::super::runtime::Kind;
use super::super::settings::Concurrency;
use super::super::share::Demand;
use super::Permit;

/// The number of synchronous runs that may wait at the same time: half the number of connections, so that the server
/// still answers other requests. Each holds an event of up to 6 MB.
pub(super) const MOST_WAITING: usize = 512;

/// A synchronous run that waits for its turn.
pub(super) struct Waiter {
    pub(super) function_id: i64,
    /// The function's limit of concurrent runs.
    pub(super) limit: usize,
    /// Receives the permit, or the reason why there is none.
    pub(super) admitted: oneshot::Sender<Outcome<Permit>>,
}

pub(super) struct Places {
    concurrency: Concurrency,
    /// For each function with running or waiting runs.
    functions: HashMap<i64, Demand>,
    waiters: VecDeque<Waiter>,
    /// The kind of run that started last.
    served: Kind,
}

impl Places {
    pub(super) fn new(concurrency: Concurrency) -> Self {
        Self { concurrency, functions: HashMap::new(), waiters: VecDeque::new(), served: Kind::Sync }
    }

    /// Adds a waiting run, unless too many are waiting.
    pub(super) fn enter(&mut self, waiter: Waiter) {
        if self.waiters.len() >= MOST_WAITING {
            self.forget_gone();
        }
        if self.waiters.len() < MOST_WAITING {
            self.waiters.push_back(waiter);
            return;
        }
        let message = "too many requests wait for functions to run; try again later";
        // If the caller is gone, the answer is not needed.
        let _ = waiter.admitted.send(Err(Failure::refused(TOO_MANY_REQUESTS, message)));
    }

    /// Dismisses all waiting runs.
    pub(super) fn dismiss(&mut self) {
        self.waiters.clear();
    }

    pub(super) fn begin(&mut self, function_id: i64, kind: Kind) {
        self.served = kind;
        self.functions.entry(function_id).or_default().begin(kind);
    }

    pub(super) fn end(&mut self, function_id: i64, kind: Kind) {
        if let Some(demand) = self.functions.get_mut(&function_id) {
            demand.end(kind);
        }
    }

    /// Takes the next synchronous run that may run now: the first one of the function with the fewest runs.
    pub(super) fn next_waiter(&mut self) -> Option<Waiter> {
        if self.free() == 0 {
            return None;
        }
        let waiters = self.waiters.iter().enumerate();
        let may_run = waiters.filter(|(_, waiter)| self.running(waiter.function_id) < self.most_of(waiter));
        let next = may_run.min_by_key(|(position, waiter)| (self.running(waiter.function_id), *position));
        let position = next?.0;
        self.waiters.remove(position)
    }

    /// The capacity for asynchronous runs, besides the waiting synchronous ones. `after` is the function that was
    /// served last.
    pub(super) fn asynchronous_capacity(&mut self, after: i64) -> Capacity {
        self.count_waiters();
        let free = self.overall().asynchronous_share(self.free());
        Capacity { free, most_of_one: self.concurrency.per_function, functions: self.functions.clone(), after }
    }

    fn running(&self, function_id: i64) -> usize {
        self.functions.get(&function_id).map_or(0, Demand::running)
    }

    fn most_of(&self, waiter: &Waiter) -> usize {
        waiter.limit.min(self.concurrency.per_function)
    }

    fn free(&self) -> usize {
        let running: usize = self.functions.values().map(Demand::running).sum();
        self.concurrency.total.saturating_sub(running)
    }

    fn forget_gone(&mut self) {
        self.waiters.retain(|waiter| !waiter.admitted.is_closed());
    }

    /// Counts waiting runs, and forgets functions that have neither running nor waiting runs.
    fn count_waiters(&mut self) {
        self.forget_gone();
        self.functions.values_mut().for_each(|demand| demand.waiting = 0);
        for waiter in &self.waiters {
            self.functions.entry(waiter.function_id).or_default().waiting += 1;
        }
        self.functions.retain(|_, demand| demand.running() + demand.waiting > 0);
    }

    /// The demand of all functions together. Waiting runs count only as far as their function's limit allows.
    fn overall(&self) -> Demand {
        let limits: HashMap<i64, usize> =
            self.waiters.iter().map(|waiter| (waiter.function_id, self.most_of(waiter))).collect();
        let mut all = Demand { served: self.served, ..Demand::default() };
        for (function_id, demand) in &self.functions {
            all.synchronous += demand.synchronous;
            all.asynchronous += demand.asynchronous;
            let limit = limits.get(function_id).copied().unwrap_or_default();
            all.waiting += demand.waiting.min(limit.saturating_sub(demand.running()));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(total: usize, per_function: usize) -> Places {
        Places::new(Concurrency { total, per_function })
    }

    fn waiter(function_id: i64) -> (Waiter, oneshot::Receiver<Outcome<Permit>>) {
        let (admitted, permit) = oneshot::channel();
        (Waiter { function_id, limit: usize::MAX, admitted }, permit)
    }

    #[test]
    fn the_function_with_the_fewest_runs_is_next() {
        let mut places = places(3, 2);
        let (waiters, _permits): (Vec<_>, Vec<_>) = [1, 1, 1, 2].map(waiter).into_iter().unzip();
        for waiter in waiters {
            places.enter(waiter);
        }
        let mut served = Vec::new();
        while let Some(waiter) = places.next_waiter() {
            places.begin(waiter.function_id, Kind::Sync);
            served.push(waiter.function_id);
        }
        assert_eq!(served, [1, 2, 1]);
        places.end(2, Kind::Sync);
        assert!(places.next_waiter().is_none(), "a function has at most two runs");
        places.end(1, Kind::Sync);
        assert_eq!(places.next_waiter().map(|waiter| waiter.function_id), Some(1));
    }

    #[test]
    fn waiting_is_limited_and_callers_that_leave_make_room() {
        let mut places = places(1, 1);
        places.begin(1, Kind::Sync);
        let enter = |places: &mut Places| {
            let (waiter, permit) = waiter(1);
            places.enter(waiter);
            permit
        };
        let mut permits: Vec<_> = (0..MOST_WAITING).map(|_| enter(&mut places)).collect();
        let is_refused = |permit: &mut oneshot::Receiver<Outcome<Permit>>| matches!(permit.try_recv(), Ok(Err(Failure::Refused(refusal))) if refusal.code == TOO_MANY_REQUESTS);
        assert!(is_refused(&mut enter(&mut places)));
        assert!(!permits.iter_mut().any(is_refused));
        permits.pop();
        assert!(!is_refused(&mut enter(&mut places)));
    }
}
