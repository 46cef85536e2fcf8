//! Triggers: the events of timers, buckets, topics and streams start functions.
//!
//! The events of a notification are part of the transaction that records its delivery.

mod document;
pub(crate) mod timer;

use serde_json::Value;

use crate::rules::trigger::{EventData, is_raised_by_put, member};
use crate::rules::urn::Qualifier;
use crate::wire::async_policy::{Destination, DisParam, SmnParam, service};

use super::acceptance::{self, AsyncRequest, Cause};
use super::failure::Failure;
use super::notify::obs::Objects;
use super::notify::{Delivered, chain, smn};
use super::refusal::TOO_LARGE;
use super::store::notification::Owed;
use super::store::trigger::{self as triggers, Listed};
use super::store::triggered::{Start, Triggered};
use super::store::{StoreFailure, Stored};
use super::target::Target;
use super::transaction::Transaction;

pub(crate) use document::etag;

/// Recorded like a subscriber, once a message has started the functions of its topic.
const RAISED: &str = "raised";

/// Something that happened at a place that triggers can watch.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Event<'a> {
    /// An object was uploaded.
    Object {
        bucket: &'a str,
        key: &'a str,
        size: u64,
        /// Differs if the content does.
        etag: &'a str,
    },
    /// A message was published to a topic.
    Message { topic: &'a str, text: &'a str },
    /// A record was added to a stream.
    Record { stream: &'a str, data: &'a str },
}

impl Event<'_> {
    /// The type of the triggers that it raises.
    fn code(&self) -> &'static str {
        match self {
            Self::Object { .. } => "OBS",
            Self::Message { .. } => "SMN",
            Self::Record { .. } => "DIS",
        }
    }

    /// The name of the place.
    fn source(&self) -> &str {
        match self {
            Self::Object { bucket, .. } => bucket,
            Self::Message { topic, .. } => topic,
            Self::Record { stream, .. } => stream,
        }
    }

    /// The place as a chain shows it.
    fn place(&self) -> String {
        let name = match self {
            Self::Object { bucket, key, .. } => format!("{bucket}/{key}"),
            Self::Message { topic, .. } => topic.rsplit(':').next().unwrap_or_default().to_owned(),
            Self::Record { stream, .. } => (*stream).to_owned(),
        };
        format!("{} {name}", self.code())
    }

    /// Whether it raises a trigger of its source with these members.
    fn raises(&self, data: &EventData) -> bool {
        let Self::Object { key, .. } = self else { return true };
        let part = |wire| member(data, wire).and_then(Value::as_str).unwrap_or_default();
        let mut events =
            member(data, "events").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        key.starts_with(part("prefix")) && key.ends_with(part("suffix")) && events.any(is_raised_by_put)
    }
}

/// Starts the functions whose triggers the event raises.
pub(crate) fn raise(transaction: Transaction<'_>, event: Event<'_>, cause: Option<Cause>) -> Stored<Vec<Triggered>> {
    let raised = triggers::of_type(transaction.store, event.code(), Some(event.source()))?;
    let raised = raised.iter().filter(|one| one.trigger.is_active && event.raises(&one.trigger.data));
    let start = |listed: &Listed| {
        let scene = document::Scene { transaction, listed };
        let launched = Launch { listed, body: scene.event(event).to_string(), place: event.place() };
        launch(transaction, &launched, cause)
    };
    raised.map(start).collect()
}

/// Starts the functions whose triggers the delivery of a notification raises, once.
pub(crate) fn raise_for(
    transaction: Transaction<'_>,
    target: &Destination,
    owed: &mut Owed,
    delivered: &Delivered,
) -> Stored<Vec<Triggered>> {
    let cause = Some(Cause { invocation: owed.invocation_id, hops: owed.hops });
    let Destination { destination, param } = target;
    match (destination.as_str(), delivered) {
        (service::OBS, Ok(_)) => {
            let Ok(objects) = Objects::parse(param) else { return Ok(Vec::new()) };
            let (key, etag) = (objects.key(&owed.request_id), etag(owed.body.as_bytes()));
            let size = owed.body.len() as u64;
            raise(transaction, Event::Object { bucket: &objects.bucket, key: &key, size, etag: &etag }, cause)
        }
        (service::DIS, Ok(_)) => {
            let Ok(DisParam { stream_name }) = serde_json::from_str(param) else { return Ok(Vec::new()) };
            raise(transaction, Event::Record { stream: &stream_name, data: &owed.body }, cause)
        }
        // Functions do not wait for the other subscribers.
        (service::SMN, _) if owed.taken.contains(smn::WRITTEN) && !owed.taken.contains(RAISED) => {
            let Ok(SmnParam { topic_urn }) = serde_json::from_str(param) else { return Ok(Vec::new()) };
            let raised = raise(transaction, Event::Message { topic: topic_urn.trim(), text: &owed.body }, cause);
            owed.taken.insert(RAISED.to_owned());
            raised
        }
        _ => Ok(Vec::new()),
    }
}

/// One trigger, and the event that starts its function.
struct Launch<'a> {
    listed: &'a Listed,
    body: String,
    /// Where the event comes from, as a chain shows it.
    place: String,
}

/// Accepts the asynchronous invocation. Fails only if the store fails.
fn launch(transaction: Transaction<'_>, launched: &Launch<'_>, cause: Option<Cause>) -> Stored<Triggered> {
    let Transaction { store, context, now } = transaction;
    let Launch { listed: Listed { function: _, package, name, trigger }, body, place } = launched;
    let (package, name, qualifier) = (package.clone(), name.clone(), Qualifier::parse(&trigger.qualifier));
    let target = Target { package, name, qualifier };
    let function_urn = context.identity.urn(&target).to_string();
    let last = [place.clone(), chain::short(&function_urn)];
    let triggered = |start| Triggered { code: trigger.code.clone(), function_urn: function_urn.clone(), start };
    if let Some(cause) = cause
        && let Some(reason) = chain::refusal(store, cause, &last)?
    {
        return Ok(triggered(Start::Refused(reason)));
    }
    let id = context.ids.new_request_id(now);
    let request = AsyncRequest { id: id.clone(), target, body: body.as_bytes().to_vec(), cause };
    match acceptance::accept(transaction, &request) {
        Ok(()) => Ok(triggered(Start::Accepted(id))),
        Err(Failure::Store(failure @ StoreFailure::Failed(_))) => Err(failure),
        Err(Failure::Refused(refusal)) if refusal.code == TOO_LARGE => {
            // In a cycle, each event contains the one before.
            chain::told(store, cause, &last, refusal.message).map(|reason| triggered(Start::Refused(reason)))
        }
        Err(failure) => Ok(triggered(Start::Refused(failure.to_string()))),
    }
}
