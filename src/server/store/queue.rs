//! Which invocations wait, run or have expired. It answers ids: each row is read by itself, so that a damaged one holds up
//! no other.

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::failure::Stored;

/// A function for which something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) function_id: i64,
    /// When its first is due.
    pub(crate) due: i64,
}

/// The function after this one for which something waits.
pub(crate) fn line_after(connection: &Connection, function_id: i64) -> Stored<Option<Line>> {
    let query = "SELECT function_id, due FROM invocations WHERE state = 'waiting' AND function_id > ?1 \
                 ORDER BY function_id, due LIMIT 1";
    let read = |row: &Row<'_>| Ok(Line { function_id: row.get(0)?, due: row.get(1)? });
    Ok(connection.prepare_cached(query)?.query_row([function_id], read).optional()?)
}

/// The first that wait for a function and are due.
pub(crate) fn due_of(connection: &Connection, function_id: i64, now: i64, limit: usize) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state = 'waiting' AND function_id = ?1 AND due <= ?2 \
                 ORDER BY due, id LIMIT ?3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ids(connection, query, &[&function_id, &now, &limit])
}

/// The first that wait in vain.
pub(crate) fn expired(connection: &Connection, now: i64, limit: i64) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state = 'waiting' AND expires < ?1 ORDER BY expires LIMIT ?2";
    ids(connection, query, &[&now, &limit])
}

/// When the next of those that wait has expired.
pub(crate) fn next_expiry(connection: &Connection) -> Stored<Option<i64>> {
    let query = "SELECT min(expires) FROM invocations WHERE state = 'waiting'";
    let first: Option<i64> = connection.prepare_cached(query)?.query_row([], |row| row.get(0))?;
    Ok(first.map(|first| first.saturating_add(1)))
}

/// Some of those that run.
pub(crate) fn running(connection: &Connection, limit: i64) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state IN ('running', 'stopping') ORDER BY id LIMIT ?1";
    ids(connection, query, &[&limit])
}

/// Whether any has not ended.
pub(crate) fn any_unfinished(connection: &Connection) -> Stored<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM invocations WHERE state = 'waiting') \
                 OR EXISTS (SELECT 1 FROM invocations WHERE state IN ('running', 'stopping'))";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Those that no other query here finds, or that would stop it: their state is unknown, or what orders them is damaged.
pub(crate) fn damaged(connection: &Connection) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE ended IS NULL AND (state NOT IN ('waiting', 'running', 'stopping') \
                 OR typeof(function_id) <> 'integer' OR function_id < 1 OR typeof(expires) <> 'integer' \
                 OR (state = 'waiting' AND typeof(due) <> 'integer'))";
    ids(connection, query, &[])
}

fn ids(connection: &Connection, query: &str, values: &[&dyn ToSql]) -> Stored<Vec<i64>> {
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_map(values, |row| row.get(0))?.collect::<Result<_, _>>()?)
}
