//! Warm workers between their calls, and how many workers there may be in all.
//!
//! Whoever runs a function holds a slot; workers that wait for a call have none, and make room where slots and they
//! together would be too many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::super::super::clock::{Clock, after};
use super::super::{Deployment, Fault};
use super::worker::Worker;

pub(super) struct Pool {
    workers: usize,
    slots: Arc<Semaphore>,
    clock: Clock,
    /// Those that have waited longest are first.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    worker: Worker,
    urn: String,
    revision: String,
    since: Timestamp,
}

impl Pool {
    /// `workers` may live at one time; it is at least one.
    pub(super) fn new(workers: usize, clock: Clock) -> Self {
        let workers = workers.max(1);
        Self { workers, slots: Arc::new(Semaphore::new(workers)), clock, idle: Mutex::default() }
    }

    /// Waits until one more function may run, in the order of asking. It fails where the server ends.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Fault::canceled())
    }

    /// A warm worker of this revision, if there is one, for whoever holds a slot. Those of other revisions of the
    /// function end, and so do as many of other functions as leave room for a new one.
    pub(super) fn take(&self, deployment: &Deployment) -> Option<Worker> {
        let Deployment { identity, revision, .. } = deployment;
        let mut idle = self.idle();
        idle.retain_mut(|idle| {
            let retired = idle.urn == identity.urn && idle.revision != *revision;
            !retired && idle.worker.is_usable()
        });
        // The last one in is the one whose memory is most likely still in caches.
        let warm = idle.iter().rposition(|idle| idle.urn == identity.urn).and_then(|position| idle.remove(position));
        let busy = self.workers - self.slots.available_permits();
        while idle.len() + busy > self.workers {
            idle.pop_front();
        }
        warm.map(|idle| idle.worker)
    }

    /// Keeps a worker for another call, while whoever gives it still holds a slot.
    pub(super) fn keep(&self, worker: Worker, deployment: &Deployment) {
        if self.slots.is_closed() {
            return;
        }
        let (urn, revision) = (deployment.identity.urn.clone(), deployment.revision.clone());
        self.idle().push_back(Idle { worker, urn, revision, since: self.clock.now() });
    }

    /// Ends workers that have waited longer than this.
    pub(super) fn end_idle(&self, age: Duration) {
        let now = self.clock.now();
        self.idle().retain(|idle| after(idle.since, age) >= now);
    }

    /// Ends all that wait, and lets nothing run any more.
    pub(super) fn close(&self) {
        self.slots.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
