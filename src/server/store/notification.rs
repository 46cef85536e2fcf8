//! Notifications that ends of invocations owe, until they are delivered or given up, and what became of them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::wire::async_policy::Destination;

use super::super::failure::Outcome;

/// A notification, one for an invocation at most. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) invocation_id: i64,
    pub(crate) destination: Destination,
    /// When it is owed since.
    pub(crate) created: i64,
    pub(crate) tries: u32,
    pub(crate) last_error: Option<String>,
    pub(crate) progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// To be tried at this time.
    Owed {
        due: i64,
    },
    Delivered(Receipt),
    GivenUp,
}

/// Where a notification is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// The request that it became.
    Invocation { request_id: String },
    /// An object, a file.
    Stored { location: String },
}

/// One that is to be delivered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) invocation_id: i64,
    pub(crate) request_id: String,
    pub(crate) created: i64,
    pub(crate) tries: u32,
    /// JSON.
    pub(crate) body: String,
}

/// A target for which something is owed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) destination: Destination,
    /// When its first is due.
    pub(crate) due: i64,
}

pub(crate) fn insert(connection: &Connection, notification: &Notification, body: &str) -> Outcome<()> {
    let query = "INSERT INTO notifications (invocation_id, destination, param, body, created, due, delivered, tries, \
                 last_error, location, request_id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let Notification { invocation_id, destination: Destination { destination, param }, created, .. } = notification;
    let Columns { due, delivered, location, request_id } = Columns::of(&notification.progress);
    let (tries, last_error) = (notification.tries, &notification.last_error);
    let body = due.map(|_| body);
    let row = params![
        invocation_id,
        destination,
        param,
        body,
        created,
        due,
        delivered,
        tries,
        last_error,
        location,
        request_id
    ];
    connection.prepare_cached(query)?.execute(row)?;
    Ok(())
}

/// Writes what one more try came to.
pub(crate) fn tried(connection: &Connection, owed: &Owed, progress: &Progress, error: Option<&str>) -> Outcome<()> {
    let query = "UPDATE notifications SET tries = ?2, last_error = ?3, due = ?4, delivered = ?5, location = ?6, \
                 request_id = ?7, body = CASE WHEN ?4 IS NULL THEN NULL ELSE body END WHERE invocation_id = ?1";
    let Columns { due, delivered, location, request_id } = Columns::of(progress);
    let row = params![owed.invocation_id, owed.tries + 1, error, due, delivered, location, request_id];
    connection.prepare_cached(query)?.execute(row)?;
    Ok(())
}

/// The target after this one for which something is owed.
pub(crate) fn line_after(connection: &Connection, after: &Destination) -> Outcome<Option<Line>> {
    let query = "SELECT destination, param, due FROM notifications \
                 WHERE due IS NOT NULL AND (destination, param) > (?1, ?2) ORDER BY destination, param, due LIMIT 1";
    let read = |row: &Row<'_>| {
        let destination = Destination { destination: row.get(0)?, param: row.get(1)? };
        Ok(Line { destination, due: row.get(2)? })
    };
    Ok(connection.prepare_cached(query)?.query_row([&after.destination, &after.param], read).optional()?)
}

/// The first that are owed to a target and due: so many at most, and not much more than so many bytes.
pub(crate) fn due_of(connection: &Connection, target: &Destination, now: i64, most: Most) -> Outcome<Vec<Owed>> {
    let query = "SELECT invocation_id, invocations.request_id, created, tries, body \
                 FROM notifications JOIN invocations ON invocations.id = invocation_id \
                 WHERE notifications.due IS NOT NULL AND destination = ?1 AND param = ?2 AND notifications.due <= ?3 \
                 ORDER BY notifications.due LIMIT ?4";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query(params![target.destination, target.param, now, most.count])?;
    let (mut owed, mut bytes) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        let (invocation_id, request_id, created, tries) = (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let body: String = row.get(4)?;
        bytes += body.len();
        owed.push(Owed { invocation_id, request_id, created, tries, body });
        if bytes > most.bytes {
            break;
        }
    }
    Ok(owed)
}

/// How much to take at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) count: i64,
    pub(crate) bytes: usize,
}

pub(crate) fn find(connection: &Connection, invocation: i64) -> Outcome<Option<Notification>> {
    let query = "SELECT destination, param, created, tries, last_error, due, delivered, location, request_id \
                 FROM notifications WHERE invocation_id = ?1";
    let read = |row: &Row<'_>| {
        Ok(Notification {
            invocation_id: invocation,
            destination: Destination { destination: row.get(0)?, param: row.get(1)? },
            created: row.get(2)?,
            tries: row.get(3)?,
            last_error: row.get(4)?,
            progress: Columns {
                due: row.get(5)?,
                delivered: row.get(6)?,
                location: row.get(7)?,
                request_id: row.get(8)?,
            }
            .progress(),
        })
    };
    Ok(connection.prepare_cached(query)?.query_row([invocation], read).optional()?)
}

/// Whether anything is still to be delivered.
pub(crate) fn any_owed(connection: &Connection) -> Outcome<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM notifications WHERE due IS NOT NULL)";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Progress as the table has it.
struct Columns {
    due: Option<i64>,
    delivered: bool,
    location: Option<String>,
    request_id: Option<String>,
}

impl Columns {
    fn of(progress: &Progress) -> Self {
        let nothing = Self { due: None, delivered: false, location: None, request_id: None };
        match progress.clone() {
            Progress::Owed { due } => Self { due: Some(due), ..nothing },
            Progress::GivenUp => nothing,
            Progress::Delivered(Receipt::Invocation { request_id }) => {
                Self { delivered: true, request_id: Some(request_id), ..nothing }
            }
            Progress::Delivered(Receipt::Stored { location }) => {
                Self { delivered: true, location: Some(location), ..nothing }
            }
        }
    }

    fn progress(self) -> Progress {
        let Self { due, delivered, location, request_id } = self;
        match (due, delivered, request_id) {
            (Some(due), _, _) => Progress::Owed { due },
            (None, false, _) => Progress::GivenUp,
            (None, true, Some(request_id)) => Progress::Delivered(Receipt::Invocation { request_id }),
            (None, true, None) => Progress::Delivered(Receipt::Stored { location: location.unwrap_or_default() }),
        }
    }
}
