//! Asynchronous invocations and their bodies.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::wire::async_policy::DestinationConfig;
use crate::wire::invocation::Status;

use super::super::failure::Outcome;
use super::super::lifecycle::{End, Life, State};
use super::function::{from_json, json};

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) id: i64,
    pub(crate) request_id: String,
    pub(crate) function_id: i64,
    /// With its version or alias.
    pub(crate) function_urn: String,
    /// Whom to notify, as the policy said when this was accepted.
    pub(crate) destinations: DestinationConfig,
    /// Whether the policy wants it to be listed.
    pub(crate) recorded: bool,
    pub(crate) accepted: i64,
    pub(crate) life: Life,
    pub(crate) ended: Option<i64>,
    /// 0 is success, and what has not ended.
    pub(crate) error_code: i32,
    pub(crate) error_message: String,
}

/// A part of a function's list, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) function_id: i64,
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    /// Accepted in this time, ends included.
    pub(crate) accepted: (i64, i64),
    /// Those that are to be listed, or all.
    pub(crate) only_recorded: bool,
    /// Only these; none means all.
    pub(crate) request_ids: Vec<String>,
    /// Only those that are in one of these; none means all.
    pub(crate) statuses: Vec<Status>,
}

/// A function for which something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) function_id: i64,
    /// When its first is due.
    pub(crate) due: i64,
}

const COLUMNS: &str = "id, request_id, function_id, function_urn, destinations, recorded, accepted, expires, \
                       most_attempts, attempts, state, due, ended, error_code, error_message";

/// Adds an invocation, whose `id` is given to it here.
pub(crate) fn insert(connection: &Connection, invocation: &Invocation, body: &[u8]) -> Outcome<i64> {
    let Invocation {
        id: _,
        request_id,
        function_id,
        function_urn,
        destinations,
        recorded,
        accepted,
        life: Life { expires, most_attempts, attempts, state },
        ended: _,
        error_code: _,
        error_message: _,
    } = invocation;
    let mut statement = connection.prepare_cached(
        "INSERT INTO invocations (request_id, function_id, function_urn, destinations, recorded, accepted, expires, \
         most_attempts, attempts, state, due) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let id = statement.insert(params![
        request_id,
        function_id,
        function_urn,
        json(destinations)?,
        recorded,
        accepted,
        expires,
        most_attempts,
        attempts,
        Name::of(*state),
        due(*state)
    ])?;
    connection
        .prepare_cached("INSERT INTO payloads (invocation_id, body) VALUES (?1, ?2)")?
        .execute(params![id, body])?;
    Ok(id)
}

/// Writes what can change of one that was read before.
pub(crate) fn update(connection: &Connection, invocation: &Invocation) -> Outcome<()> {
    let Invocation { id, life: Life { attempts, state, .. }, ended, error_code, error_message, .. } = invocation;
    let mut statement = connection.prepare_cached(
        "UPDATE invocations SET attempts = ?2, state = ?3, due = ?4, ended = ?5, error_code = ?6, error_message = ?7 \
         WHERE id = ?1",
    )?;
    statement.execute(params![id, attempts, Name::of(*state), due(*state), ended, error_code, error_message])?;
    Ok(())
}

pub(crate) fn get(connection: &Connection, id: i64) -> Outcome<Option<Invocation>> {
    let query = format!("SELECT {COLUMNS} FROM invocations WHERE id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id], read).optional()?)
}

pub(crate) fn find(connection: &Connection, request_id: &str) -> Outcome<Option<Invocation>> {
    let query = format!("SELECT {COLUMNS} FROM invocations WHERE request_id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([request_id], read).optional()?)
}

/// What it was called with; empty once it has ended.
pub(crate) fn body(connection: &Connection, id: i64) -> Outcome<Vec<u8>> {
    let mut statement = connection.prepare_cached("SELECT body FROM payloads WHERE invocation_id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?.unwrap_or_default())
}

pub(crate) fn forget_body(connection: &Connection, id: i64) -> Outcome<()> {
    connection.prepare_cached("DELETE FROM payloads WHERE invocation_id = ?1")?.execute([id])?;
    Ok(())
}

/// The function after this one for which something waits.
pub(crate) fn line_after(connection: &Connection, function_id: i64) -> Outcome<Option<Line>> {
    let query = "SELECT function_id, due FROM invocations WHERE state = 'waiting' AND function_id > ?1 \
                 ORDER BY function_id, due LIMIT 1";
    let read = |row: &Row<'_>| Ok(Line { function_id: row.get(0)?, due: row.get(1)? });
    Ok(connection.prepare_cached(query)?.query_row([function_id], read).optional()?)
}

/// The first that wait for a function and are due.
pub(crate) fn due_of(connection: &Connection, function_id: i64, now: i64, limit: usize) -> Outcome<Vec<Invocation>> {
    let query = format!(
        "SELECT {COLUMNS} FROM invocations WHERE state = 'waiting' AND function_id = ?1 AND due <= ?2 \
         ORDER BY due, id LIMIT ?3"
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    all(connection, &query, &[&function_id, &now, &limit])
}

/// The first that wait in vain.
pub(crate) fn expired(connection: &Connection, now: i64, limit: i64) -> Outcome<Vec<Invocation>> {
    let query =
        format!("SELECT {COLUMNS} FROM invocations WHERE state = 'waiting' AND expires < ?1 ORDER BY expires LIMIT ?2");
    all(connection, &query, &[&now, &limit])
}

/// When the next of those that wait has expired.
pub(crate) fn next_expiry(connection: &Connection) -> Outcome<Option<i64>> {
    let query = "SELECT min(expires) + 1 FROM invocations WHERE state = 'waiting'";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Some of those that run.
pub(crate) fn running(connection: &Connection, limit: i64) -> Outcome<Vec<Invocation>> {
    let query =
        format!("SELECT {COLUMNS} FROM invocations WHERE state IN ('running', 'stopping') ORDER BY id LIMIT ?1");
    all(connection, &query, &[&limit])
}

/// Whether any has not ended.
pub(crate) fn any_unfinished(connection: &Connection) -> Outcome<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM invocations WHERE state = 'waiting') \
                 OR EXISTS (SELECT 1 FROM invocations WHERE state IN ('running', 'stopping'))";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// One page, and the number of all that match.
pub(crate) fn list(connection: &Connection, query: &Query) -> Outcome<(Vec<Invocation>, i64)> {
    let Query { function_id, offset, limit, accepted: (from, to), only_recorded, request_ids, statuses } = query;
    let states: Vec<&str> = statuses.iter().flat_map(|status| Name::with(*status)).map(Name::text).collect();
    let (states, request_ids) = (json(&states)?, json(request_ids)?);
    let matches = "function_id = :function AND accepted BETWEEN :from AND :to AND (recorded OR NOT :recorded) \
                   AND (:ids = '[]' OR request_id IN (SELECT value FROM json_each(:ids))) \
                   AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))";
    let conditions = named_params! {
        ":function": function_id, ":from": from, ":to": to, ":recorded": only_recorded, ":ids": request_ids,
        ":states": states,
    };
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM invocations WHERE {matches}"))?;
    let count = statement.query_row(conditions, |row| row.get(0))?;
    let page = format!(
        "SELECT {COLUMNS} FROM invocations WHERE {matches} ORDER BY accepted, id LIMIT {limit} OFFSET {offset}"
    );
    let mut statement = connection.prepare(&page)?;
    Ok((statement.query_map(conditions, read)?.collect::<Result<_, _>>()?, count))
}

fn all(connection: &Connection, query: &str, values: &[&dyn ToSql]) -> Outcome<Vec<Invocation>> {
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_map(values, read)?.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Invocation> {
    let state = match row.get::<_, Name>(10)? {
        Name::Waiting => State::Waiting { due: row.get(11)? },
        Name::Running => State::Running,
        Name::Stopping => State::Stopping,
        Name::Ended(end) => State::Ended(end),
    };
    Ok(Invocation {
        id: row.get(0)?,
        request_id: row.get(1)?,
        function_id: row.get(2)?,
        function_urn: row.get(3)?,
        destinations: from_json(row, 4)?,
        recorded: row.get(5)?,
        accepted: row.get(6)?,
        life: Life { expires: row.get(7)?, most_attempts: row.get(8)?, attempts: row.get(9)?, state },
        ended: row.get(12)?,
        error_code: row.get(13)?,
        error_message: row.get(14)?,
    })
}

fn due(state: State) -> Option<i64> {
    match state {
        State::Waiting { due } => Some(due),
        State::Running | State::Stopping | State::Ended(_) => None,
    }
}

/// A state's name in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Waiting,
    Running,
    Stopping,
    Ended(End),
}

impl Name {
    const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Running,
        Self::Stopping,
        Self::Ended(End::Succeeded),
        Self::Ended(End::Failed),
        Self::Ended(End::Canceled),
        Self::Ended(End::Expired),
    ];

    fn of(state: State) -> Self {
        match state {
            State::Waiting { .. } => Self::Waiting,
            State::Running => Self::Running,
            State::Stopping => Self::Stopping,
            State::Ended(end) => Self::Ended(end),
        }
    }

    /// All that the service knows by this status.
    fn with(status: Status) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |name| name.status() == status)
    }

    fn status(self) -> Status {
        match self {
            Self::Waiting => Status::Wait,
            Self::Running | Self::Stopping => Status::Running,
            Self::Ended(End::Succeeded) => Status::Success,
            Self::Ended(End::Failed | End::Canceled) => Status::Fail,
            Self::Ended(End::Expired) => Status::Discard,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Ended(End::Succeeded) => "succeeded",
            Self::Ended(End::Failed) => "failed",
            Self::Ended(End::Canceled) => "canceled",
            Self::Ended(End::Expired) => "expired",
        }
    }
}

impl Invocation {
    /// Its state as the service names it.
    pub(crate) fn status(&self) -> Status {
        Name::of(self.life.state).status()
    }
}

impl ToSql for Name {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.text().into())
    }
}

impl FromSql for Name {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let text = value.as_str()?;
        Self::ALL.into_iter().find(|name| name.text() == text).ok_or(FromSqlError::InvalidType)
    }
}
