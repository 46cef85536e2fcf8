//! Code archives, apart from the functions that they belong to.

use rusqlite::{Connection, OptionalExtension, params};

use super::super::failure::Outcome;

/// Ensures that a function has exactly this archive, or none.
pub(crate) fn replace(connection: &Connection, function: i64, archive: Option<&[u8]>) -> Outcome<()> {
    match archive {
        Some(archive) => connection
            .prepare_cached("INSERT OR REPLACE INTO code (function_id, archive) VALUES (?1, ?2)")?
            .execute(params![function, archive])?,
        None => connection.prepare_cached("DELETE FROM code WHERE function_id = ?1")?.execute([function])?,
    };
    Ok(())
}

/// The archive of a function; none where the code is elsewhere.
pub(crate) fn read(connection: &Connection, function: i64) -> Outcome<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT archive FROM code WHERE function_id = ?1")?;
    Ok(statement.query_row([function], |row| row.get(0)).optional()?)
}

/// Whether the code of a function is still that with this digest.
pub(crate) fn has_digest(connection: &Connection, function: i64, digest: &str) -> Outcome<bool> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM functions WHERE id = ?1 AND digest = ?2")?;
    Ok(statement.exists(params![function, digest])?)
}
