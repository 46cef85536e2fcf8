//! Versions, aliases and triggers of a function. None can be made yet; clients read them with every function.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::wire::urn::LATEST;

use super::super::failure::Failure;
use super::super::store::async_policy::{self, Policy};
use super::super::store::function::Function;
use super::page::{Page, PageQuery, Size};
use super::target::Target;
use super::{Answer, Service, async_policy as routes, function};

const PAGE: Size = Size { default: 400, most: 400 };

/// The one version that there is, on one page: the service does not page this list either.
pub(super) async fn list(State(service): State<Arc<Service>>, target: Target, query: PageQuery) -> Answer<Value> {
    Page::parse(query.marker.as_deref(), query.maxitems.as_deref(), PAGE)?;
    let read = move |store: &Connection| {
        let function = target.function(store)?;
        let policy = async_policy::find(store, function.id, LATEST)?;
        Ok((function, policy))
    };
    let (function, policy) = service.store.run(read).await?;
    let version = version(&service, &function, policy)?;
    Ok(Json(json!({ "versions": [version], "next_marker": 1, "count": 1 })))
}

/// A bare array, as the service answers.
pub(super) async fn aliases(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<Value>> {
    service.store.run(move |store| target.function(store)).await?;
    Ok(Json(Vec::new()))
}

/// A bare array, as the service answers.
pub(super) async fn triggers(State(service): State<Arc<Service>>, target: Target) -> Answer<Vec<Value>> {
    service.store.run(move |store| target.latest(store)).await?;
    Ok(Json(Vec::new()))
}

fn version(service: &Service, function: &Function, policy: Option<Policy>) -> Result<Map<String, Value>, Failure> {
    let mut version = function::listed(service, function);
    let strategy = function.settings.get("strategy_config").cloned().unwrap_or_else(function::strategy);
    for name in ["concurrency", "concurrent_num"] {
        version.insert(name.to_owned(), strategy.get(name).cloned().unwrap_or_default());
    }
    version.insert("version_description".to_owned(), "".into());
    if let Some(policy) = policy {
        let policy = routes::record(service, function, policy);
        version.insert("function_async_config".to_owned(), serde_json::to_value(policy).map_err(Failure::internal)?);
    }
    Ok(version)
}
