//! The parts of the server that answer requests.

use std::sync::Arc;
use std::time::Duration;

use crate::rules::urn::{FunctionUrn, Qualifier};

use super::activity::Bell;
use super::core::Core;
use super::dispatcher::Dispatcher;
use super::identity::ServiceIdentity;
use super::keys::Keys;
use super::shutdown::Shutdown;
use super::sources::Folders;

pub(crate) struct Service {
    pub(crate) core: Arc<Core>,
    pub(crate) keys: Keys,
    pub(crate) function_quota: Option<u32>,
    pub(crate) dispatcher: Dispatcher,
    /// Rings when a notification may be pending.
    pub(crate) courier: Arc<Bell>,
    /// Rings when triggers have changed.
    pub(crate) sources: Arc<Bell>,
    pub(crate) folders: Arc<Folders>,
    pub(crate) shutdown: Shutdown,
    /// How long a client may take for the next part of a body.
    pub(crate) client_patience: Duration,
}

impl Service {
    pub(crate) fn identity(&self) -> &ServiceIdentity {
        &self.core.context.identity
    }

    /// Seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.core.clock.now().as_second()
    }

    pub(crate) fn new_id(&self) -> String {
        self.core.context.ids.new_id()
    }

    /// The URN of a function, with a qualifier if there is one: `v1`, `!prod`.
    pub(crate) fn urn(&self, package: &str, name: &str, qualifier: Option<&str>) -> String {
        let qualifier = qualifier.and_then(Qualifier::parse);
        let ServiceIdentity { region, project_id } = self.identity().clone();
        FunctionUrn { region, project_id, package: package.to_owned(), name: name.to_owned(), qualifier }.to_string()
    }
}
