//! What a client does besides answering, told while it happens.

use std::time::Duration;

use super::pacing::Limit;

/// Something that takes time, and that a user would otherwise wonder about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Requests go out at this pace from now on; about so many follow.
    Paced { limit: Limit, expected: u64 },
    /// The service takes no requests for now, and does not say how many it takes.
    Throttled { wait: Duration },
    /// A request is sent again after a while.
    Retrying { problem: String, wait: Duration },
}
