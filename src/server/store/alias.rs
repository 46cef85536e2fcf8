//! Aliases: names for versions of a function, including `latest`.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::rules::urn::Qualifier;
use crate::wire::alias::{Strategies, Weights};

use super::damaged;
use super::failure::{StoreFailure, Stored};
use super::function::{from_json, json};

#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) name: String,
    /// The main version.
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) weights: Weights,
    /// Only stored and returned; the server does not evaluate headers and cookies.
    pub(crate) strategies: Strategies,
    /// Seconds since 1970.
    pub(crate) modified: i64,
}

impl Alias {
    /// The additional version for a request with this `draw`, from 0 to 99; `None` is the main version.
    pub(crate) fn drawn(&self, draw: u8) -> Option<&str> {
        let mut end = 0;
        let drawn = self.weights.iter().find(|(_, weight)| {
            end = weight.saturating_add(end);
            i64::from(draw) < end
        });
        drawn.map(|(version, _)| version.as_str())
    }

    /// Whether it sends some of its requests to this version.
    pub(crate) fn adds(&self, version: &str) -> bool {
        self.weights.contains_key(version) || self.strategies.contains_key(version)
    }
}

const COLUMNS: &str = "name, version, description, weights, strategies, modified";

pub(crate) fn find(connection: &Connection, function: i64, name: &str) -> Stored<Option<Alias>> {
    let query = format!("SELECT {COLUMNS} FROM aliases WHERE function_id = ?1 AND name = ?2");
    let found = connection.prepare_cached(&query)?.query_row(params![function, name], read).optional();
    found.map_err(|error| StoreFailure::from(error).about(format!("alias {name}")))
}

/// Whether an alias of this name exists. It may be damaged.
pub(crate) fn exists(connection: &Connection, function: i64, name: &str) -> Stored<bool> {
    let query = "SELECT 1 FROM aliases WHERE function_id = ?1 AND name = ?2";
    Ok(connection.prepare_cached(query)?.exists(params![function, name])?)
}

/// The aliases of a function, sorted by name.
pub(crate) fn list(connection: &Connection, function: i64) -> Stored<Vec<Alias>> {
    let query = format!("SELECT {COLUMNS} FROM aliases WHERE function_id = ?1 ORDER BY name");
    let mut statement = connection.prepare_cached(&query)?;
    Ok(statement.query_map([function], |row| Ok(read_listed(row)))?.collect::<Result<_, _>>()?)
}

/// Creates or replaces an alias.
pub(crate) fn put(connection: &Connection, function: i64, alias: &Alias) -> Stored<()> {
    let Alias { name, version, description, weights, strategies, modified } = alias;
    let mut statement = connection.prepare_cached(
        "INSERT INTO aliases (function_id, name, version, description, weights, strategies, modified) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (function_id, name) DO UPDATE \
         SET version = ?3, description = ?4, weights = ?5, strategies = ?6, modified = ?7",
    )?;
    let (weights, strategies) = (json(weights)?, json(strategies)?);
    statement.execute(params![function, name, version, description, weights, strategies, modified])?;
    Ok(())
}

/// Removes an alias, its policy and its triggers, but not its version.
pub(crate) fn delete(connection: &Connection, function: i64, name: &str) -> Stored<()> {
    let qualifier = Qualifier::Alias(name.to_owned()).to_string();
    super::async_policy::delete(connection, function, &qualifier)?;
    super::reserved_instance::delete(connection, function, &qualifier)?;
    super::trigger::delete_all(connection, function, Some(&qualifier))?;
    let query = "DELETE FROM aliases WHERE function_id = ?1 AND name = ?2";
    connection.prepare_cached(query)?.execute(params![function, name])?;
    Ok(())
}

/// Like [`read`]. If the alias is damaged, its description says so.
fn read_listed(row: &Row<'_>) -> Alias {
    damaged::lenient(row, read, |row, description| Alias {
        name: damaged::text(row, 0),
        version: damaged::text(row, 1),
        description,
        weights: from_json(row, 3).unwrap_or_default(),
        strategies: from_json(row, 4).unwrap_or_default(),
        modified: damaged::or_default(row, 5),
    })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Alias> {
    Ok(Alias {
        name: row.get(0)?,
        version: row.get(1)?,
        description: row.get(2)?,
        weights: from_json(row, 3)?,
        strategies: from_json(row, 4)?,
        modified: row.get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_divide_a_hundred_draws() {
        let weights = Weights::from([("v2".to_owned(), 30), ("v3".to_owned(), 10), ("v4".to_owned(), 0)]);
        let (version, strategies) = ("v1".to_owned(), Strategies::new());
        let alias =
            Alias { name: String::new(), version, description: String::new(), weights, strategies, modified: 0 };
        let share = |version| (0..100).filter(|draw| alias.drawn(*draw) == version).count();
        assert_eq!([share(Some("v2")), share(Some("v3")), share(Some("v4")), share(None)], [30, 10, 0, 60]);
    }
}
