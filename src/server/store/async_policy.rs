//! Asynchronous configurations of the versions and aliases of functions.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Map;

use crate::rules::urn::Qualifier;
use crate::wire::async_policy::PutAsyncConfig;

use super::damaged;
use super::failure::{StoreFailure, Stored};
use super::function::{Function, from_json, json};

#[derive(Debug, Clone)]
pub(crate) struct Policy {
    /// The end of the URN after the function's name: `latest`, `v1`, `!prod`.
    pub(crate) qualifier: String,
    pub(crate) configuration: PutAsyncConfig,
    /// In seconds since 1970, like `modified`.
    pub(crate) created: i64,
    pub(crate) modified: i64,
}

const COLUMNS: &str = "qualifier, configuration, created, modified";

pub(crate) fn find(connection: &Connection, function: i64, qualifier: &str) -> Stored<Option<Policy>> {
    let query = format!("SELECT {COLUMNS} FROM async_policies WHERE function_id = ?1 AND qualifier = ?2");
    let found = connection.prepare_cached(&query)?.query_row(params![function, qualifier], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("the asynchronous configuration of {qualifier}")))
}

/// The configuration for a request to `qualifier` that runs `version`: the alias's own one, or otherwise the version's.
pub(crate) fn governing(
    connection: &Connection,
    version: &Function,
    qualifier: Option<&Qualifier>,
) -> Stored<Option<Policy>> {
    if let Some(alias @ Qualifier::Alias(_)) = qualifier
        && let Some(policy) = find(connection, version.id, &alias.to_string())?
    {
        return Ok(Some(policy));
    }
    find(connection, version.id, &version.version)
}

/// Stores the complete configuration.
pub(crate) fn put(connection: &Connection, function: i64, policy: &Policy) -> Stored<()> {
    let Policy { qualifier, configuration, created, modified } = policy;
    let mut statement = connection.prepare_cached(
        "INSERT INTO async_policies (function_id, qualifier, configuration, created, modified) \
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET configuration = ?3, created = ?4, modified = ?5",
    )?;
    statement.execute(params![function, qualifier, json(configuration)?, created, modified])?;
    Ok(())
}

/// Returns whether there was one to delete.
pub(crate) fn delete(connection: &Connection, function: i64, qualifier: &str) -> Stored<bool> {
    let query = "DELETE FROM async_policies WHERE function_id = ?1 AND qualifier = ?2";
    Ok(connection.prepare_cached(query)?.execute(params![function, qualifier])? > 0)
}

/// One page, and the total number.
pub(crate) fn list(connection: &Connection, function: i64, offset: i64, limit: i64) -> Stored<(Vec<Policy>, i64)> {
    let query =
        format!("SELECT {COLUMNS} FROM async_policies WHERE function_id = ?1 ORDER BY qualifier LIMIT ?2 OFFSET ?3");
    let mut statement = connection.prepare_cached(&query)?;
    let policies =
        statement.query_map([function, limit, offset], |row| Ok(read_listed(row)))?.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached("SELECT count(*) FROM async_policies WHERE function_id = ?1")?;
    Ok((policies, statement.query_row([function], |row| row.get(0))?))
}

/// Like [`read`]. A damaged configuration has a single field, which says so.
fn read_listed(row: &Row<'_>) -> Policy {
    damaged::lenient(row, read, |row, reason| {
        let others = Map::from_iter([("error_msg".to_owned(), reason.into())]);
        Policy {
            qualifier: damaged::text(row, 0),
            configuration: PutAsyncConfig { others, ..PutAsyncConfig::default() },
            created: damaged::or_default(row, 2),
            modified: damaged::or_default(row, 3),
        }
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Policy> {
    Ok(Policy {
        qualifier: row.get(0)?,
        configuration: from_json(row, 1)?,
        created: row.get(2)?,
        modified: row.get(3)?,
    })
}
