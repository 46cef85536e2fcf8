//! Where a function's log goes: as the function was told, since there is no log service here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use crate::wire::log::LogDetail;

use super::target::Target;
use super::{Answer, Service};

pub(super) async fn detail(State(service): State<Arc<Service>>, target: Target) -> Answer<LogDetail> {
    let function = service.store.run(move |store| target.resolve(store)).await?;
    let told = function.settings.get("log_config").cloned();
    Ok(Json(told.and_then(|told| serde_json::from_value(told).ok()).unwrap_or_default()))
}
