//! Typed calls of the service's REST API. It knows paths and bodies, and nothing of stacks or plans.

pub mod async_policy;
pub mod credentials;
pub mod error;
pub mod function;
pub mod invocation;
pub mod log;
pub mod tag;
mod transport;
pub mod version;

pub use credentials::Credentials;
pub use error::Error;
pub use invocation::{Failed, Invoked};
pub use transport::{Client, Endpoint};
