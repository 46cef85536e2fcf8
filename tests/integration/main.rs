//! All integration tests, in one binary.

mod invoke;
mod layout;
mod local;
mod outage;
mod reconcile;
mod recorder;
mod server_async_policy;
mod server_authentication;
mod server_code;
mod server_function;
mod server_harness;
mod server_lists;
mod server_process;
mod server_tag;
mod signature;
mod validate;
mod world;
