//! The REST contract as data. Client and server share only this and the rules.
//!
//! It has no I/O and no rule that applies to only one side. Types are permissive, because the service adds fields and
//! sources disagree about some.

pub mod alias;
pub mod async_policy;
pub mod dependency;
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
pub mod version;
