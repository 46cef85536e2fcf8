//! The REST contract as data: what client and server both speak, and the only thing that they share.
//!
//! No I/O, no rule that only one side has. Types are permissive: the service adds fields, and sources differ on some.

pub mod alias;
pub mod async_policy;
pub mod error;
pub mod function;
pub mod invocation;
mod lenient;
pub mod log;
pub mod project;
pub mod quota;
pub mod reserved_instance;
pub mod routes;
pub mod signature;
pub mod tag;
pub mod trigger;
pub mod urn;
pub mod version;
