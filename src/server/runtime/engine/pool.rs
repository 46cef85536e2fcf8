//! Keeps warm workers between calls, and limits the total number of workers.
//!
//! A running function holds a slot. Idle workers hold none, and are ended if slots and idle workers together exceed the
//! limit.

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
    /// Sorted by idle time, longest first.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    worker: Worker,
    urn: String,
    revision: String,
    since: Timestamp,
}

impl Pool {
    /// At most `workers` can exist at the same time. The number is at least one.
    pub(super) fn new(workers: usize, clock: Clock) -> Self {
        let workers = workers.max(1);
        Self { workers, slots: Arc::new(Semaphore::new(workers)), clock, idle: Mutex::default() }
    }

    /// Waits until another function may run, in request order. Fails if the server stops.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, Fault> {
        Arc::clone(&self.slots).acquire_owned().await.map_err(|_| Fault::canceled())
    }

    /// Takes a warm worker of this revision, if there is one. The caller must hold a slot. Ends workers of the
    /// function's other revisions, and as many workers of other functions as needed for a new one.
    pub(super) fn take(&self, deployment: &Deployment) -> Option<Worker> {
        let Deployment { identity, revision, .. } = deployment;
        let mut idle = self.idle();
        idle.retain_mut(|idle| {
            let retired = idle.urn == identity.urn && idle.revision != *revision;
            !retired && !idle.worker.has_exited()
        });
        let mut warm = None;
        while warm.is_none() {
            // Use the most recent one, because its memory is most likely still cached.
            let Some(last) = idle.iter().rposition(|idle| idle.urn == identity.urn) else { break };
            warm = idle.remove(last).map(|idle| idle.worker).and_then(usable);
        }
        let busy = self.workers - self.slots.available_permits();
        while idle.len() + busy > self.workers {
            idle.pop_front();
        }
        warm
    }

    /// Keeps a worker for another call. The caller must still hold its slot.
    pub(super) fn keep(&self, worker: Worker, deployment: &Deployment) {
        if self.slots.is_closed() {
            return;
        }
        let (urn, revision) = (deployment.identity.urn.clone(), deployment.revision.clone());
        self.idle().push_back(Idle { worker, urn, revision, since: self.clock.now() });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.idle().is_empty()
    }

    /// Ends workers that have been idle longer than `age`.
    pub(super) fn end_idle(&self, age: Duration) {
        let now = self.clock.now();
        self.idle().retain(|idle| after(idle.since, age) >= now);
    }

    /// Ends all idle workers and prevents further runs.
    pub(super) fn close(&self) {
        self.slots.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn usable(mut worker: Worker) -> Option<Worker> {
    worker.is_usable().then_some(worker)
}
