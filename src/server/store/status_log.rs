//! Whether and where the project records statuses of asynchronous invocations.

use rusqlite::{Connection, OptionalExtension};

use crate::wire::log::LogDetail;

use super::failure::Stored;
use super::function::{from_json, json};

/// Where statuses are recorded, if they are.
pub(crate) fn find(connection: &Connection) -> Stored<Option<LogDetail>> {
    let mut statement = connection.prepare_cached("SELECT detail FROM status_log")?;
    Ok(statement.query_row([], |row| from_json(row, 0)).optional()?)
}

/// Enables the recording of statuses. If it is enabled already, the location stays, unless its row is damaged.
pub(crate) fn enable(connection: &Connection, detail: &LogDetail) -> Stored<()> {
    if find(connection).is_err_and(|failure| failure.is_unreadable()) {
        connection.prepare_cached("DELETE FROM status_log")?.execute([])?;
    }
    let query = "INSERT INTO status_log SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM status_log)";
    connection.prepare_cached(query)?.execute([json(detail)?])?;
    Ok(())
}
