//! The triggers that notifications raised.

use rusqlite::{Connection, params};

use super::damaged::{or_default, text};
use super::failure::Stored;

/// What a trigger led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// The id of the invocation.
    Accepted(String),
    /// Why there is no invocation.
    Refused(String),
}

/// A trigger that a notification raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Triggered {
    /// The trigger's type: `OBS`.
    pub(crate) code: String,
    pub(crate) function_urn: String,
    pub(crate) start: Start,
}

/// Adds the triggers that the notification of an invocation raised.
pub(crate) fn insert(connection: &Connection, invocation: i64, triggered: &[Triggered]) -> Stored<()> {
    let query =
        "INSERT INTO triggered (invocation_id, code, function_urn, request_id, error) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut statement = connection.prepare_cached(query)?;
    for Triggered { code, function_urn, start } in triggered {
        let (request_id, error) = match start {
            Start::Accepted(request_id) => (Some(request_id), None),
            Start::Refused(reason) => (None, Some(reason)),
        };
        statement.execute(params![invocation, code, function_urn, request_id, error])?;
    }
    Ok(())
}

pub(crate) fn list(connection: &Connection, invocation: i64) -> Stored<Vec<Triggered>> {
    let query = "SELECT code, function_urn, request_id, error FROM triggered WHERE invocation_id = ?1 ORDER BY id";
    let mut statement = connection.prepare_cached(query)?;
    let triggered = statement.query_map([invocation], |row| {
        let accepted = or_default::<Option<String>>(row, 2).map(Start::Accepted);
        let start = accepted.unwrap_or_else(|| Start::Refused(text(row, 3)));
        Ok(Triggered { code: text(row, 0), function_urn: text(row, 1), start })
    })?;
    Ok(triggered.collect::<Result<_, _>>()?)
}
