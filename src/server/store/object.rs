//! Objects of the local OBS that must be deleted at some time.

use rusqlite::{Connection, params};

use super::failure::Stored;

/// Records when an object must be deleted, in milliseconds since 1970. Its path is relative to the data directory.
pub(crate) fn expire(connection: &Connection, path: &str, expires: i64) -> Stored<()> {
    let query = "INSERT OR REPLACE INTO expiring_objects (path, expires) VALUES (?1, ?2)";
    connection.prepare_cached(query)?.execute(params![path, expires])?;
    Ok(())
}

/// Some of the objects that are due for deletion.
pub(crate) fn expired(connection: &Connection, now: i64, limit: i64) -> Stored<Vec<String>> {
    let query = "SELECT path FROM expiring_objects WHERE expires <= ?1 ORDER BY expires LIMIT ?2";
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_map([now, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// When the next object must be deleted.
pub(crate) fn next_expiry(connection: &Connection) -> Stored<Option<i64>> {
    let query = "SELECT min(expires) FROM expiring_objects";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Removes damaged rows; returns their number.
pub(crate) fn forget_damaged(connection: &Connection) -> Stored<usize> {
    let query = "DELETE FROM expiring_objects WHERE typeof(path) <> 'text' OR typeof(expires) <> 'integer'";
    Ok(connection.prepare_cached(query)?.execute([])?)
}

/// Records that the objects are deleted.
pub(crate) fn deleted(connection: &Connection, paths: &[String]) -> Stored<()> {
    let mut statement = connection.prepare_cached("DELETE FROM expiring_objects WHERE path = ?1")?;
    for path in paths {
        statement.execute([path])?;
    }
    Ok(())
}
