//! Triggers of a function: there are none here, but clients read them with every function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::Value;

use super::target::Target;
use super::{Answer, Service};

/// A bare array, as the service answers.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<Value>> {
    service.core.store.run(move |store| target.resolve(store)).await?;
    Ok(Json(Vec::new()))
}
