//! A FunctionGraph-compatible server for one data directory, on loopback by default. It stores and runs functions and
//! policies.
//!
//! It implements `wire` and checks every value with the service's `rules`; it uses nothing else of this crate.
//!
//! ```text
//!                                     listening ─► connections ─┐
//! requests of this process ─► function_graph ─► authentication ─┴─► routes ─► acceptance ─┐
//!                                                                     │                   ▼
//!                              courier ─────────► dispatcher ─► claim, completion ─► transition ─► store
//!                                 │                   │                                   │       (one thread,
//!                                 ▼                   ▼                                   ▼        SQLite)
//!                              targets             runtime                            lifecycle
//! ```
//!
//! `lifecycle` decides what an event changes, and `transition` writes the changes in one transaction. `dispatcher`
//! starts runs, and `courier` delivers notifications. Only `routes` and the modules around it use HTTP.

mod acceptance;
mod activity;
mod authentication;
mod body;
mod claim;
mod clock;
mod completion;
mod connections;
mod core;
mod courier;
mod credentials;
mod damage;
mod deployment;
mod descriptors;
mod directory;
mod dispatcher;
mod failure;
mod function_graph;
mod identity;
mod ids;
mod journal;
mod keys;
mod lifecycle;
mod listening;
mod notify;
mod open_file;
mod privacy;
mod refusal;
mod routes;
mod runner;
mod runtime;
mod service;
mod settings;
mod share;
mod shutdown;
mod sources;
mod storage;
mod store;
mod target;
mod transaction;
mod transition;
mod trigger;

pub use clock::{Clock, Simulation};
pub use credentials::{Credentials, CredentialsError, credentials};
pub use directory::{DirectoryError, Owner, owner};
pub use function_graph::{FunctionGraph, FunctionGraphError};
pub use ids::Ids;
pub use journal::{AttemptEntry, Detail, Entry, Journal, RequestEntry};
pub use listening::{Server, StartError, start};
pub use notify::{MOST_HOPS, ObjectStore, RemoteStore, Subscription, SubscriptionError};
pub use open_file::Process;
pub use privacy::PrivacyError;
pub use routes::{ApiRequest, ApiResponse};
pub use runtime::{Gap, Isolation};
pub use settings::{Backlog, Concurrency, Exposure, Options, OptionsError, Overrides, Publish, Settings};
pub use storage::{Storage, StorageError};
pub use store::OpenError;

/// Runs the launcher of functions' processes if these are its arguments; returns the exit code. Call it first in
/// `main`, before any thread starts.
pub fn launch(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<u8> {
    runtime::launch(arguments)
}
