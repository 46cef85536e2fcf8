//! Validated values for desired and live state, in one vocabulary.
//!
//! Pure: nothing here reads a file, the environment, a clock or the network.

pub mod address;
pub mod agreement;
pub mod async_policy;
pub mod attached;
pub mod code;
pub mod creation;
pub mod credential;
pub mod dependency;
pub mod event_graph;
pub mod existing;
pub mod field;
pub mod function;
pub mod invocation;
pub mod mark;
pub mod number;
pub mod period;
pub mod reserved;
pub mod row;
pub mod seal;
pub mod secret;
pub mod setting;
pub mod state;
pub mod table;
pub mod target;
pub mod text;
pub mod trigger;
pub mod urn;
