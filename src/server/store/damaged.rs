//! Rows that cannot be read as they should be. A list shows what can be read of such a row, and why the rest is missing, so
//! that the row hides no other; a read of that row alone fails.

use rusqlite::types::FromSql;
use rusqlite::{Row, RowIndex};

use super::failure::StoreFailure;

/// Reads a row of a list. If that fails, `partial` makes the entry from what can be read and the reason.
pub(super) fn lenient<T>(
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    partial: impl FnOnce(&Row<'_>, String) -> T,
) -> T {
    read(row).unwrap_or_else(|error| partial(row, StoreFailure::unreadable(error).to_string()))
}

/// A column as text, whatever is in it.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> String {
    let bytes = row.get_ref(column).ok().and_then(|value| value.as_bytes_or_null().ok().flatten());
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// A column, or its default if it cannot be read.
pub(super) fn or_default<T: FromSql + Default>(row: &Row<'_>, column: impl RowIndex) -> T {
    row.get(column).unwrap_or_default()
}
