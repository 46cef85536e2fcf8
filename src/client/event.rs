//! Events that a client reports while it works.

use std::time::Duration;

use super::pacing::Limit;

/// Something that takes time and needs an explanation for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Requests are limited to this pace from now on. About `expected` more follow.
    Paced { limit: Limit, expected: u64 },
    /// The service accepts no requests at the moment, and does not give its limit.
    Throttled { wait: Duration },
    /// A request is sent again after a wait.
    Retrying { problem: String, wait: Duration },
}
