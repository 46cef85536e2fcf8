//! Which invocations wait, run or have expired. Queries return ids, and each row is read separately, so that a damaged
//! one does not block others.

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::failure::Stored;

/// A function with waiting invocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) function_id: i64,
    /// When its first invocation is due.
    pub(crate) due: i64,
}

/// The next function with waiting invocations after this one.
pub(crate) fn line_after(connection: &Connection, function_id: i64) -> Stored<Option<Line>> {
    let query = "SELECT function_id, due FROM invocations WHERE state = 'waiting' AND function_id > ?1 \
                 ORDER BY function_id, due LIMIT 1";
    let read = |row: &Row<'_>| Ok(Line { function_id: row.get(0)?, due: row.get(1)? });
    Ok(connection.prepare_cached(query)?.query_row([function_id], read).optional()?)
}

/// The first waiting invocations of a function that are due.
pub(crate) fn due_of(connection: &Connection, function_id: i64, now: i64, limit: usize) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state = 'waiting' AND function_id = ?1 AND due <= ?2 \
                 ORDER BY due, id LIMIT ?3";
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    ids(connection, query, &[&function_id, &now, &limit])
}

/// The first waiting invocations that have expired.
pub(crate) fn expired(connection: &Connection, now: i64, limit: i64) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state = 'waiting' AND expires < ?1 ORDER BY expires LIMIT ?2";
    ids(connection, query, &[&now, &limit])
}

/// When the next waiting invocation expires.
pub(crate) fn next_expiry(connection: &Connection) -> Stored<Option<i64>> {
    let query = "SELECT min(expires) FROM invocations WHERE state = 'waiting'";
    let first: Option<i64> = connection.prepare_cached(query)?.query_row([], |row| row.get(0))?;
    Ok(first.map(|first| first.saturating_add(1)))
}

/// Some of the running invocations.
pub(crate) fn running(connection: &Connection, limit: i64) -> Stored<Vec<i64>> {
    let query = "SELECT id FROM invocations WHERE state IN ('running', 'stopping') ORDER BY id LIMIT ?1";
    ids(connection, query, &[&limit])
}

/// Whether any invocation has not ended.
pub(crate) fn any_unfinished(connection: &Connection) -> Stored<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM invocations WHERE state = 'waiting') \
                 OR EXISTS (SELECT 1 FROM invocations WHERE state IN ('running', 'stopping'))";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Invocations that no other query here finds, or that would break one: their state is unknown, or a sort column is
/// damaged.
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
