//! Attempts at running a function, successful and failed ones.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::damaged;
use super::failure::Stored;
use super::invocation::UNREADABLE;

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) started: i64,
    pub(crate) ended: Option<i64>,
    /// 0 means success, or that the attempt has not ended.
    pub(crate) error_code: i32,
    pub(crate) error_message: String,
}

/// Records the start of an attempt. Attempts count from 1.
pub(crate) fn start(connection: &Connection, invocation: i64, number: u32, now: i64) -> Stored<()> {
    let query = "INSERT INTO attempts (invocation_id, number, started) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(query)?.execute(params![invocation, number, now])?;
    Ok(())
}

pub(crate) fn end(connection: &Connection, invocation: i64, number: u32, attempt: &Attempt) -> Stored<()> {
    let Attempt { started: _, ended, error_code, error_message } = attempt;
    let query = "UPDATE attempts SET ended = ?3, error_code = ?4, error_message = ?5 \
                 WHERE invocation_id = ?1 AND number = ?2";
    connection.prepare_cached(query)?.execute(params![invocation, number, ended, error_code, error_message])?;
    Ok(())
}

/// Ends the running attempt, if there is one.
pub(crate) fn end_open(connection: &Connection, invocation: i64, attempt: &Attempt) -> Stored<()> {
    let Attempt { started: _, ended, error_code, error_message } = attempt;
    let query = "UPDATE attempts SET ended = ?2, error_code = ?3, error_message = ?4 \
                 WHERE invocation_id = ?1 AND ended IS NULL";
    connection.prepare_cached(query)?.execute(params![invocation, ended, error_code, error_message])?;
    Ok(())
}

/// Removes an attempt that did not really start, so that it does not count.
pub(crate) fn forget(connection: &Connection, invocation: i64, number: u32) -> Stored<()> {
    let query = "DELETE FROM attempts WHERE invocation_id = ?1 AND number = ?2";
    connection.prepare_cached(query)?.execute(params![invocation, number])?;
    Ok(())
}

/// All attempts of an invocation in order.
pub(crate) fn list(connection: &Connection, invocation: i64) -> Stored<Vec<Attempt>> {
    let query =
        "SELECT started, ended, error_code, error_message FROM attempts WHERE invocation_id = ?1 ORDER BY number";
    let mut statement = connection.prepare_cached(query)?;
    let attempts = statement.query_map([invocation], |row| Ok(damaged::lenient(row, read, partial)))?;
    Ok(attempts.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt { started: row.get(0)?, ended: row.get(1)?, error_code: row.get(2)?, error_message: row.get(3)? })
}

/// A damaged attempt counts as failed.
fn partial(row: &Row<'_>, error_message: String) -> Attempt {
    let started = damaged::or_default(row, 0);
    Attempt { started, ended: row.get(1).unwrap_or(Some(started)), error_code: UNREADABLE, error_message }
}

/// The start of the first attempt, if there was one.
pub(crate) fn first_start(connection: &Connection, invocation: i64) -> Stored<Option<i64>> {
    let query = "SELECT started FROM attempts WHERE invocation_id = ?1 AND number = 1";
    Ok(connection.prepare_cached(query)?.query_row([invocation], |row| row.get(0)).optional()?)
}
