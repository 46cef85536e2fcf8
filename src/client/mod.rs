//! Typed calls of the service's REST API. It handles paths and bodies; stacks and plans are not its concern.

mod admission;
pub mod async_policy;
mod carrier;
pub mod credentials;
mod dependency;
pub mod error;
mod error_codes;
mod event;
pub mod function;
pub mod invocation;
pub mod log;
mod operation;
mod options;
mod pacing;
mod project;
pub mod region;
mod reply;
mod request;
mod retry;
pub mod tag;
mod transport;
pub mod trigger;
mod unreachable;
pub mod version;

pub use admission::Traffic;
pub use carrier::InProcess;
pub use credentials::Credentials;
pub use error::Error;
pub use event::Event;
pub use invocation::{Failed, Invoked};
pub use options::{DEFAULT_CONCURRENCY, DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Options, Trust};
pub use pacing::{Limit, Reason, Wait};
pub use transport::{Client, Endpoint, is_loopback};
