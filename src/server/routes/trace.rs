//! The complete record of an asynchronous invocation, which the service does not offer.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use rusqlite::Connection;

use crate::wire::async_policy::Destination;
use crate::wire::invocation::{self as wire, Attempt, Delivery, RunError, Trace};

use super::super::clock::precise;
use super::super::failure::{Failure, Outcome};
use super::super::lifecycle::State as LifeState;
use super::super::notify;
use super::super::store::attempt;
use super::super::store::invocation::{self, Invocation};
use super::super::store::notification::{self, Notification, Progress, Receipt};
use super::super::store::triggered::{self, Start, Triggered};
use super::{Answer, Service};

pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path((_, request_id)): Path<(String, String)>,
) -> Answer<Trace> {
    Ok(Json(service.core.store.run_unflushed(move |store| trace(store, &request_id)).await?))
}

fn trace(store: &Connection, request_id: &str) -> Outcome<Trace> {
    let missing = || Failure::refused("FSS.0404", format!("there is no invocation {request_id}"));
    let id = invocation::id_of(store, request_id)?.ok_or_else(missing)?;
    let invocation = invocation::get_lenient(store, id)?.ok_or_else(missing)?;
    let attempts = attempt::list(store, invocation.id)?;
    let notification = notification::find(store, invocation.id)?;
    let triggered = triggered::list(store, invocation.id)?;
    let status = invocation.status();
    let Invocation { request_id, function_urn, accepted, life, ended, error_code, error_message, .. } = invocation;
    let next_attempt = match life.state {
        LifeState::Waiting { due } => Some(precise(due)),
        LifeState::Running | LifeState::Stopping | LifeState::Ended(_) => None,
    };
    Ok(Trace {
        request_id,
        function_urn,
        status,
        accepted: precise(accepted),
        expires: precise(life.expires),
        attempts: attempts.into_iter().map(attempt_record).collect(),
        next_attempt,
        ended: ended.map(precise),
        error: error(error_code, error_message),
        notification: notification.map(|notification| delivery(notification, triggered)),
    })
}

fn attempt_record(attempt: attempt::Attempt) -> Attempt {
    let attempt::Attempt { started, ended, error_code, error_message } = attempt;
    Attempt { started: precise(started), ended: ended.map(precise), error: error(error_code, error_message) }
}

fn error(code: i32, message: String) -> Option<RunError> {
    (code != 0).then(|| RunError { code: code.into(), message })
}

fn triggered_record(triggered: Triggered) -> wire::Triggered {
    let Triggered { code: trigger_type_code, function_urn, start } = triggered;
    let (request_id, error) = match start {
        Start::Accepted(request_id) => (Some(request_id), None),
        Start::Refused(reason) => (None, Some(reason)),
    };
    wire::Triggered { trigger_type_code, function_urn, request_id, error }
}

fn delivery(notification: Notification, triggered: Vec<Triggered>) -> Delivery {
    let Notification { invocation_id: _, destination, created: _, tries, last_error, progress } = notification;
    let target = notify::target_name(&destination);
    let Destination { destination, param: _ } = destination;
    let given_up = matches!(progress, Progress::GivenUp);
    let (delivered, location, request_id) = match progress {
        Progress::Owed { .. } | Progress::GivenUp => (false, None, None),
        Progress::Delivered(Receipt::Invocation { request_id }) => (true, None, Some(request_id)),
        Progress::Delivered(Receipt::Stored { location }) => (true, Some(location), None),
    };
    let triggered = triggered.into_iter().map(triggered_record).collect();
    Delivery { destination, target, delivered, given_up, tries, last_error, location, request_id, triggered }
}
