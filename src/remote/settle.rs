//! Looking again at what was written: a reader may be behind the writer for a while.

use std::time::Duration;

/// Waits before the next looks, in milliseconds; together three seconds.
const WAITS: [u64; 4] = [200, 400, 800, 1600];

/// Looks until that is as expected, or until it has been tried long enough; returns what was seen last.
pub async fn settle<T, E>(
    mut look: impl AsyncFnMut() -> Result<T, E>,
    is_expected: impl Fn(&T) -> bool,
) -> Result<T, E> {
    for wait in WAITS {
        let seen = look().await?;
        if is_expected(&seen) {
            return Ok(seen);
        }
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    look().await
}
