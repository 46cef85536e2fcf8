//! Asynchronous configurations: retries, validity, and targets.
//!
//! Versions and aliases each have their own, which can be changed although published versions cannot.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use rusqlite::Connection;
use serde_json::Map;

use crate::rules::number::{DEFAULT_MAX_RETRIES, DEFAULT_VALIDITY_SECONDS, MAX_RETRIES, Range, VALIDITY_SECONDS};
use crate::rules::quota;
use crate::wire::async_policy::{AsyncConfig, AsyncConfigList, DestinationConfig, PutAsyncConfig};
use crate::wire::routes::Operation;

use super::super::body::JsonBody;
use super::super::clock::timestamp;
use super::super::failure::{Failure, Outcome};
use super::super::store::async_policy::{self, Policy};
use super::super::store::function::Function;
use super::super::store::status_log;
use super::destination;
use super::page::{Page, PageQuery, to_unsigned};
use super::target::Target;
use super::{Answer, Service};

pub(super) async fn show(State(service): State<Arc<Service>>, target: Target) -> Answer<AsyncConfig> {
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let policy = async_policy::find(store, function.id, &target.qualifier())?;
        Ok((policy.ok_or_else(|| missing(&function))?, function))
    };
    let (policy, function) = service.core.store.run(read).await?;
    Ok(Json(record(&service, &function, policy)))
}

/// Replaces the whole configuration: fields that the body leaves out get their default.
pub(super) async fn put(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<PutAsyncConfig>,
) -> Answer<AsyncConfig> {
    let configuration = checked(body)?;
    let now = service.now();
    let write = move |store: &Connection| -> Outcome<_> {
        let (function, qualifier) = (target.resolve(store)?, target.qualifier());
        refuse_unready_log(store, &configuration)?;
        let created = match async_policy::find(store, function.id, &qualifier) {
            // A damaged configuration is replaced too.
            Err(failure) if failure.is_unreadable() => now,
            found => found?.map_or(now, |policy| policy.created),
        };
        let policy = Policy { qualifier, configuration, created, modified: now };
        async_policy::put(store, function.id, &policy)?;
        Ok((policy, function))
    };
    let (policy, function) = service.core.store.run(write).await?;
    Ok(Json(record(&service, &function, policy)))
}

pub(super) async fn remove(State(service): State<Arc<Service>>, target: Target) -> Outcome<StatusCode> {
    let delete = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let was_there = async_policy::delete(store, function.id, &target.qualifier())?;
        if was_there { Ok(()) } else { Err(missing(&function)) }
    };
    service.core.store.run(delete).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The configurations of all versions and aliases of a function.
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    target: Target,
    query: PageQuery,
) -> Answer<AsyncConfigList> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), quota::ASYNC_CONFIG_PAGE)?;
    let read = move |store: &Connection| -> Outcome<_> {
        let function = target.function(store)?;
        let policies = async_policy::list(store, function.id, page.offset, page.limit)?;
        Ok((policies, function))
    };
    let ((policies, count), function) = service.core.store.run(read).await?;
    let page_info = page.info(policies.len());
    let async_invoke_configs = policies.into_iter().map(|policy| record(&service, &function, policy)).collect();
    Ok(Json(AsyncConfigList { async_invoke_configs, count: to_unsigned(count), page_info }))
}

/// A configuration in the form of every answer. Missing targets are left out, but not the object that contains them.
pub(super) fn record(service: &Service, function: &Function, policy: Policy) -> AsyncConfig {
    let Policy { qualifier, configuration, created, modified } = policy;
    let PutAsyncConfig {
        max_async_event_age_in_seconds,
        max_async_retry_attempts,
        destination_config,
        enable_async_status_log,
        others,
    } = configuration;
    AsyncConfig {
        func_urn: service.urn(&function.package, &function.name, Some(&qualifier)),
        max_async_event_age_in_seconds: max_async_event_age_in_seconds.unwrap_or(DEFAULT_VALIDITY_SECONDS.into()),
        max_async_retry_attempts: max_async_retry_attempts.unwrap_or(DEFAULT_MAX_RETRIES.into()),
        destination_config: Some(destination_config.unwrap_or_default()),
        created_time: Some(timestamp(created)),
        last_modified: Some(timestamp(modified)),
        enable_async_status_log,
        others,
    }
}

fn checked(body: PutAsyncConfig) -> Outcome<PutAsyncConfig> {
    within("max_async_event_age_in_seconds", body.max_async_event_age_in_seconds, VALIDITY_SECONDS)?;
    within("max_async_retry_attempts", body.max_async_retry_attempts, MAX_RETRIES)?;
    let DestinationConfig { on_success, on_failure } = body.destination_config.unwrap_or_default();
    let destinations = DestinationConfig {
        on_success: destination::checked("on_success", on_success)?,
        on_failure: destination::checked("on_failure", on_failure)?,
    };
    Ok(PutAsyncConfig { destination_config: Some(destinations), others: Map::new(), ..body })
}

/// Like the service: a policy can record statuses only if the project has a log for them.
fn refuse_unready_log(store: &Connection, configuration: &PutAsyncConfig) -> Outcome<()> {
    if configuration.enable_async_status_log == Some(true) && status_log::find(store)?.is_none() {
        let message = format!("enable_async_status_log needs {} first", Operation::EnableAsyncStatusLog);
        return Err(Failure::refused("FSS.0500", message));
    }
    Ok(())
}

fn within(name: &str, value: Option<i64>, range: Range) -> Outcome<()> {
    let Range { least, most } = range;
    match value {
        Some(value) if !range.contains(value) => {
            Err(Failure::parameter(format!("{name} must be from {least} to {most}, not {value}")))
        }
        _ => Ok(()),
    }
}

fn missing(function: &Function) -> Failure {
    Failure::refused("FSS.0404", format!("function {} has no asynchronous configuration", function.name))
}
