//! Asynchronous invocations and their events.

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use crate::rules::quota::ASYNC_EVENT_BYTES;
use crate::wire::async_policy::DestinationConfig;
use crate::wire::invocation::Status;

use super::super::lifecycle::{End, Life, State};
use super::failure::{StoreFailure, Stored};
use super::function::{from_json, json};

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    pub(crate) id: i64,
    pub(crate) request_id: String,
    pub(crate) function_id: i64,
    /// With its version or alias.
    pub(crate) function_urn: String,
    /// The targets from the policy at the time of acceptance.
    pub(crate) destinations: DestinationConfig,
    /// Whether the policy requests that it is listed.
    pub(crate) recorded: bool,
    pub(crate) accepted: i64,
    pub(crate) life: Life,
    pub(crate) ended: Option<i64>,
    /// 0 means success, or that it has not ended.
    pub(crate) error_code: i32,
    pub(crate) error_message: String,
    /// The length of the chain of notifications that led to it.
    pub(crate) hops: u32,
    /// The invocation whose notification started it. It may have been deleted.
    pub(crate) parent: Option<i64>,
}

/// A part of a function's list, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) function_id: i64,
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    /// Accepted in this range, inclusive.
    pub(crate) accepted: (i64, i64),
    /// Only invocations to be listed, or all.
    pub(crate) only_recorded: bool,
    /// Only these; empty means all.
    pub(crate) request_ids: Vec<String>,
    /// Only those with one of these statuses; empty means all.
    pub(crate) statuses: Vec<Status>,
}

const COLUMNS: &str = "id, request_id, function_id, function_urn, destinations, recorded, accepted, expires, \
                       most_attempts, attempts, state, due, ended, error_code, error_message, hops, parent";

/// The result code of an invocation whose record cannot be read: the disk failed.
pub(crate) const UNREADABLE: i32 = 4203;

/// Adds an invocation and returns its new `id`.
pub(crate) fn insert(connection: &Connection, invocation: &Invocation, body: &[u8]) -> Stored<i64> {
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
        hops,
        parent,
    } = invocation;
    let mut statement = connection.prepare_cached(
        "INSERT INTO invocations (request_id, function_id, function_urn, destinations, recorded, accepted, expires, \
         most_attempts, attempts, state, due, hops, parent) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
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
        due(*state),
        hops,
        parent
    ])?;
    connection
        .prepare_cached("INSERT INTO payloads (invocation_id, body) VALUES (?1, ?2)")?
        .execute(params![id, body])?;
    Ok(id)
}

/// Updates the changeable fields of an invocation that was read before.
pub(crate) fn update(connection: &Connection, invocation: &Invocation) -> Stored<()> {
    let Invocation { id, life: Life { attempts, state, .. }, ended, error_code, error_message, .. } = invocation;
    let mut statement = connection.prepare_cached(
        "UPDATE invocations SET attempts = ?2, state = ?3, due = ?4, ended = ?5, error_code = ?6, error_message = ?7 \
         WHERE id = ?1",
    )?;
    statement.execute(params![id, attempts, Name::of(*state), due(*state), ended, error_code, error_message])?;
    Ok(())
}

pub(crate) fn get(connection: &Connection, id: i64) -> Stored<Option<Invocation>> {
    let query = format!("SELECT {COLUMNS} FROM invocations WHERE id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id], read).optional()?)
}

/// The id of the invocation with this request id.
pub(crate) fn id_of(connection: &Connection, request_id: &str) -> Stored<Option<i64>> {
    let query = "SELECT id FROM invocations WHERE request_id = ?1";
    Ok(connection.prepare_cached(query)?.query_row([request_id], |row| row.get(0)).optional()?)
}

/// Like [`get`]. A damaged row is read as far as possible, and its invocation counts as failed for that reason.
pub(crate) fn get_lenient(connection: &Connection, id: i64) -> Stored<Option<Invocation>> {
    let query = format!("SELECT {COLUMNS} FROM invocations WHERE id = ?1");
    Ok(connection.prepare_cached(&query)?.query_row([id], read_lenient).optional()?)
}

/// Rewrites the whole row of a damaged invocation.
pub(crate) fn repair(connection: &Connection, invocation: &Invocation) -> Stored<()> {
    let Invocation { id, request_id, function_id, function_urn, destinations, recorded, accepted, life, .. } =
        invocation;
    let Life { expires, most_attempts, attempts: _, state: _ } = life;
    let query = "UPDATE invocations SET request_id = ?2, function_id = ?3, function_urn = ?4, destinations = ?5, \
                 recorded = ?6, accepted = ?7, expires = ?8, most_attempts = ?9, hops = ?10, parent = ?11 WHERE id = ?1";
    let (destinations, hops, parent) = (json(destinations)?, invocation.hops, invocation.parent);
    let row = params![
        id,
        request_id,
        function_id,
        function_urn,
        destinations,
        recorded,
        accepted,
        expires,
        most_attempts,
        hops,
        parent
    ];
    connection.prepare_cached(query)?.execute(row)?;
    update(connection, invocation)
}

/// The URN that was invoked, and the invocation that led to this one.
pub(crate) fn origin(connection: &Connection, id: i64) -> Stored<Option<(String, Option<i64>)>> {
    let query = "SELECT function_urn, parent FROM invocations WHERE id = ?1";
    Ok(connection.prepare_cached(query)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

/// The event; empty once the invocation has ended. An event over the limit, which an earlier version accepted, is not
/// read.
pub(crate) fn body(connection: &Connection, id: i64) -> Stored<Vec<u8>> {
    let query = "SELECT octet_length(body), CASE WHEN octet_length(body) <= ?2 THEN body END \
                 FROM payloads WHERE invocation_id = ?1";
    let mut statement = connection.prepare_cached(query)?;
    let most = i64::try_from(ASYNC_EVENT_BYTES).unwrap_or(i64::MAX);
    let mut rows = statement.query([id, most])?;
    let Some(row) = rows.next()? else { return Ok(Vec::new()) };
    let length: i64 = row.get(0)?;
    if length > most {
        return Err(StoreFailure::unreadable(too_large(length)));
    }
    Ok(row.get(1)?)
}

/// The message for an event over the limit.
pub(crate) fn too_large(length: impl std::fmt::Display) -> String {
    format!("the event has {length} bytes, but an asynchronous invocation takes at most {ASYNC_EVENT_BYTES}")
}

pub(crate) fn forget_body(connection: &Connection, id: i64) -> Stored<()> {
    connection.prepare_cached("DELETE FROM payloads WHERE invocation_id = ?1")?.execute([id])?;
    Ok(())
}

/// One page, and the number of all matching invocations.
pub(crate) fn list(connection: &Connection, query: &Query) -> Stored<(Vec<Invocation>, i64)> {
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
    Ok((statement.query_map(conditions, read_lenient)?.collect::<Result<_, _>>()?, count))
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
        hops: row.get(15)?,
        parent: row.get(16)?,
    })
}

/// Reads a damaged row: unreadable fields are left out, and the invocation counts as failed.
fn read_lenient(row: &Row<'_>) -> rusqlite::Result<Invocation> {
    let error = match read(row) {
        Ok(invocation) => return Ok(invocation),
        Err(error) => error,
    };
    let id: i64 = row.get(0)?;
    let number = |column| row.get::<_, i64>(column);
    let accepted = number(6).unwrap_or_default();
    let life = Life {
        expires: number(7).unwrap_or(accepted),
        most_attempts: row.get(8).unwrap_or_default(),
        attempts: row.get(9).unwrap_or_default(),
        state: State::Ended(End::Failed),
    };
    Ok(Invocation {
        id,
        request_id: row.get(1).unwrap_or_else(|_| format!("damaged-{id}")),
        function_id: number(2).unwrap_or_default(),
        function_urn: row.get(3).unwrap_or_default(),
        destinations: from_json(row, 4).unwrap_or_default(),
        // The damage must be visible.
        recorded: true,
        accepted,
        life,
        ended: number(12).ok().or(Some(accepted)),
        error_code: UNREADABLE,
        error_message: StoreFailure::unreadable(error).to_string(),
        hops: row.get(15).unwrap_or_default(),
        parent: number(16).ok(),
    })
}

fn due(state: State) -> Option<i64> {
    match state {
        State::Waiting { due } => Some(due),
        State::Running | State::Stopping | State::Ended(_) => None,
    }
}

/// The name of a state in the table.
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

    /// All states with this status of the service.
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
    /// The service's status for its state.
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
        Self::ALL
            .into_iter()
            .find(|name| name.text() == text)
            .ok_or_else(|| FromSqlError::Other(format!("there is no state {text:?}").into()))
    }
}
