//! Whether an asynchronous request is accepted, and the policy under which it will run.

use crate::rules::number::{DEFAULT_MAX_RETRIES, DEFAULT_VALIDITY_SECONDS};
use crate::rules::quota::ASYNC_EVENT_BYTES;
use crate::wire::async_policy::PutAsyncConfig;

use super::failure::Outcome;
use super::lifecycle::Life;
use super::refusal::{Refusal, TOO_LARGE, TOO_MANY_REQUESTS};
use super::store::async_policy;
use super::store::function::Function;
use super::store::invocation::{self, Invocation};
use super::target::Target;
use super::transaction::Transaction;

/// A request to run a function asynchronously.
#[derive(Debug, Clone)]
pub(crate) struct AsyncRequest {
    pub(crate) id: String,
    pub(crate) target: Target,
    pub(crate) body: Vec<u8>,
    /// `None` if a client sent it.
    pub(crate) cause: Option<Cause>,
}

/// The invocation whose notification led to this request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause {
    pub(crate) invocation: i64,
    /// The number of hops of that invocation.
    pub(crate) hops: u32,
}

impl Cause {
    pub(crate) fn of(invocation: &Invocation) -> Self {
        Self { invocation: invocation.id, hops: invocation.hops }
    }
}

/// The number of concurrent runs of a function; `None` if there is no limit.
pub(crate) fn concurrency(function: &Function) -> Option<usize> {
    usize::try_from(function.set_strategy()?.concurrency?).ok()
}

pub(crate) fn refuse_disabled(function: &Function) -> Result<(), Refusal> {
    match concurrency(function) {
        Some(0) => Err(Refusal::new(TOO_MANY_REQUESTS, "Function Disabled")),
        _ => Ok(()),
    }
}

/// Stores a request with the policy that applies now.
pub(crate) fn accept(transaction: Transaction<'_>, request: &AsyncRequest) -> Outcome<()> {
    let Transaction { store, context, now } = transaction;
    let AsyncRequest { id, target, body, cause } = request;
    if body.len() > ASYNC_EVENT_BYTES {
        return Err(Refusal::new(TOO_LARGE, invocation::too_large(body.len())).into());
    }
    let function = target.resolve_for(store, id)?;
    refuse_disabled(&function)?;
    let policy = async_policy::governing(store, &function, target.qualifier.as_ref())?;
    let policy = policy.map(|policy| policy.configuration);
    let retries = policy.as_ref().map_or(0, |policy| {
        let retries = policy.max_async_retry_attempts.map(u32::try_from);
        retries.and_then(Result::ok).unwrap_or(DEFAULT_MAX_RETRIES)
    });
    let PutAsyncConfig { max_async_event_age_in_seconds, destination_config, enable_async_status_log, .. } =
        policy.unwrap_or_default();
    let validity = max_async_event_age_in_seconds.unwrap_or(DEFAULT_VALIDITY_SECONDS.into());
    let invocation = Invocation {
        id: 0,
        request_id: id.clone(),
        function_id: function.id,
        function_urn: context.identity.urn(target).to_string(),
        destinations: destination_config.unwrap_or_default(),
        recorded: enable_async_status_log.unwrap_or_default(),
        accepted: now,
        life: Life::accepted(retries, validity, now),
        ended: None,
        error_code: 0,
        error_message: String::new(),
        hops: cause.map_or(0, |cause| cause.hops.saturating_add(1)),
        parent: cause.map(|cause| cause.invocation),
    };
    invocation::insert(store, &invocation, body)?;
    Ok(())
}
