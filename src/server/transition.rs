//! What happens to stored invocations: each function here is one transaction, in which `lifecycle` decides.
//!
//! It performs nothing outside of the store; what is to be run or sent is answered, or waits there.

use rusqlite::Connection;

use crate::rules::number::{DEFAULT_MAX_RETRIES, DEFAULT_VALIDITY_SECONDS};
use crate::rules::quota::ASYNC_EVENT_BYTES;
use crate::wire::async_policy::{Destination, DestinationConfig, PutAsyncConfig};
use crate::wire::urn::{FunctionUrn, LATEST, Qualifier};

use super::damage;
use super::failure::{Failure, Outcome};
use super::lifecycle::{Backoff, Effect, End, Event, Life};
use super::notify;
use super::routes::target::Target;
use super::runtime::{Ended, Fault, Payload};
use super::store::attempt::{self, Attempt};
use super::store::function::Function;
use super::store::invocation::{self, Invocation};
use super::store::{async_policy, log, part, queue, version};

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
    /// None where a client asks for it.
    pub(crate) cause: Option<Cause>,
}

/// The invocation whose notification a request is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause {
    pub(crate) invocation: i64,
    /// Of that invocation.
    pub(crate) hops: u32,
}

/// An attempt that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) invocation: i64,
    pub(crate) attempt: u32,
    pub(crate) request_id: String,
    pub(crate) function_id: i64,
}

/// Invocations that are ended in one transaction without having run.
pub(super) const WINDOW: i64 = 64;

/// Waited for an instance too long: the engine's code that comes nearest to an expired request.
const EXPIRED: i32 = 150_430;
/// The function's metadata are not found.
const FUNCTION_GONE: i32 = 4024;

impl Terms {
    /// A function's URN as it was asked for; without a version it means the latest.
    pub(crate) fn urn(&self, target: &Target) -> FunctionUrn {
        let Target { package, name, qualifier } = target.clone();
        let qualifier = qualifier.unwrap_or_else(|| Qualifier::Version(LATEST.to_owned()));
        let (region, project_id) = (self.region.clone(), self.project_id.clone());
        FunctionUrn { region, project_id, package, name, qualifier: Some(qualifier) }
    }

    pub(super) fn target(&self, urn: &str) -> Outcome<Target> {
        Target::of_project(&self.region, &self.project_id, urn)
    }
}

/// Ids that grow with time: those that come together are kept together, in few pages of the index.
pub(crate) fn new_request_id() -> String {
    uuid::Uuid::now_v7().to_string()
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
    let Request { id, target, body, cause } = request;
    if body.len() > ASYNC_EVENT_BYTES {
        return Err(Failure::too_large("FSS.0413", invocation::too_large(body.len())));
    }
    let function = resolve(connection, target, id)?;
    refuse_disabled(&function)?;
    let policy = async_policy::governing(connection, &function, target.qualifier.as_ref())?;
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
        function_urn: terms.urn(target).to_string(),
        destinations: destination_config.unwrap_or_default(),
        recorded: enable_async_status_log.unwrap_or_default(),
        accepted: now,
        life: Life::accepted(retries, validity, now),
        ended: None,
        error_code: 0,
        error_message: String::new(),
        hops: cause.map_or(0, |cause| cause.hops + 1),
        parent: cause.map(|cause| cause.invocation),
    };
    invocation::insert(connection, &invocation, body)?;
    Ok(())
}

/// Keeps what an attempt came to, and what follows from it.
pub(crate) fn end_attempt(
    connection: &Connection,
    terms: &Terms,
    (run, ended): (&Run, &Ended),
    now: i64,
) -> Outcome<()> {
    let logged = part(connection, || log::append(connection, run.function_id, &run.request_id, now, &ended.log));
    // The end is worth more than its log.
    logged.or_else(|failure| if failure.is_unreadable() { Ok(()) } else { Err(failure) })?;
    let event = match &ended.result {
        Err(fault) if fault.is_not_started() => Event::NotStarted { attempt: run.attempt },
        result => Event::AttemptEnded { attempt: run.attempt, succeeded: result.is_ok() },
    };
    let advanced = damage::work_on(connection, terms, (run.invocation, now), |invocation| {
        advance(connection, terms, invocation, (event, Some(&ended.result)), now)
    });
    advanced.map(drop)
}

/// Ends attempts that a former server began: they failed when it ended. Answers whether there may be more of them.
pub(crate) fn recover(connection: &Connection, terms: &Terms, now: i64) -> Outcome<bool> {
    let died = Err(Fault::died("the server ended while this attempt ran"));
    let running = queue::running(connection, WINDOW)?;
    for id in &running {
        let recovered = damage::work_on(connection, terms, (*id, now), |invocation| {
            let event = Event::AttemptEnded { attempt: invocation.life.attempts, succeeded: false };
            advance(connection, terms, invocation, (event, Some(&died)), now)
        });
        if let Err(failure) = recovered {
            // Whatever it is about this one, it keeps no server from starting.
            let reason = format!("the server ended while an attempt ran, and then: {}", failure.message);
            damage::abandon(connection, terms, (*id, &reason), now)?;
        }
    }
    Ok(!running.is_empty())
}

/// Ends an invocation of a function; answers whether a run has to be ended for it. None: there is none that could be.
pub(crate) fn cancel(connection: &Connection, terms: &Terms, wanted: (i64, &str), now: i64) -> Outcome<Option<bool>> {
    let (function_id, request_id) = wanted;
    let Some(id) = invocation::id_of(connection, request_id)? else { return Ok(None) };
    let canceled = damage::work_on(connection, terms, (id, now), |found| {
        if found.function_id != function_id || found.ended.is_some() {
            return Ok(None);
        }
        let (_, effect) = advance(connection, terms, found, (Event::Cancel, None), now)?;
        Ok(Some(effect == Effect::Stop))
    });
    canceled.map(Option::flatten)
}

pub(super) type RunResult = Result<Payload, Fault>;

/// Tells `lifecycle` of an event, and writes what it decides.
pub(super) fn advance(
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
    match (event, result) {
        (Event::NotStarted { attempt }, _) => attempt::forget(connection, invocation.id, attempt)?,
        (_, Some(result)) => attempt::end(connection, invocation.id, life.attempts, &attempt_of(result, now))?,
        (_, None) => {}
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
pub(super) fn finish(
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
    notify::owe(connection, terms, (invocation, destination), &notification, now)
}

/// Why it ended, where no run says so.
fn own_fault(connection: &Connection, invocation: &Invocation, end: End) -> Outcome<Fault> {
    match end {
        End::Canceled => Ok(Fault::canceled()),
        End::Succeeded | End::Failed => Ok(Fault::died("the attempt ended without a result")),
        End::Expired => {
            let seconds = (invocation.life.expires - invocation.accepted) / 1000;
            let last = attempt::list(connection, invocation.id)?.pop();
            let last = last.map_or_else(
                || "before an attempt could start".to_owned(),
                |last| format!("before another attempt could start; the last one failed: {}", last.error_message),
            );
            let message = format!("the request expired {seconds} s after it was accepted, {last}");
            Ok(Fault::new(EXPIRED, "InvocationExpired", message))
        }
    }
}

/// How an attempt ends whose function is no longer there.
pub(crate) fn gone(reason: &str) -> Fault {
    Fault::new(FUNCTION_GONE, "FunctionNotFound", reason)
}
