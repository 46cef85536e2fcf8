//! The parts of a server that its components share: the store, the time, and the runtimes.

use std::sync::Arc;

use rusqlite::Connection;

use super::activity::Work;
use super::clock::Clock;
use super::journal::Journal;
use super::runtime::Runtimes;
use super::store::{Store, StoreFailure};
use super::transaction::{Context, Transaction};

pub(crate) struct Core {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) context: Arc<Context>,
    pub(crate) runtimes: Runtimes,
    pub(crate) journal: Journal,
}

impl Core {
    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    pub(crate) fn begin_work(&self) -> Work {
        self.clock.activity().begin()
    }

    /// Runs a transaction at the current time. Its changes are on disk when this returns.
    pub(crate) async fn transact<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + Send + 'static,
        F: FnOnce(Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.store.run(self.at_present(work)).await
    }

    /// Like [`Self::transact`], for changes that may be lost in a power failure.
    pub(crate) async fn transact_unflushed<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreFailure> + Send + 'static,
        F: FnOnce(Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        self.store.run_unflushed(self.at_present(work)).await
    }

    fn at_present<T, F>(&self, work: F) -> impl FnOnce(&Connection) -> T + use<T, F>
    where
        F: FnOnce(Transaction<'_>) -> T,
    {
        let (context, now) = (Arc::clone(&self.context), self.now());
        move |store| work(Transaction { store, context: &context, now })
    }
}
