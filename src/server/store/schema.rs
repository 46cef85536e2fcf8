//! The tables, and how their file is opened.

use std::path::Path;

use rusqlite::Connection;

/// How the layout came about: the file says how many of the steps it has taken. A file of a later layout is never touched.
const STEPS: &[&str] = &[TABLES, VERSIONS];

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

/// Published versions and aliases.
const VERSIONS: &str = "
    CREATE TABLE versions (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        function_id   INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        name          TEXT NOT NULL,
        description   TEXT NOT NULL,
        settings      TEXT NOT NULL,
        code_type     TEXT NOT NULL,
        code_url      TEXT NOT NULL,
        code_filename TEXT NOT NULL,
        code_size     INTEGER NOT NULL,
        digest        TEXT NOT NULL,
        dependencies  TEXT NOT NULL,
        image_name    TEXT NOT NULL,
        published     INTEGER NOT NULL,
        UNIQUE (function_id, name)
    );
    CREATE TABLE version_code (
        version_id INTEGER PRIMARY KEY REFERENCES versions (id) ON DELETE CASCADE,
        archive    BLOB NOT NULL
    );
    CREATE TABLE aliases (
        function_id INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        name        TEXT NOT NULL,
        version     TEXT NOT NULL,
        description TEXT NOT NULL,
        weights     TEXT NOT NULL,
        strategies  TEXT NOT NULL,
        modified    INTEGER NOT NULL,
        PRIMARY KEY (function_id, name),
        UNIQUE (function_id, version)
    ) WITHOUT ROWID;
";

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data were written by a newer fgctl (layout {found}; this one knows {known}): use that one, or another data directory"
    )]
    Newer { found: u16, known: usize },
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
    // As many statements as the server has; each is compiled once.
    connection.set_prepared_statement_cache_capacity(64);
    migrate(&mut connection)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction()?;
    let found: u16 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = STEPS.len();
    let missing = STEPS.get(usize::from(found)..).ok_or(OpenError::Newer { found, known })?;
    missing.iter().try_for_each(|step| transaction.execute_batch(step))?;
    transaction.execute_batch(&format!("PRAGMA user_version = {known}"))?;
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
        assert!(matches!(open(&path), Err(OpenError::Newer { found: 7, .. })));
    }

    #[test]
    fn an_older_layout_is_brought_up_to_date() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        for taken in 1..STEPS.len() {
            let _ = std::fs::remove_file(&path);
            let connection = Connection::open(&path).unwrap();
            STEPS[..taken].iter().for_each(|step| connection.execute_batch(step).unwrap());
            connection.execute_batch(&format!("PRAGMA user_version = {taken}")).unwrap();
            let add = "INSERT INTO functions VALUES (1, 'default', 'f', '{}', '', '', '', 0, '', '[]', '', '', 0)";
            connection.execute_batch(add).unwrap();
            drop(connection);
            let connection = open(&path).unwrap();
            let tables = "SELECT (SELECT count(*) FROM functions) + (SELECT count(*) FROM aliases)";
            assert_eq!(connection.query_row(tables, [], |row| row.get::<_, i64>(0)), Ok(1), "after {taken}");
        }
    }

    #[test]
    fn opening_again_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        open(&path).unwrap();
        open(&path).unwrap();
    }
}
