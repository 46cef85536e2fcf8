//! What happens where a row of the store is damaged: the invocation that it belongs to ends as failed, for that reason, and
//! everything else goes on.

use rusqlite::Connection;

use super::failure::Outcome;
use super::lifecycle::{End, State};
use super::runtime::Fault;
use super::store::invocation::{self, Invocation, UNREADABLE};
use super::store::{attempt, log, notification, object, part, queue};
use super::transition::{Terms, finish};

/// Works on one invocation, if it is there. Where a row that this needs is damaged, the invocation ends as failed.
pub(super) fn work_on<T>(
    connection: &Connection,
    terms: &Terms,
    (id, now): (i64, i64),
    work: impl FnOnce(Invocation) -> Outcome<T>,
) -> Outcome<Option<T>> {
    let worked = part(connection, || invocation::get(connection, id)?.map(work).transpose());
    match worked {
        Err(failure) if failure.is_unreadable() => {
            abandon(connection, terms, (id, &failure.message), now)?;
            Ok(None)
        }
        worked => worked,
    }
}

/// Ends an invocation as failed, whatever is wrong with its rows. It is listed, and the function's log says why.
pub(super) fn abandon(connection: &Connection, terms: &Terms, (id, reason): (i64, &str), now: i64) -> Outcome<()> {
    let Some(mut invocation) = invocation::get_lenient(connection, id)? else { return Ok(()) };
    let failed = Err(Fault::new(UNREADABLE, "StoreError", reason));
    let notified = part(connection, || {
        let mut notifying = invocation.clone();
        finish(connection, terms, &mut notifying, (End::Failed, Some(&failed)), now)
    });
    // Where what the notification needs is damaged too, there is none.
    notified.or_else(|failure| if failure.is_unreadable() { Ok(()) } else { Err(failure) })?;
    invocation.life.state = State::Ended(End::Failed);
    invocation.ended = Some(now);
    invocation.recorded = true;
    (invocation.error_code, invocation.error_message) = (UNREADABLE, reason.to_owned());
    invocation::repair(connection, &invocation)?;
    invocation::forget_body(connection, id)?;
    attempt::end_open(connection, id, now, (UNREADABLE, reason))?;
    let line = format!("request '{}' has failed: {reason}\n", invocation.request_id);
    log::append(connection, invocation.function_id, &invocation.request_id, now, &line)
}

/// Ends whatever would stop a queue because its row is damaged. Answers how many that were.
pub(crate) fn mend(connection: &Connection, terms: &Terms, now: i64) -> Outcome<usize> {
    let damaged = queue::damaged(connection)?;
    for id in &damaged {
        let reason = invocation::get_lenient(connection, *id)?.map(|invocation| invocation.error_message);
        let reason = reason.filter(|reason| !reason.is_empty());
        let reason = reason.as_deref().unwrap_or("the record of this invocation is damaged");
        abandon(connection, terms, (*id, reason), now)?;
    }
    let notifications = notification::give_up_damaged(connection)?;
    let objects = object::forget_damaged(connection)?;
    Ok(damaged.len() + notifications + objects)
}
