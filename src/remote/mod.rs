//! Connects the model with the service's API: reads live state, and makes the writes of a plan.
//!
//! It removes differences that mean nothing, so that live and desired can be compared, and checks the service's answer
//! to each write. It makes no decisions.

mod async_policy;
mod check;
mod configuration;
mod creation;
mod deletion;
mod dependency;
mod error;
mod export;
mod field;
mod function;
mod invocation;
mod listeners;
mod log;
mod policy_access;
mod qualifiers;
mod read_live;
mod read_policies;
mod read_triggers;
mod record;
mod reserved;
mod settle;
mod tag;
mod trigger;
mod update;
mod value;

use std::sync::Arc;
use tokio::sync::OnceCell;

use crate::client::{Client, Traffic};
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::state::Ownership;
use crate::model::urn::{FunctionUrn, Scope};
use crate::wire::routes::Operation;

pub use check::{Checked, Expected, unapplied};
pub use creation::Created;
pub use dependency::{Found, Package, managed as managed_dependencies};
pub use error::Error;
pub use export::{Everything, Exported, LiveArchive};
pub use function::Current;
pub use invocation::{Filter, Followed};
pub use log::Log;
pub use policy_access::{PolicyAccess, PolicyTag};
pub use settle::settle;
pub use trigger::TriggerAccess;
pub use update::{ConfigurationUpdate, Sent};

/// A project at an endpoint.
#[derive(Debug, Clone)]
pub struct Remote {
    client: Client,
    scope: Scope,
    /// Whether tags are read.
    ownership: Ownership,
    recent_tags: tag::RecentTags,
    uploads: dependency::Uploads,
    /// Set if the project is known to have a log for the statuses of asynchronous invocations.
    status_log: Arc<OnceCell<()>>,
}

impl Remote {
    pub fn new(client: Client) -> Self {
        let endpoint = client.endpoint();
        let scope = Scope { region: endpoint.region.clone(), project_id: endpoint.project_id.clone() };
        Self {
            client,
            scope,
            ownership: Ownership::Tags,
            recent_tags: tag::RecentTags::default(),
            uploads: dependency::Uploads::default(),
            status_log: Arc::default(),
        }
    }

    /// The same project. Without ownership, tags are neither read nor written.
    pub fn with_ownership(self, ownership: Ownership) -> Self {
        Self { ownership, ..self }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The maximum number of concurrent requests.
    pub fn concurrency(&self) -> usize {
        self.client.concurrency()
    }

    /// Announces requests that will follow, for the estimate of the remaining time.
    pub fn announce_requests(&self, requests: usize) {
        self.client.announce_requests(requests);
    }

    /// The requests so far, those to come, and what they wait for.
    pub fn traffic(&self) -> Traffic {
        self.client.traffic()
    }

    /// From now on, no request waits for its turn or for a retry.
    pub fn stop_waiting(&self) {
        self.client.stop_waiting();
    }

    /// The name of a request in messages.
    fn request(&self, operation: Operation, names: &[&str]) -> String {
        operation.request(&self.scope.project_id, names)
    }

    fn urn(&self, function: &FunctionAddress) -> String {
        self.function_urn(function).to_string()
    }

    fn function_urn(&self, function: &FunctionAddress) -> FunctionUrn {
        FunctionUrn::new(&self.scope, function, None)
    }

    fn qualified_urn(&self, function: &FunctionAddress, qualifier: Option<&Qualifier>) -> String {
        FunctionUrn { qualifier: qualifier.cloned(), ..self.function_urn(function) }.to_string()
    }
}
