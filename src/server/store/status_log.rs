//! Whether the project keeps statuses of asynchronous invocations, and where.

use rusqlite::{Connection, OptionalExtension};

use crate::wire::log::LogDetail;

use super::failure::Stored;
use super::function::{from_json, json};

/// Where statuses are kept, if they are.
pub(crate) fn find(connection: &Connection) -> Stored<Option<LogDetail>> {
    let mut statement = connection.prepare_cached("SELECT detail FROM status_log")?;
    Ok(statement.query_row([], |row| from_json(row, 0)).optional()?)
}

/// Ensures that statuses are kept; where they are already, that place stays.
pub(crate) fn enable(connection: &Connection, detail: &LogDetail) -> Stored<()> {
    let query = "INSERT INTO status_log SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM status_log)";
    connection.prepare_cached(query)?.execute([json(detail)?])?;
    Ok(())
}
