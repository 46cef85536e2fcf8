//! What functions wrote, run by run. The whole is bounded: what is written last drives out what was written first.

use rusqlite::{Connection, params};

use super::damaged::text;
use super::failure::Stored;

/// Bytes of the log of all functions.
const KEPT: i64 = 64 * 1024 * 1024;
/// Bytes of one run's log, at least what a runtime keeps of it (1 MB and a remark); of a longer one the end is kept.
const LONGEST_RUN: usize = 1280 * 1024;
/// Bytes that are read at once.
const LARGEST_PAGE: usize = 4 * 1024 * 1024;

/// The log of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunLog {
    /// Where it ends in the log of all functions, in bytes from 1.
    pub(crate) position: i64,
    pub(crate) request_id: String,
    /// Milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) text: String,
}

/// Adds the log of a run, if it is not empty.
pub(crate) fn append(connection: &Connection, function: i64, request_id: &str, time: i64, text: &str) -> Stored<()> {
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

/// The logs of a function's runs behind a position, oldest first: so many at most, and not much more than a page's bytes.
pub(crate) fn after(connection: &Connection, function: i64, position: i64, runs: i64) -> Stored<Vec<RunLog>> {
    let query = "SELECT id, request_id, time, text FROM logs WHERE function_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([function, position, runs])?;
    let (mut logs, mut bytes) = (Vec::new(), 0);
    while bytes < LARGEST_PAGE
        && let Some(row) = rows.next()?
    {
        // A run that cannot be shown as it was hides no other.
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

/// At most so many bytes of a text, from its end.
pub(crate) fn end_of(text: &str, bytes: usize) -> &str {
    let start = text.len().saturating_sub(bytes);
    &text[(start..=text.len()).find(|index| text.is_char_boundary(*index)).unwrap_or(text.len())..]
}
