//! A FunctionGraph-compatible server for one data directory: functions, asynchronous policies and tags, on loopback.
//!
//! It speaks `wire` and knows nothing else of this crate; it judges every value by the service's rules itself, as a
//! second opinion on what the rest of the crate sends.
//!
//! ```text
//! HTTP → authentication → routes (one file a kind) → store (one owner thread, SQLite)
//! ```

mod authentication;
mod body;
mod clock;
mod credentials;
mod directory;
mod failure;
mod routes;
mod rules;
mod running;
#[cfg_attr(not(test), expect(dead_code, reason = "the dispatcher that calls it is yet to come"))]
mod runtime;
mod settings;
mod store;

pub use clock::Clock;
pub use credentials::{Credentials, CredentialsError, credentials};
pub use directory::{DirectoryError, Owner, owner};
pub use running::{Running, StartError, start};
pub use settings::{Overrides, Publish, Settings};
pub use store::OpenError;
