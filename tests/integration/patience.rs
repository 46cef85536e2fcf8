//! No test hangs: every wait has a deadline, and its failure says what the test waited for.

use std::fmt::Display;
use std::time::{Duration, Instant};

/// Longer than any wait here takes, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// The wait between two checks of a condition.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits for the result of a future.
pub(crate) async fn within<T>(what: impl Display, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(PATIENCE, future).await;
    ended.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Waits until a condition holds.
pub(crate) async fn until(what: impl Display, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    within(what, waiting).await;
}

/// Waits until a condition holds, in a test that is not asynchronous.
pub(crate) fn block_until(what: impl Display, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(LOOK_AGAIN);
    }
}
