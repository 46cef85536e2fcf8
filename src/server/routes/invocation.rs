//! Runs functions synchronously or asynchronously, lists asynchronous invocations, and cancels them.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rusqlite::Connection;

use crate::rules::quota;
use crate::wire::invocation::{
    Accepted, Cancel, ERROR_CODE_HEADER, Envelope, INVOCATION_ID_HEADER, LOG_HEADER, LOG_TYPE_HEADER, Record,
    RecordList, SUMMARY_HEADER, Status, Summary, VERSION_HEADER, VERSION_JSON, VERSION_TEXT,
};

use super::super::acceptance::{self, AsyncRequest};
use super::super::body::{self, JsonBody};
use super::super::clock::zoneless;
use super::super::completion::{self, Canceled};
use super::super::deployment::deployment;
use super::super::failure::{Failure, Outcome};
use super::super::refusal::{CALLED_FUNCTION_MISSING, FUNCTION_MISSING, Refusal, TOO_LARGE, TOO_MANY_REQUESTS};
use super::super::runner::attempt_entry;
use super::super::runtime::{Call, Ended, Fault, Kind, Payload};
use super::super::store::invocation::{self, Invocation, Query};
use super::super::store::log::{self, NewLog};
use super::super::transaction::Transaction;
use super::page::{Page, PageQuery};
use super::target::Target;
use super::{Answer, Service};

/// The size of the log in a synchronous answer, in bytes.
const LOG_TAIL: usize = 4 * 1024;
/// How long a synchronous run waits if its function has reached its limit of concurrent runs.
const PATIENCE: Duration = Duration::from_mins(1);
/// The default time range of a list in milliseconds.
const WINDOW: i64 = 3600 * 1000;
/// The maximum number of request ids in a query.
const MOST_REQUESTS: usize = 10;

const VERSION_ANSWER_HEADER: &str = "x-cff-response-version";
const BILLING_HEADER: &str = "x-cff-billing-duration";
const IS_ERROR_HEADER: &str = "x-is-func-err";

/// Answers when the request is on disk.
pub(super) async fn accept(
    State(service): State<Arc<Service>>,
    target: Target,
    body: Body,
) -> Outcome<(StatusCode, Json<Accepted>)> {
    let body = bounded(body, quota::ASYNC_EVENT_BYTES).await?.to_vec();
    let request_id = service.core.context.ids.new_request_id(service.core.now());
    let request = AsyncRequest { id: request_id.clone(), target, body, cause: None };
    let accept = move |transaction: Transaction<'_>| acceptance::accept(transaction, &request);
    service.core.transact(accept).await.map_err(as_invocation)?;
    service.dispatcher.look();
    Ok((StatusCode::ACCEPTED, Json(Accepted { request_id })))
}

/// Answers with the result.
pub(super) async fn run(
    State(service): State<Arc<Service>>,
    target: Target,
    headers: HeaderMap,
    body: Body,
) -> Outcome<Response> {
    let event = bounded(body, quota::SYNC_EVENT_BYTES).await?;
    let version = version(&headers)?;
    let with_log = header(&headers, LOG_TYPE_HEADER).is_some_and(|kind| kind.eq_ignore_ascii_case("tail"));
    let urn = service.identity().urn(&target);
    let request_id = service.new_id();
    let id = request_id.clone();
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve_for(store, &id)?;
        acceptance::refuse_disabled(&function)?;
        Ok(function)
    };
    let function = service.core.store.run(read).await.map_err(as_invocation)?;
    let permit = tokio::select! {
        permit = service.dispatcher.enter(function.id, acceptance::concurrency(&function)) => permit?,
        _ = service.core.clock.sleep(PATIENCE) => return Err(busy()),
    };
    let deployment = Arc::new(deployment(&function, &urn)?);
    let canceled = service.shutdown.runs.child_token();
    let call = Call { request_id: request_id.clone(), event, kind: Kind::Sync, canceled };
    let ended = service.core.run(function.id, Arc::clone(&deployment), call).await;
    drop(permit);
    service.core.journal.note(|| attempt_entry(&request_id, None, &deployment, &ended));
    let (now, id, text) = (service.core.now(), request_id.clone(), ended.log.clone());
    // A failure to store the log must not lose the result.
    let append =
        move |store: &Connection| log::append(store, function.id, NewLog { request_id: &id, time: now, text: &text });
    let _ = service.core.store.run_unflushed(append).await;
    Ok(answer(&request_id, ended, &AnswerFormat { version, with_log, memory: deployment.memory }))
}

/// Lists invocations whose policy records them.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target, query: PageQuery) -> Answer<RecordList> {
    let statuses = query.status.as_deref().filter(|status| !status.is_empty()).map(status).transpose()?;
    let request_ids = query.request_id.clone().filter(|id| !id.is_empty());
    let now = service.core.now();
    let begin = moment("query_begin_time", query.query_begin_time.as_deref())?.unwrap_or(now - WINDOW);
    let end = moment("query_end_time", query.query_end_time.as_deref())?.map_or(now, |second| second + 999);
    let wanted = Query {
        accepted: (begin, end),
        only_recorded: true,
        request_ids: request_ids.into_iter().collect(),
        statuses: statuses.into_iter().collect(),
        ..Query::default()
    };
    page(&service, target, &query, wanted).await
}

/// Lists all invocations that have not ended.
pub(super) async fn list_active(
    State(service): State<Arc<Service>>,
    target: Target,
    query: PageQuery,
) -> Answer<RecordList> {
    let requests = query.requests.clone().unwrap_or_default();
    let request_ids: Vec<String> =
        requests.split(',').map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if request_ids.len() > MOST_REQUESTS {
        return Err(Failure::refused("FSS.1001", format!("requests names more than {MOST_REQUESTS} requests")));
    }
    let statuses = match query.status.as_deref().filter(|status| !status.is_empty()) {
        None => vec![Status::Wait, Status::Running],
        Some(text) => vec![status(text)?],
    };
    let wanted = Query { accepted: (i64::MIN, i64::MAX), request_ids, statuses, ..Query::default() };
    page(&service, target, &query, wanted).await
}

/// Cancels an invocation that has not ended: a waiting one at once, a running one by stopping its run.
pub(super) async fn cancel(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<Cancel>,
) -> Outcome<StatusCode> {
    let Cancel { request_id, kind } = body;
    if kind.as_deref().is_some_and(|kind| !kind.is_empty() && kind != "force") {
        return Err(Failure::parameter("type must be force"));
    }
    let wanted = request_id.clone();
    let cancel = move |transaction: Transaction<'_>| -> Outcome<_> {
        let function = target.function(transaction.store)?;
        Ok(completion::cancel(transaction, function.id, &wanted)?)
    };
    match service.core.transact(cancel).await.map_err(as_invocation)? {
        Canceled::Nothing => return Err(Failure::parameter("Invalid RequestId")),
        Canceled::Running => service.dispatcher.stop(request_id).await,
        Canceled::Waiting => {}
    }
    // Its end may have a pending notification, or have become another function's request.
    service.courier.ring();
    service.dispatcher.look();
    Ok(StatusCode::OK)
}

async fn page(service: &Service, target: Target, query: &PageQuery, wanted: Query) -> Answer<RecordList> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), quota::INVOCATION_PAGE)?;
    let read = move |store: &Connection| -> Outcome<_> {
        let function_id = target.id(store)?;
        Ok(invocation::list(store, &Query { function_id, offset: page.offset, limit: page.limit, ..wanted })?)
    };
    let (invocations, count) = service.core.store.run_unflushed(read).await.map_err(as_invocation)?;
    let next = page.offset.saturating_add(i64::try_from(invocations.len()).unwrap_or(i64::MAX));
    let next_marker = if next < count { next } else { 0 };
    Ok(Json(RecordList { invocations: invocations.into_iter().map(record).collect(), count, next_marker }))
}

fn record(invocation: Invocation) -> Record {
    let status = invocation.status();
    let Invocation { request_id, accepted, ended, error_code, error_message, .. } = invocation;
    Record {
        request_id,
        status,
        error_code: error_code.into(),
        error_message,
        start_time: Some(zoneless(accepted)),
        end_time: ended.map(zoneless),
    }
}

/// The format of a synchronous answer.
struct AnswerFormat {
    version: &'static str,
    with_log: bool,
    /// MB.
    memory: u32,
}

fn answer(request_id: &str, ended: Ended, format: &AnswerFormat) -> Response {
    let Ended { result, duration, memory_used, log } = ended;
    let (code, content_type, result) = match result {
        Ok(Payload { body, is_json }) => (0, if is_json { "application/json" } else { "text/plain" }, body),
        Err(Fault { code, message: _, payload }) => (code, "application/json", payload.into_bytes()),
    };
    let status = if code == 0 { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    let tail = if format.with_log { log::end_of(&log, LOG_TAIL) } else { "" };
    let duration = duration.as_secs_f64() * 1000.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the duration of a run is small and not negative"
    )]
    let billing_duration = duration.ceil() as u64;
    let summary = Summary { duration, billing_duration, memory_size: format.memory.into(), memory_used };
    let mut response = if format.version == VERSION_JSON {
        let result = String::from_utf8_lossy(&result).into_owned();
        let envelope =
            Envelope { request_id: request_id.to_owned(), result, log: tail.to_owned(), status: status.as_u16() };
        (status, Json(envelope)).into_response()
    } else {
        (status, [(CONTENT_TYPE, content_type)], result).into_response()
    };
    let texts = [
        (INVOCATION_ID_HEADER, request_id.to_owned()),
        (SUMMARY_HEADER, serde_json::to_string(&summary).unwrap_or_default()),
        (BILLING_HEADER, billing_duration.to_string()),
        (VERSION_ANSWER_HEADER, format.version.to_owned()),
        (ERROR_CODE_HEADER, code.to_string()),
        (IS_ERROR_HEADER, (code != 0).to_string()),
    ];
    let log = format.with_log.then(|| (LOG_HEADER, STANDARD.encode(tail)));
    for (name, text) in texts.into_iter().chain(log) {
        if let Ok(value) = HeaderValue::from_str(&text) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn version(headers: &HeaderMap) -> Outcome<&'static str> {
    match header(headers, VERSION_HEADER) {
        None | Some("" | VERSION_TEXT) => Ok(VERSION_TEXT),
        Some(VERSION_JSON) => Ok(VERSION_JSON),
        Some(_) => Err(Failure::parameter("X-Cff-Request-Version must be v0 or v1")),
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn bounded(body: Body, most: usize) -> Outcome<Bytes> {
    let body = body::read(body).await?;
    if body.len() > most {
        return Err(Failure::refused(TOO_LARGE, format!("the request body exceeds {most} bytes")));
    }
    Ok(body)
}

/// Calls that run functions have their own code for a missing function.
fn as_invocation(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(refusal) if refusal.code == FUNCTION_MISSING => {
            Refusal { code: CALLED_FUNCTION_MISSING, ..refusal }.into()
        }
        failure => failure,
    }
}

fn busy() -> Failure {
    Failure::refused(TOO_MANY_REQUESTS, "the function has reached its limit of concurrent runs")
}

fn status(text: &str) -> Outcome<Status> {
    let status = serde_json::from_value(text.into());
    status.map_err(|_| Failure::refused("FSS.1001", "status must be WAIT, RUNNING, SUCCESS, FAIL or DISCARD"))
}

/// Parses a UTC time without a zone into milliseconds since 1970.
fn moment(name: &str, text: Option<&str>) -> Outcome<Option<i64>> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let moment = jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%z", format!("{text}+0000"));
    let moment = moment.map_err(|_| Failure::refused("FSS.1001", format!("{name} must be YYYY-MM-DDTHH:mm:ss in UTC")));
    moment.map(|moment| Some(moment.as_millisecond()))
}
