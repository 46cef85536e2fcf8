//! Deletes records of ended invocations, by age and by number. The file shrinks accordingly.

use rusqlite::{Connection, params};

use super::failure::Stored;
use super::schema;

/// Milliseconds for which an ended invocation is kept.
const AGE: i64 = 24 * 3600 * 1000;
/// The maximum number of ended invocations that are kept, whatever their age.
const COUNT: i64 = 100_000;
/// The number that is deleted at once, so that others do not wait long.
const AT_ONCE: i64 = 500;
/// Free pages that are kept for reuse: 4 MB.
const KEPT_PAGES: i64 = 1024;
/// The number of pages that are returned at once.
const PAGES_AT_ONCE: i64 = 512;

/// The result of a sweep.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Swept {
    /// There may be more to delete.
    More,
    /// There is nothing more to delete before this date, unless new records are written.
    Until(Option<i64>),
}

/// Deletes some records, oldest first. Invocations with a pending notification are kept.
pub(crate) fn sweep(connection: &Connection, now: i64) -> Stored<Swept> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM invocations WHERE ended IS NOT NULL")?;
    let ended: i64 = statement.query_row([], |row| row.get(0))?;
    let query = "DELETE FROM invocations WHERE id IN (SELECT id FROM invocations WHERE ended IS NOT NULL \
                 AND ended < ?1 AND NOT EXISTS (SELECT 1 FROM notifications \
                 WHERE invocation_id = invocations.id AND due IS NOT NULL) ORDER BY ended LIMIT ?2)";
    let mut statement = connection.prepare_cached(query)?;
    let old = statement.execute(params![now - AGE, AT_ONCE])?;
    let over = (ended - COUNT).min(AT_ONCE) - i64::try_from(old).unwrap_or(i64::MAX);
    let many = if over > 0 { statement.execute(params![i64::MAX, over])? } else { 0 };
    let shrunk = shrink(connection)?;
    if old + many > 0 || shrunk {
        return Ok(Swept::More);
    }
    let mut statement = connection.prepare_cached("SELECT min(ended) FROM invocations")?;
    let oldest: Option<i64> = statement.query_row([], |row| row.get(0))?;
    Ok(Swept::Until(oldest.map(|ended| ended.saturating_add(AGE + 1))))
}

/// Returns free pages to the file system; returns whether there may be more.
fn shrink(connection: &Connection) -> Stored<bool> {
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (pages, free) = (pragma("page_count")?, pragma("freelist_count")?);
    let excess = free > KEPT_PAGES && free > pages / 4;
    if excess {
        // Each step returns one page.
        let mut statement = connection.prepare(&format!("PRAGMA incremental_vacuum({PAGES_AT_ONCE})"))?;
        let mut steps = statement.query([])?;
        while steps.next()?.is_some() {}
    }
    // The file shrinks when the log is copied into it, which the end of this transaction triggers.
    let checkpoint = if excess { 1 } else { schema::CHECKPOINT };
    connection.pragma_update(None, "wal_autocheckpoint", checkpoint)?;
    Ok(excess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_shrinks_while_the_server_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut connection = super::super::open(&path).unwrap();
        let size = || path.metadata().unwrap().len();
        connection.execute_batch("CREATE TABLE filled (content BLOB)").unwrap();
        connection.execute_batch("INSERT INTO filled VALUES (zeroblob(40000000))").unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        let filled = size();
        connection.execute_batch("DELETE FROM filled").unwrap();
        let mut sweeps = 0;
        loop {
            let transaction = connection.transaction().unwrap();
            let more = sweep(&transaction, 0).unwrap() == Swept::More;
            transaction.commit().unwrap();
            sweeps += 1;
            if !more {
                break;
            }
        }
        assert!(filled > 40_000_000 && size() < 10_000_000, "{filled} bytes became {} in {sweeps} sweeps", size());
    }
}
