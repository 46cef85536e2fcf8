//! A function's log: its content, and the names with which it was configured, because there is no log service here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::rules::quota;
use crate::wire::invocation::{LogLine, LogPage};
use crate::wire::log::LogDetail;

use super::super::clock::precise;
use super::super::failure::{Failure, Outcome};
use super::super::store::log::{self, RunLog};
use super::super::store::lts_log;
use super::page::{Page, PageQuery, to_unsigned};
use super::target::Target;
use super::{Answer, Service};

/// The number of runs, not lines.
const PAGE: quota::Page = quota::Page { default: 100, most: 1000 };

pub(super) async fn detail(State(service): State<Arc<Service>>, target: Target) -> Answer<LogDetail> {
    let function = service.core.store.run(move |store| target.resolve(store)).await?;
    let told = function.settings.get("log_config").cloned();
    Ok(Json(told.and_then(|told| serde_json::from_value(told).ok()).unwrap_or_default()))
}

/// The server always keeps logs. Like the service, it accepts enabling the project's only once.
pub(super) async fn enable(State(service): State<Arc<Service>>) -> Outcome<StatusCode> {
    if service.core.store.run(lts_log::enable).await? {
        return Ok(StatusCode::OK);
    }
    Err(Failure::refused("FSS.1221", "LTS logs are already enabled"))
}

/// Complete runs after the cursor. The service keeps logs elsewhere and does not have this call.
pub(super) async fn page(State(service): State<Arc<Service>>, target: Target, query: PageQuery) -> Answer<LogPage> {
    let Page { offset: cursor, limit } = Page::parse(query.cursor.as_deref(), query.limit.as_deref(), PAGE)?;
    let read =
        move |store: &rusqlite::Connection| -> Outcome<_> { Ok(log::after(store, target.id(store)?, cursor, limit)?) };
    let runs = service.core.store.run_unflushed(read).await?;
    let cursor = runs.last().map_or(cursor, |run| run.position);
    Ok(Json(LogPage { lines: runs.iter().flat_map(lines).collect(), cursor: to_unsigned(cursor) }))
}

fn lines(run: &RunLog) -> impl Iterator<Item = LogLine> {
    let RunLog { position: _, request_id, time, text } = run;
    let time = precise(*time);
    text.lines().map(move |text| LogLine { request_id: request_id.clone(), time: time.clone(), text: text.to_owned() })
}
