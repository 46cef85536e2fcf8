//! The tables, and how their file is opened.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

/// The steps that lead to the current layout. The file records how many of them it has taken. A file with a later
/// layout is never changed.
const STEPS: &[&str] = &[TABLES, EXECUTION, VERSIONS, CHAINS, SUBSCRIBERS, DEPENDENCIES, TRIGGERS, EVENTS];

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

/// Asynchronous invocations, their pending notifications, and logs. Times are milliseconds since 1970.
///
/// No foreign key refers to a function, because accepted requests outlive it.
const EXECUTION: &str = "
    CREATE TABLE invocations (
        id            INTEGER PRIMARY KEY AUTOINCREMENT,
        request_id    TEXT NOT NULL UNIQUE,
        function_id   INTEGER NOT NULL,
        function_urn  TEXT NOT NULL,
        destinations  TEXT NOT NULL,
        recorded      INTEGER NOT NULL,
        accepted      INTEGER NOT NULL,
        expires       INTEGER NOT NULL,
        most_attempts INTEGER NOT NULL,
        attempts      INTEGER NOT NULL,
        state         TEXT NOT NULL,
        due           INTEGER,
        ended         INTEGER,
        error_code    INTEGER NOT NULL DEFAULT 0,
        error_message TEXT NOT NULL DEFAULT ''
    );
    CREATE INDEX invocations_by_function ON invocations (function_id, accepted);
    CREATE INDEX invocations_due ON invocations (function_id, due, id) WHERE state = 'waiting';
    CREATE INDEX invocations_expiring ON invocations (expires) WHERE state = 'waiting';
    CREATE INDEX invocations_running ON invocations (id) WHERE state IN ('running', 'stopping');
    CREATE INDEX invocations_ended ON invocations (ended) WHERE ended IS NOT NULL;
    -- Apart, since rows change often and bodies never; gone when the invocation has ended.
    CREATE TABLE payloads (
        invocation_id INTEGER PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
        body          BLOB NOT NULL
    );
    CREATE TABLE attempts (
        invocation_id INTEGER NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
        number        INTEGER NOT NULL,
        started       INTEGER NOT NULL,
        ended         INTEGER,
        error_code    INTEGER NOT NULL DEFAULT 0,
        error_message TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (invocation_id, number)
    ) WITHOUT ROWID;
    CREATE TABLE notifications (
        invocation_id INTEGER PRIMARY KEY REFERENCES invocations (id) ON DELETE CASCADE,
        destination   TEXT NOT NULL,
        param         TEXT NOT NULL,
        body          TEXT,
        created       INTEGER NOT NULL,
        -- None once it is delivered or given up.
        due           INTEGER,
        delivered     INTEGER NOT NULL,
        tries         INTEGER NOT NULL,
        last_error    TEXT,
        location      TEXT,
        request_id    TEXT
    );
    CREATE INDEX notifications_due ON notifications (destination, param, due) WHERE due IS NOT NULL;
    -- Objects of the local OBS that are not kept for ever.
    CREATE TABLE expiring_objects (
        path    TEXT PRIMARY KEY,
        expires INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX expiring_objects_by_time ON expiring_objects (expires);
    -- A row is the log of one run. Its id is where it ends in the log of all functions, in bytes.
    CREATE TABLE logs (
        id          INTEGER PRIMARY KEY,
        function_id INTEGER NOT NULL,
        request_id  TEXT NOT NULL,
        time        INTEGER NOT NULL,
        text        TEXT NOT NULL
    );
    CREATE INDEX logs_by_function ON logs (function_id, id);
    -- The log stream of asynchronous statuses, once it is enabled.
    CREATE TABLE status_log (
        detail TEXT NOT NULL
    );
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

/// Chains of notifications: the number of notifications that led to an invocation, and the invocation whose
/// notification started it. Reserved instances, and whether the project's LTS logs are enabled.
const CHAINS: &str = "
    ALTER TABLE invocations ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE invocations ADD COLUMN parent INTEGER;
    CREATE TABLE reserved_instances (
        function_id INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        qualifier   TEXT NOT NULL,
        count       INTEGER NOT NULL,
        idle_mode   INTEGER NOT NULL,
        tactics     TEXT,
        PRIMARY KEY (function_id, qualifier)
    ) WITHOUT ROWID;
    CREATE TABLE lts_logs (
        enabled INTEGER NOT NULL
    );
";

/// The subscribers that have already received a notification: a JSON array of their URLs.
const SUBSCRIBERS: &str = "ALTER TABLE notifications ADD COLUMN taken TEXT;";

const DEPENDENCIES: &str = "
    CREATE TABLE dependency_versions (
        id          TEXT NOT NULL PRIMARY KEY,
        dependency  TEXT NOT NULL,
        number      INTEGER NOT NULL,
        name        TEXT NOT NULL,
        runtime     TEXT NOT NULL,
        description TEXT NOT NULL,
        link        TEXT NOT NULL,
        etag        TEXT NOT NULL,
        size        INTEGER NOT NULL,
        modified    INTEGER NOT NULL,
        UNIQUE (dependency, number)
    );
    CREATE TABLE dependency_code (
        version_id TEXT NOT NULL PRIMARY KEY REFERENCES dependency_versions (id) ON DELETE CASCADE,
        archive    BLOB NOT NULL
    );
";

/// Triggers. `source` is the bucket, topic or stream whose events they receive.
const TRIGGERS: &str = "
    CREATE TABLE triggers (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        trigger_id  TEXT NOT NULL UNIQUE,
        function_id INTEGER NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
        qualifier   TEXT NOT NULL,
        code        TEXT NOT NULL,
        event_data  TEXT NOT NULL,
        is_active   INTEGER NOT NULL,
        source      TEXT,
        created     INTEGER NOT NULL,
        modified    INTEGER NOT NULL
    );
    CREATE INDEX triggers_by_function ON triggers (function_id, qualifier);
    CREATE INDEX triggers_by_source ON triggers (code, source);
";

/// The next time of a timer, in milliseconds since 1970, and the triggers that a notification raised: `request_id` is the
/// invocation that one started, and `error` why it started none.
const EVENTS: &str = "
    ALTER TABLE triggers ADD COLUMN due INTEGER;
    CREATE INDEX triggers_due ON triggers (due) WHERE due IS NOT NULL;
    CREATE TABLE triggered (
        id            INTEGER PRIMARY KEY,
        invocation_id INTEGER NOT NULL REFERENCES invocations (id) ON DELETE CASCADE,
        code          TEXT NOT NULL,
        function_urn  TEXT NOT NULL,
        request_id    TEXT,
        error         TEXT
    );
    CREATE INDEX triggered_by_invocation ON triggered (invocation_id);
";

/// The number of log pages that are copied into the file at once; many of them are the same page.
pub(super) const CHECKPOINT: i64 = 4000;

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the data was written by a newer fgctl (layout {found}; this one supports {known}): use that one, or another data directory"
    )]
    Newer { found: u16, known: usize },
    #[error("the database cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
}

/// Opens the file, and creates the tables in a new one.
pub(crate) fn open(path: &Path) -> Result<Connection, OpenError> {
    let connection = Connection::open(path)?;
    refuse_newer(&connection)?;
    ensure_shrinkable(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    // The number of log bytes that are kept after it was copied.
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    prepare(connection)
}

/// An empty database that ends with its connection.
pub(crate) fn open_in_memory() -> Result<Connection, OpenError> {
    prepare(Connection::open_in_memory()?)
}

fn prepare(mut connection: Connection) -> Result<Connection, OpenError> {
    // The page cache in KiB.
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // The file contains secrets of functions, so deleted data is overwritten.
    connection.pragma_update(None, "secure_delete", true)?;
    // The number of statements in the server; each is compiled once.
    connection.set_prepared_statement_cache_capacity(128);
    // Otherwise, SQLite compiles a statement with `LIMIT ?` again for each use, to plan for the value.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// The number of steps that the file has taken. Fails if there are more than this version supports.
fn refuse_newer(connection: &Connection) -> Result<usize, OpenError> {
    let (found, known) = (connection.pragma_query_value(None, "user_version", |row| row.get(0))?, STEPS.len());
    if usize::from(found) > known { Err(OpenError::Newer { found, known }) } else { Ok(found.into()) }
}

/// Ensures that free pages can be returned. A file of an earlier version is rewritten once for that.
fn ensure_shrinkable(connection: &Connection) -> Result<(), OpenError> {
    const INCREMENTAL: i64 = 2;
    let found: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if found == INCREMENTAL {
        return Ok(());
    }
    connection.pragma_update(None, "auto_vacuum", INCREMENTAL)?;
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
    if pages > 0 {
        // If there is no space for the copy, the file stays as it is, and still works.
        let _ = connection.execute_batch("VACUUM");
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let transaction = connection.transaction()?;
    let (found, known) = (refuse_newer(&transaction)?, STEPS.len());
    STEPS.iter().skip(found).try_for_each(|step| transaction.execute_batch(step))?;
    transaction.execute_batch(&format!("PRAGMA user_version = {known}"))?;
    Ok(transaction.commit()?)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_newer_layout_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        open(&path).unwrap().pragma_update(None, "user_version", STEPS.len() + 1).unwrap();
        assert!(matches!(open(&path), Err(OpenError::Newer { .. })));
    }

    #[test]
    fn an_older_layout_is_migrated() {
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
    fn a_file_of_an_earlier_version_can_shrink_after_it_was_opened() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let connection = Connection::open(&path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        STEPS[..3].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.execute_batch("PRAGMA user_version = 3").unwrap();
        let auto_vacuum =
            |connection: &Connection| connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, i64>(0));
        assert_eq!(auto_vacuum(&connection), Ok(0));
        drop(connection);
        assert_eq!(auto_vacuum(&open(&path).unwrap()), Ok(2));
    }

    #[test]
    fn a_statement_with_a_variable_limit_is_compiled_once() {
        let connection = open_in_memory().unwrap();
        let mut statement = connection.prepare("SELECT id FROM functions LIMIT ?1").unwrap();
        for limit in 1..4 {
            assert_eq!(statement.query_map([limit], |row| row.get::<_, i64>(0)).unwrap().count(), 0);
        }
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }

    #[test]
    fn opening_again_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        open(&path).unwrap();
        open(&path).unwrap();
    }
}
