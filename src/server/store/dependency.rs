//! Dependency packages and their versions. A version never changes. Its archive is stored apart, so that lists read none.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};

use super::damaged::{self, or_default, text};
use super::failure::{StoreFailure, Stored};

/// A version of a dependency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) id: String,
    /// The dependency, which all versions of a name and a runtime share.
    pub(crate) dependency: String,
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) runtime: String,
    pub(crate) description: String,
    /// The object in OBS that it was made from; empty for an upload.
    pub(crate) link: String,
    pub(crate) etag: String,
    /// Bytes.
    pub(crate) size: i64,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

/// Which versions to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    /// The versions of this dependency, newest first. Otherwise, the newest version of each dependency.
    pub(crate) dependency: Option<String>,
    /// A part of the name.
    pub(crate) name: Option<String>,
    pub(crate) runtime: Option<String>,
}

const COLUMNS: &str = "id, dependency, number, name, runtime, description, link, etag, size, modified";
const MATCHES: &str = "(:name IS NULL OR instr(name, :name) > 0) AND (:runtime IS NULL OR runtime = :runtime) AND \
                       (dependency = :dependency OR :dependency IS NULL AND number = (SELECT max(number) FROM \
                       dependency_versions AS others WHERE others.dependency = dependency_versions.dependency))";

/// One page, and the number of all matching entries.
pub(crate) fn list(connection: &Connection, query: &Query) -> Stored<(Vec<Version>, i64)> {
    let Query { offset, limit, dependency, name, runtime } = query;
    let page = format!(
        "SELECT {COLUMNS} FROM dependency_versions WHERE {MATCHES} ORDER BY number DESC, rowid LIMIT :limit OFFSET :offset"
    );
    let mut statement = connection.prepare_cached(&page)?;
    let given = named_params! {
        ":dependency": dependency, ":name": name, ":runtime": runtime, ":limit": limit, ":offset": offset,
    };
    let listed = statement.query_map(given, |row| Ok(damaged::lenient(row, read, partial)))?;
    let listed = listed.collect::<Result<_, _>>()?;
    let mut statement =
        connection.prepare_cached(&format!("SELECT count(*) FROM dependency_versions WHERE {MATCHES}"))?;
    let given = named_params! { ":dependency": dependency, ":name": name, ":runtime": runtime };
    Ok((listed, statement.query_row(given, |row| row.get(0))?))
}

pub(crate) fn find(connection: &Connection, dependency: &str, number: i64) -> Stored<Option<Version>> {
    let query = format!("SELECT {COLUMNS} FROM dependency_versions WHERE dependency = ?1 AND number = ?2");
    let found = connection.prepare_cached(&query)?.query_row(params![dependency, number], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("version {number} of dependency {dependency}")))
}

/// The dependency with this name and runtime, and its newest version's number.
pub(crate) fn newest(connection: &Connection, name: &str, runtime: &str) -> Stored<Option<(String, i64)>> {
    let query = "SELECT dependency, number FROM dependency_versions WHERE name = ?1 AND runtime = ?2 \
                 ORDER BY number DESC LIMIT 1";
    let mut statement = connection.prepare_cached(query)?;
    Ok(statement.query_row([name, runtime], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

pub(crate) fn insert(connection: &Connection, version: &Version, archive: Option<&[u8]>) -> Stored<()> {
    let Version { id, dependency, number, name, runtime, description, link, etag, size, modified } = version;
    let query = format!("INSERT INTO dependency_versions ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
    let values = params![id, dependency, number, name, runtime, description, link, etag, size, modified];
    connection.prepare_cached(&query)?.execute(values)?;
    if let Some(archive) = archive {
        connection
            .prepare_cached("INSERT INTO dependency_code (version_id, archive) VALUES (?1, ?2)")?
            .execute(params![id, archive])?;
    }
    Ok(())
}

pub(crate) fn delete(connection: &Connection, id: &str) -> Stored<()> {
    connection.prepare_cached("DELETE FROM dependency_versions WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// The archive of a version; `None` if it is not stored here.
pub(crate) fn archive(connection: &Connection, id: &str) -> Stored<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT archive FROM dependency_code WHERE version_id = ?1")?;
    Ok(statement.query_row([id], |row| row.get(0)).optional()?)
}

/// Whether a function or a published version has this dependency version.
pub(crate) fn is_used(connection: &Connection, id: &str) -> Stored<bool> {
    let quoted = format!("\"{id}\"");
    let query = "SELECT 1 FROM functions WHERE instr(dependencies, ?1) > 0 \
                 UNION ALL SELECT 1 FROM versions WHERE instr(dependencies, ?1) > 0";
    Ok(connection.prepare_cached(query)?.exists([quoted])?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Version> {
    Ok(Version {
        id: row.get(0)?,
        dependency: row.get(1)?,
        number: row.get(2)?,
        name: row.get(3)?,
        runtime: row.get(4)?,
        description: row.get(5)?,
        link: row.get(6)?,
        etag: row.get(7)?,
        size: row.get(8)?,
        modified: row.get(9)?,
    })
}

/// A damaged version shows what is readable, and the reason as its description.
fn partial(row: &Row<'_>, reason: String) -> Version {
    Version {
        id: text(row, 0),
        dependency: text(row, 1),
        number: or_default(row, 2),
        name: text(row, 3),
        runtime: text(row, 4),
        description: reason,
        link: text(row, 6),
        etag: text(row, 7),
        size: or_default(row, 8),
        modified: or_default(row, 9),
    }
}
