//! All integration tests, in one binary.

mod contract;
mod conversation;
mod crash;
mod definitions;
mod layout;
mod local;
mod notification;
mod outage;
mod reconcile;
mod recorder;
mod sdk;
mod server_alias;
mod server_async_policy;
mod server_authentication;
mod server_code;
mod server_function;
mod server_harness;
mod server_invocation;
mod server_lists;
mod server_process;
mod server_tag;
mod server_tolerance;
mod server_version;
mod signature;
mod validate;
mod world;
