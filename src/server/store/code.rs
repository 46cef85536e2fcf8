//! Code archives, stored separately from their functions.

use rusqlite::{Connection, OptionalExtension, params};

use crate::rules::urn::LATEST;

use super::failure::Stored;

/// Sets or removes the archive of a function's latest version.
pub(crate) fn replace(connection: &Connection, function: i64, archive: Option<&[u8]>) -> Stored<()> {
    match archive {
        Some(archive) => connection
            .prepare_cached("INSERT OR REPLACE INTO code (function_id, archive) VALUES (?1, ?2)")?
            .execute(params![function, archive])?,
        None => connection.prepare_cached("DELETE FROM code WHERE function_id = ?1")?.execute([function])?,
    };
    Ok(())
}

/// The archive of a version; `None` if the code is stored elsewhere.
pub(crate) fn read(connection: &Connection, function: i64, version: &str) -> Stored<Option<Vec<u8>>> {
    if version == LATEST {
        let mut statement = connection.prepare_cached("SELECT archive FROM code WHERE function_id = ?1")?;
        return Ok(statement.query_row([function], |row| row.get(0)).optional()?);
    }
    let query =
        "SELECT archive FROM version_code JOIN versions ON id = version_id WHERE function_id = ?1 AND name = ?2";
    Ok(connection.prepare_cached(query)?.query_row(params![function, version], |row| row.get(0)).optional()?)
}

/// Whether the code of a version still has this digest.
pub(crate) fn has_digest(connection: &Connection, function: i64, version: &str, digest: &str) -> Stored<bool> {
    if version == LATEST {
        let mut statement = connection.prepare_cached("SELECT 1 FROM functions WHERE id = ?1 AND digest = ?2")?;
        return Ok(statement.exists(params![function, digest])?);
    }
    let query = "SELECT 1 FROM versions WHERE function_id = ?1 AND name = ?2 AND digest = ?3";
    Ok(connection.prepare_cached(query)?.exists(params![function, version, digest])?)
}
