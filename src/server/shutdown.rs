//! How a server ends: step by step, and each step includes those after it.

use tokio_util::sync::CancellationToken;

/// The steps of a server's end. To cancel one is to take it, and all that come before it here.
#[derive(Clone)]
pub(crate) struct Shutdown {
    /// Ends every run by force. Each run has a child of this.
    pub(crate) runs: CancellationToken,
    /// Answers no more requests, and does not wait for runs any longer than a grace.
    pub(crate) serving: CancellationToken,
    /// Starts no more asynchronous runs and deliveries.
    pub(crate) starting: CancellationToken,
    /// Not a step but what follows from one: no asynchronous run is left.
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
