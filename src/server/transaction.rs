//! One transaction of the store, with its other inputs: the server's identity, its policies, and the time.

use rusqlite::Connection;

use super::identity::ServiceIdentity;
use super::ids::Ids;
use super::lifecycle::Backoff;

/// The inputs that all transactions of a server share.
pub(crate) struct Context {
    pub(crate) identity: ServiceIdentity,
    pub(crate) ids: Ids,
    /// Between attempts.
    pub(crate) retry: Backoff,
    /// Between tries to deliver a notification.
    pub(crate) redelivery: Backoff,
}

#[derive(Clone, Copy)]
pub(crate) struct Transaction<'a> {
    pub(crate) store: &'a Connection,
    pub(crate) context: &'a Context,
    /// Milliseconds since 1970.
    pub(crate) now: i64,
}
