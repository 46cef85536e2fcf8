//! Reads again after a write, because a read can return older data for a while.

use std::time::Duration;

/// The waits between the reads in milliseconds; three seconds in total.
const WAITS: [u64; 4] = [200, 400, 800, 1600];

/// Reads until the result is as expected or the waits are used up. Returns the last result.
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
