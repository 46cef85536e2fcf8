//! Triggers of the versions and aliases of functions.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::rules::trigger::{self, EventData};

use super::damaged::{self, or_default, text};
use super::failure::{StoreFailure, Stored};
use super::function::{from_json, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trigger {
    pub(crate) id: String,
    /// The end of the URN after the function's name: `latest`, `v1`, `!prod`.
    pub(crate) qualifier: String,
    /// The type: `TIMER`.
    pub(crate) code: String,
    pub(crate) data: EventData,
    pub(crate) is_active: bool,
    /// In seconds since 1970, like `modified`.
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

/// A trigger with its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) function: i64,
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) trigger: Trigger,
}

/// What finds a trigger: the service needs all of it.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) qualifier: String,
    pub(crate) code: String,
    pub(crate) id: String,
}

const COLUMNS: &str = "trigger_id, qualifier, code, event_data, is_active, created, triggers.modified";
const OF_PROJECT: &str =
    "function_id, package, functions.name, due FROM triggers JOIN functions ON functions.id = function_id";

pub(crate) fn find(connection: &Connection, function: i64, key: &Key) -> Stored<Option<Trigger>> {
    let Key { qualifier, code, id } = key;
    let query = format!(
        "SELECT {COLUMNS} FROM triggers WHERE function_id = ?1 AND qualifier = ?2 AND code = ?3 AND trigger_id = ?4"
    );
    let found = connection.prepare_cached(&query)?.query_row(params![function, qualifier, code, id], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("trigger {id}")))
}

/// The triggers of a version or an alias, oldest first.
pub(crate) fn list(connection: &Connection, function: i64, qualifier: &str) -> Stored<Vec<Trigger>> {
    let query = format!("SELECT {COLUMNS} FROM triggers WHERE function_id = ?1 AND qualifier = ?2 ORDER BY id");
    let mut statement = connection.prepare_cached(&query)?;
    let triggers = statement.query_map(params![function, qualifier], |row| Ok(read_listed(row)))?;
    Ok(triggers.collect::<Result<_, _>>()?)
}

/// One page of the project's triggers, and the number of all.
pub(crate) fn page(connection: &Connection, offset: i64, limit: i64) -> Stored<(Vec<Listed>, i64)> {
    let query = format!("SELECT {COLUMNS}, {OF_PROJECT} ORDER BY triggers.id LIMIT ?1 OFFSET ?2");
    let mut statement = connection.prepare_cached(&query)?;
    let listed = statement.query_map([limit, offset], |row| Ok(with_function(row)))?.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached("SELECT count(*) FROM triggers")?;
    Ok((listed, statement.query_row([], |row| row.get(0))?))
}

/// The project's triggers of a type that have this source, or none.
pub(crate) fn of_type(connection: &Connection, code: &str, source: Option<&str>) -> Stored<Vec<Listed>> {
    let query = format!("SELECT {COLUMNS}, {OF_PROJECT} WHERE code = ?1 AND source IS ?2 ORDER BY triggers.id");
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_map(params![code, source], |row| Ok(with_function(row)))?.collect::<Result<_, _>>()?)
}

pub(crate) fn insert(connection: &Connection, function: i64, trigger: &Trigger) -> Stored<()> {
    let Trigger { id, qualifier, code, data, is_active, created, modified } = trigger;
    let query = "INSERT INTO triggers (trigger_id, function_id, qualifier, code, event_data, is_active, source, created, \
                 modified) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let (source, data) = (trigger::source(code, data), json(data)?);
    connection
        .prepare_cached(query)?
        .execute(params![id, function, qualifier, code, data, is_active, source, created, modified])?;
    Ok(())
}

/// Changes the members and the status of a trigger that was read before. Its source cannot change, and
/// a timer starts again.
pub(crate) fn update(connection: &Connection, trigger: &Trigger) -> Stored<()> {
    let Trigger { id, qualifier: _, code: _, data, is_active, created: _, modified } = trigger;
    let query = "UPDATE triggers SET event_data = ?2, is_active = ?3, modified = ?4, due = NULL WHERE trigger_id = ?1";
    connection.prepare_cached(query)?.execute(params![id, json(data)?, is_active, modified])?;
    Ok(())
}

/// The active timers whose next time is not known yet.
pub(crate) fn unscheduled(connection: &Connection) -> Stored<Vec<Listed>> {
    let query = format!("SELECT {COLUMNS}, {OF_PROJECT} WHERE code = 'TIMER' AND due IS NULL ORDER BY triggers.id");
    let mut statement = connection.prepare_cached(&query)?;
    let listed = statement.query_map([], |row| Ok(with_function(row)))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(listed.into_iter().filter(|listed| listed.trigger.is_active).collect())
}

/// The timers that are due, with the time.
pub(crate) fn due(connection: &Connection, now: i64) -> Stored<Vec<(Listed, i64)>> {
    let query = format!("SELECT {COLUMNS}, {OF_PROJECT} WHERE due <= ?1 ORDER BY due, triggers.id");
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_map([now], |row| Ok((with_function(row), or_default(row, 10))))?.collect::<Result<_, _>>()?)
}

/// When the next timer is due.
pub(crate) fn next_due(connection: &Connection) -> Stored<Option<i64>> {
    let query = "SELECT min(due) FROM triggers WHERE typeof(due) = 'integer'";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

pub(crate) fn set_due(connection: &Connection, id: &str, due: Option<i64>) -> Stored<()> {
    connection.prepare_cached("UPDATE triggers SET due = ?2 WHERE trigger_id = ?1")?.execute(params![id, due])?;
    Ok(())
}

/// Forgets the times of all timers.
pub(crate) fn forget_due(connection: &Connection) -> Stored<()> {
    connection.prepare_cached("UPDATE triggers SET due = NULL WHERE due IS NOT NULL")?.execute([])?;
    Ok(())
}

/// The buckets that triggers watch.
pub(crate) fn buckets(connection: &Connection) -> Stored<Vec<String>> {
    let query = "SELECT DISTINCT source FROM triggers WHERE code = 'OBS' AND typeof(source) = 'text' ORDER BY source";
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_map([], |row| Ok(text(row, 0)))?.collect::<Result<_, _>>()?)
}

/// Returns whether there was one to delete. It may be damaged.
pub(crate) fn delete(connection: &Connection, function: i64, key: &Key) -> Stored<bool> {
    let Key { qualifier, code, id } = key;
    let query = "DELETE FROM triggers WHERE function_id = ?1 AND qualifier = ?2 AND code = ?3 AND trigger_id = ?4";
    Ok(connection.prepare_cached(query)?.execute(params![function, qualifier, code, id])? > 0)
}

/// Deletes the triggers of a version or an alias, or of all of them.
pub(crate) fn delete_all(connection: &Connection, function: i64, qualifier: Option<&str>) -> Stored<()> {
    let query = "DELETE FROM triggers WHERE function_id = ?1 AND (?2 IS NULL OR qualifier = ?2)";
    connection.prepare_cached(query)?.execute(params![function, qualifier])?;
    Ok(())
}

fn read(row: &Row<'_>) -> rusqlite::Result<Trigger> {
    Ok(Trigger {
        id: row.get(0)?,
        qualifier: row.get(1)?,
        code: row.get(2)?,
        data: from_json(row, 3)?,
        is_active: row.get(4)?,
        created: row.get(5)?,
        modified: row.get(6)?,
    })
}

/// Like [`read`]. If the trigger is damaged, its only member says so.
fn read_listed(row: &Row<'_>) -> Trigger {
    damaged::lenient(row, read, |row, reason| Trigger {
        id: text(row, 0),
        qualifier: text(row, 1),
        code: text(row, 2),
        data: EventData::from_iter([("error_msg".to_owned(), reason.into())]),
        is_active: false,
        created: or_default(row, 5),
        modified: or_default(row, 6),
    })
}

fn with_function(row: &Row<'_>) -> Listed {
    Listed { function: or_default(row, 7), package: text(row, 8), name: text(row, 9), trigger: read_listed(row) }
}
