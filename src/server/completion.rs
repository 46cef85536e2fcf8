//! Ends attempts: after a run, after a cancellation, or after the server ended. Each function is one transaction.

use super::damage;
use super::lifecycle::{Effect, Event};
use super::runtime::{Ended, Fault};
use super::store::log::{self, NewLog};
use super::store::{Stored, invocation, part, queue};
use super::transaction::Transaction;
use super::transition::{Run, advance};

/// The number of an earlier server's attempts that one transaction ends.
const AT_ONCE: i64 = 64;

/// Writes the result of an attempt and what follows from it.
pub(crate) fn end_attempt(transaction: Transaction<'_>, run: &Run, ended: &Ended) -> Stored<()> {
    let Transaction { store, now, .. } = transaction;
    let log = NewLog { request_id: &run.request_id, time: now, text: &ended.log };
    let logged = part(store, || log::append(store, run.function_id, log));
    // The end counts even if its log cannot be written.
    logged.or_else(|failure| if failure.is_unreadable() { Ok(()) } else { Err(failure) })?;
    let event = match &ended.result {
        Err(fault) if fault.is_not_started() => Event::NotStarted { attempt: run.attempt },
        result => Event::AttemptEnded { attempt: run.attempt, succeeded: result.is_ok() },
    };
    let advanced = damage::work_on(transaction, run.invocation, |invocation| {
        advance(transaction, invocation, event, Some(&ended.result))
    });
    advanced.map(drop)
}

/// Ends attempts of an earlier server, which failed when it ended. Returns whether there may be more of them.
pub(crate) fn recover(transaction: Transaction<'_>) -> Stored<bool> {
    let died = Err(Fault::died("the server ended while this attempt ran"));
    let running = queue::running(transaction.store, AT_ONCE)?;
    for id in &running {
        let recovered = damage::work_on(transaction, *id, |invocation| {
            let event = Event::AttemptEnded { attempt: invocation.life.attempts, succeeded: false };
            advance(transaction, invocation, event, Some(&died))
        });
        if let Err(failure) = recovered {
            // A single invocation must not prevent the server from starting.
            let reason = format!("the server ended while an attempt ran, and then: {failure}");
            damage::abandon(transaction, *id, &reason)?;
        }
    }
    Ok(!running.is_empty())
}

/// The result of a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Canceled {
    /// The invocation was waiting, and has ended.
    Waiting,
    /// The invocation is running, and its run must be stopped.
    Running,
    /// The function has no such invocation, or it has already ended.
    Nothing,
}

/// Cancels an invocation of a function.
pub(crate) fn cancel(transaction: Transaction<'_>, function_id: i64, request_id: &str) -> Stored<Canceled> {
    let Some(id) = invocation::id_of(transaction.store, request_id)? else { return Ok(Canceled::Nothing) };
    let canceled = damage::work_on(transaction, id, |found| {
        if found.function_id != function_id || found.ended.is_some() {
            return Ok(Canceled::Nothing);
        }
        let (_, effect) = advance(transaction, found, Event::Cancel, None)?;
        Ok(if effect == Effect::Stop { Canceled::Running } else { Canceled::Waiting })
    });
    Ok(canceled?.unwrap_or(Canceled::Nothing))
}
