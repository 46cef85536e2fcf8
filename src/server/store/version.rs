//! Published versions: the settings and code of a function at one time, which no longer change.

use rusqlite::{Connection, OptionalExtension, params};

use super::alias::{self, Alias};
use super::failure::{StoreFailure, Stored};
use super::function::{Function, read, read_listed};

const COLUMNS: &str = "functions.id, package, functions.name, versions.settings, versions.code_type, \
                       versions.code_url, versions.code_filename, versions.code_size, versions.digest, \
                       versions.dependencies, resource_id, versions.image_name, published, versions.name, description";
const TABLES: &str = "versions JOIN functions ON functions.id = function_id";

/// A published version of a function.
pub(crate) fn find(connection: &Connection, function: i64, version: &str) -> Stored<Option<Function>> {
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE function_id = ?1 AND versions.name = ?2");
    let found = connection.prepare_cached(&query)?.query_row(params![function, version], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("version {version}")))
}

/// Whether a version of this name exists. It may be damaged.
pub(crate) fn exists(connection: &Connection, function: i64, version: &str) -> Stored<bool> {
    let query = "SELECT 1 FROM versions WHERE function_id = ?1 AND name = ?2";
    Ok(connection.prepare_cached(query)?.exists(params![function, version])?)
}

/// The published versions of a function, oldest first.
pub(crate) fn list(connection: &Connection, function: i64) -> Stored<Vec<Function>> {
    let query = format!("SELECT {COLUMNS} FROM {TABLES} WHERE function_id = ?1 ORDER BY versions.id");
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_map([function], |row| Ok(read_listed(row)))?.collect::<Result<_, _>>()?)
}

/// Publishes the current latest version, including its code, under this name.
pub(crate) fn publish(connection: &Connection, function: i64, version: &Publication) -> Stored<()> {
    let Publication { name, description, published } = version;
    let mut statement = connection.prepare_cached(
        "INSERT INTO versions (function_id, name, description, settings, code_type, code_url, code_filename, \
         code_size, digest, dependencies, image_name, published) SELECT id, ?2, ?3, settings, code_type, code_url, \
         code_filename, code_size, digest, dependencies, image_name, ?4 FROM functions WHERE id = ?1",
    )?;
    let id = statement.insert(params![function, name, description, published])?;
    let query = "INSERT INTO version_code SELECT ?2, archive FROM code WHERE function_id = ?1";
    connection.prepare_cached(query)?.execute([function, id])?;
    Ok(())
}

/// The data that a published version has in addition to `latest`.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) name: String,
    pub(crate) description: String,
    /// Seconds since 1970.
    pub(crate) published: i64,
}

/// Removes a version with its aliases, and all their policies and triggers.
pub(crate) fn delete(connection: &Connection, function: i64, version: &str) -> Stored<()> {
    let aliases = alias::list(connection, function)?;
    for Alias { name, .. } in aliases.iter().filter(|alias| alias.version == version) {
        alias::delete(connection, function, name)?;
    }
    super::async_policy::delete(connection, function, version)?;
    super::reserved_instance::delete(connection, function, version)?;
    super::trigger::delete_all(connection, function, Some(version))?;
    let query = "DELETE FROM versions WHERE function_id = ?1 AND name = ?2";
    connection.prepare_cached(query)?.execute(params![function, version])?;
    Ok(())
}
