//! The number of instances of a version or an alias to keep ready. The server only stores and returns it.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;

use super::damaged::{self, or_default, text};
use super::failure::Stored;
use super::function::from_json;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reservation {
    /// The end of the URN after the function's name: `latest`, `v1`, `!prod`.
    pub(crate) qualifier: String,
    pub(crate) count: i64,
    pub(crate) idle_mode: bool,
    pub(crate) tactics: Option<Value>,
}

/// A reservation with its function.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Listed {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) reservation: Reservation,
}

/// Sets the whole reservation. A count of zero without rules removes it.
pub(crate) fn put(connection: &Connection, function: i64, reservation: &Reservation) -> Stored<()> {
    let Reservation { qualifier, count, idle_mode, tactics } = reservation;
    if *count == 0 && tactics.is_none() {
        return delete(connection, function, qualifier);
    }
    let query = "INSERT OR REPLACE INTO reserved_instances (function_id, qualifier, count, idle_mode, tactics) \
                 VALUES (?1, ?2, ?3, ?4, ?5)";
    let tactics = tactics.as_ref().map(Value::to_string);
    connection.prepare_cached(query)?.execute(params![function, qualifier, count, idle_mode, tactics])?;
    Ok(())
}

pub(crate) fn delete(connection: &Connection, function: i64, qualifier: &str) -> Stored<()> {
    let query = "DELETE FROM reserved_instances WHERE function_id = ?1 AND qualifier = ?2";
    connection.prepare_cached(query)?.execute(params![function, qualifier])?;
    Ok(())
}

/// Which reservations to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    /// Only of this function: package and name.
    pub(crate) function: Option<(String, String)>,
    /// Only of this version or alias.
    pub(crate) qualifier: Option<String>,
}

/// One page, and the number of all matching reservations.
pub(crate) fn list(connection: &Connection, query: &Query) -> Stored<(Vec<Listed>, i64)> {
    let Query { offset, limit, function, qualifier } = query;
    let (package, name) = function.clone().unzip();
    let matches = "FROM reserved_instances JOIN functions ON functions.id = function_id \
                   WHERE (?1 IS NULL OR (package = ?1 AND name = ?2)) AND (?3 IS NULL OR qualifier = ?3)";
    let page = format!(
        "SELECT package, name, qualifier, count, idle_mode, tactics {matches} ORDER BY function_id, qualifier \
         LIMIT ?4 OFFSET ?5"
    );
    let mut statement = connection.prepare_cached(&page)?;
    let listed = statement
        .query_map(params![package, name, qualifier, limit, offset], |row| Ok(damaged::lenient(row, read, partial)))?;
    let listed = listed.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) {matches}"))?;
    let count = statement.query_row(params![package, name, qualifier], |row| row.get(0)).optional()?;
    Ok((listed, count.unwrap_or_default()))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Listed> {
    let has_tactics = row.get_ref(5)? != rusqlite::types::ValueRef::Null;
    let reservation = Reservation {
        qualifier: row.get(2)?,
        count: row.get(3)?,
        idle_mode: row.get(4)?,
        tactics: if has_tactics { from_json(row, 5)? } else { None },
    };
    Ok(Listed { package: row.get(0)?, name: row.get(1)?, reservation })
}

/// A damaged reservation shows the readable number of instances, and the reason in its tactics.
fn partial(row: &Row<'_>, reason: String) -> Listed {
    let reservation = Reservation {
        qualifier: text(row, 2),
        count: or_default(row, 3),
        idle_mode: or_default(row, 4),
        tactics: Some(serde_json::Map::from_iter([("error_msg".to_owned(), reason.into())]).into()),
    };
    Listed { package: text(row, 0), name: text(row, 1), reservation }
}
