//! A FunctionGraph-compatible server for one data directory, on loopback by default: it keeps functions and policies, and runs them.
//!
//! It speaks `wire` and judges every value by the service's `rules`; it knows nothing else of this crate.
//!
//! ```text
//! HTTP → connections → authentication → routes (one file a kind) → store (one owner thread, SQLite)
//!                           │                          ▲ transition: one transaction each, lifecycle decides
//!                           ▼                          │
//!                         runtime ◄──────── dispatcher ┤
//!                                   targets ◄── notify ┘
//! ```

mod acceptance;
mod authentication;
mod body;
mod claim;
mod clock;
mod completion;
mod connections;
mod courier;
mod credentials;
mod damage;
mod deployment;
mod descriptors;
mod directory;
mod dispatcher;
mod failure;
mod identity;
mod journal;
mod keys;
mod lifecycle;
mod notify;
mod open_file;
mod privacy;
mod refusal;
mod routes;
mod runner;
mod running;
mod runtime;
mod service;
mod settings;
mod share;
mod store;
mod target;
mod transaction;
mod transition;

pub use clock::Clock;
pub use credentials::{Credentials, CredentialsError, credentials};
pub use directory::{DirectoryError, Owner, owner};
pub use journal::{AttemptEntry, Detail, Entry, Journal, RequestEntry};
pub use notify::{MOST_HOPS, ObjectStore, RemoteStore, Subscription};
pub use open_file::Process;
pub use privacy::PrivacyError;
pub use running::{Running, StartError, start};
pub use runtime::{Gap, Isolation};
pub use settings::{Backlog, Concurrency, Exposure, Overrides, Publish, Settings};
pub use store::OpenError;

/// Runs the launcher of functions' processes, if these are its arguments; answers the exit code. It must come first in
/// `main`, before anything starts a thread.
pub fn launch(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Option<u8> {
    runtime::launch(arguments)
}
