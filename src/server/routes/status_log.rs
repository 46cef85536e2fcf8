//! Whether the project records statuses of asynchronous invocations. It must be enabled before a policy uses it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use crate::wire::log::LogDetail;

use super::super::failure::Outcome;
use super::super::store::status_log;
use super::{Answer, Service};

/// There is no log service here; the names follow the service's.
pub(super) async fn enable(State(service): State<Arc<Service>>) -> Outcome<StatusCode> {
    let id = || service.new_id();
    let detail = LogDetail {
        group_id: id(),
        group_name: format!("function-async-log-group-{}", service.identity().project_id),
        stream_id: id(),
        stream_name: format!("function-async-log-stream-{}", service.identity().project_id),
    };
    service.core.store.run(move |store| status_log::enable(store, &detail)).await?;
    Ok(StatusCode::OK)
}

pub(super) async fn detail(State(service): State<Arc<Service>>) -> Answer<LogDetail> {
    let detail = service.core.store.run(status_log::find).await?;
    Ok(Json(detail.unwrap_or_default()))
}
