//! Damaged rows. A list shows the readable part of such a row, with the reason, so that one row does not hide the
//! others. Reading the row alone fails.

use rusqlite::types::FromSql;
use rusqlite::{Row, RowIndex};

use super::failure::StoreFailure;

/// Reads a row of a list. If that fails, `partial` creates the entry from the readable part and the reason.
pub(super) fn lenient<T>(
    row: &Row<'_>,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    partial: impl FnOnce(&Row<'_>, String) -> T,
) -> T {
    read(row).unwrap_or_else(|error| partial(row, StoreFailure::unreadable(error).to_string()))
}

/// A column as text, whatever its type.
pub(super) fn text(row: &Row<'_>, column: impl RowIndex) -> String {
    let bytes = row.get_ref(column).ok().and_then(|value| value.as_bytes_or_null().ok().flatten());
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// A column, or the default value if it cannot be read.
pub(super) fn or_default<T: FromSql + Default>(row: &Row<'_>, column: impl RowIndex) -> T {
    row.get(column).unwrap_or_default()
}
