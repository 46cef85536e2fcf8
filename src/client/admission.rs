//! Admits requests in arrival order, as concurrency and pacing allow. It only waits; `pacing` makes the decisions.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::pacing::{Limit, Pace, Reason, Wait};

/// The admission state that all requests of a client share.
#[derive(Debug)]
pub(super) struct Admission {
    /// One permit for each concurrent request.
    permits: Semaphore,
    /// Held by the next request in line, so that requests keep their order.
    queue: tokio::sync::Mutex<()>,
    pace: Mutex<Pace>,
    /// The number of requests that are known to follow.
    expected: AtomicU64,
    /// The number of requests that have ended.
    done: AtomicU64,
    /// Whether waiting has been stopped.
    hurried: watch::Sender<bool>,
}

/// The requests of a client at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    pub done: u64,
    /// About how many are still to come.
    pub expected: u64,
    /// The time that these take at least, at the pace that the service allows.
    pub left: Duration,
    /// The wait of the next request.
    pub wait: Option<Wait>,
}

impl Admission {
    pub(super) fn new(concurrency: usize, max_requests_per_second: Option<u32>) -> Self {
        Self {
            permits: Semaphore::new(concurrency.max(1)),
            queue: tokio::sync::Mutex::default(),
            pace: Mutex::new(Pace::new(max_requests_per_second)),
            expected: AtomicU64::new(0),
            done: AtomicU64::new(0),
            hurried: watch::Sender::new(false),
        }
    }

    /// Returns when a request may be sent. It then counts as sent, and holds its place until the permit is dropped.
    pub(super) async fn admit(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        let _queue = self.queue.lock().await;
        loop {
            let now = Instant::now();
            let due = self.pace().due(now);
            if due <= now || self.are_hurried() {
                self.pace().record(now);
                return permit;
            }
            // A limit learned in the meantime moves the time, so check again.
            tokio::select! {
                () = sleep_until(due) => {}
                () = self.hurry() => {}
            }
        }
    }

    /// Waits, and returns whether to continue.
    pub(super) async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.hurry() => false,
            () = sleep(wait) => true,
        }
    }

    /// Returns whether the limit is new.
    pub(super) fn learn(&self, limit: Limit) -> bool {
        self.pace().learn(limit)
    }

    pub(super) fn learned(&self) -> Option<Limit> {
        self.pace().learned()
    }

    /// Holds back all requests for `wait`. Returns whether none were held back before.
    pub(super) fn hold(&self, wait: Duration, reason: Reason) -> bool {
        let now = Instant::now();
        self.pace().hold(now, now + wait, reason)
    }

    pub(super) fn traffic(&self) -> Traffic {
        let pace = self.pace();
        let (done, expected) = (self.done.load(Ordering::Relaxed), self.expected());
        let left = pace.learned().map(|limit| limit.time_for(expected)).unwrap_or_default();
        Traffic { done, expected, left, wait: pace.wait(Instant::now()).filter(|_| !self.are_hurried()) }
    }

    pub(super) fn announce_requests(&self, requests: u64) {
        self.expected.store(requests, Ordering::Relaxed);
    }

    pub(super) fn announce_request(&self) {
        self.expected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn expected(&self) -> u64 {
        self.expected.load(Ordering::Relaxed)
    }

    /// One request has ended, whether or not it was expected.
    pub(super) fn done(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let one_less = |expected: u64| Some(expected.saturating_sub(1));
        let _ = self.expected.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
    }

    pub(super) fn stop_waiting(&self) {
        self.hurried.send_replace(true);
    }

    pub(super) fn are_hurried(&self) -> bool {
        *self.hurried.borrow()
    }

    async fn hurry(&self) {
        // The channel stays open, because this struct owns the sender.
        let _ = self.hurried.subscribe().wait_for(|hurried| *hurried).await;
    }

    /// The lock is never poisoned in a bad state: no code panics while it holds the lock.
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;
    use std::sync::Arc;

    /// Waits for at most a day of the test's virtual time, which passes when all tasks are idle.
    async fn in_time<T>(future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_hours(24), future).await.expect("it ends within a day")
    }

    const LIMIT: Limit = Limit { requests: 10, window: Duration::from_mins(1) };

    #[tokio::test(start_paused = true)]
    async fn requests_keep_to_a_learned_limit() {
        let admission = Admission::new(10, None);
        admission.learn(LIMIT);
        let started = Instant::now();
        for _ in 0..25 {
            in_time(admission.admit()).await;
        }
        let minutes = started.elapsed().as_secs() / 60;
        assert_eq!(minutes, 2, "two windows pass before the third is used");
    }

    #[tokio::test(start_paused = true)]
    async fn requests_that_were_held_back_keep_their_order() {
        let admission = Arc::new(Admission::new(10, None));
        admission.hold(Duration::from_secs(5), Reason::Refused);
        let (sender, mut order) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..5 {
            let (admission, sender) = (Arc::clone(&admission), sender.clone());
            tokio::spawn(async move {
                let _place = admission.admit().await;
                sender.send(number)
            });
            tokio::task::yield_now().await;
        }
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.extend(in_time(order.recv()).await);
        }
        assert_eq!(seen, [0, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn concurrency_is_limited() {
        let admission = Admission::new(2, None);
        let (first, _second) = (admission.admit().await, admission.admit().await);
        let mut third = pin!(admission.admit());
        assert!(poll!(third.as_mut()).is_pending());
        drop(first);
        assert!(poll!(third).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_ends_every_wait() {
        let admission = Arc::new(Admission::new(10, None));
        admission.hold(Duration::from_hours(1), Reason::Refused);
        let waiting = [Arc::clone(&admission), Arc::clone(&admission)];
        let [first, second] = waiting.map(|admission| tokio::spawn(async move { admission.admit().await.is_some() }));
        let pausing = tokio::spawn({
            let admission = Arc::clone(&admission);
            async move { admission.pause(Duration::from_hours(1)).await }
        });
        tokio::task::yield_now().await;
        let started = Instant::now();
        admission.stop_waiting();
        in_time(first).await.expect("it goes");
        in_time(second).await.expect("it goes");
        assert!(!in_time(pausing).await.expect("it ends"), "a retry fails");
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
