//! Tags of functions, and finding functions by their tags.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use crate::wire::tag::{Tag, TagValues};

use super::damaged::text;
use super::failure::Stored;

/// Conditions for finding functions; all must hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct Condition {
    pub(crate) untagged: bool,
    /// Parts of the name.
    pub(crate) names: Vec<String>,
    pub(crate) tags: Vec<TagValues>,
}

/// A function with its tags.
#[derive(Debug, Clone)]
pub(crate) struct Tagged {
    pub(crate) package: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<Tag>,
}

/// The tags of one function, sorted by key.
pub(crate) fn of_function(connection: &Connection, function: i64) -> Stored<Vec<Tag>> {
    let mut statement = connection.prepare_cached("SELECT key, value FROM tags WHERE function_id = ?1 ORDER BY key")?;
    let tags = statement.query_map([function], |row| Ok(Tag { key: text(row, 0), value: text(row, 1) }))?;
    Ok(tags.collect::<Result<_, _>>()?)
}

/// Creates or replaces one tag.
pub(crate) fn set(connection: &Connection, function: i64, tag: &Tag) -> Stored<()> {
    let query = "INSERT OR REPLACE INTO tags (function_id, key, value) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(query)?.execute(params![function, tag.key, tag.value])?;
    Ok(())
}

/// Removes a tag. If a value is given, only a tag with that value.
pub(crate) fn delete(connection: &Connection, function: i64, key: &str, value: Option<&str>) -> Stored<()> {
    let query = "DELETE FROM tags WHERE function_id = ?1 AND key = ?2 AND (?3 IS NULL OR value = ?3)";
    connection.prepare_cached(query)?.execute(params![function, key, value])?;
    Ok(())
}

/// All keys in use with their values, both sorted.
pub(crate) fn of_project(connection: &Connection) -> Stored<BTreeMap<String, Vec<String>>> {
    let mut statement = connection.prepare_cached("SELECT DISTINCT key, value FROM tags ORDER BY key, value")?;
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        keys.entry(text(row, 0)).or_default().push(text(row, 1));
    }
    Ok(keys)
}

/// One page of the matching functions, oldest first.
pub(crate) fn filter(connection: &Connection, condition: &Condition, offset: i64, limit: i64) -> Stored<Vec<Tagged>> {
    let (conditions, mut values) = sql(condition);
    let query = format!("SELECT id, package, name FROM functions WHERE {conditions} ORDER BY id LIMIT ? OFFSET ?");
    values.extend([Value::from(limit), Value::from(offset)]);
    let mut statement = connection.prepare(&query)?;
    let mut rows = statement.query(params_from_iter(values))?;
    let mut functions = Vec::new();
    while let Some(row) = rows.next()? {
        let tags = of_function(connection, row.get(0)?)?;
        functions.push(Tagged { package: text(row, 1), name: text(row, 2), tags });
    }
    Ok(functions)
}

/// The number of matching functions.
pub(crate) fn count(connection: &Connection, condition: &Condition) -> Stored<i64> {
    let (conditions, values) = sql(condition);
    let query = format!("SELECT count(*) FROM functions WHERE {conditions}");
    Ok(connection.prepare(&query)?.query_row(params_from_iter(values), |row| row.get(0))?)
}

/// The condition as SQL, with a value for each question mark.
fn sql(condition: &Condition) -> (String, Vec<Value>) {
    let Condition { untagged, names, tags } = condition;
    let mut conditions = vec!["1".to_owned()];
    let mut values = Vec::new();
    if *untagged {
        conditions.push("NOT EXISTS (SELECT 1 FROM tags WHERE function_id = id)".to_owned());
    }
    for name in names {
        conditions.push("instr(name, ?) > 0".to_owned());
        values.push(Value::from(name.clone()));
    }
    for TagValues { key, values: wanted } in tags {
        let marks = vec!["?"; wanted.len()].join(", ");
        let of_value = if wanted.is_empty() { String::new() } else { format!(" AND value IN ({marks})") };
        conditions.push(format!("id IN (SELECT function_id FROM tags WHERE key = ?{of_value})"));
        values.extend(std::iter::once(key).chain(wanted).cloned().map(Value::from));
    }
    (conditions.join(" AND "), values)
}
