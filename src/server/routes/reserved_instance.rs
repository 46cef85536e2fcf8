//! Reserved instances: the number is stored and returned; workers stay warm here anyway.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use rusqlite::Connection;

use crate::rules::quota;
use crate::wire::reserved_instance::{
    ReservedInstance, ReservedInstanceConfig, ReservedInstanceConfigs, ReservedInstances, UpdateReservedInstances,
};

use super::super::body::JsonBody;
use super::super::failure::{Failure, Outcome};
use super::super::store::reserved_instance::{self, Listed, Query, Reservation};
use super::page::{Page, PageQuery, to_unsigned};
use super::target::Target;
use super::{Answer, Service};

/// The service's range of instances.
const MOST: i64 = 1000;

/// Replaces the reservation of a version or an alias; 0 instances remove it.
pub(super) async fn update(
    State(service): State<Arc<Service>>,
    target: Target,
    JsonBody(body): JsonBody<UpdateReservedInstances>,
) -> Answer<UpdateReservedInstances> {
    let UpdateReservedInstances { count, idle_mode, tactics_config } = body.clone();
    if !(0..=MOST).contains(&count) {
        return Err(Failure::parameter(format!("count must be from 0 to {MOST}, not {count}")));
    }
    let write = move |store: &Connection| -> Outcome<_> {
        let function = target.resolve(store)?;
        let (qualifier, idle_mode) = (target.qualifier(), idle_mode.unwrap_or_default());
        let reservation = Reservation { qualifier, count, idle_mode, tactics: tactics_config };
        Ok(reserved_instance::put(store, function.id, &reservation)?)
    };
    service.core.store.run(write).await?;
    Ok(Json(body))
}

pub(super) async fn list(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<ReservedInstances> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), quota::RESERVED_INSTANCE_PAGE)?;
    let (listed, count) = read(&service, page, query.urn.as_deref()).await?;
    let page_info = page.info(listed.len());
    let reservedinstances = listed.into_iter().map(|listed| instance(&service, listed)).collect();
    Ok(Json(ReservedInstances { reservedinstances, page_info, count: to_unsigned(count) }))
}

pub(super) async fn configs(State(service): State<Arc<Service>>, query: PageQuery) -> Answer<ReservedInstanceConfigs> {
    let page = Page::parse(query.marker.as_deref(), query.limit.as_deref(), quota::RESERVED_INSTANCE_CONFIG_PAGE)?;
    let (listed, count) = read(&service, page, query.function_urn.as_deref()).await?;
    let page_info = page.info(listed.len());
    let reserved_instances = listed.into_iter().map(|listed| config(&service, listed)).collect();
    Ok(Json(ReservedInstanceConfigs { reserved_instances, page_info, count: to_unsigned(count) }))
}

/// A missing function has no reservations. This is not an error, because one client treats any error here as a failed
/// read.
async fn read(service: &Service, page: Page, urn: Option<&str>) -> Outcome<(Vec<Listed>, i64)> {
    let urn = urn.filter(|urn| !urn.is_empty());
    let target = urn.map(|urn| service.identity().target(urn)).transpose()?;
    let qualifier = target.as_ref().filter(|target| target.qualifier.is_some()).map(Target::qualifier);
    let function = target.map(|Target { package, name, qualifier: _ }| (package, name));
    let query = Query { offset: page.offset, limit: page.limit, function, qualifier };
    Ok(service.core.store.run_unflushed(move |store| reserved_instance::list(store, &query)).await?)
}

fn instance(service: &Service, listed: Listed) -> ReservedInstance {
    let Listed { package, name, reservation: Reservation { qualifier, count, idle_mode: _, tactics: _ } } = listed;
    ReservedInstance { func_urn: service.urn(&package, &name, Some(&qualifier)), count }
}

fn config(service: &Service, listed: Listed) -> ReservedInstanceConfig {
    let Listed { package, name, reservation: Reservation { qualifier, count, idle_mode, tactics } } = listed;
    let alias = qualifier.strip_prefix('!');
    ReservedInstanceConfig {
        function_urn: service.urn(&package, &name, Some(&qualifier)),
        qualifier_type: if alias.is_some() { "alias" } else { "version" }.to_owned(),
        qualifier_name: alias.unwrap_or(&qualifier).to_owned(),
        min_count: count,
        idle_mode,
        tactics_config: tactics,
    }
}
