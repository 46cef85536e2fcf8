//! One step of a stored invocation: `lifecycle` decides what an event changes, and this module writes it.
//!
//! It changes only the store. What must be run or sent is returned, or waits in the store.

use crate::wire::async_policy::DestinationConfig;

use super::lifecycle::{Effect, End, Event};
use super::notify::{self, Conclusion};
use super::runtime::{Fault, RunResult};
use super::store::Stored;
use super::store::attempt::{self, Attempt};
use super::store::invocation::{self, Invocation};
use super::transaction::Transaction;

/// An attempt in progress.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) invocation: i64,
    pub(crate) attempt: u32,
    pub(crate) request_id: String,
    pub(crate) function_id: i64,
}

/// The engine's code for waiting too long for an instance, which is closest to an expired request.
const EXPIRED: i32 = 150_430;

/// Passes an event to `lifecycle`, and writes its decision. `result` is the result of the run that ended, if one did.
pub(crate) fn advance(
    transaction: Transaction<'_>,
    mut invocation: Invocation,
    event: Event,
    result: Option<&RunResult>,
) -> Stored<(Invocation, Effect)> {
    let Transaction { store, context, now } = transaction;
    let (life, effect) = invocation.life.on(event, now, context.retry);
    if life == invocation.life {
        return Ok((invocation, effect));
    }
    invocation.life = life;
    match (event, result) {
        (Event::NotStarted { attempt }, _) => attempt::forget(store, invocation.id, attempt)?,
        (_, Some(result)) => attempt::end(store, invocation.id, life.attempts, &attempt_of(result, now))?,
        (_, None) => {}
    }
    match effect {
        Effect::Start => attempt::start(store, invocation.id, life.attempts, now)?,
        Effect::Notify(end) => finish(transaction, &mut invocation, end, result)?,
        Effect::Nothing | Effect::Stop => {}
    }
    invocation::update(store, &invocation)?;
    Ok((invocation, effect))
}

fn attempt_of(result: &RunResult, now: i64) -> Attempt {
    let (error_code, error_message) = match result {
        Ok(_) => (0, String::new()),
        Err(fault) => (fault.code, fault.message.clone()),
    };
    Attempt { started: now, ended: Some(now), error_code, error_message }
}

/// Writes the consequences of an end: its reason, and the pending notification.
pub(crate) fn finish(
    transaction: Transaction<'_>,
    invocation: &mut Invocation,
    end: End,
    result: Option<&RunResult>,
) -> Stored<()> {
    let own;
    let result = match (end, result) {
        (End::Succeeded | End::Failed, Some(result)) => result,
        _ => {
            own = Err(own_fault(transaction, invocation, end)?);
            &own
        }
    };
    invocation.ended = Some(transaction.now);
    if let Err(fault) = result {
        (invocation.error_code, invocation.error_message) = (fault.code, fault.message.clone());
    }
    let DestinationConfig { on_success, on_failure } = &invocation.destinations;
    let side = if end == End::Succeeded { on_success } else { on_failure };
    if let Some(destination) = DestinationConfig::side(side.as_ref()) {
        notify::owe(transaction, invocation, destination, Conclusion { end, result })?;
    }
    invocation::forget_body(transaction.store, invocation.id)
}

/// Why an invocation ended, if no run gives the reason.
fn own_fault(transaction: Transaction<'_>, invocation: &Invocation, end: End) -> Stored<Fault> {
    match end {
        End::Canceled => Ok(Fault::canceled()),
        End::Succeeded | End::Failed => Ok(Fault::died("the attempt ended without a result")),
        End::Expired => {
            let seconds = invocation.life.expires.saturating_sub(invocation.accepted) / 1000;
            let last = attempt::list(transaction.store, invocation.id)?.pop();
            let last = last.map_or_else(
                || "before an attempt could start".to_owned(),
                |last| format!("before another attempt could start; the last one failed: {}", last.error_message),
            );
            let message = format!("the request expired {seconds} s after it was accepted, {last}");
            Ok(Fault::new(EXPIRED, "InvocationExpired", message))
        }
    }
}
