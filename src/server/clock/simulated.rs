//! A clock whose time passes only on command, so that a simulated day takes only as long as its work.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use jiff::Timestamp;

use super::super::activity::{Activity, Work};
use super::{Clock, Source};

/// Moves simulated time. A server with [`Simulation::clock`] does all work that needs no waiting at once, and then
/// waits until time passes.
pub struct Simulation {
    simulated: Arc<Simulated>,
    activity: Activity,
}

impl Simulation {
    pub fn new(start: Timestamp) -> Self {
        Self { simulated: Arc::new(Simulated::new(start)), activity: Activity::default() }
    }

    pub fn clock(&self) -> Clock {
        Clock { source: Source::Simulated(Arc::clone(&self.simulated)), activity: self.activity.clone() }
    }

    /// Waits until no work is in progress, and then moves to the next date that something waits for, but not beyond
    /// `end`. Returns whether something waited for such a date.
    pub async fn advance(&self, end: Timestamp) -> bool {
        self.activity.rests().reached().await;
        self.simulated.advance(end, &self.activity)
    }
}

pub(super) struct Simulated(Mutex<State>);

struct State {
    now: Timestamp,
    next_id: u64,
    waiting: BTreeMap<(Timestamp, u64), Waker>,
    /// Waits that are over but have not noticed it yet. They count as work in progress.
    woken: HashMap<u64, Work>,
}

/// A wait that ends when this is dropped.
struct Wait<'a> {
    simulated: &'a Simulated,
    date: Timestamp,
    id: u64,
}

impl Simulated {
    fn new(now: Timestamp) -> Self {
        Self(Mutex::new(State { now, next_id: 0, waiting: BTreeMap::new(), woken: HashMap::new() }))
    }

    pub(super) fn now(&self) -> Timestamp {
        self.lock().now
    }

    pub(super) async fn sleep_until(&self, date: Timestamp, activity: &Activity) -> Work {
        let wait = Wait { simulated: self, date, id: self.new_id() };
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            if let Some(work) = state.woken.remove(&wait.id) {
                return Poll::Ready(work);
            }
            if date <= state.now {
                return Poll::Ready(activity.begin());
            }
            state.waiting.insert((wait.date, wait.id), context.waker().clone());
            Poll::Pending
        })
        .await
    }

    fn advance(&self, end: Timestamp, activity: &Activity) -> bool {
        let mut state = self.lock();
        let next = state.waiting.first_key_value().map(|((date, _), _)| *date).filter(|date| *date <= end);
        let Some(next) = next else {
            state.now = state.now.max(end);
            return false;
        };
        state.now = state.now.max(next);
        while let Some(entry) = state.waiting.first_entry()
            && entry.key().0 <= next
        {
            let ((_, id), waker) = entry.remove_entry();
            state.woken.insert(id, activity.begin());
            waker.wake();
        }
        true
    }

    fn new_id(&self) -> u64 {
        let mut state = self.lock();
        state.next_id += 1;
        state.next_id
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut state = self.simulated.lock();
        state.waiting.remove(&(self.date, self.id));
        let woken = state.woken.remove(&self.id);
        drop(state);
        // Waiting for a rest may read the clock, so unlock it first.
        drop(woken);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::after;
    use super::*;

    #[tokio::test]
    async fn time_passes_from_date_to_date_while_nothing_is_under_way() {
        let start = Timestamp::UNIX_EPOCH;
        let simulation = Simulation::new(start);
        let clock = simulation.clock();
        let end = after(start, Duration::from_hours(24));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                let mut dates = Vec::new();
                for hours in [1, 5] {
                    let _work = clock.sleep(Duration::from_hours(hours)).await;
                    dates.push(clock.now());
                }
                dates
            }
        });
        // The sleeper starts to wait before time passes.
        tokio::task::yield_now().await;
        assert!(simulation.advance(end).await);
        assert!(simulation.advance(end).await);
        assert!(!simulation.advance(end).await);
        let hours = |hours| after(start, Duration::from_hours(hours));
        assert_eq!((sleeper.await.expect("it ends"), clock.now()), (vec![hours(1), hours(6)], end));
    }

    #[tokio::test]
    async fn a_dropped_wait_does_not_stop_time() {
        let simulation = Simulation::new(Timestamp::UNIX_EPOCH);
        let clock = simulation.clock();
        assert!(futures_util::poll!(std::pin::pin!(clock.sleep(Duration::from_secs(1)))).is_pending());
        assert!(!simulation.advance(after(clock.now(), Duration::from_hours(1))).await);
        assert_eq!(simulation.activity.rests().reached().await, ());
    }
}
