//! All integration tests, in one binary.

mod drift;
mod invoke;
mod crash;
mod layout;
mod local;
mod no_ownership;
mod notification;
mod outage;
mod reconcile;
mod recorder;
mod saved_plan;
mod server_async_policy;
mod server_authentication;
mod server_code;
mod server_function;
mod server_harness;
mod server_invocation;
mod server_lists;
mod server_process;
mod server_tag;
mod signature;
mod stale_reader;
mod targeted;
mod validate;
mod world;
