//! Functions in their latest version, without their code.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::rules::number;
use crate::rules::urn::LATEST;
use crate::wire::function::{RunConfig, StrategyConfig};

use super::damaged::{self, or_default, text};
use super::failure::{StoreFailure, Stored};

/// The fields of a configuration, with the API's names.
pub(crate) type FunctionSettings = Map<String, Value>;

#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) id: i64,
    pub(crate) package: String,
    pub(crate) name: String,
    /// `latest`, which can change, or the name of a published version.
    pub(crate) version: String,
    /// Empty for `latest`.
    pub(crate) version_description: String,
    pub(crate) settings: FunctionSettings,
    pub(crate) code: CodeFacts,
    pub(crate) resource_id: String,
    pub(crate) image_name: String,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

/// The metadata of the code, available without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodeFacts {
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) filename: String,
    /// Bytes.
    pub(crate) size: i64,
    pub(crate) digest: String,
    pub(crate) dependencies: Vec<String>,
}

impl Function {
    /// The fields that say how the function runs.
    pub(crate) fn run_config(&self) -> Stored<RunConfig> {
        RunConfig::deserialize(&self.settings).map_err(StoreFailure::unreadable)
    }

    /// `None` if it was never set.
    pub(crate) fn set_strategy(&self) -> Option<StrategyConfig> {
        StrategyConfig::deserialize(self.settings.get("strategy_config")?).ok()
    }

    /// The strategy as answers show it.
    pub(crate) fn strategy(&self) -> StrategyConfig {
        self.set_strategy().unwrap_or_else(|| StrategyConfig {
            concurrency: Some(number::DEFAULT_INSTANCES.into()),
            concurrent_num: Some(number::DEFAULT_REQUESTS_PER_INSTANCE.into()),
            others: Map::new(),
        })
    }
}

/// A part of a list. Entries are sorted by age, so that a new function does not shift others to another page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) offset: i64,
    pub(crate) limit: i64,
    pub(crate) package: Option<String>,
    /// A part of the name.
    pub(crate) name: Option<String>,
}

const COLUMNS: &str = "id, package, name, settings, code_type, code_url, code_filename, code_size, digest, \
                       dependencies, resource_id, image_name, modified, NULL, ''";
const MATCHES: &str = "(:package IS NULL OR package = :package) AND (:name IS NULL OR instr(name, :name) > 0)";

pub(crate) fn find(connection: &Connection, package: &str, name: &str) -> Stored<Option<Function>> {
    let query = format!("SELECT {COLUMNS} FROM functions WHERE package = ?1 AND name = ?2");
    let mut statement = connection.prepare_cached(&query)?;
    let found = statement.query_row([package, name], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("function {package}/{name}")))
}

/// The id of a function, which may be damaged.
pub(crate) fn id_of(connection: &Connection, package: &str, name: &str) -> Stored<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT id FROM functions WHERE package = ?1 AND name = ?2")?;
    Ok(statement.query_row([package, name], |row| row.get(0)).optional()?)
}

/// One page, and the number of all matching entries.
pub(crate) fn list(connection: &Connection, query: &Query) -> Stored<(Vec<Function>, i64)> {
    let Query { offset, limit, package, name } = query;
    let page = format!("SELECT {COLUMNS} FROM functions WHERE {MATCHES} ORDER BY id LIMIT :limit OFFSET :offset");
    let mut statement = connection.prepare_cached(&page)?;
    let given = named_params! { ":package": package, ":name": name, ":limit": limit, ":offset": offset };
    let functions = statement.query_map(given, |row| Ok(read_listed(row)))?.collect::<Result<_, _>>()?;
    let mut statement = connection.prepare_cached(&format!("SELECT count(*) FROM functions WHERE {MATCHES}"))?;
    let count = statement.query_row(named_params! { ":package": package, ":name": name }, |row| row.get(0))?;
    Ok((functions, count))
}

/// The number of functions, and the size of all their code in bytes.
pub(crate) fn usage(connection: &Connection) -> Stored<(i64, i64)> {
    let mut statement = connection
        .prepare_cached("SELECT count(*), CAST(max(min(total(code_size), 1e15), 0) AS INTEGER) FROM functions")?;
    Ok(statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?)
}

/// Adds a function and returns its new `id`.
pub(crate) fn insert(connection: &Connection, function: &Function) -> Stored<i64> {
    let Function {
        id: _,
        package,
        name,
        version: _,
        version_description: _,
        settings,
        code,
        resource_id,
        image_name,
        modified,
    } = function;
    let CodeFacts { kind, url, filename, size, digest, dependencies } = code;
    let mut statement = connection.prepare_cached(
        "INSERT INTO functions (package, name, settings, code_type, code_url, code_filename, code_size, digest, \
         dependencies, resource_id, image_name, modified) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    let (settings, dependencies) = (json(settings)?, json(dependencies)?);
    Ok(statement.insert(params![
        package,
        name,
        settings,
        kind,
        url,
        filename,
        size,
        digest,
        dependencies,
        resource_id,
        image_name,
        modified
    ])?)
}

/// Updates a function that was read before.
pub(crate) fn update(connection: &Connection, function: &Function) -> Stored<()> {
    let Function {
        id,
        package: _,
        name: _,
        version: _,
        version_description: _,
        settings,
        code,
        resource_id: _,
        image_name,
        modified,
    } = function;
    let CodeFacts { kind, url, filename, size, digest, dependencies } = code;
    let mut statement = connection.prepare_cached(
        "UPDATE functions SET settings = ?2, code_type = ?3, code_url = ?4, code_filename = ?5, code_size = ?6, \
         digest = ?7, dependencies = ?8, image_name = ?9, modified = ?10 WHERE id = ?1",
    )?;
    let (settings, dependencies) = (json(settings)?, json(dependencies)?);
    statement.execute(params![id, settings, kind, url, filename, size, digest, dependencies, image_name, modified])?;
    Ok(())
}

/// Removes a function with its code, versions, policies, triggers and tags.
pub(crate) fn delete(connection: &Connection, id: i64) -> Stored<()> {
    connection.prepare_cached("DELETE FROM functions WHERE id = ?1")?.execute([id])?;
    Ok(())
}

/// Reads the columns of a function, or of a version joined with its function.
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Function> {
    Ok(Function {
        id: row.get(0)?,
        package: row.get(1)?,
        name: row.get(2)?,
        version: row.get::<_, Option<String>>(13)?.unwrap_or_else(|| LATEST.to_owned()),
        version_description: row.get(14)?,
        settings: from_json(row, 3)?,
        code: CodeFacts {
            kind: row.get(4)?,
            url: row.get(5)?,
            filename: row.get(6)?,
            size: row.get(7)?,
            digest: row.get(8)?,
            dependencies: from_json(row, 9)?,
        },
        resource_id: row.get(10)?,
        image_name: row.get(11)?,
        modified: row.get(12)?,
    })
}

/// Like [`read`]. If the function is damaged, its description says so.
pub(super) fn read_listed(row: &Row<'_>) -> Function {
    damaged::lenient(row, read, |row, reason| Function {
        id: or_default(row, 0),
        package: text(row, 1),
        name: text(row, 2),
        version: or_default::<Option<String>>(row, 13).unwrap_or_else(|| LATEST.to_owned()),
        version_description: reason.clone(),
        settings: FunctionSettings::from_iter([("description".to_owned(), reason.into())]),
        code: CodeFacts {
            kind: or_default(row, 4),
            url: or_default(row, 5),
            filename: or_default(row, 6),
            size: or_default(row, 7),
            digest: or_default(row, 8),
            dependencies: Vec::new(),
        },
        resource_id: or_default(row, 10),
        image_name: or_default(row, 11),
        modified: or_default(row, 12),
    })
}

pub(super) fn json(value: &impl serde::Serialize) -> Stored<String> {
    serde_json::to_string(value).map_err(StoreFailure::failed)
}

pub(super) fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
