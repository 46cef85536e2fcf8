//! All integration tests, in one binary.

mod canary;
mod export;
mod import;
mod layout;
mod local;
mod outage;
mod pipelines;
mod reconcile;
mod recorder;
mod reports;
mod server_async_policy;
mod server_authentication;
mod server_code;
mod server_function;
mod server_harness;
mod server_lists;
mod server_process;
mod server_tag;
mod signature;
mod story;
mod validate;
mod world;
