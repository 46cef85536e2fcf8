//! Deletes old data in the background.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::super::activity::{self, Bell, Work};
use super::super::clock::{after, date};
use super::super::core::Core;
use super::super::store::retention::{self, Swept};

/// The shortest time between two sweeps, so that one sweep covers several changes.
const PAUSE: Duration = Duration::from_mins(1);

pub(super) struct Sweeper {
    pub(super) core: Arc<Core>,
    /// Rings when there may be more to delete.
    pub(super) changed: Arc<Bell>,
}

impl Sweeper {
    pub(super) async fn run(self, ended: CancellationToken) {
        let core = &self.core;
        let mut work = vec![core.begin_work()];
        loop {
            let next = self.sweep().await;
            tokio::select! {
                biased;
                () = ended.cancelled() => return,
                begun = core.clock.sleep_until_next(next) => work.push(begun),
                begun = self.changed() => work.push(begun),
                never = activity::end(&mut work) => match never {},
            }
        }
    }

    /// Waits for a change, and then for further changes that follow soon.
    async fn changed(&self) -> Work {
        let mut work = vec![self.changed.heard().await];
        let mut paused = std::pin::pin!(self.core.clock.sleep(PAUSE));
        loop {
            tokio::select! {
                biased;
                begun = &mut paused => return begun,
                begun = self.changed.heard() => work.push(begun),
                never = activity::end(&mut work) => match never {},
            }
        }
    }

    /// Deletes all old data. Returns the date of the next sweep if nothing changes before.
    async fn sweep(&self) -> Option<Timestamp> {
        let soonest = after(self.core.clock.now(), PAUSE);
        loop {
            let sweep =
                self.core.transact_unflushed(|transaction| retention::sweep(transaction.store, transaction.now));
            match sweep.await {
                Ok(Swept::More) => {}
                // Old invocations with a pending notification are kept.
                Ok(Swept::Until(next)) => return next.map(|next| date(next).max(soonest)),
                Err(_) => return Some(soonest),
            }
        }
    }
}
