//! The only bridge between our model and the service's API: reads live state, and does the writes of a plan.
//!
//! It strips the service's noise, so that live and desired can be compared, and it checks what the service says of each
//! write. It decides nothing.

mod async_policy;
mod configuration;
mod deletion;
mod error;
mod export;
mod function;
mod invocation;
mod log;
mod read_live;
mod read_policies;
mod settle;
mod tag;

use std::sync::Arc;
use tokio::sync::OnceCell;

use crate::client::Client;
use crate::model::address::{FunctionAddress, Qualifier};
use crate::model::state::Ownership;
use crate::model::urn::{FunctionUrn, Scope};

pub use error::Error;
pub use export::{Exported, LiveArchive};
pub use function::{Checked, Created, Current, Sent, unapplied};
pub use invocation::{Filter, Followed};
pub use log::Log;
pub use settle::settle;

/// A project behind an endpoint.
#[derive(Debug, Clone)]
pub struct Remote {
    client: Client,
    scope: Scope,
    /// Whether tags are read at all.
    ownership: Ownership,
    recent_tags: tag::RecentTags,
    /// Whether the project is known to have a log for statuses of asynchronous invocations.
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
            status_log: Arc::default(),
        }
    }

    /// The same project, whose tags are left alone if nobody keeps ownership in them.
    pub fn with_ownership(self, ownership: Ownership) -> Self {
        Self { ownership, ..self }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Requests under way at once, at most.
    pub fn concurrency(&self) -> usize {
        self.client.concurrency()
    }

    /// Announces requests that will follow, for whoever wants to know how long that takes.
    pub fn expect(&self, requests: usize) {
        self.client.expect(requests);
    }

    /// From now on no request waits: neither for its turn nor to be tried again.
    pub fn stop_waiting(&self) {
        self.client.stop_waiting();
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
