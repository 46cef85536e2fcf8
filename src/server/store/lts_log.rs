//! Whether the project's LTS logs are enabled.

use rusqlite::Connection;

use super::failure::Stored;

/// Enables them; returns whether they were disabled before.
pub(crate) fn enable(connection: &Connection) -> Stored<bool> {
    let query = "INSERT INTO lts_logs SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM lts_logs)";
    Ok(connection.prepare_cached(query)?.execute([])? > 0)
}
