//! Code archives, apart from the functions that they belong to.

use rusqlite::{Connection, OptionalExtension, params};

use crate::wire::urn::LATEST;

use super::super::failure::Outcome;
use super::function::Function;

/// Ensures that the latest version of a function has exactly this archive, or none.
pub(crate) fn replace(connection: &Connection, function: i64, archive: Option<&[u8]>) -> Outcome<()> {
    match archive {
        Some(archive) => connection
            .prepare_cached("INSERT OR REPLACE INTO code (function_id, archive) VALUES (?1, ?2)")?
            .execute(params![function, archive])?,
        None => connection.prepare_cached("DELETE FROM code WHERE function_id = ?1")?.execute([function])?,
    };
    Ok(())
}

/// The archive of a function in the version at hand; none where the code is elsewhere.
pub(crate) fn read(connection: &Connection, function: &Function) -> Outcome<Option<Vec<u8>>> {
    if function.version == LATEST {
        let mut statement = connection.prepare_cached("SELECT archive FROM code WHERE function_id = ?1")?;
        return Ok(statement.query_row([function.id], |row| row.get(0)).optional()?);
    }
    let query =
        "SELECT archive FROM version_code JOIN versions ON id = version_id WHERE function_id = ?1 AND name = ?2";
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_row(params![function.id, function.version], |row| row.get(0)).optional()?)
}
