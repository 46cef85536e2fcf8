//! The logs of runs. Their total size is limited: new logs replace the oldest ones.

use rusqlite::{Connection, params};

use super::damaged::text;
use super::failure::Stored;

/// The size of the logs of all functions in bytes.
const KEPT: i64 = 64 * 1024 * 1024;
/// The size of one run's log in bytes, at least what a runtime keeps of it (1 MB and a remark). Of a longer log, only
/// the end is kept.
const LONGEST_RUN: usize = 1280 * 1024;
/// The number of bytes that are read at once.
const LARGEST_PAGE: usize = 4 * 1024 * 1024;

/// The log of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunLog {
    /// Its end position in the log of all functions, in bytes from 1.
    pub(crate) position: i64,
    pub(crate) request_id: String,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) text: String,
}

/// The log of a run that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewLog<'a> {
    pub(crate) request_id: &'a str,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) text: &'a str,
}

/// Adds the log of a run, if it is not empty.
pub(crate) fn append(connection: &Connection, function: i64, log: NewLog<'_>) -> Stored<()> {
    let NewLog { request_id, time, text } = log;
    let text = end_of(text, LONGEST_RUN);
    if text.is_empty() {
        return Ok(());
    }
    let query = "INSERT INTO logs (id, function_id, request_id, time, text) \
                 VALUES ((SELECT coalesce(max(id), 0) FROM logs) + ?5, ?1, ?2, ?3, ?4)";
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let position = connection.prepare_cached(query)?.insert(params![function, request_id, time, text, length])?;
    connection.prepare_cached("DELETE FROM logs WHERE id <= ?1")?.execute([position - KEPT])?;
    Ok(())
}

/// The logs of a function's runs after a position, oldest first: at most `runs`, and not much more than one page of
/// bytes.
pub(crate) fn after(connection: &Connection, function: i64, position: i64, runs: i64) -> Stored<Vec<RunLog>> {
    let query = "SELECT id, request_id, time, text FROM logs WHERE function_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([function, position, runs])?;
    let (mut logs, mut bytes) = (Vec::new(), 0);
    while bytes < LARGEST_PAGE
        && let Some(row) = rows.next()?
    {
        // A damaged run must not hide others.
        let log = RunLog {
            position: row.get(0)?,
            request_id: text(row, 1),
            time: row.get(2).unwrap_or_default(),
            text: text(row, 3),
        };
        bytes += log.text.len();
        logs.push(log);
    }
    Ok(logs)
}

/// The end of a text, at most this many bytes.
pub(crate) fn end_of(text: &str, bytes: usize) -> &str {
    let start = text.len().saturating_sub(bytes);
    &text[(start..=text.len()).find(|index| text.is_char_boundary(*index)).unwrap_or(text.len())..]
}
