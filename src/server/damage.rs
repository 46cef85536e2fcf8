//! Handles damaged rows of the store: the invocation that a row belongs to fails with that reason, and everything else
//! continues.

use super::lifecycle::{End, State};
use super::runtime::Fault;
use super::store::attempt::{self, Attempt};
use super::store::invocation::{self, Invocation, UNREADABLE};
use super::store::log::{self, NewLog};
use super::store::{StoreFailure, Stored, notification, object, part, queue};
use super::transaction::Transaction;
use super::transition::finish;

/// Runs `work` for one invocation, if it exists. If it needs a damaged row, the invocation fails.
pub(crate) fn work_on<T>(
    transaction: Transaction<'_>,
    id: i64,
    work: impl FnOnce(Invocation) -> Stored<T>,
) -> Stored<Option<T>> {
    let store = transaction.store;
    match part(store, || invocation::get(store, id)?.map(work).transpose()) {
        Err(StoreFailure::Unreadable(reason)) => {
            abandon(transaction, id, &reason)?;
            Ok(None)
        }
        worked => worked,
    }
}

/// Ends an invocation as failed, even if its own rows are damaged. It is listed, and the function's log contains the
/// reason.
pub(crate) fn abandon(transaction: Transaction<'_>, id: i64, reason: &str) -> Stored<()> {
    let Transaction { store, now, .. } = transaction;
    let Some(mut invocation) = invocation::get_lenient(store, id)? else { return Ok(()) };
    let failed = Err(Fault::new(UNREADABLE, "StoreError", reason));
    let notified = part(store, || finish(transaction, &mut invocation.clone(), End::Failed, Some(&failed)));
    // If the rows for the notification are damaged too, there is none.
    notified.or_else(|failure: StoreFailure| if failure.is_unreadable() { Ok(()) } else { Err(failure) })?;
    invocation.life.state = State::Ended(End::Failed);
    invocation.ended = Some(now);
    invocation.recorded = true;
    (invocation.error_code, invocation.error_message) = (UNREADABLE, reason.to_owned());
    invocation::repair(store, &invocation)?;
    invocation::forget_body(store, id)?;
    let attempt = Attempt { started: now, ended: Some(now), error_code: UNREADABLE, error_message: reason.to_owned() };
    attempt::end_open(store, id, &attempt)?;
    let line = format!("request '{}' has failed: {reason}\n", invocation.request_id);
    log::append(store, invocation.function_id, NewLog { request_id: &invocation.request_id, time: now, text: &line })
}

/// Ends invocations that would block a queue because of a damaged row. Returns their number.
pub(crate) fn mend(transaction: Transaction<'_>) -> Stored<usize> {
    let store = transaction.store;
    let damaged = queue::damaged(store)?;
    for id in &damaged {
        let reason = invocation::get_lenient(store, *id)?.map(|invocation| invocation.error_message);
        let reason = reason.filter(|reason| !reason.is_empty());
        let reason = reason.as_deref().unwrap_or("the record of this invocation is damaged");
        abandon(transaction, *id, reason)?;
    }
    let notifications = notification::give_up_damaged(store)?;
    let objects = object::forget_damaged(store)?;
    Ok(damaged.len() + notifications + objects)
}
