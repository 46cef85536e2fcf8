//! All integration tests, in one binary.

mod cloud_account;
mod cloud_paging;
mod cloud_retry;
mod cloud_tls;
mod cloud_transport;
mod layout;
mod local;
mod outage;
mod reconcile;
mod recorder;
mod scripted;
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
