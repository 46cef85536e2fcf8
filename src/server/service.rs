//! What a server has, for whoever answers a request.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::wire::urn::{FunctionUrn, Qualifier};

use super::clock::Clock;
use super::dispatcher::Dispatcher;
use super::identity::ServiceIdentity;
use super::journal::Journal;
use super::keys::Keys;
use super::runner::Runner;
use super::runtime::Runtimes;
use super::store::Store;
use super::transaction::Context;

/// All that a request may need.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) identity: ServiceIdentity,
    pub(crate) keys: Keys,
    pub(crate) function_quota: Option<u32>,
    pub(crate) clock: Clock,
    pub(crate) context: Arc<Context>,
    pub(crate) runtimes: Runtimes,
    pub(crate) dispatcher: Dispatcher,
    /// Told when a notification is owed.
    pub(crate) courier: Arc<Notify>,
    pub(crate) journal: Journal,
    /// How long a client may take for the next part of a body.
    pub(crate) client_patience: Duration,
}

impl Service {
    pub(crate) fn runner(&self) -> Runner {
        let Self { store, clock, context, runtimes, .. } = self;
        let (store, clock, runtimes) = (store.clone(), clock.clone(), runtimes.clone());
        Runner { store, clock, context: Arc::clone(context), runtimes }
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Milliseconds since 1970.
    pub(crate) fn milliseconds(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// The URN of a function, with what comes after it where that is given: `v1`, `!prod`.
    pub(crate) fn urn(&self, package: &str, name: &str, qualifier: Option<&str>) -> String {
        let qualifier = qualifier.and_then(Qualifier::parse);
        let ServiceIdentity { region, project_id } = self.identity.clone();
        FunctionUrn { region, project_id, package: package.to_owned(), name: name.to_owned(), qualifier }.to_string()
    }
}
