//! Counts the work in progress in a server, so that others can wait until there is none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, watch};

/// Counts work in progress.
#[derive(Clone, Default)]
pub(crate) struct Activity(Arc<State>);

#[derive(Default)]
struct State {
    under_way: AtomicUsize,
    /// How often the count has reached zero.
    rests: watch::Sender<u64>,
}

/// Work in progress until this is dropped. If work causes more work, the new work begins before the old one ends.
#[must_use]
pub(crate) struct Work(Arc<State>);

impl Activity {
    pub(crate) fn begin(&self) -> Work {
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        Work(Arc::clone(&self.0))
    }

    pub(crate) fn rests(&self) -> Rests {
        Rests { state: Arc::clone(&self.0), seen: self.0.rests.subscribe() }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if self.0.under_way.fetch_sub(1, Ordering::SeqCst) == 1 {
            self.0.rests.send_modify(|rests| *rests = rests.wrapping_add(1));
        }
    }
}

/// Ends work and then waits forever. Use it as the last branch of a biased `select!`: it ends a loop's work once all
/// other branches are waiting, so the count never drops to zero too early.
pub(crate) async fn end(work: &mut Vec<Work>) -> std::convert::Infallible {
    work.clear();
    std::future::pending().await
}

/// Waits for moments without work in progress.
pub(crate) struct Rests {
    state: Arc<State>,
    seen: watch::Receiver<u64>,
}

impl Rests {
    /// Waits until no work is in progress.
    pub(crate) async fn reached(&mut self) {
        loop {
            self.seen.borrow_and_update();
            if self.state.under_way.load(Ordering::SeqCst) == 0 {
                return;
            }
            self.next().await;
        }
    }

    /// Waits for a moment after the last one.
    pub(crate) async fn next(&mut self) {
        // The sender is part of the state, so it exists.
        let _ = self.seen.changed().await;
    }
}

/// Wakes a loop that has something to do. Until the loop notices, any number of rings counts as one, and as work in
/// progress.
pub(crate) struct Bell {
    activity: Activity,
    ringing: Mutex<Option<Work>>,
    rung: Notify,
}

impl Bell {
    pub(crate) fn new(activity: Activity) -> Self {
        Self { activity, ringing: Mutex::default(), rung: Notify::new() }
    }

    pub(crate) fn ring(&self) {
        let mut ringing = self.ringing.lock().unwrap_or_else(PoisonError::into_inner);
        if ringing.is_none() {
            *ringing = Some(self.activity.begin());
            self.rung.notify_one();
        }
    }

    /// Waits until it rings. Work is in progress until the result is dropped.
    pub(crate) async fn heard(&self) -> Work {
        loop {
            self.rung.notified().await;
            if let Some(work) = self.ringing.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return work;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn a_rest_begins_when_the_last_work_ends() {
        let activity = Activity::default();
        let mut rests = activity.rests();
        rests.reached().await;
        let (first, second) = (activity.begin(), activity.begin());
        {
            let mut reached = pin!(rests.reached());
            assert!(poll!(reached.as_mut()).is_pending());
            drop(first);
            assert!(poll!(reached.as_mut()).is_pending());
            drop(second);
            assert!(poll!(reached).is_ready());
        }
        let mut next = pin!(rests.next());
        assert!(poll!(next.as_mut()).is_pending(), "a rest is reached only once");
        drop(activity.begin());
        assert!(poll!(next).is_ready());
    }

    #[tokio::test]
    async fn a_ring_is_work_until_the_loop_is_done() {
        let activity = Activity::default();
        let (bell, mut rests) = (Bell::new(activity.clone()), activity.rests());
        bell.ring();
        bell.ring();
        assert!(poll!(pin!(rests.reached())).is_pending());
        let work = bell.heard().await;
        assert!(poll!(pin!(rests.reached())).is_pending());
        assert!(poll!(pin!(bell.heard())).is_pending(), "two rings count as one");
        drop(work);
        assert!(poll!(pin!(rests.reached())).is_ready());
    }
}
