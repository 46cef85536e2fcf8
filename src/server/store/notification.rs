//! Notifications of ended invocations: pending ones until they are delivered or given up, and the results.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::wire::async_policy::Destination;

use super::damaged::{self, or_default, text};
use super::failure::{StoreFailure, Stored};
use super::function::{from_json, json};

/// A notification; an invocation has at most one. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notification {
    pub(crate) invocation_id: i64,
    pub(crate) destination: Destination,
    /// When it was created.
    pub(crate) created: i64,
    pub(crate) tries: u32,
    pub(crate) last_error: Option<String>,
    pub(crate) progress: Progress,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Progress {
    /// A delivery is due at this time.
    Owed {
        due: i64,
    },
    Delivered(Receipt),
    GivenUp,
}

/// Where a notification was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// The request that it started.
    Invocation { request_id: String },
    /// An object or a file.
    Stored { location: String },
}

/// A notification to deliver now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owed {
    pub(crate) invocation_id: i64,
    pub(crate) request_id: String,
    pub(crate) created: i64,
    pub(crate) tries: u32,
    /// The number of hops of its invocation.
    pub(crate) hops: u32,
    /// JSON.
    pub(crate) body: String,
    /// The URLs of the subscribers that have received it. A damaged value counts as empty.
    pub(crate) taken: BTreeSet<String>,
}

#[cfg(test)]
impl Owed {
    /// A notification that has not been tried yet.
    pub(crate) fn untried(body: &str) -> Self {
        Self {
            invocation_id: 1,
            request_id: "r".to_owned(),
            created: 0,
            tries: 0,
            hops: 0,
            body: body.to_owned(),
            taken: BTreeSet::new(),
        }
    }
}

/// A target with pending notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) destination: Destination,
    /// When its first notification is due.
    pub(crate) due: i64,
}

/// The largest notification that is read, in bytes. An event and a result of 256 KB each stay below it, even when
/// escaped. An earlier version wrote larger ones.
const LARGEST: i64 = 8 * 1024 * 1024;

pub(crate) fn insert(connection: &Connection, notification: &Notification, body: &str) -> Stored<()> {
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

/// Records the result of a try, and the subscribers that have received the notification.
pub(crate) fn tried(connection: &Connection, owed: &Owed, progress: &Progress, error: Option<&str>) -> Stored<()> {
    let query = "UPDATE notifications SET tries = ?2, last_error = ?3, due = ?4, delivered = ?5, location = ?6, \
                 request_id = ?7, body = CASE WHEN ?4 IS NULL THEN NULL ELSE body END, \
                 taken = CASE WHEN ?4 IS NULL THEN NULL ELSE ?8 END WHERE invocation_id = ?1";
    let taken = if owed.taken.is_empty() { None } else { Some(json(&owed.taken)?) };
    let Columns { due, delivered, location, request_id } = Columns::of(progress);
    let row =
        params![owed.invocation_id, owed.tries.saturating_add(1), error, due, delivered, location, request_id, taken];
    connection.prepare_cached(query)?.execute(row)?;
    Ok(())
}

/// The next target with pending notifications after this one.
pub(crate) fn line_after(connection: &Connection, after: &Destination) -> Stored<Option<Line>> {
    let query = "SELECT destination, param, due FROM notifications \
                 WHERE due IS NOT NULL AND (destination, param) > (?1, ?2) ORDER BY destination, param, due LIMIT 1";
    let read = |row: &Row<'_>| {
        let destination = Destination { destination: row.get(0)?, param: row.get(1)? };
        Ok(Line { destination, due: row.get(2)? })
    };
    Ok(connection.prepare_cached(query)?.query_row([&after.destination, &after.param], read).optional()?)
}

/// The first due notifications of a target: at most a number, and not much more than a number of bytes.
pub(crate) fn due_of(connection: &Connection, target: &Destination, now: i64, most: Most) -> Stored<Vec<Owed>> {
    let query = "SELECT invocation_id FROM notifications \
                 WHERE due IS NOT NULL AND destination = ?1 AND param = ?2 AND due <= ?3 ORDER BY due LIMIT ?4";
    let mut statement = connection.prepare_cached(query)?;
    let ids = statement.query_map(params![target.destination, target.param, now, most.count], |row| row.get(0))?;
    let ids: Vec<i64> = ids.collect::<Result<_, _>>()?;
    let (mut owed, mut bytes) = (Vec::new(), 0);
    for id in ids {
        match read_owed(connection, id) {
            Ok(one) => {
                bytes += one.body.len();
                owed.push(one);
            }
            Err(failure) if failure.is_unreadable() => give_up(connection, id, &failure.to_string())?,
            Err(failure) => return Err(failure),
        }
        if bytes > most.bytes {
            break;
        }
    }
    Ok(owed)
}

fn read_owed(connection: &Connection, id: i64) -> Stored<Owed> {
    let query = "SELECT invocations.request_id, created, tries, hops, octet_length(body), \
                 CASE WHEN octet_length(body) <= ?2 THEN body END, taken \
                 FROM notifications JOIN invocations ON invocations.id = invocation_id WHERE invocation_id = ?1";
    let mut statement = connection.prepare_cached(query)?;
    let mut rows = statement.query([id, LARGEST])?;
    let row = rows.next()?.ok_or_else(|| StoreFailure::unreadable("the invocation is gone"))?;
    let length: Option<i64> = row.get(4)?;
    if let Some(length) = length.filter(|length| *length > LARGEST) {
        return Err(StoreFailure::unreadable(format!("the notification has {length} bytes")));
    }
    Ok(Owed {
        invocation_id: id,
        request_id: row.get(0)?,
        created: row.get(1)?,
        tries: row.get(2)?,
        hops: row.get(3)?,
        body: row.get(5)?,
        taken: from_json(row, 6).unwrap_or_default(),
    })
}

/// Records that a notification will not be delivered.
fn give_up(connection: &Connection, id: i64, reason: &str) -> Stored<()> {
    let query = "UPDATE notifications SET due = NULL, body = NULL, delivered = 0, last_error = ?2 \
                 WHERE invocation_id = ?1";
    connection.prepare_cached(query)?.execute(params![id, reason])?;
    Ok(())
}

/// Gives up notifications whose damaged rows would block the delivery of all others; returns their number.
pub(crate) fn give_up_damaged(connection: &Connection) -> Stored<usize> {
    let query = "UPDATE notifications SET due = NULL, body = NULL, delivered = 0, tries = 0, \
                 last_error = 'the record of this notification is damaged', \
                 destination = iif(typeof(destination) = 'text', destination, ''), \
                 param = iif(typeof(param) = 'text', param, ''), \
                 created = iif(typeof(created) = 'integer', created, 0) \
                 WHERE due IS NOT NULL AND (typeof(due) <> 'integer' OR typeof(destination) <> 'text' \
                 OR typeof(param) <> 'text' OR typeof(tries) <> 'integer' OR typeof(created) <> 'integer')";
    Ok(connection.prepare_cached(query)?.execute([])?)
}

/// How much to read at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) count: i64,
    pub(crate) bytes: usize,
}

pub(crate) fn find(connection: &Connection, invocation: i64) -> Stored<Option<Notification>> {
    let query = "SELECT destination, param, created, tries, last_error, due, delivered, location, request_id \
                 FROM notifications WHERE invocation_id = ?1";
    let read = |row: &Row<'_>| Ok(damaged::lenient(row, read, partial));
    let found = connection.prepare_cached(query)?.query_row([invocation], read).optional()?;
    Ok(found.map(|notification| Notification { invocation_id: invocation, ..notification }))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Notification> {
    let (due, delivered, location, request_id) = (row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?);
    Ok(Notification {
        invocation_id: 0,
        destination: Destination { destination: row.get(0)?, param: row.get(1)? },
        created: row.get(2)?,
        tries: row.get(3)?,
        last_error: row.get(4)?,
        progress: Columns { due, delivered, location, request_id }.progress(),
    })
}

/// A damaged notification counts as given up, unless its row shows the result.
fn partial(row: &Row<'_>, reason: String) -> Notification {
    let (due, delivered) = (or_default(row, 5), or_default(row, 6));
    let (location, request_id) = (or_default(row, 7), or_default(row, 8));
    Notification {
        invocation_id: 0,
        destination: Destination { destination: text(row, 0), param: text(row, 1) },
        created: or_default(row, 2),
        tries: or_default(row, 3),
        last_error: Some(reason),
        progress: Columns { due, delivered, location, request_id }.progress(),
    }
}

/// The parameters of the target of this request's notification, if it is for OBS.
pub(crate) fn object_param(connection: &Connection, request_id: &str) -> Stored<Option<String>> {
    let query = "SELECT param FROM invocations JOIN notifications ON invocation_id = invocations.id \
                 WHERE invocations.request_id = ?1 AND destination = 'OBS'";
    Ok(connection.prepare_cached(query)?.query_row([request_id], |row| Ok(text(row, 0))).optional()?)
}

/// Whether any delivery is pending.
pub(crate) fn any_owed(connection: &Connection) -> Stored<bool> {
    let query = "SELECT EXISTS (SELECT 1 FROM notifications WHERE due IS NOT NULL)";
    Ok(connection.prepare_cached(query)?.query_row([], |row| row.get(0))?)
}

/// Progress in the form of the table.
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
