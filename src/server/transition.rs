//! What happens to stored invocations: each function here is one transaction, in which `lifecycle` decides.
//!
//! It performs nothing outside of the store; what is to be run or sent is answered, or waits there.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::wire::async_policy::{Destination, DestinationConfig, PutAsyncConfig};
use crate::wire::urn::{FunctionUrn, LATEST, Qualifier};

use super::deployment::deployment;
use super::failure::{Failure, Outcome};
use super::lifecycle::{self, Backoff, Effect, End, Event, Life};
use super::notify;
use super::routes::target::Target;
use super::runtime::{Deployment, Ended, Fault, Payload};
use super::store::attempt::{self, Attempt};
use super::store::function::Function;
use super::store::invocation::{self, Invocation, Line};
use super::store::{async_policy, log, version};

/// What stays the same for all invocations of a server.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    pub(crate) region: String,
    pub(crate) project_id: String,
    /// Between attempts.
    pub(crate) retry: Backoff,
    /// Between tries to deliver a notification.
    pub(crate) redelivery: Backoff,
}

/// A request to run a function some time.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) target: Target,
    pub(crate) body: Vec<u8>,
}

/// What may be started.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    /// As many in all.
    pub(crate) free: usize,
    /// As many of one function at once, whatever it says itself: nobody takes all the room there is.
    pub(crate) most_of_one: usize,
    /// What runs of each function.
    pub(crate) running: HashMap<i64, usize>,
    /// The function that was served last.
    pub(crate) after: i64,
}

/// What is to be started.
pub(crate) struct Claim {
    pub(crate) starts: Vec<Start>,
    /// The function that was served last.
    pub(crate) after: i64,
    /// When to look again, if nothing happens before.
    pub(crate) next: Option<i64>,
}

/// An attempt that has begun, as far as the store knows.
pub(crate) struct Start {
    pub(crate) run: Run,
    /// Or why there is nothing to run.
    pub(crate) deployment: Result<Arc<Deployment>, String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) invocation: i64,
    pub(crate) attempt: u32,
    pub(crate) request_id: String,
    pub(crate) function_id: i64,
}

/// Invocations that are ended or recovered in one transaction.
const WINDOW: i64 = 64;

/// The engine's codes for what is not the function's doing.
mod code {
    /// The instance died.
    pub(super) const DIED: i32 = 4014;
    pub(super) const FUNCTION_GONE: i32 = 4024;
    pub(super) const CANCELED: i32 = 4208;
    /// Waited for an instance too long.
    pub(super) const EXPIRED: i32 = 150_430;
}

impl Terms {
    /// A function's URN as it was asked for; without a version it means the latest.
    pub(crate) fn urn(&self, target: &Target) -> FunctionUrn {
        let Target { package, name, qualifier } = target.clone();
        let qualifier = qualifier.unwrap_or_else(|| Qualifier::Version(LATEST.to_owned()));
        let (region, project_id) = (self.region.clone(), self.project_id.clone());
        FunctionUrn { region, project_id, package, name, qualifier: Some(qualifier) }
    }

    fn target(&self, urn: &str) -> Outcome<Target> {
        Target::of_project(&self.region, &self.project_id, urn)
    }
}

/// The version of a function that is to run for a request to a target.
pub(crate) fn resolve(connection: &Connection, target: &Target, request_id: &str) -> Outcome<Function> {
    let latest = target.function(connection)?;
    version::resolve(connection, latest, target.qualifier.as_ref(), Some(draw(request_id)))
}

/// Where a request falls among the shares of an alias: ids are random, and so all attempts of one run the same version.
fn draw(request_id: &str) -> u8 {
    let random = uuid::Uuid::parse_str(request_id).map_or(0, |id| id.as_u64_pair().1);
    u8::try_from(random % 100).unwrap_or_default()
}

/// How many runs of a function there may be at once; none says that there is no limit.
pub(crate) fn concurrency(function: &Function) -> Option<usize> {
    let limit = function.settings.get("strategy_config")?.get("concurrency")?.as_i64()?;
    usize::try_from(limit).ok()
}

pub(crate) fn refuse_disabled(function: &Function) -> Outcome<()> {
    match concurrency(function) {
        Some(0) => Err(Failure::new(axum::http::StatusCode::TOO_MANY_REQUESTS, "FSS.0429", "Function Disabled")),
        _ => Ok(()),
    }
}

/// Keeps a request, to be run under the policy that holds now.
pub(crate) fn accept(connection: &Connection, terms: &Terms, request: &Request, now: i64) -> Outcome<()> {
    let Request { id, target, body } = request;
    let function = resolve(connection, target, id)?;
    refuse_disabled(&function)?;
    let policy = async_policy::governing(connection, &function, target.qualifier.as_ref())?;
    let policy = policy.map(|policy| policy.configuration);
    let retries = policy.as_ref().map_or(0, |policy| {
        let retries = policy.max_async_retry_attempts.map(u32::try_from);
        retries.and_then(Result::ok).unwrap_or(lifecycle::DEFAULT_RETRIES)
    });
    let PutAsyncConfig { max_async_event_age_in_seconds, destination_config, enable_async_status_log, .. } =
        policy.unwrap_or_default();
    let validity = max_async_event_age_in_seconds.unwrap_or(lifecycle::DEFAULT_VALIDITY);
    let invocation = Invocation {
        id: 0,
        request_id: id.clone(),
        function_id: function.id,
        function_urn: terms.urn(target).to_string(),
        destinations: destination_config.unwrap_or_default(),
        recorded: enable_async_status_log.unwrap_or_default(),
        accepted: now,
        life: Life::accepted(retries, validity, now),
        ended: None,
        error_code: 0,
        error_message: String::new(),
    };
    invocation::insert(connection, &invocation, body)?;
    Ok(())
}

/// Ends what has expired, and starts what is due: of one function after the other, beginning behind the one that was
/// served last.
pub(crate) fn claim(connection: &Connection, terms: &Terms, room: &Room, now: i64) -> Outcome<Claim> {
    for invocation in invocation::expired(connection, now, WINDOW)? {
        advance(connection, terms, invocation, (Event::Turn, None), now)?;
    }
    let mut claim = Claim { starts: Vec::new(), after: room.after, next: invocation::next_expiry(connection)? };
    let mut from_the_first = false;
    let mut last = room.after;
    while claim.starts.len() < room.free {
        let Some(Line { function_id, due }) = invocation::line_after(connection, last)? else {
            if from_the_first {
                break;
            }
            (from_the_first, last) = (true, 0);
            continue;
        };
        if from_the_first && function_id > room.after {
            break;
        }
        last = function_id;
        if due > now {
            claim.next = Some(claim.next.map_or(due, |next| next.min(due)));
        } else {
            start_line(connection, terms, (room, function_id, now), &mut claim)?;
        }
    }
    Ok(claim)
}

/// Starts what waits for one function, as far as there is room.
fn start_line(
    connection: &Connection,
    terms: &Terms,
    (room, function_id, now): (&Room, i64, i64),
    claim: &mut Claim,
) -> Outcome<()> {
    let free = room.free - claim.starts.len();
    let running = room.running.get(&function_id).copied().unwrap_or_default();
    let free = free.min(room.most_of_one.saturating_sub(running));
    for invocation in invocation::due_of(connection, function_id, now, free)? {
        let function = terms.target(&invocation.function_urn);
        let function = function.and_then(|target| resolve(connection, &target, &invocation.request_id));
        let function = function.map_err(|failure| failure.message).and_then(|function| {
            if function.id == function_id { Ok(function) } else { Err("the function was deleted".to_owned()) }
        });
        let limit = function.as_ref().ok().and_then(concurrency).unwrap_or(usize::MAX);
        if claim.starts.iter().filter(|start| start.run.function_id == function_id).count() + running >= limit {
            return Ok(());
        }
        let body = invocation::body(connection, invocation.id)?;
        let deployment = function.and_then(|function| {
            let urn = FunctionUrn::parse(&invocation.function_urn).ok_or("its URN is not one")?;
            Ok(Arc::new(deployment(&function, &urn)))
        });
        let (invocation, effect) = advance(connection, terms, invocation, (Event::Turn, None), now)?;
        if effect == Effect::Start {
            let Invocation { id, request_id, life, .. } = invocation;
            let run = Run { invocation: id, attempt: life.attempts, request_id, function_id };
            claim.starts.push(Start { run, deployment, body });
            claim.after = function_id;
        }
    }
    Ok(())
}

/// Keeps what an attempt came to, and what follows from it.
pub(crate) fn end_attempt(
    connection: &Connection,
    terms: &Terms,
    (run, ended): (&Run, &Ended),
    now: i64,
) -> Outcome<()> {
    let Some(invocation) = invocation::get(connection, run.invocation)? else { return Ok(()) };
    log::append(connection, run.function_id, &run.request_id, now, &ended.log)?;
    let event = Event::AttemptEnded { attempt: run.attempt, succeeded: ended.result.is_ok() };
    advance(connection, terms, invocation, (event, Some(&ended.result)), now).map(drop)
}

/// Ends attempts that a former server began: they failed when it ended. Answers whether there may be more of them.
pub(crate) fn recover(connection: &Connection, terms: &Terms, now: i64) -> Outcome<bool> {
    let died = Err(fault(code::DIED, "ServerEnded", "the server ended while this attempt ran"));
    let running = invocation::running(connection, WINDOW)?;
    let more = !running.is_empty();
    for invocation in running {
        let event = Event::AttemptEnded { attempt: invocation.life.attempts, succeeded: false };
        advance(connection, terms, invocation, (event, Some(&died)), now)?;
    }
    Ok(more)
}

/// Ends an invocation of a function; answers whether a run has to be ended for it. None: there is none that could be.
pub(crate) fn cancel(connection: &Connection, terms: &Terms, wanted: (i64, &str), now: i64) -> Outcome<Option<bool>> {
    let (function_id, request_id) = wanted;
    let found = invocation::find(connection, request_id)?;
    match found.filter(|found| found.function_id == function_id && found.ended.is_none()) {
        None => Ok(None),
        Some(found) => {
            let (_, effect) = advance(connection, terms, found, (Event::Cancel, None), now)?;
            Ok(Some(effect == Effect::Stop))
        }
    }
}

type RunResult = Result<Payload, Fault>;

/// Tells `lifecycle` of an event, and writes what it decides.
fn advance(
    connection: &Connection,
    terms: &Terms,
    mut invocation: Invocation,
    (event, result): (Event, Option<&RunResult>),
    now: i64,
) -> Outcome<(Invocation, Effect)> {
    let (life, effect) = invocation.life.on(event, now, terms.retry);
    if life == invocation.life {
        return Ok((invocation, effect));
    }
    invocation.life = life;
    if let Some(result) = result {
        attempt::end(connection, invocation.id, life.attempts, &attempt_of(result, now))?;
    }
    match effect {
        Effect::Start => attempt::start(connection, invocation.id, life.attempts, now)?,
        Effect::Notify(end) => finish(connection, terms, &mut invocation, (end, result), now)?,
        Effect::Nothing | Effect::Stop => {}
    }
    invocation::update(connection, &invocation)?;
    Ok((invocation, effect))
}

fn attempt_of(result: &RunResult, now: i64) -> Attempt {
    let (error_code, error_message) = match result {
        Ok(_) => (0, String::new()),
        Err(fault) => (fault.code, fault.message.clone()),
    };
    Attempt { started: now, ended: Some(now), error_code, error_message }
}

/// What an end leaves behind: its reason, and the notification that it owes.
fn finish(
    connection: &Connection,
    terms: &Terms,
    invocation: &mut Invocation,
    (end, result): (End, Option<&RunResult>),
    now: i64,
) -> Outcome<()> {
    let own;
    let result = match (end, result) {
        (End::Succeeded | End::Failed, Some(result)) => result,
        _ => {
            own = Err(own_fault(connection, invocation, end)?);
            &own
        }
    };
    invocation.ended = Some(now);
    if let Err(fault) = result {
        (invocation.error_code, invocation.error_message) = (fault.code, fault.message.clone());
    }
    let DestinationConfig { on_success, on_failure } = &invocation.destinations;
    let side = if end == End::Succeeded { on_success } else { on_failure };
    if let Some(destination) = DestinationConfig::side(side.as_ref()) {
        let told = notify::Told { end, result };
        owe(connection, terms, (invocation, destination), told, now)?;
    }
    invocation::forget_body(connection, invocation.id)
}

fn owe(
    connection: &Connection,
    terms: &Terms,
    (invocation, destination): (&Invocation, &Destination),
    told: notify::Told<'_>,
    now: i64,
) -> Outcome<()> {
    let body = invocation::body(connection, invocation.id)?;
    let started = attempt::first_start(connection, invocation.id)?.unwrap_or(invocation.accepted);
    let notification = notify::notification(invocation, &body, started, told);
    notify::owe(connection, terms, (invocation.id, destination), &notification, now)
}

/// Why it ended, where no run says so.
fn own_fault(connection: &Connection, invocation: &Invocation, end: End) -> Outcome<Fault> {
    match end {
        End::Canceled => Ok(fault(code::CANCELED, "InvocationCanceled", "function invocation canceled")),
        End::Succeeded | End::Failed => Ok(fault(code::DIED, "ServerEnded", "the attempt ended without a result")),
        End::Expired => {
            let seconds = (invocation.life.expires - invocation.accepted) / 1000;
            let last = attempt::list(connection, invocation.id)?.pop();
            let last = last.map_or_else(
                || "before an attempt could start".to_owned(),
                |last| format!("before another attempt could start; the last one failed: {}", last.error_message),
            );
            let message = format!("the request expired {seconds} s after it was accepted, {last}");
            Ok(fault(code::EXPIRED, "InvocationExpired", &message))
        }
    }
}

pub(crate) fn gone(reason: &str) -> Fault {
    fault(code::FUNCTION_GONE, "FunctionNotFound", reason)
}

/// A failure that is not the function's doing, in the form of one that is.
fn fault(code: i32, kind: &str, message: &str) -> Fault {
    let payload: Value = json!({ "errorMessage": message, "errorType": kind, "stackTrace": [] });
    Fault { code, message: message.to_owned(), payload: format!("{payload:#}") }
}
