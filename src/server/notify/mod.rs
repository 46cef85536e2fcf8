//! Notifications about ended invocations: their content, and one file for each service that receives them.
//!
//! A notification is stored in the transaction that ends its invocation. The courier delivers it later, at least once.

pub(crate) mod chain;
pub(crate) mod dis;
pub(crate) mod function;
pub(crate) mod obs;
mod s3;
pub(crate) mod smn;

use sha2::{Digest, Sha256};

use crate::rules::quota::ASYNC_EVENT_BYTES;
use crate::rules::quota::ASYNC_RESULT_BYTES;
use crate::wire::async_policy::{Destination, service};
use crate::wire::invocation::{FailureObject, Notification, RequestContext, ResponseContext};

use super::acceptance::Cause;
use super::clock;
use super::lifecycle::End;
use super::runtime::{Fault, Payload, RunResult};
use super::store::invocation::{self, Invocation};
use super::store::notification::{self, Progress, Receipt};
use super::store::{StoreFailure, Stored, attempt};
use super::transaction::Transaction;

pub use chain::MOST_HOPS;
pub use obs::ObjectStore;
pub use s3::RemoteStore;
pub use smn::{Subscription, SubscriptionError};

/// After this many milliseconds, an undelivered notification is given up.
const PATIENCE: i64 = 24 * 3600 * 1000;

/// The status with which an invocation ended, and the result of its last run.
#[derive(Clone, Copy)]
pub(crate) struct Conclusion<'a> {
    pub(crate) end: End,
    pub(crate) result: &'a RunResult,
}

/// Why a notification was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeliveryError {
    /// A later try may succeed.
    NotNow(String),
    /// No later try will succeed.
    Never(String),
}

pub(crate) type Delivered = Result<Receipt, DeliveryError>;

/// The content for the target. `started` is the start of the first attempt in milliseconds since 1970.
fn notification(invocation: &Invocation, body: &[u8], started: i64, conclusion: Conclusion<'_>) -> Notification {
    let Conclusion { end, result } = conclusion;
    let Invocation { request_id, function_urn, life, .. } = invocation;
    let (status_code, response_payload) = match result {
        Ok(Payload { body, .. }) if body.len() > ASYNC_RESULT_BYTES => (200, None),
        Ok(Payload { body, .. }) => (200, Some(text(body))),
        // The stack trace of a failure can have any length; the message always fits.
        Err(Fault { payload, message, .. }) if payload.len() > ASYNC_RESULT_BYTES => (500, Some(failure(message))),
        Err(Fault { payload, .. }) => (500, Some(payload.clone())),
    };
    Notification {
        timestamp: clock::precise(started),
        request_context: RequestContext {
            request_id: request_id.clone(),
            function_urn: function_urn.clone(),
            condition: condition(end).to_owned(),
            approximate_invoke_count: if life.attempts > 1 { life.attempts } else { 0 },
        },
        request_payload: text(body),
        response_context: ResponseContext { status_code, function_error: String::new() },
        response_payload,
    }
}

fn failure(message: &str) -> String {
    let failure = FailureObject { error_message: message.to_owned(), error_type: String::new() };
    serde_json::to_string_pretty(&failure).unwrap_or_default()
}

fn condition(end: End) -> &'static str {
    match end {
        End::Succeeded => "",
        End::Failed => "UnhandledInvocationError",
        End::Canceled => "InvocationCanceled",
        End::Expired => "InvocationExpired",
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The resource of a target, as its service names it.
pub(crate) fn target_name(target: &Destination) -> String {
    let Destination { destination, param } = target;
    let fields: serde_json::Value = serde_json::from_str(param).unwrap_or_default();
    let field = |name: &str| fields[name].as_str().unwrap_or_default();
    match destination.as_str() {
        service::FUNCTION_GRAPH => field("func_urn").to_owned(),
        service::OBS => format!("{}/{}", field("bucket"), field("prefix").trim_start_matches('/')),
        service::DIS => field("stream_name").to_owned(),
        service::SMN => field("topic_urn").to_owned(),
        _ => param.clone(),
    }
}

/// A place that triggers can watch, as it is shown in a chain; `None` for a function.
pub(crate) fn place(target: &Destination) -> Option<String> {
    let name = target_name(target);
    match target.destination.as_str() {
        service::FUNCTION_GRAPH => None,
        service::SMN => Some(format!("SMN {}", name.rsplit(':').next().unwrap_or_default())),
        other => Some(format!("{other} {}", name.trim_end_matches('/'))),
    }
}

/// The longest name of a file, in bytes.
const LONGEST_FILE_NAME: usize = 255;

/// A file name for a resource whose name can be longer than file names may be. The end of a longer name is replaced by
/// a hash.
pub(crate) fn file_name(name: &str, extension: &str) -> String {
    if name.len() + extension.len() <= LONGEST_FILE_NAME {
        return format!("{name}{extension}");
    }
    let hash = hex::encode(&Sha256::digest(name)[..16]);
    let room = LONGEST_FILE_NAME - extension.len() - hash.len() - 1;
    let end = (0..=room).rev().find(|end| name.is_char_boundary(*end)).unwrap_or_default();
    format!("{}-{hash}{extension}", &name[..end])
}

/// Stores a notification of this invocation for delivery. A function of this server is invoked at once: its request is
/// stored in the same transaction.
pub(crate) fn owe(
    transaction: Transaction<'_>,
    invocation: &Invocation,
    destination: &Destination,
    conclusion: Conclusion<'_>,
) -> Stored<()> {
    let Transaction { store, now, .. } = transaction;
    let body = invocation::body(store, invocation.id)?;
    let started = attempt::first_start(store, invocation.id)?.unwrap_or(invocation.accepted);
    let notification = notification(invocation, &body, started, conclusion);
    let body = serde_json::to_string(&notification).map_err(StoreFailure::failed)?;
    let mut owed = notification::Notification {
        invocation_id: invocation.id,
        destination: destination.clone(),
        created: now,
        tries: 0,
        last_error: None,
        progress: Progress::Owed { due: now },
    };
    if let Some(reason) = refusal(transaction, invocation, destination, body.len())? {
        (owed.progress, owed.last_error) = (Progress::GivenUp, Some(reason));
    } else if destination.destination == service::FUNCTION_GRAPH {
        let delivered = function::deliver(transaction, &destination.param, &body, Cause::of(invocation))?;
        (owed.progress, owed.last_error) = progress(transaction, &delivered, 0, now);
        owed.tries = 1;
    }
    notification::insert(store, &owed, &body)
}

/// Why no delivery is tried, if there is a reason.
fn refusal(
    transaction: Transaction<'_>,
    invocation: &Invocation,
    destination: &Destination,
    length: usize,
) -> Stored<Option<String>> {
    let cause = Cause::of(invocation);
    let last = place(destination).unwrap_or_else(|| chain::short(&target_name(destination)));
    if let Some(most) = largest(&destination.destination).filter(|most| length > *most) {
        let service = &destination.destination;
        let reason = format!("the notification has {length} bytes, but {service} takes at most {most}");
        return chain::told(transaction.store, Some(cause), &[last], reason).map(Some);
    }
    if destination.destination == service::FUNCTION_GRAPH {
        return chain::refusal(transaction.store, cause, &[last]);
    }
    Ok(None)
}

/// The largest notification that a service accepts, in bytes. An event, a message and a record have a limit; an object
/// has none.
fn largest(destination: &str) -> Option<usize> {
    match destination {
        service::FUNCTION_GRAPH => Some(ASYNC_EVENT_BYTES),
        service::SMN => Some(256 * 1024),
        service::DIS => Some(1024 * 1024),
        _ => None,
    }
}

/// The next state of a notification after a try, with `tries` earlier ones, if it was created at `created`.
pub(crate) fn progress(
    transaction: Transaction<'_>,
    delivered: &Delivered,
    tries: u32,
    created: i64,
) -> (Progress, Option<String>) {
    let Transaction { context, now, .. } = transaction;
    match delivered {
        Ok(receipt) => (Progress::Delivered(receipt.clone()), None),
        Err(DeliveryError::NotNow(reason)) if now.saturating_sub(created) < PATIENCE => {
            let due = now.saturating_add(context.redelivery.wait(tries.saturating_add(1)));
            (Progress::Owed { due }, Some(reason.clone()))
        }
        Err(DeliveryError::NotNow(reason) | DeliveryError::Never(reason)) => (Progress::GivenUp, Some(reason.clone())),
    }
}
