//! What is forgotten of invocations that ended: it is bounded by age and by number.

use rusqlite::{Connection, params};

use super::super::failure::Outcome;

/// Milliseconds for which an invocation that ended is remembered.
const AGE: i64 = 24 * 3600 * 1000;
/// Invocations that ended and are remembered, whatever their age.
const COUNT: i64 = 100_000;
/// As many are forgotten at once, so that nobody waits long for it.
const AT_ONCE: i64 = 500;

/// Forgets some, oldest first; answers whether there may be more to forget. What still owes a notification stays.
pub(crate) fn sweep(connection: &Connection, now: i64) -> Outcome<bool> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM invocations WHERE ended IS NOT NULL")?;
    let ended: i64 = statement.query_row([], |row| row.get(0))?;
    let query = "DELETE FROM invocations WHERE id IN (SELECT id FROM invocations WHERE ended IS NOT NULL \
                 AND ended < ?1 AND NOT EXISTS (SELECT 1 FROM notifications \
                 WHERE invocation_id = invocations.id AND due IS NOT NULL) ORDER BY ended LIMIT ?2)";
    let mut statement = connection.prepare_cached(query)?;
    let old = statement.execute(params![now - AGE, AT_ONCE])?;
    let over = (ended - COUNT).min(AT_ONCE) - i64::try_from(old).unwrap_or(i64::MAX);
    let many = if over > 0 { statement.execute(params![i64::MAX, over])? } else { 0 };
    Ok(old + many > 0)
}
