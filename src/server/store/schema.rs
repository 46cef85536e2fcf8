//! The tables, and how their file is opened.

use std::path::Path;

use rusqlite::Connection;

/// The layout below. A later one adds a step to `migrate`; a file of a later one is never touched.
const VERSION: i64 = 1;

const TABLES: &str = "
    CREATE TABLE functions (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        package       TEXT NOT NULL,
        name          TEXT NOT NULL,
        settings      TEXT NOT NULL,
        code_type     TEXT NOT NULL,
        code_url      TEXT NOT NULL,
        code_filename TEXT NOT NULL,
        code_size     INTEGER NOT NULL,
        digest        TEXT NOT NULL,
        dependencies  TEXT NOT NULL,
        resource_id   TEXT NOT NULL,
        image_name    TEXT NOT NULL,
        modified      INTEGER NOT NULL,
        UNIQUE (package, name)
    );
    -- Apart, so that reading a list of functions reads no code.
    CREATE TABLE code (
        function_id INTEGER PRIMARY KEY REFERENCES functions (id) ON DELETE CASCADE,
        archive     BLOB NOT NULL
    );
    CREATE TABLE async_policies (
        function_id   INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        qualifier     TEXT NOT NULL,
        configuration TEXT NOT NULL,
        created       INTEGER NOT NULL,
        modified      INTEGER NOT NULL,
        PRIMARY KEY (function_id, qualifier)
    ) WITHOUT ROWID;
    CREATE TABLE tags (
        function_id INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        key         TEXT NOT NULL,
        value       TEXT NOT NULL,
        PRIMARY KEY (function_id, key)
    ) WITHOUT ROWID;
    CREATE INDEX tags_by_key ON tags (key, value);
";

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data were written by a newer fgctl (layout {found}; this one knows {VERSION}): use that one, or another data directory"
    )]
    Newer { found: i64 },
    #[error("the database does not open: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Opens the file, and creates the tables in a new one.
pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    let mut connection = Connection::open(path)?;
    // FULL, with a write-ahead log, flushes at each commit: an answered request survives a loss of power.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Secrets of functions are in it: what is deleted is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    // As many statements as the server has; each is compiled once.
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction()?;
    match transaction.pragma_query_value(None, "user_version", |row| row.get(0))? {
        VERSION => return Ok(()),
        0 => transaction.execute_batch(TABLES)?,
        found => return Err(OpenError::Newer { found }),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_layout_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        open(&path).unwrap().pragma_update(None, "user_version", 7).unwrap();
        assert!(matches!(open(&path), Err(OpenError::Newer { found: 7 })));
    }

    #[test]
    fn opening_again_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        open(&path).unwrap();
        open(&path).unwrap();
    }
}
