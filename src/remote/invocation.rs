//! Sends, lists and follows invocations, and converts them between model and wire.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::client::{Failed, Invoked};
use crate::model::invocation::{
    Attempt, Delivery, DeliveryState, Failure, Invocation, Returned, RunError, Status, Triggered,
};
use crate::model::urn::FunctionUrn;
use crate::wire::invocation::{self as wire, Envelope};
use crate::wire::routes::Operation;

use super::read_live::PAGES;
use super::{Error, Remote};

/// The maximum number of chained invocations that are followed. Live functions may notify each other in a cycle.
const CHAIN: usize = 1_000;
/// The statuses of a successful answer. 0 means that the answer has none.
const STATUS_OK: [u16; 2] = [200, 0];

/// Selects asynchronous invocations for a list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub request_id: Option<String>,
    pub status: Option<Status>,
    /// Started at this time or later.
    pub since: Option<Timestamp>,
}

/// How much the endpoint returns about an invocation.
#[derive(Debug)]
pub enum Followed {
    /// Everything, from the local server.
    All(Invocation),
    /// Only its own record, if it is listed yet, without the invocations that it started.
    Record(Option<Invocation>),
    /// Nothing, because the function's policy has no status log.
    NotRecorded,
}

impl Remote {
    /// Runs a function and waits until it ends.
    pub async fn invoke(&self, function: &FunctionUrn, event: Vec<u8>) -> Result<Returned, Error> {
        Ok(match self.client.invoke(&function.to_string(), event).await? {
            Invoked::Returned(Envelope { request_id, result, log, status }) => {
                let failed = !STATUS_OK.contains(&status);
                let result = if failed { Err(Failure { code: None, payload: result }) } else { Ok(result) };
                Returned { request_id: Some(request_id), result, log }
            }
            Invoked::Failed(Failed { request_id, code, payload, log }) => {
                let log = log.and_then(|log| STANDARD.decode(log).ok()).unwrap_or_default();
                let log = String::from_utf8_lossy(&log).into_owned();
                // The payload can be in the requested envelope.
                let envelope = serde_json::from_str(&payload).ok().filter(|Envelope { result, .. }| !result.is_empty());
                let payload = envelope.map_or(payload, |Envelope { result, .. }| result);
                Returned { request_id, result: Err(Failure { code, payload }), log }
            }
        })
    }

    /// Submits a request and returns its id.
    pub async fn invoke_async(&self, function: &FunctionUrn, event: Vec<u8>) -> Result<String, Error> {
        Ok(self.client.invoke_async(&function.to_string(), event).await?.request_id)
    }

    /// A function's asynchronous invocations, as far as the service records them.
    pub async fn list_invocations(&self, function: &FunctionUrn, filter: &Filter) -> Result<Vec<Invocation>, Error> {
        let urn = function.to_string();
        let (mut found, mut known, mut marker) = (Vec::new(), BTreeSet::new(), 0);
        for _ in 0..PAGES {
            let mut query = query(filter);
            query.push(("marker", marker.to_string()));
            let page = self.client.list_async_invocations(&urn, &query).await?;
            let is_last = page.invocations.is_empty() || page.next_marker <= marker;
            let before = found.len();
            // Pages are cut by position, so while invocations arrive, one can be on two pages.
            let new = page.invocations.into_iter().filter(|record| known.insert(record.request_id.clone()));
            found.extend(new.map(|record| recorded(function, record)));
            if is_last {
                return Ok(found);
            }
            if found.len() == before {
                break;
            }
            marker = page.next_marker;
        }
        Err(Error::contradiction(self.request(Operation::ListAsyncInvocations, &[&urn]), "its pages do not end"))
    }

    /// The current state of a request and of the invocations that it started.
    pub async fn follow(&self, function: &FunctionUrn, request_id: &str) -> Result<Followed, Error> {
        match self.client.show_trace(request_id).await {
            Ok(trace) => Ok(Followed::All(self.with_chain(trace).await?)),
            Err(error) if error.is_unknown_api() => {
                let filter = Filter { request_id: Some(request_id.to_owned()), ..Filter::default() };
                match self.list_invocations(function, &filter).await?.pop() {
                    None if !self.has_status_log(function).await? => Ok(Followed::NotRecorded),
                    record => Ok(Followed::Record(record)),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Without a status log, the service lists no invocations.
    pub async fn has_status_log(&self, function: &FunctionUrn) -> Result<bool, Error> {
        match self.client.show_async_config(&function.to_string()).await {
            Ok(config) => Ok(config.enable_async_status_log == Some(true)),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Follows notifications to functions, and the triggers that notifications raise.
    async fn with_chain(&self, first: wire::Trace) -> Result<Invocation, Error> {
        let mut ids = VecDeque::from_iter(next_ids(&first));
        let mut traces = BTreeMap::new();
        while let Some(id) = ids.pop_front().filter(|_| traces.len() < CHAIN) {
            match self.client.show_trace(&id).await {
                Ok(trace) => {
                    ids.extend(next_ids(&trace));
                    traces.insert(id, trace);
                }
                // The function is gone together with its records.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(traced(first, &mut traces))
    }
}

fn query(filter: &Filter) -> Vec<(&'static str, String)> {
    let Filter { request_id, status, since } = filter;
    let status = status.map(|status| status.name().to_owned());
    // The service expects times in UTC without a zone.
    let since = since.map(|since| since.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    let given = [("request_id", request_id.clone()), ("status", status), ("query_begin_time", since)];
    given.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The invocations that the notification started.
fn next_ids(trace: &wire::Trace) -> Vec<String> {
    let delivery = trace.notification.iter();
    let ids = delivery.flat_map(|delivery| {
        let triggered = delivery.triggered.iter().filter_map(|one| one.request_id.clone());
        delivery.request_id.clone().into_iter().chain(triggered)
    });
    ids.collect()
}

fn recorded(function: &FunctionUrn, record: wire::Record) -> Invocation {
    let wire::Record { request_id, status, error_code, error_message, start_time, end_time } = record;
    let (started, ended) = (start_time.as_deref().and_then(utc), end_time.as_deref().and_then(utc));
    let error = (error_code != 0).then_some(RunError { code: error_code, message: error_message });
    let attempts = started.map(|started| Attempt { started, ended, error: error.clone() });
    Invocation {
        request_id,
        function: function.to_string(),
        status,
        accepted: None,
        ended,
        next_attempt: None,
        attempts: attempts.into_iter().collect(),
        error,
        notification: None,
    }
}

/// An invocation with those that it started, which are taken from `traces`.
fn traced(trace: wire::Trace, traces: &mut BTreeMap<String, wire::Trace>) -> Invocation {
    let wire::Trace {
        request_id,
        function_urn,
        status,
        accepted,
        expires: _,
        attempts,
        next_attempt,
        ended,
        error,
        notification,
    } = trace;
    let instant = |text: Option<String>| text.and_then(|text| text.parse().ok());
    Invocation {
        request_id,
        function: function_urn,
        status,
        accepted: instant(Some(accepted)),
        ended: instant(ended),
        next_attempt: instant(next_attempt),
        attempts: attempts.into_iter().filter_map(attempt).collect(),
        error,
        notification: notification.map(|notification| delivery(notification, traces)),
    }
}

fn attempt(attempt: wire::Attempt) -> Option<Attempt> {
    let wire::Attempt { started, ended, error } = attempt;
    let ended = ended.and_then(|ended| ended.parse().ok());
    Some(Attempt { started: started.parse().ok()?, ended, error })
}

fn delivery(delivery: wire::Delivery, traces: &mut BTreeMap<String, wire::Trace>) -> Delivery {
    let wire::Delivery { destination, target, delivered, given_up, tries, last_error, location, request_id, triggered } =
        delivery;
    let state = match (delivered, given_up) {
        (true, _) => DeliveryState::Delivered,
        (false, true) => DeliveryState::GivenUp,
        (false, false) => DeliveryState::Pending,
    };
    let mut invocation = |id: Option<String>| {
        let trace = traces.remove(&id?)?;
        Some(traced(trace, traces))
    };
    let direct = invocation(request_id).map(Box::new);
    let triggered = triggered.into_iter().map(|one| {
        let wire::Triggered { trigger_type_code: trigger, function_urn: function, request_id, error } = one;
        Triggered { trigger, function, error, invocation: invocation(request_id) }
    });
    let triggered = triggered.collect();
    Delivery { destination, target, state, tries, last_error, location, invocation: direct, triggered }
}

/// Records contain times in UTC without a zone.
fn utc(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.trim_end_matches('Z').parse().ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}
