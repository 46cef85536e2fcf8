//! The steps in which a server stops. Each step includes the ones after it.

use tokio_util::sync::CancellationToken;

/// The steps of a shutdown. Canceling one also cancels those above it.
#[derive(Clone)]
pub(crate) struct Shutdown {
    /// Ends all runs by force. Each run has a child token.
    pub(crate) runs: CancellationToken,
    /// Answers no more requests, and waits for runs only for a grace period.
    pub(crate) serving: CancellationToken,
    /// Starts no more asynchronous runs and deliveries.
    pub(crate) starting: CancellationToken,
    /// Not a step, but a result: no asynchronous run is left.
    pub(crate) drained: CancellationToken,
}

impl Shutdown {
    pub(crate) fn new() -> Self {
        let runs = CancellationToken::new();
        let serving = runs.child_token();
        let starting = serving.child_token();
        Self { runs, serving, starting, drained: CancellationToken::new() }
    }
}
