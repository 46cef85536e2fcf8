//! Triggers of a function: there are none, but clients read them with every function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::target::Target;
use super::{Answer, Service};

/// A bare array, like the service's answer.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<Value>> {
    service.core.store.run(move |store| target.resolve(store)).await?;
    Ok(Json(Vec::new()))
}
